package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tare/config"
	"tare/record"
	"tare/schema"
	"tare/stream"
)

// A sample holds the fields of the first records. What a field is may be told
// from those before the cutoff alone: the choice of features is learned too.
type sample struct {
	time   string // the field of the event time, if any
	rows   []row
	names  []string // in the order of first sight
	fields map[string]*field
	header []byte // of CSV
	more   bool   // the source holds records behind them

	rejects int // records that are not what the format says
	reject  string
	first   string // of those
}

// A reach is how much of a source is looked at.
type reach struct {
	records int
	bytes   int // of all their values; 0 is no limit
}

// readable refuses a sample whose records are all rejected.
func (s *sample) readable(path, format string) error {
	if len(s.rows) > 0 || s.rejects == 0 {
		return nil
	}
	return usagef("%s: none of the first %d records can be read: the first is %s: %.60q; is the format %s? --format says json or csv", path, s.rejects, s.reject, s.first, format)
}

// A row is what one record of the sample holds.
type row struct {
	partition int32
	cells     []cell
}

type cell struct {
	name, text      string
	number, missing bool
	shape           []int     // of an array of numbers
	numbers         []float64 // some of those
}

// cell returns the last one of a name; nil if there is none.
func (r *row) cell(name string) *cell {
	for i := range slices.Backward(r.cells) {
		if r.cells[i].name == name {
			return &r.cells[i]
		}
	}
	return nil
}

type field struct {
	name    string // its path
	numbers int
	others  int // neither numbers nor missing
	example string
	shape   []int // of the first array of numbers
}

func (f *field) feature() string {
	name := strings.TrimLeft(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, strings.ReplaceAll(f.name, `\.`, ".")), "._")
	for len(name) > 120 { // 128 are allowed, with the number that makes it unique
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	switch name {
	case "":
		return "field"
	case "series": // the artifact keeps it for their names
		return "series_value"
	}
	return name
}

func (s *sample) numeric() (fields []*field) {
	for _, name := range s.names {
		if f := s.fields[name]; name != "" && f.numbers > 9*f.others {
			fields = append(fields, f)
		}
	}
	return fields
}

// mixed returns the fields that hold numbers, but too few of them.
func (s *sample) mixed() (names []string) {
	for _, name := range s.names {
		if f := s.fields[name]; name != s.time && f.numbers > f.others && f.numbers <= 9*f.others {
			names = append(names, name)
		}
	}
	return names
}

// see takes in one value of the row that is being read.
func (r *row) see(name, text string, number, missing bool) {
	r.cells = append(r.cells, cell{name: name, text: text, number: number, missing: missing})
}

// count tells the fields of the rows.
func (s *sample) count() {
	s.names, s.fields = nil, map[string]*field{}
	for i := range s.rows {
		for _, c := range s.rows[i].cells {
			s.field(c.name).see(&c)
		}
	}
}

// keep leaves only the rows before a cutoff.
func (s *sample) keep(layout schema.Layout, cutoff int64) {
	s.rows = slices.DeleteFunc(s.rows, func(r row) bool {
		c := r.cell(s.time)
		if c == nil {
			return true
		}
		at, ok := record.ParseTime(layout, []byte(c.text))
		return !ok || at >= cutoff
	})
	s.count()
}

func (s *sample) field(name string) *field {
	f := s.fields[name]
	if f == nil {
		f = &field{name: name}
		s.fields[name] = f
		s.names = append(s.names, name)
	}
	return f
}

func (f *field) see(c *cell) {
	switch {
	case c.missing:
	case c.number:
		f.numbers++
	default:
		f.others++
	}
	if f.example == "" {
		f.example = c.text
	}
	if f.shape == nil {
		f.shape = c.shape
	}
}

// layout tells how the event time is written, from its first example.
func (s *sample) layout(name string) (schema.Layout, error) {
	f := s.fields[name]
	switch {
	case len(s.rows) == 0:
		return "", usagef("no record can be read: is this the format? --format says json or csv")
	case f == nil || f.example == "":
		return "", usagef("--time %s: no such field in the first %d records; there are %s", name, len(s.rows), strings.Join(s.names, ", "))
	}
	layout, ok := layoutOf(f.example)
	if !ok {
		return "", usagef("--time %s: %q is neither RFC 3339 nor a number since 1970; a configuration (-c) can name its layout", name, f.example)
	}
	return layout, nil
}

// layoutOf tells a number since 1970, by its magnitude, from RFC 3339.
func layoutOf(example string) (layout schema.Layout, ok bool) {
	if x, err := strconv.ParseFloat(example, 64); err == nil {
		switch {
		case x < 1e11:
			return schema.Unix, true
		case x < 1e14:
			return schema.UnixMilli, true
		case x < 1e17:
			return schema.UnixMicro, true
		}
		return schema.UnixNano, true
	}
	_, ok = record.ParseTime(schema.RFC3339, []byte(example))
	return schema.RFC3339, ok
}

// sample looks at the first records of a file. Of standard input it takes only
// a look: what it read is read again.
func (a *app) sample(path string, format schema.Format, reach reach) (*sample, error) {
	if path == stream.Stdin {
		peeked := bufio.NewReaderSize(a.stdin, 1<<20)
		a.stdin = peeked
		head, err := peeked.Peek(1 << 20)
		if err != nil && err != io.EOF {
			return nil, err
		}
		more := err == nil
		if more { // the last record may be a part of one
			head = head[:bytes.LastIndexByte(head, '\n')+1]
		}
		s, err := sampleOf(path, format, bytes.NewReader(head), reach)
		if err == nil {
			s.more = s.more || more
		}
		return s, err
	}
	return sampleOf(path, format, nil, reach)
}

