package scale

import (
	"fmt"
	"math"
	"testing"
)

// TestRatio holds the edges: divisors that are none, numbers beside the unit
// range with and without clip, and results as large as they come.
func TestRatio(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	f := func(clip bool, by float64, x, want []float64) {
		t.Helper()
		s, err := New(Spec{Kind: Ratio, Clip: clip})
		if err != nil {
			t.Fatal(err)
		}
		y := make([]float64, len(x))
		s.Transform(y, x, []float64{by})
		equal(t, fmt.Sprint(x, " by ", by), y, want)
	}
	f(false, 640, []float64{0, 64, 640, 960, -64, nan}, []float64{0, 0.1, 1, 1.5, -0.1, nan})
	f(true, 640, []float64{0, 64, 640, 960, -64, nan}, []float64{0, 0.1, 1, 1, 0, nan})
	f(false, 1e-300, []float64{1e150}, []float64{inf})
	for _, by := range []float64{0, math.Copysign(0, -1), -640, nan} {
		f(false, by, []float64{0, 1}, []float64{nan, nan})
		f(true, by, []float64{0, 1}, []float64{nan, nan})
	}
}
