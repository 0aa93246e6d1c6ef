package record

import (
	"bytes"

	"tare/schema"
)

// appendStamp appends m as the value of a _tare member.
func appendStamp(dst []byte, m *Mark) []byte {
	dst = appendQuoted(append(dst, `{"artifact":`...), m.Artifact)
	dst = append(dst, `,"source":`...)
	dst = appendSource(dst, m.Topic, m.Partition, m.Offset)
	dst = appendQuoted(append(dst, `,"split":`...), m.Split)
	dst = m.Flags.Append(append(dst, `,"flags":"`...))
	return append(dst, `"}`...)
}

// appendSource appends "topic/partition/offset" as a JSON string.
func appendSource(dst []byte, topic string, partition int32, offset int64) []byte {
	dst = appendQuoted(dst, topic)
	return append(appendPlace(dst[:len(dst)-1], partition, offset), '"')
}

// StampArtifact returns the artifact that the mark of a record names; stamp is
// where the mark stands in value, as Row.Stamp says. It is not ok if what stands
// there names none.
func StampArtifact(value []byte, stamp Span) (artifact string, ok bool) {
	b := value[stamp.Start:stamp.End]
	if len(b) > 1 && b[0] == '"' { // a cell of CSV
		b = unquote(nil, b)
	}
	s := scanner{depth: schema.DefaultLimits().Depth}
	if len(b) == 0 || b[0] != '{' || s.object(b, 1, 1) != len(b) {
		return "", false
	}
	i, more := s.open(b, 1, '}', "")
	for more {
		name, at, _ := s.key(b, i)
		end := s.value(b, at, 1)
		if string(name) == "artifact" && b[at] == '"' {
			return string(unescape(nil, b[at+1:end-1])), true
		}
		i, more = s.next(b, end, '}', "")
	}
	return "", false
}

// stampMember returns the bytes to cut out of a JSON record so that the mark at
// stamp is gone: the member and one comma.
func stampMember(value []byte, stamp Span) Span {
	key := int(stamp.Start)
	for range 2 { // quotes: _tare holds none, however it is escaped
		key = bytes.LastIndexByte(value[:key], '"')
	}
	end := int(stamp.End)
	before := bytes.TrimRight(value[:key], space)
	if before[len(before)-1] == ',' {
		return Span{int32(len(before) - 1), int32(end)}
	}
	if i := blank(value, end); value[i] == ',' {
		end = blank(value, i+1)
	}
	return Span{int32(key), int32(end)}
}

const space = " \t\r\n"
