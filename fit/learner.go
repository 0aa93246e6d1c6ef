package fit

import (
	"tare/sketch"
	"tare/welford"
)

// A learner keeps what one feature learns, a slot for each group of each series.
// Neither At nor Merge changes a slot.
type learner interface {
	// Grow adds a slot.
	Grow()
	// Observe takes values, none of which is NaN or infinite, in their order.
	Observe(slot int, x []float64) error
	// Add is Observe of one value, a quarter sooner: most features have no more.
	Add(slot int, x float64) error
	// At returns a view of a slot.
	At(slot int) accumulator
	// Absorb adds to a slot what a slot of another partition's learner holds.
	Absorb(into int, from learner, slot int) error
	// Restore sets a slot to what an accumulator has written.
	Restore(slot int, data []byte) error
	// Merge makes an accumulator of the given slots, one of each learner in turn.
	Merge(slots []slotOf) (accumulator, error)
}

// A slotOf is a slot of some partition's learner of the same feature.
type slotOf struct {
	learner learner
	slot    int
}

// An accumulator holds what was learned of one group of one series and feature.
type accumulator interface {
	Moments() welford.Moments
	Min() float64
	Max() float64
	AppendBinary(dst []byte) ([]byte, error)
}

// A slab is a growing array that never moves: pointers into it stay good. Its
// chunks hold no pointers where T holds none.
type slab[T any] struct {
	chunks []*[slabChunk]T
	n      int
}

const (
	slabBits  = 6
	slabChunk = 1 << slabBits // of 1.9 kB digests: 119 kB, which fill 15 pages of the allocator
)

func (s *slab[T]) Grow() {
	if s.n%slabChunk == 0 {
		s.chunks = append(s.chunks, new([slabChunk]T))
	}
	s.n++
}

func (s *slab[T]) at(slot int) *T { return &s.chunks[slot>>slabBits][slot%slabChunk] }

// moments learns mean, variance, minimum and maximum.
type moments struct{ slab[welford.Running] }

func (m *moments) Observe(slot int, x []float64) error { return m.at(slot).AddAll(x) }

func (m *moments) Add(slot int, x float64) error { return m.at(slot).Add(x) }

func (m *moments) At(slot int) accumulator { return m.at(slot) }

func (m *moments) Absorb(into int, from learner, slot int) error {
	m.at(into).Merge(from.(*moments).at(slot))
	return nil
}

func (m *moments) Restore(slot int, data []byte) error { return m.at(slot).UnmarshalBinary(data) }

func (m *moments) Merge(slots []slotOf) (accumulator, error) {
	if len(slots) == 1 {
		return slots[0].learner.(*moments).at(slots[0].slot), nil
	}
	merged := new(welford.Running)
	for _, s := range slots {
		merged.Merge(s.learner.(*moments).at(s.slot))
	}
	return merged, nil
}

// digests learns quantiles besides.
type digests struct{ slab[sketch.Quantiles] }

func (d *digests) Observe(slot int, x []float64) error { return d.at(slot).AddAll(x) }

func (d *digests) Add(slot int, x float64) error { return d.at(slot).Add(x) }

func (d *digests) At(slot int) accumulator { return d.at(slot) }

func (d *digests) Absorb(into int, from learner, slot int) error {
	return d.at(into).Merge(from.(*digests).at(slot))
}

func (d *digests) Restore(slot int, data []byte) error { return d.at(slot).UnmarshalBinary(data) }

func (d *digests) Merge(slots []slotOf) (accumulator, error) {
	if len(slots) == 1 {
		return slots[0].learner.(*digests).at(slots[0].slot), nil
	}
	merged := new(sketch.Quantiles)
	for _, s := range slots {
		if err := merged.Merge(s.learner.(*digests).at(s.slot)); err != nil {
			return nil, err
		}
	}
	return merged, nil
}
