package frozen

import (
	"testing"

	"tare/record"
	"tare/scale"
)

// ofArray freezes one array feature of one series.
func ofArray(t testing.TB, f Feature, lo, hi float64) *Frozen {
	f.Name = "x"
	n := f.Entries(1)
	l := Learned{Count: make([]uint64, n), Missing: make([]uint64, n)}
	for i := range n {
		l.Count[i] = uint64(10 * f.Layout().Share())
		l.Min, l.Max = append(l.Min, lo), append(l.Max, hi)
		l.Mean, l.Var = append(l.Mean, (lo+hi)/2), append(l.Var, 1)
		l.Params = append(l.Params, (lo+hi)/2, 2+float64(i)/1000)
	}
	series := new(Series)
	series.Add([]byte("a"))
	frozen, err := New([]Feature{f}, series, []uint64{10}, []Learned{l})
	if err != nil {
		t.Fatal(err)
	}
	return frozen
}

var standard = scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}

// BenchmarkArrays normalizes one array a time; B/s are numbers. "loop" is the
// plain loop that nothing can be faster than: a subtraction and a division each.
func BenchmarkArrays(b *testing.B) {
	const size = 3 * 224 * 224
	row := record.Row{Numbers: make([]float64, size)}
	for i := range row.Numbers {
		row.Numbers[i] = float64(i % 256)
	}
	y := make([]float64, size)
	b.Run("loop", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			center, scale := row.Numbers[1], row.Numbers[2]
			for i, x := range row.Numbers {
				y[i] = (x - center) / scale
			}
		}
	})
	image, rgb := []int{3, 224, 224}, []int{224, 224, 3}
	imagenet := &Fixed{Mean: []float64{123.675, 116.28, 103.53}, Scale: []float64{58.395, 57.12, 57.375}}
	for _, c := range []struct {
		name string
		f    Feature
	}{
		{"fixed,channels first", Feature{Scaler: standard, Shape: image, Per: "0", Fixed: imagenet}},
		{"fixed,channels last", Feature{Scaler: standard, Shape: rgb, Per: "2", Fixed: imagenet}},
		{"standard,channels first", Feature{Scaler: standard, Shape: image, Per: "0"}},
		{"standard,channels last", Feature{Scaler: standard, Shape: rgb, Per: "2"}},
		{"standard,each", Feature{Scaler: standard, Shape: image}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, ofArray(b, c.f, 0, 255), y, &row) })
	}
	bins := record.Row{Numbers: row.Numbers[1:65]}
	f := ofArray(b, Feature{Scaler: standard, Shape: []int{64}, Pre: []scale.Pre{{Kind: scale.Log}}}, 0, 5)
	b.Run("log,64 bins", func(b *testing.B) { benchmark(b, f, y, &bins) })
	b.Run("inverse,channels first", func(b *testing.B) {
		f := ofArray(b, Feature{Scaler: standard, Shape: image, Per: "0"}, 0, 255)
		b.SetBytes(size)
		for b.Loop() {
			f.Inverse(y, row.Numbers, 0)
		}
	})
}

func benchmark(b *testing.B, f *Frozen, y []float64, row *record.Row) {
	b.SetBytes(int64(len(row.Numbers)))
	b.ReportAllocs()
	for b.Loop() {
		f.Transform(y, row, 0)
	}
}
