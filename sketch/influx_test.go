package sketch_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/influxdata/tdigest"

	"tare/internal/accuracy"
	"tare/sketch"
)

// At ten times the compression influxdata/tdigest, which is independent and takes
// ninety times the memory, vouches for each answer.
func TestAgainstInfluxdata(t *testing.T) {
	const n = 20_000
	for _, shape := range continuous {
		x := shape.make(rand.New(rand.NewPCG(11, 12)), n)
		fine := tdigest.NewWithCompression(1000)
		for _, v := range x {
			fine.Add(v, 1)
		}
		s := sketchOf(t, x)
		for _, q := range []float64{.001, .01, .05, .25, .5, .75, .95, .99, .999} {
			v := s.Quantile(q)
			if d := math.Abs(fine.CDF(v) - q); d > .0025 {
				t.Errorf("%s: %v at %v has rank %v in the finer digest", shape.name, v, q, fine.CDF(v))
			}
		}
	}
}

// Why influxdata/tdigest is not on the path of the data: v0.0.1, the only
// release, loses most of the weight when lists of centroids are merged (its
// AddCentroidList skips centroids once its buffer is full; fixed in 2020,
// unreleased). Merge here loses nothing.
func TestInfluxdataLosesWeight(t *testing.T) {
	const parts, each = 64, 10_000
	r := rand.New(rand.NewPCG(1, 1))
	theirs, ours := tdigest.NewWithCompression(100), new(sketch.Quantiles)
	for range parts {
		part, s := tdigest.NewWithCompression(100), new(sketch.Quantiles)
		for range each {
			x := r.NormFloat64()
			part.Add(x, 1)
			s.Add(x)
		}
		theirs.AddCentroidList(part.Centroids())
		if err := ours.Merge(s); err != nil {
			t.Fatal(err)
		}
	}
	lost := 1 - theirs.Count()/(parts*each)
	if lost < .85 || lost > .95 {
		t.Errorf("influxdata/tdigest lost %.1f %% of the weight of %d parts, here 89.2 %% is known", 100*lost, parts)
	}
	row := accuracy.Of(t, "weight lost by 64 merged parts of 10,000 values")
	row.Check(1-float64(ours.N())/(parts*each), "normal, %d of %d", ours.N(), parts*each)
	row.Peer(lost)
}
