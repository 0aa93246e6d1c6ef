package record

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tare/schema"
)

// CSV decodes records that are one row each, under a header line that names
// their cells: comma separated, quoted as RFC 4180 says, in UTF-8.
//
// A row is one line. A quote that is not closed in it is a fault of that row
// alone; see docs/decisions/0001-csv-one-line-one-record.md. An empty cell and
// NaN are missing values. Numbers are what strconv.ParseFloat reads in decimal,
// amid blanks, read as it does, with -0 as 0; an infinity is out of range. A label
// is any text, with its blanks, that is not empty.
// Decode allocates no memory, except for a row's first use and a time in a
// layout of Go's.
//
// A CSV is not safe for concurrent use.
type CSV struct {
	reader
	scan    scanner
	columns []*target // nil is not read
	shape   string    // what a row has to have
}

// NewCSV returns a decoder for s, which must not change afterwards, and rows
// under header, which may start with a byte order mark and end with a carriage
// return. The series and the time must have their columns; see Missing for
// those of the features.
func NewCSV(s *schema.Schema, header []byte) (*CSV, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Format != schema.CSV {
		return nil, fmt.Errorf("record format %q, want %s", s.Format, schema.CSV)
	}
	names, err := columnNames(header)
	if err != nil {
		return nil, err
	}
	d := &CSV{reader: newReader(s), columns: make([]*target, len(names))}
	d.shape = fmt.Sprintf("%d cells as in the header", len(names))
	for _, t := range targets(s) {
		if err := d.place(t, names); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// place gives t the column that has its name.
func (d *CSV) place(t *target, names []string) error {
	i := slices.Index(names, t.field)
	switch {
	case i >= 0 && slices.Contains(names[i+1:], t.field):
		return fmt.Errorf("csv header has two columns %q, want one", t.field)
	case i >= 0:
		d.columns[i] = t
	case t.series >= 0 || t.time:
		return fmt.Errorf("csv header has no column %q, which is the %s; its columns are %s%s",
			t.field, role(t), strings.Join(names, ", "), didYouMean(t.field, names))
	}
	return nil
}

func role(t *target) string {
	if t.series >= 0 {
		return "series"
	}
	return "time"
}

// Missing returns the names of the features whose column the header lacks:
// their values are absent from every row.
func (d *CSV) Missing() []string {
	var names []string
	for _, f := range d.missing() {
		names = append(names, d.schema.Features[f].Name)
	}
	return names
}

func (d *CSV) missing() (features []int) {
	for i := range d.schema.Features {
		if !slices.ContainsFunc(d.columns, func(t *target) bool { return t != nil && slices.Contains(t.features, i) }) {
			features = append(features, i)
		}
	}
	return features
}

// columnNames returns the cells of a header line.
func columnNames(header []byte) ([]string, error) {
	line := trimReturn(bytes.TrimPrefix(header, []byte(byteOrderMark)))
	var s scanner
	if s.line(line, "a header that names the columns") < 0 {
		return nil, headerError(line, &s)
	}
	var names []string
	for i := 0; ; i++ {
		end, quoted := s.cell(line, i)
		if end < 0 {
			return nil, headerError(line, &s)
		}
		name := line[i:end]
		if quoted {
			name = unquote(nil, name)
		}
		names = append(names, string(name))
		if i = end; i == len(line) {
			return names, nil
		}
	}
}

const byteOrderMark = "\ufeff"

func headerError(line []byte, s *scanner) error {
	return fmt.Errorf("csv header at byte %d: %s, want %s", s.at, stumble(line, s.at), s.want)
}

func trimReturn(line []byte) []byte { return bytes.TrimSuffix(line, []byte("\r")) }

// Decode implements Decoder. All that is wrong with a row is found before the
// first reason is chosen, except that a fault of syntax ends the search.
func (d *CSV) Decode(row *Row, m *Message) Reason {
	if !d.begin(row, m) {
		return TooLarge
	}
	d.value = trimReturn(m.Value)
	if d.whole(d.value) < 0 {
		at := int32(d.scan.at)
		d.add(Syntax, Span{at, at}, 0, d.scan.want)
	}
	return d.finish()
}

func (d *CSV) whole(b []byte) int {
	if d.scan.line(b, d.shape) < 0 {
		return -1
	}
	i := 0
	for c, t := range d.columns {
		if c > 0 {
			if i == len(b) {
				return d.scan.fail(i, d.shape)
			}
			i++ // the comma
		}
		if i = d.cell(b, i, t); i < 0 {
			return -1
		}
	}
	if i < len(b) {
		return d.scan.fail(i, d.shape)
	}
	return i
}

// line checks what holds for a line as a whole.
func (s *scanner) line(b []byte, want string) int {
	if len(b) == 0 {
		return s.fail(0, want)
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return s.fail(i, "one line")
	}
	if !utf8.Valid(b) {
		return s.fail(invalidUTF8(b), "valid UTF-8")
	}
	return len(b)
}

// invalidUTF8 returns where b, which is not UTF-8, stops to be so.
func invalidUTF8(b []byte) int {
	i := 0
	for r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(b[i:]) {
		i += n
	}
	return i
}

// cell returns the index behind the cell at i, where a comma or the end is, and
// whether quotes enclose it.
func (s *scanner) cell(b []byte, i int) (end int, quoted bool) {
	if i < len(b) && b[i] == '"' {
		return s.quotedCell(b, i+1), true
	}
	for ; i < len(b) && b[i] != ','; i++ {
		if b[i] == '"' {
			return s.fail(i, "no quote in a cell that does not start with one"), false
		}
	}
	return i, false
}

func (s *scanner) quotedCell(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return s.fail(len(b), "the cell's closing quote")
		}
		i += n + 1
		switch {
		case i == len(b) || b[i] == ',':
			return i
		case b[i] != '"':
			return s.fail(i, "a comma or the end after a closing quote")
		}
		i++
	}
}

