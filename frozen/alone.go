package frozen

import (
	"errors"
	"fmt"
	"slices"

	"tare/record"
	"tare/scale"
)

// This file holds what is normalized by the record alone, so that nothing is
// learned: arrays by their own norm, numbers by another number of the record, and
// the outputs of several features by their norm.

// MaxBy is the most divisors that a feature may name.
const MaxBy = 64

// A Norm is some features of which the outputs in one record are divided by their
// norm, or standardized, together: scikit-learn's Normalizer behind their scalers.
// They keep their names and places. If one is missing all are, and there is no way
// back: their inverse is missing.
type Norm struct {
	Members []string `json:"features"` // names of features
	Norm    string   `json:"norm"`     // as in scale.NewNorm
}

// Learns reports whether anything is learned of the feature: not where its numbers
// are Fixed, and not where the record alone normalizes it.
func (f *Feature) Learns() bool { return f.Fixed == nil && !f.Scaler.Alone() }

// checkAlone refuses what is wrong with a feature that the record alone normalizes.
// That the divisors are there is for CheckNorms to say.
func (f *Feature) checkAlone() error {
	kind := f.Scaler.Kind
	if kind != scale.Ratio && f.By != nil {
		return fmt.Errorf("by of scaler %s, want none: it belongs to %s", kind, scale.Ratio)
	}
	switch {
	case !f.Scaler.Alone():
		return nil
	case f.Scope != "":
		return fmt.Errorf("scope %s of scaler %s, want none: nothing is learned", f.Scope, kind)
	case f.Impute.Kind == ImputeMean || f.Impute.Kind == ImputeMedian:
		return fmt.Errorf("impute %s of scaler %s, want %s: nothing is learned", f.Impute.Kind, kind, ImputeConstant)
	case kind == scale.Normalizer && f.Shape == nil:
		return fmt.Errorf("scaler %s of a single number, want an array, or norms of several numbers", kind)
	case kind == scale.Ratio && f.Per != "":
		return fmt.Errorf("per %.32q of scaler %s, want none", f.Per, kind)
	case kind == scale.Ratio:
		return f.checkBy()
	}
	return nil
}

func (f *Feature) checkBy() error {
	last := 1
	if f.Shape != nil {
		last = f.Shape[len(f.Shape)-1]
	}
	if n := len(f.By); n < 1 || n > MaxBy || n > 1 && n != last {
		return fmt.Errorf("%d divisors, want 1, or one for each index of the last axis, which are %d, at most %d", n, last, MaxBy)
	}
	return nil
}

// CheckNorms refuses divisors and norms that mean nothing for these valid features
// and groups.
func CheckNorms(features []Feature, groups []Group, norms []Norm) error {
	at, of := map[string]*Feature{}, map[string]string{}
	for i := range features {
		at[features[i].Name] = &features[i]
	}
	for i := range features {
		for _, by := range features[i].By {
			if err := checkDivisor(at[by]); err != nil {
				return fmt.Errorf("feature %q: by %.128q: %w", features[i].Name, by, err)
			}
		}
	}
	for i := range groups {
		for _, name := range groups[i].Members {
			of[name] = fmt.Sprintf("group %q", groups[i].Name)
		}
	}
	for i := range norms {
		this := fmt.Sprintf("norm %d", i)
		if err := norms[i].check(at, of, this); err != nil {
			return fmt.Errorf("%s: %w", this, err)
		}
	}
	return nil
}

func checkDivisor(f *Feature) error {
	switch {
	case f == nil:
		return errors.New("there is no feature of this name")
	case f.Shape != nil:
		return errors.New("an array, want a single number")
	case f.Scaler.Kind == scale.Ratio:
		return errors.New("divided itself, want another scaler")
	case f.Role == RoleTarget:
		return errors.New("a target, want what is known before it is predicted")
	}
	return nil
}

// check refuses what is wrong with a norm. of tells what a feature is a member of.
func (n *Norm) check(features map[string]*Feature, of map[string]string, this string) error {
	if _, err := scale.NewNorm(n.Norm); err != nil {
		return err
	}
	if len(n.Members) < 2 || len(n.Members) > scale.MaxMembers {
		return fmt.Errorf("%d members, want 2 to %d", len(n.Members), scale.MaxMembers)
	}
	for _, name := range n.Members {
		f := features[name]
		switch other, twice := of[name]; {
		case f == nil:
			return fmt.Errorf("there is no feature %.128q to be a member", name)
		case twice:
			return fmt.Errorf("feature %q is a member of %s already", name, other)
		case f.Shape != nil:
			return fmt.Errorf("feature %q: an array cannot be a member, want single numbers", name)
		case f.Role == RoleTarget:
			return fmt.Errorf("feature %q: a target cannot be a member: its own output is what a model predicts", name)
		}
		of[name] = this
	}
	return nil
}

// norm is a Norm ready for use.
type norm struct {
	scale.Norm
	members []*column
}

// Normed returns f with norms, which CheckNorms has passed: f itself, changed.
func (f *Frozen) Normed(norms []Norm) (*Frozen, error) {
	for i := range norms {
		by, err := scale.NewNorm(norms[i].Norm)
		if err != nil {
			return nil, err
		}
		f.norms = append(f.norms, norm{by, f.named(norms[i].Members)})
	}
	return f, nil
}

