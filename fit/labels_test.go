package fit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sketch"
)

// mostLabels is how many features of a random plan are labels at most.
const mostLabels = 3

// randomLabels is a feature that is a label, of which all 40 that there are may be
// tracked, or few.
func randomLabels(r *rand.Rand, k int) frozen.Feature {
	kinds := []string{scale.OneHot, scale.Ordinal}
	e, err := scale.DefaultEncoding(kinds[r.IntN(2)])
	if err != nil {
		panic(err)
	}
	if e.MaxTracked = 1 + r.IntN(80); r.IntN(3) == 0 {
		e.MaxCategories = new(1 + r.IntN(10))
	}
	return labelFeature(fmt.Sprint("label", k), e)
}

func labelFeature(name string, e scale.Encoding) frozen.Feature {
	return frozen.Feature{Name: name, Scaler: scale.Spec{Kind: scale.None}, Scope: frozen.ScopeGlobal, Encoding: &e}
}

// randomLabel is one of n labels, the first of which come often, or missing.
func randomLabel(r *rand.Rand, n int) record.Label {
	if r.IntN(10) == 0 {
		return record.Label{}
	}
	text := fmt.Appendf(nil, "l%d", int(float64(n)*math.Pow(r.Float64(), 3)))
	return record.Label{Text: text, Kind: record.TextLabel}
}

// show prints what was learned, the categories too.
func show(l *frozen.Learned) string {
	plain := *l
	if plain.Labels = nil; l.Labels == nil {
		return fmt.Sprint(plain)
	}
	return fmt.Sprint(plain, *l.Labels)
}

// labelPlan has one feature, which is a label.
func labelPlan(t testing.TB, kind string, change func(*scale.Encoding)) *Plan {
	t.Helper()
	e, err := scale.DefaultEncoding(kind)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&e)
	}
	plan := &Plan{Cutoff: Cutoff{Kind: End}, MinSamples: 1, MaxSeries: 100,
		Record: schema.Schema{Format: schema.JSON, BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	addFeature(plan, labelFeature("state", e))
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	return plan
}

func observeLabels(t testing.TB, s *State, kind record.LabelKind, labels ...string) {
	t.Helper()
	for _, label := range labels {
		learn(t, &record.Row{Numbers: []float64{0}, Labels: []record.Label{{Text: []byte(label), Kind: kind}}}, s)
	}
}

// A golden label: a text, a number as it is written there, or null.
type goldenLabel record.Label

func (l *goldenLabel) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*l = goldenLabel{}
	case b[0] == '"':
		var text string
		err := json.Unmarshal(b, &text)
		*l = goldenLabel{Text: []byte(text), Kind: record.TextLabel}
		return err
	default:
		*l = goldenLabel{Text: bytes.Clone(b), Kind: record.NumberLabel}
	}
	return nil
}

type goldenLabels struct {
	Name   string
	Params json.RawMessage
	Train  [][]goldenLabel
	Fitted struct {
		Names []string `json:"feature_names_out"`
	}
	Test      [][]goldenLabel
	Transform [][]float
	Inverse   [][]goldenLabel
	Raises    string
}

func (c *goldenLabels) row(labels []goldenLabel) *record.Row {
	row := &record.Row{Numbers: make([]float64, len(labels))}
	for i, l := range labels {
		if row.Labels = append(row.Labels, record.Label(l)); l.Kind == record.NoLabel {
			row.Numbers[i] = math.NaN()
		}
	}
	return row
}

// TestGoldenLabels takes scikit-learn's training records through two partitions and
// the freeze, and its test records through the numbers and back.
func TestGoldenLabels(t *testing.T) {
	// There null is a category, the last one. Here it is missing.
	nulls := []string{"with null", "null as None"}
	for kind, want := range map[string]int{scale.OneHot: 23, scale.Ordinal: 8} {
		data, err := os.ReadFile("../testdata/golden/scalers/" + kind + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Cases []goldenLabels }
		if err := json.Unmarshal(data, &file); err != nil || len(file.Cases) != want {
			t.Fatalf("%s: %d cases, error %v", kind, len(file.Cases), err)
		}
		for _, c := range file.Cases {
			if !slices.Contains(nulls, c.Name) {
				t.Run(kind+" "+c.Name, func(t *testing.T) { c.run(t, kind) })
			}
		}
	}
}

