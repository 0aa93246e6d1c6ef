package scale

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kinds of encoders.
const (
	OneHot  = "onehot"
	Ordinal = "ordinal"
)

// What an encoder does with a label that is none of its categories.
const (
	HandleError      = "error"               // the record is rejected
	HandleIgnore     = "ignore"              // onehot: all zeros
	HandleInfrequent = "infrequent_if_exist" // onehot: the infrequent column, all zeros if there is none
	HandleWarn       = "warn"                // onehot: infrequent_if_exist, and told
	HandleValue      = "use_encoded_value"   // ordinal: unknown_value
)

// Which category of onehot has no column of its own.
const (
	DropFirst    = "first"
	DropIfBinary = "if_binary" // the first, if there are two
)

const (
	// MaxTracked is the largest max_tracked.
	MaxTracked = 1 << 20

	defaultTracked = 10_000
)

// Infrequent is the name that scikit-learn gives to all infrequent categories
// together.
const Infrequent = "infrequent_sklearn"

var (
	encodingKinds = []string{OneHot, Ordinal}
	handlings     = map[string][]string{
		OneHot:  {HandleError, HandleIgnore, HandleInfrequent, HandleWarn},
		Ordinal: {HandleError, HandleValue},
	}
	drops = []string{DropFirst, DropIfBinary}
)

// An Encoding names an encoder and its options with scikit-learn's names.
// Options of the other kind are zero; DefaultEncoding fills in scikit-learn's
// defaults.
type Encoding struct {
	Kind string `json:"kind"`
	// Categories are given, in this order, or nil: all labels of the training
	// records are, sorted.
	Categories    []string `json:"categories,omitempty"`
	HandleUnknown string   `json:"handle_unknown"`
	// Categories with less than MinFrequency records are infrequent: a number, or
	// below 1 a share of all training records. Nil is no limit.
	MinFrequency *float64 `json:"min_frequency,omitempty"`
	// MaxCategories limits the categories that are told apart, the infrequent ones
	// together being one of them. Nil is no limit.
	MaxCategories *int `json:"max_categories,omitempty"`
	// MaxTracked is how many labels are counted, at least as many as Categories:
	// all of a feature that has no more.
	MaxTracked int     `json:"max_tracked,omitempty"`
	Drop       string  `json:"drop,omitempty"`       // onehot; empty is none
	DropLabel  *string `json:"drop_label,omitempty"` // onehot: this category, scikit-learn's drop=[label]
	// UnknownValue is the code of unknown labels, an integer; nil is NaN.
	UnknownValue *float64 `json:"unknown_value,omitempty"` // ordinal
	// EncodedMissingValue is the code of a missing label, an integer; nil is NaN.
	EncodedMissingValue *float64 `json:"encoded_missing_value,omitempty"` // ordinal
}

// DefaultEncoding returns the encoder kind with scikit-learn's default options,
// and a max_tracked of 10,000. Its error lists the kinds.
func DefaultEncoding(kind string) (Encoding, error) {
	if !slices.Contains(encodingKinds, kind) {
		return Encoding{}, unknownEncoding(kind)
	}
	return Encoding{Kind: kind, HandleUnknown: HandleError, MaxTracked: defaultTracked}, nil
}

func unknownEncoding(kind string) error {
	return fmt.Errorf("encoder %q: must be one of %s", kind, strings.Join(encodingKinds, ", "))
}

// Validate reports the first option that scikit-learn would refuse or that
// belongs to the other kind of encoder.
func (e Encoding) Validate() error {
	if !slices.Contains(encodingKinds, e.Kind) {
		return unknownEncoding(e.Kind)
	}
	if !slices.Contains(handlings[e.Kind], e.HandleUnknown) {
		return fmt.Errorf("handle_unknown %q: must be one of %s", e.HandleUnknown, strings.Join(handlings[e.Kind], ", "))
	}
	if err := e.validLimits(); err != nil {
		return err
	}
	if e.Categories != nil {
		if err := validCategories(e.Categories); err != nil {
			return err
		}
	}
	if e.Kind == OneHot {
		return e.validOneHot()
	}
	return e.validOrdinal()
}

func (e Encoding) validLimits() error {
	if e.MaxCategories != nil && *e.MaxCategories < 1 {
		return fmt.Errorf("max_categories %d: must be at least 1", *e.MaxCategories)
	}
	if e.MaxTracked < 1 || e.MaxTracked > MaxTracked {
		return fmt.Errorf("max_tracked %d: must be 1 to %d", e.MaxTracked, MaxTracked)
	}
	if len(e.Categories) > e.MaxTracked {
		return fmt.Errorf("max_tracked %d: must be at least the number of categories given, %d", e.MaxTracked, len(e.Categories))
	}
	if f := e.MinFrequency; f != nil && !(0 < *f && *f < 1 || *f >= 1 && integer(*f)) {
		return fmt.Errorf("min_frequency %v: must be a whole number of records from 1 on, or a share above 0 and below 1", *f)
	}
	return nil
}

