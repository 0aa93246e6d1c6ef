package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tare/config"
)

// field makes a feature of a field, or says why it is none.
func (d *draft) field(name string, series []int) {
	f, column := d.sample.fields[name], d.columns[name]
	switch {
	case name == config.KeyField || name == config.TimestampField:
	case name == "":
		d.omit(name, "a column without a name")
	case f.shape != nil:
		d.array(f, column)
	case f.numbers == 0:
		d.omit(name, "%s", notNumeric(column))
	case f.numbers <= 9*f.others:
		d.omit(name, "only %d of %d values are numbers", f.numbers, f.numbers+f.others)
	default:
		values := valuesOf(column, series, d.sample.rows)
		if why := values.unfit(name); why != "" {
			d.omit(name, "%s", why)
			return
		}
		d.feature(config.Feature{Field: name}, f, choose(name, values.bySeries()))
		if f.others > 0 || values.beyond > 0 {
			d.odd = append(d.odd, shown(name))
		}
	}
}

func (d *draft) omit(name, format string, args ...any) {
	d.leftOut = append(d.leftOut, shown(name)+": "+fmt.Sprintf(format, args...))
}

// feature adds a feature with what was chosen for it.
func (d *draft) feature(f config.Feature, from *field, chosen choice) {
	f.Name, f.Scaler = unused(d.config.Features, from.feature()), config.NewScaler(chosen.scaler)
	if chosen.pre != "" {
		f.Pre = []config.Pre{{Kind: chosen.pre}}
	}
	d.beside(fmt.Sprintf("features[%d]", len(d.config.Features)), "%s", chosen.why)
	d.config.Features = append(d.config.Features, f)
}

// notNumeric says what a column without numbers holds.
func notNumeric(column []*cell) string {
	var texts []string
	for _, c := range column {
		if c != nil && !c.missing && c.text != "" {
			texts = append(texts, c.text)
		} else if c != nil && !c.missing {
			return "arrays that are not of numbers alone, or not even"
		}
	}
	slices.Sort(texts)
	n := len(texts)
	texts = slices.Compact(texts)
	switch {
	case n == 0:
		return "no value in the sample"
	case len(texts) > 20 || 2*len(texts) > n && n >= 20:
		return "text"
	}
	examples := make([]string, min(len(texts), 5))
	for i := range examples {
		examples[i] = shown(texts[i])
	}
	if len(texts) > len(examples) {
		examples = append(examples, "...")
	}
	return fmt.Sprintf("a label of %s (%s); scaler: onehot or ordinal encodes it", plural(len(texts), "value", "values"), strings.Join(examples, ", "))
}

// array makes a feature of a field that holds arrays of one shape.
func (d *draft) array(f *field, column []*cell) {
	same, other := 0, f.numbers
	for _, c := range column {
		switch {
		case c == nil || c.missing || c.number:
		case slices.Equal(c.shape, f.shape):
			same++
		default:
			other++
		}
	}
	if same <= 9*other {
		d.omit(f.name, "arrays of different shapes")
		return
	}
	feature := config.Feature{Field: f.name, Shape: f.shape}
	per, why := perOf(f.shape)
	feature.Per = per
	groups := elements(column, f.shape, per)
	if len(groups) == 0 || allConstant(groups) {
		d.omit(f.name, "arrays of one and the same number")
		return
	}
	chosen := choose(f.name, groups)
	chosen.why += "; " + why
	d.feature(feature, f, chosen)
	if other > 0 {
		d.odd = append(d.odd, shown(f.name))
	}
}

// perOf says which numbers of an array share statistics, and why.
func perOf(shape []int) (per, why string) {
	size := 1
	for _, n := range shape {
		size *= n
	}
	last := len(shape) - 1
	switch {
	case size <= someNumbers:
		return "", "each number has its own statistics; per: none if they are samples of one signal"
	case len(shape) == 3 && shape[0] <= 4:
		return "0", "per channel, if the first axis is one"
	case len(shape) == 3 && shape[last] <= 4:
		return strconv.Itoa(last), "per channel, if the last axis is one"
	}
	return "none", "one set of statistics for so many numbers"
}

