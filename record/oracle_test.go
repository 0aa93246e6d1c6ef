package record

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tare/schema"
)

// An oracle says by way of encoding/json what a decoder has to find in a record.
type oracle struct {
	reason  Reason
	series  string
	time    int64
	timed   bool
	numbers []float64
	labels  []Label
	bad     int
	stamped bool
}

// A node is a JSON value with all members of an object, also those of one key.
type node struct {
	kind    byte // { [ " 0 t f n
	text    string
	keys    []string
	members []*node
	depth   int
}

// consult reads value by s, whose limits of size are not looked at. Stamped
// records are accepted.
func consult(s *schema.Schema, value []byte) oracle {
	o := oracle{numbers: make([]float64, s.Width())}
	for i := range o.numbers {
		o.numbers[i] = math.NaN()
	}
	if !json.Valid(value) || !utf8.Valid(value) {
		o.reason = Syntax
		return o
	}
	root := parse(value)
	if root.kind != '{' || root.depth > s.Limits.OrDefault().Depth {
		o.reason = Syntax
		return o
	}
	o.stamped = len(root.all("_tare")) > 0
	var found [NumReasons]bool
	found[Duplicate] = duplicates(root, s)
	found[BadSeries] = o.name(s, root)
	found[BadTime] = o.clock(s, root)
	start := 0
	for i := range s.Features {
		f := &s.Features[i]
		numbers := o.numbers[start : start+f.Size()]
		start += f.Size()
		reasons := o.feature(numbers, f, root)
		if slices.Contains(reasons, BadShape) {
			for k := range numbers {
				numbers[k] = math.NaN()
			}
		}
		for _, reason := range reasons {
			found[reason] = s.BadValue != schema.Missing
		}
		if s.BadValue == schema.Missing {
			o.bad += len(reasons)
			if slices.Contains(reasons, BadShape) {
				o.bad -= len(reasons) - 1
			}
		}
	}
	for r := range found {
		if r > 0 && found[r] {
			o.reason = Reason(r)
			break
		}
	}
	o.timed = o.timed && !found[Duplicate]
	return o
}

func path(field string) []string {
	keys, err := schema.Path(field)
	if err != nil {
		panic(err) // the test's own schema
	}
	return keys
}

func parse(value []byte) *node {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	return parseNext(d)
}

func parseNext(d *json.Decoder) *node {
	t, err := d.Token()
	if err != nil && err != io.EOF {
		panic(err) // json.Valid has said otherwise
	}
	switch t := t.(type) {
	case json.Delim:
		n := &node{kind: byte(t)}
		for d.More() {
			if t == '{' {
				key, _ := d.Token()
				n.keys = append(n.keys, key.(string))
			}
			m := parseNext(d)
			n.members = append(n.members, m)
			n.depth = max(n.depth, m.depth)
		}
		d.Token()
		n.depth++
		return n
	case string:
		return &node{kind: '"', text: t}
	case json.Number:
		return &node{kind: '0', text: t.String()}
	case bool:
		return &node{kind: strconv.FormatBool(t)[0]}
	}
	return &node{kind: 'n'}
}

// all returns the members with that key.
func (n *node) all(key string) (members []*node) {
	for i, k := range n.keys {
		if k == key {
			members = append(members, n.members[i])
		}
	}
	return members
}

// at returns the value at the path, nil if there is none, and what stands in the
// place of an object on the way to it, if something else does.
func (n *node) at(path []string) (value, barrier *node) {
	for _, key := range path {
		if n.kind != '{' {
			return nil, n
		}
		members := n.all(key)
		if len(members) == 0 {
			return nil, nil
		}
		n = members[0]
	}
	return n, nil
}

func duplicates(root *node, s *schema.Schema) bool {
	fields := append([]string{"_tare"}, s.Series.Fields...)
	if s.Time.Field != "" {
		fields = append(fields, s.Time.Field)
	}
	for _, f := range s.Features {
		fields = append(fields, f.Field)
	}
	for _, f := range fields {
		keys := path(f)
		for i := range keys {
			holder, _ := root.at(keys[:i])
			if holder != nil && len(holder.all(keys[i])) > 1 {
				return true
			}
		}
	}
	return false
}

