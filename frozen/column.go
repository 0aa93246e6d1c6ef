package frozen

import (
	"fmt"
	"math"
	"slices"

	"tare/record"
	"tare/scale"
)

// A column is a feature ready for use. An entry is the place of one group's
// statistics: that of one series, or of all where they are shared.
type column struct {
	Learned
	pre      []scale.Step
	step     scale.Step
	turns    scale.Turns // step, if it can take groups in turn; else nil
	width    int         // parameters of an entry
	given    []float64   // the parameters, learned or fixed
	lo, hi   []float64   // the range of an entry: infinite where nothing is learned
	constant float64     // imputed whatever the entry; NaN if not
	labels   *labels     // what encodes a label; nil of a number
	size     int         // numbers of a record
	outputs  int         // numbers that Transform writes
	layout   Layout
	shared   bool       // one entry a group for all series
	common   int        // the first entry of all series together, if there is one
	pools    bool       // whether there is, for unknown series
	alone    bool       // normalized by the record alone
	norm     scale.Norm // step, if it is one
	by       []*column  // what a record is divided by; nil for one that is not there
	member   bool       // of a Group, which takes its place among the outputs
	told     int        // steps of pre that the feature names: one more may keep to the scaler's domain
	target   bool       // its outputs stand last
	from, to int        // of its first number in a record, and in what Transform writes
}

// newColumn joins a feature and its numbers, which are of so many series.
func newColumn(f *Feature, l *Learned, series int) (column, error) {
	c := column{Learned: *l, width: len(f.Scaler.Params()), given: l.Params, lo: l.Min, hi: l.Max,
		constant: math.NaN(), size: f.Size(), outputs: f.Size(), layout: f.Layout(), shared: f.Shared(), target: f.Role == RoleTarget}
	var err error
	if f.Encoding != nil {
		if c.labels, err = newLabels(f.Encoding, l.Labels); err != nil {
			return c, err
		}
		c.outputs = c.labels.outputs
		return c, nil
	}
	if c.pre, err = f.Steps(); err != nil {
		return c, err
	}
	c.told = len(f.Pre)
	if c.step, err = scale.New(f.Scaler); err != nil {
		return c, err
	}
	c.common, c.pools = f.Common(series)
	c.turns, _ = c.step.(scale.Turns)
	switch c.alone = f.Scaler.Alone(); {
	case f.Fixed != nil:
		c.fix(f.Fixed)
	case c.alone:
		c.norm, _ = c.step.(scale.Norm)
		c.lo, c.hi = []float64{math.Inf(-1)}, []float64{math.Inf(1)}
	}
	if f.Impute.Kind == ImputeConstant {
		v := []float64{f.Impute.Constant}
		Apply(c.pre, v)
		if c.constant = v[0]; math.IsNaN(c.constant) {
			return c, fmt.Errorf("impute: constant %v is outside the domain of the pre-transforms or the scaler", f.Impute.Constant)
		}
	}
	return c, nil
}

// fix takes numbers in the place of learned ones.
func (c *column) fix(f *Fixed) {
	for g := range c.layout.Groups {
		c.given = append(c.given, f.Mean[min(g, len(f.Mean)-1)], f.Scale[min(g, len(f.Scale)-1)])
		c.lo, c.hi = append(c.lo, math.Inf(-1)), append(c.hi, math.Inf(1))
	}
}

// serves reports whether there are numbers for a series.
func (c *column) serves(id int32) bool { return id >= 0 || c.shared || c.pools && id == Pooled }

// first returns the first entry of a series that the column serves.
func (c *column) first(id int32) int {
	switch {
	case c.shared:
		return 0
	case id == Pooled:
		return c.common
	}
	return int(id) * c.layout.Groups
}

// params returns what the scaler learned of so many entries.
func (c *column) params(entry, n int) []float64 {
	if c.Offsets != nil {
		return c.given[c.Offsets[entry]:c.Offsets[entry+n]]
	}
	return c.given[entry*c.width : (entry+n)*c.width]
}

// imputed returns what stands in for a missing value; NaN for nothing.
func (c *column) imputed(entry int) float64 {
	if c.Learned.Impute != nil {
		return c.Learned.Impute[entry]
	}
	return c.constant
}

// imputes reports whether missing values may be filled in.
func (c *column) imputes() bool { return c.Learned.Impute != nil || c.constant == c.constant }

// transform writes the normalized numbers of a series to dst, which is not x.
func (c *column) transform(dst, x []float64, id int32) record.Flags {
	if c.size == 1 {
		return c.number(dst, x[0], c.first(id))
	}
	return c.array(dst, x, c.first(id))
}

