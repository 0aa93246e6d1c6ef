package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/record"
	"tare/schema"
	"tare/store"
	"tare/stream"
)

func (a *app) inverse() *cobra.Command {
	var o inverseOptions
	cmd := &cobra.Command{
		Use:   "inverse -a ARTIFACT [FILE...]",
		Short: "Take normalized records and predictions back to their units",
		Long: `inverse reads records that transform wrote, or that carry normalized numbers
under the same names, and writes them in the units they came in, without the
_tare member. A record may hold any of the features, and needs no time: a
prediction is its series and its targets. Records of series that the artifact
does not hold come out as they are. Records stamped by another artifact are
rejected unless --foreign is given.

With --targets it reads rows of packed numbers instead, one for each target,
and writes such rows. They name no series, so all targets must have one set of
statistics: scope: global, fixed numbers, or records without a series.`,
		Example: `  tare transform -a plant.npz < new.jsonl | tare inverse -a plant.npz
  echo '{"sensor":"press-07","yield":0.31}' | tare inverse -a plant.npz
  tare inverse -a plant.npz --targets --dtype float32 predictions.f32 -o yield.f32`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runInverse(cmd.Context(), &o, args) },
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.force, "force", false, "replace existing files")
	flags.BoolVar(&o.foreign, "foreign", false, "invert also what another artifact has stamped")
	flags.StringVar(&o.value, "value", "", "replace or features: how the records were written (default: the artifact's)")
	flags.BoolVar(&o.targets, "targets", false, "read and write packed numbers, those of the targets alone")
	flags.StringVar(&o.dtype, "dtype", "", "float64 or float32, with --targets (default: the artifact's)")
	return cmd
}

type inverseOptions struct {
	outputs
	foreign bool
	value   string
	targets bool
	dtype   string
	fail    bool // at the first rejected record
}

func (a *app) runInverse(ctx context.Context, o *inverseOptions, args []string) error {
	if o.dtype != "" && !o.targets {
		return usagef("--dtype needs --targets: records are read and written as text, or as the artifact's record says")
	}
	artifact, err := openArtifact(o.artifact)
	if err != nil {
		return err
	}
	if err := o.limited(); err != nil {
		return err
	}
	var normalized *schema.Schema
	var inverted newEncoder
	if o.targets {
		normalized, inverted, err = packedTargets(artifact, o)
	} else {
		normalized, inverted, err = invertible(artifact, o.value)
	}
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{stream.Stdin}
	}
	return a.invert(ctx, artifact, o, normalized, inverted, args)
}

// invert takes back the records of files, which are of one schema, and writes them
// as the other argument says.
func (a *app) invert(ctx context.Context, artifact *store.Artifact, o *inverseOptions, normalized *schema.Schema, inverted newEncoder, args []string) error {
	source, err := a.files(args, normalized)
	if err != nil {
		return err
	}
	if err := o.spares(source); err != nil {
		return err
	}
	dead, err := a.deadLetters(&o.outputs)
	if err != nil {
		return err
	}
	v := stream.Inverter{
		Artifact:   artifact,
		Source:     source,
		NewDecoder: decoders(normalized, true),
		Output:     a.output(&o.outputs, dead, o.fail),
		Foreign:    o.foreign,
	}
	v.Output.NewEncoder = inverted
	done := a.progress("inverting", source, &v.Output.Records)
	counts, err := v.Run(ctx)
	done()
	if err == nil || counts != (stream.NormalizeCounts{}) {
		a.say("%s", describeInvert(&counts))
	}
	return closeDead(dead, err)
}

// A newEncoder makes what encodes the records of a source, whose first line is a
// header if it is CSV.
type newEncoder = func(header []byte) (record.Encoder, error)

// invertible returns the schema of the records that an artifact has normalized,
// and what encodes them in their units. value, unless it is empty, says how they were
// written, in place of the artifact.
func invertible(artifact *store.Artifact, value string) (*schema.Schema, newEncoder, error) {
	m := &artifact.Manifest
	override(&m.Output.Value, value)
	refuse := func(format string, args ...any) (*schema.Schema, newEncoder, error) {
		return nil, nil, usagef(format, args...)
	}
	if err := oneOf("value", string(m.Output.Value), []string{string(record.Replace), string(record.Features), string(record.Vector)}); err != nil {
		return nil, nil, err
	}
	if m.Output.Value == record.Vector && m.Record.Format != schema.Binary {
		return refuse("the artifact's output is vector: packed numbers name no series, so they cannot be inverted record by record; " +
			"give records with the names of the series and --value replace, targets alone with --targets, or in Python use load(...).inverse_transform")
	}
	if m.Output.Value == record.Vector && m.Output.Missing == record.MissingMask {
		return refuse("the artifact's output has a mask behind the numbers (missing: mask), which is no part of the record; in Python use load(...).inverse_transform")
	}
	if len(m.Whiten) > 0 && m.Record.Format == schema.CSV {
		return refuse("the artifact whitens features of csv records, whose columns cannot be brought back; in Python use load(...).inverse_transform")
	}
	if m.Record.Format == schema.CSV && len(columnsOf(artifact.Frozen)) > 0 {
		return refuse("the artifact makes several columns of a label (onehot) in csv records, which cannot be brought back; in Python use load(...).inverse_transform")
	}
	normalized := normalizedOf(m)
	return normalized, func(header []byte) (record.Encoder, error) { return inverterOf(artifact, normalized, header) }, nil
}

