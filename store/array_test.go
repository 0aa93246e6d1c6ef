package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// arrays is what two partitions learned of arrays with groups of every kind, of a
// number that all series share, and of fixed numbers.
func arrays(t testing.TB) (*Manifest, *frozen.Frozen, *fit.Merged) {
	standard := scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}
	quantile := scale.Spec{Kind: scale.Quantile, NQuantiles: 5, OutputDistribution: scale.Uniform}
	plan := fit.Plan{
		Record: schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"s"}}, Limits: schema.DefaultLimits(), BadValue: schema.Reject},
		Features: []frozen.Feature{
			{Name: "image", Scaler: standard, Shape: []int{3, 4, 5}, Per: "0"},
			{Name: "bins", Scaler: standard, Shape: []int{20}, Pre: []scale.Pre{{Kind: scale.Log1p}}, Impute: frozen.Impute{Kind: frozen.ImputeMedian}},
			{Name: "clip", Scaler: quantile, Shape: []int{2, 3}, Per: frozen.PerNone, Scope: frozen.ScopeGlobal},
			{Name: "load", Scaler: scale.Spec{Kind: scale.MaxAbs}, Scope: frozen.ScopeGlobal},
			{Name: "given", Scaler: standard, Shape: []int{2, 2}, Per: "1", Fixed: &frozen.Fixed{Mean: []float64{0.5, -1}, Scale: []float64{2}}},
			{Name: "plain", Scaler: standard},
		},
		Cutoff:     fit.Cutoff{Kind: fit.End},
		MinSamples: 2, MaxSeries: 100,
	}
	for _, f := range plan.Features {
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: f.Name, Field: f.Name, Shape: f.Shape})
	}
	m := &Manifest{Pipeline: "p", Revision: 1, Plan: plan, Algorithms: CurrentAlgorithms(), Normalize: Normalize{EmitAll, UnknownMissing, OnErrorContinue}}
	var states []*fit.State
	const rows = 41 // the last is of a series that comes once
	for partition := range int32(2) {
		state, err := fit.NewState(&m.Plan)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			row := record.Row{Series: []byte{"abz"[i%2+i/(rows-1)*2]}}
			for k := range plan.Record.Width() {
				row.Numbers = append(row.Numbers, float64((i*37+k*k*11+int(partition))%101)/4)
			}
			row.Numbers[(7*i)%len(row.Numbers)] = nan
			if partition == 1 && i == rows-1 {
				row.Series = []byte("y")
			}
			if err := state.Observe(&row); err != nil {
				t.Fatal(err)
			}
		}
		states = append(states, state)
		m.Ranges = append(m.Ranges, fit.Range{Partition: partition, Seal: rows, Reason: fit.ByEnd, Learned: rows})
		m.Records.Train += rows
	}
	m.Records.Learned = uint64(m.Records.Train) - 2
	f, merged := describe(t, m, states)
	return m, f, merged
}

// TestArrays writes and reads arrays: the same numbers, the same bytes, in format
// 2, and every state in the companion.
func TestArrays(t *testing.T) {
	m, f, merged := arrays(t)
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
	if a.Manifest.Format != 2 || !reflect.DeepEqual(a.Manifest.Features, m.Features) {
		t.Errorf("manifest %+v", a.Manifest)
	}
	if !bytes.Equal(written(t, &a.Manifest, a.Frozen), written(t, m, f)) {
		t.Error("the same artifact has other bytes")
	}
	if err := SaveCompanion(CompanionPath(path), id, m, merged, false); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCompanion(CompanionPath(path), id)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := "[{image running 3  false} {bins quantiles 20  false} {clip quantiles 1 global false} {load running 0 global false} {given none 0  false} {plain running 0  false}]"
	if got := fmt.Sprint(c.Manifest.Features); got != want {
		t.Errorf("companion of %s, want %s", got, want)
	}
	for feature := range m.Features {
		for id := range int32(2) {
			checkStates(t, c, f, feature, id)
		}
	}
	if d, err := c.Distinct(3); err != nil || d.Estimate() != merged.Pooled(3).Distinct {
		t.Errorf("distinct values of load: %v, %v", d, err)
	}
}

