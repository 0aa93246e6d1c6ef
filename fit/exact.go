package fit

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/sketch"
)

// Exact returns the strictest that a feature says about exact quantiles:
// frozen.ExactRequire before frozen.ExactPrefer, empty of none.
func (p *Plan) Exact() (strictest string) {
	for i := range p.Features {
		if exact := p.Features[i].Exact; exact != "" && strictest != frozen.ExactRequire {
			strictest = exact
		}
	}
	return strictest
}

// An Exact finds the quantiles of those features that want them exact, and of
// which the digests no longer are: the training stretch is read again, pass
// after pass, and a sketch.Selection looks for each value that a quantile is
// made of. What it finds goes into the Merged that it is of, to be frozen.
//
//	more, err := e.Next()
//	for ; more && err == nil; more, err = e.Next() {
//		// For each partition a Sieve, of which Observe is given all training
//		// records, and Exact.Take whenever it says so and at the end.
//	}
//
// The Sieves of a pass can be used side by side; Next and Take can not, nor one
// beside another. The order in which records are taken changes nothing.
type Exact struct {
	merged   *Merged
	features []exactFeature
	own      []exactGroup // of each series
	shared   []exactGroup // of all series together, which they share or which are pooled
	width    int          // numbers of a record
	most     int          // searches at a time
	next     int          // what has been looked at: first shared, then own of one series after the other
	passes   int

	searches []search // of this pass: those of shared, then by series
	cells    []sketch.Cell
	common   int           // searches of all series together
	names    frozen.Series // of the series that have searches
	starts   []int32       // of each of names in searches, and their end
}

// An exactFeature is a feature that wants exact quantiles.
type exactFeature struct {
	feature int       // in Plan.Features
	at      int       // of its numbers in those of a record
	ranks   []float64 // the quantiles, between 0 and 1
	// values are, for each entry and rank, the two between which the quantile lies,
	// where the digest is not exact.
	values [][2]float64
}

// An exactGroup is a group of a feature's numbers.
type exactGroup struct {
	feature int // in Exact.features
	group   int
	at      int // of its first number in what a Sieve collects of a record
	share   int // numbers
}

// A search looks for the values of one entry around one quantile.
type search struct {
	group  *exactGroup
	series int32 // -1 of all together
	rank   int32
	sketch.Selection
}

const searchSize = int(unsafe.Sizeof(search{}) + unsafe.Sizeof(sketch.Cell{}))

// Exact returns what finds the exact quantiles in about so many bytes of memory,
// besides what it finds; nil if no feature wants them.
func (m *Merged) Exact(memory int) (*Exact, error) {
	if m.plan.Exact() == "" {
		return nil, nil
	}
	e := &Exact{merged: m, most: memory / searchSize}
	at := 0
	for i := range m.plan.Features {
		f := &m.plan.Features[i]
		if f.Exact != "" {
			e.add(i, at)
		}
		at += f.Size()
	}
	return e, e.fill()
}

// add takes up a feature, of which the numbers in a record begin at at.
func (e *Exact) add(feature, at int) {
	spec := &e.merged.plan.Features[feature]
	f := exactFeature{feature: feature, at: at, ranks: ranks(&spec.Scaler)}
	f.values = make([][2]float64, e.merged.Entries(feature)*len(f.ranks))
	layout := spec.Layout()
	for g := range layout.Groups {
		group := exactGroup{len(e.features), g, e.width, layout.Share()}
		if !spec.Shared() {
			e.own = append(e.own, group)
		}
		if spec.Shared() || spec.Pooled {
			e.shared = append(e.shared, group)
		}
		e.width += layout.Share()
	}
	e.features = append(e.features, f)
}

// ranks lists the quantiles of a robust scaler but for minimum and maximum.
func ranks(s *scale.Spec) []float64 {
	all := []float64{s.QuantileRange[0] / 100, 0.5, s.QuantileRange[1] / 100}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(q float64) bool { return q == 0 || q == 1 })
}

