package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tare/config"
	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

// This file alone knows both the configuration and what it configures.

// planOf returns what is to be learned.
func planOf(c *config.Config) *fit.Plan {
	plan := &fit.Plan{
		Record: schema.Schema{
			Format:   schema.Format(c.Record.Format),
			DType:    schema.DType(c.Record.DType),
			Series:   schema.Series(c.Record.Series),
			Time:     schema.Time{},
			BadValue: schema.BadValue(c.Record.BadValue),
			Limits:   schema.Limits(c.Record.Limits),
		},
		Cutoff:     cutoffOf(&c.Cutoff),
		MinSamples: c.Normalize.MinSamples,
		MaxSeries:  c.State.MaxSeries,
	}
	if c.Record.Time.Field != "" {
		plan.Record.Time = schema.Time{Field: c.Record.Time.Field, Layout: schema.Layout(c.Record.Time.Layout)}
	}
	if c.Source.Kafka != nil { // files have no timestamps to hold event times against
		plan.Record.Time.MaxFutureSkew = c.Record.MaxFutureSkew
	}
	for _, f := range targetsLast(c.Features) {
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: f.Name, Field: f.Field, Shape: f.Shape, Label: f.Encoding.Kind != ""})
		plan.Features = append(plan.Features, featureOf(f, c.Scope, c.Normalize.UnknownSeries == store.UnknownPooled))
	}
	groupsOf(plan, c)
	for _, n := range c.Norms {
		plan.Norms = append(plan.Norms, frozen.Norm{Members: n.Features, Norm: n.Norm})
	}
	return plan
}

// targetsLast returns the features as they are learned, and their numbers written:
// in the order of the file, those that a model reads before those that it predicts.
func targetsLast(features []config.Feature) (ordered []*config.Feature) {
	for _, target := range []bool{false, true} {
		for i := range features {
			if f := &features[i]; (f.Role == frozen.RoleTarget) == target {
				ordered = append(ordered, f)
			}
		}
	}
	return ordered
}

// featureOf returns how a feature is learned in a file with the given scope, and
// whether unknown series take pooled numbers.
func featureOf(f *config.Feature, scope string, pooled bool) frozen.Feature {
	out := frozen.Feature{Name: f.Name, By: f.By, Scaler: scale.Spec(f.Scaler), Impute: frozen.Impute(f.Impute), Exact: f.Exact,
		Shape: f.Shape, Per: f.Per, Fixed: (*frozen.Fixed)(f.Fixed)}
	if out.Encoding = encodingOf(f); out.Encoding != nil {
		out.Scaler, out.Scope = scale.Spec{Kind: scale.None}, frozen.ScopeGlobal
	}
	if out.Learns() && cmp.Or(f.Scope, scope) == frozen.ScopeGlobal {
		out.Scope = frozen.ScopeGlobal
	}
	if f.Role == frozen.RoleTarget {
		out.Role = frozen.RoleTarget
	}
	out.Pooled = pooled && !out.Shared()
	for _, p := range f.Pre {
		out.Pre = append(out.Pre, scale.Pre(p))
	}
	return out
}

func cutoffOf(c *config.Cutoff) fit.Cutoff {
	switch {
	case c.Offsets != nil:
		return fit.Cutoff{Kind: fit.Offsets, Offsets: c.Offsets}
	case c.Records > 0:
		return fit.Cutoff{Kind: fit.Records, Records: c.Records}
	case c.End:
		return fit.Cutoff{Kind: fit.End}
	case c.Manual:
		return fit.Cutoff{Kind: fit.Manual}
	}
	return fit.Cutoff{
		Kind:           fit.EventTime,
		Time:           fit.Instant(c.EventTime.UnixNano()),
		Gap:            fit.Duration(c.Gap),
		OutOfOrderness: fit.Duration(c.OutOfOrderness),
	}
}

// splitsOf returns the names of the stretches behind the cutoff.
func splitsOf(c *config.Config) (splits fit.Splits) {
	for _, s := range c.Splits {
		stretch := fit.Stretch{Name: s.Name}
		if !s.Until.IsZero() {
			until := fit.Instant(s.Until.UnixNano())
			stretch.Until = &until
		}
		splits = append(splits, stretch)
	}
	return splits
}

// identityOf returns what the artifact is called and how it is to be applied.
func identityOf(c *config.Config) stream.Identity {
	return stream.Identity{
		Pipeline:  c.Pipeline,
		Revision:  c.Revision,
		Normalize: store.Normalize{Emit: c.Normalize.Emit, UnknownSeries: c.Normalize.UnknownSeries, OnError: c.Normalize.OnError},
		Splits:    splitsOf(c),
		Output: record.Output{Value: record.Value(c.Output.Value), Dtype: record.Dtype(c.Output.Dtype),
			Missing: record.Missing(c.Output.Missing), Meta: record.Meta(c.Output.Meta)},
	}
}

// sourceOf opens the files that the arguments name, or else the configuration.
func (a *app) sourceOf(c *config.Config, args []string) (*stream.Files, error) {
	paths := args
	if len(paths) == 0 {
		var err error
		if paths, err = expand(c.Source.File.Paths); err != nil {
			return nil, err
		}
	}
	return a.files(paths, &planOf(c).Record)
}

// files opens files of records of a schema.
func (a *app) files(paths []string, s *schema.Schema) (*stream.Files, error) {
	files, err := stream.NewFiles(paths, s.Format, a.stdin)
	if err != nil {
		return nil, usageError{err}
	}
	if size, fixed := record.FrameOf(s); fixed {
		files.Frame = size
	}
	return files, nil
}