// checkStates holds the states of a series against what was derived from them.
func checkStates(t *testing.T, c *Companion, f *frozen.Frozen, feature int, id int32) {
	t.Helper()
	spec, l := f.Features()[feature], f.Learned(feature)
	for group := range spec.Groups() {
		moments, ok, err := c.Group(group).Moments(feature, f.Series().Name(id))
		if err != nil || ok != (spec.Fixed == nil) {
			t.Fatalf("%s, group %d: %v, %v", spec.Name, group, ok, err)
		}
		if !ok {
			continue
		}
		entry := f.Entry(feature, id) + group
		if moments.N != l.Count[entry] || moments.Mean() != l.Mean[entry] {
			t.Errorf("%s, group %d: %d values, want %d", spec.Name, group, moments.N, l.Count[entry])
		}
	}
}

// TestGoldenArrays pins the bytes of format 2, and what arrays become: the rows of
// testdata/arrays.jsonl, which the tests of python/tare.py hold themselves against
// too. TARE_UPDATE=1 writes both files.
func TestGoldenArrays(t *testing.T) {
	got := arraysBytes(t)
	_, f, _ := arrays(t)
	var rows bytes.Buffer
	for i, series := range []string{"a", "b", "a", "new"} {
		row := record.Row{Numbers: make([]float64, f.Width())}
		for k := range row.Numbers {
			row.Numbers[k] = float64((i*53+k*29)%113) / 4
		}
		row.Numbers[0], row.Numbers[70+i] = nan, nan
		id := f.Find([]byte(series))
		y := make([]float64, f.Width())
		flags := f.Transform(y, &row, id)
		back := make([]float64, f.Width())
		f.Inverse(back, y, id)
		line, err := json.Marshal(map[string]any{"series": series, "raw": numbersOf(row.Numbers), "normalized": numbersOf(y), "inverse": numbersOf(back), "flags": flags})
		if err != nil {
			t.Fatal(err)
		}
		rows.Write(append(line, '\n'))
	}
	golden(t, "testdata/arrays.npz", got)
	golden(t, "testdata/arrays.jsonl", rows.Bytes())
}

func numbersOf(x []float64) (n []frozen.Number) {
	for _, v := range x {
		n = append(n, frozen.Number(v))
	}
	return n
}

// golden holds bytes against a file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("TARE_UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d other bytes than the %d in the file", path, len(got), len(want))
	}
}

// TestFormats: what an older tare can read keeps its format.
func TestFormats(t *testing.T) {
	f := func(want int, change func(m *Manifest)) {
		t.Helper()
		m, _ := small(t)
		change(m)
		if got := m.format(); got != want {
			t.Errorf("format %d, want %d", got, want)
		}
	}
	f(1, func(*Manifest) {})
	f(1, func(m *Manifest) { m.Output.Dtype = record.Float32 })
	f(2, func(m *Manifest) { m.Output.Dtype = record.Int16 })
	f(2, func(m *Manifest) { m.Record.Format = schema.Binary })
	f(2, func(m *Manifest) { m.Features[0].Shape = []int{1} })
	f(2, func(m *Manifest) { m.Features[0].Scope = frozen.ScopeGlobal })
	f(2, func(m *Manifest) { m.Features[0].Fixed = &frozen.Fixed{} })
	f(2, func(m *Manifest) { m.Features[0].Role = frozen.RoleTarget })
	f(2, func(m *Manifest) { m.Features[0].Pooled = true })
	f(2, func(m *Manifest) { m.Normalize.UnknownSeries = UnknownPooled })
	f(2, func(m *Manifest) { m.Norms = []frozen.Norm{{}} })
	f(2, func(m *Manifest) { m.Features[0].Scaler.Kind = scale.Ratio })
	f(2, func(m *Manifest) { m.Splits = fit.Splits{{Name: "test"}} })
}

func arraysBytes(t testing.TB) []byte {
	m, f, _ := arrays(t)
	return written(t, m, f)
}

