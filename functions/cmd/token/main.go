// Command token serves the function token alone: a Lambda function, or a function
// app of its own.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/token"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(app.Builder(token.Function(), about.Function()))) }