// normalizedOf returns the schema of the records that an artifact has normalized.
// It asks for no time: none is needed to take them back, and a prediction has
// none.
func normalizedOf(m *store.Manifest) *schema.Schema {
	s := *m.Written()
	if m.Output.Value == record.Features && s.Format != schema.Binary {
		s = *s.Output(m.Columns)
	}
	s.Time = schema.Time{}
	if s.Format == schema.Binary {
		s.DType = m.Output.Dtype
		size, _ := record.FrameOf(&s)
		s.Limits = s.Limits.OrDefault()
		s.Limits.Value = max(s.Limits.Value, size)
	}
	return &s
}

// invertedOf returns how records are written that are in their units again.
func invertedOf(m *store.Manifest) record.Output {
	o := record.Output{Meta: record.MetaRemove}
	if m.Record.Format == schema.Binary {
		o.Dtype, o.Missing = m.Record.DType, record.MissingNaN
		if o.Dtype == schema.UInt8 || o.Dtype == schema.Int16 {
			o.Missing = record.MissingZero
		}
	}
	return o
}

// packedTargets leaves the artifact its targets alone, and returns the schema of
// rows of their numbers, and what encodes them.
func packedTargets(artifact *store.Artifact, o *inverseOptions) (*schema.Schema, newEncoder, error) {
	refuse := func(format string, args ...any) (*schema.Schema, newEncoder, error) {
		return nil, nil, usagef(format, args...)
	}
	m, targets := &artifact.Manifest, artifact.Frozen.Targets()
	if o.value != "" {
		return refuse("--value says how records were written; with --targets there are none, leave it out")
	}
	dtype := cmp.Or(record.Dtype(o.dtype), m.Output.Dtype, record.Float64)
	if err := oneOf("dtype", string(dtype), []string{string(record.Float64), string(record.Float32)}); err != nil {
		return nil, nil, err
	}
	if targets.Width() == 0 {
		return refuse("the artifact has no targets: none of its features has role: target")
	}
	for _, f := range targets.Features() {
		if f.Encoding != nil {
			return refuse("target %q is a label, for which packed numbers have no place; give records {series, %[1]s}, or in Python use load(...).inverse_transform", f.Name)
		}
		if len(m.Record.Series.Fields) > 0 && !f.Shared() {
			return refuse("target %q has statistics of its own in each series, and packed numbers name none; give records {series, %[1]s}, or learn it with scope: global", f.Name)
		}
	}
	for _, f := range targets.Features() {
		if f.By != nil {
			return refuse("target %q was divided by %s, which rows of targets alone do not hold; give whole records", f.Name, strings.Join(f.By, ", "))
		}
	}
	artifact.Frozen = targets
	rows := &schema.Schema{Format: schema.Binary, DType: dtype, Features: []schema.Feature{{Name: "targets", Shape: []int{targets.Width()}}}}
	size, _ := record.FrameOf(rows)
	rows.Limits = schema.DefaultLimits()
	rows.Limits.Value = max(rows.Limits.Value, size)
	return rows, func(header []byte) (record.Encoder, error) {
		return record.NewEncoder(rows, record.Output{Dtype: dtype, Meta: record.MetaRemove}, header)
	}, nil
}

// openFrozen reads the artifact that takes the records of a configuration back.
func openFrozen(c *config.Config) (*store.Artifact, error) {
	artifact, err := store.OpenArtifact(artifactPath(c))
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w; name the artifact of the fit: artifact: FILE.npz", err)
	}
	return artifact, err
}

// invertFiles takes back the records of files as a configuration says.
func (a *app) invertFiles(ctx context.Context, c *config.Config, force bool, args []string) error {
	if len(args) == 0 {
		var err error
		if args, err = expand(c.Source.File.Paths); err != nil {
			return err
		}
	}
	artifact, err := openFrozen(c)
	if err != nil {
		return err
	}
	normalized, inverted, err := invertible(artifact, c.Output.Value)
	if err != nil {
		return err
	}
	o := &inverseOptions{outputs: *fileOutputs(c, force), fail: c.Normalize.OnError == store.OnErrorFail}
	return a.invert(ctx, artifact, o, normalized, inverted, args)
}

// invertTopic takes back the records of a topic until a signal comes.
func (a *app) invertTopic(ctx context.Context, c *config.Config) error {
	artifact, err := openFrozen(c)
	if err != nil {
		return err
	}
	normalized, inverted, err := invertible(artifact, c.Output.Value)
	if err == nil && normalized.Format == schema.CSV {
		err = usagef("%s reads csv, whose header line a topic has not: take files back, with tare inverse", artifactPath(c))
	}
	if err != nil {
		return err
	}
	p, err := a.pipelineWith(c, &artifact.Manifest.Plan)
	if err != nil {
		return err
	}
	p.Identity.Output.Value = artifact.Manifest.Output.Value
	p.NewDecoder = decoders(normalized, true)
	p.Outputs.NewEncoder = func(*store.Manifest, record.Meta) (record.Encoder, error) { return inverted(nil) }
	return a.live(ctx, c, p, func() error {
		a.say("%s: artifact %s; taking %s back to its units", artifactPath(c), artifact.ID[:16], p.Topic)
		return p.Invert(ctx, artifact)
	})
}
