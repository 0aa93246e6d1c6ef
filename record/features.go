package record

import (
	"strings"

	"tare/schema"
)

// A featuresJSON writes the Value Features as JSON.
type featuresJSON struct {
	featurePrinter
	series, time, split string // keys with what stands before them; empty: left out
	columns             []string
	stamped             bool
}

func newFeaturesJSON(s *schema.Schema, o Output) *featuresJSON {
	e := &featuresJSON{featurePrinter: o.jsonPrinter(s), stamped: o.Meta.writes()}
	before := "{"
	key := func(name string) string {
		k := string(appendQuoted([]byte(before), name)) + ":"
		before = ","
		return k
	}
	if s.Series.Written() {
		e.series = key(schema.SeriesField)
	}
	if s.Time.Written() {
		e.time = key(schema.TimeField)
	}
	e.split = key(schema.SplitField)
	for _, c := range o.Columns {
		e.columns = append(e.columns, key(c))
	}
	return e
}

func (*featuresJSON) Header(dst []byte) []byte { return dst }

func (*featuresJSON) Lines() bool { return true }

func (e *featuresJSON) Append(dst, value []byte, row *Row, y []float64, m *Mark) []byte {
	if e.series != "" {
		dst = appendQuoted(append(dst, e.series...), view(row.Series))
	}
	if e.time != "" {
		dst = append(append(dst, e.time...), value[row.When.Start:row.When.End]...)
	}
	dst = appendQuoted(append(dst, e.split...), m.Split)
	for i, key := range e.columns {
		dst = append(dst, key...)
		switch at := &e.places[i]; {
		case at.label >= 0:
			dst = e.label(dst, i, value, row, y)
		case at.shape == nil:
			dst = e.append(dst, y[at.start])
		default:
			dst = e.feature(dst, i, y)
		}
	}
	if e.stamped {
		dst = appendStamp(append(dst, `,"`+schema.StampField+`":`...), m)
	}
	return append(dst, '}')
}

// A featuresCSV writes the Value Features as CSV.
type featuresCSV struct {
	featurePrinter
	header       []byte
	series, time bool
	stamped      bool
	cell         []byte // work space
}

func newFeaturesCSV(s *schema.Schema, o Output) *featuresCSV {
	e := &featuresCSV{featurePrinter: o.csvPrinter(s), stamped: o.Meta.writes()}
	var names []string
	if e.series = s.Series.Written(); e.series {
		names = append(names, schema.SeriesField)
	}
	if e.time = s.Time.Written(); e.time {
		names = append(names, schema.TimeField)
	}
	names = append(append(names, schema.SplitField), o.Columns...)
	if e.stamped {
		names = append(names, schema.StampField)
	}
	for i, name := range names {
		if i > 0 {
			e.header = append(e.header, ',')
		}
		e.header = appendCell(e.header, name)
	}
	return e
}

func (e *featuresCSV) Header(dst []byte) []byte { return append(dst, e.header...) }

func (*featuresCSV) Lines() bool { return true }

func (e *featuresCSV) Append(dst, value []byte, row *Row, y []float64, m *Mark) []byte {
	if e.series {
		dst = append(appendCell(dst, view(row.Series)), ',')
	}
	if e.time {
		dst = append(append(dst, value[row.When.Start:row.When.End]...), ',')
	}
	dst = appendCell(dst, m.Split)
	for f, x := range y {
		dst = append(dst, ',')
		if e.places[f].label >= 0 {
			dst = e.label(dst, f, value, row, y)
		} else {
			dst = e.append(dst, x)
		}
	}
	if e.stamped {
		e.cell = appendStamp(e.cell[:0], m)
		dst = appendCell(append(dst, ','), view(e.cell))
	}
	return dst
}

// appendCell appends text as a cell of CSV, in quotes if it needs them.
func appendCell(dst []byte, text string) []byte {
	if !strings.ContainsAny(text, "\",\r\n") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, text[:i]...), `""`...)
		text = text[i+1:]
	}
	dst = append(dst, text...)
	return append(dst, '"')
}
