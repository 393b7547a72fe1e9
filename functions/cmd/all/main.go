// Command all serves every function in one process: the handler of an Azure
// function app, one Lambda function for everything, or a plain HTTP server.
package main

import (
	"os"

	"switchboard/functions"
	"switchboard/shared/app"
	"switchboard/shared/hosting"
)

func main() { os.Exit(hosting.Main(app.Builder(functions.All()...))) }
