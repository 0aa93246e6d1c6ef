package scale

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

const kbinsFile = "../../scale/testdata/kbins.json"

// edges returns scikit-learn's edges of a feature; of a constant one, which it has
// infinite, the constant.
func (c golden) edges(t *testing.T, feature int) []float64 {
	t.Helper()
	var rows [][]number
	if err := json.Unmarshal(c.Fitted["bin_edges_"], &rows); err != nil {
		t.Fatal(err)
	}
	var p []float64
	for _, e := range rows[feature] {
		p = append(p, e.value)
	}
	if math.IsInf(p[0], 0) {
		v := c.Train[0][feature].value
		return []float64{v, v}
	}
	return p
}

// checkBins compares the numbers of the bins with scikit-learn's, and their middles,
// but for a constant feature, where it has NaN.
func checkBins(t *testing.T, c golden, s Spec, p []float64, feature int) {
	t.Helper()
	if p[0] == p[len(p)-1] {
		for i := range c.Inverse {
			c.Inverse[i][feature].value = p[0]
		}
	}
	checkGolden(t, c, s, p, feature, near(1e-14))
}

func TestGoldenKBinsFrozen(t *testing.T) {
	eachOf(t, kbinsFile, KBins, func(t *testing.T, c golden, s Spec, i int) { checkBins(t, c, s, c.edges(t, i), i) })
}

// learnBins derives the edges of the values of a column.
func learnBins(s Spec, column []float64) []float64 {
	x := present(column)
	values, counts := distinct(column)
	if len(x) == 0 {
		return KBinsParams(nil, s, math.NaN(), math.NaN(), nil, Parts{})
	}
	return KBinsParams(nil, s, x[0], x[len(x)-1], func(q float64) float64 { return stepOf(x, q) }, Parts{values, values, counts})
}

// stepOf is numpy's quantile of ascending values by averaged_inverted_cdf.
func stepOf(x []float64, q float64) float64 {
	at := q*float64(len(x)) - 1
	i, last := int(math.Floor(at)), len(x)-1
	switch {
	case at < 0:
		return x[0]
	case i >= last:
		return x[last]
	case at > float64(i):
		return x[i+1]
	}
	return x[i+1] - (x[i+1]-x[i])*0.5
}

func TestGoldenKBinsFit(t *testing.T) {
	eachOf(t, kbinsFile, KBins, func(t *testing.T, c golden, s Spec, i int) {
		got, want := learnBins(s, column(c.Train, i)), c.edges(t, i)
		rel := 0.0
		if s.Strategy == KMeansBins {
			rel = 1e-13 // means of clusters
		}
		if !slices.EqualFunc(got, want, near(rel)) {
			t.Errorf("edges = %v, want %v", got, want)
			return
		}
		checkBins(t, c, s, got, i)
	})
}

// TestKBinsOutcomes names what is learned where there are not as many bins as asked
// for.
func TestKBinsOutcomes(t *testing.T) {
	f := func(what string, s Spec, column, want []float64) {
		t.Helper()
		s.Kind = KBins
		if got := learnBins(s, column); !slices.EqualFunc(got, want, near(1e-15)) {
			t.Errorf("%s: edges %v, want %v", what, got, want)
		}
	}
	for _, strategy := range strategies {
		s := Spec{NBins: 3, Strategy: strategy}
		f("no values, "+strategy, s, nil, nil)
		f("one value, "+strategy, s, []float64{7}, []float64{7, 7})
		f("a constant, "+strategy, s, []float64{-2, -2, -2}, []float64{-2, -2})
	}
	f("two values", Spec{NBins: 3, Strategy: QuantileBins}, []float64{1, 2}, []float64{1, 2})
	f("values that are near each other", Spec{NBins: 3, Strategy: QuantileBins}, []float64{0, 1e-9, 2e-9}, []float64{0, 2e-9})
	f("the same, of equal width", Spec{NBins: 2, Strategy: UniformBins}, []float64{0, 1e-9, 2e-9}, []float64{0, 1e-9, 2e-9})
	f("most values at the largest", Spec{NBins: 4, Strategy: QuantileBins}, []float64{0, 5, 5, 5, 5, 5, 5, 5}, []float64{0, 5})
	f("the ends of the range", Spec{NBins: 2, Strategy: UniformBins}, []float64{-1e150, 1e150}, []float64{-1e150, 0, 1e150})
	f("fewer values than clusters", Spec{NBins: 5, Strategy: KMeansBins}, []float64{0, 0, 0, 1, 2}, []float64{0, 0.5, 1.5, 2})
}

// TestBins: a bin has its lower edge, the ends take what is beyond, and no number but
// that of a bin has a middle.
func TestBins(t *testing.T) {
	p := []float64{-1, 0, 2, 5}
	nan := math.NaN()
	f := func(what string, apply func(dst, x, p []float64), x, want float64) {
		t.Helper()
		if got := one(apply, x, p); !same(got, want) {
			t.Errorf("%s of %v is %v, want %v", what, x, got, want)
		}
	}
	step := bins{}
	for x, want := range map[float64]float64{-1e150: 0, -1: 0, -5e-324: 0, 0: 1, 1.999: 1, 2: 2, 5: 2, 1e150: 2} {
		f("the bin", step.Transform, x, want)
	}
	f("the bin", step.Transform, math.Copysign(0, -1), 1)
	for y, want := range map[float64]float64{0: -0.5, 1: 1, 1.7: 1, 2: 3.5, 2.9: 3.5, -0.5: -0.5, -1: nan, 3: nan, 1e300: nan, math.Inf(1): nan} {
		f("the middle", step.Inverse, y, want)
	}
}
