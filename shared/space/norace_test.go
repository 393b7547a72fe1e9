//go:build !race

package space_test

const raceDetector = false
