package stream

import (
	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/store"
)

// Identity is what an artifact is called, and how it is to be applied: the part
// of the configuration that changes nothing of what is learned.
type Identity struct {
	Pipeline  string
	Revision  int
	Normalize store.Normalize
	Splits    fit.Splits
	Output    record.Output
}

// A Result is a frozen fit.
type Result struct {
	Manifest store.Manifest
	Frozen   *frozen.Frozen
	Merged   *fit.Merged
}

// merge merges the partitions at the first call.
func (f *Fit) merge() *fit.Merged {
	if f.merged == nil {
		f.merged = fit.Merge(f.Plan, []*fit.State{f.State})
	}
	return f.merged
}

// Judge refuses a fit that learned nothing, although something was to be learned,
// or came too late to more than the share maxLate of its records.
func (f *Fit) Judge(maxLate float64) error {
	if all(f.Plan.Features, func(x *frozen.Feature) bool { return !x.Learns() }) {
		return nil
	}
	counts := f.Counts()
	return counts.Judge(&f.Plan.Cutoff, maxLate)
}

func all(features []frozen.Feature, is func(*frozen.Feature) bool) bool {
	for i := range features {
		if !is(&features[i]) {
			return false
		}
	}
	return true
}

// Freeze merges the partitions and derives the parameters, once. Features that
// require exact quantiles want Fitter.Sharpen before.
func (f *Fit) Freeze(id Identity) (*Result, error) {
	merged := f.merge()
	fr, err := merged.Freeze()
	if err != nil {
		return nil, err
	}
	if fr.Series().Len() == 0 && !all(f.Plan.Features, (*frozen.Feature).Shared) {
		return nil, &fit.Refusal{Message: "no series has enough training records (normalize.min_samples)"}
	}
	r := &Result{Frozen: fr, Merged: merged, Manifest: store.Manifest{
		Format:     store.Format,
		Pipeline:   id.Pipeline,
		Revision:   id.Revision,
		Plan:       *f.Plan,
		Columns:    fr.Columns(),
		Widths:     fr.Widths(),
		Ranges:     f.Ranges(),
		Records:    f.recordCounts(fr),
		Series:     merged.Counts(),
		Algorithms: store.CurrentAlgorithms(),
		Normalize:  id.Normalize,
		Splits:     id.Splits,
		Output:     id.Output,
		Examples:   fr.Examples(),
	}}
	r.Manifest.Incomplete = r.Manifest.Gone() > 0
	for i := range f.Plan.Features {
		r.Manifest.Pooled = append(r.Manifest.Pooled, merged.Pooled(i))
	}
	return r, nil
}

func (f *Fit) recordCounts(fr *frozen.Frozen) store.RecordCounts {
	counts := f.Counts()
	rc := store.RecordCounts{Train: counts.Train, Rejected: map[string]int64{}}
	for _, n := range fr.Records() {
		rc.Learned += n
	}
	for reason, n := range counts.Before {
		if n > 0 {
			rc.Rejected[record.Reason(reason).String()] = n
		}
	}
	return rc
}
