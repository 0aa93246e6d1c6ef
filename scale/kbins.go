package scale

import (
	"math"
)

// narrow is the width up to which a bin of the strategies quantile and kmeans is
// joined to its neighbor, in units of the data: scikit-learn's.
const narrow = 1e-8

// bins maps x to the number of its bin, from 0, with p the edges, ascending: each
// bin has its lower edge, the first all below and the last all above. The inverse
// of a number is the middle of its bin.
type bins struct{ scalar }

func (bins) Transform(dst, x, p []float64) {
	dst = dst[:len(x)]
	if len(p) < 2 || math.IsNaN(p[0]) {
		missing(dst)
		return
	}
	lower := p[:len(p)-1]
	for i, v := range x {
		if math.IsNaN(v) {
			dst[i] = v
			continue
		}
		dst[i] = float64(segment(lower, v+0)) // -0 is 0
	}
}

func (bins) Inverse(dst, y, p []float64) {
	dst = dst[:len(y)]
	if len(p) < 2 || math.IsNaN(p[0]) {
		missing(dst)
		return
	}
	n := float64(len(p) - 1)
	for i, v := range y {
		if !(-1 < v && v < n) {
			dst[i] = math.NaN()
			continue
		}
		bin := int(v)
		dst[i] = (p[bin+1] + p[bin]) * 0.5
	}
}

// KBinsParams appends the edges of the bins of a feature whose values span lo to hi.
// The strategies quantile and kmeans read quantile, which is numpy's with the method
// averaged_inverted_cdf, or parts. It appends nothing where lo is NaN: there are no
// values.
//
// Bins that are too narrow are left out, and so are edges: a feature that is
// constant, or has no wide bin, has one bin.
func KBinsParams(p []float64, s Spec, lo, hi float64, quantile func(q float64) float64, parts Parts) []float64 {
	switch {
	case math.IsNaN(lo):
		return p
	case lo == hi:
		return append(p, lo, hi)
	}
	start := len(p)
	switch s.Strategy {
	case UniformBins:
		return appendEven(p, lo, hi, s.NBins)
	case QuantileBins:
		p = appendEven(p, 0, 100, s.NBins)
		for i, percent := range p[start:] {
			p[start+i] = quantile(percent / 100)
		}
	case KMeansBins:
		p = appendBetween(p, lo, hi, kMeans(middles(appendEven(nil, lo, hi, s.NBins)), parts))
	}
	m := dropNarrow(p[start:])
	if m < 2 {
		return append(p[:start], lo, hi)
	}
	return p[:start+m]
}

// appendEven appends the ends of n parts of equal width, as numpy.linspace does.
func appendEven(p []float64, lo, hi float64, n int) []float64 {
	step := (hi - lo) / float64(n)
	for i := range n {
		p = append(p, float64(float64(i)*step)+lo)
	}
	return append(p, hi)
}

// middles returns what lies halfway from each edge to the next.
func middles(edges []float64) []float64 {
	m := make([]float64, len(edges)-1)
	for i := range m {
		m[i] = (edges[i+1] + edges[i]) * 0.5
	}
	return m
}

// appendBetween appends lo, the middles between centers, and hi.
func appendBetween(p []float64, lo, hi float64, centers []float64) []float64 {
	return append(append(append(p, lo), middles(centers)...), hi)
}

// dropNarrow moves to the front the edges that are far enough from the one before
// them, which may be dropped itself, and returns how many there are.
func dropNarrow(edges []float64) int {
	m, last := 0, math.Inf(-1)
	for _, e := range edges {
		if e-last > narrow {
			edges[m] = e
			m++
		}
		last = e
	}
	return m
}
