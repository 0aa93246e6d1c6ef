package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/store"
)

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file",
		Long: `schema prints a draft-07 JSON Schema, for editors and checkers. An editor with
the YAML language server reads it from a first line such as

  # yaml-language-server: $schema=tare.schema.json`,
		Example: "  tare schema > tare.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(config.Schema())
			return err
		},
	}
}

func (a *app) version() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of tare and of what it writes",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.printVersion(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *app) printVersion(asJSON bool) error {
	v := struct {
		Version        string           `json:"version"`
		Revision       string           `json:"revision,omitempty"`
		Go             string           `json:"go"`
		Platform       string           `json:"platform"`
		ArtifactFormat int              `json:"artifact_format"`
		Algorithms     store.Algorithms `json:"algorithms"`
	}{"devel", "", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, store.Format, store.CurrentAlgorithms()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	if asJSON {
		return a.printJSON(v)
	}
	fmt.Fprintf(a.stdout, "tare %s (%s, %s), artifact format %d\n", strings.TrimSpace(v.Version+" "+v.Revision), v.Go, v.Platform, v.ArtifactFormat)
	return nil
}

// printJSON writes v to standard output, indented.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
