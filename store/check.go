package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
)

const manifestName = "manifest.json"

// What a manifest may hold at most.
const (
	maxManifest   = 64 << 20
	maxFeatures   = 1 << 14
	maxPartitions = 1 << 16
	maxExamples   = 64
	maxName       = 128 // bytes of the name of a feature or pipeline
)

// encodeManifest returns the one form of a manifest: compact JSON, its keys in
// the order of the fields, and a newline. It may take size bytes.
func encodeManifest(m any, size int) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(size)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(m)
	return b.Bytes(), err
}

// manifestSource is a manifest as a member to be written.
func manifestSource(m any) (source, error) {
	text, err := encodeManifest(m, 4<<10)
	return source{name: manifestName, size: uint64(len(text)), put: func(b *blocks) { b.bytes(text) }}, err
}

// manifestText returns the bytes of the manifest.
func (c *container) manifestText() ([]byte, error) {
	m := c.find(manifestName)
	if m == nil {
		return nil, refuse("%s is missing", manifestName)
	}
	if m.size > maxManifest {
		return nil, refuse("%s has %d bytes, want at most %d", manifestName, m.size, maxManifest)
	}
	text := make([]byte, 0, m.size)
	return text, c.check(m, 0, 0, func(p []byte) { text = append(text, p...) })
}

// decodeManifest reads a manifest that is in the form of encodeManifest. So
// unknown, doubled or oddly written keys are refused, as are values that this
// version would write in another way.
func decodeManifest(text []byte, m any) error {
	if err := json.Unmarshal(text, m); err != nil {
		return refuse("%s: %v", manifestName, err)
	}
	want, err := encodeManifest(m, len(text))
	if err != nil {
		return refuse("%s: %v", manifestName, err)
	}
	if !bytes.Equal(text, want) {
		i := 0
		for i < min(len(text), len(want)) && text[i] == want[i] {
			i++
		}
		return refuse("%s: at byte %d: %q, want %q", manifestName, i, around(text, i), around(want, i))
	}
	return nil
}

// around returns the text near byte i.
func around(text []byte, i int) []byte { return text[max(0, i-16):min(len(text), i+24)] }

// An outline is the size of a manifest before anything is allocated for it: a
// pair of braces of two bytes can stand for a struct of two hundred.
type outline struct {
	Format   int    `json:"format"`
	Kind     string `json:"kind"`
	Record   tally  `json:"record"`
	Features tally  `json:"features"`
	Whiten   tally  `json:"whiten"`
	Norms    tally  `json:"norms"`
	Cutoff   tally  `json:"cutoff"`
	Columns  tally  `json:"columns"`
	Widths   tally  `json:"widths"`
	Ranges   tally  `json:"ranges"`
	Records  tally  `json:"records"`
	Splits   tally  `json:"splits"`
	Pooled   tally  `json:"pooled"`
	Output   tally  `json:"output"`
	Examples tally  `json:"examples"`
}

// A tally counts what is in a JSON value, and in all values that are given for
// the same key.
type tally struct {
	bytes  int
	items  int // of the value itself; an empty one counts as one
	values int // in it, at any depth
	deep   int // of these, those four levels deep, which are numbers, and take no more memory than their text, or texts
	texts  int // the texts four levels deep
}

// UnmarshalJSON counts one value, which is valid JSON.
func (t *tally) UnmarshalJSON(b []byte) error {
	t.bytes += len(b)
	t.items++
	t.values++
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			if quoted = !quoted; quoted && depth >= 4 {
				t.texts++
			}
		case quoted:
		case b[i] == '{' || b[i] == '[':
			depth++
			t.values++
		case b[i] == '}' || b[i] == ']':
			depth--
		case b[i] == ',':
			t.values++
			if depth == 1 {
				t.items++
			} else if depth >= 4 {
				t.deep++
			}
		}
	}
	return nil
}