// validCategories wants at least one label, and each once.
func validCategories(categories []string) error {
	if len(categories) == 0 {
		return fmt.Errorf("categories is empty: it must name at least one label")
	}
	seen := make(map[string]bool, len(categories))
	for _, label := range categories {
		if seen[label] {
			return fmt.Errorf("categories has %q twice: it must name each label once", label)
		}
		seen[label] = true
	}
	return nil
}

func (e Encoding) validOneHot() error {
	switch {
	case e.UnknownValue != nil || e.EncodedMissingValue != nil:
		return fmt.Errorf("unknown_value and encoded_missing_value are options of ordinal, not of onehot")
	case e.Drop != "" && !slices.Contains(drops, e.Drop):
		return fmt.Errorf("drop %q: must be one of %s, or drop_label must name the category", e.Drop, strings.Join(drops, ", "))
	case e.Drop != "" && e.DropLabel != nil:
		return fmt.Errorf("drop %s and drop_label %q: set one of them", e.Drop, *e.DropLabel)
	case e.DropLabel != nil && e.Categories != nil && !slices.Contains(e.Categories, *e.DropLabel):
		return fmt.Errorf("drop_label %q: must be one of the categories", *e.DropLabel)
	}
	return nil
}

func (e Encoding) validOrdinal() error {
	switch {
	case e.Drop != "" || e.DropLabel != nil:
		return fmt.Errorf("drop and drop_label are options of onehot, not of ordinal")
	case e.UnknownValue != nil && e.HandleUnknown != HandleValue:
		return fmt.Errorf("unknown_value %v: needs handle_unknown %s, not %s", *e.UnknownValue, HandleValue, e.HandleUnknown)
	case e.UnknownValue != nil && !integer(*e.UnknownValue):
		return fmt.Errorf("unknown_value %v: must be an integer, such as -1", *e.UnknownValue)
	case e.EncodedMissingValue != nil && !integer(*e.EncodedMissingValue):
		return fmt.Errorf("encoded_missing_value %v: must be an integer, such as -1", *e.EncodedMissingValue)
	}
	return nil
}

// integer reports whether x is a whole number that all float64 around it can
// tell from its neighbors.
func integer(x float64) bool { return math.Abs(x) <= 1<<53 && x == math.Trunc(x) }

// Rejects reports whether a record with an unknown label is to be rejected. The
// Step would make NaN of it.
func (e Encoding) Rejects() bool { return e.HandleUnknown == HandleError }

// Warns reports whether scikit-learn warns of an unknown label: as asked, or
// because its row looks like that of the dropped category.
func (e Encoding) Warns() bool {
	drop := e.Drop != "" || e.DropLabel != nil
	return e.HandleUnknown == HandleWarn || drop && !e.Rejects()
}

// EncodingParams returns the categories of a feature over all series, and what
// was learned of them: one number for each, 1 where it is infrequent and else 0.
// A category's code is its place among them.
//
// Counts tell in how many training records each label stands. Labels are in
// scikit-learn's order: texts by their bytes, numbers by their value. Where the
// encoding gives the categories, these come in their own order, and other labels
// do not count. Records are all training records, those without a label
// included, as scikit-learn counts them for a share.
func EncodingParams(e Encoding, labels [][]byte, counts []uint64, records uint64) (categories []string, infrequent []float64) {
	if e.Categories != nil {
		return e.Categories, e.infrequent(countsOf(e.Categories, labels, counts), records)
	}
	for _, label := range labels {
		categories = append(categories, string(label))
	}
	return categories, e.infrequent(counts, records)
}

// countsOf returns the counts of the categories, 0 for one that has none.
func countsOf(categories []string, labels [][]byte, counts []uint64) []uint64 {
	place := make(map[string]int, len(categories))
	for code, label := range categories {
		place[label] = code
	}
	out := make([]uint64, len(categories))
	for i, label := range labels {
		if code, ok := place[string(label)]; ok {
			out[code] = counts[i]
		}
	}
	return out
}

// infrequent marks the categories below min_frequency, and then, while they and
// one column for the infrequent are more than max_categories, the rarest: of
// equal ones those that come first (scikit-learn's _identify_infrequent).
func (e Encoding) infrequent(counts []uint64, records uint64) []float64 {
	rare := make([]float64, len(counts))
	frequent := len(counts)
	for code, n := range counts {
		if e.MinFrequency != nil && float64(n) < e.leastCount(records) {
			rare[code] = 1
			frequent--
		}
	}
	if e.MaxCategories == nil || *e.MaxCategories > frequent {
		return rare
	}
	order := make([]int, len(counts))
	for code := range order {
		order[code] = code
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[a], counts[b]) })
	for _, code := range order[:len(counts)-(*e.MaxCategories-1)] {
		rare[code] = 1
	}
	return rare
}

