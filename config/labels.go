package config

import (
	"math"
	"slices"

	"go.yaml.in/yaml/v4"
)

// This file holds what features that are labels have in place of numbers.

// An Encoding names what makes numbers of labels, and its options with
// scikit-learn's names. Options of the other kind are zero.
type Encoding struct {
	Kind                string   // onehot, ordinal; empty is a feature of numbers
	Categories          []string // in their order; nil is all labels of the training records, sorted
	HandleUnknown       string   // error; onehot: ignore, infrequent_if_exist, warn; ordinal: use_encoded_value
	MinFrequency        *float64 // records, or below 1 a share of them; nil is no limit
	MaxCategories       *int     // nil is no limit
	MaxTracked          int
	Drop                string   // onehot: first, if_binary; empty is none
	DropLabel           *string  // onehot: in place of Drop
	UnknownValue        *float64 // ordinal: an integer; nil is missing
	EncodedMissingValue *float64 // ordinal: an integer; nil is missing
}

// NewEncoding returns an encoding with scikit-learn's defaults, or none for a
// scaler of numbers.
func NewEncoding(scaler string) Encoding {
	if !slices.Contains(encoders, scaler) {
		return Encoding{}
	}
	return Encoding{Kind: scaler, HandleUnknown: "error", MaxTracked: 10_000}
}

const (
	maxLabel   = 64 << 10 // bytes of a label
	maxTracked = 1 << 20  // labels of a feature
)

var (
	encoders  = []string{"onehot", "ordinal"}
	handlings = map[string][]string{
		"onehot":  {"error", "ignore", "infrequent_if_exist", "warn"},
		"ordinal": {"error", "use_encoded_value"},
	}
)

func encodingKeys(e *Encoding) []key {
	labels, onehot := sister{"scaler", encoders}, sister{"scaler", encoders[:1]}
	handling := append(slices.Clone(handlings["onehot"]), handlings["ordinal"][1:]...)
	return []key{
		{name: "categories", kind: list(&e.Categories, "a list of labels", "", "", label), only: labels, def: "all labels of the training records, sorted", doc: "the labels that there are, in the order of their numbers; any other is unknown"},
		{name: "handle_unknown", kind: choice(&e.HandleUnknown, handling), only: labels, doc: "what becomes of a label that is none of the categories. `error`: its record is rejected; `ignore` (onehot): zeros; `infrequent_if_exist` (onehot): the infrequent column, zeros if there is none; `warn` (onehot): the same, and logged; `use_encoded_value` (ordinal): `unknown_value`"},
		{name: "unknown_value", kind: code(&e.UnknownValue), only: sister{"handle_unknown", []string{"use_encoded_value"}}, def: "missing", doc: "the number of an unknown label, which is none of a category: -1 never is"},
		{name: "encoded_missing_value", kind: code(&e.EncodedMissingValue), only: sister{"scaler", encoders[1:]}, def: "missing", doc: "the number of a missing label, which is none of a category: -1 never is"},
		{name: "min_frequency", kind: frequency(&e.MinFrequency), only: labels, def: "no limit", doc: "labels of fewer training records, or of a smaller share of them, are one category together"},
		{name: "max_categories", kind: count(&e.MaxCategories, maxTracked), only: labels, def: "no limit", doc: "how many categories are told apart at most; the rarest labels are one of these together"},
		{name: "drop", kind: dropped(e), only: onehot, def: "none", doc: "the category that has no column: the `first`, the first of two (`if_binary`), or that of a label"},
		{name: "max_tracked", kind: integer(&e.MaxTracked, 1, maxTracked), only: labels, doc: "how many labels are counted; a feature with more keeps the frequent ones, and the artifact tells by how much a count may be short"},
	}
}

// label is the text of a label: any scalar as it is written.
func label(dst *string) kind {
	return kind{
		name: "a label: a text, a number, true or false",
		scalar: func(v value) (string, bool) {
			*dst = v.text
			return "it has more than 64KiB", len(v.text) <= maxLabel
		},
		write: func() *yaml.Node { return scalarNode("!!str", escapeDollars(*dst)) },
		schema: func() dict {
			return dict{"anyOf": []dict{{"type": "string"}, {"type": "number"}, {"type": "boolean"}}}
		},
	}
}

// dropped is a word, or a list of one label, as scikit-learn has it.
func dropped(e *Encoding) kind {
	word := choice(&e.Drop, []string{"first", "if_binary"})
	var one string
	named := label(&one)
	k := kind{
		name:   "first, if_binary, or a list of one label such as [off]",
		scalar: word.scalar,
		sequence: func(r *reader, path string, n *yaml.Node) {
			if len(n.Content) != 1 {
				r.problem(path, n, "want a list of one label, got %d", len(n.Content))
				return
			}
			e.DropLabel = &one
			r.read(named, element(path, 0), n.Content[0])
		},
		write: func() *yaml.Node {
			if e.DropLabel == nil {
				return word.write()
			}
			return sequenceNode(label(e.DropLabel).write())
		},
	}
	k.schema = func() dict {
		return dict{"anyOf": []dict{word.schema(), {"type": "array", "minItems": 1, "maxItems": 1, "items": named.schema()}}}
	}
	return k
}

// count is a whole number from 1 on, or nothing.
func count(dst **int, most int64) kind {
	return optional(dst, 0, func(n *int) kind { return integer(n, 1, most) })
}

// code is a whole number, or nothing.
func code(dst **float64) kind {
	const most = 1 << 20
	var n int
	k := integer(&n, -most, most)
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		if ok {
			x := float64(n)
			*dst = &x
		}
		return hint, ok
	}
	k.write = func() *yaml.Node {
		if *dst == nil {
			return nil
		}
		return numberNode(**dst)
	}
	return k
}

