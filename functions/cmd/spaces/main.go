// Command spaces serves the function spaces alone: a Lambda function, or a
// function app of its own. The function notify is beside it and works off what
// spaces leaves to do: on Lambda, give the function a schedule too.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/notify"
	"switchboard/functions/spaces"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() {
	os.Exit(hosting.Main(app.Builder(spaces.Function(), notify.Function(), about.Function())))
}
