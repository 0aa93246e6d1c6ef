// Package fit learns. A Cutoff decides which records may be learned from, a
// Partition follows one partition to its seal, a State takes in its training
// records, and Merge joins the states and freezes the result. Nothing here is
// safe for concurrent use: each partition has its own Partition and State.
package fit

import (
	"fmt"
	"slices"
	"unsafe"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sketch"
	"tare/welford"
)

// A Plan is the semantic configuration: all that decides what is learned. The
// same log, plan and seals give the same artifact.
type Plan struct {
	Record     schema.Schema    `json:"record"`
	Features   []frozen.Feature `json:"features"` // in the order of Record.Features
	Whiten     []frozen.Group   `json:"whiten,omitempty"`
	Norms      []frozen.Norm    `json:"norms,omitempty"`
	Cutoff     Cutoff           `json:"cutoff"`
	MinSamples int              `json:"min_samples"` // training records a series needs
	MaxSeries  int              `json:"max_series"`  // series kept; later ones are unknown
}

// Validate refuses a plan that cannot be carried out.
func (p *Plan) Validate() error {
	if len(p.Features) != len(p.Record.Features) || len(p.Features) == 0 {
		return fmt.Errorf("%d features of %d fields", len(p.Features), len(p.Record.Features))
	}
	for i := range p.Features {
		if err := checkFeature(&p.Features[i], &p.Record.Features[i]); err != nil {
			return err
		}
		if i > 0 && p.Features[i-1].Role == frozen.RoleTarget && p.Features[i].Role != frozen.RoleTarget {
			return fmt.Errorf("feature %q stands behind the target %q, want targets last", p.Features[i].Name, p.Features[i-1].Name)
		}
	}
	if err := frozen.CheckGroups(p.Features, p.Whiten); err != nil {
		return err
	}
	if err := frozen.CheckNorms(p.Features, p.Whiten, p.Norms); err != nil {
		return err
	}
	if p.MinSamples < 1 || p.MaxSeries < 1 {
		return fmt.Errorf("min_samples is %d and max_series %d, want at least 1", p.MinSamples, p.MaxSeries)
	}
	return p.Cutoff.Validate()
}

func checkFeature(f *frozen.Feature, from *schema.Feature) error {
	if f.Name != from.Name {
		return fmt.Errorf("feature %q reads the field of %q", f.Name, from.Name)
	}
	if !slices.Equal(f.Shape, from.Shape) {
		return fmt.Errorf("feature %q has the shape %v, its field %v", f.Name, f.Shape, from.Shape)
	}
	if (f.Encoding != nil) != from.Label {
		return fmt.Errorf("feature %q and its field do not agree whether it is a label", f.Name)
	}
	if err := schema.CheckShape(f.Shape); err != nil {
		return fmt.Errorf("feature %q: %w", f.Name, err)
	}
	if err := f.Validate(); err != nil {
		return fmt.Errorf("feature %q: %w", f.Name, err)
	}
	return nil
}

// A State is what one partition has learned.
type State struct {
	plan     *Plan
	series   frozen.Series
	records  []uint64
	features []feature
	groups   []group
	distinct *sketch.Distinct // of the series
	overflow uint64
	parts    [][]part  // of the partitions absorbed, itself the first; nil for none
	snapshot *Snapshot // under way, or nil
}

// NewState returns a state that has learned nothing. It keeps plan, which is
// valid.
func NewState(plan *Plan) (*State, error) {
	s := &State{plan: plan, distinct: sketch.NewDistinct()}
	labels := 0
	for i := range plan.Features {
		f, err := newFeature(&plan.Features[i], labels)
		if err != nil {
			return nil, fmt.Errorf("feature %q: %w", plan.Features[i].Name, err)
		}
		if f.labels != nil {
			labels++
		}
		s.features = append(s.features, f)
	}
	for i := range plan.Whiten {
		s.groups = append(s.groups, newGroup(plan, &plan.Whiten[i]))
	}
	return s, nil
}

// Observe learns from one row. The caller has asked Partition.Observe.
func (s *State) Observe(row *record.Row) error {
	slot, ok := s.slot(row.Series)
	if !ok {
		s.overflow++
		return nil
	}
	if s.snapshot != nil {
		s.snapshot.keep(slot)
	}
	s.records[slot]++
	at := 0
	for i := range s.features {
		f := &s.features[i]
		if err := f.observeRow(slot, row, at); err != nil {
			return fmt.Errorf("series %q, feature %q: %w", row.Series, s.plan.Features[i].Name, err)
		}
		at += f.size
	}
	for i := range s.groups {
		if err := s.groups[i].observe(slot, s.features); err != nil {
			return fmt.Errorf("series %q, group %q: %w", row.Series, s.plan.Whiten[i].Name, err)
		}
	}
	return nil
}

// slot returns the slot of a series, a new one where there is room.
func (s *State) slot(series []byte) (slot int32, ok bool) {
	if s.series.Len() >= s.plan.MaxSeries {
		return s.series.Find(series)
	}
	return s.grow(series), true
}

// grow returns the slot of a series, a new one where it has none.
func (s *State) grow(series []byte) (slot int32) {
	slot, added := s.series.Add(series)
	if added {
		s.distinct.AddBytes(series)
		s.addSlot()
	}
	return slot
}

func (s *State) addSlot() {
	s.records = append(s.records, 0)
	for i := range s.features {
		s.features[i].grow(s.features[i].own)
	}
	for i := range s.groups {
		s.groups[i].grow(s.groups[i].own)
	}
}

// Series returns the number of series.
func (s *State) Series() int { return s.series.Len() }

// Overflow returns the number of records of series beyond max_series, which
// were not learned.
func (s *State) Overflow() uint64 { return s.overflow }

// Records returns the number of records taken in, those of series beyond
// max_series too. It goes over all series.
func (s *State) Records() uint64 {
	n := s.overflow
	for _, records := range s.records {
		n += records
	}
	return n
}

// BytesPerSeries estimates what one more series costs: bytes of state while
// learning, and bytes of artifact, of all groups of an array. Names count as 24
// bytes, quantile landmarks as the most that a sketch gives.
func BytesPerSeries(p *Plan) (state, artifact int) {
	const name = 24
	state, artifact = name+8+32, name+8+8
	for i := range p.Features {
		f := &p.Features[i]
		if f.Shared() {
			continue
		}
		state += f.Groups() * stateBytes(f)
		artifact += f.Groups() * artifactBytes(f)
	}
	for i := range p.Whiten {
		if g := &p.Whiten[i]; !g.Shared() {
			s, a := groupBytes(g)
			state, artifact = state+s, artifact+a
		}
	}
	return state, artifact
}

// stateBytes is what one group of a series costs while learning.
func stateBytes(f *frozen.Feature) int {
	if f.NeedsQuantiles() {
		return 8 + int(unsafe.Sizeof(sketch.Quantiles{}))
	}
	return 8 + int(unsafe.Sizeof(welford.Running{}))
}

// mostLandmarks are the most points that a sketch's curve has.
const mostLandmarks = 258

// artifactBytes is what one group of a series costs in the artifact.
func artifactBytes(f *frozen.Feature) int {
	each := 1
	if f.Scaler.Ragged() {
		each = mostLandmarks
		if f.Scaler.Kind == scale.KBins {
			each = f.Scaler.NBins + 1
		}
	}
	n := 6*8 + 8*len(f.Scaler.Params())*each
	if f.Scaler.Ragged() {
		n += 8
	}
	if f.Impute.Kind == frozen.ImputeMean || f.Impute.Kind == frozen.ImputeMedian {
		n += 8
	}
	return n
}
