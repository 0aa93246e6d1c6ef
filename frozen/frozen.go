// Package frozen applies what was learned. A Frozen holds numbers, one column a
// feature and one entry a series; it normalizes rows with them and maps
// normalized rows back. It never learns, imports nothing that could, and is
// safe for concurrent use.
package frozen

import (
	"bytes"
	"fmt"
	"math"

	"tare/record"
)

// Frozen normalizes rows with the numbers of a training stretch.
type Frozen struct {
	features []Feature
	series   *Series
	records  []uint64
	columns  []column
	groups   []group
	norms    []norm
	inputs   int
	labels   int // features that are labels
	width    int
	keyed    bool // some feature has statistics for each series
}

// New checks and joins what was learned: the features, the names of the series
// in byte order, the training records of each, and the numbers of each feature.
// It keeps all of its arguments. The features are valid.
func New(features []Feature, series *Series, records []uint64, learned []Learned) (*Frozen, error) {
	f := &Frozen{features: features, series: series, records: records}
	if len(learned) != len(features) {
		return nil, fmt.Errorf("%d features but the numbers of %d", len(features), len(learned))
	}
	if len(records) != series.Len() {
		return nil, fmt.Errorf("%d series but the record counts of %d", series.Len(), len(records))
	}
	for id := int32(1); id < int32(series.Len()); id++ {
		if bytes.Compare(series.Name(id-1), series.Name(id)) >= 0 {
			return nil, fmt.Errorf("series %q does not sort after %q", series.Name(id), series.Name(id-1))
		}
	}
	for i := range features {
		if err := learned[i].check(&features[i], records); err != nil {
			return nil, fmt.Errorf("feature %q: %w", features[i].Name, err)
		}
		c, err := newColumn(&features[i], &learned[i], series.Len())
		if err != nil {
			return nil, fmt.Errorf("feature %q: %w", features[i].Name, err)
		}
		f.append(c)
	}
	f.join()
	if err := f.checkColumns(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Frozen) append(c column) {
	c.from, c.to = f.inputs, f.width
	if c.labels != nil {
		c.labels = c.labels.placed(f.labels)
		f.labels++
	}
	f.columns = append(f.columns, c)
	f.inputs += c.size
	f.width += c.outputs
	f.keyed = f.keyed || !c.shared
}

// Targets returns what f does to its targets alone, which stand last: to none if
// it has none. It shares the numbers of f. Those that are divided by another number
// of their record are missing, for it is not there.
func (f *Frozen) Targets() *Frozen {
	first := len(f.features)
	for first > 0 && f.features[first-1].Role == RoleTarget {
		first--
	}
	t := &Frozen{features: f.features[first:], series: f.series, records: f.records}
	for _, c := range f.columns[first:] {
		t.append(c)
	}
	t.join()
	return t
}

// Features returns how each feature is normalized; not to be changed.
func (f *Frozen) Features() []Feature { return f.features }

// Series returns the names of the learned series in byte order.
func (f *Frozen) Series() *Series { return f.series }

// Records returns the number of training records of each series.
func (f *Frozen) Records() []uint64 { return f.records }

// Learned returns the numbers of a feature; not to be changed.
func (f *Frozen) Learned(feature int) *Learned { return &f.columns[feature].Learned }

// Entry returns the place in Learned of the first group of a series, the others
// of which follow. It means nothing for a feature of which nothing is learned.
func (f *Frozen) Entry(feature int, id int32) int { return f.columns[feature].first(id) }

// Params returns what the scaler of a feature learned of a series, in the order
// of scale.Spec.Params, group after group; a view that must not be changed.
func (f *Frozen) Params(feature int, id int32) []float64 {
	c := &f.columns[feature]
	return c.params(c.first(id), c.layout.Groups)
}

// Columns returns the names of what Transform writes: one a number, as
// scikit-learn's get_feature_names_out does, also of what a label is encoded to, but
// an array's name once. Members of
// groups are left out; the outputs of the groups follow the other features, and
// targets stand last.
func (f *Frozen) Columns() []string {
	var names, targets []string
	for i := range f.features {
		switch c := &f.columns[i]; {
		case c.labels != nil && !c.target:
			names = append(names, c.labels.Names(f.features[i].Name)...)
		case c.target:
			targets = append(targets, f.features[i].Name)
		case !c.member:
			names = append(names, f.features[i].Name)
		}
	}
	for i := range f.groups {
		names = append(names, f.groups[i].columns()...)
	}
	return append(names, targets...)
}

// Width returns how many numbers Transform writes: an array's all.
func (f *Frozen) Width() int { return f.width }

// Inputs returns how many numbers a record has: an array's all, and one of a label.
func (f *Frozen) Inputs() int { return f.inputs }

// In place of the number of a series that was not learned.
const (
	Unknown int32 = -1 // only what is Shared has numbers for it
	Pooled  int32 = -2 // it has those of all series together, if they were learned
)

// Find returns the number of a series, or Unknown.
func (f *Frozen) Find(series []byte) int32 {
	if id, ok := f.series.Find(series); ok {
		return id
	}
	return Unknown
}

// Transform writes the normalized numbers of r, a record of series id, to dst,
// Width of them, in the order of Columns: an array's numbers as they came, the
// outputs of a group in the place of its members. NaN is missing; a group of which a
// member is missing is all missing. Where id is Unknown, all are missing but those of
// features that are Shared; where it is Pooled, those that are neither Shared nor
// Pooled. dst and the numbers of r must not overlap.
//
// A value beyond the training range, or outside the domain of a pre-transform or of
// the scaler, is flagged OutOfRange, as is one not from 0 to what divides it, a label
// that is none of the categories UnknownLabel, and an Unknown or Pooled series
// UnknownSeries unless all features are Shared.
func (f *Frozen) Transform(dst []float64, r *record.Row, id int32) (flags record.Flags) {
	if id < 0 && f.keyed {
		flags = record.UnknownSeries
	}
	for i := range f.columns {
		c := &f.columns[i]
		if c.member {
			continue
		}
		y, x := dst[c.to:c.to+c.outputs], r.Numbers[c.from:c.from+c.size]
		switch {
		case c.labels != nil:
			flags |= c.labels.transform(y, r)
		case c.alone:
			flags |= c.transformAlone(y, r.Numbers)
		case c.serves(id):
			flags |= c.transform(y, x, id)
		default:
			missing(y)
		}
	}
	for i := range f.groups {
		flags |= f.groups[i].transform(dst, r.Numbers, id)
	}
	for i := range f.norms {
		f.norms[i].transform(dst)
	}
	return flags
}

func missing(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
	}
}

