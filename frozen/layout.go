package frozen

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"

	"tare/scale"
)

// A Layout says which numbers of an array share statistics: number
// (o·Groups + g)·Inner + i belongs to group g, for all o below Outer and i below
// Inner. A single number is 1, 1, 1.
type Layout struct{ Outer, Groups, Inner int }

// Layout returns the groups of a valid feature. Fixed numbers that are the same
// for all groups make one group of them; an array that is normalized by itself is
// one, unless Per says otherwise.
func (f *Feature) Layout() Layout {
	if f.Fixed != nil && len(f.Fixed.Mean) == 1 && len(f.Fixed.Scale) == 1 {
		return Layout{1, 1, f.Size()}
	}
	if f.Scaler.Alone() && f.Per == "" {
		return Layout{1, 1, f.Size()}
	}
	return f.grouping()
}

// grouping returns the groups that Per makes.
func (f *Feature) grouping() Layout {
	size := f.Size()
	switch f.Per {
	case "":
		return Layout{1, size, 1}
	case PerNone:
		return Layout{1, 1, size}
	}
	axis, _ := strconv.Atoi(f.Per)
	l := Layout{1, f.Shape[axis], 1}
	for _, extent := range f.Shape[:axis] {
		l.Outer *= extent
	}
	l.Inner = size / l.Outer / l.Groups
	return l
}

// Share returns the numbers of an array that belong to one group.
func (l Layout) Share() int { return l.Outer * l.Inner }

// Group returns the group of a number of the array.
func (l Layout) Group(number int) int { return number / l.Inner % l.Groups }

// gather writes the numbers x of one group to run, Share of them, in their order.
func (l Layout) gather(run, x []float64, group int) {
	k := 0
	for at := group * l.Inner; at < len(x); at += l.Groups * l.Inner {
		for _, v := range x[at : at+l.Inner] {
			run[k] = v
			k++
		}
	}
}

// scatter writes what gather has taken to the places in dst that it came from.
func (l Layout) scatter(dst, run []float64, group int) {
	k := 0
	for at := group * l.Inner; at < len(dst); at += l.Groups * l.Inner {
		for i := range dst[at : at+l.Inner] {
			dst[at+i] = run[k]
			k++
		}
	}
}

// piece returns how many numbers are taken at once, and in which groups: n from
// number at on, where another piece ended. They are all of group, or, where Inner
// is 1, of group and those behind it in turn, up to sets of them.
func (l Layout) piece(at int) (group, sets, n int) {
	switch {
	case l.Inner > 1:
		return l.Group(at), 1, min(most, l.Inner-at%l.Inner)
	case l.Groups <= most:
		return 0, l.Groups, most / l.Groups * l.Groups
	}
	group = at % l.Groups
	n = min(most, l.Groups-group)
	return group, n, n
}

// most is the numbers of a piece: they stay in the nearest cache between two looks
// at them.
const most = 256

// Validate refuses a feature that means nothing. Its shape must be one that
// schema.CheckShape accepts.
func (f *Feature) Validate() error {
	if err := f.Scaler.Validate(); err != nil {
		return err
	}
	if f.Encoding != nil {
		return cmp.Or(f.checkRole(), f.checkEncoding())
	}
	if f.Scope != "" && f.Scope != ScopeGlobal {
		return fmt.Errorf("scope %.32q, want %s, or none for one of each series", f.Scope, ScopeGlobal)
	}
	if f.Pooled && f.Shared() {
		return errors.New("pooled statistics beside those that all series share")
	}
	if err := f.checkPer(); err != nil {
		return err
	}
	if err := f.checkExact(); err != nil {
		return err
	}
	if err := f.checkRole(); err != nil {
		return err
	}
	if err := f.checkAlone(); err != nil {
		return err
	}
	if f.Fixed == nil {
		return nil
	}
	return f.checkFixed()
}

func (f *Feature) checkPer() error {
	if f.Per == "" || f.Per == PerNone && f.Shape != nil {
		return nil
	}
	if f.Shape == nil {
		return fmt.Errorf("per %.32q of a single number, want none: it belongs to features with a shape", f.Per)
	}
	axis, err := strconv.Atoi(f.Per)
	if err != nil || axis < 0 || axis >= len(f.Shape) || strconv.Itoa(axis) != f.Per {
		return fmt.Errorf("per %.32q of the shape %v, want %s or an axis from 0 to %d", f.Per, f.Shape, PerNone, len(f.Shape)-1)
	}
	return nil
}

func (f *Feature) checkExact() error {
	switch f.Exact {
	case "":
		return nil
	case ExactRequire, ExactPrefer:
	default:
		return fmt.Errorf("exact %.32q, want %s or %s", f.Exact, ExactRequire, ExactPrefer)
	}
	if f.Scaler.Kind != scale.Robust {
		return fmt.Errorf("exact quantiles of scaler %s, want %s", f.Scaler.Kind, scale.Robust)
	}
	return nil
}

func (f *Feature) checkRole() error {
	switch {
	case f.Role != "" && f.Role != RoleTarget:
		return fmt.Errorf("role %.32q, want %s, or none for what a model reads", f.Role, RoleTarget)
	case f.Role == RoleTarget && f.Impute.Kind != "":
		return fmt.Errorf("impute %.32q of a %s, want none: nobody is to train on a value that was made up", f.Impute.Kind, RoleTarget)
	}
	return nil
}

func (f *Feature) checkFixed() error {
	if s := f.Scaler; s.Kind != scale.Standard || !s.WithMean || !s.WithStd {
		return fmt.Errorf("fixed numbers of scaler %s, want %s with mean and scale", s.Kind, scale.Standard)
	}
	if f.Impute.Kind == ImputeMean || f.Impute.Kind == ImputeMedian {
		return fmt.Errorf("impute %s of a feature with fixed numbers, want %s: it learns nothing", f.Impute.Kind, ImputeConstant)
	}
	groups := f.grouping().Groups
	for _, given := range [][]float64{f.Fixed.Mean, f.Fixed.Scale} {
		if len(given) != 1 && len(given) != groups {
			return fmt.Errorf("%d fixed numbers, want 1 or one for each of %d groups", len(given), groups)
		}
		for _, x := range given {
			if !(math.Abs(x) <= maxFixed) {
				return fmt.Errorf("a fixed number of %v, want a magnitude up to %v", x, maxFixed)
			}
		}
	}
	for _, x := range f.Fixed.Scale {
		if x <= 0 {
			return errors.New("a fixed scale that is not above 0")
		}
	}
	return nil
}

// maxFixed is the largest magnitude of a value.
const maxFixed = 1e150
