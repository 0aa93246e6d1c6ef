// Package bench measures tare end to end, from the bytes of records to the
// artifact and to the bytes of normalized records, beside what a plain Go
// program does with the usual libraries.
//
//	go test -bench . ./bench
package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/tdigest"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

const (
	features = 8
	series   = 1000
)

var (
	longest  = flag.Int("records", 20_000, "of the longest pass that TestGrowth measures")
	widest   = flag.Int("series", 10, "at most, where TestGrowth measures their number")
	resident = flag.Int("resident", 1000, "series of TestResident")
	save     = flag.String("save", "", "file for what TestGrowth has measured")
)

// cpu returns the time that this process has had, in nanoseconds: other programs
// on the machine disturb it less than the wall clock's.
func cpu() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// records writes n records of 1,000 sensors with eight numbers each, 167 bytes
// on average, a second apart.
func records(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := range n {
		appendRecord(&b, r, i)
	}
	return b.Bytes()
}

func appendRecord(b *bytes.Buffer, r *rand.Rand, i int) {
	fmt.Fprintf(b, `{"sensor":"pump-%04d","ts":%d`, r.IntN(series), 1_772_000_000_000+int64(i)*1000)
	appendNumbers(b, r)
}

// appendNumbers ends a record.
func appendNumbers(w io.Writer, r *rand.Rand) {
	for k := range features {
		fmt.Fprintf(w, `,"f%d":%.*f`, k, 5+k%5, 20+float64(10*k)+5*r.NormFloat64())
	}
	io.WriteString(w, "}\n")
}

