package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/store"
	"tare/stream"
)

func (a *app) explain() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "explain -a ARTIFACT [FILE...]",
		Short: "Walk the values of records through their normalization",
		Long: `explain reads records and tells, for each value: the raw number, what each
pre-transform makes of it, the learned numbers and from how many records they
come, the result, and its percentile among the training values where a sketch
was learned and the companion lies beside the artifact.`,
		Example: `  head -1 new.jsonl | tare explain -a plant.npz`,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runExplain(cmd.Context(), path, args) },
	}
	cmd.Flags().StringVarP(&path, "artifact", "a", "", "artifact (*.npz)")
	return cmd
}

func (a *app) runExplain(ctx context.Context, path string, args []string) error {
	artifact, err := openArtifact(path)
	if err != nil {
		return err
	}
	companion, err := store.OpenCompanion(store.CompanionPath(path), artifact.ID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if companion != nil {
		defer companion.Close()
	}
	source, err := a.inputs(args, &artifact.Manifest.Record)
	if err != nil {
		return err
	}
	e := explainer{a.stdout, artifact, companion}
	for i, topic := range source.Partitions() {
		if err := e.partition(ctx, source, int32(i), topic); err != nil {
			return err
		}
	}
	return nil
}

type explainer struct {
	out       io.Writer
	artifact  *store.Artifact
	companion *store.Companion // nil without
}

func (e *explainer) partition(ctx context.Context, source stream.Source, id int32, topic string) (err error) {
	reader, err := source.Open(ctx, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	decoder, err := decoders(&e.artifact.Manifest.Record, false)(reader.Header())
	if err != nil {
		return fmt.Errorf("%s: %w", topic, err)
	}
	var row record.Row
	for {
		ms, err := reader.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range ms {
			if reason := decoder.Decode(&row, &ms[i]); reason != record.OK {
				fmt.Fprintf(e.out, "record %d of %s: rejected: %v: %s\n", ms[i].Offset, topic, reason, decoder.Detail())
				continue
			}
			if err := e.record(&row); err != nil {
				return err
			}
		}
	}
}

func (e *explainer) record(row *record.Row) error {
	m := &e.artifact.Manifest
	fmt.Fprintf(e.out, "series %q%s\n", row.Series, e.when(row))
	id := m.Normalize.Find(e.artifact.Frozen, row.Series)
	if id == frozen.Pooled {
		fmt.Fprintf(e.out, "  unknown: not in the artifact, or fewer than %d training records; these are the numbers of all series together\n", m.MinSamples)
	}
	if id == frozen.Unknown && keyed(e.artifact.Frozen) {
		fmt.Fprintf(e.out, "  unknown: not in the artifact, or fewer than %d training records; unknown_series is %s\n", m.MinSamples, m.Normalize.UnknownSeries)
	}
	x, labels := row.Numbers, row.Labels
	for i := range m.Features {
		f := &m.Features[i]
		if f.Encoding != nil {
			e.label(i, &labels[0])
			x, labels = x[1:], labels[1:]
			continue
		}
		if id != frozen.Unknown || f.Shared() {
			if err := e.feature(i, row, x[:f.Size()], id); err != nil {
				return err
			}
		}
		x = x[f.Size():]
	}
	explainGroups(e.out, e.artifact, row, id)
	explainNorms(e.out, e.artifact, row, id)
	return nil
}

func (e *explainer) when(row *record.Row) string {
	if !row.Timed {
		return ""
	}
	return fmt.Sprintf(", time %v, split %v", fit.Instant(row.Time), splitName(&e.artifact.Manifest, row.Time))
}

// feature explains the numbers of a feature, of an array the first ones.
func (e *explainer) feature(i int, row *record.Row, x []float64, id int32) error {
	for number := range min(len(x), numbersShown) {
		if err := e.number(i, row, number, id); err != nil {
			return err
		}
	}
	if more := len(x) - numbersShown; more > 0 {
		fmt.Fprintf(e.out, "  %s: %s\n", shapeText(&e.artifact.Manifest.Features[i]), plural(more, "more number", "more numbers"))
	}
	return nil
}

func (e *explainer) number(i int, row *record.Row, number int, id int32) error {
	spec, l := &e.artifact.Manifest.Features[i], e.artifact.Frozen.Learned(i)
	t := e.artifact.Frozen.ExplainAt(i, number, row.Numbers, id)
	group := spec.Layout().Group(number)
	entry := e.artifact.Frozen.Entry(i, id) + group
	fmt.Fprintf(e.out, "  %s: %s", numberText(spec, number), scalerText(spec))
	if spec.Learns() {
		fmt.Fprintf(e.out, ", learned from %s (%d missing)", plural(int(l.Count[entry]), "value", "values"), l.Missing[entry])
	}
	fmt.Fprintln(e.out)
	e.line("raw", full(t.Raw))
	for k, x := range t.Pre {
		e.line(spec.Pre[k].Kind, full(x))
	}
	if t.Imputed {
		e.line("imputed", full(t.In)+" ("+spec.Impute.Kind+")")
	}
	if spec.Scaler.Alone() {
		e.alone(spec, number, t.Params)
	} else {
		e.params(spec, t.Params)
	}
	if text := exactText(marksOf(l, entry)); text != "" {
		e.line("quantiles", strings.TrimPrefix(text, ", "))
	}
	if e.artifact.Frozen.Member(i) {
		e.line("whitened", "with others, see below")
	} else {
		e.line("normalized", full(t.Normalized)+normedText(&e.artifact.Manifest, spec.Name))
	}
	if err := e.percentile(i, group, row.Series, t.In); err != nil {
		return err
	}
	switch {
	case !t.OutOfRange:
	case spec.Learns():
		e.line("warning", beyond(t.In, l.Min[entry], l.Max[entry]))
	case spec.By != nil:
		e.line("warning", overrun(spec.By[number%len(spec.By)], &t))
	default:
		e.line("warning", outsideDomain)
	}
	return nil
}

func (e *explainer) line(name, text string) { fmt.Fprintf(e.out, "    %-11s %s\n", name, text) }

func (e *explainer) params(spec *frozen.Feature, p []float64) {
	switch {
	case spec.Scaler.Ragged() && len(p) == 0:
	case spec.Scaler.Kind == scale.KBins:
		e.line("bins", binsText(p))
	case spec.Scaler.Ragged():
		m := len(p) / 2
		e.line("landmarks", fmt.Sprintf("%d, from %s to %s", m, full(p[m]), full(p[2*m-1])))
	default:
		for k, name := range spec.Scaler.Params() {
			e.line(name, full(p[k]))
		}
	}
}

// binsText tells the edges of bins: all of few, and the ends of many.
func binsText(edges []float64) string {
	const few = 12
	n := len(edges) - 1
	if n > few {
		return fmt.Sprintf("%d, from %s to %s", n, full(edges[0]), full(edges[n]))
	}
	var parts []string
	for _, edge := range edges {
		parts = append(parts, full(edge))
	}
	return fmt.Sprintf("%d, with the edges %s", n, strings.Join(parts, ", "))
}

// percentile tells where a value lies among those it was learned from.
func (e *explainer) percentile(feature, group int, series []byte, x float64) error {
	if e.companion == nil || x != x {
		return nil
	}
	q, ok, err := e.companion.Group(group).Quantiles(feature, series)
	if err != nil || !ok {
		return err
	}
	e.line("percentile", fmt.Sprintf("%.2f %% of the training values lie below", 100*q.CDF(x)))
	return nil
}

func beyond(x, lo, hi float64) string {
	switch {
	case x > hi:
		return fmt.Sprintf("beyond anything learned: above the largest training value %s by %s", full(hi), full(x-hi))
	case x < lo:
		return fmt.Sprintf("beyond anything learned: below the smallest training value %s by %s", full(lo), full(lo-x))
	}
	return outsideDomain
}

const outsideDomain = "outside the domain of a pre-transform or of the scaler: counted as missing"

// full writes a number with all its digits.
func full(x float64) string {
	switch {
	case x != x:
		return "missing"
	case math.IsInf(x, 0):
		return "beyond float64: written as missing"
	}
	return strings.TrimSuffix(fmt.Sprintf("%v", x), ".0")
}
