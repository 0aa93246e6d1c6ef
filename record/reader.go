package record

import (
	"math"
	"math/bits"

	"tare/schema"
)

// A reader fills a row with the values that a decoder finds in a record, and
// keeps what is wrong with the record.
type reader struct {
	// AcceptStamped lets records with a _tare member or cell pass; otherwise they
	// are Stamped. AnyMagnitude lets numbers beyond schema.MaxMagnitude pass that
	// are finite. Both are for undoing a normalization.
	AcceptStamped, AnyMagnitude bool

	schema *schema.Schema
	limits schema.Limits
	row    *Row
	value  []byte
	names  [][]byte // per series field its text, or nil
	text   []byte   // holds texts that do not stand in the value as they are
	list   []byte   // holds the series name of a list
	found  uint16   // bit r: reason r was found
	faults [NumReasons]fault
}

// A fault is the first cause for one reason.
type fault struct {
	span  Span   // its bytes in the value; zero: absent
	which int    // of the features or of the series fields; for TooLarge a size
	note  string // Syntax: what was expected; Duplicate: the field; TooLarge: what is; BadType: see setBad
}

func newReader(s *schema.Schema) reader {
	return reader{schema: s, limits: s.Limits.OrDefault(), names: make([][]byte, len(s.Series.Fields))}
}

// begin empties row for value and reports whether value is small enough to be
// looked at.
func (r *reader) begin(row *Row, value []byte) bool {
	if n := len(r.schema.Features); len(row.Numbers) != n || len(row.Spans) != n {
		row.Numbers, row.Spans = make([]float64, n), make([]Span, n)
	}
	*row = Row{Numbers: row.Numbers, Spans: row.Spans}
	for i := range row.Numbers {
		row.Numbers[i] = math.NaN()
	}
	clear(row.Spans)
	clear(r.names)
	r.row, r.value, r.text, r.found = row, value, r.text[:0], 0
	if len(value) > r.limits.Value {
		r.add(TooLarge, Span{}, len(value), theRecord)
		return false
	}
	return true
}

func (r *reader) add(reason Reason, span Span, which int, note string) {
	if r.found>>reason&1 == 0 {
		r.found |= 1 << reason
		r.faults[reason] = fault{span, which, note}
	}
}

// first returns the reason that comes first in the order of the constants.
func (r *reader) first() Reason {
	if r.found == 0 {
		return OK
	}
	return Reason(bits.TrailingZeros16(r.found))
}

// setNumber takes x as the value of feature f.
func (r *reader) setNumber(f int, x float64, span Span) {
	r.row.Spans[f] = span
	if math.Abs(x) <= r.largest() {
		r.row.Numbers[f] = x
	} else {
		r.setBad(BadRange, f, span, "")
	}
}

// largest returns the greatest magnitude that a number may have.
func (r *reader) largest() float64 {
	if r.AnyMagnitude {
		return math.MaxFloat64
	}
	return schema.MaxMagnitude
}

// setBad takes the value of feature f as missing, or as a reason to reject the
// record. The value stands at span, or else what stands there has the place of
// the object parent that would hold it.
func (r *reader) setBad(reason Reason, f int, span Span, parent string) {
	if r.schema.BadValue == schema.Missing {
		r.row.Bad++
	} else {
		r.add(reason, span, f, parent)
	}
}

// setName takes text as the string of series field i; nil is none.
func (r *reader) setName(i int, text []byte, span Span) {
	r.names[i] = text
	if text == nil {
		r.add(BadSeries, span, i, "")
	}
}

// setStamp keeps where the mark stands.
func (r *reader) setStamp(span Span) {
	r.row.Stamp = span
	if !r.AcceptStamped {
		r.add(Stamped, span, 0, "")
	}
}

// setTime takes text as the event time.
func (r *reader) setTime(text []byte, span Span) {
	r.row.When = span
	r.row.Time, r.row.Timed = ParseTime(r.schema.Time.Layout, text)
	if !r.row.Timed {
		r.add(BadTime, span, 0, "")
	}
}

// finish notices what is absent, names the series and returns the verdict.
func (r *reader) finish() Reason {
	for i, name := range r.names {
		if name == nil {
			r.setName(i, nil, Span{})
		}
	}
	if len(r.names) > 0 && r.found>>BadSeries&1 == 0 {
		r.nameSeries()
	}
	if r.schema.Time.Field != "" && !r.row.Timed {
		r.add(BadTime, Span{}, 0, "")
	}
	reason := r.first()
	if reason != OK && reason < BadSeries {
		r.row.Timed = false
	}
	return reason
}

func (r *reader) nameSeries() {
	name := r.names[0]
	if r.schema.Series.List {
		name = append(r.list[:0], '[')
		for i, part := range r.names {
			if i > 0 {
				name = append(name, ',')
			}
			name = appendQuoted(name, view(part))
		}
		name = append(name, ']')
		r.list = name
	}
	if len(name) > r.limits.Series {
		r.add(TooLarge, Span{}, len(name), theSeries)
	}
	r.row.Series = name
}
