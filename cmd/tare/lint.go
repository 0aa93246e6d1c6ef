package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/fit"
	"tare/frozen"
)

func (a *app) lint() *cobra.Command {
	return &cobra.Command{
		Use:   "lint CONFIG...",
		Short: "Say everything that is wrong with a configuration",
		Long: `lint reads configurations and prints all that is wrong at once, each problem as
file:line:col: message, and for a sound one what a series will cost in memory
and in the artifact.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.runLint(args) },
	}
}

func (a *app) runLint(paths []string) error {
	var all config.Problems
	for _, path := range paths {
		c, err := load(path)
		if problems, ok := errors.AsType[*config.Problems](err); ok {
			all = append(all, *problems...)
			continue
		}
		if err != nil {
			return err
		}
		for _, w := range c.Warnings() {
			a.say("warning: %v", w)
		}
		if c.Inverse {
			fmt.Fprintf(a.stdout, "%s: ok; records are taken back with %s\n", path, artifactPath(c))
			continue
		}
		plan := planOf(c)
		if err := plan.Validate(); err != nil {
			all = append(all, config.Problem{File: path, Line: 1, Col: 1, Message: err.Error()})
			continue
		}
		state, artifact := fit.BytesPerSeries(plan)
		fmt.Fprintf(a.stdout, "%s: ok; a series takes about %s while learning, %s in the artifact", path, bytesText(state), bytesText(artifact))
		if state, artifact := bytesShared(plan); state > 0 {
			fmt.Fprintf(a.stdout, "; what all share %s and %s", bytesText(state), bytesText(artifact))
		}
		fmt.Fprintln(a.stdout)
	}
	if len(all) > 0 {
		return &all
	}
	return nil
}

// bytesShared estimates what the statistics take that all series share: as much
// as those of one series. Labels, which take what they need, are left out.
func bytesShared(plan *fit.Plan) (state, artifact int) {
	var one fit.Plan
	for _, f := range plan.Features {
		if f.Scope == frozen.ScopeGlobal && f.Encoding == nil {
			f.Scope = ""
			one.Features = append(one.Features, f)
		}
	}
	for _, g := range plan.Whiten {
		if g.Shared() {
			g.Scope = ""
			one.Whiten = append(one.Whiten, g)
		}
	}
	state, artifact = fit.BytesPerSeries(&one)
	name, nameInArtifact := fit.BytesPerSeries(new(fit.Plan))
	return state - name, artifact - nameInArtifact
}

// bytesText writes a size with the unit that keeps it short.
func bytesText(n int) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