// plan learns all features with one kind of scaler; the first half of n records
// is training.
func plan(tb testing.TB, kind string, cutoff fit.Cutoff) *fit.Plan {
	spec, err := scale.Default(kind)
	if err != nil {
		tb.Fatal(err)
	}
	p := &fit.Plan{MinSamples: 2, MaxSeries: 1_000_000, Cutoff: cutoff, Record: schema.Schema{
		Format: schema.JSON, Series: schema.Series{Fields: []string{"sensor"}}, Time: schema.Time{Field: "ts", Layout: schema.UnixMilli},
		BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	for k := range features {
		name := fmt.Sprintf("f%d", k)
		p.Record.Features = append(p.Record.Features, schema.Feature{Name: name, Field: name})
		p.Features = append(p.Features, frozen.Feature{Name: name, Scaler: spec})
	}
	return p
}

func decoder(s *schema.Schema) stream.NewDecoder {
	return func([]byte) (record.Decoder, error) { return record.NewJSON(s) }
}

func learn(tb testing.TB, p *fit.Plan, in io.Reader) *stream.Fit {
	source, err := stream.NewFiles([]string{stream.Stdin}, schema.JSON, in)
	if err != nil {
		tb.Fatal(err)
	}
	f := stream.Fitter{Plan: p, Source: source, NewDecoder: decoder(&p.Record)}
	learned, err := f.Run(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return learned
}

var identity = stream.Identity{Pipeline: "bench", Revision: 1,
	Normalize: store.Normalize{Emit: store.EmitAll, UnknownSeries: store.UnknownMissing, OnError: store.OnErrorContinue},
	Output:    record.Output{Value: record.Replace, Dtype: record.Float64, Missing: record.MissingNaN, Meta: record.MetaHeaders}}

func freeze(tb testing.TB, learned *stream.Fit) *store.Artifact {
	result, err := learned.Freeze(identity)
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := store.WriteArtifact(&b, &result.Manifest, result.Frozen); err != nil {
		tb.Fatal(err)
	}
	a, err := store.ReadArtifact(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func normalize(tb testing.TB, a *store.Artifact, in io.Reader, out io.Writer) stream.NormalizeCounts {
	source, err := stream.NewFiles([]string{stream.Stdin}, schema.JSON, in)
	if err != nil {
		tb.Fatal(err)
	}
	m := &a.Manifest
	n := stream.Normalizer{Artifact: a, Policy: m.Normalize, Source: source, NewDecoder: decoder(&m.Record)}
	n.Output.Open = func(header []byte, end string) (sink.Writer, error) { return sink.NewLines(out, header, end), nil }
	n.Output.NewEncoder = func(header []byte) (record.Encoder, error) {
		return record.NewEncoder(&m.Record, m.Output, header)
	}
	counts, err := n.Run(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return counts
}

const batch = 100_000

// each runs a pass over a batch of records, and reports the processor's time for
// one of them.
func each(b *testing.B, data []byte, pass func(in io.Reader)) {
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	start := cpu()
	for b.Loop() {
		pass(bytes.NewReader(data))
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N)/batch, "cpu-ns")
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkFit(b *testing.B) {
	data := records(batch)
	for _, kind := range []string{scale.Standard, scale.Robust} {
		b.Run("tare/"+kind, func(b *testing.B) {
			each(b, data, func(in io.Reader) { learn(b, plan(b, kind, fit.Cutoff{Kind: fit.End}), in) })
		})
	}
	b.Run("plain/robust", func(b *testing.B) {
		each(b, data, func(io.Reader) { plainFit(b, data) })
	})
}

func BenchmarkTransform(b *testing.B) {
	data := records(batch)
	for _, kind := range []string{scale.Standard, scale.Quantile} {
		a := freeze(b, learn(b, plan(b, kind, fit.Cutoff{Kind: fit.End}), bytes.NewReader(data)))
		b.Run("tare/"+kind, func(b *testing.B) {
			each(b, data, func(in io.Reader) { normalize(b, a, in, io.Discard) })
		})
	}
	statistics := plainFit(b, data)
	b.Run("plain/standard", func(b *testing.B) {
		each(b, data, func(io.Reader) { plainTransform(b, data, statistics) })
	})
}

// BenchmarkArray maps 4,096 values with the numbers of one series, without any
// record around them.
func BenchmarkArray(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	f := func(name string, spec scale.Spec, p []float64) {
		step, err := scale.New(spec)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			start := cpu()
			for b.Loop() {
				step.Transform(y, x, p)
			}
			b.ReportMetric(float64(cpu()-start)/float64(b.N)/n, "cpu-ns")
		})
	}
	f("standard", scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}, []float64{0.1, 1.2})
	sorted := slices.Sorted(slices.Values(x))
	p := make([]float64, 260) // 130 references, then 130 quantiles
	for i := range 130 {
		p[i], p[130+i] = float64(i)/129, sorted[i*(n-1)/129]
	}
	f("quantile-normal", scale.Spec{Kind: scale.Quantile, NQuantiles: 1000, OutputDistribution: scale.Normal}, p)
}

// A plain is what a plain program keeps of one series and feature.
type plain struct {
	n, mean, m2 float64
	digest      *tdigest.TDigest
}

// plainFit is the program that a team writes in an afternoon: encoding/json
// into a map, Welford's moments, one influxdata/tdigest a sensor and feature.
func plainFit(tb testing.TB, data []byte) map[string]*[features]plain {
	all := map[string]*[features]plain{}
	for line := range bytes.Lines(data) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			tb.Fatal(err)
		}
		name := fields["sensor"].(string)
		s := all[name]
		if s == nil {
			s = new([features]plain)
			for k := range s {
				s[k].digest = tdigest.NewWithCompression(100)
			}
			all[name] = s
		}
		for k := range s {
			x := fields[names[k]].(float64)
			p := &s[k]
			p.n++
			d := x - p.mean
			p.mean += d / p.n
			p.m2 += d * (x - p.mean)
			p.digest.Add(x, 1)
		}
	}
	return all
}

func plainTransform(tb testing.TB, data []byte, all map[string]*[features]plain) {
	out := json.NewEncoder(io.Discard)
	for line := range bytes.Lines(data) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			tb.Fatal(err)
		}
		s := all[fields["sensor"].(string)]
		for k := range s {
			fields[names[k]] = (fields[names[k]].(float64) - s[k].mean) / math.Sqrt(s[k].m2/s[k].n)
		}
		if err := out.Encode(fields); err != nil {
			tb.Fatal(err)
		}
	}
}

