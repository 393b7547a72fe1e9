package hosting

// What the fuzz tests reach into.
var (
	ReadEvent  = readEvent
	RequestURL = requestURL
)
