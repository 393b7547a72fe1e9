// Command user serves the function user alone: a Lambda function, or a function
// app of its own. The function notify is beside it and does what others are owed when
// a calling identity or a profile changes.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/notify"
	"switchboard/functions/user"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(app.Builder(user.Function(), notify.Function(), about.Function()))) }