func (c *goldenLabels) run(t *testing.T, kind string) {
	e, err := scale.DefaultEncoding(kind)
	params := bytes.Replace(c.Params, []byte(`,"unknown_value":"NaN"`), nil, 1) // NaN is nil here
	if err = errors.Join(err, json.Unmarshal(params, &e)); err != nil {
		t.Fatal(err)
	}
	plan := labelPlan(t, kind, nil)
	plan.Features, plan.Record.Features = nil, nil
	for k := range c.Train[0] {
		name := "state"
		if len(c.Train[0]) > 1 {
			name = fmt.Sprint("x", k)
		}
		addFeature(plan, labelFeature(name, e))
	}
	states := []*State{newState(t, plan), newState(t, plan)}
	for i, labels := range c.Train {
		learn(t, c.row(labels), states[2*i/len(c.Train)])
	}
	_, f := freeze(t, plan, states...)
	if kind == scale.OneHot && !slices.Equal(f.Columns(), c.Fitted.Names) {
		t.Errorf("columns %q, want %q", f.Columns(), c.Fitted.Names)
	}
	raises := false
	for i, labels := range c.Test {
		row, y, codes := c.row(labels), make([]float64, f.Width()), make([]float64, len(labels))
		flags := f.Transform(y, row, frozen.Unknown)
		_, rejected := f.RejectedLabel(row)
		if raises = raises || rejected; rejected && flags != record.UnknownLabel {
			t.Errorf("test record %d is rejected with flags %v", i, flags)
		}
		if c.Raises != "" {
			continue
		}
		for k, want := range c.Transform[i] {
			if y[k] != float64(want) && (y[k] == y[k] || want == want) {
				t.Errorf("test record %d, column %d: %v, want %v", i, k, y[k], want)
			}
		}
		f.Inverse(codes, y, frozen.Unknown)
		for k, want := range c.Inverse[i] {
			got, _ := f.Encoder(k).Label(codes[k])
			if got != string(want.Text) {
				t.Errorf("test record %d, feature %d comes back as %q, want %q", i, k, got, want.Text)
			}
		}
	}
	if raises != (c.Raises != "") {
		t.Errorf("rejects a test record: %v, scikit-learn raises %q", raises, c.Raises)
	}
}

// TestLabelsMerge: partitions that are merged, and those that are absorbed one after
// the other, give the same bytes; and counts that are those of all labels, or lack no
// more than they say.
func TestLabelsMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 3))
	exact, inexact := 0, 0
	for range 60 {
		n, tracked := 1+r.IntN(300), 1+r.IntN(300)
		plan := labelPlan(t, scale.Ordinal, func(e *scale.Encoding) { e.MaxTracked = tracked })
		var states []*State
		var folded *State
		want := map[string]uint64{}
		for range 1 + r.IntN(5) {
			s, own := newState(t, plan), newState(t, plan)
			for range r.IntN(2000) {
				label := randomLabel(r, n)
				if label.Kind != record.NoLabel {
					want[string(label.Text)]++
				}
				learn(t, &record.Row{Numbers: []float64{0}, Labels: []record.Label{label}}, s, own)
			}
			if states = append(states, s); folded == nil {
				folded = own
			} else if err := folded.Absorb(own); err != nil {
				t.Fatal(err)
			}
		}
		merged := Merge(plan, states)
		f, err := merged.Freeze()
		absorbed := Merge(plan, []*State{folded})
		g, errG := absorbed.Freeze()
		if fmt.Sprint(err) != fmt.Sprint(errG) {
			t.Fatalf("merged %v, absorbed %v", err, errG)
		}
		if err != nil {
			continue
		}
		if x, y := fmt.Sprint(merged.Pooled(0), show(f.Learned(0))), fmt.Sprint(absorbed.Pooled(0), show(g.Learned(0))); x != y {
			t.Fatalf("merged %s, absorbed %s", x, y)
		}
		if d := f.Learned(0).Labels; d.Error == 0 {
			exact++
		} else {
			inexact++
		}
		distinct := float64(len(want))
		checkCounts(t, f.Learned(0), want)
		if got := merged.Pooled(0).Distinct; math.Abs(float64(got)-distinct) > 0.05*distinct+1 {
			t.Errorf("about %d distinct labels, want %v", got, distinct)
		}
	}
	if exact < 10 || inexact < 10 {
		t.Errorf("%d freezes are exact, %d are not", exact, inexact)
	}
}

