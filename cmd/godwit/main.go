// Command godwit calls other people's HTTP APIs dependably from a shell.
package main

import (
	"os"

	"github.com/godwit-go/godwit/cmd/internal/cli"
)

func main() { os.Exit(cli.Main()) }
