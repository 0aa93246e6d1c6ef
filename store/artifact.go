package store

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"tare/frozen"
)

// An Artifact is a frozen pipeline as it lies in its file.
type Artifact struct {
	ID       string // the SHA-256 of the file without its last 64 bytes, in hexadecimal
	Manifest Manifest
	Frozen   *frozen.Frozen
}

const markLen = 16

// Mark returns the first 16 digits of the ID, which every output record names.
func (a *Artifact) Mark() string { return a.ID[:markLen] }

// OpenArtifact reads an artifact. A file that is not exactly what tare wrote,
// or whose numbers no training can have left behind, is a *RefusedError.
func OpenArtifact(path string) (*Artifact, error) {
	file, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a, err := ReadArtifact(file, size)
	if err != nil {
		return nil, at(path, err)
	}
	return a, nil
}

// open opens a file and returns its size.
func open(path string) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// at says which file was refused.
func at(path string, err error) error {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return &RefusedError{Path: path, Reason: refused.Reason}
	}
	return err
}

// ReadArtifact reads an artifact of size bytes, as OpenArtifact does. What it
// allocates is bounded by what is there, whatever the file says.
func ReadArtifact(r io.ReaderAt, size int64) (*Artifact, error) {
	c, err := openContainer(r, size, zipLimits)
	if err != nil {
		return nil, err
	}
	a := &Artifact{ID: c.id}
	if err := c.readManifest(&a.Manifest); err != nil {
		return nil, err
	}
	if a.Frozen, err = c.readFrozen(&a.Manifest); err != nil {
		return nil, err
	}
	return a, nil
}

// WriteArtifact writes an artifact as a stream and returns its id. It sets Format.
// Equal arguments give equal bytes, on every machine. What ReadArtifact would
// refuse in the manifest is an error, but for the examples.
func WriteArtifact(w io.Writer, m *Manifest, f *frozen.Frozen) (id string, err error) {
	sources, err := artifactSources(m, f)
	if err == nil {
		id, err = writeContainer(w, sources, zipLimits)
	}
	if err != nil {
		return "", fmt.Errorf("write artifact: %w", err)
	}
	return id, nil
}

func artifactSources(m *Manifest, f *frozen.Frozen) ([]source, error) {
	manifest := *m
	manifest.Format = m.format()
	if err := firstError(manifest.check(), m.fits(f)); err != nil {
		return nil, err
	}
	text, err := manifestSource(&manifest)
	if err != nil {
		return nil, err
	}
	b, err := newBody(m, f)
	if err != nil {
		return nil, err
	}
	series := f.Series()
	name := func(i int) []byte { return series.Name(int32(i)) }
	sources := []source{text}
	for _, a := range append(b.arrays(), putNames(series.Len(), series.Bytes(), name)...) {
		sources = append(sources, a.source())
	}
	return sources, nil
}

// readFrozen reads the arrays. Nothing is allocated for them before all are
// known to be in the file, with their types and lengths.
func (c *container) readFrozen(m *Manifest) (*frozen.Frozen, error) {
	names, err := c.measureNames()
	if err != nil {
		return nil, err
	}
	b, err := c.measureBody(m.Features, names.series)
	if err == nil {
		err = c.measureGroups(b, m.Whiten)
	}
	if err != nil {
		return nil, err
	}
	if err := c.match(append(b.arrays(), names.arrays()...)); err != nil {
		return nil, err
	}
	series, err := c.readNames(names)
	if err != nil {
		return nil, err
	}
	if err := c.readBody(b); err != nil {
		return nil, err
	}
	f, err := frozen.NewWhitened(b.features, series, b.records, b.learned, b.groups, b.whitened)
	if err == nil {
		f, err = f.Normed(m.Norms)
	}
	if err != nil {
		return nil, refuse("%v", err)
	}
	if err := firstError(m.fits(f), f.CheckExamples(m.Examples)); err != nil {
		return nil, refuse("%v", err)
	}
	return f, nil
}

// A body is what the arrays of an artifact hold, but for the names of the
// series. Reading, its slices are made when all arrays are known to be there.
type body struct {
	features  []frozen.Feature
	n         int // series
	records   []uint64
	learned   []frozen.Learned
	landmarks []uint64 // of each feature, if its scaler is ragged
	// dictionaries are those of the features that are labels; nil of others.
	dictionaries []*dictionary
	groups       []frozen.Group
	whitened     []frozen.Whitened
	numbers      []int // parameters of each group
}

