package frozen

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"tare/record"
	"tare/scale"
)

func encoding(t testing.TB, kind string) *scale.Encoding {
	t.Helper()
	e, err := scale.DefaultEncoding(kind)
	if err != nil {
		t.Fatal(err)
	}
	return &e
}

func labelFeature(name string, e *scale.Encoding) Feature {
	return Feature{Name: name, Scaler: scale.Spec{Kind: scale.None}, Scope: ScopeGlobal, Encoding: e}
}

func learnedLabels(d Dictionary, count, missing uint64) Learned {
	none := []float64{nan}
	return Learned{Count: []uint64{count}, Missing: []uint64{missing}, Min: none, Max: none, Mean: none, Var: none, Labels: &d}
}

// labeled returns one series of a one-hot state with infrequent ones between two
// numbers that are whitened, and an ordinal target. change may spoil it.
func labeled(t testing.TB, change func(features []Feature, l []Learned)) (*Frozen, error) {
	t.Helper()
	state, grade := encoding(t, scale.OneHot), encoding(t, scale.Ordinal)
	state.HandleUnknown, state.MinFrequency = scale.HandleIgnore, new(2.0)
	x := Feature{Name: "x", Scaler: scale.Spec{Kind: scale.None}}
	y := Feature{Name: "y", Scaler: scale.Spec{Kind: scale.None}}
	target := labelFeature("grade", grade)
	target.Role = RoleTarget
	features := []Feature{x, labelFeature("state", state), y, {Name: "z", Scaler: standard}, target}
	number := Learned{Count: []uint64{10}, Missing: []uint64{0}, Min: []float64{0}, Max: []float64{8}, Mean: []float64{2}, Var: []float64{1}}
	z := number
	z.Params = []float64{2, 2}
	learned := []Learned{number,
		learnedLabels(Dictionary{[]string{"idle", "run", "stop"}, []uint64{3, 1, 5}, []float64{0, 1, 0}, 0, record.TextLabel}, 9, 1),
		number, z,
		learnedLabels(Dictionary{[]string{"1", "2", "10"}, []uint64{3, 3, 4}, []float64{0, 0, 0}, 0, record.NumberLabel}, 10, 0)}
	if change != nil {
		change(features, learned)
	}
	series := new(Series)
	series.Add([]byte("a"))
	groups := []Group{{Name: "g", Members: []string{"x", "y"}, Whitening: scale.Whitening{Method: scale.PCA}}}
	// z = W (x - mean) and back with B: both the identity, the means 1 and 2.
	w := []Whitened{{Count: []uint64{10}, Params: []float64{1, 2, 1, 0, 0, 1, 1, 0, 0, 1}}}
	return NewWhitened(features, series, []uint64{10}, learned, groups, w)
}

func labelRow(state, grade string) *record.Row {
	label := func(text string, kind record.LabelKind) record.Label {
		if text == "" {
			return record.Label{}
		}
		return record.Label{Text: []byte(text), Kind: kind}
	}
	return &record.Row{Numbers: []float64{4, 0, 7, 6, 0},
		Labels: []record.Label{label(state, record.TextLabel), label(grade, record.NumberLabel)}}
}

