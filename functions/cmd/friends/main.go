// Command friends serves the function friends alone: a Lambda function, or a
// function app of its own. The function notify is beside it and works off what
// friends leaves to do: on Lambda, give the function a schedule too.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/friends"
	"switchboard/functions/notify"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() {
	os.Exit(hosting.Main(app.Builder(friends.Function(), notify.Function(), about.Function())))
}
