package sketch_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/internal/accuracy"
	"tare/sketch"
)

// selected reads x until the values at k and k+1 are known, and returns in how
// many passes. Each pass may have another order.
func selected(t *testing.T, c *sketch.Curve, x []float64, k uint64, shuffle func(n int, swap func(i, j int))) (lower, upper float64, passes int) {
	t.Helper()
	cell := sketch.Cell{1, math.MaxUint64}
	s := c.Select(k)
	for done := false; !done; passes++ {
		if shuffle != nil {
			shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
		}
		for _, v := range x {
			s.Add(sketch.KeyOf(v), &cell)
		}
		var err error
		if done, err = s.Settle(&cell); err != nil {
			t.Fatalf("position %d of %d, pass %d: %v", k, len(x), passes+1, err)
		}
		if passes > 20 {
			t.Fatalf("position %d of %d: not found in %d passes", k, len(x), passes)
		}
	}
	lower, upper = s.Values()
	return lower, upper, passes
}

// refined is the curve of x through the exact values that the quantiles q take.
func refined(t *testing.T, s *sketch.Quantiles, x, q []float64) *sketch.Curve {
	t.Helper()
	var c sketch.Curve
	s.Curve(&c)
	known := map[float64]float64{0: s.Min(), float64(len(x) - 1): s.Max()}
	for _, q := range append(slices.Clone(q), 0.5) {
		k := min(uint64(q*float64(len(x)-1)), uint64(len(x)-2))
		known[float64(k)], known[float64(k+1)], _ = selected(t, &c, x, k, nil)
	}
	var positions, values []float64
	for p := range known {
		positions = append(positions, p)
	}
	slices.Sort(positions)
	for _, p := range positions {
		values = append(values, known[p])
	}
	c.Refine(positions, values)
	return &c
}

// TestKeys: keys are in the order of the numbers, and give them back.
func TestKeys(t *testing.T) {
	x := []float64{-1e150, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, math.Nextafter(1, 2), 1e150}
	for i, v := range x {
		if k := sketch.KeyOf(v); k.Value() != v || k == 0 || i > 0 && k <= sketch.KeyOf(x[i-1]) {
			t.Errorf("the key of %v is %d, of which the value is %v; before it %d", v, k, k.Value(), sketch.KeyOf(x[max(0, i-1)]))
		}
	}
	if zero := sketch.KeyOf(math.Copysign(0, -1)); zero != sketch.KeyOf(0) || math.Signbit(zero.Value()) {
		t.Error("-0 has another key than 0")
	}
}

func signedZero(r *rand.Rand) float64 {
	return math.Copysign(float64(max(0, r.IntN(400)-200)), float64(r.IntN(2))-.5)
}
func subnormal(r *rand.Rand) float64 {
	return float64(r.IntN(1<<20)-1<<19) * math.SmallestNonzeroFloat64
}
func huge(r *rand.Rand) float64 {
	return math.Copysign(1e150, float64(r.IntN(2))-.5) * (1 - r.Float64()/1e10)
}
func twoSides(r *rand.Rand) float64 {
	return math.Copysign(1+r.Float64()*1e-9, float64(r.IntN(2))-.5)
}

// hard are the shapes for a Selection besides the ordinary ones: ties, gaps,
// the ends of the floats, and those that a sketch answers badly.
var hard = []shape{
	{"one value", each(func(*rand.Rand) float64 { return .1 })},
	{"two values", each(func(r *rand.Rand) float64 { return float64(r.IntN(2)) })},
	{"five", each(five)},
	{"integer", each(integer)},
	{"ties among many", each(func(r *rand.Rand) float64 { return math.Floor(1000 * r.Float64() * r.Float64()) })},
	{"half zeros", each(func(r *rand.Rand) float64 { return max(0, r.NormFloat64()) })},
	{"signed zeros", each(signedZero)},
	{"subnormal", each(subnormal)},
	{"1e150", each(huge)},
	{"two sides", each(twoSides)},
	{"bimodal", each(bimodal)},
	{"decades", each(decades)},
	{"closing in", inOrder(zoomin)},
}