// expand lists the files that patterns match: each pattern's in byte order, the
// patterns as they stand.
func expand(patterns []string) ([]string, error) {
	var paths []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		switch {
		case pattern == stream.Stdin:
			matches = []string{pattern}
		case err != nil:
			return nil, usagef("source.file.paths: %q is no pattern: %v", pattern, err)
		case len(matches) == 0:
			return nil, usagef("source.file.paths: no file matches %q", pattern)
		}
		slices.Sort(matches)
		paths = append(paths, matches...)
	}
	return paths, nil
}

// decoders returns what decodes records of a schema; normalized ones may be
// stamped and have any magnitude.
func decoders(s *schema.Schema, normalized bool) stream.NewDecoder {
	return func(header []byte) (record.Decoder, error) {
		switch s.Format {
		case schema.CSV:
			d, err := record.NewCSV(s, header)
			if err != nil {
				return nil, err
			}
			if len(d.Missing()) == len(s.Features) {
				return nil, fmt.Errorf("the header names no column of any feature: there are %.200q", header)
			}
			d.AcceptStamped, d.AnyMagnitude = normalized, normalized
			return d, nil
		case schema.Binary:
			d, err := record.NewBinary(s)
			if err != nil {
				return nil, err
			}
			d.AcceptStamped, d.AnyMagnitude = normalized, normalized
			return d, nil
		}
		d, err := record.NewJSON(s)
		if err != nil {
			return nil, err
		}
		d.AcceptStamped, d.AnyMagnitude = normalized, normalized
		return d, nil
	}
}

// warnMissing tells of features that a CSV header has no column for.
func (a *app) warnMissing(next stream.NewDecoder) stream.NewDecoder {
	return func(header []byte) (record.Decoder, error) {
		d, err := next(header)
		if csv, ok := d.(*record.CSV); ok && len(csv.Missing()) > 0 {
			a.say("warning: the header has no column for %s: missing in every record", strings.Join(csv.Missing(), ", "))
		}
		return d, err
	}
}

// outputOf returns how records normalized with an artifact are written.
func outputOf(m *store.Manifest) record.Output {
	o := m.Output
	if len(m.Whiten) > 0 || m.Widths != nil && slices.Max(m.Widths) != 1 {
		return o
	}
	o.Columns = m.Columns
	for i := range m.Features {
		e := m.Features[i].Encoding
		o.Imputed = append(o.Imputed, m.Features[i].Impute.Kind != "" || e != nil && e.EncodedMissingValue != nil)
	}
	return o
}

// encoders returns what encodes records normalized with an artifact.
func encoders(m *store.Manifest) func(header []byte) (record.Encoder, error) {
	return func(header []byte) (record.Encoder, error) { return encoderOf(m, outputOf(m), header) }
}

// oneOf refuses a flag's value that is not accepted.
func oneOf(flag, value string, accepted []string) error {
	if slices.Contains(accepted, value) {
		return nil
	}
	return usagef("--%s %q: want %s", flag, value, strings.Join(accepted, ", "))
}

// load reads the configuration at path.
func load(path string) (*config.Config, error) { return config.Load(path, os.LookupEnv) }

// loadPlan reads the configuration at path, which is to say what is learned.
func loadPlan(path string) (*config.Config, error) {
	c, err := load(path)
	if err == nil && c.Inverse {
		err = learnsNothing(path)
	}
	return c, err
}

func learnsNothing(path string) error {
	return usagef("%s takes records back (inverse: true) and learns nothing: tare run, lint and status read it; name the configuration of the fit", path)
}

// rejects returns what tells of rejected records.
func (a *app) rejects() *stream.RejectLog {
	return &stream.RejectLog{Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{ReplaceAttr: noTime}))}
}

// noTime leaves the clock out of lines that a person reads as they appear.
func noTime(_ []string, attr slog.Attr) slog.Attr {
	if attr.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attr
}

// outputTo returns what opens the output: a file, or standard output for an
// empty path or -.
func (a *app) outputTo(path string, force bool) func(header []byte, end string) (sink.Writer, error) {
	return func(header []byte, end string) (sink.Writer, error) {
		if path == "" || path == stream.Stdin {
			return sink.NewLines(a.stdout, header, end), nil
		}
		return sink.Create(path, header, end, force)
	}
}

// deadLetters opens where rejected records go; nil for nowhere.
func (a *app) deadLetters(o *outputs) (sink.Writer, error) {
	switch {
	case o.dead == "":
		return nil, nil
	case o.dead == stream.Stdin:
		return nil, usagef("dead letters cannot go to standard output: it is data; name a file")
	case o.out != "" && filepath.Clean(o.dead) == filepath.Clean(o.out):
		return nil, usagef("dead letters cannot go to %s: the output goes there", o.out)
	}
	return sink.Create(o.dead, nil, "\n", o.force)
}

// closeDead keeps the dead letters also where the pass has failed.
func closeDead(dead sink.Writer, err error) error {
	if dead == nil {
		return err
	}
	return errors.Join(err, dead.Close())
}

// openArtifact reads the artifact that the flag -a names.
func openArtifact(path string) (*store.Artifact, error) {
	if path == "" {
		return nil, usagef("which artifact? -a FILE.npz")
	}
	return store.OpenArtifact(path)
}

// inputs returns the files that the arguments name, standard input for none.
func (a *app) inputs(args []string, s *schema.Schema) (*stream.Files, error) {
	if len(args) == 0 {
		args = []string{stream.Stdin}
	}
	return a.files(args, s)
}

func (a *app) say(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }
