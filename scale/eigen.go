package scale

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// maxSweeps is more than the sweeps over all pairs that any matrix has been seen
// to need: 4 to 10, and few more at 512 members.
const maxSweeps = 60

// An axis is a direction of the data, of length 1, and the variance along it.
type axis struct {
	variance  float64
	direction []float64
}

// eigen returns the axes of cov, a symmetric d x d matrix, by descending
// variance: as many as it has rank above the floors, see factor. In each
// direction the entry of largest magnitude is positive (scikit-learn's
// svd_flip); of those that differ by less than 1e-9 it is the first.
//
// Factor with the largest pivots, then one-sided Jacobi rotations of its rows:
// variances come out with all their digits however far apart the units of the
// members are. (Demmel and Veselic, "Jacobi's method is more accurate than QR",
// 1992, algorithm 4.4.)
func eigen(cov, floor []float64) ([]axis, error) {
	rows, _ := factor(cov, floor, largest)
	if !diagonalize(rows, maxSweeps) {
		return nil, errors.New("the principal axes of the covariance cannot be found: rotations do not come to an end")
	}
	axes := make([]axis, len(rows))
	for i, row := range rows {
		axes[i].variance = dot(row, row)
		length := math.Sqrt(axes[i].variance) * sign(row)
		for j := range row {
			row[j] /= length
		}
		axes[i].direction = row
	}
	slices.SortStableFunc(axes, func(a, b axis) int { return cmp.Compare(b.variance, a.variance) })
	return axes, nil
}

// sign is the sign of the entry of row that svd_flip makes positive.
func sign(row []float64) float64 {
	most := 0.0
	for _, v := range row {
		most = max(most, math.Abs(v))
	}
	for _, v := range row {
		if math.Abs(v) >= most*(1-1e-9) {
			return math.Copysign(1, v)
		}
	}
	return 1
}

// diagonalize turns rows about each other until all are at right angles. It
// reports whether that took at most so many sweeps over all pairs.
func diagonalize(rows [][]float64, sweeps int) bool {
	for range sweeps {
		turned := false
		for i, a := range rows {
			for _, b := range rows[i+1:] {
				turned = turn(a, b) || turned
			}
		}
		if !turned {
			return true
		}
	}
	return false
}

// turn turns a and b to right angles, or reports false where they are already.
func turn(a, b []float64) bool {
	aa, bb, ab := lengths(a, b)
	if !(math.Abs(ab) > float64(len(a)+8)*epsilon*math.Sqrt(aa)*math.Sqrt(bb)) {
		return false
	}
	zeta := (bb - aa) / (2 * ab)
	t := math.Copysign(1, zeta) / (math.Abs(zeta) + math.Sqrt(1+float64(zeta*zeta)))
	cos := 1 / math.Sqrt(1+float64(t*t))
	sin := cos * t
	b = b[:len(a)]
	for i, u := range a {
		v := b[i]
		a[i] = float64(cos*u) - float64(sin*v)
		b[i] = float64(sin*u) + float64(cos*v)
	}
	return true
}

// lengths returns a'a, b'b and a'b, each in two chains of sums.
func lengths(a, b []float64) (aa, bb, ab float64) {
	var aa2, bb2, ab2 float64
	b = b[:len(a)]
	i := 0
	for ; i+2 <= len(a); i += 2 {
		u, v := a[i], b[i]
		aa += float64(u * u)
		bb += float64(v * v)
		ab += float64(u * v)
		u, v = a[i+1], b[i+1]
		aa2 += float64(u * u)
		bb2 += float64(v * v)
		ab2 += float64(u * v)
	}
	if i < len(a) {
		aa += float64(a[i] * a[i])
		bb += float64(b[i] * b[i])
		ab += float64(a[i] * b[i])
	}
	return aa + aa2, bb + bb2, ab + ab2
}