func checkCounts(t *testing.T, l *frozen.Learned, want map[string]uint64) {
	t.Helper()
	var sum uint64
	for _, n := range want {
		sum += n
	}
	d := l.Labels
	if l.Count[0] != sum || !slices.IsSorted(d.Categories) || d.Error == 0 && len(d.Categories) != len(want) {
		t.Fatalf("%d labels and %d categories, want %d and %d, error %d", l.Count[0], len(d.Categories), sum, len(want), d.Error)
	}
	for code, label := range d.Categories {
		if n, got := want[label], d.Counts[code]; got > n || n > got+d.Error {
			t.Fatalf("%s is counted %d times, with an error of %d, want %d", label, got, d.Error, n)
		}
		delete(want, label)
	}
	for label, n := range want {
		if n > d.Error {
			t.Fatalf("%s came %d times and is no category, with an error of %d", label, n, d.Error)
		}
	}
}

// TestLabelOrder: numbers sort by value and come back as numbers, all else by bytes.
func TestLabelOrder(t *testing.T) {
	f := func(want record.LabelKind, order string, kinds map[record.LabelKind][]string) {
		t.Helper()
		plan := labelPlan(t, scale.Ordinal, nil)
		s := newState(t, plan)
		for kind, labels := range kinds {
			observeLabels(t, s, kind, labels...)
		}
		_, frozen := freeze(t, plan, s)
		d := frozen.Learned(0).Labels
		if got := strings.Join(d.Categories, " "); got != order || d.Kind != want {
			t.Errorf("%s of kind %d, want %s of kind %d", got, d.Kind, order, want)
		}
	}
	numbers := []string{"10", "2", "-1", "1e1", "1e999", "2.0", "-1e999"}
	f(record.NumberLabel, "-1e999 -1 2 2.0 10 1e1 1e999", map[record.LabelKind][]string{record.NumberLabel: numbers})
	f(record.TextLabel, "-1 -1e999 10 1e1 1e999 2 2.0", map[record.LabelKind][]string{record.TextLabel: numbers})
	f(record.TextLabel, "10 2 true", map[record.LabelKind][]string{record.NumberLabel: {"2", "10"}, record.BoolLabel: {"true"}})
	f(record.BoolLabel, "false true", map[record.LabelKind][]string{record.BoolLabel: {"true", "false", "true"}})
	f(record.TextLabel, " a é", map[record.LabelKind][]string{record.TextLabel: {"é", "a", ""}})
}

