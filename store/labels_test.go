package store

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// labeled is what two partitions have taught a one-hot feature, one that is given its
// categories, one of numbers that are more than are tracked, and an ordinal target,
// with a number between them.
func labeled(t testing.TB) (*Manifest, *frozen.Frozen, *fit.Merged) {
	feature := func(name, kind string, change func(e *scale.Encoding)) frozen.Feature {
		e, err := scale.DefaultEncoding(kind)
		if err != nil {
			t.Fatal(err)
		}
		change(&e)
		return frozen.Feature{Name: name, Scaler: scale.Spec{Kind: scale.None}, Scope: frozen.ScopeGlobal, Encoding: &e}
	}
	plan := fit.Plan{
		Record: schema.Schema{Format: schema.JSON, Limits: schema.DefaultLimits(), BadValue: schema.Reject},
		Features: []frozen.Feature{
			feature("state", scale.OneHot, func(e *scale.Encoding) { e.HandleUnknown, e.MaxCategories = scale.HandleIgnore, p(3) }),
			{Name: "state_x", Scaler: scale.Spec{Kind: scale.MaxAbs}},
			feature("given", scale.OneHot, func(e *scale.Encoding) {
				e.HandleUnknown, e.Categories, e.Drop = scale.HandleIgnore, []string{"b", "a", "ö"}, scale.DropFirst
			}),
			feature("code", scale.Ordinal, func(e *scale.Encoding) { e.MaxTracked = 5 }),
			feature("grade", scale.Ordinal, func(e *scale.Encoding) { e.EncodedMissingValue = p(-2.0) }),
		},
		Cutoff:     fit.Cutoff{Kind: fit.End},
		MinSamples: 1, MaxSeries: 100,
	}
	plan.Features[4].Role = frozen.RoleTarget
	for _, f := range plan.Features {
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: f.Name, Field: f.Name, Label: f.Encoding != nil})
	}
	m := &Manifest{Pipeline: "p", Revision: 1, Plan: plan, Algorithms: CurrentAlgorithms(), Normalize: Normalize{EmitAll, UnknownMissing, OnErrorContinue}}
	var states []*fit.State
	for partition := range int32(2) {
		state, err := fit.NewState(&m.Plan)
		if err != nil {
			t.Fatal(err)
		}
		const rows = 150
		for i := range rows {
			if err := state.Observe(labeledRow(i)); err != nil {
				t.Fatal(err)
			}
		}
		states = append(states, state)
		m.Ranges = append(m.Ranges, fit.Range{Partition: partition, Seal: rows, Reason: fit.ByEnd, Learned: rows})
		m.Records.Train += rows
		m.Records.Learned += rows
	}
	f, merged := describe(t, m, states)
	m.Widths = f.Widths()
	return m, f, merged
}

func labeledRow(i int) *record.Row {
	text := func(s string) record.Label { return record.Label{Text: []byte(s), Kind: record.TextLabel} }
	number := func(n int) record.Label { return record.Label{Text: fmt.Append(nil, n), Kind: record.NumberLabel} }
	row := &record.Row{Numbers: []float64{0, float64(i%9) + 1, 0, 0, 0}, Labels: []record.Label{
		text([]string{"run", "run", "run", "idle", "idle", "", "stop"}[i%7]), text([]string{"a", "b", "c"}[i%3]),
		number([]int{10, i % 12}[i%2]), {Kind: record.BoolLabel, Text: fmt.Append(nil, i%2 == 0)}}}
	if i%10 == 0 {
		row.Numbers[0], row.Labels[0] = nan, record.Label{}
	}
	return row
}

func labeledBytes(t testing.TB) []byte {
	m, f, _ := labeled(t)
	return written(t, m, f)
}

// TestLabels writes and reads labels: the same categories, outputs and labels.
func TestLabels(t *testing.T) {
	m, f, _ := labeled(t)
	a, err := read(written(t, m, f))
	if err != nil {
		t.Fatal(err)
	}
	if a.Manifest.Format != 2 || !reflect.DeepEqual(a.Manifest.Features, m.Features) || !slices.Equal(a.Manifest.Widths, []int{3, 1, 2, 1, 1}) {
		t.Errorf("manifest %+v", a.Manifest)
	}
	if want := []string{"state_idle", "state_run", "state_infrequent_sklearn", "state_x", "given_a", "given_ö", "code", "grade"}; !slices.Equal(a.Manifest.Columns, want) {
		t.Errorf("columns %q, want %q", a.Manifest.Columns, want)
	}
	for i := range m.Features {
		got, want := a.Frozen.Learned(i), f.Learned(i)
		if !slices.Equal(got.Count, want.Count) || !slices.Equal(got.Missing, want.Missing) || !reflect.DeepEqual(got.Labels, want.Labels) {
			t.Errorf("feature %q: %v, want %v", m.Features[i].Name, got, want)
		}
		if l := got.Labels; l != nil && !(math.IsNaN(got.Mean[0]) && math.IsNaN(got.Max[0])) {
			t.Errorf("feature %q has statistics %v", m.Features[i].Name, got)
		}
	}
	if l := a.Frozen.Learned(3).Labels; l.Error == 0 || l.Kind != record.NumberLabel || len(l.Categories) > 5 {
		t.Errorf("code: %+v, want an error and at most 5 numbers", l)
	}
	y, want := make([]float64, f.Width()), make([]float64, f.Width())
	for i := range 30 {
		row := labeledRow(i)
		if x, y := a.Frozen.Transform(y, row, 0), f.Transform(want, row, 0); x != y {
			t.Errorf("flags %v, want %v", x, y)
		}
		if fmt.Sprint(y) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", y, want)
		}
	}
}

