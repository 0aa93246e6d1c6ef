package kafka

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
)

// A Record is one record of a batch. What a Decoder fills in points into its
// batch; see there for how long it holds.
type Record struct {
	Offset     int64
	Timestamp  int64  // milliseconds since 1970; -1 is none
	Key, Value []byte // nil is null, which is not the same as empty
	Headers    Headers
}

// A Header is a name and a value to write with a record.
type Header struct {
	Key   string
	Value []byte // nil is null
}

// Headers are those of a record as they were received, in order; a key may
// occur more than once. They have been checked, so reading them cannot fail.
// The zero value has none.
type Headers struct {
	n     int
	bytes []byte // without the count before them
}

// RawHeaders returns the headers that Raw took apart, which must not have been
// changed.
func RawHeaders(count int, bytes []byte) Headers { return Headers{count, bytes} }

// Raw returns the number of headers and their encoding, a view.
func (h Headers) Raw() (count int, bytes []byte) { return h.n, h.bytes }

// Len returns the number of headers.
func (h Headers) Len() int { return h.n }

// All iterates over keys and values; a nil value is null.
func (h Headers) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		at := 0
		for range h.n {
			var key, value []byte
			key, at = field(h.bytes, at)
			value, at = field(h.bytes, at)
			if !yield(key, value) {
				return
			}
		}
	}
}

// Last returns the value of the last header named key, as Kafka's own lastHeader
// does. ok tells a null value from no such header.
func (h Headers) Last(key string) (value []byte, ok bool) {
	for k, v := range h.All() {
		if string(k) == key {
			value, ok = v, true
		}
	}
	return value, ok
}

// beyond is a position in no slice: where a read failed.
const beyond = math.MaxInt / 2

// varint reads the zigzag varint at b[at] and returns where it ends, or beyond.
// Most have one byte or two.
func varint(b []byte, at int) (int64, int) {
	if uint(at) < uint(len(b)) {
		u := uint64(b[at])
		if u < 0x80 {
			return int64(u>>1) ^ -int64(u&1), at + 1
		}
		if at+1 < len(b) && b[at+1] < 0x80 {
			u = u&0x7f | uint64(b[at+1])<<7
			return int64(u>>1) ^ -int64(u&1), at + 2
		}
	}
	return longVarint(b, at)
}

func longVarint(b []byte, at int) (int64, int) {
	if at >= len(b) {
		return 0, beyond
	}
	v, n := binary.Varint(b[at:])
	if n <= 0 {
		return 0, beyond
	}
	return v, at + n
}

// field reads a length and as many bytes; length -1 is null. It returns where
// the field ends, or beyond.
func field(b []byte, at int) ([]byte, int) {
	n, at := varint(b, at)
	if at > len(b) || n < -1 || n > int64(len(b)-at) {
		return nil, beyond
	}
	if n < 0 {
		return nil, at
	}
	end := at + int(n)
	return b[at:end:end], end
}

// headersEnd returns where n headers that start at b[at] end, or beyond.
func headersEnd(b []byte, at int, n int64) int {
	for ; n > 0 && at <= len(b); n-- {
		var key []byte
		if key, at = field(b, at); key == nil {
			return beyond
		}
		_, at = field(b, at)
	}
	return at
}

// explain says what is wrong with the record at b[at], which was refused.
func explain(b []byte, at int) error {
	n, start := varint(b, at)
	if start > len(b) || n < smallestRecord || n > int64(len(b)-start) {
		return fmt.Errorf("length is %d, want %d to %d, the bytes left", n, smallestRecord, max(0, len(b)-start))
	}
	b = b[:start+int(n)]
	_, at = varint(b, start+1)
	_, at = varint(b, at)
	for _, name := range []string{"key", "value"} {
		if n, start := varint(b, at); start > len(b) || n < -1 || n > int64(len(b)-start) {
			return fmt.Errorf("%s length is %d, want -1 to %d, the bytes left", name, n, max(0, len(b)-start))
		}
		_, at = field(b, at)
	}
	headers, start := varint(b, at)
	if end := headersEnd(b, start, headers); headers < 0 || end > len(b) {
		return fmt.Errorf("%d headers do not fit into the %d bytes left, or a header's key is null", headers, max(0, len(b)-start))
	} else if end < len(b) {
		return fmt.Errorf("%d bytes follow its headers, want none", len(b)-end)
	}
	return fmt.Errorf("its offset is not above the record's before and up to the batch's last offset")
}

// varintSize returns the bytes binary.AppendVarint adds for v.
func varintSize(v int64) int {
	n := 1
	for u := uint64(v<<1) ^ uint64(v>>63); u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

// fieldSize returns the bytes appendField adds.
func fieldSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func appendField(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}
