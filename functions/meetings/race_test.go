//go:build race

package meetings_test

const raceDetector = true
