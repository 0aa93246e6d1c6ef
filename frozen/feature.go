package frozen

import (
	"fmt"
	"math"
	"slices"

	"tare/scale"
)

// A Feature says how one number of a record is normalized: the pre-transforms
// in order, then the scaler. Impute fills in what is missing after the
// pre-transforms.
type Feature struct {
	Name   string      `json:"name"`
	Pre    []scale.Pre `json:"pre,omitempty"`
	Scaler scale.Spec  `json:"scaler"`
	Impute Impute      `json:"impute,omitzero"`
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
	return f.Scaler.Kind == scale.Robust || f.Scaler.Kind == scale.Quantile || f.Impute.Kind == ImputeMedian
}

// Learned is what was learned of one feature: one entry a series, in the order
// of the series' names. Statistics are those of the values after the
// pre-transforms.
type Learned struct {
	Count, Missing []uint64  // training values present, and absent
	Min, Max       []float64 // NaN where Count is 0, as all that follow
	Mean, Var      []float64 // Var has ddof 0
	Impute         []float64 // what stands in for a missing value; nil unless learned
	// Params holds what the scaler needs, series after series: Scaler.Params()
	// numbers each, or, where it is ragged, those from Offsets[i] to Offsets[i+1].
	Params  []float64
	Offsets []uint64 // of ragged Params, one more than series; else nil
}

// A column is a feature ready for use.
type column struct {
	Learned
	pre      []scale.Step
	step     scale.Step
	width    int
	constant float64 // imputed whatever the series; NaN if not
}

func newColumn(f *Feature, l *Learned) (column, error) {
	c := column{Learned: *l, width: len(f.Scaler.Params()), constant: math.NaN()}
	var err error
	if c.pre, err = Steps(f.Pre); err != nil {
		return c, err
	}
	if c.step, err = scale.New(f.Scaler); err != nil {
		return c, err
	}
	if f.Impute.Kind == ImputeConstant {
		v := []float64{f.Impute.Constant}
		Apply(c.pre, v)
		if c.constant = v[0]; math.IsNaN(c.constant) {
			return c, fmt.Errorf("impute: constant %v is outside the domain of the pre-transforms", f.Impute.Constant)
		}
	}
	return c, nil
}

// Steps builds the pre-transforms.
func Steps(pre []scale.Pre) ([]scale.Step, error) {
	steps := make([]scale.Step, 0, len(pre))
	for _, p := range pre {
		step, err := scale.NewPre(p)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
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

// params returns what the scaler learned of one series.
func (c *column) params(id int32) []float64 {
	if c.Offsets != nil {
		return c.Params[c.Offsets[id]:c.Offsets[id+1]]
	}
	return c.Params[int(id)*c.width : (int(id)+1)*c.width]
}

// imputed returns what stands in for a missing value; NaN for nothing.
func (c *column) imputed(id int32) float64 {
	if c.Learned.Impute != nil {
		return c.Learned.Impute[id]
	}
	return c.constant
}

// inverse maps normalized values of a series back, in place.
func (c *column) inverse(y []float64, id int32) {
	c.step.Inverse(y, y, c.params(id))
	for _, step := range slices.Backward(c.pre) {
		step.Inverse(y, y, nil)
	}
}