// lower returns the position in n sorted values of the lower one of the two that
// numpy's linear interpolation takes for a quantile q < 1. It is below n-1, as the
// product is rounded down there.
func lower(q float64, n uint64) uint64 { return uint64(q * float64(n-1)) }

// Next judges the pass that has ended, if there was one, and begins another. It
// reports false when everything is known. A *ChangedError says that the records
// read were not those that were learned.
func (e *Exact) Next() (more bool, err error) {
	if e.passes > 0 {
		if err := e.settle(); err != nil {
			return false, err
		}
		if err := e.fill(); err != nil {
			return false, err
		}
	}
	e.passes++
	e.index()
	if len(e.searches) == 0 {
		e.merged.exact = e
	}
	return len(e.searches) > 0, nil
}

// A ChangedError says that a stretch was not the same when it was read again.
type ChangedError struct{ Message string }

// Error returns the message.
func (e *ChangedError) Error() string { return e.Message }

// settle ends all searches that have found their values.
func (e *Exact) settle() error {
	left := e.searches[:0]
	for i := range e.searches {
		s := &e.searches[i]
		f := &e.features[s.group.feature]
		entry := e.entry(s)
		found, err := s.Settle(&e.cells[i])
		if errors.Is(err, sketch.ErrChanged) {
			return &ChangedError{fmt.Sprintf("%sfeature %q: %v", e.merged.whose(f.feature, entry), e.merged.plan.Features[f.feature].Name, err)}
		}
		if !found {
			left = append(left, *s)
			continue
		}
		value := &f.values[entry*len(f.ranks)+int(s.rank)]
		value[0], value[1] = s.Values()
	}
	e.searches = left
	return nil
}

// entry returns where a search belongs in frozen.Learned.
func (e *Exact) entry(s *search) int {
	spec := &e.merged.plan.Features[e.features[s.group.feature].feature]
	if s.series >= 0 {
		return int(s.series)*spec.Groups() + s.group.group
	}
	common, _ := spec.Common(e.merged.Series())
	return common + s.group.group
}

// fill adds searches as long as there are more, and room for them.
func (e *Exact) fill() error {
	all := len(e.shared) + e.merged.Series()*len(e.own)
	for ; e.next < all && (len(e.searches) == 0 || len(e.searches)+3 <= e.most); e.next++ {
		s := search{series: -1}
		if i := e.next - len(e.shared); i < 0 {
			s.group = &e.shared[e.next]
		} else {
			s.series, s.group = int32(i/len(e.own)), &e.own[i%len(e.own)]
		}
		if err := e.enlist(s); err != nil {
			return err
		}
	}
	return nil
}

// enlist adds a search like s for each rank, if the digest has blended values.
func (e *Exact) enlist(s search) error {
	f := &e.features[s.group.feature]
	acc, err := e.merged.accumulate(f.feature, e.entry(&s))
	if err != nil {
		return err
	}
	var c sketch.Curve
	acc.(*sketch.Quantiles).Curve(&c)
	if c.Exact() {
		return nil
	}
	for i, q := range f.ranks {
		s.rank, s.Selection = int32(i), c.Select(lower(q, c.N))
		e.searches = append(e.searches, s)
	}
	return nil
}

// index makes the searches to be found by the names of their series.
func (e *Exact) index() {
	e.names, e.starts, e.common = frozen.Series{}, e.starts[:0], 0
	last := int32(-1)
	for i := range e.searches {
		series := e.searches[i].series
		if series < 0 {
			e.common++
		} else if series != last {
			e.names.Add(e.merged.Name(int(series)))
			e.starts = append(e.starts, int32(i))
			last = series
		}
	}
	e.starts = append(e.starts, int32(len(e.searches)))
	e.cells = slices.Grow(e.cells[:0], len(e.searches))[:len(e.searches)]
}

