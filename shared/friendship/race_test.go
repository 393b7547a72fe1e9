//go:build race

package friendship_test

const raceDetector = true