// newBody is the body of f, for writing.
func newBody(m *Manifest, f *frozen.Frozen) (*body, error) {
	b := &body{features: f.Features(), n: f.Series().Len(), records: f.Records(), groups: m.Whiten}
	for k := range b.groups {
		w := f.Whitened(k)
		b.whitened, b.numbers = append(b.whitened, *w), append(b.numbers, len(w.Params))
	}
	for i := range b.features {
		f, l := &b.features[i], f.Learned(i)
		if learnsImpute(f) != (l.Impute != nil) && b.entries(f) > 0 {
			return nil, fmt.Errorf("feature %q: impute is %q, but %d values for it were learned", f.Name, f.Impute.Kind, len(l.Impute))
		}
		b.learned = append(b.learned, *l)
		b.landmarks = append(b.landmarks, uint64(len(l.Params)/max(1, len(f.Scaler.Params()))))
		var d *dictionary
		if l.Labels != nil {
			d = newDictionary(l.Labels)
		}
		b.dictionaries = append(b.dictionaries, d)
	}
	return b, nil
}

// arrays lists all arrays of b: the one place that says what is in the file.
func (b *body) arrays() []array {
	all := []array{words(seriesName+".records", b.n, &b.records)}
	for i := range b.features {
		f, l := &b.features[i], &b.learned[i]
		if !f.Learns() {
			continue
		}
		if f.Encoding != nil {
			all = append(all, b.labels(i)...)
			continue
		}
		n := b.entries(f)
		all = append(all,
			words(f.Name+".count", n, &l.Count),
			words(f.Name+".missing", n, &l.Missing),
			floats(f.Name+".data_min", n, &l.Min, 0, 1),
			floats(f.Name+".data_max", n, &l.Max, 0, 1),
			floats(f.Name+".data_mean", n, &l.Mean, 0, 1),
			floats(f.Name+".data_var", n, &l.Var, 0, 1))
		if learnsImpute(f) {
			all = append(all, floats(f.Name+".impute", n, &l.Impute, 0, 1))
		}
		if f.Exact != "" {
			all = append(all, marks(f.Name+".exact", n, &l.Exact))
		}
		if f.Scaler.Ragged() {
			all = append(all, ragged(f, n, l, b.landmarks[i])...)
		} else {
			all = append(all, params(f, n, l)...)
		}
	}
	for k := range b.groups {
		all = append(all, b.whitening(k)...)
	}
	return all
}

// entries returns the length of a feature's arrays: the series, times the groups
// of an array.
func (b *body) entries(f *frozen.Feature) int { return f.Entries(b.n) }

// learnsImpute reports whether what stands in for missing values is learned.
func learnsImpute(f *frozen.Feature) bool {
	return f.Impute.Kind == frozen.ImputeMean || f.Impute.Kind == frozen.ImputeMedian
}

// words is an array of n words.
func words(name string, n int, xs *[]uint64) array {
	return array{name: name, t: u8, n: uint64(n),
		put:  func(w *blocks) { w.words(*xs) },
		take: each(func(i int, x uint64) { (*xs)[i] = x }),
	}
}

// floats is an array of n numbers, which lie in *xs at from, from+step and so on.
func floats(name string, n int, xs *[]float64, from, step int) array {
	return array{name: name, t: f8, n: uint64(n),
		put: func(w *blocks) {
			for i := from; i < len(*xs); i += step {
				w.word(math.Float64bits((*xs)[i]))
			}
		},
		take: each(func(i int, x uint64) { (*xs)[from+i*step] = math.Float64frombits(x) }),
	}
}

// marks is an array of n bytes: 1 is true, 0 false.
func marks(name string, n int, xs *[]bool) array {
	i, odd := 0, false
	return array{name: name, t: u1, n: uint64(n),
		put: func(w *blocks) {
			for _, x := range *xs {
				mark := [1]byte{}
				if x {
					mark[0] = 1
				}
				w.bytes(mark[:])
			}
		},
		take: func(p []byte) {
			for _, mark := range p {
				(*xs)[i], odd = mark == 1, odd || mark > 1
				i++
			}
		},
		done: func() error {
			if odd {
				return errors.New("an item is neither 0 nor 1")
			}
			return nil
		},
	}
}