// elements groups the numbers of arrays: by place where each has its own statistics,
// else all that were looked at.
func elements(column []*cell, shape []int, per string) (groups [][]float64) {
	if per != "" {
		groups = make([][]float64, 1)
	}
	for _, c := range column {
		if c == nil || !slices.Equal(c.shape, shape) {
			continue
		}
		for i, x := range c.numbers {
			if per != "" {
				i = 0
			}
			if i == len(groups) {
				groups = append(groups, nil)
			}
			groups[i] = append(groups[i], x)
		}
	}
	for i, g := range groups {
		groups[i] = thin(g)
	}
	return slices.DeleteFunc(groups, func(g []float64) bool { return len(g) == 0 })
}

// thin leaves 10,000 values at even distances.
func thin(values []float64) []float64 {
	step := (len(values) + initRecords - 1) / initRecords
	if step <= 1 {
		return values
	}
	kept := values[:0]
	for i := 0; i < len(values); i += step {
		kept = append(kept, values[i])
	}
	return kept
}

func allConstant(groups [][]float64) bool {
	for _, g := range groups {
		if slices.Min(g) != slices.Max(g) || slices.Min(groups[0]) != g[0] {
			return false
		}
	}
	return true
}

// numbers are the values of a field in the order of the records.
type numbers struct {
	values    []float64
	whole     bool // all are integers
	beyond    int  // numbers that are too large, which are not among them
	series    []int
	partition []int32
}

func valuesOf(column []*cell, series []int, rows []row) (v numbers) {
	v.whole = true
	for i, c := range column {
		if c == nil || !c.number || c.missing {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(c.text), 64)
		if err != nil || !(math.Abs(x) <= 1e150) {
			v.beyond++
			continue
		}
		v.values, v.series, v.partition = append(v.values, x), append(v.series, series[i]), append(v.partition, rows[i].partition)
		v.whole = v.whole && x == math.Trunc(x)
	}
	return v
}

func (v *numbers) bySeries() (groups [][]float64) {
	for i, x := range v.values {
		for v.series[i] >= len(groups) {
			groups = append(groups, nil)
		}
		groups[v.series[i]] = append(groups[v.series[i]], x)
	}
	return slices.DeleteFunc(groups, func(g []float64) bool { return len(g) == 0 })
}

// Values that it takes before a field is left out for what they are.
const (
	constantValues = 5
	risingValues   = 20
)

// labelWords are names of whole numbers that are codes.
var labelWords = []string{"status", "state", "mode", "code", "class", "label", "category", "type", "flag", "alarm", "error", "quality"}

// unfit says why a field should be no feature; it is empty if it may be one.
func (v *numbers) unfit(name string) string {
	if len(v.values) == 0 {
		return "no value in reach of a scaler"
	}
	list := words(name)
	is := func(of []string) bool { return slices.Contains(of, list[len(list)-1]) }
	low, high := slices.Min(v.values), slices.Max(v.values)
	switch {
	case low == high && len(v.values) >= constantValues:
		return fmt.Sprintf("always %v", low)
	case v.constantBySeries():
		return "the same in all records of a series; with scope: global it could tell the series apart"
	case v.whole && len(list) > 0 && is(loneWords):
		return "whole numbers with the name of an identifier"
	case v.whole && len(v.values) >= risingValues && (v.rises(func(int) int { return 0 }) || v.rises(func(i int) int { return int(v.partition[i]) }) || v.rises(func(i int) int { return v.series[i] })):
		return "whole numbers that only grow: an identifier or a counter, which grows out of any scale; its steps could be a feature"
	case v.whole && len(list) > 0 && is(labelWords) && high-low < 1000 && len(v.values) >= risingValues:
		return "whole numbers with the name of a code, which has no scale"
	}
	return ""
}

// constantBySeries reports whether several series have one value each.
func (v *numbers) constantBySeries() bool {
	groups := v.bySeries()
	if len(groups) < 2 || len(v.values) < constantValues*len(groups) {
		return false
	}
	return !slices.ContainsFunc(groups, func(g []float64) bool { return slices.Min(g) != slices.Max(g) })
}

// rises reports whether the values of each group never fall, and nearly always rise.
func (v *numbers) rises(group func(i int) int) bool {
	last, steps, rising := map[int]float64{}, 0, 0
	for i, x := range v.values {
		g := group(i)
		before, seen := last[g]
		if seen {
			steps++
			if x < before {
				return false
			}
			if x > before {
				rising++
			}
		}
		last[g] = x
	}
	return 10*rising > 9*steps && steps >= risingValues/2
}