// TestGivenCategories: they keep their order, and have counts; a label that is none of
// them is refused where it would be rejected.
func TestGivenCategories(t *testing.T) {
	given := func(handle string) func(*scale.Encoding) {
		return func(e *scale.Encoding) {
			e.Categories, e.HandleUnknown, e.MaxTracked = []string{"run", "idle", "never"}, handle, 3
		}
	}
	freezeOf := func(handle string, labels ...string) (*frozen.Frozen, error) {
		plan := labelPlan(t, scale.OneHot, given(handle))
		s := newState(t, plan)
		observeLabels(t, s, record.TextLabel, labels...)
		return Merge(plan, []*State{s}).Freeze()
	}
	f, err := freezeOf(scale.HandleError, "idle", "run", "idle")
	if err != nil {
		t.Fatal(err)
	}
	if d := f.Learned(0).Labels; fmt.Sprint(*d) != "{[run idle never] [1 2 0] [0 0 0] 0 1}" {
		t.Errorf("%v", *d)
	}
	if f, err = freezeOf(scale.HandleIgnore, "idle", "stop"); err != nil || fmt.Sprint(f.Learned(0).Labels.Counts) != "[0 1 0]" {
		t.Errorf("ignored: %v", err)
	}
	if f, err = freezeOf(scale.HandleError); err != nil || f.Width() != 3 {
		t.Errorf("no labels: %v", err)
	}
	for _, c := range []struct {
		want   string
		labels []string
	}{
		{`feature "state": label "stop" of 2 training records is none of the categories given`, []string{"run", "stop", "stop"}},
		{`feature "state": it has more labels than max_tracked (3) holds`, []string{"a", "b", "c", "run", "run", "idle", "never", "run", "idle", "never"}},
	} {
		_, err := freezeOf(scale.HandleError, c.labels...)
		if refusal, ok := errors.AsType[*Refusal](err); !ok || !strings.Contains(refusal.Message, c.want) {
			t.Errorf("%q: %v, want a refusal with %q", c.labels, err, c.want)
		}
	}
}

// TestShareOfRecords: a share is of all training records, those without a label too.
func TestShareOfRecords(t *testing.T) {
	plan := labelPlan(t, scale.OneHot, func(e *scale.Encoding) { e.MinFrequency = new(0.3) })
	s := newState(t, plan)
	observeLabels(t, s, record.TextLabel, "a", "a", "b", "b", "b")
	observeLabels(t, s, record.NoLabel, "", "", "", "", "")
	_, f := freeze(t, plan, s)
	if got := fmt.Sprint(f.Columns()); got != "[state_b state_infrequent_sklearn]" {
		t.Errorf("columns %s: 2 of 10 records are less than 0.3", got)
	}
}