func TestLabels(t *testing.T) {
	f, err := labeled(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Columns(); !slices.Equal(got, []string{"state_idle", "state_stop", "state_infrequent_sklearn", "z", "g_pca0", "g_pca1", "grade"}) {
		t.Errorf("columns %q", got)
	}
	if f.Width() != 7 || f.Inputs() != 5 || fmt.Sprint(f.Widths()) != "[0 3 0 1 1]" {
		t.Errorf("width %d, inputs %d, widths %v", f.Width(), f.Inputs(), f.Widths())
	}
	if at, n := f.FeatureOutputs(1); at != 0 || n != 3 {
		t.Errorf("state has %d outputs from %d on", n, at)
	}
	if at, n := f.FeatureOutputs(4); at != 6 || n != 1 {
		t.Errorf("grade has %d outputs from %d on", n, at)
	}
	check := func(state, grade string, id int32, wantFlags record.Flags, want, back string) {
		t.Helper()
		y, x := make([]float64, 7), make([]float64, 5)
		if flags := f.Transform(y, labelRow(state, grade), id); flags != wantFlags || fmt.Sprint(y) != want {
			t.Errorf("%s, %s: %v with flags %b, want %s with %b", state, grade, y, flags, want, wantFlags)
		}
		if f.Inverse(x, y, id); fmt.Sprint(x) != back {
			t.Errorf("%s, %s: back %v, want %s", state, grade, x, back)
		}
		target := make([]float64, 1)
		if f.Targets().Inverse(target, y[6:], id); target[0] != x[4] && target[0] == target[0] {
			t.Errorf("%s: the target alone comes back as %v, want %v", grade, target, x[4])
		}
	}
	check("idle", "10", 0, 0, "[1 0 0 2 3 5 2]", "[4 0 7 6 2]")
	check("stop", "2", 0, 0, "[0 1 0 2 3 5 1]", "[4 2 7 6 1]")
	check("run", "1", 0, 0, "[0 0 1 2 3 5 0]", "[4 3 7 6 0]")
	check("", "", 0, 0, "[NaN NaN NaN 2 3 5 NaN]", "[4 NaN 7 6 NaN]")
	check("fault", "1.0", 0, record.UnknownLabel, "[0 0 0 2 3 5 NaN]", "[4 -1 7 6 NaN]")
	check("idle", "1", Unknown, record.UnknownSeries, "[1 0 0 NaN NaN NaN 0]", "[NaN 0 NaN NaN 0]")
}

// TestLabelsBeforeNumbers: what follows a one-hot feature stands behind all of it.
func TestLabelsBeforeNumbers(t *testing.T) {
	series := new(Series)
	series.Add([]byte("a"))
	learned := []Learned{
		learnedLabels(Dictionary{[]string{"no", "yes"}, []uint64{3, 7}, []float64{0, 0}, 0, record.TextLabel}, 10, 0),
		{Count: []uint64{10}, Missing: []uint64{0}, Min: []float64{0}, Max: []float64{8}, Mean: []float64{2}, Var: []float64{1}, Params: []float64{2, 2}},
	}
	f, err := New([]Feature{labelFeature("on", encoding(t, scale.OneHot)), {Name: "z", Scaler: standard}}, series, []uint64{10}, learned)
	if err != nil {
		t.Fatal(err)
	}
	y, x := make([]float64, 3), make([]float64, 2)
	row := record.Row{Numbers: []float64{0, 6}, Labels: []record.Label{{Text: []byte("yes"), Kind: record.TextLabel}}}
	if flags := f.Transform(y, &row, 0); flags != 0 || fmt.Sprint(y, f.Columns()) != "[0 1 2] [on_no on_yes z]" {
		t.Errorf("%v of %q, flags %b", y, f.Columns(), flags)
	}
	if f.Inverse(x, y, 0); fmt.Sprint(x) != "[1 6]" {
		t.Errorf("back %v", x)
	}
}

func TestRejectedLabel(t *testing.T) {
	f, err := labeled(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		state, grade string
		rejected     bool
	}{{"idle", "1", false}, {"fault", "1", false}, {"", "", false}, {"idle", "7", true}} {
		feature, rejected := f.RejectedLabel(labelRow(c.state, c.grade))
		if rejected != c.rejected || rejected && feature != 4 {
			t.Errorf("%s, %s: feature %d, %v", c.state, c.grade, feature, rejected)
		}
	}
}

func TestCodes(t *testing.T) {
	f, err := labeled(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for feature, want := range []string{"{[] 0}", "{[idle run stop infrequent_sklearn] 1}", "{[] 0}", "{[] 0}", "{[1 2 10] 2}"} {
		if got := fmt.Sprint(f.Codes(feature)); got != want || (f.Encoder(feature) == nil) != (want == "{[] 0}") {
			t.Errorf("feature %d: %s, want %s", feature, got, want)
		}
	}
	if got := fmt.Sprint(f.Code(1, []byte("stop")), f.Code(1, []byte("fault")), f.Code(4, []byte("10"))); got != "2 -1 2" {
		t.Errorf("codes %s", got)
	}
	if got := fmt.Sprintf("%+v", f.ExplainLabel(1, 2)); got != "{Raw:2 Pre:[] Imputed:false In:2 Params:[] Normalized:0 Outputs:[0 1 0] Inverse:2 OutOfRange:false}" {
		t.Errorf("%s", got)
	}
}

// TestLabelExamples: the codes 0, in the middle and last, unknown, and missing.
func TestLabelExamples(t *testing.T) {
	f, err := labeled(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	examples := f.Examples()
	var got []string
	for _, e := range examples {
		got = append(got, fmt.Sprint(e.Raw[1], e.Normalized[:3], e.Inverse[1], e.Raw[4], e.Normalized[6], e.Inverse[4]))
	}
	want := []string{"0 [1 0 0] 0 0 0 0", "1 [0 0 1] 3 1 1 1", "2 [0 1 0] 2 2 2 2", "-1 [0 0 0] -1 -1 NaN NaN", "NaN [NaN NaN NaN] NaN NaN NaN NaN"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := f.CheckExamples(examples); err != nil {
		t.Error(err)
	}
	examples[2].Normalized[1] = 0
	if f.CheckExamples(examples) == nil {
		t.Error("a wrong example is taken")
	}
}

func TestRefusesLabels(t *testing.T) {
	f := func(want string, change func(features []Feature, l []Learned)) {
		t.Helper()
		if _, err := labeled(t, change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	dictionary := func(want string, change func(d *Dictionary)) {
		t.Helper()
		f(want, func(_ []Feature, l []Learned) { change(l[4].Labels) })
	}
	f(`feature "grade": no categories`, func(_ []Feature, l []Learned) { l[4].Labels = nil })
	f(`feature "x": categories of a number`, func(_ []Feature, l []Learned) { l[0].Labels = l[4].Labels })
	f("statistics [1] of a label", func(_ []Feature, l []Learned) { l[4].Mean = []float64{1} })
	f("not one count", func(_ []Feature, l []Learned) { l[4].Count = []uint64{5, 5} })
	f("numbers that belong to a scaler", func(_ []Feature, l []Learned) { l[4].Params = []float64{1} })
	f("more than 2^64", func(_ []Feature, l []Learned) { l[4].Missing[0] = math.MaxUint64 })
	f(`two columns are called "state_idle"`, func(features []Feature, _ []Learned) { features[3].Name = "state_idle" })
	dictionary("3 categories and 2 counts", func(d *Dictionary) { d.Counts = d.Counts[:2] })
	dictionary("3 categories and 2 numbers", func(d *Dictionary) { d.Infrequent = d.Infrequent[:2] })
	dictionary(`category "b" is no label of kind 2`, func(d *Dictionary) { d.Categories[2] = "b" })
	dictionary(`category "1" is no label of kind 0`, func(d *Dictionary) { d.Kind = record.NoLabel })
	dictionary(`category "\xff" is no label`, func(d *Dictionary) { d.Categories[2], d.Kind = "\xff", record.TextLabel })
	dictionary(`category "10" does not sort after "2"`, func(d *Dictionary) { d.Kind = record.TextLabel })
	dictionary(`category "2" does not sort after "10"`, func(d *Dictionary) { d.Categories = []string{"1", "10", "2"} })
	dictionary(`category "2" does not sort after "2"`, func(d *Dictionary) { d.Categories[0] = "2" })
	dictionary("counted more often than there are labels, 10", func(d *Dictionary) { d.Counts[0] = 4 })
	dictionary("an error of 0 where 1 of 10 labels are not counted", func(d *Dictionary) { d.Counts[0] = 2 })
	dictionary("an error of 2 where 1 of 10 labels are not counted", func(d *Dictionary) { d.Counts[0], d.Error = 2, 2 })
}

func TestLabelFeatures(t *testing.T) {
	f := func(want string, change func(f *Feature)) {
		t.Helper()
		feature := labelFeature("x", encoding(t, scale.OneHot))
		change(&feature)
		if err := feature.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("", func(*Feature) {})
	f("", func(f *Feature) { f.Role, f.Encoding = RoleTarget, encoding(t, scale.Ordinal) })
	f("onehot of a target, want ordinal", func(f *Feature) { f.Role = RoleTarget })
	f("role", func(f *Feature) { f.Role = "input" })
	f("handle_unknown", func(f *Feature) { f.Encoding.HandleUnknown = "pass" })
	f("a label with a scaler", func(f *Feature) { f.Scaler = standard })
	f("a label with a scaler", func(f *Feature) { f.Pre = []scale.Pre{{Kind: scale.Log}} })
	f("impute", func(f *Feature) { f.Impute.Kind = ImputeConstant })
	f("an array of labels", func(f *Feature) { f.Shape = []int{2} })
	f(`a label of scope ""`, func(f *Feature) { f.Scope = "" })
	f("a label of scope", func(f *Feature) { f.Pooled = true })
	member := labelFeature("x", encoding(t, scale.Ordinal))
	groups := []Group{{Name: "g", Members: []string{"x", "y"}, Scope: ScopeGlobal, Whitening: scale.Whitening{Method: scale.PCA}}}
	if err := CheckGroups([]Feature{member, {Name: "y", Scaler: standard, Scope: ScopeGlobal}}, groups); err == nil || !strings.Contains(err.Error(), "a label cannot be a member") {
		t.Error(err)
	}
}

func TestIsLabel(t *testing.T) {
	for text, want := range map[string]bool{"1": true, "-1.5e3": true, "0": true, "": false, "-": false, "01": false, "+1": false,
		" 1": false, "1 ": false, "1 2": false, "1,2": false, "NaN": false, "true": false, "1.": false, "0x1": false, `1"2`: false} {
		if got := IsLabel(record.NumberLabel, text); got != want {
			t.Errorf("%q is a number: %v", text, got)
		}
		if got := IsLabel(record.BoolLabel, text); got != (text == "true") {
			t.Errorf("%q is a boolean: %v", text, got)
		}
		if !IsLabel(record.TextLabel, text) || IsLabel(record.NoLabel, text) {
			t.Errorf("%q is no text, or nothing", text)
		}
	}
}