// unquote appends what a cell in quotes says.
func unquote(dst, cell []byte) []byte {
	inner := cell[1 : len(cell)-1]
	for i := 0; i < len(inner); i++ {
		dst = append(dst, inner[i])
		if inner[i] == '"' {
			i++ // its twin
		}
	}
	return dst
}

// cell reads the cell at i and hands it to all that it feeds.
func (d *CSV) cell(b []byte, i int, t *target) int {
	if t != nil && t.plain {
		if n, end := quick(b, i); end > 0 && (end == len(b) || b[end] == ',') {
			d.setNumber(t.features[0], n.float(b[i:end]), Span{int32(i), int32(end)})
			return end
		}
	}
	end, quoted := d.scan.cell(b, i)
	if end < 0 || t == nil {
		return end
	}
	text, span := b[i:end], Span{int32(i), int32(end)}
	if quoted {
		text = d.unquoted(text)
	}
	d.feed(t, text, span)
	return end
}

// quick reads a number that is written as most are; end is 0 if it is not.
func quick(b []byte, i int) (n decimal, end int) {
	if i < len(b) && b[i] == '-' {
		n.neg = true
		i++
	}
	n.mant, n.exp, end = usual(b, i)
	return n, end
}

func (d *CSV) unquoted(cell []byte) []byte {
	inner := cell[1 : len(cell)-1]
	if bytes.IndexByte(inner, '"') < 0 {
		return inner
	}
	start := len(d.text)
	d.text = unquote(d.text, cell)
	return d.text[start:]
}

func (d *CSV) feed(t *target, text []byte, span Span) {
	for _, f := range t.features {
		d.setFeature(f, text, span)
	}
	if t.series >= 0 {
		if len(text) == 0 {
			text = nil
		}
		d.setName(t.series, text, span)
	}
	if t.time {
		d.setTime(bytes.Trim(text, blanks), span)
	}
	if t.stamp && len(text) > 0 {
		d.setStamp(span)
	}
}

const blanks = " \t"

func (d *CSV) setFeature(f int, text []byte, span Span) {
	d.row.Spans[f] = span
	if d.places[f].label >= 0 {
		if len(text) > 0 {
			d.setLabel(f, Label{text, TextLabel}, span)
		}
		return
	}
	text = bytes.Trim(text, blanks)
	if len(text) == 0 || strings.EqualFold(view(text), "nan") {
		return
	}
	n, ok := cellNumber(text)
	switch {
	case ok:
		d.setNumber(f, n.float(text), span)
	case infinite(text):
		d.setBad(BadRange, f, span, "")
	default:
		d.setBad(BadType, f, span, "")
	}
}

// cellNumber reads a whole number as strconv.ParseFloat does, unless it is
// hexadecimal, a word, or parted by underscores.
func cellNumber(text []byte) (n decimal, ok bool) {
	start := 0
	if text[0] == '-' || text[0] == '+' {
		n.neg = text[0] == '-'
		start = 1
	}
	i := start
	n.mant, i = digits(text, i, 0)
	if i == start && (i == len(text) || text[i] != '.') {
		return n, false
	}
	return n, n.fraction(text, start, i, true) == len(text)
}

// infinite reports whether text is a word that strconv.ParseFloat takes for an
// infinity.
func infinite(text []byte) bool {
	if text[0] == '-' || text[0] == '+' {
		text = text[1:]
	}
	return strings.EqualFold(view(text), "inf") || strings.EqualFold(view(text), "infinity")
}
