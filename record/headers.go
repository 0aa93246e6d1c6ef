package record

import (
	"encoding/binary"
	"iter"
)

// Headers are those of a Kafka record, as they stand in it. The zero value has
// none.
type Headers struct {
	Count int    // as the record says
	Bytes []byte // per header a varint and as many bytes of key, then the same of value, -1 for null
}

// All iterates over the keys and values, views of Bytes, in their order. A nil
// value is null. It ends where Bytes are not what Headers hold.
func (h Headers) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		rest, ok := h.Bytes, true
		for range h.Count {
			var key, value []byte
			if key, rest, ok = cutField(rest); !ok || key == nil {
				return
			}
			if value, rest, ok = cutField(rest); !ok || !yield(key, value) {
				return
			}
		}
	}
}

// Last returns the value of the last header with that key, as Kafka's lastHeader
// does. Being ok tells a null value from no such header.
func (h Headers) Last(key string) (value []byte, ok bool) {
	for k, v := range h.All() {
		if string(k) == key {
			value, ok = v, true
		}
	}
	return value, ok
}

// cutField takes a field, which is nil for null, off the front.
func cutField(b []byte) (field, rest []byte, ok bool) {
	size, n := binary.Varint(b)
	b = b[max(n, 0):]
	switch {
	case n <= 0 || size < -1 || size > int64(len(b)):
		return nil, nil, false
	case size < 0:
		return nil, b, true
	}
	return b[:size:size], b[size:], true
}
