package welford_test

import (
	"math/rand/v2"
	"testing"

	"tare/welford"
)

// welfordPlain is the textbook update of each value: the peer of the benchmarks.
type welfordPlain struct{ n, mean, m2 float64 }

func (w *welfordPlain) add(x float64) {
	w.n++
	d := x - w.mean
	w.mean += d / w.n
	w.m2 += d * (x - w.mean)
}

func normals(n int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

func BenchmarkWelfordPlain(b *testing.B) {
	x, w := normals(1<<12), new(welfordPlain)
	for i := 0; b.Loop(); i++ {
		w.add(x[i&(1<<12-1)])
	}
}

func BenchmarkRunningAdd(b *testing.B) {
	x, r := normals(1<<12), new(welford.Running)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Add(x[i&(1<<12-1)])
	}
}

// A million values of 100,000 streams in turn: one cache miss or two each.
func BenchmarkRunningAddInTurn(b *testing.B) {
	x, r := normals(1<<12), make([]welford.Running, 100_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r[i%len(r)].Add(x[i&(1<<12-1)])
	}
}

// ns/op is for Block values.
func BenchmarkAddBlock(b *testing.B) {
	x, m := normals(welford.Block), new(welford.Moments)
	b.ReportAllocs()
	for b.Loop() {
		m.AddBlock(x)
	}
}
