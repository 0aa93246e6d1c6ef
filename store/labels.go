package store

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// Suffixes of the arrays of a feature that is a label.
const (
	labelsSuffix     = ".labels"
	infrequentSuffix = ".infrequent"
)

// A dictionary is the categories of a feature as its arrays hold them.
type dictionary struct {
	n       int // categories
	size    uint64
	offsets []uint64
	bytes   []byte
	lost    []uint64 // one item: Dictionary.Error
	kind    []byte   // one item
}

// newDictionary is that of d, for writing.
func newDictionary(d *frozen.Dictionary) *dictionary {
	at := &dictionary{n: len(d.Categories), offsets: []uint64{0}, lost: []uint64{d.Error}, kind: []byte{byte(d.Kind)}}
	for _, label := range d.Categories {
		at.bytes = append(at.bytes, label...)
		at.offsets = append(at.offsets, uint64(len(at.bytes)))
	}
	at.size = uint64(len(at.bytes))
	return at
}

// measureLabels makes the dictionary of a feature without its slices.
func (c *container) measureLabels(f *frozen.Feature) (*dictionary, error) {
	n, err := c.items(f.Name+labelsSuffix+".count", u8)
	if err != nil {
		return nil, err
	}
	if n > scale.MaxTracked {
		return nil, refuse("feature %q: %d categories, want at most %d", f.Name, n, scale.MaxTracked)
	}
	size, err := c.items(f.Name+labelsSuffix+".bytes", u1)
	return &dictionary{n: int(n), size: size}, err
}

// categories counts the items of all arrays that count categories, before it is
// known whose they are.
func (c *container) categories() (n uint64) {
	for i := range c.members {
		if m := &c.members[i]; strings.HasSuffix(m.name, labelsSuffix+".count"+npySuffix) {
			n += m.size / u8.size()
		}
	}
	return n
}

// labels are the arrays of a feature that is a label.
func (b *body) labels(feature int) []array {
	f, l, d := &b.features[feature], &b.learned[feature], b.dictionaries[feature]
	offsets := risingOffsets(f.Name+labelsSuffix+".offsets", uint64(d.n)+1, d.size, func(i int, x uint64) { d.offsets[i] = x })
	offsets.put = func(w *blocks) { w.words(d.offsets) }
	return []array{
		words(f.Name+".count", 1, &l.Count),
		words(f.Name+".missing", 1, &l.Missing),
		offsets,
		octets(f.Name+labelsSuffix+".bytes", d.size, &d.bytes),
		words(f.Name+labelsSuffix+".count", d.n, &l.Labels.Counts),
		words(f.Name+labelsSuffix+".error", 1, &d.lost),
		octets(f.Name+labelsSuffix+".kind", 1, &d.kind),
		floats(f.Name+infrequentSuffix, d.n, &l.Labels.Infrequent, 0, 1),
	}
}

// octets is an array of n bytes.
func octets(name string, n uint64, xs *[]byte) array {
	return array{name: name, t: u1, n: n,
		put:  func(w *blocks) { w.bytes(*xs) },
		take: func(p []byte) { *xs = append(*xs, p...) },
	}
}

// allocateLabels makes the slices of a feature that is a label.
func (b *body) allocateLabels(feature int) {
	l, d := &b.learned[feature], b.dictionaries[feature]
	none := []float64{math.NaN()}
	l.Count, l.Missing = make([]uint64, 1), make([]uint64, 1)
	l.Min, l.Max, l.Mean, l.Var = none, none, none, none
	l.Labels.Counts, l.Labels.Infrequent = make([]uint64, d.n), make([]float64, d.n)
	d.offsets, d.bytes = make([]uint64, d.n+1), make([]byte, 0, d.size)
	d.lost, d.kind = make([]uint64, 1), make([]byte, 0, 1)
}

// fill takes what the arrays hold, which have been read.
func (d *dictionary) fill(to *frozen.Dictionary) {
	to.Error, to.Kind = d.lost[0], record.LabelKind(d.kind[0])
	to.Categories = make([]string, d.n)
	for i := range to.Categories {
		to.Categories[i] = string(d.bytes[d.offsets[i]:d.offsets[i+1]])
	}
}

// checkLabels refuses names that would be those of a label's arrays, and an output
// that has no place for what becomes of labels.
func (m *Manifest) checkLabels() error {
	if !m.hasLabels() {
		return nil
	}
	taken := map[string]bool{}
	for i := range m.Features {
		if f := &m.Features[i]; f.Encoding != nil {
			taken[f.Name+labelsSuffix] = true
		}
	}
	for i := range m.Features {
		if name := m.Features[i].Name; taken[name] {
			return fmt.Errorf("feature %q: the name is taken by the arrays of a label", name)
		}
	}
	for i := range m.Whiten {
		if name := m.Whiten[i].Name; taken[name] {
			return fmt.Errorf("group %q: the name is taken by the arrays of a label", name)
		}
	}
	return m.CheckWritten()
}

// hasLabels reports whether a feature is a label.
func (m *Manifest) hasLabels() bool {
	return slices.ContainsFunc(m.Features, func(f frozen.Feature) bool { return f.Encoding != nil })
}

// hasOneHot reports whether a feature becomes several numbers.
func (m *Manifest) hasOneHot() bool {
	return slices.ContainsFunc(m.Features, func(f frozen.Feature) bool { return f.Encoding != nil && f.Encoding.Kind == scale.OneHot })
}

// widthOf returns how many columns a feature has that is no member of a group.
func (m *Manifest) widthOf(feature int) int {
	if m.Widths == nil {
		return 1
	}
	return m.Widths[feature]
}

// written returns what becomes of a feature that is no member of a group, of which
// these are the columns.
func (m *Manifest) written(feature int, names []string) []schema.Feature {
	f := m.Record.Features[feature]
	switch e := m.Features[feature].Encoding; {
	case e == nil:
		return []schema.Feature{f}
	case e.Kind == scale.Ordinal:
		f.Label = false
		return []schema.Feature{f}
	case m.replaces():
		f.Label, f.Shape = false, []int{len(names)}
		return []schema.Feature{f}
	}
	return columns(m.Record.Format, names)
}
