package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"tare/welford"
)

// The binary form of Quantiles is little-endian and canonical: equal states
// have equal bytes. It has 4 to 1,844 bytes.
//
//	0  u8  version, 1
//	1  u8  direction of the next compression: 0 up, 1 down
//	2  u8  c, the number of centroids, up to 128
//	3  u8  r, the number of raw values, up to 31
//	4      if c > 0:
//	         welford.Moments of the values in centroids, whose number is a multiple of 32
//	         f64 minimum, f64 maximum of these values
//	         c x f64 mean, ascending
//	         c x u32 weight; bit 31 is set if all values of the centroid are equal
//	       r x f64 raw value, in the order they came
const (
	version    = 1
	headerSize = 4
	blocksSize = welford.MomentsSize + 16
)

// AppendBinary appends the binary form of s to b. The error is nil.
func (s *Quantiles) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, version, byte(one(s.down)), byte(s.size), s.fill)
	if s.size > 0 {
		b, _ = s.moments.AppendBinary(b)
		b = appendFloats(b, s.min, s.max)
		b = appendFloats(b, s.means[:s.size]...)
		for _, w := range s.weights[:s.size] {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
	}
	return appendFloats(b, s.raw[:s.fill]...), nil
}

// UnmarshalBinary sets s to what AppendBinary wrote, or returns an error and
// leaves s as it is. The restored stream continues with the same bits.
func (s *Quantiles) UnmarshalBinary(data []byte) error {
	if len(data) < headerSize || data[0] != version {
		return fmt.Errorf("sketch: header % x, want version %d", data[:min(len(data), headerSize)], version)
	}
	down, size, fill := data[1], int(data[2]), int(data[3])
	want := headerSize + fill*8
	if size > 0 {
		want += blocksSize + size*12
	}
	if down > 1 || size > maxCentroids || fill >= welford.Block || len(data) != want {
		return fmt.Errorf("sketch: %d bytes with direction %d, %d centroids and %d raw values, want direction up to 1, up to %d and %d of them, and no other bytes",
			len(data), down, size, fill, maxCentroids, welford.Block-1)
	}
	read := Quantiles{down: down == 1, size: uint16(size), fill: uint8(fill)}
	data = data[headerSize:]
	if size > 0 {
		if err := read.moments.UnmarshalBinary(data[:welford.MomentsSize]); err != nil {
			return err
		}
		data = read.readCentroids(data[welford.MomentsSize:])
		if err := read.checkCentroids(); err != nil {
			return err
		}
	}
	readFloats(read.raw[:fill], data)
	if err := read.checkRest(); err != nil {
		return err
	}
	*s = read
	return nil
}

func (s *Quantiles) readCentroids(data []byte) (rest []byte) {
	var ends [2]float64
	data = readFloats(ends[:], data)
	s.min, s.max = ends[0], ends[1]
	data = readFloats(s.means[:s.size], data)
	for i := range s.weights[:s.size] {
		s.weights[i] = binary.LittleEndian.Uint32(data)
		data = data[4:]
	}
	return data
}

// checkCentroids refuses what no values could have led to.
func (s *Quantiles) checkCentroids() error {
	means, weights := s.means[:s.size], s.weights[:s.size]
	sum := uint64(0)
	for i, w := range weights {
		sum += uint64(w &^ pure)
		switch {
		case w == pure || w < 2:
			return fmt.Errorf("sketch: centroid %d has weight %#x, want at least 1 if it is pure (bit 31), else 2", i, w)
		case i > 0 && (means[i] < means[i-1] || means[i] == means[i-1] && w&weights[i-1]&pure != 0):
			return fmt.Errorf("sketch: centroid %d is at %v after %v, want ascending order and equal values joined", i, means[i], means[i-1])
		}
		if err := checkValue(means[i]); err != nil {
			return fmt.Errorf("sketch: centroid %d: %w", i, err)
		}
	}
	if n := s.moments.N; sum != n || n%welford.Block != 0 {
		return fmt.Errorf("sketch: centroids of weight %d for %d values, want the same multiple of %d", sum, n, welford.Block)
	}
	if err := errors.Join(checkValue(s.min), checkValue(s.max)); err != nil {
		return fmt.Errorf("sketch: minimum or maximum: %w", err)
	}
	first, last, mean := means[0], means[len(means)-1], s.moments.Mean()
	exact := (&list{means, weights}).exact()
	if !(s.min <= first && last <= s.max && s.min <= mean && mean <= s.max) || exact && (s.min != first || last != s.max) {
		return fmt.Errorf("sketch: centroids from %v to %v with mean %v, want them within the minimum %v and the maximum %v, and at these if exact",
			first, last, mean, s.min, s.max)
	}
	return nil
}

func (s *Quantiles) checkRest() error {
	if s.N() > MaxCount {
		return fmt.Errorf("sketch: %d values, want at most %d", s.N(), MaxCount)
	}
	if s.size == 0 && s.down {
		return errors.New("sketch: direction 1 without centroids, want 0")
	}
	for i, x := range s.raw[:s.fill] {
		if err := checkValue(x); err != nil {
			return fmt.Errorf("sketch: raw value %d: %w", i, err)
		}
	}
	return nil
}

// checkValue refuses what Add would not have kept.
func checkValue(x float64) error {
	if !(math.Abs(x) <= welford.MaxMagnitude) {
		return fmt.Errorf("%v: %w", x, welford.ErrRange)
	}
	if x == 0 && math.Signbit(x) {
		return errors.New("-0, want 0")
	}
	return nil
}

func appendFloats(b []byte, x ...float64) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func readFloats(dst []float64, data []byte) (rest []byte) {
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return data[8*len(dst):]
}
