package bench

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

// An arrayCase is arrays that go through both passes, from packed numbers to
// packed float32.
type arrayCase struct {
	name    string
	feature frozen.Feature
	dtype   schema.DType
	data    []byte
	numbers int
}

// arrayCases are spectra of 64 bins, standardized bin by bin behind a logarithm,
// and images of three channels, standardized channel by channel.
func arrayCases(tb testing.TB) []arrayCase {
	spec, err := scale.Default(scale.Standard)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	const spectra, frames, pixels = 20_000, 8, 3 * 224 * 224
	power := make([]byte, 0, spectra*64*4)
	for range spectra * 64 {
		power = binary.LittleEndian.AppendUint32(power, math.Float32bits(float32(math.Exp(r.NormFloat64()))))
	}
	bytes := make([]byte, frames*pixels)
	for i := range bytes {
		bytes[i] = byte(r.Uint32())
	}
	return []arrayCase{
		{"spectra", frozen.Feature{Name: "x", Shape: []int{64}, Pre: []scale.Pre{{Kind: scale.Log}}, Scaler: spec}, schema.Float32, power, spectra * 64},
		{"images", frozen.Feature{Name: "x", Shape: []int{3, 224, 224}, Per: "0", Scaler: spec}, schema.UInt8, bytes, len(bytes)},
	}
}

func (c *arrayCase) plan() *fit.Plan {
	return &fit.Plan{MinSamples: 2, MaxSeries: 1, Cutoff: fit.Cutoff{Kind: fit.End}, Features: []frozen.Feature{c.feature},
		Record: schema.Schema{Format: schema.Binary, DType: c.dtype, Features: []schema.Feature{{Name: "x", Shape: c.feature.Shape}}}}
}

func (c *arrayCase) source(tb testing.TB, s *schema.Schema) *stream.Files {
	files, err := stream.NewFiles([]string{stream.Stdin}, schema.Binary, bytes.NewReader(c.data))
	if err != nil {
		tb.Fatal(err)
	}
	files.Frame, _ = record.FrameOf(s)
	return files
}

func binaryDecoder(s *schema.Schema) stream.NewDecoder {
	return func([]byte) (record.Decoder, error) { return record.NewBinary(s) }
}

func (c *arrayCase) learn(tb testing.TB) *stream.Fit {
	p := c.plan()
	f := stream.Fitter{Plan: p, Source: c.source(tb, &p.Record), NewDecoder: binaryDecoder(&p.Record)}
	learned, err := f.Run(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return learned
}

func (c *arrayCase) normalize(tb testing.TB, a *store.Artifact, out io.Writer) {
	m := &a.Manifest
	n := stream.Normalizer{Artifact: a, Policy: identity.Normalize, Source: c.source(tb, &m.Record), NewDecoder: binaryDecoder(&m.Record)}
	n.Output.Open = func(header []byte, end string) (sink.Writer, error) { return sink.NewLines(out, header, end), nil }
	n.Output.NewEncoder = func([]byte) (record.Encoder, error) {
		return record.NewEncoder(&m.Record, record.Output{Dtype: record.Float32, Meta: record.MetaNone}, nil)
	}
	if _, err := n.Run(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkPacked reports the processor's time for one number of an array.
func BenchmarkPacked(b *testing.B) {
	f := func(c *arrayCase, name string, pass func(b *testing.B)) {
		b.Run(name+"/"+c.name, func(b *testing.B) {
			start := cpu()
			for b.Loop() {
				pass(b)
			}
			b.ReportMetric(float64(cpu()-start)/float64(b.N)/float64(c.numbers), "cpu-ns")
			b.ReportMetric(0, "ns/op")
		})
	}
	for _, c := range arrayCases(b) {
		a := freeze(b, c.learn(b))
		f(&c, "fit", func(b *testing.B) { c.learn(b) })
		f(&c, "transform", func(b *testing.B) { c.normalize(b, a, io.Discard) })
	}
}

// TestPacked holds the numbers that the benchmark makes against the formula.
func TestPacked(t *testing.T) {
	c := arrayCases(t)[0]
	c.data, c.numbers = c.data[:1000*64*4], 1000*64
	var out bytes.Buffer
	c.normalize(t, freeze(t, c.learn(t)), &out)
	x := make([]float32, c.numbers)
	y := make([]float32, c.numbers)
	if _, err := binary.Decode(c.data, binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	if _, err := binary.Decode(out.Bytes(), binary.LittleEndian, y); err != nil || out.Len() != len(c.data) {
		t.Fatalf("%d bytes, %v", out.Len(), err)
	}
	for bin := range 64 {
		mean, variance := 0.0, 0.0
		for i := range 1000 {
			mean += math.Log(float64(x[64*i+bin])) / 1000
		}
		for i := range 1000 {
			variance += math.Pow(math.Log(float64(x[64*i+bin]))-mean, 2) / 1000
		}
		for i := range 1000 {
			want := (math.Log(float64(x[64*i+bin])) - mean) / math.Sqrt(variance)
			if got := float64(y[64*i+bin]); math.Abs(got-want) > 1e-6 {
				t.Fatalf("spectrum %d, bin %d: %v, want %v", i, bin, got, want)
			}
		}
	}
}
