package scale

import "math"

// linear maps x to (x-center)/scale, with p = center, scale: the formula of
// standard and robust.
type linear struct{ scalar }

func (linear) Transform(dst, x, p []float64) {
	dst = dst[:len(x)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	center, scale := p[0], p[1]
	for i, v := range x {
		dst[i] = (v - center) / scale
	}
}

func (linear) Inverse(dst, y, p []float64) {
	dst = dst[:len(y)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	center, scale := p[0], p[1]
	for i, v := range y {
		dst[i] = float64(v*scale) + center
	}
}

// TransformTurns maps number after number with the next center and scale.
func (linear) TransformTurns(dst, x, p, lo, hi []float64) (inside bool) {
	dst, inside = dst[:len(x)], true
	g := 0
	for i, v := range x {
		if !(lo[g] <= v && v <= hi[g]) {
			inside = false
		}
		dst[i] = (v - p[2*g]) / p[2*g+1]
		if g++; g == len(lo) {
			g = 0
		}
	}
	return inside
}

// InverseTurns maps number after number with the next center and scale.
func (linear) InverseTurns(dst, y, p []float64) {
	dst = dst[:len(y)]
	k := 0
	for i, v := range y {
		dst[i] = float64(v*p[k+1]) + p[k]
		if k += 2; k == len(p) {
			k = 0
		}
	}
}

// StandardParams appends mean and scale of a feature with n values, their mean
// and their population variance (ddof 0). The scale is the standard deviation,
// or 1 where the feature is constant. Both are NaN where n is 0.
func StandardParams(p []float64, s Spec, n uint64, mean, variance float64) []float64 {
	if n == 0 {
		return append(p, math.NaN(), math.NaN())
	}
	scale := 1.0
	if s.WithStd && !constant(float64(n), mean, variance) {
		scale = math.Sqrt(variance)
	}
	if !s.WithMean {
		mean = 0
	}
	return append(p, mean, scale)
}

// constant reports whether the variance is no more than what rounding makes of
// n equal values (scikit-learn's _is_constant_feature).
func constant(n, mean, variance float64) bool {
	spread := n * mean * epsilon
	return variance <= float64(n*epsilon*variance)+float64(spread*spread)
}
