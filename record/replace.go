package record

import (
	"bytes"
	"slices"

	"tare/schema"
)

// A replaceJSON writes the Value Replace as JSON.
type replaceJSON struct {
	featurePrinter
	rows     layout // of the rows that come
	meta     Meta
	tops     []string // per feature `"key":` if it is a member of the record itself
	nested   []int    // the other features
	carriers []int    // the features that are carried
	grafts   *grafter
	edits    []Span // per feature its value, and last the mark, if it is to change; zero: none
	order    []int  // indexes of edits, as they stood in the last record
}

// newReplaceJSON returns an encoder to s of rows of the same features.
func newReplaceJSON(rows, s *schema.Schema, o Output) (*replaceJSON, error) {
	n := len(s.Features)
	e := &replaceJSON{featurePrinter: o.jsonPrinter(s), rows: newLayout(rows), meta: o.Meta, tops: make([]string, n), edits: make([]Span, n+1)}
	for i := range n + 1 {
		e.order = append(e.order, i)
	}
	for i, f := range s.Features {
		if e.carried(i) {
			e.carriers = append(e.carriers, i)
		}
		path, err := schema.Path(f.Field)
		if err != nil {
			return nil, err
		}
		if len(path) > 1 {
			e.nested = append(e.nested, i)
		} else {
			e.tops[i] = string(appendQuoted(nil, path[0])) + ":"
		}
	}
	var err error
	e.grafts, err = newGrafter(rows)
	return e, err
}

func (*replaceJSON) Header(dst []byte) []byte { return dst }

func (*replaceJSON) Lines() bool { return true }

func (e *replaceJSON) Append(dst, value []byte, row *Row, y []float64, m *Mark) []byte {
	if e.lacksNested(row, y) {
		value, row = e.grafts.insert(value)
	}
	e.arrange(value, row)
	from, mark := int32(0), len(e.edits)-1
	for _, f := range e.order {
		at := e.edits[f]
		switch {
		case at == (Span{}):
			continue
		case f == mark:
			dst = e.remark(append(dst, value[from:at.Start]...), m)
		default:
			p := &e.places[f]
			if e.keeps(row.Numbers[e.rows.places[f].start], y[p.start]) && e.keepsAll(f, row, y) {
				continue
			}
			dst = appendGap(dst, value, from, at.Start)
			if p.shape == nil && p.label < 0 {
				dst = e.append(dst, y[p.start])
			} else {
				dst = e.feature(dst, f, y)
			}
		}
		from = at.End
	}
	brace := bytes.LastIndexByte(value, '}')
	dst = append(dst, value[from:brace]...)
	for f, key := range e.tops {
		if row.Spans[f] == (Span{}) && e.any(f, y) {
			dst = e.feature(append(comma(dst), key...), f, y)
		}
	}
	if e.meta.writes() && row.Stamp == (Span{}) {
		dst = appendStamp(append(comma(dst), `"`+schema.StampField+`":`...), m)
	}
	return append(dst, value[brace:]...)
}

// appendGap appends b[from:to], what stands between two numbers. Up to 16 bytes
// are copied with some that lie behind, which is quicker than memmove.
func appendGap(dst, b []byte, from, to int32) []byte {
	n, size := len(dst), int(to-from)
	if size > 16 || len(b)-int(from) < 16 || cap(dst)-n < 16 {
		return append(dst, b[from:to]...)
	}
	*(*[16]byte)(dst[n : n+16]) = [16]byte(b[from:])
	return dst[:n+size]
}

// remark appends the mark in the place of one that was there.
func (e *replaceJSON) remark(dst []byte, m *Mark) []byte {
	if e.meta == MetaRemove {
		return dst
	}
	return appendStamp(dst, m)
}

// keepsAll reports whether all numbers of feature f are as they are in the record,
// where none stands for a label.
func (e *replaceJSON) keepsAll(f int, row *Row, y []float64) bool {
	return e.rows.places[f].label < 0 && e.places[f].label < 0 && slices.Equal(e.rows.of(f, row.Numbers), e.of(f, y))
}

// lacksNested tells the grafter which nested features are lacking: absent from the
// record, though there is a number for them.
func (e *replaceJSON) lacksNested(row *Row, y []float64) (some bool) {
	for _, f := range e.nested {
		e.grafts.lacks[f] = row.Spans[f] == (Span{}) && e.any(f, y)
		some = some || e.grafts.lacks[f]
	}
	return some
}

// arrange says what changes in value, and sorts it.
func (e *replaceJSON) arrange(value []byte, row *Row) {
	n := copy(e.edits, row.Spans)
	for _, f := range e.carriers {
		e.edits[f] = Span{}
	}
	switch {
	case row.Stamp == (Span{}) || e.meta == MetaNone:
		e.edits[n] = Span{}
	case e.meta == MetaRemove:
		e.edits[n] = stampMember(value, row.Stamp)
	default:
		e.edits[n] = row.Stamp
	}
	last := int32(0)
	for _, i := range e.order {
		switch start := e.edits[i].Start; {
		case start >= last:
			last = start
		case start > 0:
			slices.SortFunc(e.order, func(i, j int) int { return int(e.edits[i].Start - e.edits[j].Start) })
			return
		}
	}
}

