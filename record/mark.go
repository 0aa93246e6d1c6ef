package record

import (
	"bytes"
	"strconv"
)

// Names of the Kafka headers that carry a mark, and of the one that says why a
// record is a dead letter.
const (
	HeaderArtifact = "tare-artifact"
	HeaderSource   = "tare-source" // see AppendSource
	HeaderSplit    = "tare-split"
	HeaderFlags    = "tare-flags"
	HeaderError    = "tare-error" // the reason, perhaps with its detail
	// HeaderInverse is HeaderArtifact on a record that is in its units again: it
	// names what took it back, and does not say that the record is normalized.
	HeaderInverse = "tare-inverse"
)

// IsMark reports whether a header of that name belongs to a mark.
func IsMark(header []byte) bool {
	switch string(header) {
	case HeaderArtifact, HeaderSource, HeaderSplit, HeaderFlags, HeaderInverse:
		return true
	}
	return false
}

// A Mark tells where an output record came from and what happened to it.
type Mark struct {
	Artifact  string // the first 16 hexadecimal digits of the artifact's id
	Topic     string // the source: topic or file name
	Partition int32
	Offset    int64
	Split     string // train, gap or live
	Flags     Flags
}

// AppendSource appends topic/partition/offset, which names one record of the
// source.
func (m *Mark) AppendSource(dst []byte) []byte {
	return appendPlace(append(dst, m.Topic...), m.Partition, m.Offset)
}

// appendPlace appends what follows the topic in the name of a source.
func appendPlace(dst []byte, partition int32, offset int64) []byte {
	dst = strconv.AppendInt(append(dst, '/'), int64(partition), 10)
	return strconv.AppendInt(append(dst, '/'), offset, 10)
}

// ParseSource reads what AppendSource wrote: a topic, which may hold slashes, a
// partition and an offset. Nothing else is ok, such as an empty topic, a sign or
// a leading zero.
func ParseSource(text []byte) (topic string, partition int32, offset int64, ok bool) {
	text, offset, ok = cutNumber(text, 63)
	if !ok {
		return "", 0, 0, false
	}
	text, p, ok := cutNumber(text, 31)
	if !ok || len(text) == 0 {
		return "", 0, 0, false
	}
	return string(text), int32(p), offset, true
}

// cutNumber takes a slash and a number of at most that many bits off the end.
func cutNumber(text []byte, bits int) (rest []byte, n int64, ok bool) {
	slash := bytes.LastIndexByte(text, '/')
	if slash < 0 {
		return nil, 0, false
	}
	digits := text[slash+1:]
	u, err := strconv.ParseUint(string(digits), 10, bits)
	ok = err == nil && (len(digits) == 1 || digits[0] != '0')
	return text[:slash], int64(u), ok
}

// Flags are the noteworthy things about one output record.
type Flags uint8

const (
	Late          Flags = 1 << iota // before the cutoff, yet after the seal: never learned
	UnknownSeries                   // the series was not learned
	OutOfRange                      // a value lies outside of what was learned
	Imputed                         // a missing value was filled in
	UnknownLabel                    // a label is none of the categories
)

var flagNames = [...]string{"late", "unknown_series", "out_of_range", "imputed", "unknown_label"}

// Append appends the names of the flags, joined by commas.
func (f Flags) Append(dst []byte) []byte {
	for i, name := range flagNames {
		if f&(1<<i) == 0 {
			continue
		}
		if f&(1<<i-1) != 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, name...)
	}
	return dst
}

// String returns the names of the flags, joined by commas.
func (f Flags) String() string { return string(f.Append(nil)) }
