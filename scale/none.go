package scale

import "math"

// identity leaves every value as it is; p is not read.
type identity struct{ scalar }

func (identity) Transform(dst, x, _ []float64) { copy(dst, x) }

func (identity) Inverse(dst, y, _ []float64) { copy(dst, y) }

// TransformTurns leaves every value as it is.
func (identity) TransformTurns(dst, x, _, lo, hi []float64) (inside bool) {
	dst, inside = dst[:len(x)], true
	g := 0
	for i, v := range x {
		if !(lo[g] <= v && v <= hi[g]) {
			inside = false
		}
		dst[i] = v
		if g++; g == len(lo) {
			g = 0
		}
	}
	return inside
}

// InverseTurns leaves every value as it is.
func (identity) InverseTurns(dst, y, _ []float64) { copy(dst, y) }

// A scalar Step maps each number by itself.
type scalar struct{}

// Dims is one number in, one out.
func (scalar) Dims() (in, out int) { return 1, 1 }

// missing fills dst with NaN: the answer where a series has learned nothing.
func missing(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
	}
}

// nonZero returns 1 for a scale that scikit-learn counts as zero: one below 10
// machine epsilons, whatever the unit of the data (_handle_zeros_in_scale).
func nonZero(scale float64) float64 {
	if scale < 10*epsilon {
		return 1
	}
	return scale
}

// epsilon is the distance from 1 to the next float64, 2^-52.
const epsilon = 1.0 / (1 << 52)
