package record

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"

	"tare/schema"
)

// A rewriter writes the Value Replace of JSON records whose features change: some
// go, and others come in their place.
type rewriter struct {
	replaceJSON
	decoder *JSON    // of what is left of a record; its verdict matters for duplicates alone
	stays   []int    // per feature that of the record which it is, or -1
	gone    []int    // features of the record that are cut out
	news    []string // `"key":` of those that come in place of others
	olds    [][]int  // the features that each of news comes in place of
	cuts    []Span
	value   []byte // what is left
	tail    []byte // of it, from its last brace on
	row     Row
	message Message // holds value
}

// NewRewriter returns an encoder of rows that a decoder for from reads, which
// writes them as Replace does with the features of to: those of the same name in
// the place of the old ones, others at the end of the object that should hold
// them, unless all of them is missing. What only from has is cut out. Both are
// JSON, unless from and to have the same features and differ in which of them are
// labels. header is the header line of a CSV input.
//
// A feature may be a label in one of them and numbers in the other. It is always
// written anew.
//
// InPlaceOf names the features of from that a feature comes in the place of: it is
// null where one of them is in the record and it is missing. It must be a member of
// the record itself, where it takes the place of what has its name.
func NewRewriter(from, to *schema.Schema, o Output, header []byte, inPlaceOf map[string][]string) (Encoder, error) {
	o.Columns = nil
	if o.Value = cmp.Or(o.Value, Replace); o.Value != Replace {
		return nil, fmt.Errorf("output value %s, want %s", o.Value, Replace)
	}
	if sameFields(from, to) {
		return encoderOf(from, to, o, header)
	}
	if from.Format != schema.JSON || to.Format != schema.JSON {
		return nil, fmt.Errorf("output value %s of %s records with other features, want %s or %s", Replace, to.Format, Features, Vector)
	}
	o.Imputed = nil
	encoder, err := NewEncoder(to, o, nil)
	if err != nil {
		return nil, err
	}
	e := &rewriter{replaceJSON: *encoder.(*replaceJSON)}
	if e.decoder, err = NewJSON(&schema.Schema{Format: to.Format, Features: to.Features,
		Limits: schema.Limits{Value: math.MaxInt32, Depth: 10000}}); err != nil {
		return nil, err
	}
	for i := range from.Features {
		if named(to.Features, from.Features[i].Name) < 0 {
			e.gone = append(e.gone, i)
		}
	}
	for i := range to.Features {
		e.stays = append(e.stays, slices.IndexFunc(from.Features, func(f schema.Feature) bool { return sameField(f, to.Features[i]) }))
		old := inPlaceOf[to.Features[i].Name]
		if len(old) == 0 {
			continue
		}
		var features []int
		for _, name := range old {
			features = append(features, named(from.Features, name))
		}
		e.news, e.olds = append(e.news, e.tops[i]), append(e.olds, features)
	}
	return e, nil
}

// sameFields reports whether two schemas have the same features in the same
// fields, whatever these hold.
func sameFields(a, b *schema.Schema) bool {
	return a.Format == b.Format && slices.EqualFunc(a.Features, b.Features, sameField)
}

func sameField(f, g schema.Feature) bool { return f.Name == g.Name && f.Field == g.Field }

// named returns the feature of a name, or -1.
func named(features []schema.Feature, name string) int {
	return slices.IndexFunc(features, func(f schema.Feature) bool { return f.Name == name })
}

func (e *rewriter) Append(dst, value []byte, row *Row, y []float64, m *Mark) []byte {
	e.cut(value, row)
	if e.makeRoom(row); e.decode() == Duplicate {
		e.cut(value, row)
		e.decode()
	}
	e.hide(row)
	return e.replaceJSON.Append(dst, e.value, &e.row, y, m)
}

// makeRoom adds a null for each feature that comes in place of others.
func (e *rewriter) makeRoom(row *Row) {
	brace := bytes.LastIndexByte(e.value, '}')
	e.tail = append(e.tail[:0], e.value[brace:]...)
	e.value = e.value[:brace]
	for i, key := range e.news {
		if e.present(row, e.olds[i]) {
			e.value = append(append(comma(e.value), key...), "null"...)
		}
	}
	e.value = append(e.value, e.tail...)
}

func (e *rewriter) decode() Reason {
	e.message.Value = e.value
	return e.decoder.Decode(&e.row, &e.message)
}

// hide makes absent what is absent from row, which may say so of a feature that is
// to stay as it is.
func (e *rewriter) hide(row *Row) {
	for i, f := range e.stays {
		if f >= 0 && row.Spans[f] == (Span{}) {
			e.row.Spans[i] = Span{}
		}
	}
}

// present reports whether one of some features is in the record.
func (e *rewriter) present(row *Row, features []int) bool {
	return slices.ContainsFunc(features, func(f int) bool { return row.Spans[f] != (Span{}) })
}

// cut sets e.value to value without the members that go, and a comma for each.
func (e *rewriter) cut(value []byte, row *Row) {
	e.cuts = e.cuts[:0]
	for _, f := range e.gone {
		if at := row.Spans[f]; at != (Span{}) {
			e.cuts = append(e.cuts, Span{keyOf(value, at.Start), at.End})
		}
	}
	slices.SortFunc(e.cuts, func(a, b Span) int { return int(a.Start - b.Start) })
	from := 0
	e.value = e.value[:0]
	for _, c := range e.cuts {
		e.value = append(e.value, value[from:c.Start]...)
		from = int(c.End)
		before := bytes.TrimRight(e.value, space)
		if before[len(before)-1] == ',' {
			e.value = before[:len(before)-1]
		} else if i := blank(value, from); value[i] == ',' {
			from = blank(value, i+1)
		}
	}
	e.value = append(e.value, value[from:]...)
}

// keyOf returns where the key of a member begins of which the value begins at
// start: a quote within it stands behind an odd number of backslashes.
func keyOf(value []byte, start int32) int32 {
	at := bytes.LastIndexByte(value[:start], '"')
	for {
		at = bytes.LastIndexByte(value[:at], '"')
		escapes := at - len(bytes.TrimRight(value[:at], `\`))
		if escapes%2 == 0 {
			return int32(at)
		}
	}
}
