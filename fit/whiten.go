package fit

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"tare/frozen"
	"tare/scale"
	"tare/welford"
)

// A group is what a State learns of features that are whitened together: the
// covariance of the rows in which no member is missing, in a slot of each series,
// or in slot 0 of all.
type group struct {
	members []int // in State.features
	empty   welford.Covariance
	quartic bool
	own     int // slots of each series: 1, or 0 if all share one
	words   int // of a covariance
	chunk   int // covariances of a chunk
	chunks  [][]float64
	place   []int32 // of a slot's covariance in the chunks, from 1; 0 is one of no rows
	used    int32
	skipped []uint64  // rows with a missing member, by slot
	row     []float64 // work space
}

// chunkWords is how many words the chunks of covariances have at least.
const chunkWords = 1 << 13

// members returns the places in Features of the members of a group.
func (p *Plan) members(g *frozen.Group) (members []int) {
	for _, name := range g.Members {
		is := func(f frozen.Feature) bool { return f.Name == name }
		members = append(members, slices.IndexFunc(p.Features, is))
	}
	return members
}

func newGroup(plan *Plan, spec *frozen.Group) group {
	d := len(spec.Members)
	g := group{members: plan.members(spec), quartic: spec.LedoitWolf, own: 1, row: make([]float64, d)}
	g.empty = welford.NewCovariance(d, g.quartic)
	g.words = welford.CovarianceWords(d, g.quartic)
	g.chunk = 1 + chunkWords/g.words
	if spec.Shared() {
		g.own = 0
		g.grow(1)
	}
	return g
}

func (g *group) grow(slots int) {
	for range slots {
		g.place = append(g.place, 0)
		g.skipped = append(g.skipped, 0)
	}
}

// shared returns the slots of all series together.
func (g *group) shared() int { return 1 - g.own }

// first returns the slot of a series.
func (g *group) first(series int32) int { return int(series) * g.own }

// at returns the covariance of a slot. Of one that has no rows it is not to be
// changed.
func (g *group) at(slot int) welford.Covariance {
	if g.place[slot] == 0 {
		return g.empty
	}
	return g.view(g.place[slot] - 1)
}

// view returns the covariance at a place in the chunks.
func (g *group) view(place int32) welford.Covariance {
	at := int(place) % g.chunk * g.words
	return welford.CovarianceIn(g.chunks[int(place)/g.chunk][at:at+g.words], len(g.row), g.quartic)
}

// open returns the covariance of a slot, to be changed.
func (g *group) open(slot int) welford.Covariance {
	if g.place[slot] == 0 {
		if int(g.used)%g.chunk == 0 {
			g.chunks = append(g.chunks, make([]float64, g.chunk*g.words))
		}
		g.used++
		g.place[slot] = g.used
	}
	return g.view(g.place[slot] - 1)
}

// observe learns from what the features have left of one record.
func (g *group) observe(series int32, features []feature) error {
	slot := g.first(series)
	for i, m := range g.members {
		x := features[m].scratch[0]
		if math.IsNaN(x) {
			g.skipped[slot]++
			return nil
		}
		g.row[i] = x
	}
	c := g.open(slot)
	return c.Add(g.row)
}

// absorb adds a slot of o to one of g.
func (g *group) absorb(into int, o *group, from int) {
	g.skipped[into] += o.skipped[from]
	if o.place[from] != 0 {
		c, of := g.open(into), o.at(from)
		c.Merge(&of)
	}
}

// appendSlots appends n slots: u64 skipped, u32 length of the covariance, and its
// bytes.
func (g *group) appendSlots(b []byte, first, n int) []byte {
	for slot := first; slot < first+n; slot++ {
		b = binary.LittleEndian.AppendUint64(b, g.skipped[slot])
		b = append(b, 0, 0, 0, 0)
		at := len(b)
		c := g.at(slot)
		b, _ = c.AppendBinary(b)
		binary.LittleEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	}
	return b
}

// The smallest number of bytes of a covariance, which is one of no rows, and of a
// slot.
const (
	leastCovariance = 5
	leastGroup      = 8 + 4 + leastCovariance
)

