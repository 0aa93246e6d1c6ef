package frozen

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"tare/scale"
)

// check refuses numbers that no training can have left behind.
func (l *Learned) check(f *Feature, records []uint64) error {
	if f.Encoding != nil {
		return l.checkLabels(f)
	}
	if l.Labels != nil {
		return errors.New("categories of a number")
	}
	n := f.Entries(len(records))
	if err := l.checkLengths(&f.Scaler, n); err != nil {
		return err
	}
	if err := l.checkExact(f, n); err != nil {
		return err
	}
	groups := f.Groups()
	for entry := range n {
		want, err := l.values(f, entry/groups, records)
		if err == nil {
			err = l.checkEntry(&f.Scaler, entry, want)
		}
		if err != nil {
			return fmt.Errorf("series %d%s: %w", entry/groups, place(entry%groups, groups), err)
		}
	}
	return nil
}

// place names a group where there are several.
func place(group, groups int) string {
	if groups == 1 {
		return ""
	}
	return fmt.Sprintf(", group %d", group)
}

// values returns how many values, present and missing, a group has in a series.
// Of all series together the records are not known: all groups have as many as the
// first.
func (l *Learned) values(f *Feature, series int, records []uint64) (uint64, error) {
	if at, ok := f.Common(len(records)); ok && series*f.Groups() == at {
		sum, carry := bits.Add64(l.Count[at], l.Missing[at], 0)
		if carry != 0 {
			return 0, fmt.Errorf("%d values and %d missing are more than 2^64", l.Count[at], l.Missing[at])
		}
		return sum, nil
	}
	over, n := bits.Mul64(records[series], uint64(f.Layout().Share()))
	if over != 0 {
		return 0, fmt.Errorf("%d records of %d values are more than 2^64", records[series], f.Layout().Share())
	}
	return n, nil
}

// checkExact refuses marks that the feature does not have, or that it requires to
// be true.
func (l *Learned) checkExact(f *Feature, n int) error {
	switch {
	case f.Exact == "" && l.Exact != nil || f.Exact != "" && len(l.Exact) != n:
		return fmt.Errorf("%d entries but %d that say whether they are exact, with exact %q", n, len(l.Exact), f.Exact)
	case f.Exact == ExactRequire && slices.Contains(l.Exact, false):
		return errors.New("exact quantiles are required, but some are a sketch's")
	}
	return nil
}

func (l *Learned) checkLengths(s *scale.Spec, n int) error {
	for _, got := range []int{len(l.Count), len(l.Missing), len(l.Min), len(l.Max), len(l.Mean), len(l.Var)} {
		if got != n {
			return fmt.Errorf("%d entries but an array of %d", n, got)
		}
	}
	if l.Impute != nil && len(l.Impute) != n {
		return fmt.Errorf("%d entries but %d imputed values", n, len(l.Impute))
	}
	if !s.Ragged() {
		if want := n * len(s.Params()); len(l.Params) != want || l.Offsets != nil {
			return fmt.Errorf("%d parameters, want %d", len(l.Params), want)
		}
		return nil
	}
	if len(l.Offsets) != n+1 || l.Offsets[0] != 0 || l.Offsets[n] != uint64(len(l.Params)) {
		return errors.New("the offsets do not span the parameters")
	}
	for i := range n {
		if l.Offsets[i] > l.Offsets[i+1] {
			return errors.New("the offsets go backwards")
		}
	}
	return nil
}

// checkEntry checks the entry of one group, which has so many values, present and
// missing.
func (l *Learned) checkEntry(s *scale.Spec, id int, values uint64) error {
	count, missing := l.Count[id], l.Missing[id]
	if count > values || missing > values || count+missing != values {
		return fmt.Errorf("%d values and %d missing, want %d together", count, missing, values)
	}
	p := l.params(s, id)
	valid := isFinite
	if count == 0 {
		valid = math.IsNaN
	}
	if !all(valid, p) || !valid(l.Min[id]) || !valid(l.Max[id]) || !valid(l.Mean[id]) || !valid(l.Var[id]) ||
		l.Impute != nil && !valid(l.Impute[id]) {
		return fmt.Errorf("a number learned from %d values is not finite, or one from none is not NaN", count)
	}
	if count == 0 {
		return nil
	}
	if l.Min[id] > l.Max[id] || l.Var[id] < 0 {
		return errors.New("the minimum is above the maximum, or the variance below 0")
	}
	switch s.Kind {
	case scale.Quantile:
		return checkLandmarks(p)
	case scale.KBins:
		return checkEdges(p)
	}
	return checkScales(s, p)
}

// params is column.params before there is a column.
func (l *Learned) params(s *scale.Spec, id int) []float64 {
	if l.Offsets != nil {
		return l.Params[l.Offsets[id]:l.Offsets[id+1]]
	}
	w := len(s.Params())
	return l.Params[id*w : (id+1)*w]
}

// checkScales refuses scales that are not above 0.
func checkScales(s *scale.Spec, p []float64) error {
	for i, name := range s.Params() {
		if name == "scale" && p[i] <= 0 {
			return fmt.Errorf("a scale of %v", p[i]+0)
		}
	}
	return nil
}

// checkLandmarks holds the references and quantiles of one entry: as many of
// the one as of the other, both rising, the references from 0 to 1.
func checkLandmarks(p []float64) error {
	m := len(p) / 2
	if m == 0 || len(p)%2 != 0 {
		return fmt.Errorf("%d landmarks", len(p))
	}
	for i := 1; i < m; i++ {
		if p[i] < p[i-1] || p[m+i] < p[m+i-1] {
			return errors.New("the landmarks do not rise")
		}
	}
	if p[0] < 0 || p[m-1] > 1 {
		return errors.New("a reference outside of [0, 1]")
	}
	return nil
}

// checkEdges holds the edges of the bins of one entry: two at least, rising.
func checkEdges(p []float64) error {
	if len(p) < 2 {
		return fmt.Errorf("%d edges of bins, want 2 or more", len(p))
	}
	for i := 1; i < len(p); i++ {
		if p[i] < p[i-1] {
			return errors.New("the edges of the bins do not rise")
		}
	}
	return nil
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func all(valid func(float64) bool, xs []float64) bool {
	for _, x := range xs {
		if !valid(x) {
			return false
		}
	}
	return true
}
