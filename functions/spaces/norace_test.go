//go:build !race

package spaces_test

const raceDetector = false
