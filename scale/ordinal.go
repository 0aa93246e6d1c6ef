package scale

import (
	"fmt"
	"math"
)

// ordinal maps a code to the number of its group.
type ordinal struct {
	numbers []int     // of each category
	codes   []float64 // of each number's label
	unknown float64   // what an unknown label becomes; NaN for one that is rejected
	missing float64   // what a missing label becomes
}

func newOrdinal(e Encoding, g groups) *ordinal {
	s := &ordinal{numbers: g.of, unknown: orNaN(e.UnknownValue), missing: orNaN(e.EncodedMissingValue)}
	for _, code := range g.code {
		s.codes = append(s.codes, float64(code))
	}
	return s
}

func orNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// checkCodes refuses a code of unknown or missing labels that is the number of a
// frequent category. That of the infrequent ones may be shared, as in
// scikit-learn.
func (e Encoding) checkCodes(frequent int) error {
	for _, o := range []struct {
		name  string
		value *float64
	}{{"unknown_value", e.UnknownValue}, {"encoded_missing_value", e.EncodedMissingValue}} {
		if o.value != nil && *o.value >= 0 && *o.value < float64(frequent) {
			return fmt.Errorf("%s %v: must not be the number of a category, 0 to %d; -1 never is", o.name, *o.value, frequent-1)
		}
	}
	return nil
}

// Dims is one code in, one number out.
func (s *ordinal) Dims() (in, out int) { return 1, 1 }

func (s *ordinal) Transform(dst, x, _ []float64) {
	for i, code := range x {
		switch number := at(s.numbers, code, nowhere); {
		case math.IsNaN(code):
			dst[i] = s.missing
		case number == nowhere:
			dst[i] = s.unknown
		default:
			dst[i] = float64(number)
		}
	}
}

// Inverse cuts a number with a fraction down to a whole one, as scikit-learn
// does. One that is no category's is unknown.
func (s *ordinal) Inverse(dst, y, _ []float64) {
	for i, v := range y {
		switch {
		case v >= 0 && v < float64(len(s.codes)):
			dst[i] = s.codes[int(v)]
		case math.IsNaN(v) || v == s.missing:
			dst[i] = math.NaN()
		default:
			dst[i] = nowhere
		}
	}
}