// Inverse writes to dst what Transform maps to y for series id, in the units of
// the record, Inputs of them: of a label its code, which Codes tells; NaN is missing,
// and -1 unknown. dst may be y if there are no groups and no one-hot features. It
// copies the
// numbers that Transform has none for: where id is Unknown, all but those of features
// that are Shared; members of such groups are missing. So is what was divided by a
// norm. What was divided by another number of the record is multiplied by the inverse
// of that.
func (f *Frozen) Inverse(dst, y []float64, id int32) {
	for i := range f.columns {
		c := &f.columns[i]
		if c.member {
			continue
		}
		x := dst[c.from : c.from+c.size]
		if c.labels != nil {
			c.labels.Inverse(x, y[c.to:c.to+c.outputs], nil)
			continue
		}
		copy(x, y[c.to:c.to+c.size])
		if c.by == nil && c.serves(id) {
			c.inverse(x, id)
		}
	}
	for i := range f.groups {
		f.groups[i].inverse(dst, y, id)
	}
	f.inverseAlone(dst)
}

// A Trace follows one value through its feature. Of a label the value is its code.
type Trace struct {
	Raw        float64
	Pre        []float64 // after each pre-transform
	Imputed    bool
	In         float64 // what the scaler is given
	Params     []float64
	Normalized float64
	Outputs    []float64 // of a label all that it becomes; Normalized is the first, NaN if it becomes nothing
	Inverse    float64
	OutOfRange bool
}

// ExplainAt follows a number of a feature through the steps for series id, which
// must be one that the feature has numbers for: of an array the one at the place
// given; see ExplainLabel for a label. numbers are those of a record, Inputs of them. What a Norm makes of several
// features is not told.
func (f *Frozen) ExplainAt(feature, number int, numbers []float64, id int32) Trace {
	c := &f.columns[feature]
	if c.alone {
		return c.explainAlone(number, numbers)
	}
	x := numbers[c.from+number]
	entry := c.first(id) + c.layout.Group(number)
	t := c.trace(x)
	t.Params = c.params(entry, 1)
	y := []float64{0}
	flags := c.number(y, x, entry)
	t.Imputed = flags&record.Imputed != 0
	t.OutOfRange = flags&record.OutOfRange != 0
	if t.Imputed {
		t.In = c.imputed(entry)
	}
	t.Normalized = y[0]
	c.unscale(y, entry, 1)
	c.undo(y)
	t.Inverse = y[0]
	return t
}

// ExplainLabel follows the code of a label through its feature.
func (f *Frozen) ExplainLabel(feature int, code float64) Trace {
	return f.columns[feature].labels.explain(code)
}

// trace follows x through the pre-transforms.
func (c *column) trace(x float64) Trace {
	t := Trace{Raw: x}
	y := []float64{x}
	for i := range c.pre {
		Apply(c.pre[i:i+1], y)
		if i < c.told {
			t.Pre = append(t.Pre, y[0])
		}
	}
	t.In = y[0]
	return t
}
