package scale

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// values is how many a benchmark of an array maps at once: 32 kB, which stay in
// the first-level cache.
const values = 4096

func normals(n int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// points returns the parameters of n landmarks of normal data.
func points(n int) []float64 {
	p := make([]float64, 2*n)
	landmarks(p[:n], p[n:], func(q float64) float64 { return normalQuantile(1e-4 + q*(1-2e-4)) })
	return p
}

func perValue(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
}

var scalers = []struct {
	name string
	spec Spec
	p    []float64
}{
	{"standard", Spec{Kind: Standard, WithMean: true, WithStd: true}, []float64{0.1, 1.2}},
	{"minmax", Spec{Kind: MinMax, FeatureRange: &[2]float64{0, 1}}, []float64{0.5, 0.12}},
	{"minmax clip", Spec{Kind: MinMax, FeatureRange: &[2]float64{0, 1}, Clip: true}, []float64{0.5, 0.12}},
	{"maxabs", Spec{Kind: MaxAbs}, []float64{4}},
	{"quantile uniform 130", Spec{Kind: Quantile, NQuantiles: 1000, OutputDistribution: Uniform}, points(130)},
	{"quantile uniform 1000", Spec{Kind: Quantile, NQuantiles: 1000, OutputDistribution: Uniform}, points(1000)},
	{"quantile normal 130", Spec{Kind: Quantile, NQuantiles: 1000, OutputDistribution: Normal}, points(130)},
	{"quantile normal 1000", Spec{Kind: Quantile, NQuantiles: 1000, OutputDistribution: Normal}, points(1000)},
	{"yeo_johnson", Spec{Kind: YeoJohnson, Standardize: true}, []float64{0.4, 0.1, 1.2}},
	{"box_cox", Spec{Kind: BoxCox, Standardize: true}, []float64{0.4, 0.1, 1.2}},
	{"kbins 5", Spec{Kind: KBins, NBins: 5, Strategy: QuantileBins}, []float64{-4, -0.8, -0.2, 0.2, 0.8, 4}},
	{"kbins 100", Spec{Kind: KBins, NBins: 100, Strategy: UniformBins}, appendEven(nil, -4, 4, 100)},
}

// BenchmarkArray maps a slice of values with one p: an array feature that is
// pooled, a column of a table.
func BenchmarkArray(b *testing.B) {
	x, dst := normals(values), make([]float64, values)
	for _, s := range scalers {
		step, err := New(s.spec)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				step.Transform(dst, x, s.p)
			}
			perValue(b, values)
		})
		b.Run(s.name+" inverse", func(b *testing.B) {
			step.Transform(x, x, s.p)
			for b.Loop() {
				step.Inverse(dst, x, s.p)
			}
			perValue(b, values)
			copy(x, normals(values))
		})
	}
}

// BenchmarkRecord maps one value at a time through the interface, each with its
// own p, as the 8 features of 512 records are.
func BenchmarkRecord(b *testing.B) {
	const features = 8
	x, dst := normals(values), make([]float64, features)
	for _, s := range scalers {
		steps, ps := make([]Step, features), make([][]float64, features)
		for i := range steps {
			step, err := New(s.spec)
			if err != nil {
				b.Fatal(err)
			}
			steps[i], ps[i] = step, slices.Clone(s.p)
		}
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				for row := range slices.Chunk(x, features) {
					for i, step := range steps {
						step.Transform(dst[i:i+1], row[i:i+1], ps[i])
					}
				}
			}
			perValue(b, values)
		})
	}
}

// BenchmarkPre maps a slice of values with our own functions and, beside them,
// with the standard library's.
func BenchmarkPre(b *testing.B) {
	x, dst := normals(values), make([]float64, values)
	for i := range x {
		x[i] = math.Abs(x[i]) + 1e-9
	}
	f := func(name string, fn func(float64) float64) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				apply(dst, x, fn)
			}
			perValue(b, values)
		})
	}
	f("log", log)
	f("math.Log", math.Log)
	f("log1p", log1p)
	f("math.Log1p", math.Log1p)
	f("asinh", asinh)
	f("math.Asinh", math.Asinh)
	f("exp", exp)
	f("math.Exp", math.Exp)
	f("expm1", expm1)
	f("math.Expm1", math.Expm1)
	f("sinh", sinh)
	f("math.Sinh", math.Sinh)
}

// BenchmarkParams derives a quantile's 1,000 landmarks at the freeze, without
// the sketch's work.
func BenchmarkParams(b *testing.B) {
	s := Spec{Kind: Quantile, NQuantiles: 1000, OutputDistribution: Uniform}
	p := make([]float64, 0, 2000)
	b.ReportAllocs()
	for b.Loop() {
		p = QuantileParams(p[:0], s, 1e6, true, func(q float64) float64 { return q }, nil, nil)
	}
}

// BenchmarkLambda finds lambda, and clusters, from 128 values at the freeze; a sketch
// that summarizes has up to twice as many parts.
func BenchmarkLambda(b *testing.B) {
	values, counts := normals(128), make([]float64, 128)
	for i := range values {
		values[i], counts[i] = math.Exp(values[i]), float64(1+i)
	}
	slices.Sort(values)
	n, mean, variance := meanAndVariance(values, counts)
	for _, kind := range []string{YeoJohnson, BoxCox} {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				PowerParams(nil, Spec{Kind: kind, Standardize: true}, uint64(n), mean, variance, Parts{values, values, counts})
			}
		})
	}
	b.Run("kmeans 10", func(b *testing.B) {
		for b.Loop() {
			KBinsParams(nil, Spec{Kind: KBins, NBins: 10, Strategy: KMeansBins}, values[0], values[127], nil, Parts{values, values, counts})
		}
	})
}
