// Command identities serves the function identities alone: a Lambda function, or a function
// app of its own.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/identities"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(app.Builder(identities.Function(), about.Function()))) }
