package store

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/scale"
)

// TestGolden pins the bytes: a change of the format has to be meant.
func TestGolden(t *testing.T) {
	const want = "30471cfa20af00c0be4b9fb8c2d9f29f672def6ff904f23bbd80bbdb2b637034"
	golden := filepath.Join("testdata", "golden.npz")
	m, f := sample(t)
	got := written(t, m, f)
	if os.Getenv("TARE_UPDATE") != "" {
		if err := os.WriteFile(golden, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, kept) {
		t.Error("an artifact with the numbers of testdata/golden.npz has other bytes")
	}
	a, err := OpenArtifact(golden)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != want {
		t.Errorf("id %s, want %s", a.ID, want)
	}
	if a.Mark() != want[:16] {
		t.Errorf("mark %s", a.Mark())
	}
}

// equal compares what was learned, NaN being equal to itself.
func equal(t *testing.T, got, want *frozen.Frozen) {
	t.Helper()
	if got.Series().Len() != want.Series().Len() || !slices.Equal(got.Records(), want.Records()) {
		t.Fatal("other series or records")
	}
	for id := range int32(want.Series().Len()) {
		if !bytes.Equal(got.Series().Name(id), want.Series().Name(id)) {
			t.Fatalf("series %q, want %q", got.Series().Name(id), want.Series().Name(id))
		}
	}
	for i := range want.Features() {
		g, w := got.Learned(i), want.Learned(i)
		same := slices.Equal(g.Count, w.Count) && slices.Equal(g.Missing, w.Missing) && slices.Equal(g.Offsets, w.Offsets)
		for _, xs := range [][2][]float64{{g.Min, w.Min}, {g.Max, w.Max}, {g.Mean, w.Mean}, {g.Var, w.Var}, {g.Impute, w.Impute}, {g.Params, w.Params}} {
			same = same && slices.EqualFunc(xs[0], xs[1], func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
		}
		if !same {
			t.Errorf("feature %q: %+v, want %+v", want.Features()[i].Name, g, w)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	f := func(m *Manifest, f *frozen.Frozen) {
		t.Helper()
		first := written(t, m, f)
		a, err := read(first)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, a.Frozen, f)
		got, _ := encodeManifest(&a.Manifest, 0)
		if want, _ := encodeManifest(m, 0); !bytes.Equal(got, want) {
			t.Errorf("manifest %s, want %s", got, want)
		}
		for range 3 {
			if !bytes.Equal(written(t, &a.Manifest, a.Frozen), first) {
				t.Error("the same artifact has other bytes")
			}
		}
	}
	f(sample(t))
	f(small(t))
	f(ofManyPartitions(t))
	f(manifest(t, []frozen.Feature{{Name: "x", Scaler: scale.Spec{Kind: scale.None}}}, nil, []frozen.Learned{{}}))
	f(manifest(t, []frozen.Feature{{Name: "x", Scaler: scale.Spec{Kind: scale.Quantile, NQuantiles: 5, OutputDistribution: scale.Normal}}}, nil, []frozen.Learned{{Offsets: []uint64{0}}}))
	f(large(t, 5000, 3, scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}))
	f(large(t, 300, 1, scale.Spec{Kind: scale.Quantile, NQuantiles: 1000, OutputDistribution: scale.Uniform}))
}

// ofManyPartitions has a manifest of more than a block.
func ofManyPartitions(t testing.TB) (*Manifest, *frozen.Frozen) {
	m, f := small(t)
	for i := range int32(3000) {
		m.Ranges = append(m.Ranges, fit.Range{Partition: 10 + i, Reason: fit.ByEnd})
	}
	return m, f
}

// TestForeignReader reads the container as any zip and numpy reader would.
func TestForeignReader(t *testing.T) {
	b := sampleBytes(t)
	sum := sha256.Sum256(b[:len(b)-64])
	if id := fmt.Sprintf("%x", sum); id != string(b[len(b)-64:]) {
		t.Errorf("head -c -64 | sha256sum gives %s, the file ends with %s", id, b[len(b)-64:])
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if z.Comment != string(b[len(b)-64:]) {
		t.Errorf("comment %q", z.Comment)
	}
	var names []string
	for _, file := range z.File {
		names = append(names, file.Name)
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Errorf("%s: %v", file.Name, err)
		}
		if file.Method != zip.Store || file.NonUTF8 || file.Modified.Year() != 1980 || len(file.Extra) != 0 {
			t.Errorf("%s: %+v", file.Name, file.FileHeader)
		}
		if strings.HasSuffix(file.Name, ".npy") && (!bytes.HasPrefix(data, []byte("\x93NUMPY\x01\x00\x76\x00{'descr': '")) || data[127] != '\n' || len(data)%8 != 0 && !strings.Contains(file.Name, "bytes")) {
			t.Errorf("%s: %q", file.Name, data)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("%q are not sorted", names)
	}
	if got := strings.Join(names, " "); got != wantNames {
		t.Errorf("members %s,\nwant %s", got, wantNames)
	}
}

const wantNames = "flow €.count.npy flow €.data_max.npy flow €.data_mean.npy flow €.data_min.npy flow €.data_var.npy flow €.missing.npy flow €.offsets.npy flow €.quantiles.npy flow €.references.npy" +
	" load.count.npy load.data_max.npy load.data_mean.npy load.data_min.npy load.data_var.npy load.missing.npy load.scale.npy" +
	" manifest.json" +
	" plain.count.npy plain.data_max.npy plain.data_mean.npy plain.data_min.npy plain.data_var.npy plain.missing.npy" +
	" series.bytes.npy series.offsets.npy series.records.npy" +
	" spread.count.npy spread.data_max.npy spread.data_mean.npy spread.data_min.npy spread.data_var.npy spread.mean.npy spread.missing.npy spread.scale.npy" +
	" valve.count.npy valve.data_max.npy valve.data_mean.npy valve.data_min.npy valve.data_var.npy valve.min.npy valve.missing.npy valve.scale.npy" +
	" vib.center.npy vib.count.npy vib.data_max.npy vib.data_mean.npy vib.data_min.npy vib.data_var.npy vib.impute.npy vib.missing.npy vib.scale.npy" +
	" z.count.npy z.data_max.npy z.data_mean.npy z.data_min.npy z.data_var.npy z.impute.npy z.mean.npy z.missing.npy z.scale.npy"

func sampleBytes(t testing.TB) []byte {
	m, f := sample(t)
	return written(t, m, f)
}

// TestWriteRefuses: what is written can be read, or is not written.
func TestWriteRefuses(t *testing.T) {
	f := func(reason string, change func(m *Manifest, l *frozen.Learned)) {
		t.Helper()
		m, z := sample(t)
		change(m, z.Learned(1))
		_, err := WriteArtifact(io.Discard, m, z)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("error %v, want %q", err, reason)
		}
	}
	f(`impute is "mean", but 0 values for it`, func(m *Manifest, l *frozen.Learned) { l.Impute = nil })
	f("columns", func(m *Manifest, l *frozen.Learned) { m.Columns = m.Columns[1:] })
	f("20 records learned, but the series have 21", func(m *Manifest, l *frozen.Learned) { m.Records.Learned-- })
	f("two features have the name", func(m *Manifest, l *frozen.Learned) { m.Features[0].Name = "z"; m.Record.Features[0].Name = "z" })
	f("unsupported value", func(m *Manifest, l *frozen.Learned) { m.Features[4].Impute.Constant = math.Inf(1) })
}

// TestWriteChanges: what changes while it is being written is not written.
func TestWriteChanges(t *testing.T) {
	f := func(put func(b *blocks, pass int)) {
		t.Helper()
		pass := 0
		a := array{name: "a", t: u8, n: 2, put: func(b *blocks) {
			pass++
			put(b, pass)
		}}
		if _, err := writeContainer(io.Discard, []source{a.source()}, zipLimits); err == nil || !strings.Contains(err.Error(), "it changed while it was written") {
			t.Errorf("error %v", err)
		}
	}
	f(func(b *blocks, pass int) { b.words([]uint64{1, uint64(pass)}) })
	f(func(b *blocks, pass int) { b.words(make([]uint64, pass)) })
	f(func(b *blocks, pass int) { b.words([]uint64{1}) })

	a := array{name: "a", t: u8, put: func(b *blocks) {}}
	if _, err := writeContainer(io.Discard, []source{a.source(), a.source()}, zipLimits); err == nil || err.Error() != "a.npy: it stands twice in one file" {
		t.Errorf("two members of one name: error %v", err)
	}
}

// TestWriteFails: an error of the file is an error.
func TestWriteFails(t *testing.T) {
	m, f := sample(t)
	n := len(written(t, m, f))
	for limit := 0; limit < n; limit += 37 {
		if _, err := WriteArtifact(&limitedWriter{limit}, m, f); err == nil {
			t.Fatalf("no error although only %d bytes of %d were taken", limit, n)
		}
	}
}

type limitedWriter struct{ left int }

func (w *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// TestWriteStreams: writing takes a tenth of the memory of the arrays.
func TestWriteStreams(t *testing.T) {
	m, f := large(t, 20_000, 8, scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true})
	var n counterOf
	took := allocated(func() {
		if _, err := WriteArtifact(&n, m, f); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%d bytes allocated for %d written", took, n)
	if took > uint64(n)/10 {
		t.Errorf("%d bytes allocated for %d written", took, n)
	}
}

type counterOf int64

func (c *counterOf) Write(p []byte) (int, error) {
	*c += counterOf(len(p))
	return len(p), nil
}

// allocated returns the bytes that fn allocates, garbage included. The tests
// that call it are not parallel.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestOpenArtifact(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenArtifact(filepath.Join(dir, "none.npz")); !os.IsNotExist(err) {
		t.Errorf("error %v, want that of os.Open", err)
	}
	path := filepath.Join(dir, "plant.npz")
	b := sampleBytes(t)
	b[100] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := OpenArtifact(path)
	refused, ok := err.(*RefusedError)
	if !ok || refused.Path != path || !strings.Contains(refused.Reason, "the file is damaged: its SHA-256 is ") {
		t.Errorf("error %v, want a *RefusedError of %s", err, path)
	}
	if _, err := OpenArtifact(dir); err == nil {
		t.Error("a folder was opened")
	}
}

// TestReadFails: an error of the disk is no damage of the file.
func TestReadFails(t *testing.T) {
	b := sampleBytes(t)
	reads := &failingReader{r: bytes.NewReader(b), at: math.MaxInt}
	if _, err := ReadArtifact(reads, int64(len(b))); err != nil {
		t.Fatal(err)
	}
	for at := range reads.n {
		_, err := ReadArtifact(&failingReader{r: bytes.NewReader(b), at: at}, int64(len(b)))
		if err != io.ErrNoProgress {
			t.Fatalf("read %d failed, error %v", at, err)
		}
	}
}

type failingReader struct {
	r     io.ReaderAt
	n, at int
}

func (f *failingReader) ReadAt(p []byte, off int64) (int, error) {
	f.n++
	if f.n > f.at {
		return 0, io.ErrNoProgress
	}
	return f.r.ReadAt(p, off)
}

func TestJoinCRC(t *testing.T) {
	f := func(a, b string) {
		t.Helper()
		got := joinCRC(crc32.ChecksumIEEE([]byte(a)), crc32.ChecksumIEEE([]byte(b)), uint64(len(b)))
		if want := crc32.ChecksumIEEE([]byte(a + b)); got != want {
			t.Errorf("%q + %q: %08x, want %08x", a, b, got, want)
		}
	}
	f("", "")
	f("a", "")
	f("", "a")
	f("hello, ", "world")
	f(strings.Repeat("x", 128), strings.Repeat("abc", 12345))
	r := random(t)
	for range 200 {
		a, b := make([]byte, r.IntN(200)), make([]byte, r.IntN(3000))
		for i := range a {
			a[i] = byte(r.Uint32())
		}
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f(string(a), string(b))
	}
}

// TestZip64 writes what only files beyond 4 GiB or 65,535 members need, with
// the limits lowered, and has archive/zip read it.
func TestZip64(t *testing.T) {
	f := func(name string, l limits, members int, want64 bool) {
		t.Helper()
		var sources []source
		for i := range members {
			a := array{name: fmt.Sprintf("a%03d", i), t: u8, n: uint64(i), put: func(b *blocks) {
				for k := range i {
					b.word(uint64(k))
				}
			}}
			sources = append(sources, a.source())
		}
		var b bytes.Buffer
		id, err := writeContainer(&b, sources, l)
		if err != nil {
			t.Fatal(err)
		}
		file := b.Bytes()
		if got := bytes.Contains(file, binary.LittleEndian.AppendUint32(nil, end64Sig)); got != want64 {
			t.Errorf("%s: Zip64 end: %v, want %v", name, got, want64)
		}
		c, err := openContainer(bytes.NewReader(file), int64(len(file)), l)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.id != id || len(c.members) != members {
			t.Errorf("%s: %d members", name, len(c.members))
		}
		for _, m := range c.members {
			head := fields(file[m.offset:])
			big := m.size >= l.size
			if got := head.u32(18) == math.MaxUint32 && head.u16(28) == 20; got != big {
				t.Errorf("%s: %s: Zip64 sizes in its local header: %v, want %v", name, m.name, got, big)
			}
			if big && head[30+len(m.name):].u64(4) != m.size {
				t.Errorf("%s: %s: another size in its local header", name, m.name)
			}
		}
		z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, file := range z.File {
			r, err := file.OpenRaw()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			data, err := io.ReadAll(r)
			if err != nil || uint64(len(data)) != npyHeaderLen+8*uint64(i) || crc32.ChecksumIEEE(data) != file.CRC32 {
				t.Fatalf("%s: %s: %d bytes, error %v", name, file.Name, len(data), err)
			}
		}
		_, err = openContainer(bytes.NewReader(file), int64(len(file)), zipLimits)
		if (err == nil) != (l == zipLimits) {
			t.Errorf("%s: with the usual limits: error %v", name, err)
		}
	}
	f("none", zipLimits, 20, false)
	f("many members", limits{size: math.MaxUint32, count: 20}, 20, true)
	f("large members", limits{size: 200, count: math.MaxUint16}, 20, true)
	f("far members", limits{size: 2000, count: math.MaxUint16}, 20, true)
	f("all", limits{size: 1, count: 1}, 20, true)
	f("empty", zipLimits, 0, false)
}

// TestBeyond4GiB writes and reads a file that needs Zip64, with TARE_LONG=1.
func TestBeyond4GiB(t *testing.T) {
	if os.Getenv("TARE_LONG") == "" {
		t.Skip("5 GB on disk: set TARE_LONG=1")
	}
	const n = 620_000_000
	block := make([]float64, 1<<12)
	big := array{name: "big", t: f8, n: n, put: func(b *blocks) {
		for left := n; left > 0; left -= len(block) {
			b.floats(block[:min(left, len(block))])
		}
	}}
	small := array{name: "small", t: u8, n: 1, put: func(b *blocks) { b.word(7) }}
	file, err := os.Create(filepath.Join(t.TempDir(), "big.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	id, err := writeContainer(file, []source{small.source(), big.source()}, zipLimits)
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c, err := openContainer(file, info.Size(), zipLimits)
	if err != nil {
		t.Fatal(err)
	}
	got := uint64(0)
	small.take = each(func(i int, x uint64) { got = x })
	if err := c.load(&small); err != nil || got != 7 || c.id != id || c.find("big.npy").size != npyHeaderLen+8*n {
		t.Errorf("%d, id %s, error %v", got, c.id, err)
	}
	z, err := zip.NewReader(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || uint64(n) != f.UncompressedSize64 {
			t.Errorf("%s: %d bytes, error %v", f.Name, n, err)
		}
	}
}
