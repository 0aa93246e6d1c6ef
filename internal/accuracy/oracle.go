package accuracy

import (
	"math"
	"slices"
)

// ULPs counts the float64 numbers from a to b; two NaN are equal.
func ULPs(a, b float64) float64 {
	if math.IsNaN(a) && math.IsNaN(b) {
		return 0
	}
	order := func(x float64) uint64 { // ascends with x
		if bits := math.Float64bits(x); bits>>63 == 0 {
			return 1<<63 + bits
		} else {
			return 1<<63 - bits&^(1<<63)
		}
	}
	return float64(max(order(a), order(b)) - min(order(a), order(b)))
}

// RelativeError is the distance of got from want over want: 0 where they are
// equal or both NaN.
func RelativeError(got, want float64) float64 {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return 0
	}
	return math.Abs(got-want) / math.Abs(want)
}

// RankError is the distance of q from the ranks that v takes in the sorted
// values, less 1/n: the same whichever of numpy's conventions v follows.
func RankError(sorted []float64, q, v float64) float64 {
	below, _ := slices.BinarySearch(sorted, v)
	upTo, _ := slices.BinarySearch(sorted, math.Nextafter(v, math.Inf(1)))
	n := float64(len(sorted))
	return max(0, max(float64(below)/n-q, q-float64(upTo)/n)-1/n)
}

// Linear is numpy's default quantile of sorted values.
func Linear(sorted []float64, q float64) float64 {
	p := float64(q * float64(len(sorted)-1))
	i := int(p)
	t := p - float64(i)
	a := sorted[i]
	if i == len(sorted)-1 {
		return a
	}
	b := sorted[i+1]
	if t < .5 {
		return a + float64((b-a)*t)
	}
	return b - float64((b-a)*(1-t))
}
