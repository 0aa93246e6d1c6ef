package fit

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"tare/frozen"
	"tare/scale"
	"tare/sketch"
)

// Merged joins the states of all partitions, series by series in byte order,
// partition by partition within a series. It keeps the states and copies none
// of what they learned.
type Merged struct {
	plan   *Plan
	states []*State
	places []place    // in the order of (series, partition)
	starts []int      // of each kept series in places
	parts  [][][]part // of each state, its partitions' parts by feature
	counts SeriesCounts
	exact  *Exact // that has found all of its values, or nil
}

type place struct {
	state int32
	slot  int32
}

// SeriesCounts tell what became of the series of the training stretch.
type SeriesCounts struct {
	Learned         int    `json:"learned"`
	BelowMinSamples int    `json:"below_min_samples"`
	OverMaxSeries   int    `json:"over_max_series"`         // dropped at the merge
	RecordsUnknown  uint64 `json:"records_over_max_series"` // of series beyond max_series of a partition
	Distinct        uint64 `json:"distinct"`                // estimate, of all
}

// Merge joins states, which are in partition order and share a plan.
func Merge(plan *Plan, states []*State) *Merged {
	m := &Merged{plan: plan, states: states}
	distinct := sketch.NewDistinct()
	var all []place
	for i, s := range states {
		distinct.Merge(s.distinct)
		m.counts.RecordsUnknown += s.overflow
		for slot := range s.series.Len() {
			all = append(all, place{int32(i), int32(slot)})
		}
	}
	slices.SortFunc(all, func(a, b place) int {
		if c := bytes.Compare(m.name(a), m.name(b)); c != 0 {
			return c
		}
		return int(a.state - b.state)
	})
	for _, s := range states {
		m.parts = append(m.parts, s.partitions())
	}
	m.keep(all)
	m.counts.Distinct = distinct.Estimate()
	m.counts.Learned = m.Series()
	return m
}

// keep takes the series that have enough records, the first max_series of them.
func (m *Merged) keep(all []place) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && bytes.Equal(m.name(all[0]), m.name(all[n])) {
			n++
		}
		same := all[:n]
		all = all[n:]
		switch {
		case m.recordsOf(same) < uint64(m.plan.MinSamples):
			m.counts.BelowMinSamples++
		case len(m.starts) == m.plan.MaxSeries:
			m.counts.OverMaxSeries++
		default:
			m.starts = append(m.starts, len(m.places))
			m.places = append(m.places, same...)
		}
	}
	m.starts = append(m.starts, len(m.places))
}

func (m *Merged) name(p place) []byte { return m.states[p.state].series.Name(p.slot) }

func (m *Merged) recordsOf(places []place) (n uint64) {
	for _, p := range places {
		n += m.states[p.state].records[p.slot]
	}
	return n
}

// Series returns the number of series kept.
func (m *Merged) Series() int { return len(m.starts) - 1 }

// Counts returns what became of the series.
func (m *Merged) Counts() SeriesCounts { return m.counts }

// Name returns the name of a series kept.
func (m *Merged) Name(series int) []byte { return m.name(m.of(series)[0]) }

func (m *Merged) of(series int) []place { return m.places[m.starts[series]:m.starts[series+1]] }

// Entries returns how many entries a feature has in the order of
// frozen.Learned: series after series, the groups of each.
func (m *Merged) Entries(feature int) int { return m.plan.Features[feature].Entries(m.Series()) }

// accumulate joins what the partitions learned of one entry of a feature.
func (m *Merged) accumulate(feature, entry int) (accumulator, error) {
	slots := make([]slotOf, 0, 1)
	if slot, ok := m.common(feature, entry); ok {
		for _, s := range m.states {
			slots = append(slots, slotOf{s.features[feature].learner, slot})
		}
	} else {
		groups := m.plan.Features[feature].Groups()
		for _, p := range m.of(entry / groups) {
			of := &m.states[p.state].features[feature]
			slots = append(slots, slotOf{of.learner, of.first(p.slot) + entry%groups})
		}
	}
	acc, err := slots[0].learner.Merge(slots)
	if err != nil {
		return nil, fmt.Errorf("%sfeature %q: %w", m.whose(feature, entry), m.plan.Features[feature].Name, err)
	}
	return acc, nil
}

// common returns the slot of an entry that is of all series together; false of
// others.
func (m *Merged) common(feature, entry int) (slot int, ok bool) {
	first, ok := m.plan.Features[feature].Common(m.Series())
	return entry - first, ok && entry >= first
}

// whose names the series of an entry for an error; nothing where it is of all.
func (m *Merged) whose(feature, entry int) string {
	if _, ok := m.common(feature, entry); ok {
		return ""
	}
	return fmt.Sprintf("series %q, ", m.Name(entry/m.plan.Features[feature].Groups()))
}

