package sketch_test

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

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

// rankError is the distance of q from the ranks that v takes in the sorted
// values, less 1/n.
func rankError(sorted []float64, q, v float64) float64 {
	below, _ := slices.BinarySearch(sorted, v)
	upTo, _ := slices.BinarySearch(sorted, math.Nextafter(v, math.Inf(1)))
	n := float64(len(sorted))
	return max(0, max(float64(below)/n-q, q-float64(upTo)/n)-1/n)
}

// linear is numpy's default quantile of sorted values.
func linear(sorted []float64, q float64) float64 {
	p := q * float64(len(sorted)-1)
	i := int(p)
	t := p - float64(i)
	a := sorted[i]
	if i == len(sorted)-1 {
		return a
	}
	b := sorted[i+1]
	if t < .5 {
		return a + float64((b-a)*t)
	}
	return b - float64((b-a)*(1-t))
}

func bytesOf(t testing.TB, s *sketch.Quantiles) []byte {
	t.Helper()
	b, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
