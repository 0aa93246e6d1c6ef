// Package sketch keeps what a stream looks like in little memory: its quantiles
// (Quantiles, a t-digest that is exact for few values) and the number of its
// distinct values (Distinct, a HyperLogLog).
//
// Sketches of parts merge into the sketch of the whole. Reading one never
// changes it. The same values in the same order, restored from a checkpoint or
// not, give the same bits on every CPU. Nothing here is safe for concurrent
// use.
package sketch

import (
	"errors"
	"math"

	"tare/welford"
)

// MaxCount is the number of values that a Quantiles can take: a weight has 31
// bits.
const MaxCount = 1<<31 - 1

// ErrFull says that a sketch would count beyond MaxCount.
var ErrFull = errors.New("sketch is full: it counts up to 2147483647 values")

// maxCentroids is the number of centroids that a sketch holds.
const maxCentroids = 128

// Quantiles answers for any quantile of a stream, and keeps its moments,
// minimum and maximum. It is a merging t-digest (Dunning, "Computing extremely
// accurate quantiles using t-digests", 2019) of fixed size: 1,856 bytes without
// pointers, so that a copy is independent and a slab of millions costs the
// garbage collector nothing. The zero value is of an empty stream.
//
// A centroid is the mean and the weight of neighboring values. It is pure while
// these are all equal. Centroids are blended only when there are more than 128:
// so a stream is held exactly up to 128 values, and without any limit while it
// has up to 128 distinct ones. Beyond that the error of a quantile is one of
// rank, smallest at the ends: of ordinary data within 0.5 % at the quartiles
// from 3,000 values on and 0.1 % from 300,000 on, where it is within 0.05 % at
// 0.001 and 0.999. No bound can be given for any data whatever (Cormode and others,
// "Theory meets practice at the median", 2021): data that span hundreds of
// decades want a logarithm first.
type Quantiles struct {
	moments  welford.Moments // of the values before those in raw, a multiple of welford.Block
	min, max float64         // of the same values
	size     uint16          // centroids in use
	fill     uint8           // values in raw, less than welford.Block
	down     bool            // the next compression goes from the largest to the smallest
	raw      [welford.Block]float64
	means    [maxCentroids]float64 // ascending
	weights  [maxCentroids]uint32  // with the pure bit
}

// Add takes one value; -0 counts as 0. Unless |x| <= welford.MaxMagnitude it
// takes nothing and returns welford.ErrRange; beyond MaxCount, ErrFull.
func (s *Quantiles) Add(x float64) error {
	if !(math.Abs(x) <= welford.MaxMagnitude) {
		return welford.ErrRange
	}
	if s.N() >= MaxCount {
		return ErrFull
	}
	s.raw[s.fill%welford.Block] = x + 0
	s.fill++
	if s.fill == welford.Block {
		s.flush(false)
	}
	return nil
}

// AddAll takes values in their order: all as Add does, and sooner. At the first
// that Add refuses it stops.
func (s *Quantiles) AddAll(x []float64) error {
	if len(x) == 1 {
		return s.Add(x[0])
	}
	if left := MaxCount - s.N(); uint64(len(x)) > left {
		if err := s.AddAll(x[:left]); err != nil {
			return err
		}
		return s.Add(x[left])
	}
	for len(x) > 0 {
		n := min(len(x), welford.Block-int(s.fill))
		room := s.raw[s.fill:][:n]
		for i, v := range x[:n] {
			if !(math.Abs(v) <= welford.MaxMagnitude) {
				s.fill += uint8(i)
				return welford.ErrRange
			}
			room[i] = v + 0
		}
		if s.fill += uint8(n); s.fill == welford.Block {
			s.flush(false)
		}
		x = x[n:]
	}
	return nil
}

// flush turns the raw values into centroids. To settle is to blend what the
// scale allows although there is room, as a sketch is to be read: a value that
// stands alone beside blended ones would distort its neighborhood.
func (s *Quantiles) flush(settle bool) {
	var means [maxCentroids + welford.Block]float64
	var weights [maxCentroids + welford.Block]uint32
	n := int(s.size) + int(s.fill)
	l := list{means[:n], weights[:n]}
	l.place(s)
	l.sort()
	s.widen(l.means[0], l.means[len(l.means)-1])
	s.moments.AddBlock(s.raw[:s.fill])
	s.fill = 0
	s.take(&l, settle)
}

// widen makes room for values from lo to hi. It precedes take.
func (s *Quantiles) widen(lo, hi float64) {
	if s.size > 0 {
		lo, hi = min(lo, s.min), max(hi, s.max)
	}
	s.min, s.max = lo, hi
}

// Merge takes all values of o: its centroids first, then its raw values one by
// one, so that many small parts are as good as one stream. Another order of
// merges gives other last digits of the moments, and beyond exactness other
// quantiles of the same accuracy. It returns ErrFull, and takes nothing, if
// there would be more than MaxCount.
func (s *Quantiles) Merge(o *Quantiles) error {
	if s.N()+o.N() > MaxCount {
		return ErrFull
	}
	if s.N() == 0 {
		*s = *o
		return nil
	}
	if o.size > 0 {
		var means [2 * maxCentroids]float64
		var weights [2 * maxCentroids]uint32
		l := list{means[:s.size+o.size], weights[:s.size+o.size]}
		l.merge(s, o)
		l.sort()
		s.widen(o.min, o.max)
		s.moments.Merge(&o.moments)
		s.take(&l, false)
	}
	for _, x := range o.raw[:o.fill] { // if o is s, reads stay ahead of writes
		if err := s.Add(x); err != nil {
			return err
		}
	}
	return nil
}

// N returns the number of values.
func (s *Quantiles) N() uint64 { return s.moments.N + uint64(s.fill) }

// Moments returns the count, mean and variance: the same as those of a
// welford.Running with the same values and merges.
func (s *Quantiles) Moments() welford.Moments {
	m := s.moments
	m.AddBlock(s.raw[:s.fill])
	return m
}

// Min returns the smallest value, NaN of none.
func (s *Quantiles) Min() float64 {
	lo := math.NaN()
	if s.size > 0 {
		lo = s.min
	}
	for _, x := range s.raw[:s.fill] {
		if !(x >= lo) {
			lo = x
		}
	}
	return lo
}

// Max returns the largest value, NaN of none.
func (s *Quantiles) Max() float64 {
	hi := math.NaN()
	if s.size > 0 {
		hi = s.max
	}
	for _, x := range s.raw[:s.fill] {
		if !(x <= hi) {
			hi = x
		}
	}
	return hi
}

// Exact reports whether quantiles are those of the values themselves: no
// different values have been blended.
func (s *Quantiles) Exact() bool {
	var c Curve
	s.Curve(&c)
	return c.Exact()
}

// Quantile returns the value at rank q N, interpolated as numpy's default
// ("linear") does and equal to it while the sketch is exact. Quantile(0) is
// exactly Min and Quantile(1) Max. It is NaN of no values, for q = NaN and for
// q outside of 0 to 1. For several reads of one sketch build its Curve.
func (s *Quantiles) Quantile(q float64) float64 {
	var c Curve
	s.Curve(&c)
	return c.Quantile(q)
}

// Median returns the mean of the two middle values, as numpy does, or the one
// in the middle, while the sketch is exact; else Quantile(0.5).
func (s *Quantiles) Median() float64 {
	var c Curve
	s.Curve(&c)
	return c.Median()
}

// CDF returns the fraction of values below x, from 0 to 1; see Curve.CDF.
func (s *Quantiles) CDF(x float64) float64 {
	var c Curve
	s.Curve(&c)
	return c.CDF(x)
}
