package record

import (
	"bytes"
	"fmt"

	"tare/schema"
)

// JSON decodes records that are one JSON object each.
//
// The whole record is checked by RFC 8259 in one pass over its bytes: also what
// is not read must be valid, in UTF-8, and nested no deeper than the limit. Keys
// are compared exactly, after their escapes are resolved. A number is read as
// strconv.ParseFloat reads it, with -0 as 0. A label is a string, or a number or
// a boolean as it is written. Decode allocates no memory, except for a row's first
// use and a time in a layout of Go's.
//
// A JSON is not safe for concurrent use.
type JSON struct {
	reader
	scan scanner
	root *branch
	turn uint64 // counts the records
	time string // see topTime
	key  []byte // holds a key whose escapes were resolved

	decimals int // of the time, see the function

	// Of the array that is read:
	feature   int
	misshapen bool
}

// NewJSON returns a decoder for s, which must not change afterwards. Fields are
// paths, see schema.Path. A field cannot be a value and also hold other fields.
func NewJSON(s *schema.Schema) (*JSON, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Format != schema.JSON {
		return nil, fmt.Errorf("record format %q, want %s", s.Format, schema.JSON)
	}
	root, err := tree(s)
	if err != nil {
		return nil, err
	}
	d := &JSON{reader: newReader(s), root: root, time: topTime(s)}
	d.scan.depth = d.limits.Depth
	d.decimals, _ = decimals(s.Time.Layout)
	return d, nil
}

// Decode implements Decoder. All that is wrong with a record is found before
// the first reason is chosen, except that a fault of syntax ends the search.
func (d *JSON) Decode(row *Row, m *Message) Reason {
	if !d.begin(row, m) {
		return TooLarge
	}
	d.turn++
	if d.whole(m.Value) < 0 {
		at := int32(d.scan.at)
		d.add(Syntax, Span{at, at}, 0, d.scan.want)
	}
	return d.finish()
}

// whole reads the record: an object amid white space.
func (d *JSON) whole(b []byte) int {
	i := blank(b, 0)
	if i >= len(b) || b[i] != '{' {
		return d.scan.fail(i, "{")
	}
	if i = d.members(b, i+1, d.root, 1); i < 0 {
		return -1
	}
	if i = blank(b, i); i < len(b) {
		return d.scan.fail(i, "the end of the record")
	}
	return i
}

// members reads an object in which keys of at may stand, and whose brace is at
// i-1. It expects each key after the one it followed in the last record.
func (d *JSON) members(b []byte, i int, at *branch, depth int) int {
	if depth > d.scan.depth {
		return d.scan.fail(i-1, tooDeep)
	}
	guess := &at.first
	i, more := d.scan.open(b, i, '}', "a string or }")
	for more {
		k := *guess
		if k != nil && has(b, i, k.quote) {
			i = blank(b, i+len(k.quote))
		} else if k, i = d.find(b, i, at); k != nil {
			*guess = k
		}
		switch {
		case i < 0:
			return -1
		case k == nil:
			i = d.scan.value(b, i, depth)
		default:
			guess = &k.after
			i = d.member(b, i, k, depth)
		}
		switch {
		case i < 0:
			return -1
		case i < len(b) && b[i] == ',':
			i = blank(b, i+1)
		default:
			i, more = d.scan.next(b, i, '}', ", or }")
		}
	}
	return i
}

// find reads a key and returns what it is in at, or nil.
func (d *JSON) find(b []byte, i int, at *branch) (k *key, next int) {
	name, next, escaped := d.scan.key(b, i)
	if escaped {
		d.key = unescape(d.key[:0], name)
		name = d.key
	}
	return at.find(name), next
}

