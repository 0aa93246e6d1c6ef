package sketch_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/influxdata/tdigest"

	"tare/internal/accuracy"
	"tare/sketch"
)

var (
	quartiles = []float64{.25, .5, .75}
	ends      = []float64{.001, .999}
)

// answers are the rank errors of s, and of influxdata/tdigest with the same
// values, at the given ranks.
type answers struct{ ours, peers []float64 }

func (a *answers) add(s *sketch.Quantiles, peer *tdigest.TDigest, sorted, ranks []float64) {
	var c sketch.Curve
	s.Curve(&c)
	for _, q := range ranks {
		a.ours = append(a.ours, accuracy.RankError(sorted, q, c.Quantile(q)))
		a.peers = append(a.peers, accuracy.RankError(sorted, q, peer.Quantile(q)))
	}
}

// check holds each answer against the bar of row.
func (a *answers) check(row *accuracy.Row, format string, args ...any) {
	for i, e := range a.ours {
		row.Check(e, format, args...)
		row.Peer(a.peers[i])
	}
}

// share returns the error that so many of a thousand answers are within.
func share(errors []float64, perMille int) float64 {
	sorted := slices.Sorted(slices.Values(errors))
	return sorted[(len(sorted)-1)*perMille/1000]
}

func rootMeanSquare(errors []float64) float64 {
	squares := 0.
	for _, e := range errors {
		squares += float64(e * e)
	}
	return math.Sqrt(squares / float64(len(errors)))
}

// The error of quartiles is within a bar that falls with n; so are the ends of
// many values.
func TestRankError(t *testing.T) {
	f := func(n int, many string, seeds, manySeeds int) {
		t.Helper()
		if long() {
			seeds = manySeeds
		}
		if seeds == 0 {
			return
		}
		worst := accuracy.Of(t, "quartiles of "+many+" values")
		var rms, tails *accuracy.Row
		if n <= 300_000 {
			rms = accuracy.Of(t, "root mean square over the quartiles of "+many+" values")
		}
		if n >= 300_000 {
			tails = accuracy.Of(t, "0.001 and 0.999 of "+many+" values")
		}
		var all answers
		for _, shape := range continuous {
			var ofShape answers
			for seed := range seeds {
				x := shape.make(rand.New(rand.NewPCG(uint64(n), uint64(seed))), n)
				s, peer := sketchOf(t, x), peerOf(x)
				slices.Sort(x)
				var one answers
				one.add(s, peer, x, quartiles)
				one.check(worst, "%s, seed %d", shape.name, seed)
				ofShape.ours, ofShape.peers = append(ofShape.ours, one.ours...), append(ofShape.peers, one.peers...)
				if tails != nil {
					var atEnds answers
					atEnds.add(s, peer, x, ends)
					atEnds.check(tails, "%s, seed %d", shape.name, seed)
				}
			}
			if rms != nil {
				rms.Check(rootMeanSquare(ofShape.ours), "%s, %d seeds", shape.name, seeds)
				rms.Peer(rootMeanSquare(ofShape.peers))
			}
			all.ours, all.peers = append(all.ours, ofShape.ours...), append(all.peers, ofShape.peers...)
		}
		if n == 1_000 {
			row := accuracy.Of(t, "quartiles of 1,000 values, 995 of 1,000 answers")
			row.Check(share(all.ours, 995), "all shapes, %d seeds", seeds)
			row.Peer(share(all.peers, 995))
		}
	}
	f(300, "300", 100, 2000)
	f(1_000, "1,000", 50, 1000)
	f(3_000, "3,000", 100, 500)
	f(30_000, "30,000", 5, 50)
	f(300_000, "300,000", 1, 10)
	f(10_000_000, "10 million", 0, 1)
}

