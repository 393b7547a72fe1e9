// Command identities serves the function identities alone: a Lambda function, or a
// function app of its own. The function notify is beside it, as it is beside every other
// in a function app.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/identities"
	"switchboard/functions/notify"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() {
	os.Exit(hosting.Main(app.Builder(identities.Function(), notify.Function(), about.Function())))
}
