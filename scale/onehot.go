package scale

import (
	"fmt"
	"math"
	"slices"
)

// oneHot maps a code to a row that is 1 in the column of its group and 0
// elsewhere. A row of zeros is that of the dropped group and of an unknown label.
type oneHot struct {
	columns []int     // of each category; nowhere if it was dropped
	unknown int       // column of an unknown label, or nowhere
	reject  bool      // an unknown label becomes NaN
	codes   []float64 // of each column's label
	zeros   float64   // code of a row of zeros
}

func newOneHot(e Encoding, g groups, dropped int) *oneHot {
	s := &oneHot{columns: make([]int, len(g.of)), unknown: nowhere, reject: e.Rejects(), zeros: nowhere}
	column := make([]int, len(g.code)) // of each group
	for group, code := range g.code {
		if group == dropped {
			column[group], s.zeros = nowhere, float64(code)
			continue
		}
		column[group] = len(s.codes)
		s.codes = append(s.codes, float64(code))
	}
	for code, group := range g.of {
		s.columns[code] = column[group]
	}
	if g.rare && (e.HandleUnknown == HandleInfrequent || e.HandleUnknown == HandleWarn) {
		s.unknown = column[len(column)-1]
	}
	return s
}

// dropped returns the group that gets no column, or nowhere.
func (e Encoding) dropped(categories []string, g groups) (group int, err error) {
	switch {
	case e.DropLabel != nil:
		code := slices.Index(categories, *e.DropLabel)
		if code < 0 {
			return nowhere, fmt.Errorf("drop_label %q: must be one of the categories, it was in no training record", *e.DropLabel)
		}
		if group = g.of[code]; group == g.frequent() {
			return nowhere, fmt.Errorf("drop_label %q: must not be infrequent", *e.DropLabel)
		}
		return group, nil
	case e.Drop == DropFirst || e.Drop == DropIfBinary && len(g.code) == 2:
		return 0, nil
	}
	return nowhere, nil
}

// Dims is one code in, a number for each column out.
func (s *oneHot) Dims() (in, out int) { return 1, len(s.codes) }

// Transform writes a row for each code of x. dst may be x if that is one code.
func (s *oneHot) Transform(dst, x, _ []float64) {
	width := len(s.codes)
	for i, code := range x {
		s.row(dst[i*width:(i+1)*width], code)
	}
}

func (s *oneHot) row(dst []float64, code float64) {
	known := code >= 0 && code < float64(len(s.columns))
	if math.IsNaN(code) || !known && s.reject {
		missing(dst)
		return
	}
	clear(dst)
	if column := at(s.columns, code, s.unknown); column != nowhere {
		dst[column] = 1
	}
}

// Inverse fills dst, a code for each row of y: that of the largest number, the
// first of equal ones, or where they add up to 0 that of a row of zeros.
func (s *oneHot) Inverse(dst, y, _ []float64) {
	width := len(s.codes)
	for i := range dst {
		dst[i] = s.code(y[i*width : (i+1)*width])
	}
}

func (s *oneHot) code(row []float64) float64 {
	sum, largest := 0.0, 0
	for column, v := range row {
		sum += v
		if v > row[largest] {
			largest = column
		}
	}
	switch {
	case math.IsNaN(sum):
		return sum
	case sum == 0:
		return s.zeros
	}
	return s.codes[largest]
}
