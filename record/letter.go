package record

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// AppendDeadLetter appends a rejected record as one line of JSON, without the
// line's end: why it was rejected (the reason, perhaps with its detail), its
// source, and its bytes. Of a Kafka record it also tells the key, the timestamp
// in milliseconds and the headers, as far as it has them.
//
// Bytes are text, or in base64 under a name that ends in _base64 where they are
// not UTF-8. Null is null. The headers are an array, for a key may stand twice:
//
//	{"tare-error":…,"tare-source":…,"key":…,"value":…,"timestamp":…,"headers":[{"key":…,"value":…}]}
func AppendDeadLetter(dst []byte, why string, m *Message, topic string) []byte {
	dst = appendQuoted(append(dst, `{"`+HeaderError+`":`...), why)
	dst = append(dst, `,"`+HeaderSource+`":`...)
	dst = appendSource(dst, topic, m.Partition, m.Offset)
	if m.Key != nil {
		dst = appendBytes(append(dst, ','), "key", m.Key)
	}
	dst = appendBytes(append(dst, ','), "value", m.Value)
	if m.Timestamp != NoTimestamp {
		dst = strconv.AppendInt(append(dst, `,"timestamp":`...), m.Timestamp, 10)
	}
	if m.Headers.Count > 0 {
		dst = appendHeaders(append(dst, `,"headers":`...), m.Headers)
	}
	return append(dst, '}')
}

// appendBytes appends a member that holds b.
func appendBytes(dst []byte, name string, b []byte) []byte {
	dst = append(append(dst, '"'), name...)
	switch {
	case b == nil:
		return append(dst, `":null`...)
	case utf8.Valid(b):
		return appendQuoted(append(dst, `":`...), view(b))
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, `_base64":"`...), b)
	return append(dst, '"')
}

func appendHeaders(dst []byte, h Headers) []byte {
	before := byte('[')
	for key, value := range h.All() {
		dst = appendBytes(append(dst, before, '{'), "key", key)
		dst = appendBytes(append(dst, ','), "value", value)
		dst = append(dst, '}')
		before = ','
	}
	if before == '[' {
		dst = append(dst, before)
	}
	return append(dst, ']')
}
