package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/frozen"
	"tare/internal/accuracy"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/schema"
	"tare/store"
)

// vibrations returns n sound records of two sensors, in the order and with the
// times of good, and the values of s0 that belong to the training stretch.
func vibrations(r *rand.Rand, n int) (values []string, train []float64) {
	for i, v := range good(n) {
		x := r.NormFloat64()
		v = strings.Replace(v, fmt.Sprintf(`"vib":%d`, i%13), fmt.Sprintf(`"vib":%v`, x), 1)
		v = strings.Replace(v, fmt.Sprintf(`"s%d"`, i%7), fmt.Sprintf(`"s%d"`, i%2), 1)
		values = append(values, v)
		at := i - n/2 // minutes from the cutoff, which has a gap of 10
		if i%2 == 0 && at < -10 {
			train = append(train, x)
		}
	}
	return values, train
}

// exactly is the plan with exact quantiles of the vibration.
func exactly(exact string) *fit.Plan {
	p := plan()
	p.Features[1].Exact = exact
	return p
}

// exactPartitions are three partitions and the sorted training values of s0.
func exactPartitions(r *rand.Rand) (partitions [][]string, sorted []float64) {
	for _, n := range []int{1000, 801, 2000} {
		values, train := vibrations(r, n)
		partitions = append(partitions, values)
		sorted = append(sorted, train...)
	}
	slices.Sort(sorted)
	return partitions, sorted
}

// learnExactly learns from a source and reads it again.
func learnExactly(t *testing.T, source Source, plan *fit.Plan, before func(), warn func(*LossError)) (*Result, error) {
	t.Helper()
	f := Fitter{Plan: plan, Source: source, NewDecoder: newDecoder(&plan.Record)}
	learned, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before()
	if err := f.Sharpen(t.Context(), learned, warn); err != nil {
		return nil, err
	}
	return learned.Freeze(Identity{
		Pipeline:  "test",
		Revision:  1,
		Normalize: store.Normalize{Emit: store.EmitAll, UnknownSeries: store.UnknownMissing, OnError: store.OnErrorContinue},
		Output:    record.Output{Value: record.Replace, Dtype: record.Float64, Missing: record.MissingNaN, Meta: record.MetaNone},
	})
}