// comma appends a comma unless the object that ends dst is still empty.
func comma(dst []byte) []byte {
	i := len(dst) - 1
	for isBlank(dst[i]) {
		i--
	}
	if dst[i] == '{' {
		return dst
	}
	return append(dst, ',')
}

// A replaceCSV writes the Value Replace as CSV.
type replaceCSV struct {
	featurePrinter
	meta   Meta
	header []byte
	cells  []int  // features by their column, unless they are carried, and markCell
	added  []int  // features that get a column at the end
	labels []bool // per feature: it is a label, or was one
	mark   int    // the column of the mark, or -1
	text   []byte
	scan   scanner
}

// markCell stands among the features of replaceCSV for the mark.
const markCell = -1

// newReplaceCSV returns an encoder to s of rows of the same features.
func newReplaceCSV(rows, s *schema.Schema, o Output, header []byte) (*replaceCSV, error) {
	d, err := NewCSV(s, header)
	if err != nil {
		return nil, err
	}
	e := &replaceCSV{featurePrinter: o.csvPrinter(s), meta: o.Meta, mark: -1}
	for f := range s.Features {
		e.labels = append(e.labels, rows.Features[f].Label || s.Features[f].Label)
	}
	for i, t := range d.columns {
		switch {
		case t == nil:
		case t.stamp:
			e.mark = i
			e.cells = append(e.cells, markCell)
		case len(t.features) > 0 && !e.carried(t.features[0]):
			e.cells = append(e.cells, t.features[0])
		}
	}
	for _, f := range d.missing() {
		if o.Imputed[f] {
			e.added = append(e.added, f)
		}
	}
	e.header = e.newHeader(s, header)
	return e, nil
}

func (e *replaceCSV) newHeader(s *schema.Schema, header []byte) []byte {
	line := trimReturn(header)
	skip := len(line) - len(bytes.TrimPrefix(line, []byte(byteOrderMark)))
	dst := bytes.Clone(line[:skip])
	body := line[skip:]
	if e.mark >= 0 && e.meta == MetaRemove {
		cut := cutCell(body, e.scan.column(body, e.mark))
		body = slices.Concat(body[:cut.Start], body[cut.End:])
	}
	dst = append(dst, body...)
	for _, f := range e.added {
		dst = appendCell(append(dst, ','), s.Features[f].Field)
	}
	if e.mark < 0 && e.meta.writes() {
		dst = append(dst, ","+schema.StampField...)
	}
	return append(dst, header[len(line):]...)
}

func (e *replaceCSV) Header(dst []byte) []byte { return append(dst, e.header...) }

func (*replaceCSV) Lines() bool { return true }

func (e *replaceCSV) Append(dst, value []byte, row *Row, y []float64, m *Mark) []byte {
	line := trimReturn(value)
	start, from := len(dst), int32(0)
	for _, f := range e.cells {
		if f == markCell && e.meta == MetaNone || f != markCell && e.keeps(row.Numbers[f], y[f]) && !e.labels[f] {
			continue
		}
		at := e.cell(line, row, f)
		dst = append(dst, line[from:at.Start]...)
		from = at.End
		switch {
		case f != markCell && !e.labels[f]:
			dst = e.append(dst, y[f])
		case f != markCell:
			dst = e.feature(dst, f, y)
		case e.meta != MetaRemove:
			dst = e.stamp(dst, m)
		}
	}
	dst = append(dst, line[from:]...)
	for _, f := range e.added {
		dst = e.feature(append(dst, ','), f, y)
	}
	if e.mark < 0 && e.meta.writes() {
		dst = e.stamp(append(dst, ','), m)
	}
	if len(dst) == start { // a line must not be empty
		dst = append(dst, `""`...)
	}
	return append(dst, value[len(line):]...)
}

// cell returns the bytes to replace for a feature, or for the mark.
func (e *replaceCSV) cell(line []byte, row *Row, f int) Span {
	if f != markCell {
		return row.Spans[f]
	}
	at := row.Stamp
	if at == (Span{}) {
		at = e.scan.column(line, e.mark)
	}
	if e.meta == MetaRemove {
		return cutCell(line, at)
	}
	return at
}

func (e *replaceCSV) stamp(dst []byte, m *Mark) []byte {
	e.text = appendStamp(e.text[:0], m)
	return appendCell(dst, view(e.text))
}

// column returns where the n-th cell of a valid line is, counted from 0.
func (s *scanner) column(line []byte, n int) Span {
	start := 0
	end, _ := s.cell(line, 0)
	for range n {
		start = end + 1
		end, _ = s.cell(line, start)
	}
	return Span{int32(start), int32(end)}
}

// cutCell returns the bytes to cut out of a line so that the cell at s is gone:
// the cell and one comma.
func cutCell(line []byte, s Span) Span {
	if s.Start > 0 {
		return Span{s.Start - 1, s.End}
	}
	return Span{0, min(s.End+1, int32(len(line)))}
}
