package store

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"

	"tare/fit"
	"tare/frozen"
	"tare/schema"
	"tare/sketch"
	"tare/welford"
)

// A CompanionManifest is what a companion says about itself.
type CompanionManifest struct {
	Format     int                `json:"format"`
	Kind       string             `json:"kind"`     // companion
	Artifact   string             `json:"artifact"` // the id of the artifact it belongs to
	Features   []CompanionFeature `json:"features"`
	Algorithms Algorithms         `json:"algorithms"`
	Partitions []int32            `json:"partitions"` // those that the state covers
}

// A CompanionFeature says what a companion keeps of a feature.
type CompanionFeature struct {
	Name   string `json:"name"`
	State  string `json:"state"`            // quantiles, running or labels: the type of each state; none if nothing is learned
	Groups int    `json:"groups,omitempty"` // of an array: states of a series
	Scope  string `json:"scope,omitempty"`  // as in frozen.Feature: whether all series share the states
	Pooled bool   `json:"pooled,omitempty"` // as in frozen.Feature: whether those of all series together are behind
}

// entries returns how many states there are with so many series.
func (f *CompanionFeature) entries(series int) int {
	switch {
	case f.State == stateNone:
		return 0
	case f.Scope == frozen.ScopeGlobal:
		return max(1, f.Groups)
	case f.Pooled:
		series++
	}
	return series * max(1, f.Groups)
}

// distinct reports whether there is a counter of the values.
func (f *CompanionFeature) distinct() bool { return f.State != stateNone && f.Groups == 0 }

const (
	companionKind = "companion"

	stateQuantiles = "quantiles"
	stateRunning   = "running"
	stateLabels    = "labels"
	stateNone      = "none"
)

// CompanionPath returns where the companion of an artifact lies:
// plant.sketches.npz beside plant.npz.
func CompanionPath(artifact string) string {
	return strings.TrimSuffix(artifact, ".npz") + ".sketches.npz"
}

// SaveCompanion writes the mergeable state behind an artifact to path, as
// SaveArtifact does.
func SaveCompanion(path, artifactID string, m *Manifest, state *fit.Merged, force bool) error {
	write := func(w io.Writer) (string, error) { return writeCompanion(w, artifactID, m, state) }
	verify := func(r io.ReaderAt, size int64) error {
		_, err := readCompanion(r, size, artifactID)
		return err
	}
	_, err := save(osVolume{}, path, force, write, verify)
	return err
}

// writeCompanion writes a companion as a stream, in two passes over the state:
// sizes and CRCs, then bytes.
func writeCompanion(w io.Writer, artifactID string, m *Manifest, state *fit.Merged) (id string, err error) {
	sources, err := companionSources(artifactID, m, state)
	if err == nil {
		id, err = writeContainer(w, sources, zipLimits)
	}
	if err != nil {
		return "", fmt.Errorf("write companion: %w", err)
	}
	return id, nil
}

func companionSources(artifactID string, m *Manifest, state *fit.Merged) ([]source, error) {
	c := companionManifest(artifactID, m)
	if err := c.check(artifactID); err != nil {
		return nil, err
	}
	manifest, err := manifestSource(c)
	if err != nil {
		return nil, err
	}
	distinct, err := distinctSource(seriesName, state.DistinctSeries())
	if err != nil {
		return nil, err
	}
	sources := []source{manifest, distinct}
	size := 0
	for i := range state.Series() {
		size += len(state.Name(i))
	}
	for _, a := range putNames(state.Series(), size, state.Name) {
		sources = append(sources, a.source())
	}
	for i := range c.Features {
		of, err := stateSources(&c.Features[i], i, state)
		if err != nil {
			return nil, fmt.Errorf("feature %q: %w", c.Features[i].Name, err)
		}
		sources = append(sources, of...)
	}
	return sources, nil
}

func companionManifest(artifactID string, m *Manifest) *CompanionManifest {
	c := &CompanionManifest{Kind: companionKind, Artifact: artifactID, Algorithms: m.Algorithms, Partitions: []int32{}}
	for i := range m.Features {
		c.Features = append(c.Features, companionFeature(&m.Features[i]))
	}
	for _, r := range m.Ranges {
		c.Partitions = append(c.Partitions, r.Partition)
	}
	c.Format = c.format()
	return c
}

