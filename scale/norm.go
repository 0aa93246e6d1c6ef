package scale

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kinds of norms, besides Standard.
const (
	L1   = "l1"   // sum of magnitudes
	L2   = "l2"   // Euclidean length
	Max  = "max"  // largest magnitude
	Peak = "peak" // the same, as those who work with sound call it
)

var normKinds = []string{L1, L2, Max, Peak, Standard}

// NewNorm returns the Step that scales the n values of one record by
// themselves: an array, a clip of sound, a group of features. Nothing is
// learned, and p is not read.
//
// They are divided by their norm, or by 1 where that counts as zero (below
// 2.2e-15, as scikit-learn's Normalizer does), so that zeros stay zeros; standard
// takes away their mean and divides by their standard deviation, with the rule
// of the scaler for constants. A NaN among them makes all of them NaN. What the
// record was divided by is lost: Inverse writes NaN.
func NewNorm(kind string, n int) (Step, error) {
	if !slices.Contains(normKinds, kind) {
		return nil, fmt.Errorf("norm %q: must be one of %s", kind, strings.Join(normKinds, ", "))
	}
	if n < 1 {
		return nil, fmt.Errorf("norm %s of %d values: must be at least 1", kind, n)
	}
	switch kind {
	case L1:
		return divideBy{oneWay{n}, sumOfMagnitudes}, nil
	case L2:
		return divideBy{oneWay{n}, length}, nil
	case Standard:
		return clipStandard{oneWay{n}}, nil
	}
	return divideBy{oneWay{n}, peak}, nil
}

// oneWay is a Step of n values that has no inverse.
type oneWay struct{ n int }

func (s oneWay) Dims() (in, out int) { return s.n, s.n }

func (oneWay) Inverse(dst, y, _ []float64) { missing(dst[:len(y)]) }

// divideBy divides the values of a record by what size makes of them.
type divideBy struct {
	oneWay
	size func(x []float64) float64
}

func (s divideBy) Transform(dst, x, _ []float64) {
	dst = dst[:len(x)]
	scale := nonZero(s.size(x))
	for i, v := range x {
		dst[i] = v / scale
	}
}

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

// clipStandard is standard with the mean and variance of the record itself.
type clipStandard struct{ oneWay }

func (clipStandard) Transform(dst, x, _ []float64) {
	mean, variance := moments(x)
	var p [2]float64
	spec := Spec{Kind: Standard, WithMean: true, WithStd: true}
	linear{}.Transform(dst, x, StandardParams(p[:0], spec, uint64(len(x)), mean, variance))
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
