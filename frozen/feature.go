package frozen

import (
	"tare/record"
	"tare/scale"
)

// A Feature says how one number of a record, or one array of them, is normalized:
// the pre-transforms in order, then the scaler. Impute fills in what is missing
// after the pre-transforms. Or it says how a label is encoded.
type Feature struct {
	Name   string      `json:"name"`
	Pre    []scale.Pre `json:"pre,omitempty"`
	Scaler scale.Spec  `json:"scaler"`
	Impute Impute      `json:"impute,omitzero"`
	Shape  []int       `json:"shape,omitempty"` // of an array, as in schema.Feature
	// Per says which numbers of an array share statistics: none at all where it is
	// empty, all with PerNone, and those with the same index of an axis where it is
	// the number of that axis, from "0".
	Per string `json:"per,omitempty"`
	// Scope says which series share statistics: none where it is empty, and all
	// with ScopeGlobal, also those that were not learned.
	Scope string `json:"scope,omitempty"`
	// Pooled has the statistics of all series together learned besides those of each,
	// for series that were not learned. A feature that is Shared has them anyway.
	Pooled bool   `json:"pooled,omitempty"`
	Fixed  *Fixed `json:"fixed,omitempty"` // in place of what would be learned; nil to learn
	// By names what a ratio scaler divides by: single numbers of the record as they
	// come, one for each index of the last axis, or one for all.
	By []string `json:"by,omitempty"`
	// Exact has the training stretch read again for a robust scaler's quantiles: it
	// is ExactRequire, ExactPrefer or, to take them of the sketch, empty.
	Exact string `json:"exact,omitempty"`
	// Role says what a model does with the feature: it reads it where this is empty,
	// and predicts it with RoleTarget. Targets stand behind all others and are never
	// imputed.
	Role string `json:"role,omitempty"`
	// Encoding has the feature be a label: nil is a number. The categories of a label
	// are those of all series, so its Scope is ScopeGlobal. Its scaler is none, and
	// all that is of numbers empty.
	Encoding *scale.Encoding `json:"encoding,omitempty"`
}

// RoleTarget as the Role of a Feature stands for what a model predicts.
const RoleTarget = "target"

// What a Feature's Exact says where the stretch is no longer all there.
const (
	ExactRequire = "require" // the freeze is refused
	ExactPrefer  = "prefer"  // the quantiles are the sketch's
)

// PerNone as the Per of a Feature stands for one set of statistics of the whole
// array.
const PerNone = "none"

// ScopeGlobal as the Scope of a Feature stands for one set of statistics of all
// series together.
const ScopeGlobal = "global"

// Fixed are the numbers of a standard scaler that are known, as those of a model
// that was trained elsewhere: a value x after the pre-transforms becomes
// (x - Mean) / Scale, whatever its series. Each has one number, or one a group.
type Fixed struct {
	Mean  []float64 `json:"mean"`
	Scale []float64 `json:"scale"`
}

// An Impute names what stands in for a missing value. The zero Impute leaves it
// missing.
type Impute struct {
	Kind string `json:"kind,omitempty"` // mean or median of the training values, or constant
	// Constant is in the units of the record.
	Constant float64 `json:"constant,omitempty"`
}

// Kinds of Impute.
const (
	ImputeMean     = "mean"
	ImputeMedian   = "median"
	ImputeConstant = "constant"
)

// NeedsQuantiles reports whether learning the feature takes a quantile sketch.
func (f *Feature) NeedsQuantiles() bool {
	return f.Scaler.Sketched() || f.Impute.Kind == ImputeMedian
}

// Size returns the numbers of a feature: the product of its shape, 1 without.
func (f *Feature) Size() int {
	n := 1
	for _, extent := range f.Shape {
		n *= extent
	}
	return n
}

// Groups returns the sets of statistics that a feature has in each series, or in
// all together: 1 for a number.
func (f *Feature) Groups() int { return f.Layout().Groups }

// Shared reports whether one set of statistics a group is used for all series,
// known or not, or none at all.
func (f *Feature) Shared() bool { return f.Scope == ScopeGlobal || !f.Learns() }

// Entries returns how many entries Learned has with so many series: series after
// series, the groups of each in their order, and behind them those that are Pooled.
func (f *Feature) Entries(series int) int {
	switch {
	case !f.Learns():
		return 0
	case f.Scope == ScopeGlobal:
		return f.Groups()
	case f.Pooled:
		series++
	}
	return series * f.Groups()
}

// Common returns the first of the entries that are of all series together, the
// last that Learned has with so many series; false if there are none.
func (f *Feature) Common(series int) (entry int, ok bool) {
	if !f.Learns() || f.Scope != ScopeGlobal && !f.Pooled {
		return 0, false
	}
	return f.Entries(series) - f.Groups(), true
}

// Learned is what was learned of one feature: for each series, in the order of
// their names, one entry a group, and then, if it is Pooled, one a group for all
// together; with ScopeGlobal only the latter; nothing where nothing is learned.
// Statistics are those of the values after the pre-transforms.
type Learned struct {
	Count, Missing []uint64  // training values present, and absent
	Min, Max       []float64 // NaN where Count is 0, as all that follow
	Mean, Var      []float64 // Var has ddof 0
	Impute         []float64 // what stands in for a missing value; nil unless learned
	// Exact tells whether the quantiles are those of the values, to the last bit,
	// or a sketch's; nil unless the feature wants them exact.
	Exact []bool
	// Params holds what the scaler needs, entry after entry: Scaler.Params()
	// numbers each, or, where it is ragged, those from Offsets[i] to Offsets[i+1].
	Params  []float64
	Offsets []uint64 // of ragged Params, one more than entries; else nil
	// Labels are the categories of a feature that is a label, of which Count and
	// Missing count the records, and Min, Max, Mean and Var are NaN; else nil.
	Labels *Dictionary
}

// A Dictionary is what was learned of a label: its categories, the place of each
// of which is its code.
type Dictionary struct {
	Categories []string
	Counts     []uint64  // training records of each, of which Error may be missing
	Infrequent []float64 // of each, as scale.EncodingParams gives it
	// Error is how many records a count may lack: 0 unless more labels came than
	// were tracked, and then a label that came no more often may have no category.
	Error uint64
	Kind  record.LabelKind // how the inverse writes a label
}

// Steps builds what a value goes through before the scaler: the pre-transforms, and
// what makes missing a value that the scaler has no result for.
func (f *Feature) Steps() ([]scale.Step, error) {
	steps := make([]scale.Step, 0, len(f.Pre)+1)
	for _, p := range f.Pre {
		step, err := scale.NewPre(p)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	if domain := f.Scaler.Domain(); domain != nil {
		steps = append(steps, domain)
	}
	return steps, nil
}

// Apply runs x through steps that learn nothing, in place. NaN comes out where
// x is NaN or outside the domain of one of them.
func Apply(steps []scale.Step, x []float64) {
	for _, step := range steps {
		step.Transform(x, x, nil)
	}
}
