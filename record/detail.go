package record

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"tare/schema"
)

// What can be too large.
const (
	theRecord = "the record"
	theSeries = "the series name"
)

// tombstone is the note of a null value.
const tombstone = "tombstone"

// Detail implements Decoder. It reads the value that was decoded last, which
// must still be there. Bytes are counted from 0.
func (r *reader) Detail() string {
	reason := r.first()
	f := r.faults[reason]
	switch reason {
	case OK:
		return ""
	case TooLarge:
		limit := r.limits.Value
		if f.note == theSeries {
			limit = r.limits.Series
		}
		return fmt.Sprintf("%s has %d bytes, want at most %d", f.note, f.which, limit)
	case Syntax:
		if f.note == tombstone {
			return fmt.Sprintf("the value is null (a tombstone), want %s", r.schema.Format)
		}
		return fmt.Sprintf("at byte %d: %s, want %s", f.span.Start, stumble(r.value, int(f.span.Start)), f.note)
	}
	return r.subject(reason, f) + place(f.span) + ": " + r.problem(reason, f)
}

// stumble names what stands at a fault of syntax.
func stumble(b []byte, at int) string {
	if at >= len(b) {
		return "the record ends"
	}
	c, n := utf8.DecodeRune(b[at:])
	if c == utf8.RuneError && n == 1 {
		return fmt.Sprintf("invalid byte 0x%02x", b[at])
	}
	return fmt.Sprintf("invalid character %q", c)
}

func (r *reader) subject(reason Reason, f fault) string {
	switch reason {
	case Duplicate:
		return "field " + f.note
	case BadSeries:
		return fmt.Sprintf("series (field %s)", r.schema.Series.Fields[f.which])
	case BadTime, Skew:
		return fmt.Sprintf("time (field %s)", r.schema.Time.Field)
	case BadType, BadRange:
		feature := r.schema.Features[f.which]
		return fmt.Sprintf("feature %q (field %s)", feature.Name, feature.Field)
	}
	return f.note
}

func place(s Span) string {
	if s == (Span{}) {
		return ""
	}
	return fmt.Sprintf(" at byte %d", s.Start)
}

func (r *reader) problem(reason Reason, f fault) string {
	csv := r.schema.Format == schema.CSV
	switch {
	case reason == BadSeries && f.which == r.key:
		return r.keyProblem()
	case reason == BadTime && r.clock:
		return r.clockProblem()
	case reason == Skew:
		return r.skewProblem()
	case reason == Stamped:
		return "the record has been normalized already"
	case reason == Duplicate:
		return "stands twice in one object"
	case reason == BadSeries && csv:
		return "an empty cell, want text"
	case reason == BadSeries:
		return r.kind(f.span) + ", want a string or an integer"
	case reason == BadTime:
		return r.shown(f.span) + ", want " + wanted(r.schema.Time.Layout)
	case reason == BadRange:
		return r.shown(f.span) + fmt.Sprintf(", want a magnitude of at most %g", schema.MaxMagnitude)
	case csv:
		return r.shown(f.span) + ", want a number or an empty cell"
	case f.note != "":
		return f.note + " is " + r.kind(f.span) + ", want an object or null"
	}
	return r.kind(f.span) + ", want a number or null"
}

func (r *reader) keyProblem() string {
	if r.m.Key == nil {
		return "the record's key is null, as it is in all files, want text in UTF-8"
	}
	at := invalidUTF8(r.m.Key)
	return fmt.Sprintf("the record's key at byte %d: %s, want text in UTF-8", at, stumble(r.m.Key, at))
}

func (r *reader) clockProblem() string {
	want := wanted(schema.UnixMilli)
	if r.m.Timestamp == NoTimestamp {
		return "the record has no timestamp, as it is in all files, want " + want
	}
	return fmt.Sprintf("the record's timestamp is %d, want %s", r.m.Timestamp, want)
}

func (r *reader) skewProblem() string {
	return fmt.Sprintf("%s is %v ahead of the record's timestamp %s, want at most %v (max_future_skew)", r.shown(r.row.When),
		r.skew(), AppendTime(nil, schema.RFC3339, r.m.Timestamp*milli), r.schema.Time.MaxFutureSkew)
}

// wanted says what ParseTime takes.
func wanted(l schema.Layout) string {
	units := map[schema.Layout]string{
		schema.Unix: "seconds", schema.UnixMilli: "milliseconds",
		schema.UnixMicro: "microseconds", schema.UnixNano: "nanoseconds",
	}
	switch unit := units[l]; {
	case unit != "":
		return unit + " since 1970 between the years 1678 and 2261"
	case l == schema.RFC3339:
		return "a time like 2006-01-02T15:04:05Z or a date between the years 1678 and 2261"
	}
	return fmt.Sprintf("a time like %q between the years 1678 and 2261", l)
}

// kind names the sort of value at s.
func (r *reader) kind(s Span) string {
	switch {
	case r.schema.Format == schema.CSV && s.Len() == 0:
		return "an empty cell"
	case s.Len() == 0:
		return "absent"
	}
	switch c := r.value[s.Start]; c {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f', 'n':
		return string(r.value[s.Start:s.End])
	}
	return "a number"
}

// shown returns a value as it is written, or the start of a long one, and the
// kind of an object, an array or nothing.
func (r *reader) shown(s Span) string {
	const most = 40
	text := string(r.value[s.Start:s.End])
	csv := r.schema.Format == schema.CSV
	if text == "" || !csv && (text[0] == '{' || text[0] == '[') {
		return r.kind(s)
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	if csv {
		return strconv.Quote(text)
	}
	return text
}
