package store

import (
	"fmt"
	"slices"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// Suffixes of the arrays of a group.
const (
	rowsSuffix   = ".count"
	whitenSuffix = ".whiten"
)

// whitening is the arrays of the k-th group: the rows that were learned, and the
// parameters, entry after entry.
func (b *body) whitening(k int) []array {
	g, w := &b.groups[k], &b.whitened[k]
	return []array{
		words(g.Name+rowsSuffix, g.Entries(b.n), &w.Count),
		floats(g.Name+whitenSuffix, b.numbers[k], &w.Params, 0, 1),
	}
}

// measureGroups adds groups to a body, without their slices.
func (c *container) measureGroups(b *body, groups []frozen.Group) error {
	b.groups, b.whitened = groups, make([]frozen.Whitened, len(groups))
	for i := range groups {
		g := &groups[i]
		outputs, known := g.Width(len(g.Members))
		n := uint64(g.Entries(b.n) * g.Numbers(outputs))
		if !known {
			var err error
			if n, err = c.items(g.Name+whitenSuffix, f8); err != nil {
				return err
			}
		}
		b.numbers = append(b.numbers, int(n))
	}
	return nil
}

// allocateGroup makes the slices of the k-th group.
func (b *body) allocateGroup(k int) {
	b.whitened[k] = frozen.Whitened{Count: make([]uint64, b.groups[k].Entries(b.n)), Params: make([]float64, b.numbers[k])}
}

// checkGroups refuses names that cannot be those of arrays, and an output that has
// no place for the groups.
func (m *Manifest) checkGroups() error {
	if len(m.Whiten) == 0 {
		return nil
	}
	names := make([]frozen.Feature, len(m.Whiten))
	for i := range m.Whiten {
		names[i].Name = m.Whiten[i].Name
	}
	if err := checkFeatures(names); err != nil {
		return err
	}
	return m.CheckWritten()
}

// CheckWritten refuses an output that has no place for what becomes of groups and
// labels.
func (m *Manifest) CheckWritten() error {
	csv, passes := m.Record.Format == schema.CSV, m.Normalize.UnknownSeries == UnknownPassthrough
	switch {
	case m.replaces() && csv && len(m.Whiten) > 0:
		return fmt.Errorf("output: value %s of %s records with groups that are whitened, want %s or %s: the outputs have no columns there", record.Replace, schema.CSV, record.Features, record.Vector)
	case m.replaces() && csv && m.hasOneHot():
		return fmt.Errorf("output: value %s of %s records with the scaler %s, want %s or %s, or the scaler %s: the outputs have no columns there", record.Replace, schema.CSV, scale.OneHot, record.Features, record.Vector, scale.Ordinal)
	case !m.replaces() && passes && len(m.Whiten) > 0:
		return fmt.Errorf("normalize: unknown_series %s with groups that are whitened and output value %s, want another: there is no column for the numbers as they came", UnknownPassthrough, m.Output.Value)
	case !m.replaces() && passes && m.hasLabels():
		return fmt.Errorf("normalize: unknown_series %s with labels and output value %s, want another: there is no column for the labels as they came", UnknownPassthrough, m.Output.Value)
	}
	return nil
}

// replaces reports whether records are written as they came but for the features.
func (m *Manifest) replaces() bool { return m.Output.Value == record.Replace || m.Output.Value == "" }

// Written returns the schema of the features that are written of a record, in the
// order of the columns: its own, less the members of groups, then the groups, then
// the targets. A group is one array with the output value replace, else a number for
// each column, and so is a label that is encoded one-hot; an ordinal one is a number.
func (m *Manifest) Written() *schema.Schema {
	if len(m.Whiten) == 0 && m.Widths == nil {
		return &m.Record
	}
	s := m.Record
	s.Features = make([]schema.Feature, 0, len(m.Columns))
	var targets []schema.Feature
	rest := m.Columns
	for i, f := range m.Record.Features {
		switch {
		case m.Features[i].Role == frozen.RoleTarget:
			targets = append(targets, m.written(i, nil)...)
		case !m.member(f.Name):
			n := m.widthOf(i)
			s.Features = append(s.Features, m.written(i, rest[:n])...)
			rest = rest[n:]
		}
	}
	for i := range m.Whiten {
		g := &m.Whiten[i]
		n := outputsOf(g, rest)
		if m.replaces() {
			s.Features = append(s.Features, schema.Feature{Name: g.Name, Field: schema.Escape(g.Name), Shape: []int{n}})
		} else {
			s.Features = append(s.Features, columns(s.Format, rest[:n])...)
		}
		rest = rest[n:]
	}
	s.Features = append(s.Features, targets...)
	return &s
}

// outputsOf counts the columns of a group, with which rest begins.
func outputsOf(g *frozen.Group, rest []string) (n int) {
	all := g.Columns(min(len(g.Members), len(rest)))
	for n < len(all) && rest[n] == all[n] {
		n++
	}
	return n
}

// columns returns the features that have the names of columns.
func columns(format schema.Format, names []string) []schema.Feature {
	features := make([]schema.Feature, len(names))
	for i, name := range names {
		features[i] = schema.Feature{Name: name, Field: name}
		if format == schema.JSON {
			features[i].Field = schema.Escape(name)
		}
	}
	return features
}

// member reports whether a feature is one of a group.
func (m *Manifest) member(feature string) bool {
	return slices.ContainsFunc(m.Whiten, func(g frozen.Group) bool { return slices.Contains(g.Members, feature) })
}