func companionFeature(f *frozen.Feature) CompanionFeature {
	c := CompanionFeature{Name: f.Name, State: stateRunning, Scope: f.Scope, Pooled: f.Pooled}
	switch {
	case !f.Learns():
		c.State, c.Scope = stateNone, ""
	case f.Encoding != nil:
		c.State = stateLabels
	case f.NeedsQuantiles():
		c.State = stateQuantiles
	}
	if f.Shape != nil && f.Learns() {
		c.Groups = f.Groups()
	}
	return c
}

// format returns the version that the companion is written in: the newest if a
// feature is more than one state a series.
func (m *CompanionManifest) format() int {
	for _, f := range m.Features {
		if f.State == stateNone || f.Groups > 0 || f.Scope != "" || f.Pooled {
			return Format
		}
	}
	return 1
}

// distinctSource is a distinct counter as a member to be written.
func distinctSource(of string, d *sketch.Distinct) (source, error) {
	form, err := d.AppendBinary(nil)
	a := array{name: of + distinctSuffix, t: u1, n: uint64(len(form)), put: func(b *blocks) { b.bytes(form) }}
	return a.source(), err
}

const (
	distinctSuffix = ".distinct"
	stateSuffix    = ".state"
	offsetsSuffix  = stateSuffix + ".offsets"
)

// stateSources are the members of one feature.
func stateSources(f *CompanionFeature, feature int, state *fit.Merged) (all []source, err error) {
	if f.State == stateNone {
		return nil, nil
	}
	if f.distinct() {
		distinct, err := distinctSource(f.Name, state.Distinct(feature))
		if err != nil {
			return nil, err
		}
		all = append(all, distinct)
	}
	offsets, crc, err := measureState(feature, state)
	if err != nil {
		return nil, err
	}
	n := offsets[len(offsets)-1]
	a := array{name: f.Name + stateSuffix, t: u1, n: n, put: func(b *blocks) { putState(b, feature, state) }}
	states := a.source()
	crc = joinCRC(crc32.ChecksumIEEE(a.header()), crc, n)
	states.crc = &crc
	starts := array{name: f.Name + offsetsSuffix, t: u8, n: uint64(len(offsets)), put: func(b *blocks) { b.words(offsets) }}
	return append(all, states, starts.source()), nil
}

// measureState returns where the state of each entry begins, where the last one
// ends, and the CRC of all.
func measureState(feature int, state *fit.Merged) (offsets []uint64, crc uint32, err error) {
	var form []byte
	offsets = make([]uint64, 1, state.Entries(feature)+1)
	for i := range state.Entries(feature) {
		if form, err = state.AppendState(form[:0], feature, i); err != nil {
			return nil, 0, err
		}
		offsets = append(offsets, offsets[i]+uint64(len(form)))
		crc = crc32.Update(crc, crc32.IEEETable, form)
	}
	return offsets, crc, nil
}

func putState(b *blocks, feature int, state *fit.Merged) {
	var form []byte
	for i := 0; i < state.Entries(feature) && b.err == nil; i++ {
		form, b.err = state.AppendState(form[:0], feature, i)
		b.bytes(form)
	}
}

// check refuses a manifest that is not that of the artifact's companion.
func (m *CompanionManifest) check(artifactID string) error {
	switch {
	case m.Artifact != artifactID:
		return fmt.Errorf("it belongs to artifact %.64q, want %s", m.Artifact, artifactID)
	case len(m.Features) == 0:
		return errors.New("no features")
	case m.Format != m.format():
		return fmt.Errorf("format %d, want %d for such features", m.Format, m.format())
	}
	features := make([]frozen.Feature, len(m.Features))
	for i, f := range m.Features {
		err := firstError(oneOf("state", f.State, stateQuantiles, stateRunning, stateLabels, stateNone), oneOf("scope", f.Scope, "", frozen.ScopeGlobal))
		if err == nil && (f.Groups < 0 || f.Groups > schema.MaxWidth || f.State == stateNone && (f.Groups > 0 || f.Scope != "") || f.Pooled && (f.State == stateNone || f.Scope != "") ||
			f.State == stateLabels && (f.Groups > 0 || f.Scope == "")) {
			err = fmt.Errorf("%d groups of state %s and scope %q, pooled %t", f.Groups, f.State, f.Scope, f.Pooled)
		}
		if err != nil {
			return fmt.Errorf("feature %.128q: %w", f.Name, err)
		}
		features[i].Name = f.Name
	}
	for i, p := range m.Partitions {
		if p < 0 || i > 0 && p <= m.Partitions[i-1] {
			return fmt.Errorf("partition %d at place %d: want them to rise from 0", p, i)
		}
	}
	return checkFeatures(features)
}

