package record

import (
	"math"

	"tare/schema"
)

// A printer writes numbers as text, or says which of them are none.
type printer struct {
	single bool   // of float32
	null   string // a missing value
}

// number returns x in the printer's precision, and whether it is finite then.
func (p printer) number(x float64) (rounded float64, finite bool) {
	if p.single {
		x = float64(float32(x))
	}
	return x, math.Abs(x) <= math.MaxFloat64
}

func (p printer) append(dst []byte, x float64) []byte {
	x, finite := p.number(x)
	switch {
	case !finite:
		return append(dst, p.null...)
	case p.single:
		return appendAny(dst, x, 32)
	}
	return appendNumber(dst, x)
}

// nest appends the numbers of an array, nested by its shape.
func (p printer) nest(dst []byte, y []float64, shape []int) []byte {
	dst = append(dst, '[')
	size := len(y) / shape[0]
	for i := range shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(shape) == 1 {
			dst = p.append(dst, y[i])
		} else {
			dst = p.nest(dst, y[i*size:(i+1)*size], shape[1:])
		}
	}
	return append(dst, ']')
}

// keeps reports whether y may stay as it is written in the record, where it is
// read as x.
func (p printer) keeps(x, y float64) bool { return x == y && !p.single }

// A featurePrinter writes the values of features.
type featurePrinter struct {
	printer
	layout
	words [][]string // see Output.words
}

// jsonPrinter returns what writes features of s as JSON.
func (o Output) jsonPrinter(s *schema.Schema) featurePrinter {
	return featurePrinter{o.printer("null"), newLayout(s), o.words(s, jsonWord)}
}

// csvPrinter returns what writes features of s as cells.
func (o Output) csvPrinter(s *schema.Schema) featurePrinter {
	return featurePrinter{o.printer(""), newLayout(s), o.words(s, csvWord)}
}

// feature appends a feature of the numbers y: one, the code of a label, or an
// array, which is null if all of it is missing. Where a single number is likely,
// append is quicker.
func (p *featurePrinter) feature(dst []byte, f int, y []float64) []byte {
	at := &p.places[f]
	switch {
	case at.label >= 0:
		return p.word(dst, f, y[at.start])
	case at.shape == nil:
		return p.append(dst, y[at.start])
	case !p.any(f, y):
		return append(dst, p.null...)
	}
	return p.nest(dst, y[at.start:at.end], at.shape)
}

// any reports whether there is a number of feature f in y that is not missing.
func (p *featurePrinter) any(f int, y []float64) bool {
	for _, x := range p.of(f, y) {
		if _, finite := p.number(x); finite {
			return true
		}
	}
	return false
}
