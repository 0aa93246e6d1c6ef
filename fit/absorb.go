package fit

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"tare/welford"
)

// A part is what all series of one partition say of one feature.
type part struct {
	moments welford.Moments
	lo, hi  float64 // +Inf and -Inf of nothing
	missing uint64
}

func (p *part) add(o *part) {
	p.moments.Merge(&o.moments)
	p.lo, p.hi = min(p.lo, o.lo), max(p.hi, o.hi)
	p.missing += o.missing
}

// partitions returns the parts by feature of each partition that the state has
// taken in, in partition order.
func (s *State) partitions() [][]part {
	if s.parts != nil {
		return s.parts
	}
	slots := make([]int32, s.series.Len())
	for i := range slots {
		slots[i] = int32(i)
	}
	slices.SortFunc(slots, func(a, b int32) int { return bytes.Compare(s.series.Name(a), s.series.Name(b)) })
	own := make([]part, len(s.features))
	for i := range s.features {
		own[i] = s.features[i].pool(slots)
	}
	return [][]part{own}
}

// pool joins the groups of all series: as they were learned together, else those
// of the series in the order given.
func (f *feature) pool(series []int32) part {
	p := part{lo: math.Inf(1), hi: math.Inf(-1)}
	for slot := range f.shared {
		f.poolSlot(&p, slot)
	}
	if f.shared > 0 {
		return p
	}
	for _, s := range series {
		for slot := f.first(s); slot < f.first(s)+f.own; slot++ {
			f.poolSlot(&p, slot)
		}
	}
	return p
}

func (f *feature) poolSlot(p *part, slot int) {
	acc := f.At(slot)
	moments := acc.Moments()
	p.moments.Merge(&moments)
	p.missing += f.missing[slot]
	if moments.N > 0 {
		p.lo, p.hi = min(p.lo, acc.Min()), max(p.hi, acc.Max())
	}
}

// Absorb takes in all that o, the state of a later partition, has learned, so
// that o can go. What comes of it at the freeze is the same to the last bit as
// if both had been kept. Neither state may observe any more, nor have a Snapshot
// under way.
func (s *State) Absorb(o *State) error {
	s.parts = append(s.partitions(), o.partitions()...)
	s.distinct.Merge(o.distinct)
	s.overflow += o.overflow
	for from := range int32(o.series.Len()) {
		name := o.series.Name(from)
		into := s.grow(name)
		s.records[into] += o.records[from]
		for i := range s.features {
			f, g := &s.features[i], &o.features[i]
			if err := f.absorb(f.first(into), g, g.first(from), f.own); err != nil {
				return fmt.Errorf("series %q, feature %q: %w", name, s.plan.Features[i].Name, err)
			}
		}
		for i := range s.groups {
			if g := &s.groups[i]; g.own > 0 {
				g.absorb(g.first(into), &o.groups[i], g.first(from))
			}
		}
	}
	for i := range s.features {
		f, g := &s.features[i], &o.features[i]
		if err := f.absorb(0, g, 0, f.shared); err != nil {
			return fmt.Errorf("feature %q: %w", s.plan.Features[i].Name, err)
		}
		f.domain += g.domain
		if f.labels != nil {
			if err := f.labels.absorb(g.labels); err != nil {
				return fmt.Errorf("feature %q: %w", s.plan.Features[i].Name, err)
			}
		}
		if f.distinct != nil {
			f.distinct.Merge(g.distinct)
		}
	}
	for i := range s.groups {
		if g := &s.groups[i]; g.own == 0 {
			g.absorb(0, &o.groups[i], 0)
		}
	}
	return nil
}

// absorb adds n slots of o to as many of f.
func (f *feature) absorb(into int, o *feature, from, n int) error {
	for k := range n {
		f.missing[into+k] += o.missing[from+k]
		if err := f.Absorb(into+k, o.learner, from+k); err != nil {
			return err
		}
	}
	return nil
}
