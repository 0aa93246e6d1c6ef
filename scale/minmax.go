package scale

import "math"

// minMaxStep maps x to x·scale + min, the product rounded before the sum, and
// then into [lo, hi]; p = min, scale.
type minMaxStep struct {
	scalar
	lo, hi float64 // infinite where values are not clipped
}

func newMinMax(s Spec) minMaxStep {
	if s.Clip {
		return minMaxStep{lo: s.FeatureRange[0], hi: s.FeatureRange[1]}
	}
	return minMaxStep{lo: math.Inf(-1), hi: math.Inf(1)}
}

func (s minMaxStep) Transform(dst, x, p []float64) {
	dst = dst[:len(x)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	offset, scale := p[0], p[1]
	for i, v := range x {
		dst[i] = min(max(float64(v*scale)+offset, s.lo), s.hi)
	}
}

func (minMaxStep) Inverse(dst, y, p []float64) {
	dst = dst[:len(y)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	offset, scale := p[0], p[1]
	for i, v := range y {
		dst[i] = (v - offset) / scale
	}
}

// TransformTurns maps number after number with the next min and scale.
func (s minMaxStep) TransformTurns(dst, x, p, lo, hi []float64) (inside bool) {
	dst, inside = dst[:len(x)], true
	g := 0
	for i, v := range x {
		if !(lo[g] <= v && v <= hi[g]) {
			inside = false
		}
		dst[i] = min(max(float64(v*p[2*g+1])+p[2*g], s.lo), s.hi)
		if g++; g == len(lo) {
			g = 0
		}
	}
	return inside
}

// InverseTurns maps number after number with the next min and scale.
func (minMaxStep) InverseTurns(dst, y, p []float64) {
	dst = dst[:len(y)]
	k := 0
	for i, v := range y {
		dst[i] = (v - p[k]) / p[k+1]
		if k += 2; k == len(p) {
			k = 0
		}
	}
}

// MinMaxParams appends min and scale of a feature whose values span
// [dataMin, dataMax]: scale = (hi-lo)/(dataMax-dataMin) and
// min = lo - dataMin·scale for the feature range [lo, hi]. Both are NaN where
// dataMin <= dataMax does not hold, as without values.
func MinMaxParams(p []float64, s Spec, dataMin, dataMax float64) []float64 {
	if !(dataMin <= dataMax) {
		return append(p, math.NaN(), math.NaN())
	}
	lo, hi := s.FeatureRange[0], s.FeatureRange[1]
	scale := (hi - lo) / nonZero(dataMax-dataMin)
	return append(p, lo-float64(dataMin*scale), scale)
}
