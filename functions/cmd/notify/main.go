// Command notify serves the function notify alone: a Lambda function, or a function
// app of its own.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/notify"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(app.Builder(notify.Function(), about.Function()))) }
