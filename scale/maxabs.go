package scale

import "math"

// maxAbsStep maps x to x/scale and then into [-bound, bound]; p = scale.
type maxAbsStep struct {
	scalar
	bound float64 // infinite where values are not clipped
}

func newMaxAbs(s Spec) maxAbsStep {
	if s.Clip {
		return maxAbsStep{bound: 1}
	}
	return maxAbsStep{bound: math.Inf(1)}
}

func (s maxAbsStep) Transform(dst, x, p []float64) {
	dst = dst[:len(x)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	scale := p[0]
	for i, v := range x {
		dst[i] = min(max(v/scale, -s.bound), s.bound)
	}
}

func (maxAbsStep) Inverse(dst, y, p []float64) {
	dst = dst[:len(y)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	scale := p[0]
	for i, v := range y {
		dst[i] = v * scale
	}
}

// TransformTurns maps number after number with the next scale.
func (s maxAbsStep) TransformTurns(dst, x, p, lo, hi []float64) (inside bool) {
	dst, inside = dst[:len(x)], true
	g := 0
	for i, v := range x {
		if !(lo[g] <= v && v <= hi[g]) {
			inside = false
		}
		dst[i] = min(max(v/p[g], -s.bound), s.bound)
		if g++; g == len(lo) {
			g = 0
		}
	}
	return inside
}

// InverseTurns maps number after number with the next scale.
func (maxAbsStep) InverseTurns(dst, y, p []float64) {
	dst = dst[:len(y)]
	k := 0
	for i, v := range y {
		dst[i] = v * p[k]
		if k++; k == len(p) {
			k = 0
		}
	}
}

// MaxAbsParams appends the scale of a feature whose values span
// [dataMin, dataMax]: the largest magnitude. It is NaN where
// dataMin <= dataMax does not hold, as without values.
func MaxAbsParams(p []float64, _ Spec, dataMin, dataMax float64) []float64 {
	if !(dataMin <= dataMax) {
		return append(p, math.NaN())
	}
	return append(p, nonZero(max(math.Abs(dataMin), math.Abs(dataMax))))
}
