package scale

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTurns holds numbers that take turns against the same numbers one by one, bit
// by bit, and what is said of their ranges against the ranges.
func TestTurns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, l := range laws(t) {
		turns, ok := l.step.(Turns)
		if ok != slices.Contains([]string{None, Standard, MinMax, MaxAbs, Robust}, l.kind) {
			t.Errorf("%s takes turns: %v", l.name, ok)
		}
		if !ok {
			continue
		}
		for groups := 1; groups <= 5; groups++ {
			var p, lo, hi []float64
			for g := range groups {
				for _, x := range l.p {
					p = append(p, x*(1+float64(g)/8))
				}
				lo, hi = append(lo, l.lo), append(hi, l.hi*(1-float64(g)/1e6))
			}
			for n := range 3 * groups {
				checkTurns(t, r, l, turns, n, p, lo, hi)
			}
		}
	}
}

func checkTurns(t *testing.T, r *rand.Rand, l law, turns Turns, n int, p, lo, hi []float64) {
	t.Helper()
	x, y, back := make([]float64, n), make([]float64, n), make([]float64, n)
	want := true
	for i := range x {
		g := i % len(lo)
		x[i] = lo[g] + r.Float64()*(hi[g]-lo[g])
		switch r.IntN(12) {
		case 0:
			x[i] = math.NaN()
		case 1:
			x[i] = hi[g] + math.Abs(hi[g]/2)
		case 2:
			x[i] = hi[g]
		}
		want = want && lo[g] <= x[i] && x[i] <= hi[g]
	}
	if inside := turns.TransformTurns(y, x, p, lo, hi); inside != want {
		t.Errorf("%s: %v within [%v, %v]: %v", l.name, x, lo, hi, inside)
	}
	turns.InverseTurns(back, y, p)
	for i := range x {
		of := p[i%len(lo)*len(l.p):][:len(l.p)]
		one, home := []float64{x[i]}, []float64{0}
		l.step.Transform(one, one, of)
		l.step.Inverse(home, one, of)
		if math.Float64bits(one[0]) != math.Float64bits(y[i]) || math.Float64bits(home[0]) != math.Float64bits(back[i]) {
			t.Fatalf("%s: number %d of %v becomes %v and back %v, want %v and %v", l.name, i, x, y[i], back[i], one[0], home[0])
		}
	}
}
