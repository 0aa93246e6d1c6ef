package record

import (
	"encoding/binary"
	"math"
	"slices"
)

// NaN as numpy writes it.
const (
	quiet64 = 0x7ff8000000000000
	quiet32 = 0x7fc00000
)

// A vector writes the Value Vector.
type vector struct {
	dtype   Dtype
	missing Missing
	masks   []float64 // work space
}

func (*vector) Header(dst []byte) []byte { return dst }

func (*vector) Lines() bool { return false }

func (v *vector) Append(dst, _ []byte, _ *Row, y []float64, _ *Mark) []byte {
	dst = v.pack(dst, y)
	if v.missing == MissingMask {
		v.mask(y)
		dst = v.pack(dst, v.masks)
	}
	return dst
}

// mask sets masks to 1 for each number that pack writes as missing, else 0.
func (v *vector) mask(y []float64) {
	p := printer{single: v.dtype == Float32}
	v.masks = v.masks[:0]
	for _, x := range y {
		mask := 0.0
		if _, finite := p.number(x); !finite {
			mask = 1
		}
		v.masks = append(v.masks, mask)
	}
}

// pack appends y as packed numbers.
func (v *vector) pack(dst []byte, y []float64) []byte {
	start, size := len(dst), len(y)*v.dtype.Size()
	dst = slices.Grow(dst, size)[:start+size]
	b := dst[start:]
	switch v.dtype {
	case UInt8:
		packUInt8(b, y)
	case Int16:
		packInt16(b, y)
	case Float32:
		packFloat32(b, y, uint32(v.bits(quiet32)))
	default:
		packFloat64(b, y, v.bits(quiet64))
	}
	return dst
}

// bits returns how a missing value is written: as quiet, a NaN, or as 0.
func (v *vector) bits(quiet uint64) uint64 {
	if v.missing == MissingNaN {
		return quiet
	}
	return 0
}

func packFloat64(b []byte, y []float64, missing uint64) {
	const infinite = 0x7ff << 52
	for i, x := range y {
		w := math.Float64bits(x)
		if w&infinite == infinite {
			w = missing
		}
		binary.LittleEndian.PutUint64(b[8*i:], w)
	}
}

// packFloat32 packs four numbers in a turn, which is twice as fast as one.
func packFloat32(b []byte, y []float64, missing uint32) {
	for len(y) >= 4 && len(b) >= 16 {
		binary.LittleEndian.PutUint32(b, bits32(y[0], missing))
		binary.LittleEndian.PutUint32(b[4:], bits32(y[1], missing))
		binary.LittleEndian.PutUint32(b[8:], bits32(y[2], missing))
		binary.LittleEndian.PutUint32(b[12:], bits32(y[3], missing))
		y, b = y[4:], b[16:]
	}
	for i, x := range y {
		binary.LittleEndian.PutUint32(b[4*i:], bits32(x, missing))
	}
}

func bits32(x float64, missing uint32) uint32 {
	const infinite = 0xff << 23
	w := math.Float32bits(float32(x))
	if w&infinite == infinite {
		return missing
	}
	return w
}

func packInt16(b []byte, y []float64) {
	const half = 1 << 15
	for i, x := range y {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(clamp(nearest(x)+half, 2*half-1)-half))
	}
}

func packUInt8(b []byte, y []float64) {
	b = b[:len(y)]
	for i, x := range y {
		b[i] = uint8(clamp(nearest(x), math.MaxUint8))
	}
}

// nearest returns the integer nearest to x, ties to even, as long as it is less
// than far away from 0. A sum with 3·2^51 has no place for a fraction: it is
// rounded, and its bits count up and down from there by one for each integer.
func nearest(x float64) int64 {
	if math.Abs(x) < far {
		return int64(math.Float64bits(x+3<<51)) - 0x4338000000000000
	}
	return farthest(x)
}

// far is beyond all integers that are packed.
const far = 1 << 50

// farthest returns far for x beyond it, with its sign, and 0 for a missing value.
func farthest(x float64) int64 {
	switch {
	case !(math.Abs(x) <= math.MaxFloat64):
		return 0
	case x < 0:
		return -far
	}
	return far
}

// clamp returns n, or 0 if it is less, or a number whose low bits are those of
// most if it is more: most is 2^k-1. It does not branch, for which way is
// anybody's guess.
func clamp(n, most int64) int64 {
	n &^= n >> 63
	return n | (most-n)>>63
}

// A replaceBinary writes the Value Replace of a binary record: all of it is its
// feature. A row without a span is written as it came, in the output's Dtype.
type replaceBinary struct{ vector }

func (e *replaceBinary) Append(dst, _ []byte, row *Row, y []float64, _ *Mark) []byte {
	if row.Spans[0] == (Span{}) {
		y = row.Numbers
	}
	return e.pack(dst, y)
}
