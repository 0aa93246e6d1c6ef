// Tare learns the scale of sensor streams from their training stretch, freezes
// what it learned into one file, and normalizes records with it ever after.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
