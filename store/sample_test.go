package store

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// seed returns the seed of a test's random numbers: TARE_SEED, or a new one.
func seed(t testing.TB) uint64 {
	s := uint64(time.Now().UnixNano())
	if text := os.Getenv("TARE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		s = n
	}
	t.Logf("TARE_SEED=%d", s)
	return s
}

func random(t testing.TB) *rand.Rand { return rand.New(rand.NewPCG(seed(t), 0)) }

var nan = math.NaN()

func p[T any](x T) *T { return &x }

// sample is an artifact with a feature of every kind, three series, one of
// which lacks every value of the quantile feature.
func sample(t testing.TB) (*Manifest, *frozen.Frozen) {
	features := []frozen.Feature{
		{Name: "plain", Scaler: scale.Spec{Kind: scale.None}},
		{Name: "z", Scaler: scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}, Impute: frozen.Impute{Kind: frozen.ImputeMean}},
		{Name: "spread", Scaler: scale.Spec{Kind: scale.Standard, WithStd: true}},
		{Name: "valve", Scaler: scale.Spec{Kind: scale.MinMax, FeatureRange: &[2]float64{0, 1}, Clip: true}},
		{Name: "load", Scaler: scale.Spec{Kind: scale.MaxAbs}, Impute: frozen.Impute{Kind: frozen.ImputeConstant, Constant: 2.5}},
		{Name: "vib", Scaler: scale.Spec{Kind: scale.Robust, WithCentering: true, WithScaling: true, QuantileRange: &[2]float64{25, 75}}, Impute: frozen.Impute{Kind: frozen.ImputeMedian}},
		{Name: "flow €", Pre: []scale.Pre{{Kind: scale.Sqrt}, {Kind: scale.Clip, Max: p(100.0)}}, Scaler: scale.Spec{Kind: scale.Quantile, NQuantiles: 3, OutputDistribution: scale.Uniform}},
	}
	learned := []frozen.Learned{
		{Params: []float64{}},
		{Impute: []float64{2, 4.5, -1}, Params: []float64{2, 0.5, 4.5, 1, -1, 2}},
		{Params: []float64{0, 0.5, 0, 1, 0, 2}},
		{Params: []float64{-1, 0.5, -1.5, 0.25, 2, 0.5}},
		{Params: []float64{3, 8, 2}},
		{Impute: []float64{2, 4, 0}, Params: []float64{2, 1.5, 4, 2, 0, 1}},
		{Offsets: []uint64{0, 4, 4, 10}, Params: []float64{0, 1, 1, 3, 0, 0.5, 1, 1, 2, 4}},
	}
	records := []uint64{10, 4, 7}
	for i := range learned {
		l := &learned[i]
		l.Count, l.Missing = []uint64{9, 4, 5}, []uint64{1, 0, 2}
		l.Min, l.Max = []float64{1, 2, -4}, []float64{3, 8, 2}
		l.Mean, l.Var = []float64{2, 4.5, -1}, []float64{0.25, 1, 4}
	}
	flow := &learned[6]
	flow.Count[1], flow.Missing[1] = 0, 4
	flow.Min = []float64{1, nan, 1}
	flow.Max = []float64{3, nan, 4}
	flow.Mean = []float64{2, nan, 2}
	flow.Var = []float64{0.25, nan, 1}
	return manifest(t, features, records, learned, "a", "press <1>", "ö")
}

// small is the smallest artifact: one series, one feature.
func small(t testing.TB) (*Manifest, *frozen.Frozen) {
	features := []frozen.Feature{{Name: "x", Scaler: scale.Spec{Kind: scale.MaxAbs}}}
	learned := []frozen.Learned{{
		Count: []uint64{2}, Missing: []uint64{0}, Min: []float64{1}, Max: []float64{2}, Mean: []float64{1.5}, Var: []float64{0.25}, Params: []float64{2},
	}}
	return manifest(t, features, []uint64{2}, learned, "a")
}

