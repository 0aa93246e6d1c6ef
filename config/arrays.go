package config

import (
	"slices"
	"strconv"
)

// This file holds what arrays and records of packed numbers must hold together.

// settle fills in what follows from other keys: the feature of a binary record is
// the whole value, not a field of it, and the limit of a value leaves it room
// unless the file sets one.
func (r *reader) settle(c *Config) {
	if c.Inverse && !r.has("output.value") {
		c.Output.Value = "" // as the artifact says
	}
	if c.Record.Format != "binary" {
		return
	}
	for i := range c.Features {
		if !r.has(join(element("features", i), "field")) {
			c.Features[i].Field = ""
		}
	}
	if !r.has("record.limits.value") {
		c.Record.Limits.Value = max(c.Record.Limits.Value, frame(c))
	}
}

// frame returns the bytes of a binary record; 0 if they are not known.
func frame(c *Config) int {
	if len(c.Features) != 1 {
		return 0
	}
	bytes := map[string]int{"uint8": 1, "int16": 2, "float32": 4, "float64": 8}
	n := extent(c.Features[0].Shape)
	if n > maxWidth {
		return 0
	}
	return n * bytes[c.Record.DType]
}

// extent returns the numbers of a shape, maxWidth + 1 for all that are more; 0 if
// one of its extents is not known.
func extent(shape []int) int {
	n := 1
	for _, e := range shape {
		if e > 0 && n > maxWidth/e {
			return maxWidth + 1
		}
		n *= e
	}
	return n
}

// checkArrays refuses shapes that are too large, and what does not go with them.
func (r *reader) checkArrays(c *Config) {
	width := 0
	for i := range c.Features {
		f, at := &c.Features[i], element("features", i)
		width += r.checkShape(c, f, join(at, "shape"))
		r.checkPer(f, join(at, "per"))
		if f.Fixed != nil {
			r.checkFixed(f, at)
		}
	}
	switch need := 2*width - 1; {
	case width > maxWidth:
		r.problemAt("features", "they have more than %d numbers together", maxWidth)
	case c.Record.Format == "json" && width > len(c.Features) && need > c.Record.Limits.Value && !r.bad["record.limits.value"]:
		r.problemAt("record.limits.value", "%d numbers take %d bytes of JSON at least, so that every record is rejected; write what the records have, up to %s", width, need, formatSize(maxSize))
	}
}

// checkShape returns the numbers of a feature; 0 of a shape that is refused.
func (r *reader) checkShape(c *Config, f *Feature, at string) int {
	n := extent(f.Shape)
	switch {
	case f.Shape == nil:
		return 1
	case c.Record.Format == "csv":
		r.problemAt(at, "csv holds no arrays; name a feature for each column, or write format: json")
	case len(f.Shape) > maxRank:
		r.problemAt(at, "want 1 to %d extents, got %d", maxRank, len(f.Shape))
	case n > maxWidth:
		r.problemAt(at, "has more than %d numbers", maxWidth)
	default:
		return n
	}
	return 0
}

func (r *reader) checkPer(f *Feature, at string) {
	if axis, err := strconv.Atoi(f.Per); err == nil && axis >= len(f.Shape) && !r.bad[at] {
		r.problemAt(at, "want none, or an axis of the shape, which has %s, got %s", axes(len(f.Shape)), r.shownAt(at))
	}
}

func axes(n int) string {
	if n == 1 {
		return "the axis 0 alone"
	}
	return "the axes 0 to " + strconv.Itoa(n-1)
}

// checkFixed refuses what would be learned beside fixed numbers, and as many of
// them as nothing has.
func (r *reader) checkFixed(f *Feature, at string) {
	if !f.Scaler.WithMean {
		r.problemAt(join(at, "with_mean"), "the mean is fixed; leave this out, or write fixed: {mean: 0}")
	}
	if !f.Scaler.WithStd {
		r.problemAt(join(at, "with_std"), "the scale is fixed; leave this out, or write fixed: {scale: 1}")
	}
	if f.Impute.Kind == "mean" || f.Impute.Kind == "median" {
		r.problemAt(join(at, "impute"), "%s is a training statistic, but with fixed nothing is learned; write {constant: x}", r.shownAt(join(at, "impute")))
	}
	if f.Scope != "" {
		r.problemAt(join(at, "scope"), "fixed numbers are those of every series; leave it out")
	}
	want := groups(f)
	for _, given := range []struct {
		key  string
		list []float64
	}{{"mean", f.Fixed.Mean}, {"scale", f.Fixed.Scale}} {
		if n := len(given.list); n > 1 && n != want && want > 0 {
			r.problemAt(join(at, "fixed."+given.key), "want %s, got %d", wantedNumbers(f, want), n)
		}
	}
}

