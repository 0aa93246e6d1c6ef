package welford

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The binary forms are little-endian and canonical: equal states have equal
// bytes. All integers are unsigned, all numbers IEEE 754 float64.
//
//	Moments, MomentsSize bytes:
//	  0  u64  N, at most 2^53
//	  8  f64  sum, first word
//	 16  f64  sum, second word
//	 24  f64  M2, first word
//	 32  f64  M2, second word
//
//	Running:
//	  0  u8   version, 1
//	  1  u8   blocks: 1 if whole blocks have been joined, else 0
//	  2  u8   k, the values of the unfinished block, at most 31
//	  3       if blocks is 1: Moments, f64 minimum, f64 maximum of the whole blocks
//	          k x f64 values of the unfinished block, as they came
const (
	MomentsSize = 40
	version     = 1
	headerSize  = 3
	blocksSize  = MomentsSize + 16
)

// AppendBinary appends the binary form of m to b. The error is nil.
func (m *Moments) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint64(b, m.N)
	return appendFloats(b, m.sum.hi, m.sum.lo, m.m2.hi, m.m2.lo), nil
}

// UnmarshalBinary sets m to what AppendBinary wrote, or returns an error and
// leaves m as it is.
func (m *Moments) UnmarshalBinary(data []byte) error {
	if len(data) != MomentsSize {
		return fmt.Errorf("welford: moments of %d bytes, want %d", len(data), MomentsSize)
	}
	read := Moments{
		N:   binary.LittleEndian.Uint64(data),
		sum: pair{floatAt(data, 8), floatAt(data, 16)},
		m2:  pair{floatAt(data, 24), floatAt(data, 32)},
	}
	if err := read.check(); err != nil {
		return err
	}
	*m = read
	return nil
}

// check refuses what no values could have led to.
func (m *Moments) check() error {
	switch {
	case m.N > 1<<53:
		return fmt.Errorf("welford: N is %d, want at most 2^53", m.N)
	case m.N == 0 && *m != Moments{}:
		return fmt.Errorf("welford: no values with sum %v and M2 %v, want 0", m.sum, m.m2)
	case !m.sum.normal() || !(math.Abs(m.sum.hi) <= float64(m.N)*MaxMagnitude):
		return fmt.Errorf("welford: sum %v of %d values, want a normalized pair up to N x 1e150", m.sum, m.N)
	case !(m.m2.normal() || m.m2 == pair{hi: math.Inf(1)}) || m.m2.hi < 0:
		return fmt.Errorf("welford: M2 %v, want a normalized pair from 0 on", m.m2)
	}
	return nil
}

// normal reports whether p is finite and in the one form that plus leaves.
func (p pair) normal() bool {
	return p.hi+p.lo == p.hi && p.hi-p.hi == 0 && !negativeZero(p.hi) && !negativeZero(p.lo)
}

func negativeZero(x float64) bool { return x == 0 && math.Signbit(x) }

// AppendBinary appends the binary form of r to b. The error is nil.
func (r *Running) AppendBinary(b []byte) ([]byte, error) {
	blocks := min(r.moments.N, 1)
	b = append(b, version, byte(blocks), byte(r.fill))
	if blocks == 1 {
		b, _ = r.moments.AppendBinary(b)
		b = appendFloats(b, r.min, r.max)
	}
	return appendFloats(b, r.buf[:r.fill]...), nil
}

// UnmarshalBinary sets r to what AppendBinary wrote, or returns an error and
// leaves r as it is. The restored stream continues with the same bits.
func (r *Running) UnmarshalBinary(data []byte) error {
	var read Running
	if len(data) < headerSize || data[0] != version {
		return fmt.Errorf("welford: header % x, want version %d", data[:min(len(data), headerSize)], version)
	}
	blocks, fill := int(data[1]), int(data[2])
	if blocks > 1 || fill >= Block || len(data) != headerSize+blocks*blocksSize+fill*8 {
		return fmt.Errorf("welford: %d bytes with blocks %d and %d values, want blocks up to 1, values up to %d, and no other bytes",
			len(data), blocks, fill, Block-1)
	}
	data = data[headerSize:]
	if blocks == 1 {
		if err := read.unmarshalBlocks(data[:blocksSize]); err != nil {
			return err
		}
		data = data[blocksSize:]
	}
	for ; len(data) > 0; data = data[8:] {
		x := floatAt(data, 0)
		if err := checkValue(x); err != nil {
			return err
		}
		read.buf[read.fill] = x
		read.fill++
	}
	*r = read
	return nil
}

func (r *Running) unmarshalBlocks(data []byte) error {
	if err := r.moments.UnmarshalBinary(data[:MomentsSize]); err != nil {
		return err
	}
	if n := r.moments.N; n == 0 || n%Block != 0 {
		return fmt.Errorf("welford: blocks of %d values, want a multiple of %d above 0", n, Block)
	}
	r.min, r.max = floatAt(data, MomentsSize), floatAt(data, MomentsSize+8)
	if err := errors.Join(checkValue(r.min), checkValue(r.max)); err != nil {
		return err
	}
	if mean := r.moments.Mean(); !(r.min <= mean && mean <= r.max) {
		return fmt.Errorf("welford: minimum %v, mean %v, maximum %v, want them in this order", r.min, mean, r.max)
	}
	return nil
}

// checkValue refuses what Add would not have kept.
func checkValue(x float64) error {
	if !(math.Abs(x) <= MaxMagnitude) {
		return fmt.Errorf("welford: %v: %w", x, ErrRange)
	}
	if negativeZero(x) {
		return errors.New("welford: value -0, want 0")
	}
	return nil
}

func appendFloats(b []byte, x ...float64) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func floatAt(data []byte, i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(data[i:]))
}
