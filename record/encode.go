package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tare/schema"
)

// An Output says how normalized records are written. Of each kind the zero
// value is the first of its constants.
type Output struct {
	Value   Value   `json:"value"`
	Dtype   Dtype   `json:"dtype"`
	Missing Missing `json:"missing"`
	Meta    Meta    `json:"meta"`
	// Columns names the numbers of a record, in the order of the features: one
	// each. Nil means the features' own names.
	Columns []string `json:"columns,omitempty"`
	// Imputed says per column whether missing values are filled in. CSV with
	// Replace then adds the columns that the header lacks.
	Imputed []bool `json:"imputed,omitempty"`
}

// A Value is what an output record consists of.
type Value string

const (
	// Replace keeps the record byte for byte and replaces the feature values
	// alone. A value that is absent stays absent unless it was imputed.
	Replace Value = "replace"
	// Features writes the series, the time as it came, the split, and the
	// columns by name. Schema.Output reads it. A series that is the key of a Kafka
	// record, and a time that is its timestamp, stay with that record.
	Features Value = "features"
	// Vector writes the columns as packed little-endian numbers and nothing
	// else.
	Vector Value = "vector"
)

// A Dtype is the precision of the numbers. Text is the shortest that reads back
// as the same number of that precision.
type Dtype string

const (
	Float64 Dtype = "float64" // 8 bytes
	Float32 Dtype = "float32" // 4 bytes
)

// A Missing is how Vector writes a missing value. In text it is null, or an
// empty cell.
type Missing string

const (
	MissingNaN  Missing = "nan"  // NaN
	MissingZero Missing = "zero" // 0
	// MissingMask writes 0, and behind the columns one more number for each: 1
	// where it is missing, else 0 (scikit-learn's MissingIndicator).
	MissingMask Missing = "mask"
)

// A Meta says where the Mark goes.
type Meta string

const (
	MetaHeaders Meta = "headers" // where the sink has its own place: in files the same as MetaField
	MetaField   Meta = "field"   // a last member _tare; in CSV a last column with the same JSON
	MetaNone    Meta = "none"    // nowhere
	// MetaRemove takes a mark off the record: Replace alone does it, to undo a
	// normalization.
	MetaRemove Meta = "remove"
)

func (o Output) withDefaults(s *schema.Schema) Output {
	o.Value = cmp.Or(o.Value, Replace)
	o.Dtype = cmp.Or(o.Dtype, Float64)
	o.Missing = cmp.Or(o.Missing, MissingNaN)
	o.Meta = cmp.Or(o.Meta, MetaHeaders)
	if o.Columns == nil {
		for _, f := range s.Features {
			o.Columns = append(o.Columns, f.Name)
		}
	}
	if o.Imputed == nil {
		o.Imputed = make([]bool, len(s.Features))
	}
	return o
}

// NewEncoder returns an encoder of the rows that a decoder for s reads. header
// is the header line of a CSV input; Features and Vector and all of JSON need
// none. A sink that carries the mark in headers of its own asks for MetaNone.
//
// In text a number equal to the one in the record is left as it is written
// there, unless it is to be rounded to Float32. An infinity is written as a
// missing value.
func NewEncoder(s *schema.Schema, o Output, header []byte) (Encoder, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults(s)
	if err := o.check(s); err != nil {
		return nil, err
	}
	csv := s.Format == schema.CSV
	switch {
	case o.Value == Vector:
		return &vector{o.printer(""), o.Missing}, nil
	case o.Value == Features && csv:
		return newFeaturesCSV(s, o), nil
	case o.Value == Features:
		return newFeaturesJSON(s, o), nil
	case csv:
		return newReplaceCSV(s, o, header)
	}
	return newReplaceJSON(s, o)
}

// writes reports whether a mark is to be written.
func (m Meta) writes() bool { return m == MetaHeaders || m == MetaField }

func (o Output) printer(null string) printer { return printer{o.Dtype == Float32, null} }

// Validate returns the first thing that is wrong with o as the output of
// records like s.
func (o Output) Validate(s *schema.Schema) error { return o.withDefaults(s).check(s) }

// check returns the first thing that is wrong with o, its defaults filled in.
func (o Output) check(s *schema.Schema) error {
	for _, c := range []error{
		oneOf("value", o.Value, Replace, Features, Vector),
		oneOf("dtype", o.Dtype, Float64, Float32),
		oneOf("missing", o.Missing, MissingNaN, MissingZero, MissingMask),
		oneOf("meta", o.Meta, MetaHeaders, MetaField, MetaNone, MetaRemove),
	} {
		if c != nil {
			return c
		}
	}
	switch n := len(s.Features); {
	case len(o.Columns) != n:
		return fmt.Errorf("output of %d columns for %d features, want one each", len(o.Columns), n)
	case len(o.Imputed) != n:
		return fmt.Errorf("output with imputed for %d of %d features, want one each", len(o.Imputed), n)
	case o.Value == Vector && o.Meta != MetaNone:
		return fmt.Errorf("output value %s has no place for meta %s, want %s", o.Value, o.Meta, MetaNone)
	case o.Value != Vector && o.Missing != MissingNaN:
		return fmt.Errorf("output missing %s needs value %s: %s writes null or an empty cell", o.Missing, Vector, o.Value)
	case o.Value != Replace && o.Meta == MetaRemove:
		return fmt.Errorf("output meta %s needs value %s", o.Meta, Replace)
	case o.Value == Replace:
		return checkReplace(s)
	case o.Value == Features:
		return checkColumns(o.Columns)
	}
	return nil
}

func oneOf[T ~string](key string, got T, accepted ...T) error {
	if slices.Contains(accepted, got) {
		return nil
	}
	words := make([]string, len(accepted))
	for i, a := range accepted {
		words[i] = string(a)
	}
	return fmt.Errorf("output %s %q, want %s", key, got, strings.Join(words, ", "))
}

// checkReplace refuses features that would be written to the same place.
func checkReplace(s *schema.Schema) error {
	byField := map[string]string{}
	for _, f := range s.Features {
		if other, ok := byField[f.Field]; ok {
			return fmt.Errorf("features %q and %q both read field %q, which output value %s can replace only once: want value %s or %s",
				other, f.Name, f.Field, Replace, Features, Vector)
		}
		byField[f.Field] = f.Name
	}
	return nil
}

// checkColumns refuses names that Features gives to other fields.
func checkColumns(columns []string) error {
	taken := []string{schema.SeriesField, schema.TimeField, schema.SplitField, schema.StampField}
	for i, c := range columns {
		if slices.Contains(taken, c) {
			return fmt.Errorf("column %q has the name of another field of output value %s (%s): want another name",
				c, Features, strings.Join(taken, ", "))
		}
		if slices.Contains(columns[:i], c) {
			return fmt.Errorf("two columns have the name %q", c)
		}
	}
	return nil
}