// groups returns the sets of statistics of a feature; 0 if they are not known.
func groups(f *Feature) int {
	switch axis, err := strconv.Atoi(f.Per); {
	case f.Per == "none":
		return 1
	case f.Per == "":
		return extent(f.Shape)
	case err != nil || axis >= len(f.Shape):
		return 0
	default:
		return f.Shape[axis]
	}
}

func wantedNumbers(f *Feature, n int) string {
	switch {
	case n == 1:
		return "one number"
	case f.Per == "":
		return "one number, or " + strconv.Itoa(n) + ", one for each of the array (per: an axis needs fewer)"
	}
	return "one number, or " + strconv.Itoa(n) + ", one for each index of axis " + f.Per
}

// checkBinary refuses what a record without names does not have.
func (r *reader) checkBinary(c *Config) {
	rec := &c.Record
	if rec.Format != "binary" || r.bad["record.format"] {
		return
	}
	if rec.DType == "" && !r.bad["record.dtype"] {
		r.problemAt("record.dtype", "missing; want %s, as the numbers of a binary record are written", words("or", dtypes))
	}
	if len(c.Features) > 1 {
		r.problemAt("features[1]", "a binary record is one array, which is its only feature; take one feature with a shape")
	}
	for i, f := range c.Features {
		if f.Field != "" {
			r.problemAt(join(element("features", i), "field"), "a binary record has no fields, its feature is the whole value; leave it out")
		}
	}
	if s := rec.Series; s.List || len(s.Fields) > 0 && s.Fields[0] != KeyField {
		r.problemAt("record.series", "a binary record has no fields; want %s, the key of a Kafka record, or leave it out", KeyField)
	}
	if f := rec.Time.Field; f != "" && f != TimestampField {
		r.problemAt("record.time.field", "a binary record has no fields; want %s of a Kafka record, or leave out time", TimestampField)
	}
	if size := frame(c); size > rec.Limits.Value && !r.bad["record.limits.value"] {
		r.problemAt("record.limits.value", "a record has %d bytes, so that every one is rejected; raise it, or leave it out", size)
	}
}

// checkPacked refuses outputs that packed numbers have no place for, and those that
// text has none for.
func (r *reader) checkPacked(c *Config) {
	o, binary := c.Output, c.Record.Format == "binary" && !r.bad["record.format"]
	packed := binary || o.Value == "vector"
	integer := o.Dtype == "int16" || o.Dtype == "uint8"
	switch {
	case binary && o.Value == "features":
		r.problemAt("output.value", "a binary record has no names; want replace or vector")
	case !packed && o.Missing != "nan":
		r.problemAt("output.missing", "%s only works with output.value: vector; elsewhere a missing value is null", r.shownAt("output.missing"))
	case o.Value != "vector" && o.Missing == "mask":
		r.problemAt("output.missing", "%s needs output.value: vector, for replace keeps the record's shape", r.shownAt("output.missing"))
	}
	switch {
	case r.bad["output.dtype"] || !integer:
	case !packed:
		r.problemAt("output.dtype", "%s is for packed numbers, of output.value: vector or record.format: binary; want float64 or float32", r.shownAt("output.dtype"))
	case o.Missing == "nan" && !r.bad["output.missing"]:
		r.problemAt("output.dtype", "%s has no NaN for a missing value; write missing: zero, or, in a vector, missing: mask", r.shownAt("output.dtype"))
	}
	if packed {
		r.checkUnmarked(c, map[bool]string{false: "vector", true: "binary record"}[binary])
	}
}

// checkUnmarked refuses a place for marks that packed numbers do not have.
func (r *reader) checkUnmarked(c *Config, what string) {
	switch o := c.Output; {
	case o.Meta == "none" || slices.ContainsFunc([]string{"output.meta", "sink", "sink.kafka"}, func(at string) bool { return r.bad[at] }):
	case c.Sink.Kafka == nil:
		r.problemAt("output.meta", "a file of %ss has no place for marks; write meta: none", what)
	case o.Meta == "field":
		r.problemAt("output.meta", "a %s has no fields; write meta: headers or meta: none", what)
	}
}