// Merged parts are as accurate as one stream.
func TestRankErrorOfMerges(t *testing.T) {
	whole := accuracy.Of(t, "merges that lose a count, minimum or maximum")
	f := func(row *accuracy.Row, shape shape, n, seeds int) {
		t.Helper()
		for seed := range uint64(seeds) {
			x := shape.make(rand.New(rand.NewPCG(9, seed)), n)
			sorted := slices.Sorted(slices.Values(x))
			for _, parts := range []int{8, 64, 1024} {
				s, peer := inParts(t, x, parts), peerInParts(x, parts)
				where := fmt.Sprintf("%s in %d parts, seed %d", shape.name, parts, seed)
				whole.Holds(s.N() == uint64(n) && s.Min() == sorted[0] && s.Max() == sorted[n-1], "%s", where)
				if peer.Quantile(0) != sorted[0] || peer.Quantile(1) != sorted[n-1] {
					whole.Peer(1)
				}
				var one answers
				one.add(s, peer, sorted, quartiles)
				one.check(row, "%s", where)
			}
		}
	}
	n, seeds := 1<<17, 1
	if long() {
		n, seeds = 1<<20, 2
	}
	row := accuracy.Of(t, "quartiles of 8, 64 and 1,024 merged parts of 2^20 values")
	for _, shape := range continuous {
		f(row, shape, n, seeds)
	}
	f(accuracy.Of(t, "quartiles of merged parts with 300 distinct values"), shape{"300 integers", each(func(r *rand.Rand) float64 { return math.Round(40 * r.NormFloat64()) })}, n, seeds)
	f(accuracy.Of(t, "quartiles of merged parts with 85 distinct values"), shape{"85 integers", each(integer)}, n, seeds)
}

// Ties of more values than fit are blended, but little.
func TestTies(t *testing.T) {
	rank := accuracy.Of(t, "quartiles of 129 to 500 distinct values, rank")
	value := accuracy.Of(t, "quartiles of 129 to 500 distinct values, part of the interquartile range")
	f := func(name string, n int, step float64, make func(r *rand.Rand) float64) {
		t.Helper()
		seeds := uint64(10)
		if long() {
			seeds = 200
		}
		for seed := range seeds {
			x := each(make)(rand.New(rand.NewPCG(3, seed)), n)
			s, peer := sketchOf(t, x), peerOf(x)
			slices.Sort(x)
			var one answers
			one.add(s, peer, x, quartiles)
			one.check(rank, "%s, seed %d", name, seed)
			iqr := accuracy.Linear(x, .75) - accuracy.Linear(x, .25)
			off := func(got, q float64) float64 { // a whole step of the values is none
				d := math.Abs(got - accuracy.Linear(x, q))
				if d <= step {
					return 0
				}
				return d / iqr
			}
			for _, q := range quartiles {
				value.Check(off(s.Quantile(q), q), "%s, seed %d", name, seed)
				value.Peer(off(peer.Quantile(q), q))
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
	seeds := 1
	if long() {
		seeds = 50
	}
	f := func(name string, row *accuracy.Row, n int, make func(r *rand.Rand, n int) []float64) {
		t.Helper()
		for seed := range seeds {
			x := make(rand.New(rand.NewPCG(4, uint64(seed))), n)
			s, peer := sketchOf(t, x), peerOf(x)
			slices.Sort(x)
			var one answers
			one.add(s, peer, x, quartiles)
			one.check(row, "%s, %d values, seed %d", name, n, seed)
		}
	}
	closing := accuracy.Of(t, "quartiles of values that close in from both sides")
	for _, n := range []int{300, 3_000, 30_000, 200_000} {
		f("one form", closing, n, inOrder(zoomin))
	}
	f("N(0, 1) and N(100, 1)", accuracy.Of(t, "quartiles of two far hills"), 30_000, each(bimodal))
	f("300 decades", accuracy.Of(t, "quartiles of 300 decades, without a logarithm"), 30_000, each(decades))
	others := accuracy.Of(t, "quartiles of logarithms of 300 decades, huge, tiny, and far from zero")
	f("logarithms of 300 decades", others, 30_000, each(func(r *rand.Rand) float64 { return math.Log(decades(r)) }))
	f("1e150 U(-1, 1)", others, 30_000, each(func(r *rand.Rand) float64 { return 1e150 * (2*r.Float64() - 1) }))
	f("1e-310 U(0, 1)", others, 30_000, each(func(r *rand.Rand) float64 { return 1e-310 * r.Float64() }))
	f("N(1e12, 1)", others, 30_000, each(func(r *rand.Rand) float64 { return 1e12 + r.NormFloat64() }))
}
