package scale

import (
	"math"
	"slices"
	"testing"
)

// TestLandmarks holds where the points of a curve come from.
func TestLandmarks(t *testing.T) {
	line := func(q float64) float64 { return 10 * q }
	step := func(q float64) float64 { return math.Floor(4 * q) }
	down := func(q float64) float64 { return math.Abs(q - 0.3) } // as a sketch might, by rounding
	ranks, values := []float64{0, 0.2, 0.4, 1}, []float64{0, 2, 2, 10}
	f := func(n int, records uint64, exact bool, quantile func(float64) float64, refs, points []float64) {
		t.Helper()
		s := Spec{Kind: Quantile, NQuantiles: n, OutputDistribution: Uniform}
		p := QuantileParams([]float64{7}, s, records, exact, quantile, ranks, values)
		equal(t, "parameters", p, slices.Concat([]float64{7}, refs, points))
	}
	f(5, 100, true, line, []float64{0, 0.25, 0.5, 0.75, 1}, []float64{0, 2.5, 5, 7.5, 10})
	f(5, 3, true, line, []float64{0, 0.5, 1}, []float64{0, 5, 10})
	f(5, 1, true, line, []float64{0}, []float64{0})
	f(5, 0, true, line, []float64{0}, []float64{0})
	f(1, 100, true, line, []float64{0}, []float64{0})
	f(5, math.MaxUint64, true, line, []float64{0, 0.25, 0.5, 0.75, 1}, []float64{0, 2.5, 5, 7.5, 10})
	f(9, 100, true, step, []float64{0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1}, []float64{0, 0, 1, 1, 2, 2, 3, 3, 4})
	f(17, 100, true, step, []float64{0, 0.1875, 0.25, 0.4375, 0.5, 0.6875, 0.75, 0.9375, 1}, []float64{0, 0, 1, 1, 2, 2, 3, 3, 4})
	f(5, 100, true, down, []float64{0, 0.5, 0.75, 1}, []float64{0.3, 0.3, 0.45, 0.7})
	f(1000, 100, false, line, ranks, values)
	f(4, 100, false, line, ranks, values)
	f(3, 100, false, line, []float64{0, 0.5, 1}, []float64{0, 5, 10})
	f(1000, 3, false, line, []float64{0, 0.5, 1}, []float64{0, 5, 10})
}

// TestRunsKeepTheirEnds compares landmarks full of ties with what keepEnds
// leaves of them, forward and back, to the bit.
func TestRunsKeepTheirEnds(t *testing.T) {
	r := random(t)
	for range 300 {
		n := 1 + r.IntN(40)
		full := make([]float64, 2*n)
		refs, points := halves(full)
		landmarks(refs, points, func(float64) float64 { return float64(r.IntN(1 + n/2)) })
		slices.Sort(points)
		short := slices.Clone(full)
		m := keepEnds(short[:n], short[n:])
		short = slices.Concat(short[:m], short[n:n+m])
		for _, step := range []quantileStep{{normal: false}, {normal: true}} {
			for range 100 {
				x := []float64{float64(r.IntN(n+1)) - 0.5*float64(r.IntN(2)), points[r.IntN(n)]}[r.IntN(2)]
				u := []float64{r.Float64(), refs[r.IntN(n)]}[r.IntN(2)]
				if step.normal {
					u = normalQuantile(u)
				}
				if a, b := one(step.Transform, x, full), one(step.Transform, x, short); !same(a, b) {
					t.Fatalf("transform(%v) = %v by %v, %v by %v", x, a, full, b, short)
				}
				if a, b := one(step.Inverse, u, full), one(step.Inverse, u, short); !same(a, b) {
					t.Fatalf("inverse(%v) = %v by %v, %v by %v", u, a, full, b, short)
				}
			}
		}
	}
}

