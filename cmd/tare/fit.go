package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/fit"
	"tare/frozen"
	"tare/store"
	"tare/stream"
)

func (a *app) fit() *cobra.Command {
	var o fitOptions
	cmd := &cobra.Command{
		Use:   "fit [FILE...]",
		Short: "Learn from the training stretch and freeze it into an artifact",
		Long: `fit reads records, learns from those of the training stretch, and writes the
artifact, a file that transform, inverse and the Python reader need and nothing
else. Beside it lies the companion, *.sketches.npz, with the mergeable state.

FILE arguments replace the configuration's source; - is standard input; names
ending in .gz and .zst are decompressed; of a topic, what it holds now is read.

Without -c the numeric fields of the first records are taken, each with the
scaler standard, and the configuration that this amounts to is printed; without
--cutoff all records are training.`,
		Example: `  tare fit -c plant.yaml -o plant.npz train.jsonl
  tare fit train.jsonl --series sensor --time ts --cutoff 2026-03-01 -o plant.npz`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runFit(cmd.Context(), &o, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.config, "config", "c", "", "configuration file")
	flags.StringVarP(&o.out, "output", "o", "", "artifact to write (default PIPELINE-REVISION.npz)")
	flags.BoolVar(&o.force, "force", false, "replace an artifact with other numbers")
	flags.BoolVar(&o.noSketches, "no-sketches", false, "leave out the companion")
	flags.StringVar(&o.guess.series, "series", "", "without -c: the field, or comma-separated fields, that name the series")
	flags.StringVar(&o.guess.time, "time", "", "without -c: the field of the event time")
	flags.StringVar(&o.guess.cutoff, "cutoff", "", "without -c: the end of training, RFC 3339 or a date (needs --time)")
	flags.StringVar(&o.guess.format, "format", "", "without -c: json or csv (default: by the file's name)")
	return cmd
}

type fitOptions struct {
	config     string
	out        string
	force      bool
	noSketches bool
	guess      guess
}

func (a *app) runFit(ctx context.Context, o *fitOptions, args []string) error {
	c, err := a.configFor(o, &args)
	if err != nil {
		return err
	}
	path := o.out
	if path == "" {
		path = artifactName(c)
	}
	if c.Source.Kafka != nil && len(args) == 0 {
		return a.fitTopic(ctx, c, path, o)
	}
	source, err := a.sourceOf(c, args)
	if err != nil {
		return err
	}
	if err := errors.Join(spares(path, source.Paths()...), spares(store.CompanionPath(path), source.Paths()...)); err != nil {
		return err
	}
	_, _, err = a.learn(ctx, c, source, path, identityOf(c), learnOptions{force: o.force, sketches: !o.noSketches, report: true})
	return advise(err, "--force replaces it")
}

// fitTopic learns from what a topic holds now.
func (a *app) fitTopic(ctx context.Context, c *config.Config, path string, o *fitOptions) error {
	source, done, err := a.openTopic(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	_, _, err = a.learn(ctx, c, source, path, identityOf(c), learnOptions{force: o.force, sketches: !o.noSketches, report: true})
	return advise(err, "--force replaces it")
}

// advise tells what to do about an artifact that stands in the way.
func advise(err error, what string) error {
	if _, ok := errors.AsType[*store.ExistsError](err); ok {
		return fmt.Errorf("%w; %s", err, what)
	}
	return err
}

// configFor reads the configuration, or makes one from a look at the records.
func (a *app) configFor(o *fitOptions, args *[]string) (*config.Config, error) {
	if o.config != "" {
		if o.guess != (guess{}) {
			return nil, usagef("--series, --time, --cutoff and --format stand in for a configuration; with -c they have no place")
		}
		return loadPlan(o.config)
	}
	if len(*args) == 0 {
		return nil, usagef("nothing to learn from: name a configuration (-c) or files")
	}
	c, err := a.guessConfig(&o.guess, *args)
	if err != nil {
		return nil, err
	}
	a.say("no -c; this configuration is used:\n\n%s", indent(string(c.YAML())))
	return c, nil
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ") + "\n"
}

func artifactName(c *config.Config) string { return fmt.Sprintf("%s-%d.npz", c.Pipeline, c.Revision) }

type learnOptions struct {
	force    bool // replace an artifact with other numbers
	sketches bool // write the companion
	report   bool // tell of rejected records
}

// learn runs the fit pass, freezes, and writes the artifact and its companion.
func (a *app) learn(ctx context.Context, c *config.Config, source measured, path string, id stream.Identity, o learnOptions) (*stream.Fit, *store.Artifact, error) {
	plan := planOf(c)
	if err := plan.Validate(); err != nil {
		return nil, nil, usageError{err}
	}
	if files, ok := source.(*stream.Files); ok && plan.Exact() == frozen.ExactRequire && files.Rereadable() != nil {
		return nil, nil, usagef("exact: require: %w; or write exact: prefer", files.Rereadable())
	}
	fitter := stream.Fitter{
		Plan:         plan,
		Source:       source,
		NewDecoder:   decoders(&plan.Record, false),
		FailOnReject: c.Normalize.OnError == store.OnErrorFail,
	}
	if o.report {
		fitter.Rejects = a.rejects()
	}
	done := a.progress("learning", source, &fitter.Records)
	learned, err := fitter.Run(ctx)
	done()
	if err != nil {
		return nil, nil, err
	}
	counts := learned.Counts()
	a.say("%s", describeFit(&counts))
	if err := learned.Judge(c.Cutoff.MaxLate); err != nil {
		return nil, nil, err
	}
	err = a.sharpen(ctx, &fitter, source, learned, func(loss *stream.LossError) {
		a.say("warning: %v; the quantiles are those of sketches, and the artifact says so (exact: prefer)", loss)
	})
	if err != nil {
		return nil, nil, err
	}
	result, err := learned.Freeze(id)
	if err != nil {
		return nil, nil, err
	}
	if counts.Gone > 0 {
		a.say("warning: %d offsets of the training stretch were gone before they were read (on_gap: record): the artifact says complete: false", counts.Gone)
	}
	a.warnOfNothing(plan, result)
	artifact, err := a.save(path, result, o.force, o.sketches)
	return learned, artifact, err
}

// sharpen reads what was learned again, where quantiles are to be exact.
func (a *app) sharpen(ctx context.Context, f *stream.Fitter, source measured, learned *stream.Fit, warn func(*stream.LossError)) error {
	if f.Plan.Exact() == "" {
		return nil
	}
	done := a.progress("reading again", source, &f.Records)
	defer done()
	return f.Sharpen(ctx, learned, warn)
}

// warnOfNothing names the features of which no record held a value: most likely
// slips in the names of their fields.
func (a *app) warnOfNothing(plan *fit.Plan, r *stream.Result) {
	for i, f := range plan.Record.Features {
		if p := &r.Manifest.Pooled[i]; p.Count+p.Domain == 0 && plan.Features[i].Learns() {
			a.say("warning: feature %q: no training record holds a value in field %q", f.Name, f.Field)
		}
	}
	a.tellSkipped(plan, r)
	a.tellLossy(r)
}

// save writes the artifact, then its companion, and reads the artifact back.
func (a *app) save(path string, r *stream.Result, force, sketches bool) (*store.Artifact, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	id, err := store.SaveArtifact(path, &r.Manifest, r.Frozen, force)
	if err != nil {
		return nil, err
	}
	if sketches {
		if err := store.SaveCompanion(store.CompanionPath(path), id, &r.Manifest, r.Merged, force); err != nil {
			return nil, err
		}
	}
	a.say("%s: %s of %s frozen, artifact %s", path, plural(r.Frozen.Series().Len(), "series", "series"),
		plural(len(r.Manifest.Features), "feature", "features"), id[:16])
	return store.OpenArtifact(path)
}

// describeFit tells what became of the records of a fit pass.
func describeFit(c *fit.Counts) string {
	return describe(c.Records(), []part{
		{c.Train, "learned"}, {c.Gap, "in the gap"}, {c.Live, "live"}, {c.Late(), "late"},
	}, c.Rejected[:])
}