var names = func() (n [features]string) {
	for k := range n {
		n[k] = fmt.Sprintf("f%d", k)
	}
	return n
}()

// generator makes records as they are read.
type generator struct {
	r       *rand.Rand
	next, n int
	buf     bytes.Buffer
	seen    func(record int)
}

func (g *generator) Read(p []byte) (int, error) {
	for g.buf.Len() < len(p) && g.next < g.n {
		appendRecord(&g.buf, g.r, g.next)
		g.next++
		if g.next%500_000 == 0 && g.seen != nil {
			g.seen(g.next)
		}
	}
	return g.buf.Read(p)
}

// watched measures the live heap each time a file is opened.
type watched struct {
	*stream.Files
	mu   sync.Mutex
	most uint64
}

func (w *watched) Open(ctx context.Context, partition int32) (stream.Reader, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.most = max(w.most, m.HeapAlloc)
	return w.Files.Open(ctx, partition)
}

// TestManyFiles learns the same 5,000 series from 2 and from 30 files. What is
// done goes into one state: the heap holds that and the files being read.
func TestManyFiles(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	dir := t.TempDir()
	var b bytes.Buffer
	for i := range 10_000 {
		fmt.Fprintf(&b, `{"sensor":"pump-%05d","ts":%d,"f0":%d}`+"\n", i%5000, 1_772_000_000_000+i, i)
	}
	var days []string
	for i := range 30 {
		days = append(days, filepath.Join(dir, fmt.Sprintf("day-%02d.jsonl", i)))
		if err := os.WriteFile(days[i], b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := plan(t, scale.Robust, fit.Cutoff{Kind: fit.End})
	p.Features, p.Record.Features = p.Features[:1], p.Record.Features[:1]
	most := func(files int) uint64 {
		source, err := stream.NewFiles(days[:files], schema.JSON, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := &watched{Files: source}
		f := stream.Fitter{Plan: p, Source: w, NewDecoder: decoder(&p.Record)}
		if _, err := f.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.most
	}
	few, many := most(2), most(30)
	t.Logf("live heap at most: %d MiB with 2 files, %d MiB with 30", few>>20, many>>20)
	if state := uint64(5000 * 1900); many > few+4*state {
		t.Errorf("30 files take %d bytes, 2 files %d: more than the sum and the files being read", many, few)
	}
}

// TestFlatMemory runs ten million records through both passes: what lives on
// the heap behind the first million is all there ever is.
func TestFlatMemory(t *testing.T) {
	n := 10_000_000
	if os.Getenv("TARE_LONG") == "" {
		n = 1_500_000
	}
	var early, late uint64
	watch := func(at int) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if at <= 1_000_000 {
			early = max(early, m.HeapAlloc)
		}
		late = max(late, m.HeapAlloc)
	}
	p := plan(t, scale.Robust, fit.Cutoff{Kind: fit.EventTime, Time: fit.Instant(1_772_000_000_000+int64(n)*500) * 1_000_000})
	start := time.Now()
	learned := learn(t, p, &generator{r: rand.New(rand.NewPCG(3, 4)), n: n, seen: watch})
	t.Logf("fit: %d records in %v, heap %d MiB after a million, %d MiB at most", n, time.Since(start).Round(time.Second), early>>20, late>>20)
	if late > early+early/10+1<<20 {
		t.Errorf("the fit pass grows from %d to %d bytes", early, late)
	}
	a := freeze(t, learned)
	early, late = 0, 0
	start = time.Now()
	counts := normalize(t, a, &generator{r: rand.New(rand.NewPCG(3, 4)), n: n, seen: watch}, io.Discard)
	t.Logf("transform: %d written in %v, heap %d MiB after a million, %d MiB at most", counts.Written, time.Since(start).Round(time.Second), early>>20, late>>20)
	if late > early+early/10+1<<20 {
		t.Errorf("the normalize pass grows from %d to %d bytes", early, late)
	}
	if counts.Written != int64(n) {
		t.Errorf("%d of %d records written", counts.Written, n)
	}
}
