// Package record turns the bytes of a record into a row of numbers and back.
// It knows JSON, CSV and packed arrays of numbers, the names of everything that
// can be wrong with a record, and the marks that tell where an output record came
// from.
package record

// A Message is one record as its source holds it. What it points to is valid
// until the source is read again.
type Message struct {
	Key       []byte // of a Kafka record; nil is null, and files have none
	Value     []byte // without the line's end; nil is null
	Partition int32  // files count from 0 in the order they were given
	Offset    int64  // the record's number within its partition
	Timestamp int64  // of a Kafka record, in milliseconds since 1970; NoTimestamp for files
	Headers   Headers
}

// NoTimestamp is the Timestamp of a message that has none, as in Kafka.
const NoTimestamp = -1

// A Row holds the values of one record. It and all it points to are
// overwritten by the next Decode.
type Row struct {
	Series  []byte
	Time    int64     // event time in nanoseconds since 1970, where Timed
	Timed   bool      // the event time could be read
	Numbers []float64 // in schema order, all those of an array one behind the other, row-major; NaN is missing, a label that is there 0
	Labels  []Label   // of the features that are labels, in schema order
	Spans   []Span    // per feature, its bytes in the value, of an array all; null has a span and NaN
	When    Span      // the event time's bytes in the value, with the quotes of a string
	Stamp   Span      // the bytes of the _tare member's value, or of the _tare cell
	// Artifact is the value of the header HeaderArtifact, empty if that is null.
	// It is nil where there is no such header.
	Artifact []byte
	Bad      int // values taken as missing because of schema.Missing; an array of a wrong shape is one
}

// A Label is the value of a feature that stands for a category.
type Label struct {
	// Text is what a string says, without quotes and escapes, or how a number or a
	// boolean is written. It may be empty.
	Text []byte
	Kind LabelKind
}

// A LabelKind is how a label is written. CSV knows TextLabel alone.
type LabelKind uint8

// The kinds of labels.
const (
	NoLabel     LabelKind = iota // the label is missing
	TextLabel                    // a string, or a cell
	NumberLabel                  // a number
	BoolLabel                    // true or false
)

// A Span is a range of bytes in a record's value. The zero Span is absent.
type Span struct{ Start, End int32 }

// Len returns the number of bytes.
func (s Span) Len() int { return int(s.End - s.Start) }

// A Decoder reads records of one partition.
type Decoder interface {
	// Decode overwrites row with what m says and returns OK, or the first
	// Reason, in the order of the constants, for which the record is rejected.
	// A rejected row still holds its event time where that could be read: Timed
	// is false for TooLarge, Stamped, Syntax, Duplicate and BadTime, and for all
	// records whose time is too far ahead, whatever else is wrong with them.
	Decode(row *Row, m *Message) Reason
	// Detail describes the last rejection for a log or a dead letter: what was
	// wrong, where in the record, and what was expected.
	Detail() string
}

// An Encoder writes output records.
type Encoder interface {
	// Append appends the output form of value to dst. row is value decoded; y
	// holds the numbers to write, one per output column, NaN is null.
	Append(dst, value []byte, row *Row, y []float64, m *Mark) []byte
	// Header appends what stands before the first record, without a line's end:
	// nothing, or the CSV header.
	Header(dst []byte) []byte
	// Lines reports whether a newline follows each record and the header.
	Lines() bool
}

// A Reason names why a record was rejected.
type Reason uint8

// The reasons, in the order in which they are looked for.
const (
	OK        Reason = iota
	TooLarge         // the value or the series name exceeds a limit
	Stamped          // the record carries a mark, in _tare or in a header: it has been normalized already
	Syntax           // not a JSON object or CSV row, nested too deep, invalid UTF-8, an empty line, a null value
	Duplicate        // a key that is read, or a parent of one, stands twice in one object
	BadSeries        // absent, null, or neither a string nor an integer; a key that is not UTF-8
	BadTime          // absent, null, not in the layout, or outside of years 1678 to 2261
	Skew             // the event time is further ahead of the record's timestamp than schema.Time allows
	BadType          // a feature value, or an element of an array, is neither a number nor null
	BadShape         // an array is longer, shorter or nested otherwise than its shape, or a binary value has another number of bytes
	BadRange         // a feature value is infinite or beyond schema.MaxMagnitude, or a label longer than schema.MaxLabel
	BadLabel         // a label is none of the categories and is not to be encoded: no decoder says so
	NumReasons
)

var reasons = [NumReasons]string{"ok", "too_large", "stamped", "syntax", "duplicate", "series", "time", "skew", "type", "shape", "range", "label"}

// String returns the name used in counters, logs and dead letters.
func (r Reason) String() string { return reasons[r] }
