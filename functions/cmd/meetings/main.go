// Command meetings serves the function meetings alone: a Lambda function, or a
// function app of its own. The functions notify and upkeep are beside it and work off
// what meetings leaves to do: on Lambda, give each of them a schedule and its name as the
// Handler setting, too. Where Graph is to tell of changes, the function graph is deployed
// besides.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/meetings"
	"switchboard/functions/notify"
	"switchboard/functions/upkeep"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() {
	os.Exit(hosting.Main(app.Builder(meetings.Function(), notify.Function(), upkeep.Function(), about.Function())))
}
