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
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tare/config"
	"tare/record"
	"tare/schema"
	"tare/stream"
)

// A guess is what the flags of fit say in place of a configuration.
type guess struct {
	series, time, cutoff, format string
}

// sampleRecords is how many records are looked at to find the numeric fields.
const sampleRecords = 1000

// guessConfig makes a configuration from the flags and the first records.
func (a *app) guessConfig(g *guess, paths []string) (*config.Config, error) {
	c := config.Default()
	c.Pipeline = pipelineName(paths[0])
	c.Source.File.Paths = paths
	c.Record.Format = formatOf(g.format, paths[0])
	if err := oneOf("format", c.Record.Format, []string{string(schema.JSON), string(schema.CSV)}); err != nil {
		return nil, err
	}
	if g.series != "" {
		c.Record.Series.Fields = strings.Split(g.series, ",")
		c.Record.Series.List = len(c.Record.Series.Fields) > 1
	}
	sample, err := a.sample(paths[0], schema.Format(c.Record.Format), g.time)
	if err != nil {
		return nil, err
	}
	if err := sample.readable(paths[0], c.Record.Format); err != nil {
		return nil, err
	}
	if err := g.cut(c, sample); err != nil {
		return nil, err
	}
	if g.cutoff != "" {
		sample.keep(schema.Layout(c.Record.Time.Layout), c.Cutoff.EventTime.UnixNano())
	}
	for _, name := range sample.mixed() {
		a.say("field %s is left out: not all of its values are numbers", name)
	}
	for _, name := range sample.names {
		if f := sample.fields[name]; f.shape != nil {
			a.say("field %s is left out: it holds arrays, which a configuration (-c) takes as {name: %s, field: %s, shape: [%s]}", name, f.feature(), name, extents(f.shape))
		}
	}
	for _, field := range sample.numeric() {
		if field.name != g.time && !slices.Contains(c.Record.Series.Fields, field.name) {
			c.Features = append(c.Features, config.Feature{Name: unused(c.Features, field.feature()), Field: field.name, Scaler: config.NewScaler("standard")})
		}
	}
	if len(c.Features) == 0 {
		where := ""
		if g.cutoff != "" {
			where = " before the cutoff"
		}
		return nil, usagef("%s: no field holds numbers in its first %d records%s; a configuration (-c) names the features", paths[0], len(sample.rows), where)
	}
	return reparse(c)
}

// extents lists those of a shape as YAML.
func extents(shape []int) string { return strings.Trim(indexed(shape), "[]") }

// unused returns a name that no feature has yet: name, or name with a number.
func unused(features []config.Feature, name string) string {
	free := name
	for n := 2; slices.ContainsFunc(features, func(f config.Feature) bool { return f.Name == free }); n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	return free
}

// reparse puts a guessed configuration through the same checks as a written
// one.
func reparse(c *config.Config) (*config.Config, error) {
	return config.Parse("(guessed configuration)", c.YAML(), nil, nil)
}

// cut sets the cutoff and the layout of the event time.
func (g *guess) cut(c *config.Config, s *sample) error {
	if g.time != "" {
		layout, err := s.layout(g.time)
		if err != nil {
			return err
		}
		c.Record.Time = config.Time{Field: g.time, Layout: string(layout)}
	}
	if g.cutoff == "" {
		c.Cutoff.End = true
		return nil
	}
	if g.time == "" {
		return usagef("--cutoff needs --time, the field that holds the event time")
	}
	at, ok := record.ParseTime(schema.RFC3339, []byte(g.cutoff))
	if !ok {
		return usagef("--cutoff %q: want a date such as 2026-03-01, or RFC 3339", g.cutoff)
	}
	c.Cutoff.EventTime = time.Unix(0, at).UTC()
	return nil
}

// formatOf returns the format that is asked for, or that a name tells.
func formatOf(asked, path string) string {
	if asked != "" {
		return asked
	}
	path = strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		return string(schema.CSV)
	}
	return string(schema.JSON)
}

// pipelineName makes a pipeline's name of a file's.
func pipelineName(path string) string {
	if path == stream.Stdin {
		return "stdin"
	}
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(base))
	if name = strings.TrimLeft(name, "-_"); name == "" {
		return "pipeline"
	}
	return name
}