// TestSelection: the two values are those of the sorted stream, wherever they
// are and whatever the stream, read in another order in each pass.
func TestSelection(t *testing.T) {
	r := random(t)
	most := 0
	for i, shape := range append(slices.Clone(continuous), hard...) {
		for _, n := range []int{129, 130, 500, 5000, 20_000} {
			x := shape.make(r, n)
			s := sketchOf(t, x)
			var c sketch.Curve
			s.Curve(&c)
			sorted := slices.Sorted(slices.Values(x))
			for _, k := range []int{0, 1, n / 4, (n - 1) / 2, 3 * n / 4, n - 2, r.IntN(n - 1)} {
				lower, upper, passes := selected(t, &c, x, uint64(k), r.Shuffle)
				if lower != sorted[k] || upper != sorted[k+1] || math.Signbit(lower) && lower == 0 {
					t.Fatalf("%s, position %d of %d: got %v and %v, want %v and %v", shape.name, k, n, lower, upper, sorted[k], sorted[k+1])
				}
				if most = max(most, passes); passes > 2 && i < len(continuous) {
					t.Errorf("%s, position %d of %d: %d passes, want 2 at most", shape.name, k, n, passes)
				}
			}
		}
	}
	if most > 6 {
		t.Errorf("%d passes, want 6 at most", most)
	}
}

// TestSelectionFromAnywhere starts from the curve of another stream of the same
// length and ends: the first interval misses, by much or by one, and the values
// are still found.
func TestSelectionFromAnywhere(t *testing.T) {
	r := random(t)
	for range 20 {
		x := each(lognormal)(r, 300)
		sorted := slices.Sorted(slices.Values(x))
		lo, hi := sorted[0], sorted[len(x)-1]
		at := sorted[r.IntN(len(x))]
		other := each(func(r *rand.Rand) float64 { return min(hi, max(lo, at*(1+1e-1*r.Float64()))) })(r, len(x))
		other[0], other[1] = lo, hi
		var c sketch.Curve
		sketchOf(t, other).Curve(&c)
		for k := range len(x) - 1 {
			lower, upper, _ := selected(t, &c, x, uint64(k), nil)
			if lower != sorted[k] || upper != sorted[k+1] {
				t.Fatalf("position %d: got %v and %v, want %v and %v", k, lower, upper, sorted[k], sorted[k+1])
			}
		}
	}
}

// TestRefine: through the exact values a curve gives numpy's quantiles.
func TestRefine(t *testing.T) {
	r := random(t)
	for _, shape := range append(slices.Clone(continuous), hard...) {
		for _, n := range []int{129, 1000, 20_001} {
			x := shape.make(r, n)
			s := sketchOf(t, x)
			q := []float64{0, .25, .5, .75, 1, 1e-9, 1 - 1e-16, r.Float64(), r.Float64()}
			c := refined(t, s, x, q)
			sorted := slices.Sorted(slices.Values(x))
			for _, q := range q {
				if got, want := c.Quantile(q), accuracy.Linear(sorted, q); got != want {
					t.Errorf("%s: Quantile(%v) of %d values is %v, want %v", shape.name, q, n, got, want)
				}
			}
			if want := (sorted[(n-1)/2] + sorted[n/2]) / 2; c.Median() != want || !c.Exact() {
				t.Errorf("%s: median of %d values is %v (exact %t), want %v", shape.name, n, c.Median(), c.Exact(), want)
			}
		}
	}
}

// TestSelectionOfAnother: a value less or more, or in another place than in the
// pass before, is noticed.
func TestSelectionOfAnother(t *testing.T) {
	short, long := each(normal)(random(t), 1000), each(normal)(random(t), 100_000) // one pass, and two
	x := short
	f := func(what string, pass int, change func([]float64) []float64) {
		t.Helper()
		var c sketch.Curve
		sketchOf(t, x).Curve(&c)
		s, cell := c.Select(c.N/2), sketch.Cell{}
		for i := 1; ; i++ {
			y := slices.Clone(x)
			if i >= pass {
				y = change(y)
			}
			for _, v := range y {
				s.Add(sketch.KeyOf(v), &cell)
			}
			done, err := s.Settle(&cell)
			if errors.Is(err, sketch.ErrChanged) && i >= pass {
				return
			}
			if done || err != nil || i > 20 {
				t.Errorf("%s: pass %d: %v, %v, want ErrChanged", what, i, done, err)
				return
			}
		}
	}
	f("one less of few", 1, func(y []float64) []float64 { return y[1:] })
	x = long
	for pass := 1; pass <= 2; pass++ {
		f("one less", pass, func(y []float64) []float64 { return y[1:] })
		f("one more", pass, func(y []float64) []float64 { return append(y, 0) })
	}
	f("one elsewhere", 2, func(y []float64) []float64 {
		i := slices.IndexFunc(y, func(v float64) bool { return v < -1 })
		y[i] = 1
		return y
	})
	f("all beyond", 1, func(y []float64) []float64 {
		for i := range y {
			y[i] = 100
		}
		return y
	})
}