// TestRefusedLabels names what keeps labels from being encoded.
func TestRefusedLabels(t *testing.T) {
	f := func(want string, change func(*scale.Encoding), labels ...string) {
		t.Helper()
		plan := labelPlan(t, scale.OneHot, change)
		s := newState(t, plan)
		observeLabels(t, s, record.TextLabel, labels...)
		_, err := Merge(plan, []*State{s}).Freeze()
		if refusal, ok := errors.AsType[*Refusal](err); !ok || !strings.Contains(refusal.Message, want) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
	}
	f(`feature "state": no categories: no training record has a label, give categories`, nil)
	f(`feature "state": drop_label "x": must be one of the categories`, func(e *scale.Encoding) { e.DropLabel = new("x") }, "a", "b")
	f(`feature "state": drop leaves no column`, func(e *scale.Encoding) { e.Drop = scale.DropFirst }, "a", "a")
	f(`feature "state": none of its labels came more often than 1 times`, func(e *scale.Encoding) { e.MaxTracked = 1 }, "a", "b")
	f(`two columns are called "state_infrequent_sklearn"`, func(e *scale.Encoding) { e.MinFrequency = new(2.0) }, "a", scale.Infrequent, scale.Infrequent)
	many := make([]string, frozen.MaxOneHot+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	f(`16385 one-hot columns, want at most 16384`, func(e *scale.Encoding) { e.MaxTracked = len(many) }, many...)
}

// TestManyLabels: a million labels cost no more than those tracked, and are told.
func TestManyLabels(t *testing.T) {
	plan := labelPlan(t, scale.Ordinal, func(e *scale.Encoding) { e.MaxTracked = 1000 })
	s := newState(t, plan)
	row := &record.Row{Numbers: []float64{0}, Labels: []record.Label{{Kind: record.TextLabel}}}
	add := func(label string) {
		row.Labels[0].Text = append(row.Labels[0].Text[:0], label...)
		learn(t, row, s)
	}
	const n = 1_000_000
	for i := range n {
		add(fmt.Sprintf("label %d", i))
		if i%4 == 0 {
			add("often")
		}
	}
	if size := len(whole(t, s)); size > 1<<20 {
		t.Errorf("a state of %d bytes", size)
	}
	m, f := freeze(t, plan, s)
	d := f.Learned(0).Labels
	code := slices.Index(d.Categories, "often")
	if code < 0 || d.Counts[code]+d.Error < n/4 || d.Error > n*5/4/1001 || d.Error == 0 {
		t.Errorf("often has the code %d, and the error is %d", code, d.Error)
	}
	if got := m.Pooled(0).Distinct; math.Abs(float64(got)-n) > 0.05*n {
		t.Errorf("about %d distinct labels", got)
	}
}

// TestRestoreRefusesLabels changes one thing at a time in a state of a label.
func TestRestoreRefusesLabels(t *testing.T) {
	plan := labelPlan(t, scale.Ordinal, nil)
	s := newState(t, plan)
	observeLabels(t, s, record.TextLabel, "a", "b")
	observeLabels(t, s, record.NoLabel, "")
	good := whole(t, s)
	labels := bytes.LastIndex(good, s.features[0].labels.append(nil))
	if labels < 0 {
		t.Fatal("no labels in the state")
	}
	f := func(want string, at int, v byte) {
		t.Helper()
		p := slices.Clone(good)
		p[labels+at] = v
		if _, err := RestoreState(plan, bytes.NewReader(p), int64(len(p))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f("kinds 0x11 of 2 labels", 0, 0x11)
	f("kinds 0x0 of 2 labels", 0, 0)
	f("2 labels and 2 missing in 3 records", 1, 2)
	f("sketch: counts of labels", 9, 1)
	f("bytes wanted", 12, 1)
	f("sketch: counts of labels of 51 bytes and version 09", 13, 9)
	f("track 10001, want 10000", 14, 0x11)
	for n := range good {
		if _, err := RestoreState(plan, bytes.NewReader(good[:n]), int64(n)); err == nil {
			t.Fatalf("%d bytes of %d are taken", n, len(good))
		}
	}
}

// TestLabelPlans refuses features that are labels in one place only.
func TestLabelPlans(t *testing.T) {
	plan := labelPlan(t, scale.Ordinal, nil)
	plan.Record.Features[0].Label = false
	if err := plan.Validate(); err == nil || !strings.Contains(err.Error(), `feature "state" and its field do not agree`) {
		t.Error(err)
	}
	if scale.MaxTracked != sketch.MaxTracked || schema.MaxLabel != sketch.MaxLabel {
		t.Error("other limits than those of the sketch")
	}
}

// BenchmarkObserveLabel learns one label a time of 20 and of 10,000 different ones.
func BenchmarkObserveLabel(b *testing.B) {
	for _, n := range []int{20, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newState(b, labelPlan(b, scale.OneHot, nil))
			rows := labelRows(n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				learn(b, &rows[i%len(rows)], s)
			}
		})
	}
}

// BenchmarkTransformLabel encodes one label a time of 20 different ones.
func BenchmarkTransformLabel(b *testing.B) {
	for _, kind := range []string{scale.OneHot, scale.Ordinal} {
		b.Run(kind, func(b *testing.B) {
			plan := labelPlan(b, kind, nil)
			s, rows := newState(b, plan), labelRows(20)
			for i := range rows {
				learn(b, &rows[i], s)
			}
			f, err := Merge(plan, []*State{s}).Freeze()
			if err != nil {
				b.Fatal(err)
			}
			y := make([]float64, f.Width())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.Transform(y, &rows[i%len(rows)], 0)
			}
		})
	}
}

func labelRows(n int) []record.Row {
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([]record.Row, 1<<14)
	for i := range rows {
		text := fmt.Appendf(nil, "state-%d", r.IntN(n))
		rows[i] = record.Row{Series: []byte("a"), Numbers: []float64{0}, Labels: []record.Label{{Text: text, Kind: record.TextLabel}}}
	}
	return rows
}
