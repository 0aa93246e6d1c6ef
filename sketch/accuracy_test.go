package sketch_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/sketch"
)

var quartiles = []float64{.25, .5, .75}

// rankErrors returns the rank errors of s at the given ranks.
func rankErrors(s *sketch.Quantiles, sorted, ranks []float64) (all []float64) {
	var c sketch.Curve
	s.Curve(&c)
	for _, q := range ranks {
		all = append(all, rankError(sorted, q, c.Quantile(q)))
	}
	return all
}

// The error of quartiles is within a bar that falls with n; from 100,000 values
// on, so are the ends.
func TestRankError(t *testing.T) {
	f := func(n, seeds int, bar, rms, ends float64) {
		t.Helper()
		for _, shape := range continuous {
			squares, count := 0., 0.
			for seed := range seeds {
				x := shape.make(rand.New(rand.NewPCG(uint64(n), uint64(seed))), n)
				s := sketchOf(t, x)
				slices.Sort(x)
				for i, e := range rankErrors(s, x, quartiles) {
					if e > bar {
						t.Errorf("%s, %d values, seed %d: rank error %.3f %% at %v, want up to %.2f %%", shape.name, n, seed, 100*e, quartiles[i], 100*bar)
					}
					squares += e * e
					count++
				}
				if n < 100_000 {
					continue
				}
				for _, e := range rankErrors(s, x, []float64{.001, .999}) {
					if e > ends {
						t.Errorf("%s, %d values, seed %d: rank error %.4f %% at an end, want up to %.3f %%", shape.name, n, seed, 100*e, 100*ends)
					}
				}
			}
			if e := math.Sqrt(squares / count); e > rms {
				t.Errorf("%s, %d values: root mean square of rank errors %.4f %%, want up to %.3f %%", shape.name, n, 100*e, 100*rms)
			}
		}
	}
	if !long() {
		f(300, 100, .010, .0010, 0)
		f(1_000, 50, .006, .0010, 0)
		f(3_000, 100, .005, .0009, 0)
		f(30_000, 5, .0025, .0005, 0)
		f(300_000, 1, .0010, .0004, .0003)
		return
	}
	f(300, 2000, .010, .0010, 0) // the worst of 48,000 answers
	f(1_000, 1000, .009, .0010, 0)
	f(3_000, 500, .005, .0009, 0)
	f(30_000, 100, .0025, .0005, 0)
	f(300_000, 20, .0010, .0004, .0005) // the ends of Pareto
	f(10_000_000, 1, .0010, .0004, .0005)
}

// Merged parts are as accurate as one stream.
func TestRankErrorOfMerges(t *testing.T) {
	f := func(shape shape, n int, bar float64) {
		t.Helper()
		x := shape.make(rand.New(rand.NewPCG(9, 9)), n)
		sorted := slices.Sorted(slices.Values(x))
		for _, parts := range []int{8, 64, 1024} {
			s := inParts(t, x, parts)
			if s.N() != uint64(n) || s.Min() != sorted[0] || s.Max() != sorted[n-1] {
				t.Errorf("%s in %d parts: n %d, min %v, max %v, want %d, %v, %v", shape.name, parts, s.N(), s.Min(), s.Max(), n, sorted[0], sorted[n-1])
			}
			for i, e := range rankErrors(s, sorted, quartiles) {
				if e > bar {
					t.Errorf("%s in %d parts: rank error %.3f %% at %v, want up to %.2f %%", shape.name, parts, 100*e, quartiles[i], 100*bar)
				}
			}
		}
	}
	n := 1 << 17
	if long() {
		n = 1 << 20
	}
	for _, shape := range continuous {
		f(shape, n, .002)
	}
	f(shape{"300 integers", each(func(r *rand.Rand) float64 { return math.Round(40 * r.NormFloat64()) })}, n, .02)
	f(shape{"85 integers", each(integer)}, n, 0)
}

// Ties of more values than fit are blended, but little.
func TestTies(t *testing.T) {
	f := func(name string, n int, step float64, value func(r *rand.Rand) float64) {
		t.Helper()
		for seed := range uint64(10) {
			x := each(value)(rand.New(rand.NewPCG(3, seed)), n)
			s := sketchOf(t, x)
			slices.Sort(x)
			iqr := linear(x, .75) - linear(x, .25)
			for _, q := range quartiles {
				v := s.Quantile(q)
				if e := rankError(x, q, v); e > .02 {
					t.Errorf("%s, seed %d: rank error %.2f %% at %v, want up to 2 %%", name, seed, 100*e, q)
				}
				if d := math.Abs(v - linear(x, q)); d > max(.04*iqr, step) {
					t.Errorf("%s, seed %d: %v at %v, want %v within 4 %% of the interquartile range %v or %v", name, seed, v, q, linear(x, q), iqr, step)
				}
			}
		}
	}
	f("150 integers", 30_000, 0, func(r *rand.Rand) float64 { return math.Round(18 * r.NormFloat64()) })
	f("300 integers", 30_000, 0, func(r *rand.Rand) float64 { return math.Round(40 * r.NormFloat64()) })
	f("500 even", 30_000, 0, func(r *rand.Rand) float64 { return float64(r.IntN(500)) })
	period := 0.0
	f("sine of 150 places", 3_000, 0, func(r *rand.Rand) float64 {
		period++
		return math.Sin(2 * math.Pi * period / 150) // rounding makes each period a little different
	})
	f("Zipf", 30_000, 1, func(r *rand.Rand) float64 { return math.Floor(500 / (1 + 100*r.Float64())) })
}

// Inputs made to be hard.
func TestHardShapes(t *testing.T) {
	f := func(name string, x []float64, bar float64) {
		t.Helper()
		s := sketchOf(t, x)
		slices.Sort(x)
		for i, e := range rankErrors(s, x, quartiles) {
			if e > bar {
				t.Errorf("%s: rank error %.2f %% at %v, want up to %.2f %%", name, 100*e, quartiles[i], 100*bar)
			}
		}
	}
	r := random(t)
	for _, n := range []int{300, 3_000, 30_000, 200_000} {
		f("closing in", inOrder(zoomin)(r, n), .012)
	}
	logs := each(decades)(r, 30_000)
	for i, v := range logs {
		logs[i] = math.Log(v)
	}
	f("logarithms of 300 decades", logs, .0025)
	f("bimodal", each(bimodal)(r, 30_000), .01)
	f("huge", each(func(r *rand.Rand) float64 { return 1e150 * (2*r.Float64() - 1) })(r, 30_000), .0025)
	f("tiny", each(func(r *rand.Rand) float64 { return 1e-310 * r.Float64() })(r, 30_000), .0025)
	f("far from zero", each(func(r *rand.Rand) float64 { return 1e12 + r.NormFloat64() })(r, 30_000), .0025)
}
