package sketch_test

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/influxdata/tdigest"

	"tare/sketch"
)

// random returns a source seeded by TARE_SEED, or else by chance. A failing
// test shows the seed.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if s := os.Getenv("TARE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TARE_SEED: %v", err)
		}
	}
	t.Logf("TARE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// long reports whether the sweeps that take minutes are asked for.
func long() bool { return os.Getenv("TARE_LONG") == "1" }

// A shape makes n values.
type shape struct {
	name string
	make func(r *rand.Rand, n int) []float64
}

func each(value func(r *rand.Rand) float64) func(*rand.Rand, int) []float64 {
	return func(r *rand.Rand, n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = value(r)
		}
		return x
	}
}

func inOrder(value func(r *rand.Rand, i, n int) float64) func(*rand.Rand, int) []float64 {
	return func(r *rand.Rand, n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = value(r, i, n)
		}
		return x
	}
}

func normal(r *rand.Rand) float64    { return r.NormFloat64() }
func uniform(r *rand.Rand) float64   { return r.Float64() }
func lognormal(r *rand.Rand) float64 { return math.Exp(2 * r.NormFloat64()) }
func pareto(r *rand.Rand) float64    { return math.Pow(1-r.Float64(), -1/1.1) }
func integer(r *rand.Rand) float64   { return math.Round(10 * r.NormFloat64()) }
func five(r *rand.Rand) float64      { return []float64{0, 1, 2, 5, 10}[min(4, int(r.ExpFloat64()*1.4))] }
func bimodal(r *rand.Rand) float64   { return 100*float64(r.IntN(2)) + r.NormFloat64() }
func decades(r *rand.Rand) float64   { return math.Pow(10, 300*r.Float64()-150) }

func ascending(r *rand.Rand, n int) []float64 {
	x := each(uniform)(r, n)
	slices.Sort(x)
	return x
}

func descending(r *rand.Rand, n int) []float64 {
	x := ascending(r, n)
	slices.Reverse(x)
	return x
}

func drift(r *rand.Rand, i, n int) float64 { return 10*float64(i)/float64(n) + r.NormFloat64() }

// sine is of 20 periods and a bit: no value comes twice.
func sine(r *rand.Rand, n int) []float64 {
	phase := r.Float64()
	return inOrder(func(_ *rand.Rand, i, n int) float64 {
		return math.Sin(2 * math.Pi * (20.37*float64(i)/float64(n) + phase))
	})(r, n)
}

func zoomin(_ *rand.Rand, i, n int) float64 {
	return float64(1-2*(i&1)) * (1 - float64(i)/float64(n))
}

// continuous are the shapes whose accuracy is promised.
var continuous = []shape{
	{"normal", each(normal)},
	{"uniform", each(uniform)},
	{"lognormal", each(lognormal)},
	{"Pareto", each(pareto)},
	{"ascending", ascending},
	{"descending", descending},
	{"drift", inOrder(drift)},
	{"sine", sine},
}

// peerOf is influxdata/tdigest's digest of x, with the compression of ours. It
// keeps nine times the memory.
func peerOf(x []float64) *tdigest.TDigest {
	p := tdigest.NewWithCompression(100)
	for _, v := range x {
		p.Add(v, 1)
	}
	return p
}

func sketchOf(t testing.TB, x []float64) *sketch.Quantiles {
	t.Helper()
	s := new(sketch.Quantiles)
	for _, v := range x {
		if err := s.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// peerInParts does as inParts, centroid by centroid: its merge of lists loses
// weight.
func peerInParts(x []float64, parts int) *tdigest.TDigest {
	p := tdigest.NewWithCompression(100)
	for i := range parts {
		for _, c := range peerOf(x[len(x)*i/parts : len(x)*(i+1)/parts]).Centroids() {
			p.AddCentroid(c)
		}
	}
	return p
}

// inParts sketches each of parts stretches of x apart and merges them in order.
func inParts(t testing.TB, x []float64, parts int) *sketch.Quantiles {
	t.Helper()
	s := new(sketch.Quantiles)
	for i := range parts {
		if err := s.Merge(sketchOf(t, x[len(x)*i/parts:len(x)*(i+1)/parts])); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func bytesOf(t testing.TB, s *sketch.Quantiles) []byte {
	t.Helper()
	b, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
