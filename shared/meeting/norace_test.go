//go:build !race

package meeting_test

const raceDetector = 0
