package main

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"tare/internal/accuracy"
	"tare/scale"
	"tare/welford"
)

// related returns rows of four members around an offset, spread so far, two of
// them alike but for apart.
func related(r *rand.Rand, n int, offset, spread, apart float64) [][]float64 {
	rows := make([][]float64, n)
	for i := range rows {
		x, y, z := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
		rows[i] = []float64{offset + spread*x, offset + spread*(x+apart*y), spread * z, spread*(y-z+r.NormFloat64()) - offset}
	}
	return rows
}

// sampleOf learns rows in parts, merged in order.
func sampleOf(t *testing.T, rows [][]float64, parts int) scale.Sample {
	t.Helper()
	d := len(rows[0])
	whole := welford.NewCovariance(d, false)
	for i := range parts {
		part := welford.NewCovariance(d, false)
		for _, row := range rows[len(rows)*i/parts : len(rows)*(i+1)/parts] {
			if err := part.Add(row); err != nil {
				t.Fatal(err)
			}
		}
		whole.Merge(&part)
	}
	s := scale.Sample{N: uint64(len(rows)), Mean: make([]float64, d), Comoments: make([]float64, d*(d+1)/2)}
	whole.Read(s.Mean, s.Comoments)
	return s
}

// exactComoment is the sum of (x_i-mean_i)(x_j-mean_j) in exact arithmetic:
// that of products less n times the product of the means.
func exactComoment(rows [][]float64, i, j int) float64 {
	wide := func() *big.Float { return new(big.Float).SetPrec(600) }
	products, a, b := wide(), wide(), wide()
	for _, row := range rows {
		x, y := wide().SetFloat64(row[i]), wide().SetFloat64(row[j])
		products.Add(products, wide().Mul(x, y))
		a.Add(a, x)
		b.Add(b, y)
	}
	a.Mul(a, b)
	sum, _ := products.Sub(products, a.Quo(a, wide().SetInt64(int64(len(rows))))).Float64()
	return sum
}

// Covariances in whole and in parts.
func TestCovariance(t *testing.T) {
	f := func(row *accuracy.Row, name string, offset, spread float64) {
		t.Helper()
		seeds := uint64(1)
		if long() {
			seeds = 10
		}
		for seed := range seeds {
			rows := related(rand.New(rand.NewPCG(11, seed)), 5000, offset, spread, .1)
			for _, parts := range []int{1, 8, 500} {
				got := sampleOf(t, rows, parts).Comoments
				for i, at := 0, 0; i < 4; i++ {
					for j := range i + 1 {
						norm := math.Sqrt(exactComoment(rows, i, i)) * math.Sqrt(exactComoment(rows, j, j))
						row.Check(math.Abs(got[at]-exactComoment(rows, i, j))/norm, "%s in %d parts, seed %d", name, parts, seed)
						at++
					}
				}
			}
		}
	}
	near := accuracy.Of(t, "covariance, over the two standard deviations")
	f(near, "N(0, 1)", 0, 1)
	f(near, "N(1000, 1)", 1000, 1)
	f(accuracy.Of(t, "covariance, over the two standard deviations, N(1e9, 1e-3)"), "N(1e9, 1e-3)", 1e9, 1e-3)
}

// Whitened training data have the identity as their covariance.
func TestWhitened(t *testing.T) {
	row := accuracy.Of(t, "covariance of whitened training data, against the identity")
	seeds := uint64(3)
	if long() {
		seeds = 50
	}
	for _, method := range []string{scale.PCA, scale.ZCA, scale.ZCACor, scale.Cholesky} {
		w, err := scale.DefaultWhitening(method)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range seeds {
			rows := related(rand.New(rand.NewPCG(12, seed)), 2000, 100, 1, .004) // condition about 1e5
			p, err := scale.WhiteningParams(nil, w, sampleOf(t, rows, 4))
			if err != nil {
				t.Fatal(err)
			}
			step := scale.NewProjection(4, 4)
			for _, x := range rows {
				step.Transform(x, x, p)
			}
			for i := range 4 {
				for j := range i + 1 {
					want := 0.0
					if i == j {
						want = 1
					}
					row.Check(math.Abs(exactComoment(rows, i, j)/1999-want), "%s, seed %d", method, seed)
				}
			}
		}
	}
}