func idOf(t *testing.T, r *Result) string {
	t.Helper()
	id, err := store.WriteArtifact(io.Discard, &r.Manifest, r.Frozen)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// checkSharp holds center and scale of s0 against numpy's of the sorted values.
func checkSharp(t *testing.T, f *frozen.Frozen, sorted []float64) {
	t.Helper()
	n := len(sorted)
	want := []float64{(sorted[(n-1)/2] + sorted[n/2]) / 2, accuracy.Linear(sorted, .75) - accuracy.Linear(sorted, .25)}
	id := f.Find([]byte("s0"))
	if got := f.Params(1, id); !slices.Equal(got, want) || !f.Learned(1).Exact[id] {
		t.Errorf("center and scale of %d values are %v, exact %v, want %v", n, got, f.Learned(1).Exact, want)
	}
}

// TestSharpen: the quantiles are those of the training values, whatever the size
// of reads; records of the gap, live and late ones have no part in them.
func TestSharpen(t *testing.T) {
	partitions, sorted := exactPartitions(random(t))
	first := ""
	for _, batch := range []int{1, 50, 3000} {
		source := &memory{partitions: partitions, batch: batch}
		result, err := learnExactly(t, source, exactly(frozen.ExactRequire), func() {}, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkSharp(t, result.Frozen, sorted)
		if id := idOf(t, result); first == "" {
			first = id
		} else if id != first {
			t.Errorf("reads of %d give artifact %s, want %s", batch, id, first)
		}
		if n := source.open.Load(); n != 0 {
			t.Errorf("%d readers are left open", n)
		}
	}
}

// TestSharpenLoss: a stretch that is no longer all there, or no longer the same,
// is refused; where exact quantiles are only preferred they are the digest's, and
// marked.
func TestSharpenLoss(t *testing.T) {
	for _, v := range []struct {
		name  string
		spoil func(m *memory)
		says  string
	}{
		{"shortened", func(m *memory) { m.partitions[1] = m.partitions[1][:100] }, "ends at record 100"},
		{"a file less", func(m *memory) { m.partitions = m.partitions[:2] }, "3 partitions, the source has 2"},
		{"a value less", func(m *memory) { m.partitions[2][0] = strings.Replace(m.partitions[2][0], "vib", "bib", 1) }, `series "s0", feature "vibration"`},
		{"a record less", func(m *memory) { m.partitions[2][0] = "" }, `series "s0", feature "vibration"`},
		{"a record more", func(m *memory) { m.partitions[2][1] = m.partitions[2][0] }, `series "s`},
	} {
		t.Run(v.name, func(t *testing.T) {
			partitions, _ := exactPartitions(random(t))
			spoiled := func() *memory {
				m := &memory{batch: 100}
				for _, p := range partitions {
					m.partitions = append(m.partitions, slices.Clone(p))
				}
				return m
			}
			source := spoiled()
			_, err := learnExactly(t, source, exactly(frozen.ExactRequire), func() { v.spoil(source) }, func(*LossError) { t.Error("warned of what is required") })
			if !lost(err) {
				t.Errorf("required: got %v, want a LossError", err)
			}
			wantErr(t, err, v.says)
			source = spoiled()
			var warned *LossError
			result, err := learnExactly(t, source, exactly(frozen.ExactPrefer), func() { v.spoil(source) }, func(loss *LossError) { warned = loss })
			if err != nil || warned == nil {
				t.Fatalf("preferred: %v, warned of %v", err, warned)
			}
			if marks := result.Frozen.Learned(1).Exact; slices.Contains(marks, true) {
				t.Errorf("preferred: marked exact: %v", marks)
			}
			source = spoiled()
			if _, err = learnExactly(t, source, exactly(frozen.ExactPrefer), func() { v.spoil(source) }, nil); !lost(err) {
				t.Errorf("nobody to be warned: got %v, want a LossError", err)
			}
		})
	}
}

// TestSharpenStdin: standard input is not read again, and need not be where the
// digests are exact.
func TestSharpenStdin(t *testing.T) {
	values, _ := vibrations(random(t), 2000)
	for _, v := range []struct {
		values []string
		lost   bool
	}{{values, true}, {good(2000), false}} {
		files, err := NewFiles([]string{Stdin}, schema.JSON, strings.NewReader(strings.Join(v.values, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		_, err = learnExactly(t, files, exactly(frozen.ExactRequire), func() {}, nil)
		if lost(err) != v.lost || !v.lost && err != nil {
			t.Errorf("got %v, want a loss: %t", err, v.lost)
		}
		if v.lost {
			wantErr(t, err, "can be read only once")
		}
	}
}

// TestSharpenFiles reads a file again; one that has gone is a loss.
func TestSharpenFiles(t *testing.T) {
	values, _ := vibrations(random(t), 2000)
	path := filepath.Join(t.TempDir(), "train.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(values, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := NewFiles([]string{path}, schema.JSON, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := learnExactly(t, files, exactly(frozen.ExactRequire), func() {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := learnExactly(t, &memory{partitions: [][]string{values}, batch: 100}, exactly(frozen.ExactRequire), func() {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := idOf(t, result), idOf(t, want); got != want {
		t.Errorf("artifact %s, from memory %s", got, want)
	}
	_, err = learnExactly(t, files, exactly(frozen.ExactRequire), func() { os.Remove(path) }, nil)
	if !lost(err) {
		t.Errorf("the file is gone: got %v, want a LossError", err)
	}
}

// produced puts the partitions on a topic.
func produced(t *testing.T, c *kafkatest.Cluster, partitions [][]string) (topic string) {
	t.Helper()
	topic = c.Topic(t, int32(len(partitions)), nil)
	for p, values := range partitions {
		var records []*kgo.Record
		for _, v := range values {
			records = append(records, kgo.StringRecord(v))
		}
		c.Produce(t, topic, int32(p), records...)
	}
	return topic
}

// exactPipeline is one with exact quantiles; reading is told of each record that
// is decoded.
func exactPipeline(t *testing.T, c *kafkatest.Cluster, topic, dir, exact string, reading func()) *Pipeline {
	t.Helper()
	p := pipeline(t, c, topic, dir)
	p.Plan, p.Checkpoint = exactly(exact), 0
	next := newDecoder(&p.Plan.Record)
	p.NewDecoder = func(header []byte) (record.Decoder, error) {
		d, err := next(header)
		return slow{d, reading}, err
	}
	return p
}

// TestPipelineExact freezes a topic into what a fit from memory is frozen into,
// also when it is stopped at some record of the re-reading and started again, and
// a replay of the ranges gives the same bytes.
func TestPipelineExact(t *testing.T) {
	r := random(t)
	partitions, sorted := exactPartitions(r)
	result, err := learnExactly(t, &memory{partitions: partitions, batch: 100}, exactly(frozen.ExactRequire), func() {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := idOf(t, result)
	c := kafkatest.Fake(t)
	topic, dir := produced(t, c, partitions), t.TempDir()
	for _, stops := range []bool{true, true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		var left atomic.Int32 // records until it is stopped
		left.Store(1 + r.Int32N(1000))
		var p *Pipeline
		p = exactPipeline(t, c, topic, dir, frozen.ExactRequire, func() {
			if stops && p.Monitor.Status().Phase == Rereading && left.Add(-1) == 0 {
				cancel()
			}
		})
		artifact, err := p.Freeze(ctx)
		cancel()
		if stops {
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("stopped while it re-reads: got %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if artifact.ID != want {
			t.Errorf("artifact %s, want %s", artifact.ID, want)
		}
		checkSharp(t, artifact.Frozen, sorted)
		source, err := OpenRanges(t.Context(), p.Client, topic, artifact.Manifest.Ranges)
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		f := Fitter{Plan: p.Plan, Source: source, NewDecoder: newDecoder(&p.Plan.Record), Ranges: artifact.Manifest.Ranges}
		again, err := f.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sharpen(t.Context(), again, nil); err != nil {
			t.Fatal(err)
		}
		replay, err := again.Freeze(p.Identity)
		if err != nil {
			t.Fatal(err)
		}
		if id := idOf(t, replay); id != want {
			t.Errorf("the replay gives %s, want %s", id, want)
		}
	}
}

// TestPipelineExactGap: offsets that were gone before they were learned are gone
// as well when the rest is read again.
func TestPipelineExactGap(t *testing.T) {
	partitions, _ := exactPartitions(random(t))
	c := kafkatest.Fake(t)
	topic := produced(t, c, partitions)
	c.DeleteRecords(t, topic, 2, 100)
	p := exactPipeline(t, c, topic, t.TempDir(), frozen.ExactRequire, func() {})
	p.Start, p.OnGap = Start{At: AtOffsets, Offsets: map[int32]int64{0: 0, 1: 0, 2: 0}}, RecordOnGap
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkGone(t, &artifact.Manifest, 0, 0, 100)
	if marks := artifact.Frozen.Learned(1).Exact; len(marks) != 2 || slices.Contains(marks, false) {
		t.Errorf("marked exact: %v", marks)
	}
}

// TestPipelineExactLoss: records that retention took after they were learned, and
// before they were read again.
func TestPipelineExactLoss(t *testing.T) {
	partitions, _ := exactPartitions(random(t))
	for _, exact := range []string{frozen.ExactRequire, frozen.ExactPrefer} {
		c := kafkatest.Fake(t)
		topic, dir := produced(t, c, partitions), t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		var p *Pipeline
		p = exactPipeline(t, c, topic, dir, exact, func() {
			if p.Monitor.Status().Phase == Rereading {
				cancel()
			}
		})
		if _, err := p.Freeze(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped while it re-reads: got %v", err)
		}
		for part := range partitions {
			c.DeleteRecords(t, topic, int32(part), 100)
		}
		artifact, err := exactPipeline(t, c, topic, dir, exact, func() {}).Freeze(t.Context())
		if exact == frozen.ExactRequire {
			if !lost(err) {
				t.Errorf("required: got %v, want a LossError", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if marks := artifact.Frozen.Learned(1).Exact; len(marks) != 2 || slices.Contains(marks, true) {
			t.Errorf("preferred: marked exact: %v", marks)
		}
	}
}
