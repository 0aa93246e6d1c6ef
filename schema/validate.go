package schema

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// Validate returns the first thing in s that no decoder can work with, for a
// schema may come from a file that somebody else wrote.
func (s *Schema) Validate() error {
	for _, check := range []func() error{s.checkWords, s.checkTime, s.checkSeries, s.checkFeatures, s.checkShapes, s.checkBinary, s.checkReserved, s.Limits.check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkWords() error {
	if s.Format != JSON && s.Format != CSV && s.Format != Binary {
		return fmt.Errorf("record format %q, want %s, %s or %s", s.Format, JSON, CSV, Binary)
	}
	if s.BadValue != "" && s.BadValue != Reject && s.BadValue != Missing {
		return fmt.Errorf("bad_value %q, want %s or %s", s.BadValue, Reject, Missing)
	}
	return nil
}

func (s *Schema) checkTime() error {
	switch t := s.Time; {
	case t.Field == Key:
		return fmt.Errorf(`time field %s is the key of a record, want %s or a field; in JSON \%[1]s is the member of that name`, Key, Timestamp)
	case t.Field == Timestamp && t.Layout != "":
		return fmt.Errorf("time field %s with layout %q, want none: it is a number of milliseconds", Timestamp, t.Layout)
	case t.Written() && t.Layout == "":
		return fmt.Errorf("time field %q without a layout, want %s, %s, %s, %s, %s or a Go layout",
			t.Field, RFC3339, Unix, UnixMilli, UnixMicro, UnixNano)
	case t.MaxFutureSkew < 0:
		return fmt.Errorf("max_future_skew is %v, want a duration above 0, or 0 for any skew", t.MaxFutureSkew)
	}
	return nil
}

func (s *Schema) checkSeries() error {
	if n := len(s.Series.Fields); n > 1 && !s.Series.List {
		return fmt.Errorf("series of %d fields that is no list, want one field or list: true", n)
	}
	seen := map[string]bool{}
	for _, f := range s.Series.Fields {
		if f == "" {
			return fmt.Errorf("series: an empty field, want its name")
		}
		if f == Timestamp {
			return fmt.Errorf(`series: %s is the timestamp of a record, want %s or a field; in JSON \%[1]s is the member of that name`, Timestamp, Key)
		}
		if seen[f] {
			return fmt.Errorf("series: field %q stands twice in the list", f)
		}
		seen[f] = true
	}
	return nil
}

func (s *Schema) checkFeatures() error {
	if len(s.Features) == 0 {
		return fmt.Errorf("no features, want at least one")
	}
	seen := map[string]bool{}
	for i, f := range s.Features {
		switch {
		case f.Name == "":
			return fmt.Errorf("feature %d has no name", i+1)
		case f.Field == "" && s.Format != Binary:
			return fmt.Errorf("feature %q has no field", f.Name)
		case seen[f.Name]:
			return fmt.Errorf("two features have the name %q", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

func (s *Schema) checkShapes() error {
	width := 0
	for i := range s.Features {
		f := &s.Features[i]
		switch {
		case s.Format == CSV && f.Shape != nil:
			return fmt.Errorf("feature %q has a shape, want one number: %s holds no arrays", f.Name, CSV)
		case f.Label && f.Shape != nil:
			return fmt.Errorf("feature %q is a label and has a shape, want one of them: an array of labels is not read", f.Name)
		}
		if err := CheckShape(f.Shape); err != nil {
			return fmt.Errorf("feature %q: %w", f.Name, err)
		}
		if width += f.Size(); width > MaxWidth {
			return fmt.Errorf("features of more than %d numbers together, want fewer", MaxWidth)
		}
	}
	return nil
}

// CheckShape refuses a shape that is not nil and has more than MaxRank extents
// or none, one below 1, or more than MaxWidth numbers.
func CheckShape(shape []int) error {
	if shape == nil {
		return nil
	}
	if len(shape) == 0 || len(shape) > MaxRank {
		return fmt.Errorf("shape of %d extents, want 1 to %d", len(shape), MaxRank)
	}
	left := MaxWidth
	for _, extent := range shape {
		if extent < 1 {
			return fmt.Errorf("shape %v, want extents of at least 1", shape)
		}
		if left /= extent; left == 0 {
			return fmt.Errorf("shape %v of more than %d numbers, want a smaller one", shape, MaxWidth)
		}
	}
	return nil
}

// checkBinary holds what a value without names can carry: one array, beside the
// key and the timestamp of its Kafka record.
func (s *Schema) checkBinary() error {
	if s.Format != Binary {
		if s.DType != "" {
			return fmt.Errorf("dtype %q with record format %q, want none: it belongs to %s", s.DType, s.Format, Binary)
		}
		return nil
	}
	switch series := s.Series; {
	case s.DType.Size() == 0:
		return fmt.Errorf("dtype %q, want %s, %s, %s or %s", s.DType, UInt8, Int16, Float32, Float64)
	case len(s.Features) != 1 || s.Features[0].Field != "":
		return fmt.Errorf("%d features of a %s record, want one, without a field: it is the whole value", len(s.Features), Binary)
	case s.Features[0].Label:
		return fmt.Errorf("feature %q of a %s record is a label, want numbers: labels are of %s and %s", s.Features[0].Name, Binary, JSON, CSV)
	case series.Written() || len(series.Fields) == 1 && series.List:
		return fmt.Errorf("series %q of a %s record, want %s or none: the value has no fields", series.Fields, Binary, Key)
	case s.Time.Written():
		return fmt.Errorf("time field %q of a %s record, want %s or none: the value has no fields", s.Time.Field, Binary, Timestamp)
	}
	return nil
}

// checkReserved refuses to read from the mark, which has a fate of its own.
func (s *Schema) checkReserved() error {
	fields := append([]string{s.Time.Field}, s.Series.Fields...)
	for _, f := range s.Features {
		fields = append(fields, f.Field)
	}
	for _, f := range fields {
		if f == StampField || s.Format == JSON && strings.HasPrefix(f, StampField+".") {
			return fmt.Errorf("field %q is reserved for the mark of tare, want another", f)
		}
	}
	return nil
}

func (l Limits) check() error {
	for _, c := range []struct {
		name       string
		value, max int
	}{
		{"value", l.Value, math.MaxInt32},
		{"series", l.Series, math.MaxInt32},
		{"depth", l.Depth, 10000},
	} {
		if c.value < 0 || c.value > c.max {
			return fmt.Errorf("limit of %s is %d, want 1 to %d, or 0 for the default", c.name, c.value, c.max)
		}
	}
	return nil
}

// OrDefault returns l with DefaultLimits in the place of zeros.
func (l Limits) OrDefault() Limits {
	d := DefaultLimits()
	return Limits{cmp.Or(l.Value, d.Value), cmp.Or(l.Series, d.Series), cmp.Or(l.Depth, d.Depth)}
}