// missing returns the missing values of one entry of a feature.
func (m *Merged) missing(feature, entry int) (n uint64) {
	if slot, ok := m.common(feature, entry); ok {
		for _, s := range m.states {
			n += s.features[feature].missing[slot]
		}
		return n
	}
	groups := m.plan.Features[feature].Groups()
	for _, p := range m.of(entry / groups) {
		of := &m.states[p.state].features[feature]
		n += of.missing[of.first(p.slot)+entry%groups]
	}
	return n
}

// AppendState appends the mergeable state of one entry of a feature, which is
// that of a series where it is a number by itself: the binary form of a
// sketch.Quantiles where the feature keeps one, of a sketch.Labels where it is a
// label, else of a welford.Running.
func (m *Merged) AppendState(dst []byte, feature, entry int) ([]byte, error) {
	if m.plan.Features[feature].Encoding != nil {
		all, err := m.labels(feature)
		if err != nil {
			return dst, err
		}
		return all.counts.AppendBinary(dst)
	}
	acc, err := m.accumulate(feature, entry)
	if err != nil {
		return dst, err
	}
	return acc.AppendBinary(dst)
}

// Distinct returns the merged distinct counter of a feature; nil of one that has
// none, as an array.
func (m *Merged) Distinct(feature int) *sketch.Distinct {
	var d *sketch.Distinct
	for _, s := range m.states {
		if of := s.features[feature].distinct; of != nil {
			if d == nil {
				d = sketch.NewDistinct()
			}
			d.Merge(of)
		}
	}
	return d
}

// DistinctSeries returns the merged distinct counter of the series, those that
// were not kept too.
func (m *Merged) DistinctSeries() *sketch.Distinct {
	d := sketch.NewDistinct()
	for _, s := range m.states {
		d.Merge(s.distinct)
	}
	return d
}

// A Pooled holds what all series together say of one feature, of all numbers of an
// array: the partitions in order, and in each its series in byte order or, where
// what they learn together is kept, its records in theirs.
// Where nothing is learned of a feature nothing is counted, and a label has no numbers.
type Pooled struct {
	Count    uint64        `json:"count"`
	Missing  uint64        `json:"missing"`
	Domain   uint64        `json:"outside_domain"` // of those missing: values that a pre-transform cannot map
	Min      frozen.Number `json:"min"`
	Max      frozen.Number `json:"max"`
	Mean     frozen.Number `json:"mean"`
	Var      frozen.Number `json:"var"`
	Distinct uint64        `json:"distinct"` // estimate; 0 of an array, of which it is not kept
}

// Pooled joins a feature over all series, those below min_samples too.
func (m *Merged) Pooled(feature int) Pooled {
	all := part{lo: math.Inf(1), hi: math.Inf(-1)}
	var out Pooled
	if d := m.Distinct(feature); d != nil {
		out.Distinct = d.Estimate()
	}
	for i, s := range m.states {
		out.Domain += s.features[feature].domain
		if l := s.features[feature].labels; l != nil {
			out.Count += l.counts.N()
			out.Missing += l.missing
		}
		for _, p := range m.parts[i] {
			all.add(&p[feature])
		}
	}
	out.Count, out.Missing = out.Count+all.moments.N, out.Missing+all.missing
	out.Min, out.Max = frozen.Number(math.NaN()), frozen.Number(math.NaN())
	if all.moments.N > 0 {
		out.Min, out.Max = frozen.Number(all.lo), frozen.Number(all.hi)
	}
	out.Mean, out.Var = frozen.Number(all.moments.Mean()), frozen.Number(all.moments.Variance())
	return out
}

// Freeze derives the parameters of every series and feature, once. Labels that cannot
// be encoded as asked are a *Refusal.
func (m *Merged) Freeze() (*frozen.Frozen, error) {
	series, records := new(frozen.Series), make([]uint64, m.Series())
	for i := range m.Series() {
		series.Add(m.Name(i))
		records[i] = m.recordsOf(m.of(i))
	}
	learned := make([]frozen.Learned, len(m.plan.Features))
	for i := range learned {
		if err := m.freeze(&learned[i], i, records); err != nil {
			return nil, err
		}
	}
	whitened, err := m.whiten()
	if err != nil {
		return nil, err
	}
	f, err := frozen.NewWhitened(m.plan.Features, series, records, learned, m.plan.Whiten, whitened)
	if columns, ok := errors.AsType[*frozen.ColumnsError](err); ok {
		return nil, &Refusal{columns.Message}
	}
	if err != nil {
		return nil, err
	}
	return f.Normed(m.plan.Norms)
}