// name reports whether the series is bad.
func (o *oracle) name(s *schema.Schema, root *node) bool {
	var names []string
	for _, f := range s.Series.Fields {
		n, _ := root.at(path(f))
		switch {
		case n == nil || n.kind != '"' && n.kind != '0':
			return true
		case n.kind == '0' && strings.ContainsAny(n.text, ".eE"):
			return true
		case n.kind == '0' && n.text == "-0":
			names = append(names, "0")
		default:
			names = append(names, n.text)
		}
	}
	if s.Series.List {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(names); err != nil {
			panic(err) // strings can be encoded
		}
		o.series = strings.TrimSuffix(b.String(), "\n")
	} else if len(names) > 0 {
		o.series = names[0]
	}
	return false
}

// clock reports whether the time is bad.
func (o *oracle) clock(s *schema.Schema, root *node) bool {
	if s.Time.Field == "" {
		return false
	}
	n, _ := root.at(path(s.Time.Field))
	if n != nil && (n.kind == '"' || n.kind == '0') {
		o.time, o.timed = ParseTime(s.Time.Layout, []byte(n.text))
	}
	return !o.timed
}

// feature sets the numbers of a feature and returns all that is wrong with it.
func (o *oracle) feature(numbers []float64, f *schema.Feature, root *node) []Reason {
	n, barrier := root.at(path(f.Field))
	if f.Label {
		o.labels = append(o.labels, Label{})
	}
	switch {
	case n == nil && (barrier == nil || barrier.kind == 'n'):
		return nil
	case n == nil:
		return []Reason{BadType}
	case n.kind == 'n':
		return nil
	case f.Label:
		return n.label(&numbers[0], &o.labels[len(o.labels)-1])
	case f.Shape == nil:
		return n.number(&numbers[0])
	case n.kind != '[':
		return []Reason{BadType}
	}
	return n.array(numbers, f.Shape)
}

// label sets l, and x to 0, unless n is no label.
func (n *node) label(x *float64, l *Label) []Reason {
	kind, ok := map[byte]LabelKind{'"': TextLabel, '0': NumberLabel, 't': BoolLabel, 'f': BoolLabel}[n.kind]
	text := n.text
	if kind == BoolLabel {
		text = strconv.FormatBool(n.kind == 't')
	}
	switch {
	case !ok:
		return []Reason{BadType}
	case len(text) > schema.MaxLabel:
		return []Reason{BadRange}
	}
	*x, *l = 0, Label{[]byte(text), kind}
	return nil
}

// array sets numbers to the elements of n and returns all that is wrong with
// them. Those beyond the shape do not matter, but that they are there.
func (n *node) array(numbers []float64, shape []int) (wrong []Reason) {
	size := len(numbers) / shape[0]
	for i, m := range n.members[:min(shape[0], len(n.members))] {
		part := numbers[i*size : (i+1)*size]
		switch {
		case len(shape) == 1 && m.kind == 'n':
			part[0] = math.NaN()
		case len(shape) == 1 && m.kind == '[' || len(shape) > 1 && (m.kind == 'n' || m.kind == '0'):
			wrong = append(wrong, BadShape)
		case len(shape) == 1:
			wrong = append(wrong, m.number(&part[0])...)
		case m.kind == '[':
			wrong = append(wrong, m.array(part, shape[1:])...)
		default:
			wrong = append(wrong, BadType)
		}
	}
	if len(n.members) != shape[0] {
		wrong = append(wrong, BadShape)
	}
	return wrong
}

// number sets x, unless n is no number or out of range.
func (n *node) number(x *float64) []Reason {
	if n.kind != '0' {
		return []Reason{BadType}
	}
	f, err := strconv.ParseFloat(n.text, 64)
	switch {
	case err != nil || math.Abs(f) > schema.MaxMagnitude:
		return []Reason{BadRange}
	case f == 0:
		f = 0
	}
	*x = f
	return nil
}
