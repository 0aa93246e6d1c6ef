package sketch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// HashID names the hash functions of Distinct. Counters can be merged only if
// they hash alike: it changes with hashFloat and hashBytes.
const HashID = "splitmix64/1"

const (
	precision = 14             // bits of a hash that choose the register
	registers = 1 << precision // of a byte each
	maxRank   = 64 - precision + 1

	// DistinctSize is the length of the binary form of a Distinct.
	DistinctSize = 1 + registers
)

// Distinct estimates the number of distinct values seen, with a standard error
// of 0.81 %: a HyperLogLog with 2^14 registers, 16 KiB (Flajolet and others,
// "HyperLogLog: the analysis of a near-optimal cardinality estimation
// algorithm", 2007). The order of the values leaves no trace. The zero value has
// seen none; do not copy one after use.
type Distinct struct {
	ranks *[registers]byte // nil is all zero
}

// NewDistinct returns a counter that has seen no values.
func NewDistinct() *Distinct { return &Distinct{new([registers]byte)} }

// Add takes a number. -0 and 0 are one value.
func (d *Distinct) Add(x float64) { d.insert(hashFloat(x)) }

// AddBytes takes a text and keeps nothing of b. Texts and numbers want a counter
// each: they may have hashes in common.
func (d *Distinct) AddBytes(b []byte) { d.insert(hashBytes(b)) }

// insert keeps, in the register that the highest bits of a hash choose, the
// greatest rank that the others had: one more than the zeros they start with.
func (d *Distinct) insert(hash uint64) {
	if d.ranks == nil {
		*d = *NewDistinct()
	}
	rank := byte(bits.LeadingZeros64(hash<<precision|1<<(precision-1)) + 1)
	if r := &d.ranks[hash>>(64-precision)]; rank > *r {
		*r = rank
	}
}

// Merge takes all values that o has seen: exactly as if d had seen them itself.
func (d *Distinct) Merge(o *Distinct) {
	if o.ranks == nil {
		return
	}
	if d.ranks == nil {
		*d = *NewDistinct()
	}
	for i, rank := range o.ranks {
		d.ranks[i] = max(d.ranks[i], rank)
	}
}

// Estimate returns the estimated number of distinct values.
//
// It is Ertl's improved raw estimator ("New cardinality estimation algorithms
// for HyperLogLog sketches", arXiv 1702.01284, algorithm 6), which is unbiased
// from 0 on, and takes no logarithms, whose last bits depend on the CPU.
func (d *Distinct) Estimate() uint64 {
	if d.ranks == nil {
		return 0
	}
	var counts [maxRank + 1]float64 // registers by rank
	for _, rank := range d.ranks {
		counts[rank]++
	}
	z := registers * tau(1-float64(counts[maxRank]/registers))
	for rank := maxRank - 1; rank > 0; rank-- {
		z = float64((z + counts[rank]) / 2)
	}
	z += float64(registers * sigma(counts[0]/registers))
	const alpha = 0.721347520444481703680 // 1 / (2 ln 2)
	return uint64(alpha*registers*registers/z + 0.5)
}

// sigma returns x + the sum over k of x^(2^k) 2^(k-1): infinite for x = 1.
func sigma(x float64) float64 {
	z, y := x, 1.0
	for before := -1.0; z != before; y += y {
		x *= x
		before = z
		z += float64(x * y)
	}
	return z
}

// tau returns (1 - x - the sum over k of (1 - x^(2^-k))^2 2^-k) / 3.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	z, y := 1-x, 1.0
	for before := -1.0; z != before; {
		x = math.Sqrt(x)
		y /= 2
		before = z
		z -= float64(float64((1-x)*(1-x)) * y)
	}
	return z / 3
}

// AppendBinary appends the binary form of d to b: a version byte, 1, and the
// 2^14 registers. Counters that have seen the same values have the same bytes.
// The error is nil.
func (d *Distinct) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, version)
	if d.ranks == nil {
		return append(b, make([]byte, registers)...), nil
	}
	return append(b, d.ranks[:]...), nil
}

// UnmarshalBinary sets d to what AppendBinary wrote, or returns an error and
// leaves d as it is.
func (d *Distinct) UnmarshalBinary(data []byte) error {
	if len(data) != DistinctSize || data[0] != version {
		return fmt.Errorf("sketch: counter of %d bytes and version % x, want %d bytes and version %d",
			len(data), data[:min(len(data), 1)], DistinctSize, version)
	}
	read := (*[registers]byte)(bytes.Clone(data[1:]))
	for i, rank := range read {
		if rank > maxRank {
			return fmt.Errorf("sketch: register %d of a counter is %d, want at most %d", i, rank, maxRank)
		}
	}
	d.ranks = read
	return nil
}

// hashFloat mixes the bits of x.
func hashFloat(x float64) uint64 { return mix(math.Float64bits(x + 0)) }

// hashBytes mixes the length, then each 8 bytes (little-endian, the last ones
// filled up with zeros) into what was mixed before.
func hashBytes(b []byte) uint64 {
	h := mix(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(b))
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		h = mix(h ^ binary.LittleEndian.Uint64(last[:]))
	}
	return h
}

// mix is a step of SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014): one to one, and every bit of x
// changes about half the bits of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
