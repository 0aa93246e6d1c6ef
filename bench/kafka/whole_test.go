package kafka

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/frozen"
	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

// whole measures the client CPU that tare run takes for a record in each pass,
// start of the process, freeze, commits and status included, and beside it that
// of the parts, each alone and with nothing that it does not need: reading the
// topic; decoding and learning from memory; decoding, transforming and encoding
// from memory; appending what comes out, headers included. Everything is learned
// and everything is written.
func whole(t *testing.T, out io.Writer, c *kafkatest.Cluster, s size) {
	in := c.Topic(t, partitions, nil)
	fill(t, c, in, s.records, kgo.NoCompression())
	program := tareProgram(t)
	for _, scaler := range []string{scale.Standard, scale.Robust} {
		var taken [6][]time.Duration
		for range s.runs {
			fitting, normalizing := wholeRun(t, c, in, program, scaler, s.records)
			for i, d := range append([]time.Duration{fitting, normalizing}, parts(t, c, in, scaler, s.records)...) {
				taken[i] = append(taken[i], d)
			}
		}
		var ns [6]float64
		for i, all := range taken {
			least := all[0]
			for _, d := range all[1:] {
				least = min(least, d)
			}
			ns[i] = float64(least.Nanoseconds()) / float64(s.records)
		}
		consume, learn, transform, produce := ns[2], ns[3], ns[4], ns[5]
		fmt.Fprintf(out, "\nend to end and its parts, %s, CPU ns a record\n%-40s %8s %8s %8s\n", scaler, "", "whole", "parts", "ratio")
		fmt.Fprintf(out, "%-40s %8.0f %8.0f %8.2f\n", "fit: consume + learn", ns[0], consume+learn, ns[0]/(consume+learn))
		fmt.Fprintf(out, "%-40s %8.0f %8.0f %8.2f\n", "normalize: consume + transform + produce", ns[1], consume+transform+produce, ns[1]/(consume+transform+produce))
		fmt.Fprintf(out, "parts: consume %.0f, learn %.0f, transform %.0f, produce %.0f\n", consume, learn, transform, produce)
	}
}

// wholeRun returns the CPU of both passes of tare run.
func wholeRun(t *testing.T, c *kafkatest.Cluster, in, program, scaler string, records int) (fitting, normalizing time.Duration) {
	t.Helper()
	out := c.Topic(t, partitions, map[string]string{"retention.ms": "-1"})
	defer c.DeleteTopic(t, out)
	p := newPipeline(t, c, in, out, scaler, "cutoff: {end: true}\n")
	w := p.start(t, program)
	select {
	case <-w.said.normalizing:
	case err := <-w.ended:
		t.Fatalf("it ended by itself: %v\n%s", err, w.said)
	}
	fitting = w.cpu()
	w.until(50*time.Millisecond, written(int64(records)))
	return fitting, w.stop() - fitting
}

