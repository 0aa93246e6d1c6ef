// Package welford keeps the mean and the variance of a stream in a few words of
// memory, accurate to the last bits whatever the data: far from zero, constant,
// alternating between huge values, or merged from many parts.
//
// Values are taken in blocks of 32. A block is summed in two words, to 32
// digits, and its squares are taken about its mean (two passes); blocks then
// join by the pairwise formula of Chan, Golub and LeVeque ("Updating Formulae
// and a Pairwise Algorithm for Computing Sample Variances", 1979), again with
// sums of two words. That is faster than Welford's update of each value and
// loses nothing.
//
// The same values in the same order give the same bits on every CPU. Nothing
// here is safe for concurrent use.
package welford

import "math"

// Block is the number of values that are joined to the moments at once.
const Block = 32

// Moments are the count, mean and variance of values. The zero value is of no
// values. It holds no pointers: a copy is independent.
type Moments struct {
	N   uint64 // number of values
	sum pair   // of the values
	m2  pair   // sum of the squared distances from the mean
}

// AddBlock adds the values of x, which stays the caller's. They must be finite
// and of a magnitude up to MaxMagnitude. The last bits of the result depend on
// how a stream is cut into blocks: Running cuts it every Block values.
func (m *Moments) AddBlock(x []float64) {
	if len(x) == 0 {
		return
	}
	block := Moments{N: uint64(len(x)), sum: total(x)}
	mean := block.mean()
	// The squares are taken about mean.hi; about the mean they are less by n lo^2.
	n := float64(len(x))
	block.m2.hi = max(0, squares(x, mean.hi)-float64(n*float64(mean.lo*mean.lo)))
	m.Merge(&block)
}

// Merge adds the values of o. Mean and variance of merged parts are as accurate
// as those of the whole; their last bits depend on the parts.
func (m *Moments) Merge(o *Moments) {
	if m.N == 0 || o.N == 0 {
		if m.N == 0 {
			*m = *o
		}
		return
	}
	a, b := m.mean(), o.mean()
	d := (b.hi - a.hi) + (b.lo - a.lo)
	n, k := float64(m.N), float64(o.N)
	between := float64(float64(d*d) * (n * k / (n + k)))
	m.m2 = m.m2.plus(o.m2).plus(pair{hi: between}).orInf()
	m.sum = m.sum.plus(o.sum)
	m.N += o.N
}

// Mean returns the mean, NaN of no values. Of equal values it is exactly that
// value.
func (m Moments) Mean() float64 { return m.mean().hi + 0 }

// Variance returns the mean squared distance from the mean (ddof 0), NaN of no
// values. Of equal values it is exactly 0. It is +Inf where the squares add up
// beyond the range of float64.
func (m Moments) Variance() float64 { return m.m2.hi / float64(m.N) }

// SampleVariance returns the unbiased estimate of the variance (ddof 1), NaN of
// fewer than two values.
func (m Moments) SampleVariance() float64 {
	if m.N < 2 {
		return math.NaN()
	}
	return m.m2.hi / float64(m.N-1)
}

func (m *Moments) mean() pair { return m.sum.over(float64(m.N)) }

// total returns the sum of x in two words: two chains of partial sums, each
// with the sum of what its additions lost.
func total(x []float64) pair {
	var p, q pair
	for len(x) >= 2 {
		p, q = p.accumulate(x[0]), q.accumulate(x[1])
		x = x[2:]
	}
	if len(x) > 0 {
		p = p.accumulate(x[0])
	}
	return p.plus(q)
}

// squares returns the sum of the squared distances of x from center.
func squares(x []float64, center float64) float64 {
	var p, q float64
	for len(x) >= 2 {
		a, b := x[0]-center, x[1]-center
		p += float64(a * a)
		q += float64(b * b)
		x = x[2:]
	}
	if len(x) > 0 {
		a := x[0] - center
		p += float64(a * a)
	}
	return p + q
}
