package store

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// pooled is what two partitions learned of features with pooled statistics, beside
// two that serve all series anyway, and with splits behind the cutoff.
func pooled(t testing.TB) (*Manifest, *frozen.Frozen, *fit.Merged) {
	standard := scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}
	quantile := scale.Spec{Kind: scale.Quantile, NQuantiles: 5, OutputDistribution: scale.Uniform}
	robust := scale.Spec{Kind: scale.Robust, WithCentering: true, WithScaling: true, QuantileRange: &[2]float64{25, 75}}
	plan := fit.Plan{
		Record: schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"s"}}, Time: schema.Time{Field: "t", Layout: schema.UnixMilli}, Limits: schema.DefaultLimits(), BadValue: schema.Reject},
		Features: []frozen.Feature{
			{Name: "temp", Scaler: standard, Pooled: true},
			{Name: "load", Scaler: quantile, Pre: []scale.Pre{{Kind: scale.Log1p}}, Impute: frozen.Impute{Kind: frozen.ImputeMedian}, Pooled: true},
			{Name: "image", Scaler: standard, Shape: []int{2, 3}, Per: "1", Pooled: true},
			{Name: "vib", Scaler: robust, Exact: frozen.ExactPrefer, Pooled: true},
			{Name: "line", Scaler: standard, Scope: frozen.ScopeGlobal},
			{Name: "given", Scaler: standard, Fixed: &frozen.Fixed{Mean: []float64{1}, Scale: []float64{2}}},
		},
		Cutoff:     fit.Cutoff{Kind: fit.EventTime, Time: 1_000_000_000_000},
		MinSamples: 10, MaxSeries: 100,
	}
	for _, f := range plan.Features {
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: f.Name, Field: f.Name, Shape: f.Shape})
	}
	until := fit.Instant(2_000_000_000_000)
	m := &Manifest{Pipeline: "p", Revision: 1, Plan: plan, Algorithms: CurrentAlgorithms(), Normalize: Normalize{EmitAll, UnknownPooled, OnErrorContinue},
		Splits: fit.Splits{{Name: "validation", Until: &until}, {Name: "test"}}}
	var states []*fit.State
	const rows = 40
	for partition := range int32(2) {
		state, err := fit.NewState(&m.Plan)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			row := record.Row{Series: []byte{"aaabbbz"[i%7]}} // z comes 5 times in each
			if partition == 1 && i%7 == 6 {
				row.Series = []byte("y")
			}
			for k := range plan.Record.Width() {
				row.Numbers = append(row.Numbers, float64((i*37+k*k*11+int(partition))%101)/4)
			}
			row.Numbers[(7*i)%len(row.Numbers)] = nan
			if err := state.Observe(&row); err != nil {
				t.Fatal(err)
			}
		}
		states = append(states, state)
		m.Ranges = append(m.Ranges, fit.Range{Partition: partition, Seal: rows, Reason: fit.ByEnd, Learned: rows})
		m.Records.Train += rows
	}
	m.Records.Learned = uint64(m.Records.Train) - 10
	f, merged := describe(t, m, states)
	return m, f, merged
}

// TestPooled writes and reads pooled numbers: the same numbers, the same bytes, an
// example of a series that was not learned, and every state in the companion.
func TestPooled(t *testing.T) {
	m, f, merged := pooled(t)
	if got := m.Series; got.Learned != 2 || got.BelowMinSamples != 2 {
		t.Fatalf("series %+v", got)
	}
	path := filepath.Join(t.TempDir(), "plant.npz")
	id, err := SaveArtifact(path, m, f, false)
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenArtifact(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, a.Frozen, f)
	if !a.Manifest.Pools() || a.Manifest.Format != 2 || len(a.Manifest.Splits) != 2 {
		t.Errorf("manifest %+v", a.Manifest)
	}
	if !bytes.Equal(written(t, &a.Manifest, a.Frozen), written(t, m, f)) {
		t.Error("the same artifact has other bytes")
	}
	last := a.Manifest.Examples[len(a.Manifest.Examples)-1]
	if !last.Pooled || last.Series != "" || len(a.Manifest.Examples) != 15 {
		t.Errorf("%d examples, the last %+v", len(a.Manifest.Examples), last)
	}
	if err := SaveCompanion(CompanionPath(path), id, m, merged, false); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCompanion(CompanionPath(path), id)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for feature := range m.Features[:4] {
		checkPooledStates(t, c, f, feature)
		for id := range int32(2) {
			checkStates(t, c, f, feature, id)
		}
	}
}

