package scale

import (
	"math"
	"slices"
)

const (
	// boundary is the margin, in units of the data and of the probability, in
	// which a value counts as an end of the range (normal output only):
	// scikit-learn's BOUNDS_THRESHOLD.
	boundary = 1e-7

	// lowest and highest are the ends of the normal output: the quantiles of
	// p and 1-p for p = boundary - 2^-52. They differ in magnitude because 1-p
	// is rounded.
	lowest  = -5.199337582605575
	highest = 5.19933758270342
)

// quantileStep maps x to its rank among the landmarks, and that to the normal
// distribution where asked. p holds m references, ascending in [0, 1], and then
// the m quantiles that stand there, ascending too.
type quantileStep struct {
	scalar
	normal bool
}

func (s quantileStep) Transform(dst, x, p []float64) {
	dst = dst[:len(x)]
	refs, values := halves(p)
	if len(values) == 0 || math.IsNaN(values[0]) {
		missing(dst)
		return
	}
	if s.normal {
		toNormal(dst, x, refs, values)
	} else {
		toUniform(dst, x, refs, values)
	}
}

func (s quantileStep) Inverse(dst, y, p []float64) {
	dst = dst[:len(y)]
	refs, values := halves(p)
	if len(values) == 0 || math.IsNaN(values[0]) {
		missing(dst)
		return
	}
	if s.normal {
		fromNormal(dst, y, refs, values)
		return
	}
	for i, v := range y {
		dst[i] = valueAt(v, 0, refs, values)
	}
}

func halves(p []float64) (refs, values []float64) {
	m := len(p) / 2
	return p[:m], p[m:]
}

// toUniform writes the ranks of x to dst. The ends of the range are 0 and 1 even
// where many training values stand there; a constant feature is 0.
func toUniform(dst, x, refs, values []float64) {
	first, last := values[0], values[len(values)-1]
	for i, v := range x {
		switch {
		case v == first:
			dst[i] = 0
		case v == last:
			dst[i] = 1
		default:
			dst[i] = rank(v, refs, values)
		}
	}
}

// toNormal writes the normal quantiles of the ranks of x to dst. They are found
// in a loop of their own, so that its mispredicted branches do not undo the
// searches that the processor has begun for the values to come.
func toNormal(dst, x, refs, values []float64) {
	first, last := values[0], values[len(values)-1]
	for i, v := range x {
		switch {
		case v-boundary < first:
			dst[i] = 0
		case v+boundary > last:
			dst[i] = 1
		default:
			dst[i] = rank(v, refs, values)
		}
	}
	for i, u := range dst {
		dst[i] = min(max(normalQuantile(u), lowest), highest)
	}
}

// fromNormal writes the values at the probabilities of y to dst, in two loops as
// toNormal.
func fromNormal(dst, y, refs, values []float64) {
	for i, v := range y {
		dst[i] = normalCDF(v)
	}
	for i, u := range dst {
		dst[i] = valueAt(u, boundary, refs, values)
	}
}

// rank returns where x stands in [0, 1]: between two landmarks on the straight
// line from one to the other, at a run of equal landmarks in its middle. It is
// the mean of numpy.interp upwards and, on mirrored data, downwards, to the bit.
func rank(x float64, refs, values []float64) float64 {
	i := segment(values, x)
	last := len(values) - 1
	switch {
	case math.IsNaN(x):
		return x
	case x == values[i]:
		return 0.5 * (refs[i] + refs[runStart(values, i)])
	case x < values[0]:
		return refs[0]
	case i == last:
		return refs[last]
	}
	slope := (refs[i+1] - refs[i]) / (values[i+1] - values[i])
	if math.IsInf(slope, 0) {
		return 0.5 * (refs[i] + refs[i+1]) // where numpy has Inf-Inf: some 1e-308 from one landmark to the next
	}
	up := float64(slope*(x-values[i])) + refs[i]
	down := refs[i+1] - float64(slope*(values[i+1]-x))
	return 0.5 * (up + down)
}

// valueAt returns the value at rank u. Within margin of 0 and 1 it is
// the end of the range.
func valueAt(u, margin float64, refs, values []float64) float64 {
	last := len(values) - 1
	switch {
	case math.IsNaN(u):
		return u
	case u <= 0 || u-margin < 0:
		return values[0]
	case u+margin > 1:
		return values[last]
	}
	i := segment(refs, u)
	if i == last {
		return values[i]
	}
	slope := (values[i+1] - values[i]) / (refs[i+1] - refs[i])
	return float64(slope*(u-refs[i])) + values[i]
}

// segment returns the last i with xs[i] <= x, or 0 where there is none. xs is
// ascending and not empty. The sign of x - xs[i] chooses the half without a
// branch, which on random data would be mispredicted every other time.
func segment(xs []float64, x float64) int {
	i, n := 0, len(xs)
	for n > 1 {
		half := n / 2
		below := int(math.Float64bits(x-xs[i+half]) >> 63)
		i += half & (below - 1)
		n -= half
	}
	return i
}

// runStart returns the first of the equal values that end at i.
func runStart(values []float64, i int) int {
	for i > 0 && values[i-1] == values[i] {
		i--
	}
	return i
}

// QuantileParams appends the references and quantiles of a series with that
// many training records, those without a value included, as scikit-learn counts
// rows with NaN. It appends nothing where quantile(0) is NaN: there are no
// values.
//
// Where exact, or where n_quantiles asks for fewer points than the sketch has,
// they are scikit-learn's landmarks: min(n_quantiles, records) references, evenly
// spaced over [0, 1], and the quantiles there. Else they are the sketch's own
// curve: values, ascending, at ranks in [0, 1].
//
// Quantiles are made ascending by their cumulative maximum, and of a run of
// equal ones only the two ends are kept, which gives the same results.
func QuantileParams(p []float64, s Spec, records uint64, exact bool, quantile func(q float64) float64, ranks, values []float64) []float64 {
	if math.IsNaN(quantile(0)) {
		return p
	}
	n := int(max(1, min(uint64(s.NQuantiles), records)))
	even := exact || n < len(values)
	if !even {
		n = len(values)
	}
	start := len(p)
	p = slices.Grow(p, 2*n)[:start+2*n]
	refs, points := halves(p[start:])
	if even {
		landmarks(refs, points, quantile)
	} else {
		copy(refs, ranks)
		copy(points, values)
	}
	m := keepEnds(refs, points)
	copy(p[start+m:], points[:m])
	return p[:start+2*m]
}

// landmarks fills refs as numpy.linspace(0, 1) does and points with the
// quantiles there, through percentages and back, which moves some references by
// their last bit.
func landmarks(refs, points []float64, quantile func(q float64) float64) {
	last := len(refs) - 1
	step := 1 / float64(last)
	refs[0], refs[last] = 0, min(float64(last), 1)
	for i := 1; i < last; i++ {
		refs[i] = float64(i) * step
	}
	for i, r := range refs {
		points[i] = quantile(float64(r*100) / 100)
	}
}

// keepEnds makes points ascending, drops what lies inside a run of equal ones,
// and returns how many are left at the front of both.
func keepEnds(refs, points []float64) int {
	m := 0
	for i, v := range points {
		if m > 0 {
			v = max(v, points[m-1])
		}
		if m > 1 && points[m-2] == v {
			m--
		}
		refs[m], points[m] = refs[i], v
		m++
	}
	return m
}
