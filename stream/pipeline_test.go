package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/coord"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/store"
)

// plant puts partitions of sound records on a topic, and returns what a fit of
// the same records from memory is frozen into.
func plant(t *testing.T, c *kafkatest.Cluster) (topic string, want *Result, id string) {
	t.Helper()
	partitions := [][]string{good(400), good(300), good(1500)}
	topic = c.Topic(t, int32(len(partitions)), nil)
	for p, values := range partitions {
		var records []*kgo.Record
		for _, v := range values {
			records = append(records, kgo.StringRecord(v))
		}
		c.Produce(t, topic, int32(p), records...)
	}
	_, want = learn(t, &memory{partitions: partitions, batch: 100})
	id, err := store.WriteArtifact(io.Discard, &want.Manifest, want.Frozen)
	if err != nil {
		t.Fatal(err)
	}
	return topic, want, id
}

// pipeline returns the pipeline of the topic, as the Identity of learn has it.
func pipeline(t *testing.T, c *kafkatest.Cluster, topic, dir string) *Pipeline {
	t.Helper()
	client := broker.New(broker.Config{Brokers: c.Brokers, ClientID: "test"})
	t.Cleanup(client.Close)
	p := plan()
	return &Pipeline{
		Identity: Identity{
			Pipeline:  "test",
			Revision:  1,
			Normalize: store.Normalize{Emit: store.EmitAll, UnknownSeries: store.UnknownMissing, OnError: store.OnErrorContinue},
			Output:    record.Output{Value: record.Replace, Dtype: record.Float64, Missing: record.MissingNaN, Meta: record.MetaNone},
		},
		Plan: p, Client: client, Topic: topic, Start: Start{At: AtEarliest}, OnGap: StopOnGap,
		NewDecoder: newDecoder(&p.Record), MaxLate: 0.1, Dir: dir, Checkpoint: time.Hour,
		Log: slog.New(slog.DiscardHandler), Monitor: new(Monitor),
	}
}