// member reads the value of a key that is read or leads to one.
func (d *JSON) member(b []byte, i int, k *key, depth int) int {
	if k.seen == d.turn {
		d.add(Duplicate, Span{int32(i), int32(i)}, 0, k.path)
	}
	k.seen = d.turn
	switch {
	case i >= len(b):
		return d.scan.fail(i, "a value")
	case k.plain && isNumber(b[i]):
		n, end := d.scan.number(b, i)
		if end >= 0 {
			d.setNumber(k.features[0], n.float(b[i:end]), Span{int32(i), int32(end)})
		}
		return end
	case k.ticks && isNumber(b[i]):
		n, end := d.scan.number(b, i)
		if end >= 0 {
			nanos, ok := n.units(d.decimals)
			d.setInstant(nanos, ok, Span{int32(i), int32(end)})
		}
		return end
	case k.array && b[i] == '[':
		return d.array(b, i, k.features[0], depth)
	case k.below == nil:
		return d.leaf(b, i, k, depth)
	case b[i] == '{':
		return d.members(b, i+1, k.below, depth+1)
	}
	return d.barren(b, i, k, depth)
}

// isNumber reports whether a value that starts with c can only be a number.
func isNumber(c byte) bool { return c == '-' || c-'0' <= 9 }

// leaf reads any value and hands it to all that it feeds.
func (d *JSON) leaf(b []byte, i int, k *key, depth int) int {
	end := d.scan.value(b, i, depth)
	if end < 0 {
		return -1
	}
	value, span := b[i:end], Span{int32(i), int32(end)}
	for _, f := range k.features {
		d.setFeature(f, value, span, depth)
	}
	if k.series >= 0 {
		d.setName(k.series, d.name(value), span)
	}
	if k.time {
		d.setTime(d.content(value), span)
	}
	if k.stamp {
		d.setStamp(span)
	}
	return end
}

func (d *JSON) setFeature(f int, value []byte, span Span, depth int) {
	at := &d.places[f]
	array := at.shape != nil
	switch {
	case at.label >= 0:
		d.label(f, value, span)
		return
	case array && value[0] == '[':
		d.array(d.value, int(span.Start), f, depth)
		return
	case !array && isNumber(value[0]):
		n, _ := d.scan.number(value, 0)
		d.setNumber(f, n.float(value), span)
		return
	case value[0] != 'n':
		d.setBad(BadType, f, span, "")
	}
	d.row.Spans[f] = span
}

// label takes a string, or the text of a number or a boolean, as the label of
// feature f.
func (d *JSON) label(f int, value []byte, span Span) {
	switch c := value[0]; {
	case c == '"':
		d.setLabel(f, Label{d.content(value), TextLabel}, span)
	case isNumber(c):
		d.setLabel(f, Label{value, NumberLabel}, span)
	case c == 't' || c == 'f':
		d.setLabel(f, Label{value, BoolLabel}, span)
	default:
		d.row.Spans[f] = span
		if c != 'n' {
			d.setBad(BadType, f, span, "")
		}
	}
}

// name returns the series name that value is: a string or an integer. It is nil
// for anything else.
func (d *JSON) name(value []byte) []byte {
	switch {
	case value[0] == '"':
		return d.content(value)
	case !isNumber(value[0]) || bytes.ContainsAny(value, ".eE"):
		return nil
	case string(value) == "-0":
		return value[1:]
	}
	return value
}

// content returns what a string says or how a number is written; nil for
// anything else.
func (d *JSON) content(value []byte) []byte {
	switch {
	case isNumber(value[0]):
		return value
	case value[0] != '"':
		return nil
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	start := len(d.text)
	d.text = unescape(d.text, inner)
	return d.text[start:]
}

// barren reads what stands in the place of an object that holds read fields.
func (d *JSON) barren(b []byte, i int, k *key, depth int) int {
	end := d.scan.value(b, i, depth)
	if end >= 0 && b[i] != 'n' {
		for _, f := range k.below.features {
			d.setBad(BadType, f, Span{int32(i), int32(end)}, k.path)
		}
	}
	return end
}
