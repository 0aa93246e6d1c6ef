package frozen

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"tare/record"
	"tare/scale"
)

var nan = math.NaN()

// small returns two series of three features: standard with its mean imputed,
// log1p and minmax with a constant imputed, quantile. The second series has no
// value of the last.
func small(t *testing.T, change func(features []Feature, l []Learned)) (*Frozen, error) {
	t.Helper()
	spec := func(kind string) scale.Spec {
		s, err := scale.Default(kind)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	features := []Feature{
		{Name: "a", Scaler: spec(scale.Standard), Impute: Impute{Kind: ImputeMean}},
		{Name: "b", Scaler: spec(scale.MinMax), Pre: []scale.Pre{{Kind: "log1p"}}, Impute: Impute{Kind: ImputeConstant, Constant: 0}},
		{Name: "c", Scaler: spec(scale.Quantile)},
	}
	learned := []Learned{
		{Count: []uint64{4, 2}, Missing: []uint64{0, 2}, Min: []float64{0, 10}, Max: []float64{8, 20}, Mean: []float64{4, 15},
			Var: []float64{4, 25}, Impute: []float64{4, 15}, Params: []float64{4, 2, 15, 5}},
		{Count: []uint64{4, 4}, Missing: []uint64{0, 0}, Min: []float64{0, 0}, Max: []float64{1, 2}, Mean: []float64{0.5, 1},
			Var: []float64{0.1, 0.2}, Params: []float64{0, 1, 0, 0.5}},
		{Count: []uint64{4, 0}, Missing: []uint64{0, 4}, Min: []float64{1, nan}, Max: []float64{3, nan}, Mean: []float64{2, nan},
			Var: []float64{1, nan}, Params: []float64{0, 0.5, 1, 1, 2, 3}, Offsets: []uint64{0, 6, 6}},
	}
	if change != nil {
		change(features, learned)
	}
	series := new(Series)
	series.Add([]byte("one"))
	series.Add([]byte("two"))
	return New(features, series, []uint64{4, 4}, learned)
}

func TestTransform(t *testing.T) {
	f, err := small(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(series string, in, want [3]float64, flags record.Flags) {
		t.Helper()
		var y [3]float64
		got := f.Transform(y[:], &record.Row{Numbers: in[:]}, f.Find([]byte(series)))
		if got != flags {
			t.Errorf("%v: flags %q, want %q", in, got, flags)
		}
		for i := range y {
			if math.Abs(y[i]-want[i]) > 1e-15 || math.IsNaN(y[i]) != math.IsNaN(want[i]) {
				t.Errorf("%v: got %v, want %v", in, y, want)
				break
			}
		}
	}
	e := math.E - 1
	check("one", [3]float64{6, e, 2}, [3]float64{1, 1, 0.5}, 0)
	check("two", [3]float64{20, e, 2}, [3]float64{1, 0.5, nan}, 0)
	check("one", [3]float64{nan, 0, nan}, [3]float64{0, 0, nan}, record.Imputed)
	check("one", [3]float64{4, nan, 2}, [3]float64{0, 0, 0.5}, record.Imputed)
	check("one", [3]float64{8, 0, 3}, [3]float64{2, 0, 1}, 0)
	check("one", [3]float64{8.5, 0, 3}, [3]float64{2.25, 0, 1}, record.OutOfRange)
	check("one", [3]float64{4, 0, 0}, [3]float64{0, 0, 0}, record.OutOfRange)
	check("one", [3]float64{4, -2, 2}, [3]float64{0, 0, 0.5}, record.OutOfRange|record.Imputed) // log1p(-2)
	check("three", [3]float64{4, 0, 2}, [3]float64{nan, nan, nan}, record.UnknownSeries)
}

func TestInverse(t *testing.T) {
	f, err := small(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := []float64{5.5, 1.25, 2.5}
	y, back := make([]float64, 3), make([]float64, 3)
	f.Transform(y, &record.Row{Numbers: raw}, 0)
	f.Inverse(back, y, 0)
	for i := range raw {
		if math.Abs(back[i]-raw[i]) > 1e-15 {
			t.Errorf("%v came back as %v", raw, back)
		}
	}
	f.Inverse(back, y, Unknown)
	for i := range y {
		if back[i] != y[i] {
			t.Errorf("unknown series: %v came back as %v", y, back)
		}
	}
}

func TestTransformAllocatesNothing(t *testing.T) {
	f, err := small(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	row := &record.Row{Series: []byte("one"), Numbers: []float64{1, 2, 3}}
	y := make([]float64, 3)
	if n := testing.AllocsPerRun(100, func() { f.Transform(y, row, f.Find(row.Series)); f.Inverse(y, y, 0) }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

// TestRefused changes one number at a time into something that no training can
// have left behind.
func TestRefused(t *testing.T) {
	f := func(want string, change func(f []Feature, l []Learned)) {
		t.Helper()
		_, err := small(t, change)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f("not finite", func(_ []Feature, l []Learned) { l[0].Params[0] = nan })
	f("not finite", func(_ []Feature, l []Learned) { l[0].Params[1] = math.Inf(1) })
	f("not finite", func(_ []Feature, l []Learned) { l[1].Mean[0] = math.Inf(-1) })
	f("not finite", func(_ []Feature, l []Learned) { l[0].Impute[1] = nan })
	f("not finite", func(_ []Feature, l []Learned) { l[2].Min[1] = 0 }) // learned from nothing
	f("scale of 0", func(_ []Feature, l []Learned) { l[0].Params[1] = 0 })
	f("minimum is above", func(_ []Feature, l []Learned) { l[0].Min[0] = 9 })
	f("variance below 0", func(_ []Feature, l []Learned) { l[0].Var[0] = -1 })
	f("want 4 together", func(_ []Feature, l []Learned) { l[0].Count[0] = 3 })
	f("want 4 together", func(_ []Feature, l []Learned) { l[0].Count[0], l[0].Missing[0] = math.MaxUint64, 5 })
	f("do not rise", func(_ []Feature, l []Learned) { l[2].Params[4] = 4 })
	f("do not rise", func(_ []Feature, l []Learned) { l[2].Params[0] = 0.7 })
	f("outside of [0, 1]", func(_ []Feature, l []Learned) { l[2].Params[2] = 1.5 })
	f("landmarks", func(_ []Feature, l []Learned) { l[2].Offsets[1], l[2].Params = 5, l[2].Params[:5]; l[2].Offsets[2] = 5 })
	f("do not span", func(_ []Feature, l []Learned) { l[2].Offsets[2] = 5 })
	f("go backwards", func(_ []Feature, l []Learned) { l[2].Offsets[1] = 7 })
	f("an array of 1", func(_ []Feature, l []Learned) { l[0].Max = l[0].Max[:1] })
	f("imputed values", func(_ []Feature, l []Learned) { l[0].Impute = l[0].Impute[:1] })
	f("parameters, want", func(_ []Feature, l []Learned) { l[0].Params = l[0].Params[:3] })
	f("outside the domain", func(f []Feature, _ []Learned) { f[1].Impute.Constant = -3 })
}

func TestExamples(t *testing.T) {
	f, err := small(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(f.Examples())
	if err != nil {
		t.Fatal(err)
	}
	var examples []Example
	if err := json.Unmarshal(data, &examples); err != nil {
		t.Fatal(err)
	}
	if len(examples) != 10 {
		t.Fatalf("%d examples of two series, want 10", len(examples))
	}
	if err := f.CheckExamples(examples); err != nil {
		t.Fatal(err)
	}
	for i := range examples {
		for _, numbers := range [][]Number{examples[i].Normalized, examples[i].Inverse} {
			was := numbers[0]
			numbers[0] = Number(math.Nextafter(float64(was), math.Inf(1)))
			if was != was {
				numbers[0] = 0
			}
			if err := f.CheckExamples(examples); err == nil {
				t.Errorf("example %d with %v for %v passes", i, numbers[0], was)
			}
			numbers[0] = was
		}
	}
}

func TestSeriesMustSort(t *testing.T) {
	series := new(Series)
	series.Add([]byte("two"))
	series.Add([]byte("one"))
	if _, err := New(nil, series, []uint64{1, 1}, nil); err == nil || !strings.Contains(err.Error(), "does not sort after") {
		t.Errorf("got %v", err)
	}
}
