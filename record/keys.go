package record

import (
	"fmt"
	"strings"

	"tare/schema"
)

// A target is what one field of a record feeds.
type target struct {
	field    string
	features []int // in the schema's order
	series   int   // index in Series.Fields, or -1
	time     bool
	stamp    bool
	plain    bool // it feeds one feature that is a single number, and nothing else
	array    bool // it feeds one feature that is an array, and nothing else
	ticks    bool // it feeds the time, in a layout that is a number, and nothing else
}

// only reports whether the field feeds one feature and nothing else.
func (t *target) only() bool {
	return len(t.features) == 1 && t.series < 0 && !t.time && !t.stamp
}

// targets returns what is read from the values of records of s, by field:
// features first, in their order, then series, time and stamp.
func targets(s *schema.Schema) []*target {
	var all []*target
	byField := map[string]*target{}
	at := func(field string) *target {
		t := byField[field]
		if t == nil {
			t = &target{field: field, series: -1}
			byField[field] = t
			all = append(all, t)
		}
		return t
	}
	for i, f := range s.Features {
		t := at(f.Field)
		t.features = append(t.features, i)
	}
	for i, f := range s.Series.Fields {
		if f != schema.Key {
			at(f).series = i
		}
	}
	if s.Time.Written() {
		at(s.Time.Field).time = true
	}
	at(schema.StampField).stamp = true
	_, number := decimals(s.Time.Layout)
	for _, t := range all {
		t.ticks = number && t.time && len(t.features) == 0 && t.series < 0 && !t.stamp
		if t.only() {
			f := &s.Features[t.features[0]]
			t.array = f.Shape != nil
			t.plain = !t.array && !f.Label
		}
	}
	return all
}

// A key is one name within an object that is read, or is on the way to one.
type key struct {
	target
	name  string
	path  string  // of all names down to this
	quote string  // name as JSON text with the colon: `"name":`
	below *branch // the object under this name; then the target is empty
	seen  uint64  // the turn in which the key occurred last
	after *key    // what followed it in the last record
}

// A branch holds the keys that are read within one object.
type branch struct {
	keys     []*key
	byName   map[string]*key
	lengths  uint64 // bit n: there is a name of n bytes; bit 63: of 63 or more
	first    *key   // what came first in the last record
	features []int  // all that are read in it and below
}

// tree arranges the targets of s by the paths of their fields. Each path ends
// in a leaf: a field cannot be read and also hold others.
func tree(s *schema.Schema) (*branch, error) {
	root := newBranch()
	for _, t := range targets(s) {
		if err := root.plant(t); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func newBranch() *branch { return &branch{byName: map[string]*key{}} }

func (b *branch) plant(t *target) error {
	path, err := schema.Path(t.field)
	if err != nil {
		return err
	}
	last := len(path) - 1
	for i, name := range path[:last] {
		k := b.at(name)
		if k.field != "" {
			return fmt.Errorf("field %q lies within field %q, which is read as a value: want one of them", t.field, k.field)
		}
		if k.below == nil {
			k.below = newBranch()
			k.path = fieldOf(path[:i+1])
		}
		b.features = append(b.features, t.features...)
		b = k.below
	}
	b.features = append(b.features, t.features...)
	k := b.at(path[last])
	if k.below != nil {
		return fmt.Errorf("field %q holds other fields that are read: want one of them", t.field)
	}
	k.target, k.path = *t, t.field
	return nil
}

// fieldOf is the inverse of schema.Path.
func fieldOf(path []string) string {
	escaped := make([]string, len(path))
	for i, name := range path {
		escaped[i] = schema.Escape(name)
	}
	return strings.Join(escaped, ".")
}

// at returns the key of that name, a new one if there is none.
func (b *branch) at(name string) *key {
	k := b.byName[name]
	if k == nil {
		k = &key{name: name, quote: string(appendQuoted(nil, name)) + ":"}
		k.series = -1
		b.byName[name] = k
		b.keys = append(b.keys, k)
		b.lengths |= 1 << min(len(name), 63)
	}
	return k
}

// find returns the key with that name, or nil.
func (b *branch) find(name []byte) *key {
	if b.lengths>>min(len(name), 63)&1 == 0 {
		return nil
	}
	return b.byName[string(name)]
}
