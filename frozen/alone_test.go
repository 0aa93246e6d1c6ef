package frozen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"tare/record"
	"tare/scale"
)

// ofRecord freezes features of which nothing is learned.
func ofRecord(t testing.TB, features []Feature, norms ...Norm) *Frozen {
	t.Helper()
	for i := range features {
		if err := features[i].Validate(); err != nil {
			t.Fatal(err)
		}
	}
	if err := CheckNorms(features, nil, norms); err != nil {
		t.Fatal(err)
	}
	f, err := New(features, new(Series), nil, make([]Learned, len(features)))
	if err == nil {
		f, err = f.Normed(norms)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// asIs is a feature that stays as it is.
func asIs(name string) Feature {
	return Feature{Name: name, Scaler: standard, Fixed: &Fixed{Mean: []float64{0}, Scale: []float64{1}}}
}

func normalizer(norm string) scale.Spec { return scale.Spec{Kind: scale.Normalizer, Norm: norm} }

func checkNumbers(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

// TestNormalizer holds arrays of any layout against the norm of each of their groups,
// picked number by number.
func TestNormalizer(t *testing.T) {
	for _, shape := range [][]int{{1}, {7}, {3, 5}, {2, 3, 4}, {most + 1, 3}} {
		pers := []string{"", PerNone}
		for axis := range shape {
			pers = append(pers, strconv.Itoa(axis))
		}
		for _, per := range pers {
			for _, norm := range []string{"l1", "l2", "max", "peak", "standard"} {
				checkNormalizer(t, Feature{Name: "x", Scaler: normalizer(norm), Shape: shape, Per: per})
			}
		}
	}
}

func checkNormalizer(t *testing.T, f Feature) {
	t.Helper()
	frozen := ofRecord(t, []Feature{f})
	row := record.Row{Numbers: make([]float64, f.Size())}
	for i := range row.Numbers {
		row.Numbers[i] = float64(i*31%97) - 40
	}
	last := len(row.Numbers) - 1
	if row.Numbers[last] = nan; f.Size() == 1 {
		row.Numbers[last] = 3
	}
	group := func(number int) int {
		if axis, err := strconv.Atoi(f.Per); err == nil {
			inner := 1
			for _, extent := range f.Shape[axis+1:] {
				inner *= extent
			}
			return number / inner % f.Shape[axis]
		}
		return 0
	}
	of := map[int][]float64{}
	for i, x := range row.Numbers {
		of[group(i)] = append(of[group(i)], x)
	}
	norm, err := scale.NewNorm(f.Scaler.Norm)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range of {
		norm.Transform(run, run, nil)
	}
	y := make([]float64, f.Size())
	if flags := frozen.Transform(y, &row, Unknown); flags != 0 {
		t.Errorf("flags %v", flags)
	}
	for i := range y {
		g := group(i)
		checkNumbers(t, fmt.Sprintf("%v per %q, %s, number %d", f.Shape, f.Per, f.Scaler.Norm, i), y[i:i+1], of[g][:1])
		of[g] = of[g][1:]
	}
	trace := frozen.ExplainAt(0, last, row.Numbers, Unknown)
	checkNumbers(t, "explained", []float64{trace.Normalized, trace.Inverse}, []float64{y[last], nan})
	frozen.Inverse(y, y, Unknown)
	for _, x := range y {
		if x == x {
			t.Fatalf("%v comes back as %v", row.Numbers, y)
		}
	}
}

// TestNormalizerSteps: pre-transforms and what is imputed come before the norm.
func TestNormalizerSteps(t *testing.T) {
	f := ofRecord(t, []Feature{{Name: "x", Scaler: normalizer("max"), Shape: []int{2, 2}, Per: "0",
		Pre: []scale.Pre{{Kind: scale.Sqrt}}, Impute: Impute{Kind: ImputeConstant, Constant: 4}}})
	row, y := record.Row{Numbers: []float64{nan, 16, -1, 1}}, make([]float64, 4)
	if flags := f.Transform(y, &row, Unknown); flags != record.Imputed|record.OutOfRange {
		t.Errorf("flags %v", flags)
	}
	checkNumbers(t, "normalized", y, []float64{0.5, 1, 1, 0.5})
	trace := f.ExplainAt(0, 2, row.Numbers, Unknown)
	checkNumbers(t, "explained", append(trace.Params, trace.In, trace.Normalized, trace.Pre[0]), []float64{0, 2, 2, 1, nan})
	if !trace.Imputed || !trace.OutOfRange {
		t.Errorf("%+v: want both flags", trace)
	}
}

// boxes has a box of each image, and an area by one of its sides.
func boxes(t testing.TB, clip bool) *Frozen {
	by := []string{"width", "height", "width", "height"}
	return ofRecord(t, []Feature{asIs("width"),
		{Name: "area", Scaler: scale.Spec{Kind: scale.Ratio}, By: []string{"height"}, Pre: []scale.Pre{{Kind: scale.Sqrt}}},
		asIs("height"),
		{Name: "box", Scaler: scale.Spec{Kind: scale.Ratio, Clip: clip}, Shape: []int{2, 4}, By: by, Role: RoleTarget}})
}

func TestRatio(t *testing.T) {
	f := func(clip bool, x, want, back []float64, flags record.Flags) {
		t.Helper()
		frozen := boxes(t, clip)
		row, y, home := record.Row{Numbers: x}, make([]float64, len(x)), make([]float64, len(x))
		if got := frozen.Transform(y, &row, Unknown); got != flags {
			t.Errorf("%v: flags %v, want %v", x, got, flags)
		}
		checkNumbers(t, fmt.Sprint(x), y, want)
		frozen.Inverse(home, y, Unknown)
		checkNumbers(t, fmt.Sprint(x, " and back"), home, back)
		frozen.Inverse(y, y, Unknown)
		checkNumbers(t, fmt.Sprint(x, " and back in place"), y, back)
		if n := testing.AllocsPerRun(10, func() { frozen.Transform(y, &row, Unknown); frozen.Inverse(home, y, Unknown) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	inside := []float64{640, 1600, 400, 64, 40, 640, 400, 0, 0, 320, 100}
	f(true, inside, []float64{640, 0.1, 400, 0.1, 0.1, 1, 1, 0, 0, 0.5, 0.25}, inside, 0)
	f(false, []float64{640, 1600, 400, -64, 40, 1280, 400, 0, 0, 320, nan},
		[]float64{640, 0.1, 400, -0.1, 0.1, 2, 1, 0, 0, 0.5, nan},
		[]float64{640, 1600, 400, -64, 40, 1280, 400, 0, 0, 320, nan}, record.OutOfRange)
	f(true, []float64{640, 1600, 400, -64, 40, 1280, 400, 0, 0, 320, 100},
		[]float64{640, 0.1, 400, 0, 0.1, 1, 1, 0, 0, 0.5, 0.25},
		[]float64{640, 1600, 400, 0, 40, 640, 400, 0, 0, 320, 100}, record.OutOfRange)
	f(true, []float64{0, 1600, 400, 0, 40, 0, 400, 0, 0, 0, 100}, []float64{0, 0.1, 400, nan, 0.1, nan, 1, nan, 0, nan, 0.25},
		[]float64{0, 1600, 400, nan, 40, nan, 400, nan, 0, nan, 100}, record.OutOfRange)
	for _, none := range []float64{0, -640, nan} {
		f(false, []float64{none, 1600, 400, 0, 40, 640, 400, 0, 0, 320, 100},
			[]float64{none, 0.1, 400, nan, 0.1, nan, 1, nan, 0, nan, 0.25},
			[]float64{none, 1600, 400, nan, 40, nan, 400, nan, 0, nan, 100}, record.OutOfRange)
		f(false, []float64{none, 1600, 400, nan, 40, nan, 400, nan, 0, nan, 100},
			[]float64{none, 0.1, 400, nan, 0.1, nan, 1, nan, 0, nan, 0.25},
			[]float64{none, 1600, 400, nan, 40, nan, 400, nan, 0, nan, 100}, 0)
	}
	f(true, []float64{640, -1, 400, 64, 40, 640, 400, 0, 0, 320, 100}, []float64{640, nan, 400, 0.1, 0.1, 1, 1, 0, 0, 0.5, 0.25},
		[]float64{640, nan, 400, 64, 40, 640, 400, 0, 0, 320, 100}, record.OutOfRange)

	trace := boxes(t, true).ExplainAt(3, 6, []float64{640, 1600, 400, 64, 40, 640, 400, 0, 0, 960, 100}, Unknown)
	checkNumbers(t, "explained", append(trace.Params, trace.Normalized, trace.Inverse), []float64{640, 1, 640})
	if !trace.OutOfRange {
		t.Error("explain does not tell that a number is out of range")
	}
}

// TestRatioOfTargets: without the rest of the record there is nothing to multiply by.
func TestRatioOfTargets(t *testing.T) {
	y := []float64{1, 1, 1, 1, 1, 1, 1, 1}
	boxes(t, true).Targets().Inverse(y, y, Unknown)
	checkNumbers(t, "targets alone", y, []float64{nan, nan, nan, nan, nan, nan, nan, nan})
}

// TestNorms holds members by their norm, wherever they stand and however many.
func TestNorms(t *testing.T) {
	features := []Feature{asIs("a"), asIs("b"), asIs("c"), asIs("d"), asIs("e")}
	features[2].Fixed = &Fixed{Mean: []float64{10}, Scale: []float64{2}}
	f := func(x, want, back []float64) {
		t.Helper()
		frozen := ofRecord(t, features, Norm{[]string{"e", "a"}, "l1"}, Norm{[]string{"b", "c"}, "l2"})
		row, y, home := record.Row{Numbers: x}, make([]float64, 5), make([]float64, 5)
		frozen.Transform(y, &row, Unknown)
		checkNumbers(t, fmt.Sprint(x), y, want)
		frozen.Inverse(home, y, Unknown)
		checkNumbers(t, fmt.Sprint(x, " and back"), home, back)
		if n := testing.AllocsPerRun(10, func() { frozen.Transform(y, &row, Unknown) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	f([]float64{3, 3, 18, 7, -1}, []float64{0.75, 0.6, 0.8, 7, -0.25}, []float64{nan, nan, nan, 7, nan})
	f([]float64{3, 0, 10, 7, nan}, []float64{nan, 0, 0, 7, nan}, []float64{nan, nan, nan, 7, nan})

	ratio := Feature{Name: "r", Scaler: scale.Spec{Kind: scale.Ratio}, By: []string{"b"}}
	frozen := ofRecord(t, []Feature{asIs("a"), asIs("b"), ratio}, Norm{[]string{"r", "a"}, "l1"})
	y := []float64{1, 10, 20}
	frozen.Transform(y, &record.Row{Numbers: []float64{2, 10, 20}}, Unknown)
	checkNumbers(t, "a ratio as a member", y, []float64{0.5, 10, 0.5})
	frozen.Inverse(y, y, Unknown)
	checkNumbers(t, "a ratio as a member and back", y, []float64{nan, 10, nan})

	var many []Feature
	n := Norm{Norm: "max"}
	for i := range 3 * few {
		many = append(many, asIs("x"+strconv.Itoa(i)))
		n.Members = append(n.Members, many[i].Name)
	}
	row := record.Row{Numbers: make([]float64, len(many))}
	y = make([]float64, len(many))
	row.Numbers[3*few-1], row.Numbers[few] = -8, 2
	ofRecord(t, many, n).Transform(y, &row, Unknown)
	checkNumbers(t, "many", []float64{y[3*few-1], y[few], y[0]}, []float64{-1, 0.25, 0})
}

// TestNormsOfUnknown: a series that has no numbers for a member has none for the
// others.
func TestNormsOfUnknown(t *testing.T) {
	learned := asIs("a")
	learned.Fixed = nil
	series := new(Series)
	series.Add([]byte("s"))
	numbers := Learned{Count: []uint64{1}, Missing: []uint64{0}, Min: []float64{3}, Max: []float64{3}, Mean: []float64{3}, Var: []float64{0}, Params: []float64{0, 1}}
	f, err := New([]Feature{learned, asIs("b")}, series, []uint64{1}, []Learned{numbers, {}})
	if err == nil {
		f, err = f.Normed([]Norm{{[]string{"a", "b"}, "l2"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	row, y := record.Row{Numbers: []float64{3, 4}}, make([]float64, 2)
	f.Transform(y, &row, 0)
	checkNumbers(t, "known", y, []float64{0.6, 0.8})
	f.Transform(y, &row, Unknown)
	checkNumbers(t, "unknown", y, []float64{nan, nan})
	examples := f.Examples()
	if err := f.CheckExamples(examples); err != nil || len(examples) != 5 {
		t.Errorf("%d examples: %v", len(examples), err)
	}
	checkNumbers(t, "an example", []float64{float64(examples[0].Normalized[0]), float64(examples[0].Inverse[0])}, []float64{3 / math.Sqrt(10), nan})
}

func TestRefusesAlone(t *testing.T) {
	features := func() []Feature {
		return []Feature{asIs("w"), {Name: "r", Scaler: scale.Spec{Kind: scale.Ratio}, Shape: []int{3, 2}, By: []string{"w", "h"}},
			asIs("h"), {Name: "n", Scaler: normalizer("l2"), Shape: []int{4}}, {Name: "y", Scaler: standard, Role: RoleTarget}}
	}
	f := func(want string, change func(f []Feature) []Norm) {
		t.Helper()
		list := features()
		norms := change(list)
		var err error
		for i := range list {
			if err == nil {
				err = list[i].Validate()
			}
		}
		if err == nil {
			err = CheckNorms(list, []Group{{Name: "g", Members: []string{"h"}}}, norms)
		}
		if got := fmt.Sprint(err); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	none := func(change func(f []Feature)) func(f []Feature) []Norm {
		return func(f []Feature) []Norm { change(f); return nil }
	}
	norm := func(norm string, members ...string) func([]Feature) []Norm {
		return func([]Feature) []Norm { return []Norm{{members, norm}} }
	}
	f("<nil>", none(func([]Feature) {}))
	f("<nil>", none(func(f []Feature) { f[1].By = []string{"h"} }))
	f("by of scaler normalizer, want none: it belongs to ratio", none(func(f []Feature) { f[3].By = []string{"w"} }))
	f("scope global of scaler ratio, want none: nothing is learned", none(func(f []Feature) { f[1].Scope = ScopeGlobal }))
	f("impute mean of scaler normalizer, want constant: nothing is learned", none(func(f []Feature) { f[3].Impute.Kind = ImputeMean }))
	f("scaler normalizer of a single number, want an array, or norms of several numbers", none(func(f []Feature) { f[3].Shape = nil }))
	f(`per "0" of scaler ratio, want none`, none(func(f []Feature) { f[1].Per = "0" }))
	f("fixed numbers of scaler ratio, want standard with mean and scale", none(func(f []Feature) { f[1].Fixed = &Fixed{} }))
	f("0 divisors, want 1, or one for each index of the last axis, which are 2, at most 64", none(func(f []Feature) { f[1].By = nil }))
	f("3 divisors, want 1, or one for each index of the last axis, which are 2, at most 64", none(func(f []Feature) { f[1].By = []string{"w", "w", "w"} }))
	f("65 divisors, want 1, or one for each index of the last axis, which are 65, at most 64", none(func(f []Feature) { f[1].By, f[1].Shape = make([]string, 65), []int{65} }))
	f(`feature "r": by "z": there is no feature of this name`, none(func(f []Feature) { f[1].By = []string{"z"} }))
	f(`feature "r": by "n": an array, want a single number`, none(func(f []Feature) { f[1].By = []string{"n"} }))
	f(`feature "r": by "y": a target, want what is known before it is predicted`, none(func(f []Feature) { f[1].By = []string{"y"} }))
	f(`feature "h": by "h": divided itself, want another scaler`, none(func(f []Feature) {
		f[2] = Feature{Name: "h", Scaler: scale.Spec{Kind: scale.Ratio}, By: []string{"h"}}
		f[1].By = []string{"w"}
	}))
	f(`norm 0: norm "l3": must be one of l1, l2, max, peak, standard`, norm("l3", "w", "h"))
	f("norm 0: 1 members, want 2 to 512", norm("l2", "w"))
	f("norm 0: 513 members, want 2 to 512", norm("l2", strings.Split(strings.Repeat("w", 513), "")...))
	f(`norm 0: there is no feature "z" to be a member`, norm("l2", "w", "z"))
	f(`norm 0: feature "w" is a member of norm 0 already`, norm("l2", "w", "w"))
	f(`norm 0: feature "h" is a member of group "g" already`, norm("l2", "w", "h"))
	f(`norm 0: feature "n": an array cannot be a member, want single numbers`, norm("l2", "w", "n"))
	f(`norm 0: feature "y": a target cannot be a member: its own output is what a model predicts`, norm("l2", "w", "y"))
	f(`norm 1: feature "w" is a member of norm 0 already`, func(f []Feature) []Norm {
		f[4].Role = ""
		return []Norm{{[]string{"w", "y"}, "l2"}, {[]string{"w", "y"}, "l2"}}
	})
}

// BenchmarkAlone normalizes one record a time; B/s are numbers. "standard" is what
// the same array costs with learned numbers.
func BenchmarkAlone(b *testing.B) {
	const size = 3 * 224 * 224
	row := record.Row{Numbers: make([]float64, size)}
	for i := range row.Numbers {
		row.Numbers[i] = float64(i%256) - 100
	}
	y := make([]float64, size)
	clip := record.Row{Numbers: row.Numbers[:16_000]}
	for _, norm := range []string{"l1", "l2", "max", "standard"} {
		b.Run("clip,"+norm, func(b *testing.B) {
			benchmark(b, ofRecord(b, []Feature{{Name: "x", Scaler: normalizer(norm), Shape: []int{16_000}}}), y, &clip)
		})
	}
	b.Run("clip,standard scaler", func(b *testing.B) {
		benchmark(b, ofArray(b, Feature{Scaler: standard, Shape: []int{16_000}, Per: PerNone}, -100, 156), y, &clip)
	})
	for name, f := range map[string]Feature{
		"image,channels first": {Shape: []int{3, 224, 224}, Per: "0"},
		"image,channels last":  {Shape: []int{224, 224, 3}, Per: "2"},
		"image":                {Shape: []int{3, 224, 224}},
	} {
		f.Name, f.Scaler = "x", normalizer("l2")
		b.Run(name, func(b *testing.B) { benchmark(b, ofRecord(b, []Feature{f}), y, &row) })
	}
	b.Run("ratio,a box", func(b *testing.B) {
		by := []string{"width", "height", "width", "height"}
		f := ofRecord(b, []Feature{asIs("width"), asIs("height"), {Name: "box", Scaler: scale.Spec{Kind: scale.Ratio}, Shape: []int{4}, By: by}})
		benchmark(b, f, y, &record.Row{Numbers: []float64{640, 480, 64, 48, 320, 240}})
	})
	b.Run("norms,three", func(b *testing.B) {
		f := ofRecord(b, []Feature{asIs("x"), asIs("y"), asIs("z")}, Norm{[]string{"x", "y", "z"}, "l2"})
		benchmark(b, f, y, &record.Row{Numbers: []float64{1, 2, 3}})
	})
}