// TestHostileArrays refuses arrays that cannot be, without memory for them.
func TestHostileArrays(t *testing.T) {
	h := newHostiles(t, arraysBytes(t))
	both := func(old, new, reason string) {
		t.Helper()
		h.member(fmt.Sprintf("manifest: all %s -> %s", old, new), manifestName, func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(old), []byte(new))
		}, reason)
	}
	h.manifest(`"format":2`, `"format":1`, "format 1, want 2 for such features")
	h.manifest(`"format":2`, `"format":3`, "format 3, want 1 to 2")
	h.manifest(`"shape":[3,4,5]`, `"shape":[3,4,4]`, `feature "image" has the shape [3 4 5], its field [3 4 4]`)
	both(`"shape":[3,4,5]`, `"shape":[1048576,1048576,1048576]`, "numbers, want a smaller one")
	both(`"shape":[3,4,5]`, `"shape":[9223372036854775807,3]`, "numbers, want a smaller one")
	both(`"shape":[3,4,5]`, `"shape":[-3,-4,5]`, "want extents of at least 1")
	both(`"shape":[3,4,5]`, `"shape":[0]`, "want extents of at least 1")
	both(`"shape":[3,4,5]`, `"shape":[1,1,1,1,1,1,1,1,1]`, "shape of 9 extents")
	both(`"shape":[3,4,5]`, `"shape":[]`, "at byte")
	both(`"shape":[3,4,5]`, `"shape":[3,4,5.5]`, "cannot unmarshal")
	both(`"shape":[3,4,5]`, `"shape":[3,4,4]`, "values and")
	both(`"shape":[20]`, `"shape":[16777000]`, `pooled feature "bins"`)
	h.member("a shape far beyond its arrays", manifestName, func(b []byte) []byte {
		b = bytes.ReplaceAll(b, []byte(`"shape":[20]`), []byte(`"shape":[16777000]`))
		return bytes.Replace(b, []byte(`"count":1622,"missing":18,`), []byte(`"count":1622,"missing":1375712378,`), 1)
	}, "bins.count.npy has")
	h.manifest(`"per":"0"`, `"per":"3"`, `per "3" of the shape [3 4 5]`)
	h.manifest(`"per":"0"`, `"per":"1"`, "image.count.npy")
	h.manifest(`"per":"0"`, `"per":"axis"`, `per "axis"`)
	h.manifest(`"scope":"global"`, `"scope":"world"`, `scope "world"`)
	h.manifest(`,"scope":"global"`, ``, "clip.count.npy")
	h.manifest(`"mean":[0.5,-1]`, `"mean":[]`, "0 fixed numbers")
	h.manifest(`"mean":[0.5,-1]`, `"mean":[1,2,3]`, "3 fixed numbers")
	h.manifest(`"mean":[0.5,-1]`, `"mean":[1e+151,1]`, "a fixed number of 1e+151")
	h.manifest(`"mean":[0.5,-1]`, `"mean":[1,1]`, "example of series")
	h.manifest(`"scale":[2]`, `"scale":[0]`, "a fixed scale that is not above 0")
	h.manifest(`"scale":[2]`, `"scale":[-2]`, "a fixed scale that is not above 0")
	h.manifest(`"scale":[2]`, `"scale":[null]`, "at byte")
	h.manifest(`"fixed":{"mean":[0.5,-1],"scale":[2]}`, `"fixed":{}`, "at byte")
	h.manifest(`,"fixed":{"mean":[0.5,-1],"scale":[2]}`, ``, `pooled feature "given"`)
	h.word("image.count", 0, math.MaxUint64, "want 800 together")
	h.word("clip.count", 0, 1<<63, "want 492 together")
	h.word("load.missing", 0, 5, "missing of all series, want 82 together")
	h.float("bins.scale", 30, 0, "a scale of 0")
	h.word("clip.offsets", 1, 6, "offset 1 is 6 after 0")
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 30)
}

// TestManyFixedNumbers: numbers in the manifest cost no more memory than their
// text, up to where they are refused.
func TestManyFixedNumbers(t *testing.T) {
	h := newHostiles(t, arraysBytes(t))
	for _, n := range []int{1000, 1_000_000} {
		zeros := string(slices.Repeat([]byte("0,"), n))
		h.manifest(`"mean":[0.5,-1]`, fmt.Sprintf(`"mean":[%s0]`, zeros), "fixed numbers, want 1 or")
		h.manifest(`"pre":[{"kind":"log1p"}]`, fmt.Sprintf(`"pre":[%s0]`, zeros), "more values than such a manifest can have")
	}
	for _, c := range h.all {
		var err error
		if took := allocated(func() { _, err = read(c.file) }); took > 1<<20+32*uint64(len(c.file)) {
			t.Errorf("%s: %d bytes allocated for a file of %d", c.name, took, len(c.file))
		}
		if !isRefused(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