// checkPooledStates holds the states of an unknown series against what was derived
// from them.
func checkPooledStates(t *testing.T, c *Companion, f *frozen.Frozen, feature int) {
	t.Helper()
	spec, l := f.Features()[feature], f.Learned(feature)
	for group := range spec.Groups() {
		moments, ok, err := c.Group(group).Moments(feature, []byte("new"))
		entry := f.Entry(feature, frozen.Pooled) + group
		if err != nil || !ok || moments.N != l.Count[entry] || moments.Mean() != l.Mean[entry] || moments.N < 60*uint64(spec.Layout().Share()) {
			t.Errorf("%s, group %d: %d values of mean %v, %t, %v, want %d of %v", spec.Name, group, moments.N, moments.Mean(), ok, err, l.Count[entry], l.Mean[entry])
		}
	}
}

// TestGoldenPooled pins the bytes, and what records of known and unknown series
// become, as the tests of python/tare.py want it too. TARE_UPDATE=1 writes both.
func TestGoldenPooled(t *testing.T) {
	m, f, _ := pooled(t)
	var rows bytes.Buffer
	for i, series := range []string{"a", "b", "z", "new"} {
		row := record.Row{Numbers: make([]float64, f.Width())}
		for k := range row.Numbers {
			row.Numbers[k] = float64((i*53+k*29)%113) / 4
		}
		row.Numbers[i%2] = nan
		id := f.Find([]byte(series))
		if id == frozen.Unknown {
			id = frozen.Pooled
		}
		y, back := make([]float64, f.Width()), make([]float64, f.Width())
		flags := f.Transform(y, &row, id)
		f.Inverse(back, y, id)
		line, err := json.Marshal(map[string]any{"series": series, "raw": numbersOf(row.Numbers), "normalized": numbersOf(y), "inverse": numbersOf(back), "flags": flags})
		if err != nil {
			t.Fatal(err)
		}
		rows.Write(append(line, '\n'))
	}
	golden(t, "testdata/pooled.npz", written(t, m, f))
	golden(t, "testdata/pooled.jsonl", rows.Bytes())
}

// TestHostilePooled refuses pooled numbers and splits that cannot be.
func TestHostilePooled(t *testing.T) {
	m, f, _ := pooled(t)
	h := newHostiles(t, written(t, m, f))
	both := func(name, old, new, reason string) {
		t.Helper()
		h.member(name, manifestName, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(new)) }, reason)
	}
	both("no features are pooled", `,"pooled":true`, ``, "unknown_series is pooled, but not all features are")
	h.manifest(`,"pooled":true`, ``, "unknown_series is pooled, but not all features are")
	h.manifest(`"scope":"global"`, `"scope":"global","pooled":true`, "pooled statistics beside those that all series share")
	h.manifest(`"unknown_series":"pooled"`, `"unknown_series":"pool"`, `unknown_series is "pool"`)
	h.manifest(`"series":"","pooled":true`, `"series":"a","pooled":true`, `example of series "a" fits no series`)
	h.manifest(`"series":"a","raw"`, `"series":"","pooled":true,"raw"`, "example of series")
	h.word("temp.count", 2, math.MaxUint64, "temp")
	h.word("temp.missing", 2, 0, "of all series, want 80 together")
	h.word("image.count", 8, 1, "image")
	h.float("temp.scale", 2, 0, "a scale of 0")
	h.float("temp.data_min", 2, 1e6, "the minimum is above the maximum")
	h.manifest(`"name":"validation"`, `"name":"live"`, `split "live"`)
	h.manifest(`"name":"validation"`, `"name":"a/b"`, `split "a/b"`)
	h.manifest(`"name":"validation","until":"1970-01-01T00:33:20Z"`, `"name":"validation","until":"1970-01-01T00:00:20Z"`, `split "validation" ends at`)
	h.manifest(`"name":"validation","until":"1970-01-01T00:33:20Z"`, `"name":"validation"`, `split "validation" never ends`)
	h.manifest(`"splits":[`, `"splits":[{"name":"test"},`, `split "test" never ends`)
	h.member("a thousand splits", manifestName, func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"splits":[`), append([]byte(`"splits":[`), bytes.Repeat([]byte("{},"), 1000)...), 1)
	}, "more than 64 splits")
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 16)
}
