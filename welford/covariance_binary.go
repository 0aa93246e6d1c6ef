package welford

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The binary form of a Covariance is little-endian and canonical, as those of
// Moments and Running:
//
//	0  u8   version, 1
//	1  u8   kind: 1 if whole blocks have been joined, plus 2 if quartic
//	2  u16  d, the members, 1 to 512
//	4  u8   k, the waiting rows, at most 63
//	5       if there are whole blocks: u64 their rows, a multiple of 64;
//	        d sums, then d(d+1)/2 co-moments, row by row of the lower triangle,
//	        each in two words f64; if quartic d f64 sums of |a|^2 a and the f64
//	        sum of |a|^4, a = x-mean
//	        k x d f64 waiting rows, as they came
const (
	covarianceVersion = 1
	covarianceHeader  = 5
)

// AppendBinary appends the binary form of c to b. The error is nil.
func (c *Covariance) AppendBinary(b []byte) ([]byte, error) {
	blocks := *c.blocked() > 0
	b = append(b, covarianceVersion, c.kind(blocks))
	b = binary.LittleEndian.AppendUint16(b, uint16(c.d))
	b = append(b, byte(*c.waiting()))
	if blocks {
		b = binary.LittleEndian.AppendUint64(b, uint64(*c.blocked()))
		b = appendFloats(b, c.sums()...)
		b = appendFloats(b, c.comoments()...)
		if c.quartic {
			b = appendFloats(b, c.quartics()...)
		}
	}
	for r := range int(*c.waiting()) {
		for j := range c.d {
			b = appendFloats(b, c.column(j)[r])
		}
	}
	return b, nil
}

func (c *Covariance) kind(blocks bool) (kind byte) {
	if blocks {
		kind |= 1
	}
	if c.quartic {
		kind |= 2
	}
	return kind
}

// UnmarshalBinary sets c to what AppendBinary wrote of a Covariance of the same
// kind, or returns an error and leaves c as it is. The restored stream continues
// with the same bits.
func (c *Covariance) UnmarshalBinary(data []byte) error {
	body, waiting, err := c.openHeader(data)
	if err != nil {
		return err
	}
	rows := body[len(body)-8*c.d*waiting:]
	body = body[:len(body)-len(rows)]
	if err := c.checkBlocks(body); err != nil {
		return err
	}
	for at := 0; at < len(rows); at += 8 {
		if err := checkValue(floatAt(rows, at)); err != nil {
			return err
		}
	}
	c.setBlocks(body)
	for r := range waiting {
		for j := range c.d {
			c.column(j)[r] = floatAt(rows, 8*(r*c.d+j))
		}
	}
	*c.waiting() = float64(waiting)
	return nil
}

// openHeader returns what follows the header, which has just the bytes that the
// header asks for.
func (c *Covariance) openHeader(data []byte) (body []byte, waiting int, err error) {
	if len(data) < covarianceHeader || data[0] != covarianceVersion {
		return nil, 0, fmt.Errorf("welford: covariance header % x, want version %d", data[:min(len(data), covarianceHeader)], covarianceVersion)
	}
	kind, d, waiting := data[1], int(binary.LittleEndian.Uint16(data[2:])), int(data[4])
	blocks := kind&1 == 1
	if d != c.d || kind != c.kind(blocks) || waiting >= RowBlock {
		return nil, 0, fmt.Errorf("welford: covariance of %d members, kind %d, with %d waiting rows, want %d members, kind %d or %d, up to %d rows",
			d, kind, waiting, c.d, c.kind(false), c.kind(true), RowBlock-1)
	}
	want := 8 * d * waiting
	if blocks {
		want += c.blockBytes()
	}
	if body = data[covarianceHeader:]; len(body) != want {
		return nil, 0, fmt.Errorf("welford: covariance of %d members with %d bytes behind its header, want %d", d, len(body), want)
	}
	return body, waiting, nil
}

func (c *Covariance) blockBytes() int {
	n := 1 + 2*c.d + 2*packed(c.d)
	if c.quartic {
		n += c.d + 1
	}
	return 8 * n
}

// checkBlocks refuses what no rows could have led to. No bytes are no blocks.
func (c *Covariance) checkBlocks(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	n := binary.LittleEndian.Uint64(data)
	if n == 0 || n%RowBlock != 0 || n > 1<<53 {
		return fmt.Errorf("welford: covariance blocks of %d rows, want a multiple of %d from %d to 2^53", n, RowBlock, RowBlock)
	}
	at := 8
	for j := range c.d {
		sum := pair{floatAt(data, at), floatAt(data, at+8)}
		if !sum.normal() || !(math.Abs(sum.hi) <= float64(n)*MaxMagnitude) {
			return fmt.Errorf("welford: member %d: sum %v of %d rows, want a normalized pair up to N x 1e150", j, sum, n)
		}
		at += 16
	}
	for i := range c.d {
		for j := range i + 1 {
			m := pair{floatAt(data, at), floatAt(data, at+8)}
			if !(m.normal() || m == pair{hi: math.Inf(1)}) || i == j && m.hi < 0 {
				return fmt.Errorf("welford: members %d and %d: co-moment %v, want a normalized pair, from 0 on for one member", i, j, m)
			}
			at += 16
		}
	}
	return checkQuartics(data[at:])
}

// checkQuartics takes none, or what limit leaves: all finite and the last not
// negative, or 0 with +Inf at the end.
func checkQuartics(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	last := len(data) - 8
	fourth := floatAt(data, last)
	if !(fourth >= 0) || negativeZero(fourth) {
		return fmt.Errorf("welford: sum of fourth powers %v, want a number from 0 on", fourth)
	}
	beyond := math.IsInf(fourth, 1)
	for at := 0; at < last; at += 8 {
		if q := floatAt(data, at); q-q != 0 || negativeZero(q) || beyond && q != 0 {
			return fmt.Errorf("welford: member %d: sum of third powers %v, want a finite number, and 0 where the fourth powers are +Inf", at/8, q)
		}
	}
	return nil
}

// setBlocks sets the blocks to checked bytes.
func (c *Covariance) setBlocks(data []byte) {
	clear(c.words)
	if len(data) == 0 {
		return
	}
	*c.blocked() = float64(binary.LittleEndian.Uint64(data))
	data = setFloats(c.sums(), data[8:])
	data = setFloats(c.comoments(), data)
	if c.quartic {
		setFloats(c.quartics(), data)
	}
}

// setFloats fills dst and returns the bytes that are left.
func setFloats(dst []float64, data []byte) []byte {
	for i := range dst {
		dst[i] = floatAt(data, 8*i)
	}
	return data[8*len(dst):]
}