// check holds the counts against the number of members in the file, of which a
// feature has at least six if it is learned. Any takes 36 bytes of text at least;
// fixed numbers stand four levels deep. It has so many categories, which can be given,
// and have columns.
func (o *outline) check(members int, categories uint64) error {
	f, given := o.Features.items, int(min(categories, scale.MaxTracked))
	oneHot := min(given, frozen.MaxOneHot)
	switch {
	case o.Kind != "":
		return fmt.Errorf("a file of kind %.32q, want an artifact", o.Kind)
	case o.Format < 1 || o.Format > Format:
		return fmt.Errorf("format %d, want 1 to %d: another version of tare wrote it", o.Format, Format)
	case f > maxFeatures:
		return fmt.Errorf("more than %d features", maxFeatures)
	case f > max(members/6, o.Features.bytes/36):
		return fmt.Errorf("%d features cannot have their numbers in %d members", f, members)
	case o.Whiten.items > f || o.Whiten.values > 17*f:
		return fmt.Errorf("%d groups with %d values of %d features", o.Whiten.items, o.Whiten.values, f)
	case o.Norms.items > f || o.Norms.values > 5*f:
		return fmt.Errorf("%d norms with %d values of %d features", o.Norms.items, o.Norms.values, f)
	case o.Columns.items > f+oneHot || o.Widths.items > f || o.Pooled.items > f:
		return fmt.Errorf("%d columns and %d pooled features of %d features and %d categories", o.Columns.items, o.Pooled.items, f, categories)
	case o.Ranges.items > maxPartitions || o.Ranges.bytes/48 < o.Ranges.items-1:
		return fmt.Errorf("%d ranges in %d bytes, want at most %d of at least 48", o.Ranges.items, o.Ranges.bytes, maxPartitions)
	case o.Splits.items > fit.MaxSplits:
		return fmt.Errorf("more than %d splits", fit.MaxSplits)
	case o.Examples.items > maxExamples:
		return fmt.Errorf("more than %d examples", maxExamples)
	case o.Record.values > 64+24*f || o.Features.values-o.Features.deep > 128*f || o.Features.texts > 128*f+given || o.Cutoff.values > 64+o.Ranges.items ||
		o.Records.values > 64 || o.Pooled.values > 16*f || o.Output.values > 64+2*(f+oneHot) || o.Examples.values > maxExamples*(8+3*f*frozen.MostPicks(max(1, f))+oneHot):
		return errors.New("more values than such a manifest can have")
	}
	return nil
}

// readManifest reads the manifest of an artifact.
func (c *container) readManifest(m *Manifest) error {
	text, err := c.manifestText()
	if err != nil {
		return err
	}
	var o outline
	if err := json.Unmarshal(text, &o); err != nil {
		return refuse("%s: %v", manifestName, err)
	}
	if err := o.check(len(c.members), c.categories()); err != nil {
		return refuse("%s: %v", manifestName, err)
	}
	if err := decodeManifest(text, m); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return refuse("%s: %v", manifestName, err)
	}
	return nil
}

// check refuses what is wrong whatever the numbers are.
func (m *Manifest) check() error {
	if want := m.format(); m.Format != want {
		return fmt.Errorf("format %d, want %d for such features", m.Format, want)
	}
	if m.Revision < 1 {
		return fmt.Errorf("revision %d, want at least 1", m.Revision)
	}
	if !printable(m.Pipeline) {
		return fmt.Errorf("pipeline %.128q: want up to %d bytes of printable UTF-8", m.Pipeline, maxName)
	}
	if err := firstError(m.Plan.Validate(), m.Record.Validate()); err != nil {
		return err
	}
	return firstError(checkFeatures(m.Features), m.checkGroups(), m.checkLabels(), checkRanges(m.Ranges), m.checkCounts(), m.checkNormalize(), m.Splits.Validate(&m.Cutoff), m.checkOutput())
}

