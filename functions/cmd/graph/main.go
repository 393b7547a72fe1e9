// Command graph serves the function graph alone: a Lambda function, or a function app of
// its own. The function notify is beside it and looks at the meetings that changed: on
// Lambda, give the function a schedule too.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/graph"
	"switchboard/functions/notify"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() {
	os.Exit(hosting.Main(app.Builder(graph.Function(), notify.Function(), about.Function())))
}
