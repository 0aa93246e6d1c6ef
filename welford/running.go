package welford

import (
	"errors"
	"math"
)

// MaxMagnitude is the largest |x| that is taken: the squares of 1e8 of them
// still add up to a float64.
const MaxMagnitude = 1e150

// ErrRange says that a value is NaN, infinite or beyond MaxMagnitude.
var ErrRange = errors.New("value is not a number from -1e150 to 1e150")

// Running is the Moments of a stream taken one value at a time, with its
// minimum and maximum. The zero value is of an empty stream. It holds no
// pointers: a copy is independent. Reading never changes it.
type Running struct {
	moments  Moments // of the values before those in buf, a multiple of Block
	min, max float64 // of the same values
	fill     uint64  // values in buf, less than Block
	buf      [Block]float64
}

// Add takes one value; -0 counts as 0. Unless |x| <= MaxMagnitude it takes
// nothing and returns ErrRange.
func (r *Running) Add(x float64) error {
	if !(math.Abs(x) <= MaxMagnitude) {
		return ErrRange
	}
	r.buf[r.fill%Block] = x + 0
	r.fill++
	if r.fill == Block {
		r.flush()
	}
	return nil
}

// AddAll takes values in their order: all as Add does, and sooner. At the first
// that Add refuses it stops.
func (r *Running) AddAll(x []float64) error {
	if len(x) == 1 {
		return r.Add(x[0])
	}
	for len(x) > 0 {
		n := min(len(x), Block-int(r.fill))
		room := r.buf[r.fill:][:n]
		for i, v := range x[:n] {
			if !(math.Abs(v) <= MaxMagnitude) {
				r.fill += uint64(i)
				return ErrRange
			}
			room[i] = v + 0
		}
		if r.fill += uint64(n); r.fill == Block {
			r.flush()
		}
		x = x[n:]
	}
	return nil
}

func (r *Running) flush() {
	r.min, r.max = r.Min(), r.Max()
	r.moments.AddBlock(r.buf[:])
	r.fill = 0
}

// Merge takes all values of o: its whole blocks first, then the rest one by
// one, so that many small parts are as good as one stream.
func (r *Running) Merge(o *Running) {
	if r.N() == 0 {
		*r = *o
		return
	}
	if o.moments.N > 0 {
		lo, hi := o.min, o.max
		if r.moments.N > 0 {
			lo, hi = min(lo, r.min), max(hi, r.max)
		}
		r.min, r.max = lo, hi
		r.moments.Merge(&o.moments)
	}
	for _, x := range o.buf[:o.fill] { // if o is r, reads stay ahead of writes
		r.Add(x)
	}
}

// N returns the number of values.
func (r *Running) N() uint64 { return r.moments.N + r.fill }

// Moments returns the count, mean and variance of all values.
func (r *Running) Moments() Moments {
	m := r.moments
	m.AddBlock(r.buf[:r.fill])
	return m
}

// Min returns the smallest value, NaN of none.
func (r *Running) Min() float64 {
	lo := math.NaN()
	if r.moments.N > 0 {
		lo = r.min
	}
	for _, x := range r.buf[:r.fill] {
		if !(x >= lo) {
			lo = x
		}
	}
	return lo
}

// Max returns the largest value, NaN of none.
func (r *Running) Max() float64 {
	hi := math.NaN()
	if r.moments.N > 0 {
		hi = r.max
	}
	for _, x := range r.buf[:r.fill] {
		if !(x <= hi) {
			hi = x
		}
	}
	return hi
}
