// Package examples holds whole configurations. Each is a preset of tare init: its
// name is the file's, and the line below the one for editors says what it is for.
package examples

import "embed"

// Files are the configurations, NAME.yaml each.
//
//go:embed *.yaml
var Files embed.FS
