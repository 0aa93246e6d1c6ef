package scale

import (
	"math"
	"slices"
)

// factor returns rows g_1, g_2, ... of d numbers whose sum of g g' is cov, a
// symmetric d x d matrix, but for what lies at or below the floor: the Cholesky
// factor without its permutation. Next chooses the member whose row comes next
// from the variances that are left, one above its floor, or -1 at the end; the
// choices come back as pivots. A member whose remaining variance has sunk to its
// floor depends on those chosen: that rest counts as 0.
func factor(cov, floor []float64, next func(left, floor []float64) int) (rows [][]float64, pivots []int) {
	d := len(floor)
	left := make([]float64, d)
	for i := range left {
		left[i] = cov[i*d+i]
	}
	for j := next(left, floor); j >= 0; j = next(left, floor) {
		row := slices.Clone(cov[j*d : (j+1)*d])
		for _, g := range rows {
			addScaled(row, -g[j], g)
		}
		root := math.Sqrt(left[j])
		for i := range row {
			if left[i] <= floor[i] {
				row[i] = 0
				continue
			}
			row[i] /= root
			left[i] -= float64(row[i] * row[i])
		}
		row[j], left[j] = root, 0
		rows, pivots = append(rows, row), append(pivots, j)
	}
	return rows, pivots
}

// largest chooses the member with the most variance left.
func largest(left, floor []float64) int {
	best := -1
	for i, v := range left {
		if v > floor[i] && (best < 0 || v > left[best]) {
			best = i
		}
	}
	return best
}

// last chooses from the last member to the first.
func last(left, floor []float64) int {
	for i := len(left) - 1; i >= 0; i-- {
		if left[i] > floor[i] {
			return i
		}
	}
	return -1
}

// cholesky sets b, d x d, to the upper triangle with b b' = cov, and w to its
// inverse, the upper triangle with w' w = cov^-1. A member that depends on those
// behind it has a column of zeros in both and a row of zeros in w.
func cholesky(w, b, cov, floor []float64) {
	d := len(floor)
	rows, pivots := factor(cov, floor, last)
	for k, j := range pivots {
		for i, v := range rows[k] {
			b[i*d+j] = v
		}
	}
	for _, i := range slices.Backward(slices.Sorted(slices.Values(pivots))) {
		row := w[i*d : (i+1)*d]
		for j := i + 1; j < d; j++ {
			addScaled(row, -b[i*d+j], w[j*d:(j+1)*d])
		}
		row[i] = 1
		for j := range row {
			row[j] /= b[i*d+i]
		}
	}
}

// addScaled adds by x to dst.
func addScaled(dst []float64, by float64, x []float64) {
	if by == 0 {
		return
	}
	for i, v := range x {
		dst[i] += float64(by * v)
	}
}