// frequency is a number of records, a share of them, or nothing.
func frequency(dst **float64) kind {
	k := bound(dst, maxCount)
	k.name = "an integer from 1 on, or a share between 0 and 1"
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		return hint, ok && (**dst > 0 && **dst < 1 || **dst >= 1 && **dst == math.Trunc(**dst))
	}
	k.schema = func() dict {
		return orExpression(dict{"anyOf": []dict{
			{"type": "integer", "minimum": 1, "maximum": maxCount},
			{"type": "number", "minimum": 0, "maximum": 1, "not": dict{"const": 0}},
		}})
	}
	return k
}

// checkLabels refuses what labels do not have, and encodings that cannot be.
func (r *reader) checkLabels(c *Config) {
	names := map[string]string{}
	for i := range c.Features {
		names[c.Features[i].Name] = element("features", i)
	}
	for i := range c.Whiten {
		names[c.Whiten[i].Name] = element("whiten", i)
	}
	labels := 0
	for i := range c.Features {
		f, at := &c.Features[i], element("features", i)
		if f.Encoding.Kind == "" || r.bad[join(at, "scaler")] {
			continue
		}
		labels++
		r.checkLabel(c, f, at)
		r.checkHandling(&f.Encoding, at)
		r.checkCategories(f, at, names)
	}
	if labels > 0 {
		r.checkEncoded(c)
	}
}

// checkLabel refuses keys of numbers.
func (r *reader) checkLabel(c *Config, f *Feature, at string) {
	refuse := func(set bool, key, format string, args ...any) {
		if set {
			r.problemAt(join(at, key), format, args...)
		}
	}
	refuse(f.Shape != nil, "shape", "a label is one value, no array; leave it out")
	refuse(len(f.Pre) > 0, "pre", "a label is no number that could be transformed; leave it out")
	refuse(f.Scope == "series", "scope", "categories are always those of all series; leave it out")
	refuse(f.Impute.Kind != "" && f.Role != "target", "impute", "a label is not imputed: missing is null, or with ordinal encoded_missing_value; leave it out")
	refuse(f.Role == "target" && f.Encoding.Kind == "onehot", "role", "a target is one number; take the scaler ordinal, or leave the feature out: with output.value: replace it stays as it is")
	refuse(c.Record.Format == "binary" && !r.bad["record.format"], "scaler", "a binary record holds numbers, no labels; read json or csv")
}

// checkHandling refuses options that the other kind has, and more categories than
// are counted.
func (r *reader) checkHandling(e *Encoding, at string) {
	handling := join(at, "handle_unknown")
	if accepted := handlings[e.Kind]; !slices.Contains(accepted, e.HandleUnknown) && !r.bad[handling] {
		r.problemAt(handling, "with the scaler %s want %s, got %s", e.Kind, words("or", accepted), r.shownAt(handling))
	}
	if n := len(e.Categories); n > e.MaxTracked && !r.bad[join(at, "max_tracked")] {
		r.problemAt(join(at, "max_tracked"), "want at least %d, the number of categories, got %d", n, e.MaxTracked)
	}
	if e.MinFrequency != nil || e.MaxCategories != nil {
		return // fewer numbers than categories
	}
	for _, o := range []struct {
		key   string
		value *float64
	}{{"unknown_value", e.UnknownValue}, {"encoded_missing_value", e.EncodedMissingValue}} {
		if n := float64(len(e.Categories)); o.value != nil && *o.value >= 0 && *o.value < n {
			r.problemAt(join(at, o.key), "is the number of a category, 0 to %v; -1 never is", n-1)
		}
	}
}

// checkCategories refuses categories that are not told apart, and names that the
// columns and arrays of the feature have. names tells what has a name.
func (r *reader) checkCategories(f *Feature, at string, names map[string]string) {
	e, seen := &f.Encoding, map[string]string{}
	for k, label := range e.Categories {
		place := element(join(at, "categories"), k)
		if first := seen[label]; first != "" && !r.bad[place] {
			r.problemAt(place, "%s stands twice, first as %s", r.shownAt(place), first)
		}
		seen[label] = place
		if other := names[f.Name+"_"+label]; other != "" && e.Kind == "onehot" {
			r.problemAt(place, "its column has the name of %s; give that another name", other)
		}
	}
	if d := e.DropLabel; d != nil && e.Categories != nil && seen[*d] == "" {
		r.problemAt(join(at, "drop"), "is none of the categories")
	}
	if other := names[f.Name+".labels"]; other != "" && f.Name != "" {
		r.problemAt(join(other, "name"), "the artifact keeps this name for the labels of %s; choose another", at)
	}
}

// checkEncoded refuses outputs that have no place for what becomes of labels.
func (r *reader) checkEncoded(c *Config) {
	if r.bad["output.value"] || r.bad["record.format"] {
		return
	}
	onehot := slices.ContainsFunc(c.Features, func(f Feature) bool { return f.Encoding.Kind == "onehot" })
	switch replace := c.Output.Value == "replace"; {
	case replace && c.Record.Format == "csv" && onehot:
		r.problemAt("output.value", "replace has no columns for the outputs of onehot in csv; write output: {value: features}, or take the scaler ordinal")
	case c.Output.Value == "features" && c.Normalize.UnknownSeries == "passthrough":
		r.problemAt("normalize.unknown_series", "passthrough has no columns for labels as they came, but with output.value: replace")
	}
}
