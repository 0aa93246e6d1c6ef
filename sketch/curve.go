package sketch

import (
	"math"
	"slices"
)

// A Curve is a sketch made ready for many reads: a line through the values at
// known positions, linear between them. It is independent of the sketch; one
// Curve can be used for one sketch after another without allocating.
type Curve struct {
	N uint64 // number of values of the sketch
	// Positions are places in the sorted values, from 0 to N-1, ascending: both
	// ends of each pure centroid, the middle of each other one. Values are the
	// values there, ascending. There are up to 258 of them.
	Positions, Values []float64

	exact          bool
	means, weights []float64    // of the centroids, ascending
	pure           []bool       // whether the values of each are all equal
	ranks          []float64    // of the last Anchors
	parts          [3][]float64 // of the last Parts
}

// Curve makes c the curve of s. It blends a copy of s as s will be when its
// raw values have become centroids.
func (s *Quantiles) Curve(c *Curve) {
	c.N, c.exact = s.N(), true
	c.Positions, c.Values = c.Positions[:0], c.Values[:0]
	c.means, c.weights, c.pure = c.means[:0], c.weights[:0], c.pure[:0]
	if c.N == 0 {
		return
	}
	c.Positions = slices.Grow(c.Positions, 2*maxCentroids+2)
	c.Values = slices.Grow(c.Values, 2*maxCentroids+2)
	c.means, c.weights = slices.Grow(c.means, maxCentroids), slices.Grow(c.weights, maxCentroids)
	t := *s
	t.flush(true)
	c.append(0, t.min)
	before := 0.0
	for i, mean := range t.means[:t.size] {
		w := float64(t.weights[i] &^ pure)
		c.means, c.weights, c.pure = append(c.means, mean), append(c.weights, w), append(c.pure, t.weights[i]&pure != 0)
		if t.weights[i]&pure != 0 {
			c.append(before, mean)
			c.append(before+w-1, mean)
		} else {
			c.exact = false
			c.append(before+float64((w-1)/2), mean)
		}
		before += w
	}
	c.append(before-1, t.max)
}

func (c *Curve) append(position, value float64) {
	if i := len(c.Values) - 1; i >= 0 && c.Positions[i] == position && c.Values[i] == value {
		return
	}
	c.Positions = append(c.Positions, position)
	c.Values = append(c.Values, value)
}

// Refine makes c the curve of the same stream through values that are known
// exactly, at their positions in the sorted stream: both ascend, and the first
// and the last position are 0 and N-1. Between neighboring positions, and at
// them, c is then exact; it keeps neither slice.
func (c *Curve) Refine(positions, values []float64) {
	c.exact = true
	c.Positions = append(c.Positions[:0], positions...)
	c.Values = append(c.Values[:0], values...)
}

// Exact reports whether the curve is that of the values themselves; see
// Quantiles.Exact.
func (c *Curve) Exact() bool { return c.exact }

// Quantile returns the value at q; see Quantiles.Quantile.
func (c *Curve) Quantile(q float64) float64 {
	if !(q >= 0 && q <= 1) || c.N == 0 {
		return math.NaN()
	}
	return c.at(float64(q * float64(c.N-1)))
}

// at returns the value at position p, by numpy's formula for a + (b-a) t.
func (c *Curve) at(p float64) float64 {
	if p == 0 {
		return c.Values[0]
	}
	i, _ := slices.BinarySearchFunc(c.Positions, p, func(x, p float64) int {
		if x <= p {
			return -1
		}
		return 1
	})
	if i == len(c.Positions) {
		return c.Values[i-1]
	}
	a, b := c.Values[i-1], c.Values[i]
	t := (p - c.Positions[i-1]) / (c.Positions[i] - c.Positions[i-1])
	if t < 0.5 {
		return a + float64((b-a)*t)
	}
	return b - float64((b-a)*(1-t))
}

// Median returns the median; see Quantiles.Median.
func (c *Curve) Median() float64 {
	if !c.exact || c.N == 0 {
		return c.Quantile(0.5)
	}
	return (c.at(float64((c.N-1)/2)) + c.at(float64(c.N/2))) / 2
}

