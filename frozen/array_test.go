package frozen

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"tare/record"
	"tare/scale"
)

func TestLayout(t *testing.T) {
	f := func(shape []int, per string, want Layout, groups ...int) {
		t.Helper()
		feature := Feature{Shape: shape, Per: per}
		l := feature.Layout()
		if l != want || feature.Groups() != want.Groups || l.Share()*l.Groups != feature.Size() {
			t.Errorf("%v per %q: %v, want %v", shape, per, l, want)
		}
		for number, group := range groups {
			if got := l.Group(number); got != group {
				t.Errorf("%v per %q: number %d is of group %d, want %d", shape, per, number, got, group)
			}
		}
	}
	f(nil, "", Layout{1, 1, 1}, 0)
	f([]int{2, 3}, "", Layout{1, 6, 1}, 0, 1, 2, 3, 4, 5)
	f([]int{2, 3}, "none", Layout{1, 1, 6}, 0, 0, 0, 0, 0, 0)
	f([]int{2, 3}, "0", Layout{1, 2, 3}, 0, 0, 0, 1, 1, 1)
	f([]int{2, 3}, "1", Layout{2, 3, 1}, 0, 1, 2, 0, 1, 2)
	f([]int{2, 2, 2}, "1", Layout{2, 2, 2}, 0, 0, 1, 1, 0, 0, 1, 1)
	one := Feature{Shape: []int{2, 3}, Per: "1", Fixed: &Fixed{Mean: []float64{1}, Scale: []float64{2}}}
	if got := one.Layout(); got != (Layout{1, 1, 6}) {
		t.Errorf("the same fixed numbers for all: %v", got)
	}
}

// TestFixed holds fixed numbers against the formula spelled out, for arrays of any
// size around that of a piece, whatever the series; and the way back.
func TestFixed(t *testing.T) {
	for _, shape := range [][]int{nil, {1}, {3, 7}, {most}, {most + 1}, {3, most - 1}, {most + 1, 3}, {2, 3, most + 5}} {
		pers := []string{"", PerNone}
		for axis := range shape {
			pers = append(pers, strconv.Itoa(axis))
		}
		for _, per := range pers {
			if shape == nil && per != "" {
				continue
			}
			f := Feature{Name: "x", Scaler: standard, Shape: shape, Per: per, Fixed: &Fixed{Scale: []float64{2.5}}}
			groups := f.Layout().Groups
			for g := range groups {
				f.Fixed.Mean = append(f.Fixed.Mean, float64(g)/7)
			}
			if err := f.Validate(); err != nil {
				t.Fatal(err)
			}
			checkFixed(t, f)
		}
	}
}

func checkFixed(t *testing.T, f Feature) {
	t.Helper()
	frozen, err := New([]Feature{f}, new(Series), nil, []Learned{{}})
	if err != nil {
		t.Fatal(err)
	}
	row := record.Row{Numbers: make([]float64, f.Size())}
	for i := range row.Numbers {
		row.Numbers[i] = float64(i*31%97) - 40
	}
	row.Numbers[len(row.Numbers)/2] = math.NaN()
	y := make([]float64, f.Size())
	if flags := frozen.Transform(y, &row, Unknown); flags != 0 {
		t.Errorf("flags %v", flags)
	}
	for i, x := range row.Numbers {
		want := (x - f.Fixed.Mean[f.Layout().Group(i)]) / f.Fixed.Scale[0]
		if y[i] != want && want == want || x != x && y[i] == y[i] {
			t.Fatalf("%v per %q: number %d, %v, becomes %v, want %v", f.Shape, f.Per, i, x, y[i], want)
		}
	}
	frozen.Inverse(y, y, Unknown)
	for i, x := range row.Numbers {
		if !(math.Abs(y[i]-x) <= 1e-13) && x == x {
			t.Fatalf("%v per %q: number %d, %v, comes back as %v", f.Shape, f.Per, i, x, y[i])
		}
	}
}

// TestFlagsOfArrays: one number is enough, wherever it stands.
func TestFlagsOfArrays(t *testing.T) {
	const size = 2*most + 3
	f := func(what string, feature Feature, x float64, want record.Flags) {
		t.Helper()
		feature.Scaler, feature.Shape = standard, []int{size}
		frozen := ofArray(t, feature, 1, 3)
		for at := range size {
			row := record.Row{Numbers: slices.Repeat([]float64{2}, size)}
			row.Numbers[at] = x
			y := make([]float64, size)
			if flags := frozen.Transform(y, &row, 0); flags != want {
				t.Fatalf("%s at %d: flags %v, want %v", what, at, flags, want)
			}
		}
	}
	constant := Impute{Kind: ImputeConstant, Constant: 2}
	for _, per := range []string{"", PerNone} {
		f("inside", Feature{Per: per}, 3, 0)
		f("above", Feature{Per: per}, 3.5, record.OutOfRange)
		f("below", Feature{Per: per}, 0.5, record.OutOfRange)
		f("missing", Feature{Per: per}, math.NaN(), 0)
		f("imputed", Feature{Per: per, Impute: constant}, math.NaN(), record.Imputed)
		f("above, not imputed", Feature{Per: per, Impute: constant}, 4, record.OutOfRange)
		log := []scale.Pre{{Kind: scale.Affine, Scale: 1}, {Kind: scale.Sqrt}}
		f("outside the domain", Feature{Per: per, Pre: log, Impute: constant}, -1, record.OutOfRange|record.Imputed)
	}
}

// TestExamplesOfArrays: some numbers of an array, spread from its first to its last,
// fewer where there are very many arrays; and they are checked.
func TestExamplesOfArrays(t *testing.T) {
	f := func(size, most int, want ...int) {
		t.Helper()
		if got := Picks(size, most); !slices.Equal(got, want) {
			t.Errorf("%d of %d numbers are %v, want %v", most, size, got, want)
		}
	}
	f(1, 16, 0)
	f(3, 16, 0, 1, 2)
	f(10, 4, 0, 3, 6, 9)
	f(1<<24, 2, 0, 1<<24-1)
	f(5, 1, 0)
	if got := fmt.Sprint(MostPicks(1), MostPicks(1024), MostPicks(2048), MostPicks(16384)); got != "16 16 8 1" {
		t.Errorf("numbers of an array: %s", got)
	}
	frozen := ofArray(t, Feature{Scaler: standard, Shape: []int{1000}}, 1, 3)
	examples := frozen.Examples()
	if len(examples) != 5 || len(examples[0].Raw) != 16 {
		t.Fatalf("%d examples of %d numbers", len(examples), len(examples[0].Raw))
	}
	row, y := record.Row{Numbers: make([]float64, 1000)}, make([]float64, 1000)
	for k, number := range Picks(1000, 16) {
		row.Numbers[number] = float64(examples[3].Raw[k])
	}
	frozen.Transform(y, &row, 0)
	for k, number := range Picks(1000, 16) {
		if y[number] != float64(examples[3].Normalized[k]) {
			t.Errorf("number %d becomes %v, the example says %v", number, y[number], examples[3].Normalized[k])
		}
	}
	if err := frozen.CheckExamples(examples); err != nil {
		t.Error(err)
	}
	examples[2].Normalized[9]++
	if err := frozen.CheckExamples(examples); err == nil {
		t.Error("a wrong example is taken")
	}
}
