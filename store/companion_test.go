package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sketch"
	"tare/welford"
)

// learned is what two partitions learned of two features: temp keeps moments,
// load a sketch. Series b is in both.
func learned(t testing.TB) (*Manifest, *frozen.Frozen, *fit.Merged) {
	plan := &fit.Plan{
		Record: schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "temp", Field: "temp"}, {Name: "load", Field: "load"}}, Limits: schema.DefaultLimits()},
		Features: []frozen.Feature{
			{Name: "temp", Scaler: scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}},
			{Name: "load", Scaler: scale.Spec{Kind: scale.Quantile, NQuantiles: 10, OutputDistribution: scale.Uniform}},
		},
		Cutoff:     fit.Cutoff{Kind: fit.End},
		MinSamples: 1, MaxSeries: 100,
	}
	m := &Manifest{Pipeline: "p", Revision: 1, Plan: *plan,
		Algorithms: CurrentAlgorithms(), Normalize: Normalize{EmitAll, UnknownMissing, OnErrorContinue}}
	var states []*fit.State
	for partition, series := range []string{"ab", "bcb"} {
		state, err := fit.NewState(plan)
		if err != nil {
			t.Fatal(err)
		}
		const rows = 300
		for i := range rows {
			row := record.Row{Series: []byte{series[i%len(series)]}, Numbers: []float64{float64(i*37%101) / 4, float64(i * i % 997)}}
			if i%10 == 0 {
				row.Numbers[0] = nan
			}
			if err := state.Observe(&row); err != nil {
				t.Fatal(err)
			}
		}
		states = append(states, state)
		m.Ranges = append(m.Ranges, fit.Range{Partition: int32(3 * partition), Seal: rows, Reason: fit.ByEnd, Learned: rows})
		m.Records.Learned += rows
		m.Records.Train += rows
	}
	f, merged := describe(t, m, states)
	return m, f, merged
}

// describe freezes what was learned and completes its manifest.
func describe(t testing.TB, m *Manifest, states []*fit.State) (*frozen.Frozen, *fit.Merged) {
	merged := fit.Merge(&m.Plan, states)
	f, err := merged.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	m.Columns, m.Examples, m.Series, m.Format = f.Columns(), f.Examples(), merged.Counts(), m.format()
	for i := range m.Features {
		m.Pooled = append(m.Pooled, merged.Pooled(i))
	}
	return f, merged
}

const someID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestCompanion(t *testing.T) {
	m, f, merged := learned(t)
	path := filepath.Join(t.TempDir(), "plant.npz")
	id, err := SaveArtifact(path, m, f, false)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the file is there, and the same
		if err := SaveCompanion(CompanionPath(path), id, m, merged, false); err != nil {
			t.Fatal(err)
		}
	}
	only(t, filepath.Dir(path), "plant.npz", "plant.sketches.npz")
	c, err := OpenCompanion(CompanionPath(path), id)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := fmt.Sprint(c.Manifest.Artifact == id, c.Manifest.Features, c.Manifest.Partitions); got != "true [{temp running 0  false} {load quantiles 0  false}] [0 3]" {
		t.Error(got)
	}
	if c.Series().Len() != 3 {
		t.Fatalf("%d series", c.Series().Len())
	}
	for i := range merged.Series() {
		name := merged.Name(i)
		same(t, c, merged, 0, i, func() (form, bool, error) { q, ok, err := c.Running(0, name); return q, ok, err })
		same(t, c, merged, 1, i, func() (form, bool, error) { q, ok, err := c.Quantiles(1, name); return q, ok, err })
		if q, ok, err := c.Quantiles(0, name); q != nil || ok || err != nil {
			t.Errorf("a sketch of temp: %v, %v, %v", q, ok, err)
		}
		if r, ok, err := c.Running(1, name); r != nil || ok || err != nil {
			t.Errorf("moments of load: %v, %v, %v", r, ok, err)
		}
		for feature := range 2 {
			moments, ok, err := c.Moments(feature, name)
			if l := f.Learned(feature); !ok || err != nil || moments.N != l.Count[i] || moments.Mean() != l.Mean[i] || moments.Variance() != l.Var[i] {
				t.Errorf("moments of %s: %v, %v, %v", name, moments, ok, err)
			}
		}
	}
	if _, ok, err := c.Moments(0, []byte("none")); ok || err != nil {
		t.Errorf("an unknown series: %v, %v", ok, err)
	}
	for feature := range 2 {
		d, err := c.Distinct(feature)
		if err != nil || d.Estimate() != merged.Distinct(feature).Estimate() {
			t.Errorf("feature %d: %v distinct values, error %v", feature, d, err)
		}
	}
	if d, err := c.DistinctSeries(); err != nil || d.Estimate() != 3 {
		t.Errorf("%v distinct series, error %v", d, err)
	}
}

