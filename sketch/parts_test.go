package sketch_test

import (
	"math"
	"slices"
	"testing"

	"tare/sketch"
)

// TestStep holds the quantiles of few values against the definition of
// averaged_inverted_cdf: the smallest value with q N values up to it, or where just so
// many are, the mean of it and the next one.
func TestStep(t *testing.T) {
	r := random(t)
	for n := 1; n <= 128; n++ {
		x := make([]float64, n)
		for i := range x {
			x[i] = math.Floor(20 * r.Float64())
		}
		var c sketch.Curve
		sketchOf(t, x).Curve(&c)
		slices.Sort(x)
		for k := 0; k <= 64; k++ {
			q := float64(k) / 64 // q n is exact
			rank := q * float64(n)
			i := min(max(int(math.Ceil(rank)), 1), n) - 1
			want := x[i]
			if whole := rank == math.Trunc(rank); whole && 0 < rank && rank < float64(n) {
				want = (x[i] + x[i+1]) / 2
			}
			if got := c.Step(q); got != want {
				t.Fatalf("Step(%v) of %v = %v, want %v", q, x, got, want)
			}
		}
	}
	var none sketch.Curve
	new(sketch.Quantiles).Curve(&none)
	one := sketchOf(t, []float64{1})
	var c sketch.Curve
	one.Curve(&c)
	for _, got := range []float64{none.Step(0.5), c.Step(-0.1), c.Step(1.1), c.Step(math.NaN())} {
		if !math.IsNaN(got) {
			t.Errorf("Step of no values or beside 0 to 1 is %v", got)
		}
	}
}

// TestParts: the stretches ascend and stay apart, have all values and their mean, and
// are the values themselves while the sketch is exact.
func TestParts(t *testing.T) {
	r := random(t)
	f := func(what string, x []float64) {
		t.Helper()
		s := sketchOf(t, x)
		var c sketch.Curve
		s.Curve(&c)
		lows, highs, counts := c.Parts()
		n, sum, scale := 0.0, 0.0, 0.0
		for i := range lows {
			if c.Exact() && lows[i] != highs[i] || lows[i] > highs[i] || i > 0 && lows[i] < highs[i-1] || !(counts[i] >= 0) {
				t.Fatalf("%s: %v values from %v to %v", what, counts[i], lows[i], highs[i])
			}
			n += counts[i]
			sum += counts[i] * (lows[i] + highs[i]) / 2
			scale += counts[i] * math.Abs(lows[i])
		}
		mean := s.Moments()
		if math.Abs(n-float64(len(x))) > 1e-9*n || math.Abs(sum/n-mean.Mean()) > 1e-9*scale/n {
			t.Errorf("%s: %v values with the mean %v, want %v with %v", what, n, sum/n, len(x), mean.Mean())
		}
		if lows[0] != s.Min() || highs[len(highs)-1] != s.Max() {
			t.Errorf("%s: from %v to %v, want %v to %v", what, lows[0], highs[len(highs)-1], s.Min(), s.Max())
		}
	}
	for name, value := range map[string]func() float64{
		"normal": r.NormFloat64, "exponential": r.ExpFloat64, "uniform": r.Float64,
		"integers": func() float64 { return math.Round(10 * r.NormFloat64()) },
		"zeros":    func() float64 { return max(0, r.NormFloat64()) },
		"sevens":   func() float64 { return []float64{r.Float64(), r.Float64(), 7, -7}[r.IntN(4)] },
		"far":      func() float64 { return 1e9 + math.Round(1e6*r.Float64())/1e6 },
	} {
		for _, n := range []int{1, 2, 100, 129, 3000, 50_000} {
			x := make([]float64, n)
			for i := range x {
				x[i] = value()
			}
			f(name, x)
		}
	}
}
