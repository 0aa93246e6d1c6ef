package record

import (
	"encoding/binary"
	"math"
)

// NaN as numpy writes it.
const (
	quiet64 = 0x7ff8000000000000
	quiet32 = 0x7fc00000
)

// A vector writes the Value Vector.
type vector struct {
	printer
	missing Missing
}

func (*vector) Header(dst []byte) []byte { return dst }

func (*vector) Lines() bool { return false }

func (v *vector) Append(dst, _ []byte, _ *Row, y []float64, _ *Mark) []byte {
	for _, x := range y {
		x, finite := v.number(x)
		switch {
		case finite:
			dst = v.binary(dst, x)
		case v.missing != MissingNaN:
			dst = v.binary(dst, 0)
		case v.single:
			dst = binary.LittleEndian.AppendUint32(dst, quiet32)
		default:
			dst = binary.LittleEndian.AppendUint64(dst, quiet64)
		}
	}
	if v.missing == MissingMask {
		dst = v.mask(dst, y)
	}
	return dst
}

func (v *vector) mask(dst []byte, y []float64) []byte {
	for _, x := range y {
		mask := 0.0
		if _, finite := v.number(x); !finite {
			mask = 1
		}
		dst = v.binary(dst, mask)
	}
	return dst
}

func (v *vector) binary(dst []byte, x float64) []byte {
	if v.single {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(x)))
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
}