// Step returns the value at q as numpy's method averaged_inverted_cdf does, and
// equal to it while the sketch is exact: one of the values, or the mean of two
// neighbors where q N is whole. It is NaN as Quantile is.
func (c *Curve) Step(q float64) float64 {
	if !(q >= 0 && q <= 1) || c.N == 0 {
		return math.NaN()
	}
	at := float64(q*float64(c.N)) - 1
	below := math.Floor(at)
	switch {
	case at < 0:
		return c.at(0)
	case below >= float64(c.N-1):
		return c.at(float64(c.N - 1))
	case at > below:
		return c.at(below + 1)
	}
	a, b := c.at(below), c.at(below+1)
	return b - float64((b-a)*0.5)
}

// CDF returns the rank of x from 0 to 1: 0 below the minimum, 1 above the
// maximum. Of a value that stands for several it is the middle of their ranks.
// Where the curve ascends, CDF is the inverse of Quantile. It is NaN of no
// values and for x = NaN.
func (c *Curve) CDF(x float64) float64 {
	if c.N == 0 || x != x {
		return math.NaN()
	}
	from, _ := slices.BinarySearch(c.Values, x)
	to := from
	for to < len(c.Values) && c.Values[to] == x {
		to++
	}
	switch {
	case from < to && c.N == 1:
		return 0.5
	case from < to:
		return (c.Positions[from] + c.Positions[to-1]) / 2 / float64(c.N-1)
	case from == 0:
		return 0
	case from == len(c.Values):
		return 1
	}
	a, b := c.Positions[from-1], c.Positions[from]
	t := (x - c.Values[from-1]) / (c.Values[from] - c.Values[from-1])
	return (a + float64((b-a)*t)) / float64(c.N-1)
}

// Anchors returns the points of the curve as ranks from 0 to 1 and values. Both
// belong to c and are good until it is built again.
func (c *Curve) Anchors() (ranks, values []float64) {
	c.ranks = slices.Grow(c.ranks[:0], len(c.Positions))
	for _, p := range c.Positions {
		c.ranks = append(c.ranks, p/max(1, float64(c.N)-1))
	}
	return c.ranks, c.Values
}

// Parts returns the values as stretches in which they lie evenly, ascending: from lows
// to highs, and how many. A pure centroid is a stretch without width. Any other one
// reaches halfway, by weight, to its neighbors and is two stretches that meet at its
// mean and keep it. The first begins at the minimum and the last ends at the maximum,
// with no value where these are blended into another centroid. Refine leaves the
// stretches as they are. All belong to c and are good until it is built again.
func (c *Curve) Parts() (lows, highs, counts []float64) {
	for i := range c.parts {
		c.parts[i] = c.parts[i][:0]
	}
	for i, mean := range c.means {
		low, high, w := c.edge(i), c.edge(i+1), c.weights[i]
		width := high - low
		if !c.pure[i] && width > 0 {
			c.part(low, mean, float64(w*(high-mean))/width)
			c.part(mean, high, float64(w*(mean-low))/width)
			continue
		}
		if i == 0 && low < mean {
			c.part(low, low, 0)
		}
		c.part(mean, mean, w)
		if i == len(c.means)-1 && mean < high {
			c.part(high, high, 0)
		}
	}
	return c.parts[0], c.parts[1], c.parts[2]
}

func (c *Curve) part(low, high, count float64) {
	c.parts[0] = append(c.parts[0], low)
	c.parts[1] = append(c.parts[1], high)
	c.parts[2] = append(c.parts[2], count)
}

// edge returns the border between centroid i and the one before.
func (c *Curve) edge(i int) float64 {
	switch {
	case i == 0:
		return c.Values[0]
	case i == len(c.means):
		return c.Values[len(c.Values)-1]
	case c.pure[i-1]:
		return c.means[i-1]
	case c.pure[i]:
		return c.means[i]
	}
	a, b := c.means[i-1], c.means[i]
	return a + float64((b-a)*(c.weights[i-1]/(c.weights[i-1]+c.weights[i])))
}
