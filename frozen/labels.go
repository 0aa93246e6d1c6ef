package frozen

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"tare/record"
	"tare/scale"
)

// MaxOneHot is how many outputs all one-hot features have together at most.
const MaxOneHot = 1 << 14

// unknown is the code of a label that is none of the categories.
const unknown = -1

// IsLabel reports whether a label can be written as one of a kind: a JSON number,
// true or false, or any text.
func IsLabel(kind record.LabelKind, text string) bool {
	switch kind {
	case record.TextLabel:
		return true
	case record.NumberLabel:
		return isNumber(text)
	case record.BoolLabel:
		return text == "true" || text == "false"
	}
	return false
}

// isNumber reports whether a text is a JSON number and nothing else.
func isNumber(text string) bool {
	const digits = "0123456789"
	return text != "" && strings.IndexByte("-"+digits, text[0]) >= 0 &&
		strings.IndexByte(digits, text[len(text)-1]) >= 0 && json.Valid([]byte(text))
}

// CompareLabels is the order of categories of a kind, scikit-learn's: numbers by
// their values, and all else, as numbers that are equal, by its bytes.
func CompareLabels(kind record.LabelKind, a, b string) int {
	if kind == record.NumberLabel {
		x, _ := strconv.ParseFloat(a, 64) // infinite beyond a float64
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Or(cmp.Compare(x+0, y+0), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

// checkEncoding refuses what does not go with a label.
func (f *Feature) checkEncoding() error {
	if err := f.Encoding.Validate(); err != nil {
		return err
	}
	switch {
	case f.Scaler.Kind != scale.None || len(f.Pre) > 0 || f.Fixed != nil || f.Exact != "":
		return errors.New("a label with a scaler, pre-transforms, fixed or exact numbers, want none of them")
	case f.Impute != Impute{}:
		return fmt.Errorf("impute %.32q of a label, want none", f.Impute.Kind)
	case f.Shape != nil || f.Per != "":
		return errors.New("an array of labels, want a single one")
	case f.Scope != ScopeGlobal || f.Pooled:
		return fmt.Errorf("a label of scope %q, want %s: categories are those of all series", f.Scope, ScopeGlobal)
	case f.Role == RoleTarget && f.Encoding.Kind != scale.Ordinal:
		return fmt.Errorf("%s of a %s, want %s: a model predicts one number", f.Encoding.Kind, RoleTarget, scale.Ordinal)
	}
	return nil
}

// checkLabels refuses categories that no training can have left behind.
func (l *Learned) checkLabels(f *Feature) error {
	if l.Labels == nil || len(l.Count) != 1 || len(l.Missing) != 1 {
		return errors.New("no categories, or not one count of records with a label, and one of those without")
	}
	for _, numbers := range [][]float64{l.Min, l.Max, l.Mean, l.Var} {
		if len(numbers) != 1 || !math.IsNaN(numbers[0]) {
			return fmt.Errorf("statistics %v of a label, want NaN", numbers)
		}
	}
	if l.Impute != nil || l.Exact != nil || l.Params != nil || l.Offsets != nil {
		return errors.New("numbers that belong to a scaler")
	}
	if _, carry := bits.Add64(l.Count[0], l.Missing[0], 0); carry != 0 {
		return fmt.Errorf("%d labels and %d missing are more than 2^64", l.Count[0], l.Missing[0])
	}
	return l.Labels.check(f.Encoding, l.Count[0])
}

// check leaves to scale.NewEncoder what the encoder depends on. The labels were
// counted so many times.
func (d *Dictionary) check(e *scale.Encoding, count uint64) error {
	if len(d.Counts) != len(d.Categories) {
		return fmt.Errorf("%d categories and %d counts", len(d.Categories), len(d.Counts))
	}
	left := count
	for code, label := range d.Categories {
		switch {
		case !utf8.ValidString(label) || !IsLabel(d.Kind, label):
			return fmt.Errorf("category %.64q is no label of kind %d", label, d.Kind)
		case d.Counts[code] > left:
			return fmt.Errorf("the categories are counted more often than there are labels, %d", count)
		case e.Categories == nil && code > 0 && CompareLabels(d.Kind, d.Categories[code-1], label) >= 0:
			return fmt.Errorf("category %.64q does not sort after %.64q", label, d.Categories[code-1])
		}
		left -= d.Counts[code]
	}
	if d.Error > left || d.Error == 0 && left > 0 && e.Categories == nil {
		return fmt.Errorf("an error of %d where %d of %d labels are not counted", d.Error, left, count)
	}
	return nil
}

// labels encodes the label of a column.
type labels struct {
	*scale.Encoder
	codes   Series // the categories, numbered by their codes
	at      int    // in record.Row.Labels
	outputs int
	rejects bool
}

func newLabels(e *scale.Encoding, d *Dictionary) (*labels, error) {
	encoder, err := scale.NewEncoder(*e, d.Categories, d.Infrequent)
	if err != nil {
		return nil, err
	}
	l := &labels{Encoder: encoder, rejects: e.Rejects()}
	_, l.outputs = encoder.Dims()
	for _, label := range d.Categories {
		l.codes.Add([]byte(label))
	}
	return l, nil
}

// placed returns l for a label that stands elsewhere in a row.
func (l labels) placed(at int) *labels {
	l.at = at
	return &l
}

// code returns the code of a label that is there.
func (l *labels) code(label []byte) float64 {
	if code, ok := l.codes.Find(label); ok {
		return float64(code)
	}
	return unknown
}

// isCode reports whether x is what of returns.
func (l *labels) isCode(x float64) bool {
	return x == math.Trunc(x) && x >= unknown && x < float64(l.codes.Len()) || math.IsNaN(x)
}

// of returns the code of what stands in a row, NaN if that is nothing.
func (l *labels) of(row *record.Row) float64 {
	label := &row.Labels[l.at]
	if label.Kind == record.NoLabel {
		return math.NaN()
	}
	return l.code(label.Text)
}

// transform writes the outputs of a row to dst.
func (l *labels) transform(dst []float64, row *record.Row) (flags record.Flags) {
	code := l.of(row)
	if code == unknown {
		flags = record.UnknownLabel
	}
	l.encode(dst, code)
	return flags
}

// encode writes the outputs of a code to dst.
func (l *labels) encode(dst []float64, code float64) {
	if l.outputs > 0 {
		dst[0] = code
		l.Transform(dst, dst[:1], nil)
	}
}

// encoded returns the outputs of a code, and the code that they are mapped back to.
func (l *labels) encoded(code float64) (y []float64, back float64) {
	y, x := make([]float64, l.outputs), make([]float64, 1)
	l.encode(y, code)
	l.Inverse(x, y, nil)
	return y, x[0]
}

func (l *labels) explain(code float64) Trace {
	t := Trace{Raw: code, In: code, Normalized: math.NaN()}
	if t.Outputs, t.Inverse = l.encoded(code); l.outputs > 0 {
		t.Normalized = t.Outputs[0]
	}
	return t
}

// Encoder returns what maps the codes of a feature to its outputs and back; nil if
// it is no label.
func (f *Frozen) Encoder(feature int) *scale.Encoder {
	if l := f.columns[feature].labels; l != nil {
		return l.Encoder
	}
	return nil
}

// Code returns the code of a label of a feature that is one: -1 if it is none of
// the categories.
func (f *Frozen) Code(feature int, label []byte) float64 {
	return f.columns[feature].labels.code(label)
}

// Codes returns the labels of what Inverse writes for a feature, by their codes:
// its categories, and scale.Infrequent behind them if there are infrequent ones.
// Of a feature that is no label it has none.
func (f *Frozen) Codes(feature int) record.Codes {
	c := &f.columns[feature]
	if c.labels == nil {
		return record.Codes{}
	}
	codes := record.Codes{Labels: c.Labels.Categories, Kind: c.Labels.Kind}
	if label, ok := c.labels.Label(float64(len(codes.Labels))); ok {
		codes.Labels = append(codes.Labels[:len(codes.Labels):len(codes.Labels)], label)
	}
	return codes
}

// RejectedLabel returns the first feature with a label in row that is none of its
// categories, where such a record is to be rejected. Transform flags these, and
// others, record.UnknownLabel.
func (f *Frozen) RejectedLabel(row *record.Row) (feature int, rejected bool) {
	for i := range f.columns {
		if l := f.columns[i].labels; l != nil && l.rejects && l.of(row) == unknown {
			return i, true
		}
	}
	return 0, false
}

// FeatureOutputs returns which of the numbers that Transform writes are a
// feature's: n of them, from at on. A member of a group has none of its own.
func (f *Frozen) FeatureOutputs(feature int) (at, n int) {
	c := &f.columns[feature]
	if c.member {
		return 0, 0
	}
	return c.to, c.outputs
}

// A ColumnsError says that the columns that categories make are none or too many, or
// cannot be told apart.
type ColumnsError struct{ Message string }

// Error returns the message.
func (e *ColumnsError) Error() string { return e.Message }

// Widths returns how many of the Columns each feature has: of a group's member none.
// It is nil if no feature is a label.
func (f *Frozen) Widths() (widths []int) {
	if f.labels == 0 {
		return nil
	}
	for i := range f.columns {
		switch c := &f.columns[i]; {
		case c.member:
			widths = append(widths, 0)
		case c.labels != nil:
			widths = append(widths, c.outputs)
		default:
			widths = append(widths, 1)
		}
	}
	return widths
}

// checkColumns returns a *ColumnsError, or nil.
func (f *Frozen) checkColumns() error {
	oneHot := 0
	for i := range f.columns {
		l := f.columns[i].labels
		if l == nil || f.features[i].Encoding.Kind != scale.OneHot {
			continue
		}
		if oneHot += l.outputs; l.outputs == 0 {
			return &ColumnsError{fmt.Sprintf("feature %q: drop leaves no column, as it has one category, or one group of infrequent ones: give drop %s, or leave the feature out", f.features[i].Name, scale.DropIfBinary)}
		}
	}
	if oneHot > MaxOneHot {
		return &ColumnsError{fmt.Sprintf("%d one-hot columns, want at most %d: set max_categories or min_frequency, or the scaler %s", oneHot, MaxOneHot, scale.Ordinal)}
	}
	if oneHot == 0 {
		return nil
	}
	seen := make(map[string]bool, f.width)
	for _, name := range f.Columns() {
		if seen[name] {
			return &ColumnsError{fmt.Sprintf("two columns are called %.160q, one of them after a one-hot feature and its label: give the feature another name", name)}
		}
		seen[name] = true
	}
	return nil
}
