package frozen

import (
	"errors"
	"fmt"
	"math"

	"tare/scale"
)

// check refuses numbers that no training can have left behind.
func (l *Learned) check(s *scale.Spec, records []uint64) error {
	if err := l.checkLengths(s, len(records)); err != nil {
		return err
	}
	for id := range records {
		if err := l.checkSeries(s, id, records[id]); err != nil {
			return fmt.Errorf("series %d: %w", id, err)
		}
	}
	return nil
}

func (l *Learned) checkLengths(s *scale.Spec, n int) error {
	for _, got := range []int{len(l.Count), len(l.Missing), len(l.Min), len(l.Max), len(l.Mean), len(l.Var)} {
		if got != n {
			return fmt.Errorf("%d series but an array of %d", n, got)
		}
	}
	if l.Impute != nil && len(l.Impute) != n {
		return fmt.Errorf("%d series but %d imputed values", n, len(l.Impute))
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

func (l *Learned) checkSeries(s *scale.Spec, id int, records uint64) error {
	count, missing := l.Count[id], l.Missing[id]
	if count > records || missing > records || count+missing != records {
		return fmt.Errorf("%d values and %d missing in %d records", count, missing, records)
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
	if s.Ragged() {
		return checkLandmarks(p)
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

// checkLandmarks holds the references and quantiles of one series: as many of
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

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func all(valid func(float64) bool, xs []float64) bool {
	for _, x := range xs {
		if !valid(x) {
			return false
		}
	}
	return true
}