func printable(s string) bool {
	return len(s) <= maxName && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// checkFeatures refuses names that cannot be those of arrays, and imputations
// that are none.
func checkFeatures(features []frozen.Feature) error {
	seen := make(map[string]bool, len(features))
	for i := range features {
		f := &features[i]
		if f.Name == "" || !printable(f.Name) || strings.ContainsAny(f.Name, `/\:*?"<>|`) || f.Name[0] == '.' || f.Name[0] == '_' {
			return fmt.Errorf(`feature %.128q: want a name of up to %d bytes of printable UTF-8, none of / \ : * ? " < > |, not starting with . or _`, f.Name, maxName)
		}
		if f.Name == seriesName {
			return fmt.Errorf("feature %q: the name is taken by the arrays of the series themselves", f.Name)
		}
		if seen[f.Name] {
			return fmt.Errorf("feature %q: the name is taken by another feature", f.Name)
		}
		seen[f.Name] = true
		if err := checkImpute(f.Impute); err != nil {
			return fmt.Errorf("feature %q: %w", f.Name, err)
		}
	}
	return nil
}

func checkImpute(i frozen.Impute) error {
	if err := oneOf("impute", i.Kind, frozen.ImputeMean, frozen.ImputeMedian, frozen.ImputeConstant, ""); err != nil {
		return err
	}
	if i.Constant != 0 && i.Kind != frozen.ImputeConstant {
		return fmt.Errorf("impute %q takes no constant", i.Kind)
	}
	return nil
}

func checkRanges(ranges []fit.Range) error {
	for i, r := range ranges {
		switch {
		case r.Partition < 0 || i > 0 && r.Partition <= ranges[i-1].Partition:
			return fmt.Errorf("range %d is of partition %d: want them to rise from 0", i, r.Partition)
		case r.Start < 0 || r.Seal < 0 || r.Learned < 0 || r.Learned > max(0, r.Seal-r.Start):
			return fmt.Errorf("partition %d: %d records learned of offsets %d to %d", r.Partition, r.Learned, r.Start, r.Seal)
		case r.Gone < 0 || r.Gone > max(0, r.Seal-r.Start)-r.Learned:
			return fmt.Errorf("partition %d: %d offsets gone from %d to %d, of which %d were learned", r.Partition, r.Gone, r.Start, r.Seal, r.Learned)
		case r.From > r.To:
			return fmt.Errorf("partition %d: learned from %v to %v", r.Partition, r.From, r.To)
		}
		if err := oneOf("reason", r.Reason, fit.ByWatermark, fit.ByOffset, fit.ByCount, fit.ByEnd, fit.ByIdleness, fit.ByManual); err != nil {
			return fmt.Errorf("partition %d: %w", r.Partition, err)
		}
	}
	return nil
}

// checkCounts adds up the records.
func (m *Manifest) checkCounts() error {
	var train int64
	for _, r := range m.Ranges {
		if train += r.Learned; train < 0 {
			return errors.New("the ranges learned more than 2^63 records")
		}
	}
	if gone := m.Gone(); bool(m.Incomplete) != (gone > 0) {
		return fmt.Errorf("complete is %t, with %d offsets gone", !m.Incomplete, gone)
	}
	if train != m.Records.Train {
		return fmt.Errorf("%d records of the training stretch, but the ranges learned %d", m.Records.Train, train)
	}
	unknown := m.Series.RecordsUnknown
	if unknown > uint64(train) || m.Records.Learned > uint64(train)-unknown {
		return fmt.Errorf("%d records learned and %d beyond max_series of a training stretch of %d", m.Records.Learned, unknown, train)
	}
	if len(m.Pooled) != len(m.Features) {
		return fmt.Errorf("%d pooled features of %d", len(m.Pooled), len(m.Features))
	}
	for i := range m.Pooled {
		if err := checkPooled(&m.Pooled[i], &m.Features[i], uint64(train)-unknown); err != nil {
			return fmt.Errorf("pooled feature %q: %w", m.Features[i].Name, err)
		}
	}
	for reason, n := range m.Records.Rejected {
		if n < 0 {
			return fmt.Errorf("%d records rejected by %.32q", n, reason)
		}
	}
	return nil
}

func checkPooled(p *fit.Pooled, f *frozen.Feature, records uint64) error {
	over, values := bits.Mul64(records, uint64(f.Size()))
	if !f.Learns() {
		values = 0
	}
	if sum, carry := bits.Add64(p.Count, p.Missing, 0); over+carry != 0 || sum != values || p.Domain > p.Missing {
		return fmt.Errorf("%d values and %d missing, %d of them outside of the domain, in %d records", p.Count, p.Missing, p.Domain, records)
	}
	numbers := p.Count
	if f.Encoding != nil {
		numbers = 0
	}
	if numbers > 0 && !(p.Min <= p.Max && p.Mean == p.Mean && p.Var >= 0) {
		return fmt.Errorf("minimum %v, maximum %v, mean %v, variance %v of %d values", p.Min, p.Max, p.Mean, p.Var, p.Count)
	}
	if numbers == 0 && (p.Min == p.Min || p.Max == p.Max || p.Mean == p.Mean || p.Var == p.Var) {
		return fmt.Errorf("minimum %v, maximum %v, mean %v, variance %v of no values", p.Min, p.Max, p.Mean, p.Var)
	}
	return nil
}

func (m *Manifest) checkNormalize() error {
	n := &m.Normalize
	if n.UnknownSeries == UnknownPooled && !m.Pools() {
		return errors.New("normalize: unknown_series is pooled, but not all features are")
	}
	return firstError(
		oneOf("normalize: emit", n.Emit, EmitAll, EmitLive),
		oneOf("normalize: unknown_series", n.UnknownSeries, UnknownMissing, UnknownPooled, UnknownDeadLetter, UnknownDrop, UnknownPassthrough, UnknownFail),
		oneOf("normalize: on_error", n.OnError, OnErrorContinue, OnErrorFail))
}

// checkOutput leaves to record.NewEncoder what hangs together.
func (m *Manifest) checkOutput() error {
	o := &m.Output
	if o.Columns != nil && !slices.Equal(o.Columns, m.Columns) || o.Imputed != nil && len(o.Imputed) != len(m.Columns) {
		return fmt.Errorf("output: columns %.256q of which %d say what is imputed, want %.256q", o.Columns, len(o.Imputed), m.Columns)
	}
	return firstError(
		oneOf("output: value", o.Value, record.Replace, record.Features, record.Vector, ""),
		oneOf("output: dtype", o.Dtype, record.Float64, record.Float32, record.Int16, record.UInt8, ""),
		oneOf("output: missing", o.Missing, record.MissingNaN, record.MissingZero, record.MissingMask, ""),
		oneOf("output: meta", o.Meta, record.MetaHeaders, record.MetaField, record.MetaNone, ""))
}

// firstError returns the first of errs that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func oneOf[T ~string](name string, value T, accepted ...T) error {
	if !slices.Contains(accepted, value) {
		return fmt.Errorf("%s is %.32q, want one of %q", name, value, accepted)
	}
	return nil
}