// slots reads n slots of a group.
func (in *stateReader) slots(g *group, first, n int) error {
	for slot := first; slot < first+n; slot++ {
		skipped := in.uint(8)
		data := in.take(int64(in.uint(4)))
		if in.err != nil {
			return in.err
		}
		g.skipped[slot] = skipped
		c := g.empty
		if len(data) > leastCovariance {
			c = g.open(slot)
		}
		if err := c.UnmarshalBinary(data); err != nil {
			return err
		}
	}
	return nil
}

// whitening reads the slot of one series, which is of all its records.
func (in *stateReader) whitening(g *group, series int32, records uint64) error {
	first := g.first(series)
	if err := in.slots(g, first, g.own); err != nil || g.own == 0 {
		return err
	}
	return g.checkSlot(first, records)
}

// checkSlot holds the rows of a slot against the records that it was learned from.
func (g *group) checkSlot(slot int, records uint64) error {
	c := g.at(slot)
	if sum, carry := bits.Add64(c.N(), g.skipped[slot], 0); carry != 0 || sum != records {
		return fmt.Errorf("%d rows and %d skipped in %d records", c.N(), g.skipped[slot], records)
	}
	return nil
}

// Skipped returns the training records that the k-th group did not learn from, as one of
// its members was missing: of all series together.
func (m *Merged) Skipped(k int) (n uint64) {
	for _, s := range m.states {
		for _, skipped := range s.groups[k].skipped {
			n += skipped
		}
	}
	return n
}

// covariance joins what the partitions learned of one entry of the k-th group.
func (m *Merged) covariance(k, entry int) welford.Covariance {
	spec := &m.plan.Whiten[k]
	c := welford.NewCovariance(len(spec.Members), spec.LedoitWolf)
	merge := func(g *group, slot int) {
		if g.place[slot] != 0 {
			part := g.at(slot)
			c.Merge(&part)
		}
	}
	if spec.Shared() {
		for _, s := range m.states {
			merge(&s.groups[k], 0)
		}
		return c
	}
	for _, p := range m.of(entry) {
		merge(&m.states[p.state].groups[k], int(p.slot))
	}
	return c
}

// whiten derives the projections of all groups.
func (m *Merged) whiten() ([]frozen.Whitened, error) {
	whitened := make([]frozen.Whitened, len(m.plan.Whiten))
	for k := range whitened {
		if err := m.freezeGroup(&whitened[k], k); err != nil {
			return nil, fmt.Errorf("group %q: %w", m.plan.Whiten[k].Name, err)
		}
	}
	return whitened, nil
}

func (m *Merged) freezeGroup(w *frozen.Whitened, k int) (err error) {
	spec := &m.plan.Whiten[k]
	d := len(spec.Members)
	comoments := make([]float64, d*(d+1)/2)
	for entry := range spec.Entries(m.Series()) {
		c := m.covariance(k, entry)
		s := scale.Sample{N: c.N(), Mean: make([]float64, d), Comoments: comoments}
		s.Quartic = c.Read(s.Mean, comoments)
		m.plan.scales(&s, spec)
		w.Count = append(w.Count, s.N)
		w.Params, err = scale.WhiteningParams(w.Params, spec.Whitening, s)
		switch {
		case err != nil && spec.Shared():
			return err
		case err != nil:
			return fmt.Errorf("series %q: %w", m.Name(entry), err)
		}
	}
	return nil
}

// scales sets what the members are divided by before they are whitened: what the
// scaler standard makes of the rows that the covariance is of.
func (p *Plan) scales(s *scale.Sample, spec *frozen.Group) {
	var params [2]float64
	for i, m := range p.members(spec) {
		f := &p.Features[m]
		if !frozen.Scaled(f) || s.N == 0 {
			continue
		}
		if s.Scale == nil {
			s.Scale = slices.Repeat([]float64{1}, len(spec.Members))
		}
		variance := s.Comoments[i*(i+3)/2] / float64(s.N)
		scale.StandardParams(params[:0], f.Scaler, s.N, s.Mean[i], variance)
		s.Scale[i] = params[1]
	}
}

// groupBytes is what one series of a group costs while learning, and in the
// artifact.
func groupBytes(g *frozen.Group) (state, artifact int) {
	d := len(g.Members)
	outputs, _ := g.Width(d)
	return 8 + 4 + 8*welford.CovarianceWords(d, g.LedoitWolf), 8 + 8*g.Numbers(outputs)
}
