package record

import (
	"math"
	"math/bits"
	"slices"
	"time"
	"unicode/utf8"

	"tare/schema"
)

// A reader fills a row with the values that a decoder finds in a record, and
// keeps what is wrong with the record.
type reader struct {
	// AcceptStamped lets records with a mark pass, which are Stamped otherwise, and
	// does not look for Skew, which they were held against before. AnyMagnitude
	// lets numbers beyond schema.MaxMagnitude pass that are finite. Both are for
	// undoing a normalization.
	AcceptStamped, AnyMagnitude bool

	layout
	schema *schema.Schema
	limits schema.Limits
	key    int  // of the series fields, which one is schema.Key, or -1
	clock  bool // the event time is schema.Timestamp
	row    *Row
	m      *Message
	value  []byte   // of m, as far as it is looked at
	names  [][]byte // per series field its text, or nil
	text   []byte   // holds texts that do not stand in the value as they are
	list   []byte   // holds the series name of a list
	filled []bool   // per feature with a shape: its numbers were written
	found  uint16   // bit r: reason r was found
	faults [NumReasons]fault
}

// A fault is the first cause for one reason.
type fault struct {
	span  Span   // its bytes in the value; zero: absent
	which int    // of the features or of the series fields; for TooLarge a size
	note  string // Stamped: where; Syntax: what was expected; Duplicate: the field; TooLarge: what is; BadType: see setBad
}

func newReader(s *schema.Schema) reader {
	return reader{
		layout: newLayout(s),
		filled: make([]bool, len(s.Features)),
		schema: s,
		limits: s.Limits.OrDefault(),
		key:    slices.Index(s.Series.Fields, schema.Key),
		clock:  s.Time.Field == schema.Timestamp,
		names:  make([][]byte, len(s.Series.Fields)),
	}
}

// begin empties row for m and reports whether its value is small enough to be
// looked at.
func (r *reader) begin(row *Row, m *Message) bool {
	value := m.Value
	if width, n := r.width(), len(r.places); len(row.Numbers) != width || len(row.Spans) != n || len(row.Labels) != r.labels {
		row.Numbers, row.Spans, row.Labels = make([]float64, width), make([]Span, n), make([]Label, r.labels)
	}
	row.Series, row.Artifact = nil, nil
	row.Time, row.Timed, row.Bad = 0, false, 0
	row.When, row.Stamp = Span{}, Span{}
	r.unsetSingles(row.Numbers)
	for _, f := range r.arrays {
		r.filled[f] = false
	}
	clear(row.Spans)
	clear(row.Labels)
	clear(r.names)
	r.row, r.m, r.value, r.text, r.found = row, m, value, r.text[:0], 0
	if len(value) > r.limits.Value {
		r.add(TooLarge, Span{}, len(value), theRecord)
		r.unsetArrays()
		return false
	}
	r.envelope()
	return true
}

// envelope takes what the record holds beside its value.
func (r *reader) envelope() {
	m := r.m
	if m.Value == nil {
		r.add(Syntax, Span{}, 0, tombstone)
	}
	if r.key >= 0 && utf8.Valid(m.Key) {
		r.names[r.key] = m.Key
	}
	if r.clock {
		r.row.Time, r.row.Timed = clockOf(m)
	}
	if m.Headers.Count > 0 {
		r.setArtifact()
	}
}

const milli = 1_000_000 // nanoseconds

// clockOf returns the timestamp of a record, if it has one that fits.
func clockOf(m *Message) (nanos int64, ok bool) {
	if m.Timestamp < 0 || m.Timestamp > math.MaxInt64/milli {
		return 0, false
	}
	return m.Timestamp * milli, true
}

// setArtifact looks for a mark in the headers.
func (r *reader) setArtifact() {
	artifact, ok := r.m.Headers.Last(HeaderArtifact)
	if !ok {
		return
	}
	if artifact == nil {
		artifact = []byte{}
	}
	r.row.Artifact = artifact
	if !r.AcceptStamped {
		r.add(Stamped, Span{}, 0, "header "+HeaderArtifact)
	}
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

// unsetArrays makes the arrays missing that were not read as a whole.
func (r *reader) unsetArrays() {
	for _, f := range r.arrays {
		if !r.filled[f] {
			unset(r.of(f, r.row.Numbers))
		}
	}
}

// setNumber takes x as the value of feature f.
func (r *reader) setNumber(f int, x float64, span Span) {
	r.row.Spans[f] = span
	if math.Abs(x) <= r.largest() {
		r.row.Numbers[r.places[f].start] = x
	} else {
		r.setBad(BadRange, f, span, "")
	}
}

// setLabel takes l as the value of feature f.
func (r *reader) setLabel(f int, l Label, span Span) {
	r.row.Spans[f] = span
	if len(l.Text) > schema.MaxLabel {
		r.setBad(BadRange, f, span, "")
		return
	}
	r.row.Numbers[r.places[f].start] = 0
	r.row.Labels[r.places[f].label] = l
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
		r.add(Stamped, span, 0, schema.StampField)
	}
}

// setTime takes text as the event time.
func (r *reader) setTime(text []byte, span Span) {
	nanos, ok := ParseTime(r.schema.Time.Layout, text)
	r.setInstant(nanos, ok, span)
}

// setInstant takes what was read as the event time, if it is one.
func (r *reader) setInstant(nanos int64, ok bool, span Span) {
	r.row.When, r.row.Time, r.row.Timed = span, nanos, ok
	if !ok {
		r.add(BadTime, span, 0, "")
	}
}

// finish notices what is absent, names the series and returns the verdict.
func (r *reader) finish() Reason {
	r.unsetArrays()
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
	ahead := r.ahead()
	if ahead {
		r.add(Skew, r.row.When, 0, "")
	}
	reason := r.first()
	if ahead || reason != OK && reason < BadSeries {
		r.row.Timed = false
	}
	return reason
}

// ahead reports whether the event time is too far ahead of the timestamp.
func (r *reader) ahead() bool {
	most := r.schema.Time.MaxFutureSkew
	return most > 0 && r.row.Timed && !r.AcceptStamped && r.m.Timestamp >= 0 && r.skew() > most
}

// skew returns by how much the event time is ahead of the timestamp, which must
// be there; 0 if it is not.
func (r *reader) skew() time.Duration {
	if t := r.m.Timestamp; t <= math.MaxInt64/milli && r.row.Time > t*milli {
		return time.Duration(r.row.Time - t*milli)
	}
	return 0
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