// A sample holds the fields of the first records. What a field is may be told
// from those before the cutoff alone: the choice of features is learned too.
type sample struct {
	time   string // the field of the event time, if any
	rows   []row
	names  []string // in the order of first sight
	fields map[string]*field

	rejects int // records that are not what the format says
	reject  string
	first   string // of those
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
	time  string
	cells []cell
}

type cell struct {
	name, text      string
	number, missing bool
	shape           []int // of an array of numbers
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
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ReplaceAll(f.name, `\.`, ".")), "._")
	if name == "" {
		return "field"
	}
	return name
}

func (s *sample) numeric() (fields []*field) {
	for _, name := range s.names {
		if f := s.fields[name]; f.numbers > 9*f.others {
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
func (r *row) see(s *sample, name, text string, number, missing bool) {
	r.cells = append(r.cells, cell{name: name, text: text, number: number, missing: missing})
	if name == s.time {
		r.time = text
	}
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
		at, ok := record.ParseTime(layout, []byte(r.time))
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
	if x, err := strconv.ParseFloat(f.example, 64); err == nil {
		switch {
		case x < 1e11:
			return schema.Unix, nil
		case x < 1e14:
			return schema.UnixMilli, nil
		case x < 1e17:
			return schema.UnixMicro, nil
		}
		return schema.UnixNano, nil
	}
	if _, ok := record.ParseTime(schema.RFC3339, []byte(f.example)); !ok {
		return "", usagef("--time %s: %q is neither RFC 3339 nor a number since 1970; a configuration (-c) can name its layout", name, f.example)
	}
	return schema.RFC3339, nil
}

// sample looks at the first records of a file. Of standard input it takes only
// a look: what it read is read again.
func (a *app) sample(path string, format schema.Format, time string) (*sample, error) {
	if path == stream.Stdin {
		peeked := bufio.NewReaderSize(a.stdin, 1<<20)
		a.stdin = peeked
		head, err := peeked.Peek(1 << 20)
		if err != nil && err != io.EOF {
			return nil, err
		}
		return a.sampleOf(path, format, time, bytes.NewReader(head))
	}
	return a.sampleOf(path, format, time, nil)
}

func (a *app) sampleOf(path string, format schema.Format, time string, stdin io.Reader) (s *sample, err error) {
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
	s = &sample{time: time}
	defer func() { s.count() }()
	see := s.json
	if format == schema.CSV {
		see = s.csv(string(reader.Header()))
	}
	for len(s.rows) < sampleRecords {
		ms, err := reader.Read()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range ms {
			r, err := see(ms[i].Value)
			switch {
			case err != nil && s.rejects == 0:
				s.reject, s.first = err.Error(), string(ms[i].Value[:min(len(ms[i].Value), 60)])
				fallthrough
			case err != nil:
				s.rejects++
			case len(s.rows) < sampleRecords:
				s.rows = append(s.rows, r)
			}
		}
	}
	return s, nil
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
				var shape []int
				shape, err = array(d, schema.MaxRank)
				r.cells = append(r.cells, cell{name: name, shape: shape})
			}
			if err != nil {
				return err
			}
		case json.Number:
			r.see(s, name, v.String(), true, false)
		case nil:
			r.see(s, name, "", false, true)
		default:
			r.see(s, name, fmt.Sprint(v), false, false)
		}
	}
	_, err := d.Token()
	return err
}

// array reads an array behind its bracket and returns its shape: nil unless all in
// it are numbers, or missing, and nest evenly, no deeper than rank.
func array(d *json.Decoder, rank int) (shape []int, err error) {
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
			of, err = array(d, rank-1)
			even = even && of != nil
		case json.Delim('{'):
			err = skip(d)
			even = false
		default:
			_, number := t.(json.Number)
			even = even && (number || t == nil)
		}
		if err != nil {
			return nil, err
		}
		even = even && (n == 0 || slices.Equal(of, inner))
		inner = of
		n++
	}
}

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
			r.see(s, names[i], cell, err == nil, missing)
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