// A Companion is the mergeable state behind an artifact, read from its file as
// it is asked for. It is safe for concurrent use. Close it after use.
type Companion struct {
	Manifest CompanionManifest
	path     string
	file     *os.File
	zip      *container
	series   *frozen.Series
	group    int
}

// OpenCompanion opens the companion of the artifact with the given id. A file
// that is not exactly what tare wrote, or belongs to another artifact, is a
// *RefusedError, and so is later a state that is malformed.
func OpenCompanion(path, artifactID string) (*Companion, error) {
	file, size, err := open(path)
	if err != nil {
		return nil, err
	}
	c, err := readCompanion(file, size, artifactID)
	if err != nil {
		file.Close()
		return nil, at(path, err)
	}
	c.path, c.file = path, file
	return c, nil
}

// Close closes the file.
func (c *Companion) Close() error { return c.file.Close() }

// readCompanion checks everything but the states and the counters themselves.
func readCompanion(r io.ReaderAt, size int64, artifactID string) (*Companion, error) {
	z, err := openContainer(r, size, zipLimits)
	if err != nil {
		return nil, err
	}
	c := &Companion{zip: z}
	if err := c.readManifest(artifactID); err != nil {
		return nil, err
	}
	names, err := z.measureNames()
	if err != nil {
		return nil, err
	}
	lazy, starts, err := c.measureStates(names.series)
	if err != nil {
		return nil, err
	}
	if err := z.match(slices.Concat(lazy, starts, names.arrays())); err != nil {
		return nil, err
	}
	if c.series, err = z.readNames(names); err != nil {
		return nil, err
	}
	for i := range starts {
		if err := z.load(&starts[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// measureStates returns the arrays that are read when they are asked for, and
// the offsets of the states of n series, which are checked at once.
func (c *Companion) measureStates(n int) (lazy, starts []array, err error) {
	measure := func(name string) (end uint64) {
		if err == nil {
			end, err = c.zip.items(name, u1)
			lazy = append(lazy, array{name: name, t: u1, n: end})
		}
		return end
	}
	measure(seriesName + distinctSuffix)
	for _, f := range c.Manifest.Features {
		if f.State == stateNone {
			continue
		}
		if f.distinct() {
			measure(f.Name + distinctSuffix)
		}
		end := measure(f.Name + stateSuffix)
		starts = append(starts, risingOffsets(f.Name+offsetsSuffix, uint64(f.entries(n))+1, end, func(int, uint64) {}))
	}
	return lazy, starts, err
}

func (c *Companion) readManifest(artifactID string) error {
	text, err := c.zip.manifestText()
	if err != nil {
		return err
	}
	var o struct {
		Format     int    `json:"format"`
		Kind       string `json:"kind"`
		Features   tally  `json:"features"`
		Partitions tally  `json:"partitions"`
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return refuse("%s: %v", manifestName, err)
	}
	if o.Kind != companionKind {
		return refuse("%s: a file of kind %.32q, want %s", manifestName, o.Kind, companionKind)
	}
	if o.Format < 1 || o.Format > Format {
		return refuse("%s: format %d, want 1 to %d: another version of tare wrote it", manifestName, o.Format, Format)
	}
	if o.Features.items > maxFeatures || o.Features.items > max(len(c.zip.members)/3, o.Features.bytes/24) || o.Partitions.items > maxPartitions {
		return refuse("%s: %d features and %d partitions cannot have their state in %d members", manifestName, o.Features.items, o.Partitions.items, len(c.zip.members))
	}
	if err := decodeManifest(text, &c.Manifest); err != nil {
		return err
	}
	if err := c.Manifest.check(artifactID); err != nil {
		return refuse("%s: %v", manifestName, err)
	}
	return nil
}

// Series returns the names of the series in byte order, which are those of the
// artifact.
func (c *Companion) Series() *frozen.Series { return c.series }

// Group returns c for another group of arrays, of which there must be as many: c
// itself is for the first. It shares the file.
func (c *Companion) Group(group int) *Companion {
	of := *c
	of.group = group
	return &of
}

// Quantiles returns the sketch of one series. ok is false where the series is
// unknown, unless all share the sketch, or the feature keeps none. Of an unknown
// series it is that of all together, if the feature is pooled.
func (c *Companion) Quantiles(feature int, series []byte) (q *sketch.Quantiles, ok bool, err error) {
	q = new(sketch.Quantiles)
	if ok, err = c.state(feature, series, stateQuantiles, q); !ok {
		return nil, ok, err
	}
	return q, ok, err
}

// Running returns the moments, minimum and maximum of one series, ready to go
// on, as Quantiles does. ok is false where the feature keeps a sketch, too.
func (c *Companion) Running(feature int, series []byte) (r *welford.Running, ok bool, err error) {
	r = new(welford.Running)
	if ok, err = c.state(feature, series, stateRunning, r); !ok {
		return nil, ok, err
	}
	return r, ok, err
}

// Labels returns the counts of a feature that is a label, over all series. ok is
// false of others.
func (c *Companion) Labels(feature int) (l *sketch.Labels, ok bool, err error) {
	l = new(sketch.Labels)
	if ok, err = c.state(feature, nil, stateLabels, l); !ok {
		return nil, ok, err
	}
	return l, ok, err
}

// Moments returns the moments of one series, whatever its feature keeps, as
// Quantiles does.
func (c *Companion) Moments(feature int, series []byte) (m welford.Moments, ok bool, err error) {
	if q, ok, err := c.Quantiles(feature, series); ok || err != nil {
		if ok {
			m = q.Moments()
		}
		return m, ok, err
	}
	r, ok, err := c.Running(feature, series)
	if ok {
		m = r.Moments()
	}
	return m, ok, err
}

// Distinct returns the distinct counter of a feature over all series: of a number
// that was learned, as arrays have none.
func (c *Companion) Distinct(feature int) (*sketch.Distinct, error) {
	return c.distinct(c.Manifest.Features[feature].Name)
}

// DistinctSeries returns the distinct counter of the series, those that are not
// in the artifact too.
func (c *Companion) DistinctSeries() (*sketch.Distinct, error) { return c.distinct(seriesName) }

func (c *Companion) distinct(of string) (*sketch.Distinct, error) {
	m := c.zip.find(of + distinctSuffix + npySuffix)
	d := sketch.NewDistinct()
	return d, c.unmarshal(m.name, m.data+npyHeaderLen, m.size-npyHeaderLen, d)
}

// state reads the state of one series into form, if it is of the given kind.
func (c *Companion) state(feature int, series []byte, kind string, form encoding.BinaryUnmarshaler) (ok bool, err error) {
	f := &c.Manifest.Features[feature]
	id, ok := c.series.Find(series)
	switch {
	case f.Scope == frozen.ScopeGlobal:
		id, ok = 0, true
	case f.Pooled && !ok:
		id, ok = int32(c.series.Len()), true
	}
	if !ok || f.State != kind {
		return false, nil
	}
	entry := uint64(id)*uint64(max(1, f.Groups)) + uint64(c.group)
	var at [16]byte
	offsets := c.zip.find(f.Name + offsetsSuffix + npySuffix)
	if err := c.zip.read(at[:], offsets.data+npyHeaderLen+8*entry); err != nil {
		return false, c.at(err)
	}
	start, end := fields(at[:]).u64(0), fields(at[:]).u64(8)
	m := c.zip.find(f.Name + stateSuffix + npySuffix)
	if start > end || end > m.size-npyHeaderLen {
		return false, c.at(refuse("%s: it changed since it was opened", offsets.name))
	}
	err = c.unmarshal(fmt.Sprintf("%s of series %q", m.name, series), m.data+npyHeaderLen+start, end-start, form)
	return err == nil, err
}

// unmarshal reads n bytes into form.
func (c *Companion) unmarshal(name string, offset, n uint64, form encoding.BinaryUnmarshaler) error {
	p := make([]byte, n)
	if err := c.zip.read(p, offset); err != nil {
		return c.at(err)
	}
	if err := form.UnmarshalBinary(p); err != nil {
		return c.at(refuse("%s: %v", name, err))
	}
	return nil
}

func (c *Companion) at(err error) error { return at(c.path, err) }