func (e Encoding) leastCount(records uint64) float64 {
	if *e.MinFrequency < 1 {
		return float64(records) * *e.MinFrequency
	}
	return *e.MinFrequency
}

// An Encoder maps the code of a label to numbers and back. It is a Step, but
// what was learned is over all series and part of it: it does not read p.
//
// In goes one number for each label: its code, NaN if it is missing, and -1, or
// anything that is no code, if it is unknown. Back comes the same, with one code
// more, one past the last, for the infrequent categories together. An Encoder is
// safe for concurrent use.
type Encoder struct {
	Step
	kind       string
	categories []string
	groups     groups
	dropped    int // group without a column, or nowhere
}

// nowhere is the group and the column of a label that has none, and the code of
// none.
const nowhere = -1

// NewEncoder returns the Encoder of a valid encoding with what EncodingParams
// has learned, which it checks, and keeps. Its errors are for parameters that
// EncodingParams does not return, and for options that do not go with these
// categories, as in scikit-learn: a drop_label that is none of them or that is
// infrequent, a code of unknown or missing labels that is one of theirs.
func NewEncoder(e Encoding, categories []string, infrequent []float64) (*Encoder, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if err := e.check(categories, infrequent); err != nil {
		return nil, err
	}
	g := newGroups(infrequent)
	if e.MaxCategories != nil && len(g.code) > *e.MaxCategories {
		return nil, fmt.Errorf("%d categories are told apart, but max_categories is %d", len(g.code), *e.MaxCategories)
	}
	encoder := &Encoder{kind: e.Kind, categories: categories, groups: g, dropped: nowhere}
	if e.Kind == Ordinal {
		if err := e.checkCodes(g.frequent()); err != nil {
			return nil, err
		}
		encoder.Step = newOrdinal(e, g)
		return encoder, nil
	}
	dropped, err := e.dropped(categories, g)
	if err != nil {
		return nil, err
	}
	encoder.dropped = dropped
	encoder.Step = newOneHot(e, g, dropped)
	return encoder, nil
}

// check refuses what EncodingParams does not return.
func (e Encoding) check(categories []string, infrequent []float64) error {
	if len(categories) == 0 {
		return fmt.Errorf("no categories: no training record has a label, give categories")
	}
	if err := validCategories(categories); err != nil {
		return err
	}
	if e.Categories != nil && !slices.Equal(e.Categories, categories) {
		return fmt.Errorf("the learned categories %.60q are not those given, %.60q", categories, e.Categories)
	}
	if len(infrequent) != len(categories) {
		return fmt.Errorf("%d categories and %d numbers for them, want one each", len(categories), len(infrequent))
	}
	for code, rare := range infrequent {
		if rare != 0 && rare != 1 || rare == 1 && e.MinFrequency == nil && e.MaxCategories == nil {
			return fmt.Errorf("category %q has %v, want 1 if it is infrequent, which takes min_frequency or max_categories, else 0", categories[code], rare)
		}
	}
	return nil
}

// Label returns the label of a code, Infrequent for that of the infrequent
// categories together. It is false where there is none: missing or unknown.
func (e *Encoder) Label(code float64) (label string, ok bool) {
	switch {
	case code == float64(len(e.categories)) && e.groups.rare:
		return Infrequent, true
	case code >= 0 && code < float64(len(e.categories)):
		return e.categories[int(code)], true
	}
	return "", false
}

// Names returns the names of the numbers that come out for a feature, as
// scikit-learn's get_feature_names_out does: its own for ordinal, else its name,
// an underscore and the label of each column.
func (e *Encoder) Names(feature string) []string {
	if e.kind == Ordinal {
		return []string{feature}
	}
	names := []string{}
	for group, code := range e.groups.code {
		if group != e.dropped {
			label, _ := e.Label(float64(code))
			names = append(names, feature+"_"+label)
		}
	}
	return names
}

// groups are the categories that are told apart: the frequent ones in their
// order, and last, if there are any, the infrequent ones together.
type groups struct {
	of   []int // of each category
	code []int // of each group's category; one past the last for the infrequent
	rare bool  // there are infrequent ones
}

func newGroups(infrequent []float64) groups {
	g := groups{of: make([]int, len(infrequent))}
	for code, rare := range infrequent {
		if rare == 0 {
			g.of[code] = len(g.code)
			g.code = append(g.code, code)
		}
	}
	for code, rare := range infrequent {
		if rare != 0 {
			g.of[code] = len(g.code)
			g.rare = true
		}
	}
	if g.rare {
		g.code = append(g.code, len(infrequent))
	}
	return g
}

// frequent returns how many groups are of one frequent category.
func (g *groups) frequent() int {
	if g.rare {
		return len(g.code) - 1
	}
	return len(g.code)
}

// at returns the group of a code, or unknown for what is no code.
func at(of []int, code float64, unknown int) int {
	if code >= 0 && code < float64(len(of)) {
		return of[int(code)]
	}
	return unknown
}
