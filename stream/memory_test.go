package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/schema"
	"tare/sink"
	"tare/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A memory is a Source of partitions that are lists of values, read so many at
// a time.
type memory struct {
	partitions [][]string
	batch      int
	before     func(partition int32, offset int64) error // of each read; may be nil
	open       atomic.Int32                              // readers that are not closed
}

func (m *memory) Partitions() []string {
	names := make([]string, len(m.partitions))
	for i := range names {
		names[i] = fmt.Sprint("memory-", i)
	}
	return names
}

func (m *memory) Open(_ context.Context, partition int32) (Reader, error) {
	m.open.Add(1)
	return &memoryReader{memory: m, partition: partition}, nil
}

// A memoryReader spoils what it delivered before: views end at the next read.
type memoryReader struct {
	*memory
	partition int32
	next      int64
	ms        []record.Message
}

func (r *memoryReader) Header() []byte { return nil }
func (r *memoryReader) Next() int64    { return r.next }
func (r *memoryReader) Close() error   { r.open.Add(-1); return nil }

func (r *memoryReader) Read() ([]record.Message, error) {
	for _, m := range r.ms {
		for i := range m.Value {
			m.Value[i] = '#'
		}
	}
	r.ms = r.ms[:0]
	if r.before != nil {
		if err := r.before(r.partition, r.next); err != nil {
			return nil, err
		}
	}
	values := r.partitions[r.partition][r.next:]
	if len(values) == 0 {
		return nil, io.EOF
	}
	for _, v := range values[:min(r.batch, len(values))] {
		r.ms = append(r.ms, record.Message{Value: []byte(v), Partition: r.partition, Offset: r.next, Timestamp: record.NoTimestamp})
		r.next++
	}
	return r.ms, nil
}

// A shelf is a Writer that keeps what it is given.
type shelf struct {
	values          []string
	offsets         []int64
	closed, aborted int
	writeErr        error
	closeErr        error
}

func (s *shelf) Write(ms []record.Message) error {
	for i := range ms {
		s.values = append(s.values, string(ms[i].Value))
		s.offsets = append(s.offsets, ms[i].Offset)
	}
	return s.writeErr
}

func (s *shelf) Close() error { s.closed++; return s.closeErr }
func (s *shelf) Abort() error { s.aborted++; return nil }

// mixed is the schema of ../record/testdata/bad.txt.
func mixed() schema.Schema {
	return schema.Schema{
		Format: schema.JSON,
		Series: schema.Series{Fields: []string{"sensor"}},
		Time:   schema.Time{Field: "ts", Layout: schema.UnixMilli},
		Features: []schema.Feature{
			{Name: "load", Field: "load"},
			{Name: "vibration", Field: "payload.vib"},
			{Name: "deep", Field: "payload.deep.x"},
			{Name: "dotted", Field: `a\.b`},
			{Name: "état", Field: "é"},
		},
		BadValue: schema.Reject,
		Limits:   schema.Limits{Value: 200, Series: 24, Depth: 5},
	}
}

// cutoffMilli is where training ends in these tests, and minute what a record
// may be late.
const (
	cutoffMilli = 1_772_323_200_000
	minute      = 60_000
)

func plan() *fit.Plan {
	p := &fit.Plan{Record: mixed(), MinSamples: 2, MaxSeries: 100, Cutoff: fit.Cutoff{
		Kind: fit.EventTime, Time: cutoffMilli * 1e6, Gap: 10 * minute * 1e6, OutOfOrderness: minute * 1e6,
	}}
	for i, f := range p.Record.Features {
		feature := frozen.Feature{Name: f.Name}
		feature.Scaler.Kind = "standard"
		feature.Scaler.WithMean, feature.Scaler.WithStd = true, true
		if i == 1 {
			feature.Scaler.Kind = "robust"
			feature.Scaler.WithMean, feature.Scaler.WithStd = false, false
			feature.Scaler.WithCentering, feature.Scaler.WithScaling = true, true
			feature.Scaler.QuantileRange = &[2]float64{25, 75}
		}
		p.Features = append(p.Features, feature)
	}
	return p
}

// good returns n sound records: training first, then the gap, then live ones,
// and a late one at times.
func good(n int) []string {
	values := make([]string, n)
	for i := range values {
		at := cutoffMilli + int64(i-n/2)*minute
		if i > n*3/4 && i%10 == 0 {
			at = cutoffMilli - 100*minute
		}
		values[i] = fmt.Sprintf(`{"sensor":"s%d","ts":%d,"load":%d.5,"payload":{"vib":%d},"a.b":%d,"n":[%d]}`, i%7, at, i%11, i%13, i*i%17, i)
	}
	return values
}

func newDecoder(s *schema.Schema) NewDecoder {
	return func([]byte) (record.Decoder, error) { return record.NewJSON(s) }
}

func learn(t testing.TB, source Source) (*Fit, *Result) {
	t.Helper()
	p := plan()
	f := Fitter{Plan: p, Source: source, NewDecoder: newDecoder(&p.Record)}
	learned, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := learned.Freeze(Identity{
		Pipeline:  "test",
		Revision:  1,
		Normalize: store.Normalize{Emit: store.EmitAll, UnknownSeries: store.UnknownMissing, OnError: store.OnErrorContinue},
		Output:    record.Output{Value: record.Replace, Dtype: record.Float64, Missing: record.MissingNaN, Meta: record.MetaNone},
	})
	if err != nil {
		t.Fatal(err)
	}
	return learned, result
}

// artifactOf learns from sound records; the artifact has been through its bytes.
func artifactOf(t testing.TB) *store.Artifact {
	t.Helper()
	_, result := learn(t, &memory{partitions: [][]string{good(400)}, batch: 100})
	var b bytes.Buffer
	if _, err := store.WriteArtifact(&b, &result.Manifest, result.Frozen); err != nil {
		t.Fatal(err)
	}
	artifact, err := store.ReadArtifact(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return artifact
}

// normalizer returns the normalize pass from source to out, with marks or
// without.
func normalizer(a *store.Artifact, source Source, out sink.Writer, meta record.Meta) *Normalizer {
	m := &a.Manifest
	o := m.Output
	o.Meta = meta
	return &Normalizer{
		Artifact:   a,
		Policy:     m.Normalize,
		Source:     source,
		NewDecoder: newDecoder(&m.Record),
		Output: Output{
			NewEncoder: func(header []byte) (record.Encoder, error) { return record.NewEncoder(&m.Record, o, header) },
			Open:       func([]byte, string) (sink.Writer, error) { return out, nil },
		},
	}
}

// wantErr reports an error that does not say all of parts.
func wantErr(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		err = errors.New("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q", err, part)
		}
	}
}
