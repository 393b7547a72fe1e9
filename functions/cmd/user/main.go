// Command user serves the function user alone: a Lambda function, or a function
// app of its own.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/user"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(app.Builder(user.Function(), about.Function()))) }
