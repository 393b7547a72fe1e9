// Command upkeep serves the function upkeep alone: a Lambda function with a schedule, or a
// function app of its own.
package main

import (
	"os"

	"switchboard/functions/about"
	"switchboard/functions/upkeep"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(app.Builder(upkeep.Function(), about.Function()))) }
