package store

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// whitened is what two series have taught a group of each series and one that all
// share.
func whitened(t testing.TB) (*Manifest, *frozen.Frozen) {
	standard := scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}
	none := scale.Spec{Kind: scale.None}
	plan := fit.Plan{
		Record: schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"s"}}, Limits: schema.DefaultLimits(), BadValue: schema.Reject},
		Features: []frozen.Feature{
			{Name: "a", Scaler: standard}, {Name: "b", Scaler: standard}, {Name: "plain", Scaler: standard},
			{Name: "c", Scaler: none, Scope: frozen.ScopeGlobal}, {Name: "d", Scaler: none, Scope: frozen.ScopeGlobal, Impute: frozen.Impute{Kind: frozen.ImputeMean}},
		},
		Whiten: []frozen.Group{
			{Name: "own", Members: []string{"b", "a"}, Whitening: scale.Whitening{Method: scale.ZCA}},
			{Name: "all", Members: []string{"c", "d"}, Scope: frozen.ScopeGlobal, Whitening: scale.Whitening{Method: scale.PCA, Whiten: true, NComponents: 0.5, LedoitWolf: true}},
		},
		Cutoff:     fit.Cutoff{Kind: fit.End},
		MinSamples: 2, MaxSeries: 100,
	}
	for _, f := range plan.Features {
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: f.Name, Field: f.Name})
	}
	m := &Manifest{Pipeline: "p", Revision: 1, Plan: plan, Algorithms: CurrentAlgorithms(), Normalize: Normalize{EmitAll, UnknownMissing, OnErrorContinue}}
	state, err := fit.NewState(&m.Plan)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 200
	for i := range rows {
		row := record.Row{Series: []byte{"xy"[i%2]}}
		for k := range plan.Features {
			row.Numbers = append(row.Numbers, float64((i*37+i*k*11)%101)/4)
		}
		if i%9 == 0 {
			row.Numbers[i%5] = nan
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

// TestWhitened writes and reads groups: the same numbers, in format 2.
func TestWhitened(t *testing.T) {
	m, f := whitened(t)
	a, err := read(written(t, m, f))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, a.Frozen, f)
	for k := range m.Whiten {
		if got, want := a.Frozen.Whitened(k), f.Whitened(k); !reflect.DeepEqual(got, want) || len(want.Params) == 0 {
			t.Errorf("group %d: %v, want %v", k, got, want)
		}
	}
	if a.Manifest.Format != 2 || !reflect.DeepEqual(a.Manifest.Whiten, m.Whiten) {
		t.Errorf("manifest %+v", a.Manifest)
	}
	if want := []string{"plain", "own_zca0", "own_zca1", "all_pca0"}; !slices.Equal(a.Manifest.Columns, want) {
		t.Errorf("columns %q, want %q", a.Manifest.Columns, want)
	}
	f3 := func(value record.Value, want ...schema.Feature) {
		t.Helper()
		a.Manifest.Output.Value = value
		if got := a.Manifest.Written().Features; !reflect.DeepEqual(got, want) {
			t.Errorf("%s writes %+v, want %+v", value, got, want)
		}
	}
	one := func(name string) schema.Feature { return schema.Feature{Name: name, Field: name} }
	f3(record.Features, one("plain"), one("own_zca0"), one("own_zca1"), one("all_pca0"))
	f3(record.Replace, one("plain"), schema.Feature{Name: "own", Field: "own", Shape: []int{2}}, schema.Feature{Name: "all", Field: "all", Shape: []int{1}})
}

// TestHostileGroups refuses groups that cannot be, without memory for them.
func TestHostileGroups(t *testing.T) {
	m, f := whitened(t)
	h := newHostiles(t, written(t, m, f))
	h.manifest(`"format":2`, `"format":1`, "format 1, want 2 for such features")
	h.manifest(`"features":["b","a"]`, `"features":["b","b"]`, "a member of group")
	h.manifest(`"features":["b","a"]`, `"features":["b","e"]`, "there is no feature")
	h.manifest(`"features":["b","a"]`, `"features":[]`, "0 members")
	h.manifest(`"features":["b","a"]`, `"features":["b","plain"]`, "columns")
	h.manifest(`"features":["b","a"]`, `"features":["b"]`, "own.whiten.npy has")
	h.manifest(`"features":["b","a"]`, `"features":["a","b"]`, "example of series")
	h.manifest(`"method":"zca"`, `"method":"cholesky"`, "columns")
	h.manifest(`"method":"zca"`, `"method":"ica"`, "method")
	h.manifest(`"n_components":0.5`, `"n_components":2`, "all.whiten.npy has")
	h.manifest(`"n_components":0.5`, `"n_components":1e+300`, "n_components")
	h.manifest(`"name":"own"`, `"name":"plain"`, "no feature and no other group has")
	h.manifest(`"name":"own"`, `"name":"../own"`, "want a name of up to")
	h.word("own.count", 0, 1000, "records with all members")
	h.word("own.count", 1, 0, "is not finite, or one from none is not NaN")
	h.float("own.whiten", 3, math.Inf(1), "is not finite")
	h.float("all.whiten", 0, nan, "is not finite")
	h.float("all.whiten", 3, 0.25, "example of series")
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 15)
}
