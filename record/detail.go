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
	return r.subject(reason, f) + atByte(f.span) + ": " + r.problem(reason, f)
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
	case BadType, BadShape, BadRange:
		feature := r.schema.Features[f.which]
		if feature.Field == "" {
			return fmt.Sprintf("feature %q", feature.Name)
		}
		return fmt.Sprintf("feature %q (field %s)", feature.Name, feature.Field)
	}
	return f.note
}

func atByte(s Span) string {
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
	case r.schema.Format == schema.Binary && reason >= BadType:
		return r.packedProblem(reason, f)
	case reason >= BadType && f.note == "" && r.places[f.which].shape != nil:
		return r.arrayProblem(reason, f)
	case reason >= BadType && f.note == "" && r.places[f.which].label >= 0:
		return r.labelProblem(reason, f)
	case reason == BadSeries && csv:
		return "an empty cell, want text"
	case reason == BadSeries:
		return r.kind(f.span) + ", want a string or an integer"
	case reason == BadTime:
		return r.shown(f.span) + ", want " + wanted(r.schema.Time.Layout)
	case reason == BadRange:
		return r.shown(f.span) + tooFar()
	case csv:
		return r.shown(f.span) + ", want a number or an empty cell"
	case f.note != "":
		return f.note + " is " + r.kind(f.span) + ", want an object or null"
	}
	return r.kind(f.span) + ", want a number or null"
}

func (r *reader) labelProblem(reason Reason, f fault) string {
	if reason == BadRange {
		return fmt.Sprintf("a label of %d bytes, want at most %d", len(r.said(f.span)), schema.MaxLabel)
	}
	return r.kind(f.span) + ", want a string, a number, true, false or null"
}

// said returns what the label at s says.
func (r *reader) said(s Span) []byte {
	text := r.value[s.Start:s.End]
	switch {
	case text[0] != '"':
		return text
	case r.schema.Format == schema.CSV:
		return unquote(nil, text)
	}
	return unescape(nil, text[1:len(text)-1])
}

// arrayProblem tells of an element of an array, or of the array as a whole.
func (r *reader) arrayProblem(reason Reason, f fault) string {
	shape := r.places[f.which].shape
	path := r.indexes(int(r.row.Spans[f.which].Start), int(f.span.Start))
	subject := ""
	if len(path) > 0 {
		subject = element(path) + " is "
	}
	switch inner := shape[len(path):]; {
	case reason == BadRange:
		return subject + r.shown(f.span) + tooFar()
	case reason == BadShape && r.value[f.span.Start] == '[' && len(inner) > 0:
		return subject + extents(r.members(f.span), inner[1:]) + fmt.Sprintf(", want %d", inner[0])
	case len(path) == 0:
		return r.kind(f.span) + ", want " + form(inner) + " or null"
	default:
		return subject + r.kind(f.span) + ", want " + form(inner)
	}
}

// indexes returns where in the array at start the element at that byte stands.
func (r *reader) indexes(start, at int) (path []int) {
	scan := scanner{depth: r.limits.Depth}
	for i := start; i < at; {
		n := 0
		i, _ = scan.open(r.value, i+1, ']', "")
		for end := scan.value(r.value, i, 0); end <= at; end = scan.value(r.value, i, 0) {
			i, _ = scan.next(r.value, end, ']', "")
			n++
		}
		path = append(path, n)
	}
	return path
}

func element(path []int) string {
	text := "element "
	for _, i := range path {
		text += fmt.Sprintf("[%d]", i)
	}
	return text
}

// members returns the length of the array at s.
func (r *reader) members(s Span) (n int) {
	scan := scanner{depth: r.limits.Depth}
	i, more := scan.open(r.value, int(s.Start)+1, ']', "")
	for more {
		n++
		i, more = scan.next(r.value, scan.value(r.value, i, 0), ']', "")
	}
	return n
}

// extents names an array of n elements of that shape.
func extents(n int, shape []int) string {
	what := "number"
	if len(shape) > 0 {
		what = "array"
	}
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("an array of %d %s", n, what)
}

// form names what has a shape.
func form(shape []int) string {
	switch len(shape) {
	case 0:
		return "a number or null"
	case 1:
		return extents(shape[0], nil)
	}
	return "an array of shape " + shapeText(shape)
}

// shapeText returns a shape as it is configured: [3,224,224].
func shapeText(shape []int) string {
	return "[" + strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ","), "[]") + "]"
}

func tooFar() string { return fmt.Sprintf(", want a magnitude of at most %g", schema.MaxMagnitude) }

// packedProblem tells what is wrong with a binary value, or with one number of it.
func (r *reader) packedProblem(reason Reason, f fault) string {
	shape := r.places[0].shape
	if reason == BadShape {
		what := string(r.schema.DType)
		if shape != nil {
			what += " of shape " + shapeText(shape)
		}
		size, _ := FrameOf(r.schema)
		return fmt.Sprintf("a value of %d bytes, want %d (%s)", len(r.value), size, what)
	}
	var x [1]float64
	unpack(r.schema.DType, x[:], r.value[f.span.Start:f.span.End], 0)
	number := fmt.Sprint(x[0]) + tooFar()
	if shape == nil {
		return number
	}
	return element(unravel(int(f.span.Start)/r.schema.DType.Size(), shape)) + " is " + number
}

// unravel returns the indexes of the i-th element of an array.
func unravel(i int, shape []int) []int {
	path := make([]int, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		path[k] = i % shape[k]
		i /= shape[k]
	}
	return path
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