// TestPipeline learns from a topic what a fit from memory learns, to the byte;
// run again it has nothing to do, and without its artifact it learns the same
// one from the recorded ranges.
func TestPipeline(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, want := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	for range 2 {
		artifact, err := p.Freeze(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if artifact.ID != want {
			t.Fatalf("artifact %s, want %s: manifest %+v", artifact.ID, want, artifact.Manifest.Ranges)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(p.Dir, "*.checkpoints")); len(left) > 0 {
		t.Errorf("checkpoints are left: %v", left)
	}
	if err := errors.Join(os.Remove(p.ArtifactPath()), os.Remove(store.CompanionPath(p.ArtifactPath()))); err != nil {
		t.Fatal(err)
	}
	if artifact, err := p.Freeze(t.Context()); err != nil || artifact.ID != want {
		t.Fatalf("learned again: %v, %v, want %s", artifact, err, want)
	}
}

// TestPipelineLostArtifact learns a lost artifact again, whatever has come behind
// the seals since.
func TestPipelineLostArtifact(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, want := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	if artifact, err := p.Freeze(t.Context()); err != nil || artifact.ID != want {
		t.Fatalf("%v, %v, want %s", artifact, err, want)
	}
	var old []*kgo.Record // before the cutoff
	for range 10 {
		for _, v := range good(150) {
			old = append(old, kgo.StringRecord(v))
		}
	}
	c.Produce(t, topic, 0, old...)
	if err := errors.Join(os.Remove(p.ArtifactPath()), os.Remove(store.CompanionPath(p.ArtifactPath()))); err != nil {
		t.Fatal(err)
	}
	if artifact, err := p.Freeze(t.Context()); err != nil || artifact.ID != want {
		t.Fatalf("learned again: %v, %v, want %s", artifact, err, want)
	}
}

// TestStatusBehindTheFreeze: the normalize pass tells what was learned, also in a
// process that did not learn it.
func TestStatusBehindTheFreeze(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	c.DeleteRecords(t, topic, 2, 200)
	dir, ends := t.TempDir(), c.EndOffsets(t, topic)
	run := func() []PartitionStatus {
		p := writing(pipeline(t, c, topic, dir), topic)
		p.Start, p.OnGap = Start{At: AtOffsets, Offsets: map[int32]int64{0: 0, 1: 0, 2: 0}}, RecordOnGap
		if err := until(t, p, ends, through(ends)); err != nil {
			t.Fatal(err)
		}
		return p.Monitor.Status().Partitions
	}
	learned := run()
	if s := &learned[0]; s.Series == 0 || s.Fit.Records() != ends[0] || s.Records != 2*ends[0] {
		t.Errorf("%d series, %d records of the fit, %d read; want some, %d and twice as many", s.Series, s.Fit.Records(), s.Records, ends[0])
	}
	loaded := run()
	for p, gone := range []int64{0, 0, 200} {
		s, l := &learned[p], &loaded[p]
		if s.Fit.Train == 0 || s.Fit.Gone != gone || s.Seal == nil {
			t.Errorf("partition %d: %d learned, %d gone, seal %v; want some, %d and one", p, s.Fit.Train, s.Fit.Gone, s.Seal, gone)
		}
		if l.Fit.Train != s.Fit.Train || l.Fit.Gone != gone || l.Seal == nil || *l.Seal != *s.Seal {
			t.Errorf("partition %d, loaded: %d learned, %d gone, seal %v; want %d, %d, %v", p, l.Fit.Train, l.Fit.Gone, l.Seal, s.Fit.Train, gone, s.Seal)
		}
	}
}

// slow makes a decoder that gives up with the context at a random record.
type slow struct {
	record.Decoder
	left func()
}

func (s slow) Decode(row *record.Row, m *record.Message) record.Reason {
	s.left()
	return s.Decoder.Decode(row, m)
}

// TestPipelineInterrupted stops a fit again and again, at random records, with
// checkpoints at every opportunity. It goes on to the same bytes.
func TestPipelineInterrupted(t *testing.T) {
	r := random(t)
	c := kafkatest.Fake(t)
	topic, _, want := plant(t, c)
	dir := t.TempDir()
	for round := 0; ; round++ {
		p := pipeline(t, c, topic, dir)
		p.Checkpoint = time.Duration(r.IntN(2)) * time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		after := r.IntN(900)
		next := p.NewDecoder
		p.NewDecoder = func(header []byte) (record.Decoder, error) {
			d, err := next(header)
			n := 0
			return slow{d, func() {
				if n++; n == after {
					cancel()
				}
			}}, err
		}
		artifact, err := p.Freeze(ctx)
		cancel()
		if errors.Is(err, context.Canceled) && round < 60 {
			continue
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if artifact.ID != want {
			t.Fatalf("after %d interruptions: artifact %s, want %s", round, artifact.ID, want)
		}
		t.Logf("%d interruptions", round)
		return
	}
}

// TestPipelineConfiguration refuses to go on under another configuration, and
// names what differs.
func TestPipelineConfiguration(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	if _, err := p.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Plan.MinSamples = 3
	_, err := p.Freeze(t.Context())
	if _, refused := errors.AsType[*store.RefusedError](err); !refused {
		t.Errorf("got %T, want a RefusedError", err)
	}
	wantErr(t, err, "min_samples: was 2, is 3", "revision")
	p.Plan.MinSamples = 2
	p.Start = Start{At: AtOffsets, Offsets: map[int32]int64{0: 5, 1: 0, 2: 0}}
	_, err = p.Freeze(t.Context())
	wantErr(t, err, "start.at", "start.offsets")
}

// TestPipelineFreezeBehindOffsets: a request to freeze moves no seal back that
// the cutoff names before it, and brings one forward that it names behind it.
func TestPipelineFreezeBehindOffsets(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	p.Plan.Cutoff = fit.Cutoff{Kind: fit.Offsets, Offsets: map[int32]int64{0: 100, 1: 100, 2: 5000}}
	log, err := coord.Open(t.Context(), p.Client, coord.Topic("test", 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
	if err := coord.RequestFreeze(t.Context(), p.Client, coord.Topic("test", 1), coord.Freeze{Ends: map[int32]int64{0: 400, 1: 300, 2: 1500}}); err != nil {
		t.Fatal(err)
	}
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []fit.Seal{{Offset: 100, Reason: fit.ByOffset}, {Offset: 100, Reason: fit.ByOffset}, {Offset: 1500, Reason: fit.ByManual}} {
		if r := artifact.Manifest.Ranges[i]; r.Seal != want.Offset || r.Reason != want.Reason {
			t.Errorf("partition %d seals at %d (%s), want %+v", i, r.Seal, r.Reason, want)
		}
	}
}

// TestPipelineOverflow counts the records of series that there is no room for.
func TestPipelineOverflow(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	p.Plan.MaxSeries = 3
	if _, err := p.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, q := range p.Monitor.Status().Partitions {
		if q.Over == 0 || int64(q.Over) >= q.Fit.Train {
			t.Errorf("partition %d: %d records over max_series, of %d", q.Partition, q.Over, q.Fit.Train)
		}
	}
}

// TestPipelineManual seals where the request to freeze says.
func TestPipelineManual(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	p.Plan.Cutoff = fit.Cutoff{Kind: fit.Manual}
	got := make(chan error, 1)
	var artifact *store.Artifact
	go func() {
		var err error
		artifact, err = p.Freeze(t.Context())
		got <- err
	}()
	ends := c.EndOffsets(t, topic)
	waitFor(t, func() bool {
		s := p.Monitor.Status()
		return len(s.Partitions) == 3 && !slices.ContainsFunc(s.Partitions, func(p PartitionStatus) bool { return p.End < 0 || p.Next < ends[p.Partition] })
	})
	err := coord.RequestFreeze(t.Context(), p.Client, coord.Topic("test", 1), coord.Freeze{Ends: map[int32]int64{0: ends[0], 1: ends[1], 2: ends[2]}})
	if err := errors.Join(err, <-got); err != nil {
		t.Fatal(err)
	}
	for i, r := range artifact.Manifest.Ranges {
		if r.Seal != ends[i] || r.Reason != fit.ByManual {
			t.Errorf("range %+v, want a manual seal at %d", r, ends[i])
		}
	}
}

// TestPipelineLoss: what was to be learned and is gone is exit 4, never silence.
func TestPipelineLoss(t *testing.T) {
	for _, v := range []struct {
		name  string
		spoil func(c *kafkatest.Cluster, topic string)
		says  string
	}{
		{"deleted records", func(c *kafkatest.Cluster, topic string) { c.DeleteRecords(t, topic, 2, 1200) }, "gone"},
		{"topic made anew", func(c *kafkatest.Cluster, topic string) {
			c.DeleteTopic(t, topic)
			c.CreateTopic(t, topic, 3, nil)
		}, "made anew"},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := kafkatest.Fake(t)
			topic, _, _ := plant(t, c)
			p := pipeline(t, c, topic, t.TempDir())
			p.Plan.Cutoff = fit.Cutoff{Kind: fit.Records, Records: 1400}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				waitForNext(p, 0, 400)
				waitForNext(p, 2, 1) // its start is decided
				cancel()
			}()
			if _, err := p.Freeze(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(p.Dir, "test-1.checkpoints")); err != nil {
				t.Fatal(err)
			}
			v.spoil(c, topic)
			_, err := p.Freeze(t.Context())
			if _, loss := errors.AsType[*LossError](err); !loss || !strings.Contains(err.Error(), v.says) {
				t.Errorf("got %T %v, want a LossError that says %q", err, err, v.says)
			}
		})
	}
}

func waitForNext(p *Pipeline, partition int, next int64) {
	for {
		if s := p.Monitor.Status(); len(s.Partitions) > partition && s.Partitions[partition].Next >= next {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it has not come about in 10 s")
		}
	}
}
