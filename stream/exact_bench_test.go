package stream

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/schema"
)

// BenchmarkExact is what exact quantiles of eight features cost beside the fit
// pass that they come on top of, a record of the training stretch: that pass, and
// all passes that read it again.
func BenchmarkExact(b *testing.B) {
	for _, series := range []int{1000, 20} {
		files, plan := exactFiles(b, series, 200_000)
		fitter := Fitter{Plan: plan, Source: files, NewDecoder: newDecoder(&plan.Record), Records: new(atomic.Int64)}
		b.Run(fmt.Sprintf("fit/series=%d", series), func(b *testing.B) {
			for b.Loop() {
				if _, err := fitter.Run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200_000, "ns/record")
		})
		learned, err := fitter.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("exact/series=%d", series), func(b *testing.B) {
			fitter.Records.Store(0)
			for b.Loop() {
				if err := fitter.Sharpen(b.Context(), learned, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200_000, "ns/record")
			b.ReportMetric(float64(fitter.Records.Load())/float64(b.N)/200_000, "passes")
		})
	}
}

// exactFiles is a file of records with eight features of so many series in turn,
// and the plan that wants all of them exact.
func exactFiles(b *testing.B, series, records int) (*Files, *fit.Plan) {
	b.Helper()
	plan := &fit.Plan{Cutoff: fit.Cutoff{Kind: fit.End}, MinSamples: 2, MaxSeries: series,
		Record: schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"sensor"}}, BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	spec := exactly(frozen.ExactRequire).Features[1].Scaler
	for i := range 8 {
		name := fmt.Sprint("feature-", i)
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: name, Field: name})
		plan.Features = append(plan.Features, frozen.Feature{Name: name, Scaler: spec, Exact: frozen.ExactRequire})
	}
	r := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	for i := range records {
		fmt.Fprintf(&text, `{"sensor":"sensor-%d"`, i%series)
		for k := range 8 {
			fmt.Fprintf(&text, `,"feature-%d":%.4f`, k, 20+r.NormFloat64())
		}
		text.WriteString("}\n")
	}
	path := filepath.Join(b.TempDir(), "train.jsonl")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	files, err := NewFiles([]string{path}, schema.JSON, nil)
	if err != nil {
		b.Fatal(err)
	}
	return files, plan
}