// params are the arrays of a scaler's parameters, of n entries.
func params(f *frozen.Feature, n int, l *frozen.Learned) (all []array) {
	names := f.Scaler.Params()
	for j, name := range names {
		all = append(all, floats(f.Name+"."+name, n, &l.Params, j, len(names)))
	}
	return all
}

// ragged are the arrays of a scaler that keeps m numbers for each of its
// parameters, one parameter behind the other, of each of so many entries: offsets,
// which count those of one parameter, then each parameter of all entries. There are n
// of each.
func ragged(f *frozen.Feature, entries int, l *frozen.Learned, n uint64) []array {
	names := f.Scaler.Params()
	each := uint64(len(names))
	at := risingOffsets(f.Name+".offsets", uint64(entries)+1, n, func(i int, x uint64) { l.Offsets[i] = each * x })
	at.put = func(w *blocks) {
		for _, o := range l.Offsets {
			w.word(o / each)
		}
	}
	all := []array{at}
	for k, name := range names {
		all = append(all, landmarks(f.Name+"."+name, l, n, uint64(k), each))
	}
	return all
}

// landmarks is the k-th of so many equal parts of the numbers of each entry, of
// which the offsets are known.
func landmarks(name string, l *frozen.Learned, n, k, parts uint64) array {
	of := func(entry int) []float64 {
		start, end := l.Offsets[entry], l.Offsets[entry+1]
		m := (end - start) / parts
		return l.Params[start+k*m:][:m]
	}
	entry, rest := 0, []float64(nil) // being read
	return array{name: name, t: f8, n: n,
		put: func(w *blocks) {
			for entry := range len(l.Offsets) - 1 {
				w.floats(of(entry))
			}
		},
		take: func(p []byte) {
			for len(p) > 0 {
				for len(rest) == 0 {
					rest = of(entry)
					entry++
				}
				k := getFloats(rest, p)
				rest, p = rest[k:], p[8*k:]
			}
		},
	}
}

// measureBody makes the body of n series without its slices.
func (c *container) measureBody(features []frozen.Feature, n int) (*body, error) {
	b := &body{features: features, n: n, learned: make([]frozen.Learned, len(features)), landmarks: make([]uint64, len(features)),
		dictionaries: make([]*dictionary, len(features))}
	for i := range features {
		var err error
		switch f := &features[i]; {
		case f.Encoding != nil:
			b.learned[i].Labels = new(frozen.Dictionary)
			b.dictionaries[i], err = c.measureLabels(f)
		case f.Scaler.Ragged():
			b.landmarks[i], err = c.items(f.Name+"."+f.Scaler.Params()[0], f8)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (c *container) readBody(b *body) error {
	b.records = make([]uint64, b.n)
	for i := range b.features {
		b.allocate(i)
	}
	for k := range b.groups {
		b.allocateGroup(k)
	}
	for _, a := range b.arrays() {
		if err := c.load(&a); err != nil {
			return err
		}
	}
	for i, d := range b.dictionaries {
		if d != nil {
			d.fill(b.learned[i].Labels)
		}
	}
	return nil
}

// allocate makes the slices of a feature.
func (b *body) allocate(feature int) {
	f, l := &b.features[feature], &b.learned[feature]
	if !f.Learns() {
		return
	}
	if f.Encoding != nil {
		b.allocateLabels(feature)
		return
	}
	n := b.entries(f)
	l.Count, l.Missing = make([]uint64, n), make([]uint64, n)
	for _, xs := range []*[]float64{&l.Min, &l.Max, &l.Mean, &l.Var} {
		*xs = make([]float64, n)
	}
	if learnsImpute(f) {
		l.Impute = make([]float64, n)
	}
	if f.Exact != "" {
		l.Exact = make([]bool, n)
	}
	if f.Scaler.Ragged() {
		l.Offsets = make([]uint64, n+1)
		l.Params = make([]float64, uint64(len(f.Scaler.Params()))*b.landmarks[feature])
	} else {
		l.Params = make([]float64, n*len(f.Scaler.Params()))
	}
}
