// Package schema says what a record looks like: where its series, its time and
// its features stand, and how large it may be. It is plain data, built by cmd
// from the configuration or from an artifact, and read by everything that
// touches records.
package schema

import "time"

// A Schema describes the records of one topic or set of files.
type Schema struct {
	Format   Format    `json:"format"`
	DType    DType     `json:"dtype,omitempty"` // of the numbers of Binary; else empty
	Series   Series    `json:"series,omitzero"`
	Time     Time      `json:"time,omitzero"`
	Features []Feature `json:"features"`
	BadValue BadValue  `json:"bad_value"`
	Limits   Limits    `json:"limits"`
}

// A Format names the encoding of a record's bytes.
type Format string

const (
	JSON Format = "json" // one object a line
	CSV  Format = "csv"  // one row a line under a header line, comma separated, RFC 4180 quoting
	// Binary is one array and nothing else: the numbers of the only feature, each
	// a DType, little-endian, in row-major order.
	Binary Format = "binary"
)

// A DType is how one number of a binary array is written. Its name is numpy's.
type DType string

// The DTypes, all little-endian.
const (
	UInt8   DType = "uint8"
	Int16   DType = "int16"
	Float32 DType = "float32"
	Float64 DType = "float64"
)

// Size returns the bytes of one number; 0 of a DType that there is not.
func (t DType) Size() int {
	switch t {
	case UInt8:
		return 1
	case Int16:
		return 2
	case Float32:
		return 4
	case Float64:
		return 8
	}
	return 0
}

// Series says which fields name the series of a record.
//
// Without fields all records are one series with the empty name. With one
// field (List false) the name is its string, or the digits of its integer.
// With List the name is the compact JSON array of the fields' strings. The field
// Key is not a field of the record.
type Series struct {
	Fields []string `json:"fields,omitempty"`
	List   bool     `json:"list,omitempty"`
}

// Key as a field of Series stands for the key of a Kafka record, a text in
// UTF-8. A member of a JSON object that has this name is the path `\$key`.
const Key = "$key"

// Time says where the event time of a record stands. The zero Time means that
// records carry none.
type Time struct {
	Field  string `json:"field,omitempty"`
	Layout Layout `json:"layout,omitempty"`
	// MaxFutureSkew is how far an event time may be ahead of the timestamp of its
	// Kafka record; 0 is any. It says nothing about records without a timestamp,
	// nor about the field Timestamp.
	MaxFutureSkew time.Duration `json:"max_future_skew,omitempty"`
}

// Timestamp as the field of Time stands for the timestamp of a Kafka record. It
// has no layout. A member of a JSON object that has this name is the path
// `\$timestamp`.
const Timestamp = "$timestamp"

// A Layout is how an event time is written: one of the constants, or a layout
// of Go's time package for anything else. Text without a zone is UTC.
type Layout string

const (
	RFC3339   Layout = "rfc3339" // also a date alone, which is 00:00Z of that day
	Unix      Layout = "unix"    // seconds; a fraction counts to the nanosecond
	UnixMilli Layout = "unix_ms" // milliseconds
	UnixMicro Layout = "unix_us" // microseconds
	UnixNano  Layout = "unix_ns" // nanoseconds
)

// A Feature is one input number of a record, one array of them, or a label.
type Feature struct {
	Name string `json:"name"` // its name in configuration, artifact and output
	// Field is the path of the value in the record. In JSON, dots part the keys
	// of nested objects and a backslash before a dot makes it part of the key; in
	// CSV it is the column's name as it stands in the header. The feature of
	// Binary is the whole value and has none.
	Field string `json:"field"`
	// Shape holds the extents of an array, outermost first: its numbers lie in
	// row-major order. Nil is one number.
	Shape []int `json:"shape,omitempty"`
	// Label says that the value is a label: a string, a number or a boolean that
	// stands for a category. It has no shape.
	Label bool `json:"label,omitempty"`
}

// Limits of arrays.
const (
	MaxRank  = 8
	MaxWidth = 1 << 24 // numbers of an array, and of all features of a record together
)

// Size returns the numbers of a feature: the product of its shape, 1 without.
func (f *Feature) Size() int { return Size(f.Shape) }

// Size returns the numbers of an array of a valid shape; 1 of none.
func Size(shape []int) int {
	n := 1
	for _, extent := range shape {
		n *= extent
	}
	return n
}

// Width returns the numbers of a record: those of all features.
func (s *Schema) Width() int {
	n := 0
	for i := range s.Features {
		n += s.Features[i].Size()
	}
	return n
}

// BadValue says what becomes of a feature value that is no number or whose
// magnitude is beyond MaxMagnitude, and of a label that is none or longer than
// MaxLabel.
type BadValue string

const (
	Reject  BadValue = "reject"  // the whole record is rejected
	Missing BadValue = "missing" // that value alone counts as missing
)

// MaxMagnitude is the largest |x| of a feature value: squared it still fits a
// float64 with room for 1e8 of them.
const MaxMagnitude = 1e150

// MaxLabel is the length in bytes of the longest label.
const MaxLabel = 64 << 10

// Limits bound what a record may cost. All are inclusive.
type Limits struct {
	Value  int `json:"value"`  // bytes of a record
	Series int `json:"series"` // bytes of a series name
	Depth  int `json:"depth"`  // nested objects and arrays
}

// DefaultLimits are 1 MiB, 64 KiB and 64 levels.
func DefaultLimits() Limits { return Limits{Value: 1 << 20, Series: 64 << 10, Depth: 64} }
