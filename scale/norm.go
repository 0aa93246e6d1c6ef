package scale

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Norms, besides Standard.
const (
	L1   = "l1"   // sum of magnitudes
	L2   = "l2"   // Euclidean length
	Max  = "max"  // largest magnitude
	Peak = "peak" // the same, as those who work with sound call it
)

var norms = []string{L1, L2, Max, Peak, Standard}

// A Norm is the Step that scales the numbers of one record by themselves: an
// array, a clip of sound, a few features. Nothing is learned, and p is not read.
// Unlike other Steps it maps the numbers of x together.
//
// They are divided by their norm, or by 1 where that counts as zero (below
// 2.2e-15, as scikit-learn's Normalizer does), so that zeros stay zeros; standard
// takes away their mean and divides by their standard deviation, with the rule
// of the scaler for constants. A NaN among them makes all of them NaN. What the
// record was divided by is lost: Inverse writes NaN.
type Norm struct {
	scalar
	kind string
}

// NewNorm returns the norm of a kind: l1, l2, max, peak or standard.
func NewNorm(kind string) (Norm, error) {
	if !slices.Contains(norms, kind) {
		return Norm{}, fmt.Errorf("norm %.32q: must be one of %s", kind, strings.Join(norms, ", "))
	}
	return Norm{kind: kind}, nil
}

// Measure returns what Transform takes away from each number of x, and what it
// divides them by then. There is one number at least.
func (n Norm) Measure(x []float64) (mean, scale float64) {
	switch n.kind {
	case L1:
		return 0, nonZero(sumOfMagnitudes(x))
	case L2:
		return 0, nonZero(length(x))
	case Standard:
		mean, variance := moments(x)
		var p [2]float64
		StandardParams(p[:0], Spec{Kind: Standard, WithMean: true, WithStd: true}, uint64(len(x)), mean, variance)
		return p[0], p[1]
	}
	return 0, nonZero(peak(x))
}

// Transform writes (x - mean) / scale to dst, as Measure has them.
func (n Norm) Transform(dst, x, _ []float64) {
	var p [2]float64
	p[0], p[1] = n.Measure(x)
	linear{}.Transform(dst, x, p[:])
}

// Inverse writes NaN.
func (Norm) Inverse(dst, y, _ []float64) { missing(dst[:len(y)]) }

// sumOfMagnitudes adds in four lanes, so that an addition need not wait for the
// one before.
func sumOfMagnitudes(x []float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += math.Abs(x[0])
		b += math.Abs(x[1])
		c += math.Abs(x[2])
		d += math.Abs(x[3])
	}
	for _, v := range x {
		a += math.Abs(v)
	}
	return (a + b) + (c + d)
}

// length adds the squares in four lanes. They fit: values are within ±1e150.
func length(x []float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0] * x[0])
		b += float64(x[1] * x[1])
		c += float64(x[2] * x[2])
		d += float64(x[3] * x[3])
	}
	for _, v := range x {
		a += float64(v * v)
	}
	return math.Sqrt((a + b) + (c + d))
}

// peak compares bits: those of magnitudes are in the same order as they are, and
// those of NaN are above all.
func peak(x []float64) float64 {
	var a, b uint64
	for ; len(x) >= 2; x = x[2:] {
		a = max(a, math.Float64bits(math.Abs(x[0])))
		b = max(b, math.Float64bits(math.Abs(x[1])))
	}
	for _, v := range x {
		a = max(a, math.Float64bits(math.Abs(v)))
	}
	return math.Float64frombits(max(a, b))
}

// moments returns the mean and population variance of x in two passes. The
// second adds what the values differ from the first's mean, which corrects that
// mean and the variance for its rounding (Chan, Golub and LeVeque, "Algorithms
// for computing the sample variance", 1983, formula 1.7).
func moments(x []float64) (mean, variance float64) {
	n := float64(len(x))
	mean = sum(x) / n
	off, squares := deviations(x, mean)
	return mean + off/n, (squares - float64(off*off)/n) / n
}

func sum(x []float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
	}
	for _, v := range x {
		a += v
	}
	return (a + b) + (c + d)
}

// deviations returns the sums of x - mean and of its squares.
func deviations(x []float64, mean float64) (off, squares float64) {
	var a, b, aa, bb float64
	for ; len(x) >= 2; x = x[2:] {
		d, e := x[0]-mean, x[1]-mean
		a += d
		b += e
		aa += float64(d * d)
		bb += float64(e * e)
	}
	for _, v := range x {
		d := v - mean
		a += d
		aa += float64(d * d)
	}
	return a + b, aa + bb
}
