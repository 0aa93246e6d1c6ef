package fit

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/sketch"
)

// labels is what a State learns of a feature that is a label: of all series
// together.
type labels struct {
	at      int // in record.Row.Labels
	counts  *sketch.Labels
	kinds   uint8 // a bit, 1 << record.LabelKind, for each kind that came
	missing uint64
}

func newLabels(e *scale.Encoding, at int) (*labels, error) {
	counts, err := sketch.NewLabels(e.MaxTracked)
	return &labels{at: at, counts: counts}, err
}

// observeLabel learns from the label of one record. The distinct counter is shown
// a label when it is new to the counts or not in them.
func (f *feature) observeLabel(label *record.Label) error {
	l := f.labels
	if label.Kind == record.NoLabel {
		l.missing++
		return nil
	}
	l.kinds |= 1 << label.Kind
	code, err := l.counts.Add(label.Text)
	if err != nil {
		return err
	}
	if code >= 0 {
		if _, count := l.counts.At(code); count > 1 {
			return nil
		}
	}
	f.distinct.AddBytes(label.Text)
	return nil
}

// absorb adds what the labels of a later partition have learned.
func (l *labels) absorb(o *labels) error {
	l.kinds |= o.kinds
	l.missing += o.missing
	return l.counts.Merge(o.counts)
}

// append appends u8 kinds, u64 missing, u32 length of the counts, and their bytes.
func (l *labels) append(b []byte) []byte {
	b = append(b, l.kinds)
	b = binary.LittleEndian.AppendUint64(b, l.missing)
	b = append(b, 0, 0, 0, 0)
	at := len(b)
	b, _ = l.counts.AppendBinary(b)
	binary.LittleEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	return b
}

// labels reads what append has written for a feature with such an encoding.
func (in *stateReader) labels(l *labels, e *scale.Encoding) error {
	l.kinds, l.missing = uint8(in.uint(1)), in.uint(8)
	data := in.take(int64(in.uint(4)))
	if in.err != nil {
		return in.err
	}
	if err := l.counts.UnmarshalBinary(data); err != nil {
		return err
	}
	const known = 1<<record.TextLabel | 1<<record.NumberLabel | 1<<record.BoolLabel
	switch {
	case l.counts.Tracked() != e.MaxTracked:
		return fmt.Errorf("counts of labels that track %d, want %d", l.counts.Tracked(), e.MaxTracked)
	case l.kinds&^known != 0 || (l.kinds == 0) != (l.counts.N() == 0):
		return fmt.Errorf("kinds %#x of %d labels", l.kinds, l.counts.N())
	}
	return nil
}

// check holds the labels against the records that they were learned from.
func (l *labels) check(records uint64) error {
	if sum, carry := bits.Add64(l.counts.N(), l.missing, 0); carry != 0 || sum != records {
		return fmt.Errorf("%d labels and %d missing in %d records", l.counts.N(), l.missing, records)
	}
	return nil
}

// kind returns how the inverse writes these categories: as all labels came that
// were learned, else as text.
func (l *labels) kind(categories []string) record.LabelKind {
	for _, kind := range []record.LabelKind{record.NumberLabel, record.BoolLabel} {
		other := func(label string) bool { return !frozen.IsLabel(kind, label) }
		if l.kinds == 1<<kind && !slices.ContainsFunc(categories, other) {
			return kind
		}
	}
	return record.TextLabel
}

// sorted returns the labels that are tracked in scikit-learn's order, and their
// counts.
func (l *labels) sorted() (names [][]byte, counts []uint64) {
	names, counts = l.counts.Sorted()
	if l.kinds != 1<<record.NumberLabel {
		return names, counts
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return frozen.CompareLabels(record.NumberLabel, string(names[a]), string(names[b]))
	})
	byValue, of := make([][]byte, len(names)), make([]uint64, len(names))
	for i, at := range order {
		byValue[i], of[i] = names[at], counts[at]
	}
	return byValue, of
}

// labels joins what the partitions learned of a feature that is a label.
func (m *Merged) labels(feature int) (*labels, error) {
	if len(m.states) == 1 {
		return m.states[0].features[feature].labels, nil
	}
	all, err := newLabels(m.plan.Features[feature].Encoding, 0)
	for i := 0; i < len(m.states) && err == nil; i++ {
		err = all.absorb(m.states[i].features[feature].labels)
	}
	if err != nil {
		return nil, fmt.Errorf("feature %q: %w", m.plan.Features[feature].Name, err)
	}
	return all, nil
}

// freezeLabels derives the categories of a feature. What cannot be encoded is a
// *Refusal.
func (m *Merged) freezeLabels(l *frozen.Learned, feature int) error {
	all, err := m.labels(feature)
	if err != nil {
		return err
	}
	spec := &m.plan.Features[feature]
	d, err := all.dictionary(spec.Encoding)
	if err == nil {
		_, err = scale.NewEncoder(*spec.Encoding, d.Categories, d.Infrequent)
	}
	if err != nil {
		return &Refusal{fmt.Sprintf("feature %q: %v", spec.Name, err)}
	}
	none := []float64{math.NaN()}
	*l = frozen.Learned{Count: []uint64{all.counts.N()}, Missing: []uint64{all.missing}, Labels: d,
		Min: none, Max: none, Mean: none, Var: none}
	return nil
}

// dictionary derives the categories. An error is for labels that make none, or that
// are none of those given.
func (l *labels) dictionary(e *scale.Encoding) (*frozen.Dictionary, error) {
	names, counts := l.sorted()
	if len(names) == 0 && l.counts.N() > 0 && e.Categories == nil {
		return nil, fmt.Errorf("none of its labels came more often than %d times, which is what may be lost of each beyond max_tracked (%d): raise it, or leave the feature out", l.counts.Error(), e.MaxTracked)
	}
	d := &frozen.Dictionary{Error: l.counts.Error()}
	d.Categories, d.Infrequent = scale.EncodingParams(*e, names, counts, l.counts.N()+l.missing)
	d.Kind = l.kind(d.Categories)
	if d.Counts = counts; e.Categories == nil {
		return d, nil
	}
	d.Counts = make([]uint64, len(d.Categories))
	return d, l.given(d, e, names, counts)
}

// given sets the counts of categories that were given. An error is for a label that
// is none of them, where the encoding rejects such labels: scikit-learn refuses it
// too.
func (l *labels) given(d *frozen.Dictionary, e *scale.Encoding, names [][]byte, counts []uint64) error {
	place := make(map[string]int, len(d.Categories))
	for code, label := range d.Categories {
		place[label] = code
	}
	for i, name := range names {
		code, ok := place[string(name)]
		switch {
		case ok:
			d.Counts[code] = counts[i]
		case e.Rejects():
			return fmt.Errorf("label %.64q of %d training records is none of the categories given: add it, or set handle_unknown", name, counts[i])
		}
	}
	if e.Rejects() && !l.counts.Exact() {
		return fmt.Errorf("it has more labels than max_tracked (%d) holds, so some are none of the %d categories given: add them, or set handle_unknown", e.MaxTracked, len(e.Categories))
	}
	return nil
}
