package record

import "tare/schema"

// words returns, per feature of s, its labels by code as write puts them into a
// record; nil for a number, and for a label that is carried as it came.
func (o Output) words(s *schema.Schema, write func(label string, kind LabelKind) string) [][]string {
	words := make([][]string, len(s.Features))
	for f, codes := range o.Labels {
		for _, label := range codes.Labels {
			words[f] = append(words[f], write(label, codes.Kind))
		}
	}
	return words
}

// jsonWord returns a label as JSON: a number or a boolean bare, all else a string.
func jsonWord(label string, kind LabelKind) string {
	if kind == BoolLabel && (label == "true" || label == "false") || kind == NumberLabel && isLiteral(label) {
		return label
	}
	return string(appendQuoted(nil, label))
}

// isLiteral reports whether text is a number as JSON writes it.
func isLiteral(text string) bool {
	var s scanner
	_, end := s.number([]byte(text), 0)
	return end == len(text)
}

// csvWord returns a label as a cell.
func csvWord(label string, _ LabelKind) string { return string(appendCell(nil, label)) }

// word appends the label of a code of feature f, or what is missing.
func (p *featurePrinter) word(dst []byte, f int, code float64) []byte {
	words := p.words[f]
	if code >= 0 && code < float64(len(words)) && code == float64(int(code)) {
		return append(dst, words[int(code)]...)
	}
	return append(dst, p.null...)
}

// carried reports whether feature f is a label that is written as it came.
func (p *featurePrinter) carried(f int) bool { return p.places[f].label >= 0 && p.words[f] == nil }

// label appends feature f, a label, where nothing stands yet.
func (p *featurePrinter) label(dst []byte, f int, value []byte, row *Row, y []float64) []byte {
	switch at := row.Spans[f]; {
	case p.words[f] != nil:
		return p.word(dst, f, y[p.places[f].start])
	case at != (Span{}):
		return append(dst, value[at.Start:at.End]...)
	}
	return append(dst, p.null...)
}