// A Sieve takes what a pass is to see from the records of one partition. It is
// good for that pass.
type Sieve struct {
	exact    *Exact
	features []feature      // of Exact.features, to prepare their numbers
	taken    *frozen.Series // those that the State took in, where it left some out; else nil
	slots    []int32        // of the records that wait, in Exact.names; -1 of another
	keys     []sketch.Key   // of their numbers, Exact.width each; 0 is missing
}

// waiting is about how many numbers a Sieve collects.
const waiting = 1 << 13

// Sieve returns one for a partition. It is to see all records that the State of
// the partition has learned from, in the same order.
func (e *Exact) Sieve() (*Sieve, error) {
	s := &Sieve{exact: e}
	for i := range e.features {
		spec := &e.merged.plan.Features[e.features[i].feature]
		pre, err := spec.Steps()
		if err != nil {
			return nil, err
		}
		layout := spec.Layout()
		s.features = append(s.features, feature{pre: pre, size: spec.Size(), layout: layout,
			scratch: make([]float64, spec.Size()), run: make([]float64, layout.Share())})
	}
	if e.merged.counts.RecordsUnknown > 0 {
		s.taken = new(frozen.Series)
	}
	return s, nil
}

// Observe takes one training record, and reports whether it is time for
// Exact.Take.
func (s *Sieve) Observe(row *record.Row) (full bool) {
	if s.taken != nil && !s.learned(row.Series) {
		return false
	}
	slot, ok := s.exact.names.Find(row.Series)
	if !ok {
		slot = -1
	}
	if !ok && s.exact.common == 0 {
		return false
	}
	s.slots = append(s.slots, slot)
	for i := range s.features {
		f, at := &s.features[i], s.exact.features[i].at
		copy(f.scratch, row.Numbers[at:at+f.size])
		frozen.Apply(f.pre, f.scratch)
		for g := range f.layout.Groups {
			values := f.gather(g)
			for _, x := range values {
				s.keys = append(s.keys, sketch.KeyOf(x))
			}
			for range len(f.run) - len(values) {
				s.keys = append(s.keys, 0)
			}
		}
	}
	return len(s.keys) >= waiting
}

// learned reports whether the State had room for the series.
func (s *Sieve) learned(series []byte) bool {
	if s.taken.Len() >= s.exact.merged.plan.MaxSeries {
		_, ok := s.taken.Find(series)
		return ok
	}
	s.taken.Add(series)
	return true
}

// Take takes in what a Sieve has collected.
func (e *Exact) Take(s *Sieve) {
	for i, slot := range s.slots {
		keys := s.keys[i*e.width : (i+1)*e.width]
		e.take(0, e.common, keys)
		if slot >= 0 {
			e.take(int(e.starts[slot]), int(e.starts[slot+1]), keys)
		}
	}
	s.slots, s.keys = s.slots[:0], s.keys[:0]
}

// take shows the numbers of a record to some searches.
func (e *Exact) take(from, to int, keys []sketch.Key) {
	for i := from; i < to; i++ {
		s := &e.searches[i]
		for _, key := range keys[s.group.at : s.group.at+s.group.share] {
			if key != 0 {
				s.Add(key, &e.cells[i])
			}
		}
	}
}

// refine leads the curve of a digest that is no longer exact through the values
// that were found.
func (e *Exact) refine(c *sketch.Curve, feature, entry int) {
	f := &e.features[slices.IndexFunc(e.features, func(f exactFeature) bool { return f.feature == feature })]
	positions, values := make([]float64, 0, 8), make([]float64, 0, 8)
	add := func(position, value float64) {
		if n := len(positions); n == 0 || position > positions[n-1] {
			positions, values = append(positions, position), append(values, value)
		}
	}
	add(0, c.Quantile(0))
	for i, q := range f.ranks {
		p, v := float64(lower(q, c.N)), f.values[entry*len(f.ranks)+i]
		add(p, v[0])
		add(p+1, v[1])
	}
	add(float64(c.N-1), c.Quantile(1))
	c.Refine(positions, values)
}
