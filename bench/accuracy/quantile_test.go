package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/influxdata/tdigest"

	"tare/internal/accuracy"
	"tare/scale"
	"tare/sketch"
)

// normalizer is the quantile scaler with the parameters that fit derives.
func normalizer(t *testing.T, output string, records int, exact bool, quantile func(q float64) float64, ranks, values []float64) func(x []float64) []float64 {
	t.Helper()
	spec, err := scale.Default(scale.Quantile)
	if err != nil {
		t.Fatal(err)
	}
	p := scale.QuantileParams(nil, spec, uint64(records), exact, quantile, ranks, values)
	return func(x []float64) []float64 {
		z := make([]float64, len(x))
		quantileStep(t, output).Transform(z, x, p)
		return z
	}
}

// three returns normalizers for the same training values: one with exact
// landmarks, as scikit-learn has, that of our digest, and one with the landmarks
// of influxdata/tdigest.
func three(t *testing.T, output string, x []float64) (exact, ours, peers func(x []float64) []float64) {
	t.Helper()
	s, peer := new(sketch.Quantiles), tdigest.NewWithCompression(100)
	for _, v := range x {
		if err := s.Add(v); err != nil {
			t.Fatal(err)
		}
		peer.Add(v, 1)
	}
	var c sketch.Curve
	s.Curve(&c)
	ranks, values := c.Anchors()
	sorted := slices.Sorted(slices.Values(x))
	linear := func(q float64) float64 { return accuracy.Linear(sorted, q) }
	return normalizer(t, output, len(x), true, linear, nil, nil),
		normalizer(t, output, len(x), c.Exact(), c.Quantile, ranks, values),
		normalizer(t, output, len(x), true, peer.Quantile, nil, nil)
}

// compare returns the largest and the mean distance of got from want, where
// want lies within ±3.
func compare(got, want []float64) (worst, mean float64) {
	n := 0
	for i, w := range want {
		if math.Abs(w) <= 3 {
			d := math.Abs(got[i] - w)
			worst, mean, n = max(worst, d), mean+d, n+1
		}
	}
	return worst, mean / float64(n)
}

var shapes = map[string]func(r *rand.Rand) float64{
	"normal":    func(r *rand.Rand) float64 { return r.NormFloat64() },
	"lognormal": func(r *rand.Rand) float64 { return math.Exp(2 * r.NormFloat64()) },
}

// Fresh values through the landmarks of a digest, and through exact ones.
func TestDigestAgainstLandmarks(t *testing.T) {
	seeds := 1
	if long() {
		seeds = 20
	}
	for output, name := range map[string]string{scale.Uniform: "`quantile` to uniform of 100,000 values", scale.Normal: "`quantile` to normal within ±3 of 100,000 values"} {
		worst, mean := accuracy.Of(t, name+", worst against exact landmarks"), accuracy.Of(t, name+", mean against exact landmarks")
		for shape, value := range shapes {
			for seed := range seeds {
				r := rand.New(rand.NewPCG(6, uint64(seed)))
				exact, ours, peers := three(t, output, draw(r, value, 100_000))
				fresh := draw(r, value, 20_000)
				want := exact(fresh)
				w, m := compare(ours(fresh), want)
				worst.Check(w, "%s, seed %d", shape, seed)
				mean.Check(m, "%s, seed %d", shape, seed)
				w, m = compare(peers(fresh), want)
				worst.Peer(w)
				mean.Peer(m)
			}
		}
	}
}

// Up to 128 values have scikit-learn's own landmarks.
func TestFewValuesAgainstLandmarks(t *testing.T) {
	row := accuracy.Of(t, "`quantile` of up to 128 values, against exact landmarks")
	for _, output := range []string{scale.Uniform, scale.Normal} {
		for shape, value := range shapes {
			for seed := range uint64(30) {
				r := rand.New(rand.NewPCG(7, seed))
				x := draw(r, value, 2+r.IntN(127))
				exact, ours, peers := three(t, output, x)
				fresh := append(draw(r, value, 500), x...)
				want := exact(fresh)
				w, _ := compare(ours(fresh), want)
				row.Check(w, "%s to %s, %d values", shape, output, len(x))
				w, _ = compare(peers(fresh), want)
				row.Peer(w)
			}
		}
	}
}

func draw(r *rand.Rand, value func(r *rand.Rand) float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = value(r)
	}
	return x
}
