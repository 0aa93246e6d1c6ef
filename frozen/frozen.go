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
}

// New checks and joins what was learned: the features, the names of the series
// in byte order, the training records of each, and the numbers of each feature.
// It keeps all of its arguments.
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
		if err := learned[i].check(&features[i].Scaler, records); err != nil {
			return nil, fmt.Errorf("feature %q: %w", features[i].Name, err)
		}
		c, err := newColumn(&features[i], &learned[i])
		if err != nil {
			return nil, fmt.Errorf("feature %q: %w", features[i].Name, err)
		}
		f.columns = append(f.columns, c)
	}
	return f, nil
}

// Features returns how each feature is normalized; not to be changed.
func (f *Frozen) Features() []Feature { return f.features }

// Series returns the names of the learned series in byte order.
func (f *Frozen) Series() *Series { return f.series }

// Records returns the number of training records of each series.
func (f *Frozen) Records() []uint64 { return f.records }

// Learned returns the numbers of a feature; not to be changed.
func (f *Frozen) Learned(feature int) *Learned { return &f.columns[feature].Learned }

// Params returns what the scaler of a feature learned of a series, in the order
// of scale.Spec.Params; a view that must not be changed.
func (f *Frozen) Params(feature int, id int32) []float64 { return f.columns[feature].params(id) }

// Columns returns the names of the numbers that Transform writes, as
// scikit-learn's get_feature_names_out does.
func (f *Frozen) Columns() []string {
	names := make([]string, len(f.features))
	for i := range f.features {
		names[i] = f.features[i].Name
	}
	return names
}

// Unknown is the id of a series that was not learned.
const Unknown int32 = -1

// Find returns the number of a series, or Unknown.
func (f *Frozen) Find(series []byte) int32 {
	if id, ok := f.series.Find(series); ok {
		return id
	}
	return Unknown
}

// Transform writes the normalized numbers of r, a record of series id, to dst,
// one for each of Columns; NaN is missing. All are missing where id is Unknown.
//
// A value beyond the training range, or outside the domain of a pre-transform,
// is flagged OutOfRange.
func (f *Frozen) Transform(dst []float64, r *record.Row, id int32) record.Flags {
	if id == Unknown {
		for i := range f.columns {
			dst[i] = math.NaN()
		}
		return record.UnknownSeries
	}
	var flags record.Flags
	for i := range f.columns {
		flags |= f.columns[i].transform(dst[i:i+1], r.Numbers[i], id)
	}
	return flags
}

func (c *column) transform(dst []float64, x float64, id int32) (flags record.Flags) {
	dst[0] = x
	Apply(c.pre, dst)
	switch v := dst[0]; {
	case v < c.Min[id] || v > c.Max[id]:
		flags = record.OutOfRange
	case v != v:
		if x == x {
			flags = record.OutOfRange
		}
		if dst[0] = c.imputed(id); dst[0] == dst[0] {
			flags |= record.Imputed
		}
	}
	c.step.Transform(dst, dst, c.params(id))
	return flags
}

// Inverse writes to dst what Transform maps to y for series id, in the units of
// the record. dst may be y. Where id is Unknown it copies.
func (f *Frozen) Inverse(dst, y []float64, id int32) {
	for i := range f.columns {
		dst[i] = y[i]
		if id != Unknown {
			f.columns[i].inverse(dst[i:i+1], id)
		}
	}
}

// A Trace follows one value through its feature.
type Trace struct {
	Raw        float64
	Pre        []float64 // after each pre-transform
	Imputed    bool
	In         float64 // what the scaler is given
	Params     []float64
	Normalized float64
	Inverse    float64
	OutOfRange bool
}

// Explain follows the value x of a feature through the steps for series id,
// which must be known.
func (f *Frozen) Explain(feature int, x float64, id int32) Trace {
	c := &f.columns[feature]
	t := Trace{Raw: x, Params: c.params(id)}
	y := []float64{x}
	for i := range c.pre {
		Apply(c.pre[i:i+1], y)
		t.Pre = append(t.Pre, y[0])
	}
	t.In = y[0]
	flags := c.transform(y, x, id)
	t.Imputed = flags&record.Imputed != 0
	t.OutOfRange = flags&record.OutOfRange != 0
	if t.Imputed {
		t.In = c.imputed(id)
	}
	t.Normalized = y[0]
	c.inverse(y, id)
	t.Inverse = y[0]
	return t
}
