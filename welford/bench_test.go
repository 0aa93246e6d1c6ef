package welford_test

import (
	"math/rand/v2"
	"testing"

	"tare/welford"
)

func normals(n int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

func BenchmarkRunningAdd(b *testing.B) {
	x, r := normals(1<<12), new(welford.Running)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Add(x[i&(1<<12-1)])
	}
}

// ns/op is for 1,000 values.
func BenchmarkRunningAddAll(b *testing.B) {
	x, r := normals(1000), new(welford.Running)
	b.ReportAllocs()
	for b.Loop() {
		r.AddAll(x)
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
