package record

import "math"

// A printer writes numbers as text, or says which of them are none.
type printer struct {
	single bool   // of float32
	null   string // a missing value
}

// number returns x in the printer's precision, and whether it is finite then.
func (p printer) number(x float64) (rounded float64, finite bool) {
	if p.single {
		x = float64(float32(x))
	}
	return x, math.Abs(x) <= math.MaxFloat64
}

func (p printer) append(dst []byte, x float64) []byte {
	x, finite := p.number(x)
	switch {
	case !finite:
		return append(dst, p.null...)
	case p.single:
		return appendAny(dst, x, 32)
	}
	return appendNumber(dst, x)
}

// keeps reports whether y may stay as it is written in the record, where it is
// read as x.
func (p printer) keeps(x, y float64) bool { return x == y && !p.single }
