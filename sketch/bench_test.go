package sketch_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/sketch"
)

const benchValues = 1 << 16

func benchNormal() []float64 { return each(normal)(rand.New(rand.NewPCG(1, 2)), benchValues) }

// One value into one sketch that has seen 100,000. bench/peers/libraries has the
// same beside other libraries.
func BenchmarkAdd(b *testing.B) {
	values := benchNormal()
	ascending := slices.Sorted(slices.Values(values))
	integers := slices.Clone(values)
	for i, v := range values {
		integers[i] = math.Round(10 * v)
	}
	f := func(name string, x []float64) {
		b.Run(name, func(b *testing.B) {
			var s sketch.Quantiles
			for i := range 100_000 {
				s.Add(x[i%benchValues])
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Add(x[i%benchValues])
			}
		})
	}
	f("normal", values)
	f("ascending", ascending)
	f("integers", integers)
	f("constant", make([]float64, benchValues))
}

// One value into each of many sketches in turn: the memory decides. When the clock
// starts sketch i has seen 300 + i%800 values, so that each turn brings its share
// of flushes.
func BenchmarkAddInTurn(b *testing.B) {
	x := benchNormal()
	f := func(name string, n int) {
		b.Run(name, func(b *testing.B) {
			s := make([]sketch.Quantiles, n)
			for i := range s {
				for j := range 300 + i%800 {
					s[i].Add(x[(i+j)%benchValues])
				}
			}
			for i := 0; b.Loop(); i++ {
				s[i%n].Add(x[i%benchValues])
			}
		})
	}
	f("8k", 8_000)
	f("100k", 100_000)
}

// A part of 2,000 values into a sketch of 100,000.
func BenchmarkMerge(b *testing.B) {
	var s, part sketch.Quantiles
	for i, x := range benchNormal() {
		s.Add(x)
		if i < 2000 {
			part.Add(x)
		}
	}
	whole := s
	b.ReportAllocs()
	for b.Loop() {
		s = whole
		s.Merge(&part)
	}
}

func BenchmarkReads(b *testing.B) {
	var s sketch.Quantiles
	for _, x := range benchNormal() {
		s.Add(x)
	}
	for i := range 15 {
		s.Add(float64(i))
	}
	var c sketch.Curve
	s.Curve(&c)
	data := bytesOf(b, &s)
	f := func(name string, do func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				do(i % 1024)
			}
		})
	}
	f("Curve", func(int) { s.Curve(&c) })
	f("Curve.Quantile", func(i int) { c.Quantile(float64(i) / 1024) })
	f("Curve.CDF", func(i int) { c.CDF(float64(i)/512 - 1) })
	f("Quantile", func(i int) { s.Quantile(float64(i) / 1024) })
	f("AppendBinary", func(int) { data, _ = s.AppendBinary(data[:0]) })
	f("UnmarshalBinary", func(int) { s.UnmarshalBinary(data) })
}

func BenchmarkDistinct(b *testing.B) {
	d, o := sketch.NewDistinct(), sketch.NewDistinct()
	for _, x := range benchNormal() {
		d.Add(x)
	}
	name := []byte("plant-7/line-2/press-11/temperature")
	f := func(what string, do func(i int)) {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				do(i)
			}
		})
	}
	f("Add", func(i int) { d.Add(float64(i)) })
	f("AddBytes", func(i int) { name[0] = byte(i); d.AddBytes(name) })
	f("Merge", func(int) { o.Merge(d) })
	f("Estimate", func(int) { d.Estimate() })
}
