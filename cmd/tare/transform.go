package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"tare/fit"
	"tare/record"
	"tare/schema"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

func (a *app) transform() *cobra.Command {
	var o transformOptions
	cmd := &cobra.Command{
		Use:   "transform -a ARTIFACT [FILE...]",
		Short: "Normalize records with the frozen numbers",
		Long: `transform reads records, from standard input without FILE arguments, and writes
each with its features normalized. It needs only the artifact. Records are split
by their time alone: train, gap, and behind the cutoff live or the artifact's
splits; what came late is known to 'tare run'.`,
		Example: `  tare transform -a plant.npz < new.jsonl > out.jsonl
  tare transform -a plant.npz --value vector new.jsonl.gz -o out.bin`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runTransform(cmd, &o, args) },
	}
	flags := cmd.Flags()
	o.outputs.flags(cmd)
	flags.BoolVar(&o.force, "force", false, "replace existing files")
	flags.StringVar(&o.unknownSeries, "unknown-series", "", "missing, pooled, dead_letter, drop, passthrough or fail (default: the artifact's)")
	flags.StringVar(&o.onError, "on-error", "", "continue or fail (default: the artifact's)")
	flags.StringVar(&o.value, "value", "", "replace, features or vector (default: the artifact's)")
	flags.StringVar(&o.dtype, "dtype", "", "float64 or float32; int16 or uint8 of packed numbers (default: the artifact's)")
	flags.StringVar(&o.missing, "missing", "", "nan, zero or mask, of packed numbers (default: the artifact's)")
	flags.StringVar(&o.meta, "meta", "", "headers, field or none (default: the artifact's)")
	return cmd
}

// outputs are the flags of the verbs that write records.
type outputs struct {
	artifact  string
	out       string
	dead      string
	deadLimit int64
	force     bool
}

func (o *outputs) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.artifact, "artifact", "a", "", "artifact (*.npz)")
	flags.StringVarP(&o.out, "output", "o", "", "file to write (default: standard output)")
	flags.StringVar(&o.dead, "dead-letter", "", "file for rejected records, as JSON lines")
	flags.Int64Var(&o.deadLimit, "dead-letter-limit", 0, "stop with exit code 7 after so many dead letters")
}

// limited refuses a limit of dead letters that has none to count.
func (o *outputs) limited() error {
	switch {
	case o.deadLimit < 0:
		return usagef("--dead-letter-limit %d: want 0, for any number, or more", o.deadLimit)
	case o.deadLimit > 0 && o.dead == "":
		return usagef("--dead-letter-limit %d counts dead letters, and they go nowhere: name a file with --dead-letter", o.deadLimit)
	}
	return nil
}

// spares refuses outputs that are an input or the artifact, whatever --force
// says.
func (o *outputs) spares(source *stream.Files) error {
	for _, out := range []string{o.out, o.dead} {
		if err := spares(out, append(source.Paths(), o.artifact)...); err != nil {
			return err
		}
	}
	return nil
}

// spares refuses an output that is one of the files that are read.
func spares(out string, inputs ...string) error {
	to, err := os.Stat(out)
	if err != nil || !to.Mode().IsRegular() {
		return nil
	}
	for _, in := range inputs {
		if from, err := os.Stat(in); err == nil && os.SameFile(from, to) {
			return usagef("%s is read: it cannot be written at the same time; name another output", in)
		}
	}
	return nil
}

type transformOptions struct {
	outputs
	unknownSeries, onError      string
	value, dtype, missing, meta string
}

