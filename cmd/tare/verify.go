package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"tare/fit"
	"tare/frozen"
	"tare/store"
	"tare/stream"
)

func (a *app) verify() *cobra.Command {
	var path, configPath string
	cmd := &cobra.Command{
		Use:   "verify -a ARTIFACT [-c CONFIG] [FILE...]",
		Short: "Learn again from the recorded ranges: the same bytes must come out",
		Long: `verify reads the training stretch that the artifact records, from the files it
was learned from or those of the configuration, learns from it anew, with exact
quantiles where it has them, and compares what comes out with the artifact byte
by byte. Exit code 3: they differ, and
where; 4: the stretch is no longer all there, or, of an artifact that is not
complete, other offsets are gone than were.`,
		Example: `  tare verify -a plant.npz train.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runVerify(cmd.Context(), path, configPath, args)
		},
	}
	cmd.Flags().StringVarP(&path, "artifact", "a", "", "artifact (*.npz)")
	cmd.Flags().StringVarP(&configPath, "config", "c", "", "configuration whose source is read when no FILE is given")
	return cmd
}

func (a *app) runVerify(ctx context.Context, path, configPath string, args []string) error {
	artifact, err := openArtifact(path)
	if err != nil {
		return err
	}
	m := &artifact.Manifest
	source, done, err := a.learnedFrom(ctx, m, configPath, args)
	if err != nil {
		return err
	}
	defer done()
	return a.replay(ctx, artifact, source)
}

// learnedFrom opens what an artifact is said to be learned from: files, or the
// topic of a configuration.
func (a *app) learnedFrom(ctx context.Context, m *store.Manifest, configPath string, args []string) (source measured, done func(), err error) {
	if len(args) == 0 {
		if configPath == "" {
			return nil, nil, usagef("what was it learned from? name the files, or the configuration with -c")
		}
		c, err := loadPlan(configPath)
		if err != nil {
			return nil, nil, err
		}
		if c.Source.Kafka != nil {
			return a.openRanges(ctx, c.Source.Kafka, m)
		}
		if args, err = expand(c.Source.File.Paths); err != nil {
			return nil, nil, err
		}
	}
	files, err := a.files(args, &m.Record)
	if err == nil && m.Plan.Exact() != "" && files.Rereadable() != nil {
		err = usagef("exact quantiles: %w", files.Rereadable())
	}
	return files, func() {}, err
}

func (a *app) replay(ctx context.Context, artifact *store.Artifact, source measured) error {
	m := &artifact.Manifest
	fitter := stream.Fitter{Plan: &m.Plan, Source: source, NewDecoder: decoders(&m.Record, false), Ranges: m.Ranges}
	done := a.progress("replaying", source, &fitter.Records)
	replayed, err := fitter.Run(ctx)
	done()
	if err == nil && sharp(artifact.Frozen) {
		err = a.sharpen(ctx, &fitter, source, replayed, nil)
	}
	if err != nil {
		return err
	}
	result, err := replayed.Freeze(stream.Identity{Pipeline: m.Pipeline, Revision: m.Revision, Normalize: m.Normalize, Splits: m.Splits, Output: m.Output})
	if err != nil {
		return err
	}
	return a.compare(artifact, result)
}

// sharp reports whether all quantiles that were to be exact are. If not, none has
// been read again.
func sharp(f *frozen.Frozen) bool {
	for i := range f.Features() {
		if slices.Contains(f.Learned(i).Exact, false) {
			return false
		}
	}
	return true
}

func (a *app) compare(artifact *store.Artifact, again *stream.Result) error {
	id, err := store.WriteArtifact(io.Discard, &again.Manifest, again.Frozen)
	if err != nil {
		return err
	}
	if id == artifact.ID {
		fmt.Fprintf(a.stdout, "verified: %d records in %s give the same bytes, %s\n", artifact.Manifest.Records.Train,
			plural(len(artifact.Manifest.Ranges), "range", "ranges"), id)
		if gone := artifact.Manifest.Gone(); gone > 0 {
			fmt.Fprintf(a.stdout, "it is incomplete: the same %d offsets of the ranges were gone when it was learned; what they held is not known\n", gone)
		}
		return nil
	}
	if !slices.EqualFunc(artifact.Manifest.Ranges, again.Manifest.Ranges, func(x, y fit.Range) bool { return x.Gone == y.Gone }) {
		return &stream.LossError{Message: fmt.Sprintf("the artifact is incomplete and cannot be proven: of its ranges %d offsets were gone when it was learned, and %d are gone now",
			artifact.Manifest.Gone(), again.Manifest.Gone())}
	}
	fmt.Fprintf(a.stdout, "the replay gives artifact %s, not %s\n", id, artifact.ID)
	for _, line := range differences(artifact, again) {
		fmt.Fprintln(a.stdout, "  "+line)
	}
	return errDifference
}

// differences names the parts of the manifest, the series and the features
// whose numbers differ.
func differences(was *store.Artifact, now *stream.Result) (lines []string) {
	before, after := reflect.ValueOf(was.Manifest), reflect.ValueOf(now.Manifest)
	for i := range before.NumField() {
		x, errX := json.Marshal(before.Field(i).Interface())
		y, errY := json.Marshal(after.Field(i).Interface())
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			lines = append(lines, "manifest: "+before.Type().Field(i).Name+" differs")
		}
	}
	if was.Frozen.Series().Len() != now.Frozen.Series().Len() {
		return append(lines, fmt.Sprintf("%d series, %d before", now.Frozen.Series().Len(), was.Frozen.Series().Len()))
	}
	for i, f := range was.Frozen.Features() {
		if where := differing(was.Frozen, now.Frozen, i); where != "" {
			lines = append(lines, fmt.Sprintf("feature %q differs in %s", f.Name, where))
		}
	}
	return append(lines, differingGroups(was, now)...)
}

// differing says where a feature has other numbers: in how many series, or in
// what all of them share; nothing if nowhere.
func differing(was, now *frozen.Frozen, feature int) string {
	if was.Features()[feature].Shared() {
		if sameNumbers(was, now, feature, frozen.Unknown) {
			return ""
		}
		return "what all series share"
	}
	n := 0
	for id := range int32(was.Series().Len()) {
		if string(was.Series().Name(id)) != string(now.Series().Name(id)) || !sameNumbers(was, now, feature, id) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return plural(n, "series", "series")
}

// sameNumbers compares what was learned of a feature in one series.
func sameNumbers(was, now *frozen.Frozen, feature int, id int32) bool {
	x, y := was.Learned(feature), now.Learned(feature)
	from := was.Entry(feature, id)
	to := from + was.Features()[feature].Entries(1)
	return slices.Equal(x.Count[from:to], y.Count[from:to]) && slices.Equal(x.Missing[from:to], y.Missing[from:to]) &&
		equal(x.Min[from:to], y.Min[from:to]) && equal(x.Max[from:to], y.Max[from:to]) &&
		equal(x.Mean[from:to], y.Mean[from:to]) && equal(x.Var[from:to], y.Var[from:to]) &&
		equal(was.Params(feature, id), now.Params(feature, id)) && sameLabels(x.Labels, y.Labels)
}

// equal compares numbers; NaN equals NaN.
func equal(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (a[i] == a[i] || b[i] == b[i]) {
			return false
		}
	}
	return true
}