type form interface {
	AppendBinary([]byte) ([]byte, error)
}

// same compares what the companion holds with what the state says.
func same(t *testing.T, c *Companion, merged *fit.Merged, feature, series int, get func() (form, bool, error)) {
	t.Helper()
	got, ok, err := get()
	if !ok || err != nil {
		t.Fatalf("feature %d of series %d: %v, %v", feature, series, ok, err)
	}
	a, _ := got.AppendBinary(nil)
	if b, err := merged.AppendState(nil, feature, series); err != nil || !bytes.Equal(a, b) {
		t.Errorf("feature %d of series %d: other bytes, error %v", feature, series, err)
	}
}

func TestCompanionPath(t *testing.T) {
	f := func(artifact, want string) {
		t.Helper()
		if got := CompanionPath(artifact); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f("plant.npz", "plant.sketches.npz")
	f("a.b/plant-7-1.npz", "a.b/plant-7-1.sketches.npz")
	f("plant", "plant.sketches.npz")
}

func companionBytes(t testing.TB) []byte {
	m, _, merged := learned(t)
	var b bytes.Buffer
	if _, err := writeCompanion(&b, someID, m, merged); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenCompanion(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenCompanion(filepath.Join(dir, "none"), someID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	f := func(name string, content []byte, id, reason string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCompanion(path, id)
		refused, ok := err.(*RefusedError)
		if c != nil || !ok || refused.Path != path || !strings.Contains(refused.Reason, reason) {
			t.Errorf("%s: error %v, want %q", name, err, reason)
		}
	}
	f("of another artifact", companionBytes(t), strings.Repeat("0", 64), "it belongs to artifact")
	f("an artifact", sampleBytes(t), someID, `a file of kind "", want companion`)
	f("half", companionBytes(t)[:2000], someID, "no SHA-256")
	if _, err := read(companionBytes(t)); err == nil || !strings.Contains(err.Error(), `a file of kind "companion", want an artifact`) {
		t.Errorf("as an artifact: error %v", err)
	}
}

// TestMalformedState: what is wrong with a state is found when it is read.
func TestMalformedState(t *testing.T) {
	parts := unpack(t, companionBytes(t))
	f := func(member string, read func(c *Companion) error) {
		t.Helper()
		changed := bytes.Clone(pack(parts))
		i := bytes.Index(changed, []byte(member+npySuffix)) + len(member+npySuffix) + npyHeaderLen
		changed[i] = 0xee
		c, err := readCompanion(bytes.NewReader(repair(changed)), int64(len(changed)), someID)
		if err != nil {
			t.Fatal(err)
		}
		if err := read(c); !isRefused(err) || !strings.Contains(err.Error(), member) {
			t.Errorf("%s: error %v", member, err)
		}
	}
	f("temp.state", func(c *Companion) error { _, _, err := c.Running(0, []byte("a")); return err })
	f("temp.state", func(c *Companion) error { _, _, err := c.Moments(0, []byte("a")); return err })
	f("load.state", func(c *Companion) error { _, _, err := c.Quantiles(1, []byte("a")); return err })
	f("load.distinct", func(c *Companion) error { _, err := c.Distinct(1); return err })
	f("series.distinct", func(c *Companion) error { _, err := c.DistinctSeries(); return err })
}

func TestHostileCompanions(t *testing.T) {
	h := newHostiles(t, companionBytes(t))
	for i, p := range h.parts {
		h.change("without "+p.name, func(parts []part) []part { return append(parts[:i:i], parts[i+1:]...) }, p.name+" is missing")
	}
	h.change("with another member", func(parts []part) []part { return append(parts, part{"zz.state.npy", parts[0].data}) }, "zz.state.npy is not a member")
	h.bytes("deflated", int(fields(h.good).u32(len(h.good)-idLen-endLen+16))+10, "\x08", "is compressed")

	f := h.manifest
	f(`"format":1`, `"format":2`, "format 2, want 1")
	f(`"kind":"companion"`, `"kind":"artifact"`, `a file of kind "artifact", want companion`)
	f(`"artifact":"0`, `"artifact":"1`, "it belongs to artifact")
	f(`"artifact":"0`, `"artifact":"`, "it belongs to artifact")
	f(`"artifact":"`+someID+`"`, `"artifact":""`, "it belongs to artifact")
	f(`"name":"temp"`, `"name":"series"`, `feature "series": the name is taken`)
	f(`"name":"temp"`, `"name":"load"`, `feature "load": the name is taken`)
	f(`"name":"temp"`, `"name":"../temp"`, "want a name of up to")
	f(`"name":"temp"`, `"name":"other"`, "other.distinct.npy is missing")
	f(`"state":"running"`, `"state":"sorted"`, `feature "temp": state is "sorted"`)
	f(`"state":"running"`, `"state":"running","more":1`, "manifest.json: at byte")
	f(`"features":[{"name":"temp","state":"running"},{"name":"load","state":"quantiles"}]`, `"features":[]`, "no features")
	f(`"features":[`, `"features":[`+strings.Repeat("{},", 300_000), "300002 features and 2 partitions cannot have their state in 10 members")
	f(`"partitions":[0,3]`, `"partitions":[3,0]`, "partition 0 at place 1")
	f(`"partitions":[0,3]`, `"partitions":[0,0]`, "partition 0 at place 1")
	f(`"partitions":[0,3]`, `"partitions":[-1,3]`, "partition -1 at place 0")
	f(`"partitions":[0,3]`, `"partitions":[0,3.5]`, "cannot unmarshal number")
	f(`"partitions":[0,3]`, `"partitions":[0`+strings.Repeat(",0", 300_000)+`]`, "300001 partitions cannot")

	w := h.word
	const offsets = "want them to rise from 0 to"
	for _, array := range []string{"series.offsets", "temp.state.offsets", "load.state.offsets"} {
		w(array, 0, 1, offsets)
		w(array, 1, 1<<40, offsets)
		w(array, 1, 1<<63, offsets)
		w(array, 2, 0, offsets)
		w(array, 3, 2, "")
		h.header(array, "<u8", "<i8", "begins with")
		h.header(array, "(4,)", "(5,)", "begins with")
	}
	for _, array := range []string{"series.bytes", "temp.state", "load.state", "series.distinct", "load.distinct"} {
		h.header(array, "|u1", "|i1", "begins with")
		h.member(array+": cut", array+npySuffix, func(b []byte) []byte { return b[:len(b)-1] }, "begins with")
		h.member(array+": no header", array+npySuffix, func(b []byte) []byte { return b[:100] }, "not a header and whole items")
	}
	h.member("names twice", "series.bytes.npy", func(b []byte) []byte { return append(b[:npyHeaderLen], "aac"...) }, `"a" does not sort after "a"`)
	h.run(t, func(b []byte) error {
		_, err := readCompanion(bytes.NewReader(b), int64(len(b)), someID)
		return err
	}, 60)
}

// FuzzCompanion reads any bytes, with hash and CRCs set right, and then all that
// is in them.
func FuzzCompanion(f *testing.F) {
	b := companionBytes(f)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		b = repair(bytes.Clone(b))
		c, err := readCompanion(bytes.NewReader(b), int64(len(b)), someID)
		if err != nil {
			if !isRefused(err) {
				t.Fatal(err)
			}
			return
		}
		if _, err := c.DistinctSeries(); err != nil && !isRefused(err) {
			t.Fatal(err)
		}
		for i := range c.Manifest.Features {
			if d, err := c.Distinct(i); err == nil {
				d.Estimate()
			} else if !isRefused(err) {
				t.Fatal(err)
			}
			for id := range int32(c.Series().Len()) {
				if _, _, err := c.Moments(i, c.Series().Name(id)); err != nil && !isRefused(err) {
					t.Fatal(err)
				}
			}
		}
	})
}

var (
	_ form = (*sketch.Quantiles)(nil)
	_ form = (*welford.Running)(nil)
)