// fits refuses a manifest that is not that of f.
func (m *Manifest) fits(f *frozen.Frozen) error {
	if f.Groups() != len(m.Whiten) {
		return fmt.Errorf("%d groups, want %d", len(m.Whiten), f.Groups())
	}
	if got := f.Columns(); !slices.Equal(m.Columns, got) {
		return fmt.Errorf("columns %.256q, want %q", m.Columns, got)
	}
	if got := f.Widths(); !slices.Equal(m.Widths, got) {
		return fmt.Errorf("widths %v, want %v", m.Widths, got)
	}
	if n := f.Series().Len(); m.Series.Learned != n || n > m.MaxSeries {
		return fmt.Errorf("%d series, but %d learned and at most %d kept", n, m.Series.Learned, m.MaxSeries)
	}
	var sum uint64
	for id, n := range f.Records() {
		if n < uint64(m.MinSamples) {
			return fmt.Errorf("series %q has %d records, want at least %d", f.Series().Name(int32(id)), n, m.MinSamples)
		}
		if sum > math.MaxUint64-n {
			sum = math.MaxUint64
			break
		}
		sum += n
	}
	if sum != m.Records.Learned {
		return fmt.Errorf("%d records learned, but the series have %d", m.Records.Learned, sum)
	}
	return m.fitsShared(f)
}

// fitsShared refuses what is of all series together unless it is of all their
// records, also of series that are not in the file.
func (m *Manifest) fitsShared(f *frozen.Frozen) error {
	records := uint64(m.Records.Train) - m.Series.RecordsUnknown
	for i := range m.Features {
		spec, l := &m.Features[i], f.Learned(i)
		at, ok := spec.Common(f.Series().Len())
		if !ok {
			continue
		}
		if over, want := bits.Mul64(records, uint64(spec.Layout().Share())); over != 0 || l.Count[at]+l.Missing[at] != want {
			return fmt.Errorf("feature %q: %d values and %d missing of all series, want %d together", spec.Name, l.Count[at], l.Missing[at], want)
		}
	}
	return nil
}