func sampleOf(path string, format schema.Format, stdin io.Reader, reach reach) (s *sample, err error) {
	files, err := stream.NewFiles([]string{path}, format, stdin)
	if err != nil {
		return nil, usageError{err}
	}
	if path != stream.Stdin && files.Rereadable() != nil {
		return nil, usagef("%w; or write a configuration (-c), or give - standard input", files.Rereadable())
	}
	reader, err := files.Open(context.Background(), 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	s = new(sample)
	see := s.json
	if format == schema.CSV {
		s.header = bytes.Clone(reader.Header())
		see = s.csv(string(s.header))
	}
	err = s.take(reader, see, reach)
	s.count()
	return s, err
}

// take looks at the first records of a partition.
func (s *sample) take(reader stream.Reader, see func(value []byte) (row, error), reach reach) error {
	had, size := len(s.rows), 0
	for {
		ms, err := reader.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range ms {
			if len(s.rows)-had == reach.records || reach.bytes > 0 && size >= reach.bytes {
				s.more = true
				return nil
			}
			size += len(ms[i].Value)
			s.look(&ms[i], see)
		}
	}
}

// meta takes in what a record of a topic has beside its value.
func (r *row) meta(m *record.Message) {
	if m.Timestamp == record.NoTimestamp {
		return
	}
	r.see(config.KeyField, string(m.Key), false, len(m.Key) == 0)
	r.see(config.TimestampField, strconv.FormatInt(m.Timestamp, 10), true, false)
}

// look takes in one record.
func (s *sample) look(m *record.Message, see func(value []byte) (row, error)) {
	r, err := see(m.Value)
	if err == nil {
		r.partition = m.Partition
		r.meta(m)
		s.rows = append(s.rows, r)
		return
	}
	if s.rejects == 0 {
		s.reject, s.first = err.Error(), string(m.Value[:min(len(m.Value), 60)])
	}
	s.rejects++
}

// json takes in the fields of an object; a line that is none is not counted.
func (s *sample) json(line []byte) (r row, err error) {
	limits := schema.DefaultLimits()
	if len(line) > limits.Value {
		return r, fmt.Errorf("%s: it has %d bytes", record.TooLarge, len(line))
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	t, err := d.Token()
	if err == nil && t != json.Delim('{') {
		err = errors.New("no object")
	}
	if err == nil {
		err = s.object(d, &r, "", limits.Depth)
	}
	return r, err
}

// object takes in the fields of an object that nests no deeper than depth.
func (s *sample) object(d *json.Decoder, r *row, prefix string, depth int) error {
	if depth == 0 {
		return errors.New("nested too deep")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name := prefix + strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(fmt.Sprint(key))
		value, err := d.Token()
		if err != nil {
			return err
		}
		switch v := value.(type) {
		case json.Delim:
			if v == '{' {
				err = s.object(d, r, name+".", depth-1)
			} else {
				c := cell{name: name}
				c.shape, err = array(d, schema.MaxRank, &c.numbers)
				r.cells = append(r.cells, c)
			}
			if err != nil {
				return err
			}
		case json.Number:
			r.see(name, v.String(), true, false)
		case nil:
			r.see(name, "", false, true)
		default:
			r.see(name, fmt.Sprint(v), false, false)
		}
	}
	_, err := d.Token()
	return err
}

// array reads an array behind its bracket and returns its shape: nil unless all in
// it are numbers, or missing, and nest evenly, no deeper than rank. The first
// numbers go into some.
func array(d *json.Decoder, rank int, some *[]float64) (shape []int, err error) {
	if rank == 0 {
		return nil, skip(d)
	}
	var inner []int
	n, even := 0, true
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		var of []int
		switch t {
		case json.Delim(']'):
			if !even || n == 0 {
				return nil, nil
			}
			return append([]int{n}, inner...), nil
		case json.Delim('['):
			of, err = array(d, rank-1, some)
			even = even && of != nil
		case json.Delim('{'):
			err = skip(d)
			even = false
		default:
			x, number := t.(json.Number)
			even = even && (number || t == nil)
			if f, err := x.Float64(); number && err == nil && len(*some) < someNumbers {
				*some = append(*some, f)
			}
		}
		if err != nil {
			return nil, err
		}
		even = even && (n == 0 || slices.Equal(of, inner))
		inner = of
		n++
	}
}

// someNumbers is how many of an array are looked at.
const someNumbers = 256

// skip reads an array or object to its end.
func skip(d *json.Decoder) error {
	for depth := 1; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return nil
}

// csv takes in the cells of rows below a header.
func (s *sample) csv(header string) func(line []byte) (row, error) {
	names := cells(strings.TrimPrefix(header, "\ufeff"))
	return func(line []byte) (r row, err error) {
		values := cells(string(line))
		if len(values) != len(names) {
			return r, fmt.Errorf("%d cells below a header of %d", len(values), len(names))
		}
		for i, cell := range values {
			_, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
			missing := cell == "" || strings.EqualFold(cell, "nan")
			r.see(names[i], cell, err == nil, missing)
		}
		return r, nil
	}
}

// cells returns the cells of a line of CSV, nil where it is none.
func cells(line string) []string {
	values, err := csv.NewReader(strings.NewReader(line)).Read()
	if err != nil {
		return nil
	}
	return values
}
