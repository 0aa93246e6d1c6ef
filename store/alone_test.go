package store

import (
	"bytes"
	"fmt"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// alone is features that the record alone normalizes, beside some that are learned.
func alone(t testing.TB, features []frozen.Feature, norms ...frozen.Norm) (*Manifest, *frozen.Frozen) {
	plan := fit.Plan{
		Record:   schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"s"}}, Limits: schema.DefaultLimits(), BadValue: schema.Reject},
		Features: features, Norms: norms,
		Cutoff:     fit.Cutoff{Kind: fit.End},
		MinSamples: 2, MaxSeries: 100,
	}
	for _, f := range plan.Features {
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: f.Name, Field: f.Name, Shape: f.Shape})
	}
	m := &Manifest{Pipeline: "p", Revision: 1, Plan: plan, Algorithms: CurrentAlgorithms(), Normalize: Normalize{EmitAll, UnknownMissing, OnErrorContinue}}
	state, err := fit.NewState(&m.Plan)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 50
	for i := range rows {
		row := record.Row{Series: []byte{"xy"[i%2]}}
		for k := range plan.Record.Width() {
			row.Numbers = append(row.Numbers, 1+float64((i*37+i*k*11)%101)/4)
		}
		if err := state.Observe(&row); err != nil {
			t.Fatal(err)
		}
	}
	m.Ranges = []fit.Range{{Seal: rows, Reason: fit.ByEnd, Learned: rows}}
	m.Records.Train, m.Records.Learned = rows, rows
	f, _ := describe(t, m, []*fit.State{state})
	return m, f
}

var plain = scale.Spec{Kind: scale.None}

// allAlone has all that a record alone normalizes.
func allAlone(t testing.TB) (*Manifest, *frozen.Frozen) {
	return alone(t, []frozen.Feature{
		{Name: "width", Scaler: plain},
		{Name: "clip", Scaler: scale.Spec{Kind: scale.Normalizer, Norm: scale.Peak}, Shape: []int{2, 30}, Per: "0"},
		{Name: "loud", Scaler: scale.Spec{Kind: scale.Normalizer, Norm: scale.Standard}, Shape: []int{5}, Pre: []scale.Pre{{Kind: scale.Log1p}}},
		{Name: "fx", Scaler: standard}, {Name: "height", Scaler: standard}, {Name: "fy", Scaler: standard, Scope: frozen.ScopeGlobal},
		{Name: "left", Scaler: scale.Spec{Kind: scale.Ratio, Clip: true}, By: []string{"width"}, Impute: frozen.Impute{Kind: frozen.ImputeConstant, Constant: 1}},
		{Name: "box", Scaler: scale.Spec{Kind: scale.Ratio}, Shape: []int{2, 2}, By: []string{"width", "height"}, Role: frozen.RoleTarget},
	}, frozen.Norm{Members: []string{"fy", "fx"}, Norm: scale.L2})
}

// TestAlone writes and reads an artifact of which much is not learned: nothing of
// that is in the file but its description, and examples that hold to the last bit.
func TestAlone(t *testing.T) {
	m, f := allAlone(t)
	file := written(t, m, f)
	a, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written(t, &a.Manifest, a.Frozen), file) {
		t.Error("read and written again it has other bytes")
	}
	if len(a.Manifest.Examples) != 10 || a.Manifest.Format != 2 {
		t.Errorf("format %d, %d examples", a.Manifest.Format, len(a.Manifest.Examples))
	}
	for _, p := range unpack(t, file) {
		for _, name := range []string{"clip", "loud", "left", "box"} {
			if bytes.HasPrefix([]byte(p.name), []byte(name+".")) {
				t.Errorf("%s is in the file, of which nothing is learned", p.name)
			}
		}
	}
	row := record.Row{Numbers: make([]float64, f.Inputs())}
	for i := range row.Numbers {
		row.Numbers[i] = float64(i%7) + 1
	}
	y, want := make([]float64, f.Width()), make([]float64, f.Width())
	f.Transform(want, &row, 0)
	a.Frozen.Transform(y, &row, 0)
	for i := range y {
		if y[i] != want[i] {
			t.Fatalf("number %d is %v, want %v", i, y[i], want[i])
		}
	}
}

// TestFewBytes holds that features with short descriptions are not taken for a bomb:
// many that are learned, beside one that is not.
func TestFewBytes(t *testing.T) {
	f := func(n int, last frozen.Feature) {
		t.Helper()
		var features []frozen.Feature
		for i := range n {
			features = append(features, frozen.Feature{Name: fmt.Sprint("x", i), Scaler: plain})
		}
		m, fr := alone(t, append(features, last))
		if _, err := read(written(t, m, fr)); err != nil {
			t.Errorf("%d features and %+v: %v", n, last, err)
		}
	}
	for n := range 20 {
		f(n+1, frozen.Feature{Name: "y", Scaler: standard, Fixed: &frozen.Fixed{Mean: []float64{1}, Scale: []float64{2}}})
		f(n+1, frozen.Feature{Name: "y", Scaler: scale.Spec{Kind: scale.Ratio}, By: []string{"x0"}})
	}
	by := make([]string, frozen.MaxBy)
	for i := range by {
		by[i] = "x0"
	}
	f(1, frozen.Feature{Name: "y", Scaler: scale.Spec{Kind: scale.Ratio}, By: by, Shape: []int{frozen.MaxBy}})
}

// TestHostileAlone refuses what the record alone cannot normalize.
func TestHostileAlone(t *testing.T) {
	m, f := allAlone(t)
	h := newHostiles(t, written(t, m, f))
	h.manifest(`"format":2`, `"format":1`, "format 1, want 2 for such features")
	h.manifest(`"norm":"peak"`, `"norm":"loud"`, `norm "loud": must be one of`)
	h.manifest(`"by":["width"]`, `"by":["wide"]`, `by "wide": there is no feature of this name`)
	h.manifest(`"by":["width"]`, `"by":["left"]`, `divided itself`)
	h.manifest(`"features":["fy","fx"]`, `"features":["fy","fy"]`, `is a member of norm 0 already`)
	h.manifest(`"norm":"l2"}]`, `"norm":"l1"}]`, `the artifact says`)
	h.manifest(`"norms":[`, `"norms":[`+string(bytes.Repeat([]byte(`{},`), 1000)), "1001 norms with")
	h.manifest(`"norms":[`, `"norms":[{"features":[`+string(bytes.Repeat([]byte(`"",`), 100))+`"fx"]},`, "2 norms with")
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 8)
}
