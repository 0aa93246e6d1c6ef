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
	// Columns names the features of a record in the output, in their order: one
	// each, also of an array. Nil means the features' own names.
	Columns []string `json:"columns,omitempty"`
	// Imputed says per column whether missing values are filled in. CSV with
	// Replace then adds the columns that the header lacks.
	Imputed []bool `json:"imputed,omitempty"`
	// Labels holds per feature the labels of its codes, which are written in their
	// place. A feature that is a label and has none here is carried as it came.
	Labels []Codes `json:"-"`
}

// Codes are the labels of one feature by their codes, all of one kind. What is no
// code is written as a missing value.
type Codes struct {
	Labels []string
	Kind   LabelKind
}

// A Value is what an output record consists of.
type Value string

const (
	// Replace keeps the record byte for byte and replaces the feature values
	// alone. A value that is absent stays absent unless it was imputed. A binary
	// record is all feature: the numbers are packed as Vector packs them.
	Replace Value = "replace"
	// Features writes the series, the time as it came, the split, and the
	// columns by name. Schema.Output reads it. A series that is the key of a Kafka
	// record, and a time that is its timestamp, stay with that record.
	Features Value = "features"
	// Vector writes the columns as packed little-endian numbers and nothing
	// else, an array's in row-major order.
	Vector Value = "vector"
)

// A Dtype is the precision of the numbers. Text is the shortest that reads back
// as the same number of that precision.
type Dtype = schema.DType

const (
	Float64 = schema.Float64 // 8 bytes
	Float32 = schema.Float32 // 4 bytes

	// Integers are for packed numbers alone: rounded, half to even, and what is
	// beyond the least and the greatest is one of these. They have no NaN.

	Int16 = schema.Int16 // 2 bytes
	UInt8 = schema.UInt8 // 1 byte
)

// A Missing is how a missing value is written among packed numbers. In text it is
// null, or an empty cell; an array of nothing but missing values is one null.
type Missing string

const (
	MissingNaN  Missing = "nan"  // NaN
	MissingZero Missing = "zero" // 0
	// MissingMask writes 0, and behind the columns one more number for each of
	// theirs, also for each of an array: 1 where it is missing, else 0
	// (scikit-learn's MissingIndicator). It is of Vector alone.
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
// none. A sink that carries the mark in headers of its own asks for MetaNone, as
// do all packed numbers.
//
// In text a number equal to the one in the record is left as it is written
// there, unless it is to be rounded to Float32. An infinity is written as a
// missing value.
func NewEncoder(s *schema.Schema, o Output, header []byte) (Encoder, error) {
	return encoderOf(s, s, o, header)
}

// encoderOf returns an encoder to s of rows of the same features.
func encoderOf(rows, s *schema.Schema, o Output, header []byte) (Encoder, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults(s)
	if err := o.check(s); err != nil {
		return nil, err
	}
	csv, packed := s.Format == schema.CSV, vector{dtype: o.Dtype, missing: o.Missing}
	switch {
	case o.Value == Vector:
		return &packed, nil
	case s.Format == schema.Binary:
		return &replaceBinary{packed}, nil
	case o.Value == Features && csv:
		return newFeaturesCSV(s, o), nil
	case o.Value == Features:
		return newFeaturesJSON(s, o), nil
	case csv:
		return newReplaceCSV(rows, s, o, header)
	}
	return newReplaceJSON(rows, s, o)
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
		oneOf("dtype", o.Dtype, Float64, Float32, Int16, UInt8),
		oneOf("missing", o.Missing, MissingNaN, MissingZero, MissingMask),
		oneOf("meta", o.Meta, MetaHeaders, MetaField, MetaNone, MetaRemove),
	} {
		if c != nil {
			return c
		}
	}
	if err := o.checkPacked(s.Format == schema.Binary); err != nil {
		return err
	}
	switch n := len(s.Features); {
	case len(o.Columns) != n:
		return fmt.Errorf("output of %d columns for %d features, want one each", len(o.Columns), n)
	case len(o.Imputed) != n:
		return fmt.Errorf("output with imputed for %d of %d features, want one each", len(o.Imputed), n)
	case o.Value != Replace && o.Meta == MetaRemove:
		return fmt.Errorf("output meta %s needs value %s", o.Meta, Replace)
	}
	if err := o.checkLabels(s); err != nil {
		return err
	}
	switch {
	case o.Value == Replace:
		return checkReplace(s)
	case o.Value == Features:
		return checkColumns(o.Columns)
	}
	return nil
}

// checkPacked returns what is wrong with o as numbers that are packed, or that are
// not.
func (o Output) checkPacked(binary bool) error {
	integer := o.Dtype == Int16 || o.Dtype == UInt8
	switch packed := binary || o.Value == Vector; {
	case binary && o.Value == Features:
		return fmt.Errorf("output value %s of binary records, which have no names: want %s or %s", o.Value, Replace, Vector)
	case o.Value == Vector && o.Meta != MetaNone:
		return fmt.Errorf("output value %s has no place for meta %s, want %s", o.Value, o.Meta, MetaNone)
	case binary && o.Meta.writes():
		return fmt.Errorf("a binary record has no place for output meta %s, want %s", o.Meta, MetaNone)
	case !packed && o.Missing != MissingNaN:
		return fmt.Errorf("output missing %s needs value %s: %s writes null or an empty cell", o.Missing, Vector, o.Value)
	case o.Missing == MissingMask && o.Value != Vector:
		return fmt.Errorf("output missing %s needs value %s: %s keeps the record's shape", o.Missing, Vector, o.Value)
	case !packed && integer:
		return fmt.Errorf("output dtype %s needs value %s: text takes %s or %s", o.Dtype, Vector, Float64, Float32)
	case integer && o.Missing == MissingNaN:
		return fmt.Errorf("output dtype %s has no NaN for missing %s, want %s or %s", o.Dtype, o.Missing, MissingZero, MissingMask)
	}
	return nil
}

// checkLabels returns what is wrong with the labels of o.
func (o Output) checkLabels(s *schema.Schema) error {
	if o.Labels != nil && len(o.Labels) != len(s.Features) {
		return fmt.Errorf("output with labels for %d of %d features, want one each", len(o.Labels), len(s.Features))
	}
	for i := range s.Features {
		switch f := &s.Features[i]; {
		case f.Label && o.Value == Vector:
			return fmt.Errorf("output value %s of feature %q, which is a label: want value %s or %s", Vector, f.Name, Replace, Features)
		case !f.Label && o.Labels != nil && o.Labels[i].Labels != nil:
			return fmt.Errorf("output with labels for feature %q, which is a number: want none", f.Name)
		}
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