func (a *app) runTransform(cmd *cobra.Command, o *transformOptions, args []string) error {
	artifact, err := openArtifact(o.artifact)
	if err != nil {
		return err
	}
	if err := o.limited(); err != nil {
		return err
	}
	m := &artifact.Manifest
	override(&m.Normalize.UnknownSeries, o.unknownSeries)
	override(&m.Normalize.OnError, o.onError)
	override(&m.Output.Value, o.value)
	if m.Output.Value == record.Vector || m.Record.Format == schema.Binary {
		m.Output.Meta = record.MetaNone // there is no place for it
	}
	override(&m.Output.Dtype, o.dtype)
	override(&m.Output.Missing, o.missing)
	override(&m.Output.Meta, o.meta)
	if err := checkPolicy(m); err != nil {
		return err
	}
	if m.Normalize.UnknownSeries == store.UnknownDeadLetter && o.dead == "" {
		return usagef("unknown_series is dead_letter: name a file with --dead-letter")
	}
	m.Normalize.Emit = store.EmitAll
	source, err := a.inputs(args, &m.Record)
	if err != nil {
		return err
	}
	if err := o.spares(source); err != nil {
		return err
	}
	return a.normalize(cmd.Context(), artifact, source, nil, &o.outputs)
}

func override[T ~string](value *T, flag string) {
	if flag != "" {
		*value = T(flag)
	}
}

// checkPolicy holds the values that flags may have overridden against those
// there are.
func checkPolicy(m *store.Manifest) error {
	n := &m.Normalize
	for _, c := range []struct {
		flag, value string
		accepted    []string
	}{
		{"unknown-series", n.UnknownSeries, []string{store.UnknownMissing, store.UnknownPooled, store.UnknownDeadLetter, store.UnknownDrop, store.UnknownPassthrough, store.UnknownFail}},
		{"on-error", n.OnError, []string{store.OnErrorContinue, store.OnErrorFail}},
	} {
		if err := oneOf(c.flag, c.value, c.accepted); err != nil {
			return err
		}
	}
	if n.UnknownSeries == store.UnknownPooled && !m.Pools() {
		return usagef("--unknown-series pooled: the artifact has no numbers of all series together; they are learned where the configuration says normalize: {unknown_series: pooled}")
	}
	if err := outputOf(m).Validate(m.Written()); err != nil {
		return usageError{err}
	}
	if err := m.CheckWritten(); err != nil {
		return usageError{err}
	}
	if m.Output.Value == record.Vector && n.UnknownSeries == store.UnknownPassthrough {
		return usagef("--unknown-series passthrough writes the record as it came, which has no place among vectors; want missing, dead_letter, drop, fail")
	}
	return nil
}

// normalize runs the normalize pass with the policies of the artifact's
// manifest. seals is nil where the source is not the one learned from.
func (a *app) normalize(ctx context.Context, artifact *store.Artifact, source *stream.Files, learned *stream.Fit, o *outputs) error {
	m := &artifact.Manifest
	dead, err := a.deadLetters(o)
	if err != nil {
		return err
	}
	n := stream.Normalizer{
		Artifact:   artifact,
		Policy:     m.Normalize,
		Splits:     m.Splits,
		Source:     source,
		NewDecoder: a.warnMissing(decoders(&m.Record, false)),
		Output:     a.output(o, dead, m.Normalize.OnError == store.OnErrorFail),
		Warnings:   a.rejects(),
	}
	n.Output.NewEncoder = encoders(m)
	if learned != nil {
		n.Seals = seals(learned.Ranges())
	}
	done := a.progress("normalizing", source, &n.Output.Records)
	counts, err := n.Run(ctx)
	done()
	if err == nil || counts.Records() > 0 {
		a.say("%s", describeNormalize(&counts))
	}
	return closeDead(dead, err)
}

func (a *app) output(o *outputs, dead sink.Writer, failOnReject bool) stream.Output {
	out := stream.Output{
		Open:         a.outputTo(o.out, o.force),
		Dead:         dead,
		DeadLimit:    o.deadLimit,
		FailOnReject: failOnReject,
	}
	if dead == nil {
		out.Rejects = a.rejects()
	}
	return out
}

func seals(ranges []fit.Range) []int64 {
	s := make([]int64, len(ranges))
	for i, r := range ranges {
		s[i] = r.Seal
	}
	return s
}