// manifest freezes what was learned and describes it.
func manifest(t testing.TB, features []frozen.Feature, records []uint64, learned []frozen.Learned, names ...string) (*Manifest, *frozen.Frozen) {
	t.Helper()
	series := new(frozen.Series)
	for _, name := range names {
		series.Add([]byte(name))
	}
	f, err := frozen.New(features, series, records, learned)
	if err != nil {
		t.Fatal(err)
	}
	m := &Manifest{
		Pipeline: "plant-7", Revision: 2,
		Plan: fit.Plan{
			Record:     schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"sensor"}}, Time: schema.Time{Field: "ts", Layout: schema.UnixMilli}, BadValue: schema.Reject, Limits: schema.DefaultLimits()},
			Features:   features,
			Cutoff:     fit.Cutoff{Kind: fit.EventTime, Time: 1772323200e9, Gap: fit.Duration(time.Hour), OutOfOrderness: fit.Duration(5 * time.Minute)},
			MinSamples: 2, MaxSeries: 1_000_000,
		},
		Columns:    f.Columns(),
		Algorithms: Algorithms{Moments: "m", Quantiles: "q", Distinct: "d"},
		Normalize:  Normalize{Emit: EmitAll, UnknownSeries: UnknownMissing, OnError: OnErrorContinue},
		Output:     record.Output{Value: record.Replace, Dtype: record.Float64, Missing: record.MissingNaN, Meta: record.MetaHeaders},
		Examples:   f.Examples(),
		Series:     fit.SeriesCounts{Learned: len(names), BelowMinSamples: 1, RecordsUnknown: 2, Distinct: uint64(len(names)) + 1},
	}
	for _, n := range records {
		m.Records.Learned += n
	}
	m.Records.Train = int64(m.Records.Learned) + 3
	m.Records.Rejected = map[string]int64{"syntax": 4, "range": 1}
	m.Ranges = []fit.Range{
		{Partition: 0, Start: 5, Seal: 5 + m.Records.Train, Reason: fit.ByWatermark, From: 1772000000e9, To: 1772319599e9, Learned: m.Records.Train - 1},
		{Partition: 2, Start: 0, Seal: 1, Reason: fit.ByEnd, From: 1772000000e9, To: 1772000000e9, Learned: 1},
	}
	for i := range features {
		m.Record.Features = append(m.Record.Features, schema.Feature{Name: features[i].Name, Field: "v." + features[i].Name})
		m.Pooled = append(m.Pooled, fit.Pooled{Count: m.Records.Learned, Missing: 1, Min: -4, Max: 8, Mean: 2, Var: 1, Distinct: 9})
		if m.Records.Learned == 0 {
			no := frozen.Number(nan)
			m.Pooled[i] = fit.Pooled{Missing: 1, Min: no, Max: no, Mean: no, Var: no}
		}
	}
	m.Format = m.format()
	return m, f
}

// written returns the bytes of an artifact.
func written(t testing.TB, m *Manifest, f *frozen.Frozen) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := WriteArtifact(&b, m, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (*Artifact, error) { return ReadArtifact(bytes.NewReader(b), int64(len(b))) }

// large is an artifact of n series and the given features, all of one kind.
func large(t testing.TB, n, features int, s scale.Spec) (*Manifest, *frozen.Frozen) {
	names := make([]string, n)
	records := make([]uint64, n)
	for i := range n {
		names[i] = fmt.Sprintf("sensor-%09d", i)
		records[i] = 100
	}
	of := make([]frozen.Feature, features)
	learned := make([]frozen.Learned, features)
	for i := range of {
		of[i] = frozen.Feature{Name: fmt.Sprintf("feature_%d", i), Scaler: s}
		l := &learned[i]
		if s.Ragged() {
			l.Offsets = make([]uint64, 1, n+1)
		}
		for k := range n {
			x := float64(k)
			l.Count, l.Missing = append(l.Count, 90), append(l.Missing, 10)
			l.Min, l.Max = append(l.Min, x), append(l.Max, x+2)
			l.Mean, l.Var = append(l.Mean, x+1), append(l.Var, 4)
			if s.Ragged() {
				for _, top := range []float64{1, x} {
					for j := range landmarksOfLarge {
						l.Params = append(l.Params, float64(j)/(landmarksOfLarge-1)*top)
					}
				}
				l.Offsets = append(l.Offsets, uint64(len(l.Params)))
			} else {
				l.Params = append(l.Params, x+1, 2)
			}
		}
	}
	return manifest(t, of, records, learned, names...)
}

const landmarksOfLarge = 131
