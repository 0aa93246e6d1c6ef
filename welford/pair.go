package welford

import "math"

// A pair is a number in two words, hi + lo, where hi is that sum rounded to
// float64: twice the digits of one. (Dekker, "A floating-point technique for
// extending the available precision", 1971.)
type pair struct{ hi, lo float64 }

// twoSum returns a + b rounded, and what the rounding lost (Knuth).
func twoSum(a, b float64) (sum, lost float64) {
	sum = a + b
	bb := sum - a
	return sum, (a - (sum - bb)) + (b - bb)
}

func (p pair) plus(q pair) pair {
	hi, lo := twoSum(p.hi, q.hi)
	hi, lo = twoSum(hi, lo+(p.lo+q.lo))
	return pair{hi, lo}
}

// accumulate returns p + x with hi and lo left as they come: plus puts that
// right.
func (p pair) accumulate(x float64) pair {
	hi, lost := twoSum(p.hi, x)
	return pair{hi, p.lo + lost}
}

// over returns p / n for a whole n. The remainder of the first word's quotient
// is exact, so n times x over n is x in the first word and 0 in the second.
func (p pair) over(n float64) pair {
	q := p.hi / n
	hi, lo := twoSum(q, (math.FMA(-q, n, p.hi)+p.lo)/n)
	return pair{hi, lo}
}

// orInf returns p, or infinity where p has left the range of float64.
func (p pair) orInf() pair {
	if !(p.hi <= math.MaxFloat64) {
		return pair{hi: math.Inf(1)}
	}
	return p
}
