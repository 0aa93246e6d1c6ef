package fit

import (
	"fmt"
	"math"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/sketch"
)

// A feature is what a State learns of one number of its records, of one array, or of
// a label.
// Each group of an array has a slot in each series; the groups of all series
// together, which they share or which are pooled, come once, in the slots from 0.
type feature struct {
	learner
	pre      []scale.Step
	size     int // numbers of a record
	layout   frozen.Layout
	own      int              // slots of each series
	shared   int              // slots of all series together, which come before
	missing  []uint64         // values, by slot
	domain   uint64           // values that a pre-transform cannot map
	distinct *sketch.Distinct // of a number by itself, if it is learned, or of a label; else nil
	labels   *labels          // of a label, which has no slots; nil of numbers
	scratch  []float64        // a record's numbers after pre
	run      []float64        // those of one group
}

// newFeature returns one that has learned nothing. A label comes behind so many others
// in a row.
func newFeature(spec *frozen.Feature, labels int) (feature, error) {
	f := feature{learner: new(moments), size: spec.Size(), layout: spec.Layout()}
	if !spec.Learns() {
		return f, nil
	}
	var err error
	if spec.Encoding != nil {
		f.distinct = sketch.NewDistinct()
		f.labels, err = newLabels(spec.Encoding, labels)
		return f, err
	}
	if spec.NeedsQuantiles() {
		f.learner = new(digests)
	}
	if f.own = f.layout.Groups; spec.Shared() {
		f.own, f.shared = 0, f.layout.Groups
	} else if spec.Pooled {
		f.shared = f.layout.Groups
	}
	if spec.Shape == nil {
		f.distinct = sketch.NewDistinct()
	}
	f.scratch, f.run = make([]float64, f.size), make([]float64, f.layout.Share())
	f.grow(f.shared)
	f.pre, err = spec.Steps()
	return f, err
}

// grow adds slots.
func (f *feature) grow(slots int) {
	for range slots {
		f.Grow()
		f.missing = append(f.missing, 0)
	}
}

// first returns the slot of the first group of a series, of its own if there is
// one.
func (f *feature) first(series int32) int {
	if f.own == 0 {
		return 0
	}
	return f.shared + int(series)*f.own
}

// learns reports whether the feature has any slots.
func (f *feature) learns() bool { return f.own+f.shared > 0 }

// pools reports whether what a series learns all learn together, too.
func (f *feature) pools() bool { return f.own > 0 && f.shared > 0 }

// learn gives values to the slot of a group of a series, of which so many are
// missing besides, and to that of all series.
func (f *feature) learn(first, group int, values []float64, missing uint64) error {
	f.missing[first+group] += missing
	if err := f.Observe(first+group, values); err != nil || !f.pools() {
		return err
	}
	f.missing[group] += missing
	return together(f.Observe(group, values))
}

// observeRow learns from one record, the numbers of which begin at at.
func (f *feature) observeRow(series int32, row *record.Row, at int) error {
	if f.labels != nil {
		return f.observeLabel(&row.Labels[f.labels.at])
	}
	return f.observe(series, row.Numbers[at:at+f.size])
}

// observe learns from the numbers of one record.
func (f *feature) observe(series int32, x []float64) error {
	if !f.learns() {
		return nil
	}
	if f.size == 1 {
		return f.observeNumber(f.first(series), x[0])
	}
	return f.observeArray(f.first(series), x)
}

func (f *feature) observeNumber(slot int, x float64) error {
	f.scratch[0] = x // where groups look for it, too
	v := x
	if len(f.pre) > 0 {
		frozen.Apply(f.pre, f.scratch)
		v = f.scratch[0]
	}
	if v != v {
		if x == x {
			f.domain++
		}
		return f.learn(slot, 0, nil, 1)
	}
	if f.distinct != nil {
		f.distinct.Add(v)
	}
	if err := f.Add(slot, v); err != nil || !f.pools() {
		return err
	}
	return together(f.Add(0, v))
}

// together says that it was not the series which an error came from.
func together(err error) error {
	if err != nil {
		return fmt.Errorf("all series together: %w", err)
	}
	return nil
}

func (f *feature) observeArray(first int, x []float64) error {
	copy(f.scratch, x)
	if len(f.pre) > 0 {
		frozen.Apply(f.pre, f.scratch)
		f.domain += countMissing(f.scratch) - countMissing(x)
	}
	for g := range f.layout.Groups {
		values := f.gather(g)
		if err := f.learn(first, g, values, uint64(len(f.run)-len(values))); err != nil {
			return err
		}
	}
	return nil
}

// gather returns the values of one group, in the order of the array.
func (f *feature) gather(group int) []float64 {
	n := 0
	for o := range f.layout.Outer {
		from := (o*f.layout.Groups + group) * f.layout.Inner
		for _, x := range f.scratch[from : from+f.layout.Inner] {
			f.run[n] = x
			if x == x {
				n++
			}
		}
	}
	return f.run[:n]
}

func countMissing(x []float64) (n uint64) {
	for _, v := range x {
		if math.IsNaN(v) {
			n++
		}
	}
	return n
}
