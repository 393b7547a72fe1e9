package hosting

import "runtime/debug"

// How the collector is set: see Tune.
const (
	gcPercent   = 400
	memoryLimit = 96 << 20 // bytes, below the smallest Lambda function's 128 MB
)

// Tune sets the garbage collector for a service like this, whose live heap is a
// few megabytes: at Go's default it would be collected every hundred requests,
// which costs a third of what a request costs. A soft limit keeps the heap small
// should the caches fill; raise it where many large requests are served at once.
// GOGC and GOMEMLIMIT, where they are set, decide.
func Tune(env func(string) string) {
	if env("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
