package record

import (
	"encoding/binary"
	"fmt"
	"math"

	"tare/schema"
)

// Binary decodes records that are one packed array each: the numbers of the only
// feature, little-endian, in row-major order, and nothing else.
//
// The series is the key of the Kafka record, the event time its timestamp; a mark
// stands in the headers. In floats a NaN is missing and -0 is 0. A value of
// another number of bytes is BadShape, whatever the schema says of bad values.
// Decode copies nothing but the numbers, and allocates no memory except for a
// row's first use.
//
// A Binary is not safe for concurrent use.
type Binary struct {
	reader
	size int // bytes of a value
}

// NewBinary returns a decoder for s, which must not change afterwards.
func NewBinary(s *schema.Schema) (*Binary, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	size, ok := FrameOf(s)
	if !ok {
		return nil, fmt.Errorf("record format %q, want %s", s.Format, schema.Binary)
	}
	d := &Binary{reader: newReader(s), size: size}
	if size > d.limits.Value {
		return nil, fmt.Errorf("records of %d bytes, but the limit of value is %d: want it at least as large", size, d.limits.Value)
	}
	return d, nil
}

// FrameOf returns the bytes of each record of s, which follow each other in a
// file without anything between them. It is not fixed where records are lines.
func FrameOf(s *schema.Schema) (size int, fixed bool) {
	return s.Width() * s.DType.Size(), s.Format == schema.Binary
}

// Decode implements Decoder.
func (d *Binary) Decode(row *Row, m *Message) Reason {
	if !d.begin(row, m) {
		return TooLarge
	}
	if m.Value != nil {
		d.whole(m.Value)
	}
	return d.finish()
}

// Glance returns the event time, which is the record's timestamp, as for JSON.
func (d *Binary) Glance(m *Message) (nanos int64, ok bool) {
	if !d.clock {
		return 0, false
	}
	return clockOf(m)
}

func (d *Binary) whole(b []byte) {
	if len(b) != d.size {
		d.add(BadShape, Span{}, 0, "")
		return
	}
	d.filled[0] = true
	d.row.Spans[0] = Span{0, int32(len(b))}
	if !unpack(d.schema.DType, d.row.Numbers, b, d.largest()) {
		d.judge(d.row.Numbers)
	}
}

// judge finds the numbers that are out of range.
func (d *Binary) judge(numbers []float64) {
	largest, size := d.largest(), d.schema.DType.Size()
	for i, x := range numbers {
		if math.Abs(x) > largest {
			numbers[i] = math.NaN()
			d.setBad(BadRange, 0, Span{int32(i * size), int32((i + 1) * size)}, "")
		}
	}
}

// unpack converts the packed numbers b to dst, which is as long, and reports
// whether no magnitude is beyond largest. It may say so of a NaN.
func unpack(t schema.DType, dst []float64, b []byte, largest float64) bool {
	switch t {
	case schema.UInt8:
		unpackUInt8(dst, b)
	case schema.Int16:
		unpackInt16(dst, b)
	case schema.Float32:
		return unpackFloat32(dst, b) < math.Float32bits(float32(math.Inf(1)))
	default:
		return unpackFloat64(dst, b) <= math.Float64bits(largest)
	}
	return true
}

func unpackUInt8(dst []float64, b []byte) {
	dst = dst[:len(b)]
	for i, c := range b {
		dst[i] = float64(c)
	}
}

func unpackInt16(dst []float64, b []byte) {
	for i := range dst {
		dst[i] = float64(int16(binary.LittleEndian.Uint16(b[2*i:])))
	}
}

// unpackFloat32 returns the largest magnitude, as bits. Those order like the
// magnitudes, with infinity and then NaN above all others.
func unpackFloat32(dst []float64, b []byte) (largest uint32) {
	for i := range dst {
		w := binary.LittleEndian.Uint32(b)
		b = b[4:]
		largest = max(largest, w&^(1<<31))
		dst[i] = float64(math.Float32frombits(w)) + 0 // -0 becomes 0
	}
	return largest
}

// unpackFloat64 is unpackFloat32 for wider numbers.
func unpackFloat64(dst []float64, b []byte) (largest uint64) {
	for i := range dst {
		w := binary.LittleEndian.Uint64(b)
		b = b[8:]
		largest = max(largest, w&^(1<<63))
		dst[i] = math.Float64frombits(w) + 0 // -0 becomes 0
	}
	return largest
}