// TestQuantileEnds holds the rules at the ends of the range.
func TestQuantileEnds(t *testing.T) {
	f := func(normal bool, x, y float64, p ...float64) {
		t.Helper()
		if got := one(quantileStep{normal: normal}.Transform, x, p); !same(got, y) {
			t.Errorf("transform(%v) by %v = %v, want %v", x, p, got, y)
		}
	}
	f(false, 1, 0, 0, 0.5, 1, 1, 1, 4) // half of the mass at the lower end: still 0
	f(false, 4, 1, 0, 0.5, 1, 1, 4, 4)
	f(false, 0.9, 0, 0, 0.5, 1, 1, 1, 4)
	f(false, 4.1, 1, 0, 0.5, 1, 1, 4, 4)
	f(false, 3, 0, 0, 1, 3, 3) // constant: the lower rule wins
	f(false, 2, 0, 0, 1, 3, 3)
	f(false, 4, 1, 0, 1, 3, 3)
	f(false, 9, 0, 0, 3) // one landmark: 0 is all it knows
	f(true, 3, lowest, 0, 1, 3, 3)
	f(true, 3.1, highest, 0, 1, 3, 3)
	f(true, 2.9, lowest, 0, 1, 3, 3)
	f(true, 9, highest, 0, 3)
	f(true, 1+0.5e-7, lowest, 0, 1, 1, 2) // within 1e-7 of the end
	f(true, 2-0.5e-7, highest, 0, 1, 1, 2)
	f(true, 1.5, 0, 0, 1, 1, 2)
	f(true, 1, lowest, 0, 1e-8, 1, 0, 1, 2) // ranks beyond the clip
	f(true, 1, highest, 0, 1-1e-8, 1, 0, 1, 2)
	f(true, 0.5e-7, lowest, 0, 1, 0, 0.9e-7) // spans less than 1e-7: collapses
	f(true, 1e12, 0, 0, 0.25, 0.75, 1, 0, 1e12, 1e12, 2e12)
	f(true, 2e12, 0.6744897501960817, 0, 0.5, 1, 0, 2e12, 2e12) // 1e-7 is lost in 2e12: the middle of the run
	f(false, 5e-324, 0.5, 0, 1, 0, 1e-323)                      // where the slope overflows: the middle
	f(false, 5e-324, 0.5, 0, 1, 5e-324-1e-323, 1e-323)

	back := func(normal bool, y, x float64, p ...float64) {
		t.Helper()
		if got := one(quantileStep{normal: normal}.Inverse, y, p); !same(got, x) {
			t.Errorf("inverse(%v) by %v = %v, want %v", y, p, got, x)
		}
	}
	back(false, 0, 1, 0, 0.5, 1, 1, 1, 4)
	back(false, -3, 1, 0, 0.5, 1, 1, 1, 4)
	back(false, 0.5, 1, 0, 0.5, 1, 1, 1, 4)
	back(false, 0.75, 2.5, 0, 0.5, 1, 1, 1, 4)
	back(false, 1, 4, 0, 0.5, 1, 1, 1, 4)
	back(false, 3, 4, 0, 0.5, 1, 1, 1, 4)
	back(false, 0, 1, 0, 0, 1, 1, 2, 3) // several values at rank 0: the first
	back(false, 1, 3, 0, 1, 1, 1, 2, 3)
	back(false, 0.5, 3, 0, 3)
	back(true, lowest, 1, 0, 1, 1, 2)
	back(true, highest, 2, 0, 1, 1, 2)
	back(true, -5.3, 1, 0, 1, 1, 2)
	back(true, 0, 1.5, 0, 1, 1, 2)
	back(true, 40, 2, 0, 1, 1, 2)
}

// TestOrderOfDigest checks curves such as a digest gives: many values, anchors
// close together in the tails, where each value's rank must fall between those
// of its neighbours.
func TestOrderOfDigest(t *testing.T) {
	r := random(t)
	ranks, values := []float64{0}, []float64{-50}
	for len(values) < 130 {
		ranks = append(ranks, r.Float64())
		values = append(values, magnitude(r, 1e-3, 1e3))
	}
	ranks = append(ranks, 1)
	values = append(values, 2000)
	slices.Sort(ranks)
	slices.Sort(values)
	s := Spec{Kind: Quantile, NQuantiles: 1000, OutputDistribution: Uniform}
	p := QuantileParams(nil, s, 1e9, false, func(float64) float64 { return 0 }, ranks, values)
	for i := range len(values) - 1 {
		x := values[i] + (values[i+1]-values[i])*r.Float64()
		u := one(quantileStep{}.Transform, x, p)
		if u < ranks[i]-1e-15 || u > ranks[i+1]+1e-15 {
			t.Errorf("%v between %v and %v has rank %v, not in [%v, %v]", x, values[i], values[i+1], u, ranks[i], ranks[i+1])
		}
	}
}