// freeze derives the parameters of one feature. records are those of each series.
func (m *Merged) freeze(l *frozen.Learned, feature int, records []uint64) error {
	spec := &m.plan.Features[feature]
	if !spec.Learns() {
		return nil
	}
	if spec.Encoding != nil {
		return m.freezeLabels(l, feature)
	}
	n := m.Entries(feature)
	var curve sketch.Curve
	l.Count, l.Missing = make([]uint64, 0, n), make([]uint64, 0, n)
	for _, column := range []*[]float64{&l.Min, &l.Max, &l.Mean, &l.Var} {
		*column = make([]float64, 0, n)
	}
	if spec.Scaler.Ragged() {
		l.Offsets = append(make([]uint64, 0, n+1), 0)
	} else {
		l.Params = make([]float64, 0, n*len(spec.Scaler.Params()))
	}
	for i := range n {
		acc, err := m.accumulate(feature, i)
		if err != nil {
			return err
		}
		m.curve(&curve, acc, feature, i)
		if spec.Exact == frozen.ExactRequire && !curve.Exact() {
			return fmt.Errorf("%sfeature %q: its exact quantiles have not been read", m.whose(feature, i), spec.Name)
		}
		count, missing := acc.Moments().N, m.missing(feature, i)
		l.Count, l.Missing = append(l.Count, count), append(l.Missing, missing)
		summarize(l, acc)
		l.Params = derive(l.Params, &spec.Scaler, acc, count+missing, &curve)
		if l.Offsets != nil {
			l.Offsets = append(l.Offsets, uint64(len(l.Params)))
		}
		switch spec.Impute.Kind {
		case frozen.ImputeMean:
			l.Impute = append(l.Impute, l.Mean[i])
		case frozen.ImputeMedian:
			l.Impute = append(l.Impute, curve.Median())
		}
		if spec.Exact != "" {
			l.Exact = append(l.Exact, curve.Exact())
		}
	}
	return nil
}

// curve makes c the curve of acc, if that is a digest, through what was found
// exactly.
func (m *Merged) curve(c *sketch.Curve, acc accumulator, feature, entry int) {
	q, ok := acc.(*sketch.Quantiles)
	if !ok {
		return
	}
	if q.Curve(c); m.exact != nil && m.plan.Features[feature].Exact != "" && !c.Exact() {
		m.exact.refine(c, feature, entry)
	}
}

func summarize(l *frozen.Learned, acc accumulator) {
	moments := acc.Moments()
	lo, hi := acc.Min(), acc.Max()
	if moments.N == 0 {
		lo, hi = math.NaN(), math.NaN()
	}
	l.Min, l.Max = append(l.Min, lo), append(l.Max, hi)
	l.Mean, l.Var = append(l.Mean, moments.Mean()), append(l.Var, moments.Variance())
}

// derive appends the parameters that a scaler needs, c being the curve of acc. A
// new scaler is one case here.
func derive(p []float64, s *scale.Spec, acc accumulator, records uint64, c *sketch.Curve) []float64 {
	moments := acc.Moments()
	lo, hi := acc.Min(), acc.Max()
	if moments.N == 0 {
		lo, hi = math.NaN(), math.NaN()
	}
	switch s.Kind {
	case scale.Standard:
		return scale.StandardParams(p, *s, moments.N, moments.Mean(), moments.Variance())
	case scale.MinMax:
		return scale.MinMaxParams(p, *s, lo, hi)
	case scale.MaxAbs:
		return scale.MaxAbsParams(p, *s, lo, hi)
	case scale.Robust:
		return scale.RobustParams(p, *s, c.Quantile(s.QuantileRange[0]/100), c.Median(), c.Quantile(s.QuantileRange[1]/100))
	case scale.Quantile:
		return deriveQuantile(p, s, records, c)
	case scale.YeoJohnson, scale.BoxCox:
		return scale.PowerParams(p, *s, moments.N, moments.Mean(), moments.Variance(), parts(c))
	case scale.KBins:
		return scale.KBinsParams(p, *s, lo, hi, c.Step, parts(c))
	}
	return p
}

// deriveQuantile gives scikit-learn's landmarks while the sketch is exact, else
// the sketch's own anchors.
func deriveQuantile(p []float64, s *scale.Spec, records uint64, c *sketch.Curve) []float64 {
	if c.N == 0 {
		return p
	}
	ranks, values := c.Anchors()
	return scale.QuantileParams(p, *s, records, c.Exact(), c.Quantile, ranks, values)
}

// parts are those of a curve.
func parts(c *sketch.Curve) scale.Parts {
	lows, highs, counts := c.Parts()
	return scale.Parts{Lows: lows, Highs: highs, Counts: counts}
}