// parts returns the CPU of reading, learning, transforming and appending.
func parts(t *testing.T, c *kafkatest.Cluster, in, scaler string, records int) []time.Duration {
	t.Helper()
	consume := here(t, records, func() { tareConsume(t, c, in, records) })
	source := newMemory(records)
	var learned *stream.Fit
	learn := here(t, records, func() {
		plan := planOf(t, scaler)
		fitter := stream.Fitter{Plan: plan, Source: source, NewDecoder: jsonOf(&plan.Record)}
		var err error
		if learned, err = fitter.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	artifact := artifactOf(t, learned)
	var into into
	transform := here(t, records, func() { normalizeAll(t, artifact, source, &into) })
	out := c.Topic(t, partitions, map[string]string{"retention.ms": "-1"})
	defer c.DeleteTopic(t, out)
	produce := here(t, records, func() { produceMarked(t, c, out, artifact.Mark(), into.values, records) })
	return []time.Duration{consume.cpu, learn.cpu, transform.cpu, produce.cpu}
}

// planOf learns all features with one kind of scaler from all that there is.
func planOf(t *testing.T, scaler string) *fit.Plan {
	t.Helper()
	spec, err := scale.Default(scaler)
	if err != nil {
		t.Fatal(err)
	}
	p := &fit.Plan{MinSamples: 2, MaxSeries: 1_000_000, Cutoff: fit.Cutoff{Kind: fit.End}, Record: schema.Schema{
		Format: schema.JSON, Series: schema.Series{Fields: []string{"sensor"}}, BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	for k := range features {
		name := fmt.Sprint("f", k)
		p.Record.Features = append(p.Record.Features, schema.Feature{Name: name, Field: name})
		p.Features = append(p.Features, frozen.Feature{Name: name, Scaler: spec})
	}
	return p
}

func jsonOf(s *schema.Schema) stream.NewDecoder {
	return func([]byte) (record.Decoder, error) { return record.NewJSON(s) }
}

// artifactOf freezes, and takes the artifact through a file.
func artifactOf(t *testing.T, learned *stream.Fit) *store.Artifact {
	t.Helper()
	result, err := learned.Freeze(stream.Identity{Pipeline: "bench", Revision: 1,
		Normalize: store.Normalize{Emit: store.EmitAll, UnknownSeries: store.UnknownMissing, OnError: store.OnErrorContinue},
		Output:    record.Output{Value: record.Replace, Dtype: record.Float64, Missing: record.MissingNaN, Meta: record.MetaNone}})
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/bench.npz"
	if _, err := store.SaveArtifact(path, &result.Manifest, result.Frozen, false); err != nil {
		t.Fatal(err)
	}
	artifact, err := store.OpenArtifact(path)
	if err != nil {
		t.Fatal(err)
	}
	return artifact
}

// normalizeAll takes a source through the normalize pass into w.
func normalizeAll(t *testing.T, a *store.Artifact, source stream.Source, w sink.Writer) {
	t.Helper()
	m := &a.Manifest
	n := stream.Normalizer{Artifact: a, Policy: m.Normalize, Source: source, NewDecoder: jsonOf(&m.Record)}
	n.Output.Open = func([]byte, string) (sink.Writer, error) { return w, nil }
	n.Output.NewEncoder = func(header []byte) (record.Encoder, error) { return record.NewEncoder(&m.Record, m.Output, header) }
	if _, err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// into keeps the first values that are written, for the producer, and forgets
// the others.
type into struct{ values [][]byte }

func (w *into) Write(ms []record.Message) error {
	for i := 0; i < len(ms) && len(w.values) < 20_000; i++ {
		w.values = append(w.values, append([]byte(nil), ms[i].Value...))
	}
	return nil
}

func (w *into) Close() error { return nil }
func (w *into) Abort() error { return nil }

// memory is a topic as fill makes it, in messages that are there already.
type memory struct {
	values [][]byte
	each   int // records of a partition
}

func newMemory(records int) *memory { return &memory{deck(), records / partitions} }

func (m *memory) Partitions() []string { return make([]string, partitions) }

func (m *memory) Open(_ context.Context, partition int32) (stream.Reader, error) {
	return &memoryReader{memory: m, partition: partition, ms: make([]record.Message, 256)}, nil
}

type memoryReader struct {
	*memory
	partition int32
	next      int
	ms        []record.Message
}

func (r *memoryReader) Header() []byte { return nil }
func (r *memoryReader) Next() int64    { return int64(r.next) }
func (r *memoryReader) Close() error   { return nil }

func (r *memoryReader) Read() ([]record.Message, error) {
	if r.next == r.each {
		return nil, io.EOF
	}
	ms := r.ms[:min(len(r.ms), r.each-r.next)]
	for i := range ms {
		n := (r.next*partitions + int(r.partition)) % len(r.values)
		ms[i] = record.Message{Value: r.values[n], Partition: r.partition, Offset: int64(r.next), Timestamp: begin}
		r.next++
	}
	return ms, nil
}

// produceMarked writes n records with the headers of a mark, a goroutine a
// partition, in batches of the size that tare run sends at.
func produceMarked(t *testing.T, c *kafkatest.Cluster, topic, mark string, values [][]byte, n int) {
	client := broker.New(broker.Config{Brokers: c.Brokers})
	defer client.Close()
	headers := []kafka.Header{{Key: record.HeaderArtifact, Value: []byte(mark)}, {Key: record.HeaderSource, Value: []byte("bench/0/1234567")},
		{Key: record.HeaderSplit, Value: []byte("train")}}
	var all sync.WaitGroup
	for p := range int32(partitions) {
		all.Go(func() {
			a, err := client.NewIdempotent(t.Context(), broker.Place{Topic: topic, Partition: p})
			if err != nil {
				t.Error(err)
				return
			}
			w := kafka.BatchWriter{Max: 1_000_000}
			w.Reset()
			for i := int(p); i < n; i += partitions {
				w.Append(&kafka.Record{Value: values[i%len(values)], Timestamp: begin}, headers...)
				if w.Size() < 256<<10 && i+partitions < n {
					continue
				}
				if _, err := a.Append(t.Context(), &w); err != nil {
					t.Error(err)
					return
				}
				w.Reset()
			}
		})
	}
	all.Wait()
}