func TestWrittenLabels(t *testing.T) {
	m, _, _ := labeled(t)
	f := func(value record.Value, want ...schema.Feature) {
		t.Helper()
		m.Output.Value = value
		if got := m.Written().Features; !reflect.DeepEqual(got, want) {
			t.Errorf("%s writes %+v, want %+v", value, got, want)
		}
	}
	one := func(name string, shape ...int) schema.Feature {
		return schema.Feature{Name: name, Field: name, Shape: shape}
	}
	f(record.Replace, one("state", 3), one("state_x"), one("given", 2), one("code"), one("grade"))
	f(record.Vector, one("state_idle"), one("state_run"), one("state_infrequent_sklearn"), one("state_x"), one("given_a"), one("given_ö"), one("code"), one("grade"))
	if !m.Record.Features[0].Label {
		t.Error("the schema of the records has changed")
	}
	refused := func(want string, value record.Value, format schema.Format, unknown string) {
		t.Helper()
		m.Output.Value, m.Record.Format, m.Normalize.UnknownSeries = value, format, unknown
		if err := m.CheckWritten(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refused("", record.Replace, schema.JSON, UnknownPassthrough)
	refused("", record.Features, schema.CSV, UnknownMissing)
	refused("csv records with the scaler onehot", record.Replace, schema.CSV, UnknownMissing)
	refused("unknown_series passthrough with labels", record.Vector, schema.JSON, UnknownPassthrough)
	for _, e := range []int{0, 2} {
		m.Features[e].Encoding.Kind = scale.Ordinal
	}
	refused("", record.Replace, schema.CSV, UnknownMissing)
}

// TestHostileLabels refuses labels that cannot be, without memory for them.
func TestHostileLabels(t *testing.T) {
	h := newHostiles(t, labeledBytes(t))
	f, w := h.manifest, h.word
	f(`"format":2`, `"format":1`, "format 1, want 2")
	f(`"label":true`, `"label":false`, "manifest.json: at byte")
	f(`,"label":true`, ``, "do not agree whether it is a label")
	f(`"kind":"onehot"`, `"kind":"hot"`, "encoder")
	f(`"max_tracked":10000`, `"max_tracked":0`, "manifest.json: at byte")
	f(`"max_tracked":10000`, `"max_tracked":-1`, "max_tracked -1")
	f(`"max_categories":3`, `"max_categories":2`, "told apart")
	f(`"scope":"global","encoding"`, `"encoding"`, "a label of scope")
	f(`"categories":["b","a","ö"]`, `"categories":["a","b","ö"]`, "are not those given")
	f(`"drop":"first"`, `"drop":"if_binary"`, "columns")
	f(`"encoded_missing_value":-2`, `"encoded_missing_value":-3`, "example of series")
	f(`"widths":[3,1,2,1,1]`, `"widths":[2,1,3,1,1]`, "widths")
	f(`"widths":[3,1,2,1,1],`, ``, "widths")
	f(`"widths":[3,1,2,1,1]`, `"widths":[3,1,2,1,1,1]`, "columns and")
	f(`{"name":"state_x","field"`, `{"name":"state.labels","field"`, "reads the field of")
	f(`"columns":["state_idle"`, `"columns":["state_id"`, "columns")
	f(`"raw":[0,1,`, `"raw":[0.5,1,`, "which is no code")
	f(`"normalized":[1,0,0,`, `"normalized":[1,0,0.5,`, "example of series")
	f(`"raw":[0,1,`, `"raw":[4,1,`, "which is no code")
	w("state.count", 0, 5, "counted more often than there are labels, 5")
	w("given.count", 0, 301, "301 values and 0 missing of all series, want 300 together")
	w("state.count", 0, math.MaxUint64, "more than 2^64")
	w("state.missing", 0, 31, "missing of all series")
	w("state.labels.offsets", 0, 1, "want them to rise from 0 to")
	w("state.labels.offsets", 1, 99, "want them to rise from 0 to")
	w("state.labels.offsets", 2, 2, "columns")
	w("state.labels.count", 0, 1<<40, "counted more often than there are labels")
	w("state.labels.count", 0, 1, "are not counted")
	w("state.labels.error", 0, 1, "an error of 1 where 0 of")
	w("code.labels.error", 0, 0, "an error of 0 where")
	h.float("state.infrequent", 0, 0.5, "want 1 if it is infrequent")
	h.float("state.infrequent", 0, nan, "want 1 if it is infrequent")
	h.float("grade.infrequent", 0, 1, "which takes min_frequency or max_categories")
	octet := func(array string, at int, v byte, reason string) {
		t.Helper()
		h.member(fmt.Sprintf("%s[%d] = %d", array, at, v), array+npySuffix, func(b []byte) []byte {
			b[npyHeaderLen+at] = v
			return b
		}, reason)
	}
	octet("state.labels.kind", 0, 0, "is no label of kind 0")
	octet("state.labels.kind", 0, 2, "is no label of kind 2")
	octet("state.labels.kind", 0, 4, "is no label of kind 4")
	octet("state.labels.bytes", 0, 0xff, "is no label of kind 1")
	octet("state.labels.bytes", 0, 's', "does not sort after")
	h.change("without kind", func(parts []part) []part {
		return slices.DeleteFunc(parts, func(p part) bool { return p.name == "state.labels.kind.npy" })
	}, "state.labels.kind.npy is missing")
	list := func(item string) string { return strings.TrimSuffix(strings.Repeat(item+",", 300_000), ",") }
	f(`"categories":["b"`, `"categories":["b",`+list(`""`), "more values than")
	f(`"columns":[`, `"columns":[`+list(`""`)+`,`, "columns and")
	f(`"widths":[3`, `"widths":[3,`+list(`0`), "columns and")
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 40)
}

// TestNamesOfLabels: no array is that of two features.
func TestNamesOfLabels(t *testing.T) {
	m, f, _ := labeled(t)
	m.Features[1].Name, m.Record.Features[1].Name = "state.labels", "state.labels"
	_, err := WriteArtifact(new(bytes.Buffer), m, f)
	if err == nil || !strings.Contains(err.Error(), `feature "state.labels": the name is taken by the arrays of a label`) {
		t.Error(err)
	}
}

// TestHostileCompanionLabels refuses states of labels that there cannot be.
func TestHostileCompanionLabels(t *testing.T) {
	m, _, merged := labeled(t)
	var b bytes.Buffer
	if _, err := writeCompanion(&b, someID, m, merged); err != nil {
		t.Fatal(err)
	}
	h := newHostiles(t, b.Bytes())
	h.manifest(`"state":"labels","scope":"global"`, `"state":"labels"`, "0 groups of state labels")
	h.manifest(`"state":"labels"`, `"state":"labels","groups":2`, "2 groups of state labels")
	h.manifest(`"state":"labels","scope":"global"`, `"state":"labels","scope":"global","pooled":true`, "pooled true")
	h.member("labels: another version", "state.state.npy", func(b []byte) []byte { b[npyHeaderLen] = 9; return b }, "version 09")
	h.run(t, func(b []byte) error {
		c, err := readCompanion(bytes.NewReader(b), int64(len(b)), someID)
		if err != nil {
			return err
		}
		_, _, err = c.Labels(0)
		return err
	}, 4)
}

// TestCompanionLabels: the counts behind a label, and its cardinality.
func TestCompanionLabels(t *testing.T) {
	m, f, merged := labeled(t)
	path := filepath.Join(t.TempDir(), "plant.npz")
	if err := SaveCompanion(CompanionPath(path), someID, m, merged, false); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCompanion(CompanionPath(path), someID)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range m.Features {
		l, ok, err := c.Labels(i)
		if d := f.Learned(i).Labels; d == nil {
			if ok || err != nil {
				t.Errorf("feature %d: %v, %v", i, ok, err)
			}
			continue
		}
		if !ok || err != nil || l.N() != f.Learned(i).Count[0] || l.Error() != f.Learned(i).Labels.Error {
			t.Errorf("feature %d: %v, %v", i, ok, err)
		}
		if _, ok, err := c.Moments(i, nil); ok || err != nil {
			t.Errorf("moments of feature %d: %v, %v", i, ok, err)
		}
		if d, err := c.Distinct(i); err != nil || d.Estimate() != m.Pooled[i].Distinct {
			t.Errorf("feature %d: distinct, %v", i, err)
		}
	}
	if d, _ := c.Distinct(0); d.Estimate() != 4 {
		t.Errorf("about %d labels, want 4", d.Estimate())
	}
}
