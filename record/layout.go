package record

import (
	"math"

	"tare/schema"
)

// A layout tells where in a row the numbers of each feature stand: the features
// in order, the numbers of an array one behind the other in row-major order.
type layout struct {
	places []place // per feature
	arrays []int   // the features that have a shape
	labels int     // how many features are labels
}

// A place holds the numbers from start to end of a row: an array of that shape,
// or one number, which has none. A label has one number, too, and its index in
// Row.Labels, which is else -1.
type place struct {
	start, end int
	shape      []int
	label      int
}

func newLayout(s *schema.Schema) (l layout) {
	at := 0
	for i := range s.Features {
		f := &s.Features[i]
		l.places = append(l.places, place{at, at + f.Size(), f.Shape, -1})
		at += f.Size()
		if f.Shape != nil {
			l.arrays = append(l.arrays, i)
		}
		if f.Label {
			l.places[i].label = l.labels
			l.labels++
		}
	}
	return l
}

func (l *layout) width() int { return l.places[len(l.places)-1].end }

// of returns the numbers of feature f.
func (l *layout) of(f int, numbers []float64) []float64 {
	return numbers[l.places[f].start:l.places[f].end]
}

// unsetSingles makes the features missing that have no shape.
func (l *layout) unsetSingles(numbers []float64) {
	if len(l.arrays) == 0 {
		unset(numbers)
		return
	}
	for _, p := range l.places {
		if p.shape == nil {
			numbers[p.start] = math.NaN()
		}
	}
}

// unset makes all numbers missing.
func unset(numbers []float64) {
	for i := range numbers {
		numbers[i] = math.NaN()
	}
}