// number normalizes a number by itself.
func (c *column) number(dst []float64, x float64, entry int) (flags record.Flags) {
	flags = c.prepare(dst, x, entry)
	c.step.Transform(dst, dst, c.params(entry, 1))
	return flags
}

// prepare sets dst[0] to what the scaler is given of a number by itself.
func (c *column) prepare(dst []float64, x float64, entry int) (flags record.Flags) {
	dst[0] = x
	Apply(c.pre, dst)
	if v := dst[0]; !(c.lo[entry] <= v && v <= c.hi[entry]) {
		flags = c.outside(dst, x, entry)
	}
	return flags
}

// outside says what it means that the number v[0], which was x before the
// pre-transforms, is not within its range, and fills it in if it is missing.
func (c *column) outside(v []float64, x float64, entry int) (flags record.Flags) {
	switch {
	case v[0] < c.lo[entry] || v[0] > c.hi[entry]:
		return record.OutOfRange
	case v[0] == v[0]: // there is no range: nothing was learned
		return 0
	case x == x:
		flags = record.OutOfRange
	}
	if c.imputes() {
		if v[0] = c.imputed(entry); v[0] == v[0] {
			flags |= record.Imputed
		}
	}
	return flags
}

// array normalizes an array, of which first is the entry of group 0.
func (c *column) array(dst, x []float64, first int) (flags record.Flags) {
	asIs := len(c.pre) == 0 && !c.imputes()
	if !asIs {
		copy(dst, x)
		Apply(c.pre, dst)
	}
	for at := 0; at < len(x); {
		group, sets, n := c.layout.piece(at)
		end := min(at+n, len(x))
		if asIs {
			flags |= c.scaleRaw(dst[at:end], x[at:end], first+group, sets)
		} else {
			flags |= c.inspect(dst[at:end], x[at:end], first+group, sets)
			c.scale(dst[at:end], dst[at:end], first+group, sets)
		}
		at = end
	}
	return flags
}

// scaleRaw runs a piece through the scaler that nothing comes before.
func (c *column) scaleRaw(dst, x []float64, entry, sets int) (flags record.Flags) {
	if !c.scale(dst, x, entry, sets) {
		flags = c.inspect(x, x, entry, sets)
	}
	return flags
}

// inspect holds the numbers of a piece against the ranges of their groups, as
// number does: v are x after the pre-transforms, to be filled in.
func (c *column) inspect(v, x []float64, entry, sets int) (flags record.Flags) {
	for i, y := range v {
		at := entry + i%sets
		if !(c.lo[at] <= y && y <= c.hi[at]) {
			flags |= c.outside(v[i:i+1], x[i], at)
		}
	}
	return flags
}

// scale runs a piece through the scaler; dst may be x. It reports whether all
// numbers are known to be within the ranges of their groups.
func (c *column) scale(dst, x []float64, entry, sets int) (inside bool) {
	if c.turns != nil {
		return c.turns.TransformTurns(dst, x, c.params(entry, sets), c.lo[entry:entry+sets], c.hi[entry:entry+sets])
	}
	if sets == 1 {
		c.step.Transform(dst, x, c.params(entry, 1))
		return false
	}
	for i := range x {
		c.step.Transform(dst[i:i+1], x[i:i+1], c.params(entry+i%sets, 1))
	}
	return false
}

// inverse maps normalized numbers of a series back, in place.
func (c *column) inverse(y []float64, id int32) {
	first := c.first(id)
	if c.size == 1 {
		c.unscale(y, first, 1)
		c.undo(y)
		return
	}
	for at := 0; at < len(y); {
		group, sets, n := c.layout.piece(at)
		end := min(at+n, len(y))
		c.unscale(y[at:end], first+group, sets)
		at = end
	}
	c.undo(y)
}

// unscale undoes scale.
func (c *column) unscale(y []float64, entry, sets int) {
	switch {
	case sets == 1:
		c.step.Inverse(y, y, c.params(entry, 1))
	case c.turns != nil:
		c.turns.InverseTurns(y, y, c.params(entry, sets))
	default:
		for i := range y {
			c.step.Inverse(y[i:i+1], y[i:i+1], c.params(entry+i%sets, 1))
		}
	}
}

// undo maps numbers back from behind the pre-transforms.
func (c *column) undo(x []float64) {
	for _, step := range slices.Backward(c.pre) {
		step.Inverse(x, x, nil)
	}
}
