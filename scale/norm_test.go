package scale

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
)

func newNorm(t testing.TB, kind string) Norm {
	t.Helper()
	s, err := NewNorm(kind)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGoldenNorm compares with scikit-learn's Normalizer, within 2 ulp.
func TestGoldenNorm(t *testing.T) {
	var cases []struct {
		Name            string
		Params          json.RawMessage
		Test, Transform [][]number
	}
	readGolden(t, "scalers/normalizer.json", &cases)
	if len(cases) != 3 {
		t.Fatalf("%d cases, want 3", len(cases))
	}
	for _, c := range cases {
		var params struct{ Norm string }
		if err := json.Unmarshal(c.Params, &params); err != nil {
			t.Fatal(err)
		}
		kinds := []string{params.Norm}
		if params.Norm == Max {
			kinds = append(kinds, Peak)
		}
		for _, kind := range kinds {
			for i, row := range c.Test {
				y := column1(row)
				newNorm(t, kind).Transform(y, y, nil)
				for k, want := range column1(c.Transform[i]) {
					if distance(y[k], want) > 2 {
						t.Errorf("%s of %v: %v, want %v", kind, column1(row), y, column1(c.Transform[i]))
						break
					}
				}
			}
		}
	}
}

// TestNorms holds the edges of all norms: constants, zeros, a single value,
// missing ones, the largest and smallest.
func TestNorms(t *testing.T) {
	nan := math.NaN()
	f := func(kind string, x, want []float64) {
		t.Helper()
		s := newNorm(t, kind)
		y := append(make([]float64, len(x)), 7)
		s.Transform(y, x, nil)
		equal(t, fmt.Sprint(kind, " of ", x), y, append(slices.Clone(want), 7))
		s.Transform(x, x, nil)
		equal(t, kind+" in place", x, want)
		s.Inverse(x, x, nil)
		for _, v := range x {
			if !math.IsNaN(v) {
				t.Errorf("%s has an inverse: %v", kind, x)
			}
		}
		if n := testing.AllocsPerRun(10, func() { s.Transform(y, x, nil) }); n != 0 {
			t.Errorf("%s allocates %v times", kind, n)
		}
	}
	for _, kind := range norms {
		f(kind, []float64{0, 0, 0, 0, 0, 0, 0}, []float64{0, 0, 0, 0, 0, 0, 0})
		for at := range 7 {
			x := []float64{1, -2, 3, 4, 5, 6, 7}
			x[at] = nan
			f(kind, x, []float64{nan, nan, nan, nan, nan, nan, nan})
		}
		f(kind, []float64{0}, []float64{0})
	}
	f(L1, []float64{1, -2, 3, -4, 5, -6, 4}, []float64{0.04, -0.08, 0.12, -0.16, 0.2, -0.24, 0.16})
	f(L2, []float64{1, -1, 1, -1, 2, -2, 2}, []float64{0.25, -0.25, 0.25, -0.25, 0.5, -0.5, 0.5})
	f(L2, []float64{-1e150, 0, 0, 0, 0}, []float64{-1, 0, 0, 0, 0})
	f(L1, []float64{2e-15, 0}, []float64{2e-15, 0})
	f(L1, []float64{2e-15, -2e-15}, []float64{0.5, -0.5})
	for _, kind := range []string{Max, Peak} {
		f(kind, []float64{2, -8, 4}, []float64{0.25, -1, 0.5})
		f(kind, []float64{-2, 3, -4, 1}, []float64{-0.5, 0.75, -1, 0.25})
		f(kind, []float64{5e-324, -2e-15}, []float64{5e-324, -2e-15})
	}
	f(Standard, []float64{1, 3, 1, 3, 1, 3}, []float64{-1, 1, -1, 1, -1, 1})
	f(Standard, []float64{42}, []float64{0})
	f(Standard, []float64{1e150, -1e150}, []float64{1, -1})
	f(Standard, []float64{1e9, 1e9 + 1e-7, 1e9}, []float64{0, 1.1920928955078125e-07, 0}) // constant, as scikit-learn says
	f(Standard, []float64{1e-30, 2e-30}, []float64{-1, 1})
}

// TestNormConstant holds that clips of one value are 0 whatever it is and
// however many there are.
func TestNormConstant(t *testing.T) {
	r := random(t)
	for range 500 {
		x := make([]float64, 1+r.IntN(3000))
		v := magnitude(r, 1e-9, 1e9)
		for i := range x {
			x[i] = v
		}
		newNorm(t, Standard).Transform(x, x, nil)
		for _, y := range x {
			if math.Abs(y) > 4*epsilon*math.Abs(v) {
				t.Fatalf("%d times %v became %v", len(x), v, y)
			}
		}
	}
}

// TestNormMoments compares with exact sums, near zero and far from it, where the
// first pass alone has no digit of the variance right.
func TestNormMoments(t *testing.T) {
	f := func(n int, value func(i int) float64) {
		t.Helper()
		x := make([]float64, n)
		var sum, squares big.Rat
		for i := range x {
			x[i] = value(i)
			v := new(big.Rat).SetFloat64(x[i])
			sum.Add(&sum, v)
			squares.Add(&squares, v.Mul(v, v))
		}
		count := new(big.Rat).SetInt64(int64(n))
		sum.Quo(&sum, count)
		wantMean, _ := sum.Float64()
		want, _ := squares.Sub(squares.Quo(&squares, count), sum.Mul(&sum, &sum)).Float64()
		mean, variance := moments(x)
		slack := epsilon*math.Abs(wantMean) + 1e-14*math.Sqrt(want)
		if math.Abs(mean-wantMean) > slack || math.Abs(variance-want) > 1e-9*want {
			t.Errorf("%d values like %v: mean %v, variance %v, want %v, %v", n, x[1], mean, variance, wantMean, want)
		}
	}
	f(1000, func(i int) float64 { return float64(i % 256) })
	f(999, func(i int) float64 { return 0.1 * float64(i%7) })
	f(5000, func(i int) float64 { return 1e9/3 + 1e-6*float64(i%2) })
	f(5000, func(i int) float64 { return -1e15/3 + float64(i%3) })
}

func TestRefusesNorms(t *testing.T) {
	_, err := NewNorm("l3")
	checkError(t, err, `norm "l3": must be one of l1, l2, max, peak, standard`)
}

// BenchmarkNorm scales clips of 4,096 values.
func BenchmarkNorm(b *testing.B) {
	x, dst := normals(values), make([]float64, values)
	for _, kind := range norms {
		s := newNorm(b, kind)
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				s.Transform(dst, x, nil)
			}
			perValue(b, values)
		})
	}
}