// named returns the columns of features; nil for one that f has not.
func (f *Frozen) named(names []string) []*column {
	columns := make([]*column, len(names))
	for k, name := range names {
		if at := slices.IndexFunc(f.features, func(of Feature) bool { return of.Name == name }); at >= 0 {
			columns[k] = &f.columns[at]
		}
	}
	return columns
}

// join tells columns what they are divided by.
func (f *Frozen) join() {
	for i := range f.features {
		if by := f.features[i].By; by != nil {
			f.columns[i].by = f.named(by)
		}
	}
}

// transform divides the outputs of the members, which stand in dst, by their norm.
func (n *norm) transform(dst []float64) {
	y := make([]float64, 0, few)
	for _, c := range n.members {
		y = append(y, dst[c.to])
	}
	n.Transform(y, y, nil)
	for i, c := range n.members {
		dst[c.to] = y[i]
	}
}

// transformAlone writes to dst what a record makes of the column, by its own
// numbers, all of which are given.
func (c *column) transformAlone(dst, numbers []float64) (flags record.Flags) {
	x := numbers[c.from : c.from+c.size]
	if len(c.pre) > 0 || c.imputes() {
		flags, x = c.fill(dst, x), dst
	}
	if c.by == nil {
		c.normalize(dst, x)
		return flags
	}
	n := c.stride()
	for i := 0; i < len(x); i += n {
		flags |= c.divide(dst[i:i+n], x[i:i+n], divisor(c.divisor(i), numbers))
	}
	return flags
}

// fill writes to dst what is normalized of the numbers x: after the pre-transforms,
// with what stands in for missing ones.
func (c *column) fill(dst, x []float64) record.Flags {
	copy(dst, x)
	Apply(c.pre, dst)
	return c.inspect(dst, x, 0, 1)
}

// normalize divides each group of the numbers x by its norm; dst may be x.
func (c *column) normalize(dst, x []float64) {
	share := c.layout.Share()
	if c.layout.Outer == 1 {
		for at := 0; at < len(x); at += share {
			c.step.Transform(dst[at:at+share], x[at:at+share], nil)
		}
		return
	}
	run := make([]float64, share)
	for group := range c.layout.Groups {
		c.layout.gather(run, x, group)
		c.step.Transform(run, run, nil)
		c.layout.scatter(dst, run, group)
	}
}

// stride returns how many numbers in a row have the same divisor.
func (c *column) stride() int {
	if len(c.by) == 1 {
		return c.size
	}
	return 1
}

// divisor returns the column that a number is divided by.
func (c *column) divisor(number int) *column { return c.by[number%len(c.by)] }

// divisor returns what a column says among the numbers of a record, as parameters
// of a step: none without a column.
func divisor(c *column, numbers []float64) []float64 {
	if c == nil {
		return nil
	}
	return numbers[c.from : c.from+1]
}

// divide divides x by the number by, and flags what is not from 0 to that, or what
// it cannot divide: by must be there and above 0.
func (c *column) divide(dst, x, by []float64) (flags record.Flags) {
	for _, v := range x {
		if v == v && !(len(by) > 0 && by[0] > 0 && 0 <= v && v <= by[0]) {
			flags = record.OutOfRange
		}
	}
	c.step.Transform(dst, x, by)
	return flags
}

// multiply takes the numbers of the column in dst, which were divided, back. The
// inverses of all others stand there.
func (c *column) multiply(dst []float64) {
	x := dst[c.from : c.from+c.size]
	n := c.stride()
	for i := 0; i < len(x); i += n {
		c.step.Inverse(x[i:i+n], x[i:i+n], divisor(c.divisor(i), dst))
	}
	c.undo(x)
}

// inverseAlone does what is left when dst holds the inverses of all columns but those
// that were divided, and these as they are: members of norms are missing, and what was
// divided is multiplied.
func (f *Frozen) inverseAlone(dst []float64) {
	for i := range f.norms {
		for _, c := range f.norms[i].members {
			missing(dst[c.from : c.from+1])
		}
	}
	for i := range f.columns {
		if c := &f.columns[i]; c.by != nil {
			c.multiply(dst)
		}
	}
}

// explainAlone is ExplainAt of what the record alone normalizes: the parameters are
// the divisor, or what a norm measures.
func (c *column) explainAlone(number int, numbers []float64) Trace {
	raw, x, y := numbers[c.from+number:][:1], []float64{0}, []float64{0}
	t := c.trace(raw[0])
	flags := c.fill(x, raw)
	t.In = x[0]
	if c.by != nil {
		t.Params = divisor(c.divisor(number), numbers)
		flags |= c.divide(y, x, t.Params)
	} else {
		t.Params = c.measure(c.layout.Group(number), numbers)
		y[0] = (x[0] - t.Params[0]) / t.Params[1]
	}
	t.Normalized = y[0]
	c.step.Inverse(y, y, t.Params)
	c.undo(y)
	t.Inverse = y[0]
	t.Imputed, t.OutOfRange = flags&record.Imputed != 0, flags&record.OutOfRange != 0
	return t
}

// measure returns what is taken away from a group of a record, and what it is
// divided by.
func (c *column) measure(group int, numbers []float64) []float64 {
	x, run := make([]float64, c.size), make([]float64, c.layout.Share())
	c.fill(x, numbers[c.from:c.from+c.size])
	c.layout.gather(run, x, group)
	mean, by := c.norm.Measure(run)
	return []float64{mean, by}
}
