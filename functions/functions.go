// Package functions is the table of all functions. What each of them is stands
// in its own folder.
package functions

import (
	"switchboard/functions/about"
	"switchboard/functions/friends"
	"switchboard/functions/graph"
	"switchboard/functions/identities"
	"switchboard/functions/meetings"
	"switchboard/functions/notify"
	"switchboard/functions/spaces"
	"switchboard/functions/token"
	"switchboard/functions/upkeep"
	"switchboard/functions/user"
	"switchboard/shared/function"
)

// All returns every function, in the order of the documentation.
func All() []function.Function {
	return []function.Function{
		token.Function(),
		user.Function(),
		identities.Function(),
		friends.Function(),
		spaces.Function(),
		meetings.Function(),
		graph.Function(),
		notify.Function(),
		upkeep.Function(),
		about.Function(),
	}
}
