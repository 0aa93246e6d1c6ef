package stream

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/store"
)

// checkGone wants what is gone to stand in the ranges and in the whole.
func checkGone(t *testing.T, m *store.Manifest, gone ...int64) {
	t.Helper()
	sum := int64(0)
	for i := range gone {
		sum += gone[i]
		if r := m.Ranges[i]; r.Gone != gone[i] {
			t.Errorf("partition %d: %d offsets gone, want %d: %+v", i, r.Gone, gone[i], r)
		}
	}
	if bool(m.Incomplete) != (sum > 0) || len(m.Ranges) != len(gone) {
		t.Errorf("%d ranges, incomplete %t, with %d offsets gone in %d", len(m.Ranges), m.Incomplete, sum, len(gone))
	}
}

// TestGapBeforeTheFit: of offsets that were gone before they were read, those of
// the training stretch are counted, however it is cut, and the rest is learned.
// The same comes of it when the ranges are replayed, as long as no more is gone.
func TestGapBeforeTheFit(t *testing.T) {
	for _, v := range []struct {
		name   string
		cutoff fit.Cutoff
		seals  [3]int64
		gone   int64 // of the 200 of partition 2
	}{
		{"event time", plan().Cutoff, [3]int64{202, 152, 752}, 200},
		{"records", fit.Cutoff{Kind: fit.Records, Records: 250}, [3]int64{250, 250, 450}, 200},
		{"end", fit.Cutoff{Kind: fit.End}, [3]int64{400, 300, 1500}, 200},
		{"a seal behind the gap", fit.Cutoff{Kind: fit.Offsets, Offsets: map[int32]int64{0: 300, 1: 300, 2: 300}}, [3]int64{300, 300, 300}, 200},
		{"a seal within the gap", fit.Cutoff{Kind: fit.Offsets, Offsets: map[int32]int64{0: 300, 1: 300, 2: 150}}, [3]int64{300, 300, 150}, 150},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.Fake(t)
			topic, _, _ := plant(t, c)
			p := pipeline(t, c, topic, t.TempDir())
			p.Plan.Cutoff, p.Start = v.cutoff, Start{At: AtOffsets, Offsets: map[int32]int64{0: 0, 1: 0, 2: 0}}
			c.DeleteRecords(t, topic, 2, 200)
			if _, err := p.Freeze(t.Context()); !lost(err) {
				t.Fatalf("on_gap stop: got %v, want a LossError", err)
			}
			p.OnGap = RecordOnGap
			artifact, err := p.Freeze(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m := &artifact.Manifest
			checkGone(t, m, 0, 0, v.gone)
			for i, r := range m.Ranges {
				if r.Start != 0 || r.Seal != v.seals[i] {
					t.Errorf("range %+v, want from 0 to %d", r, v.seals[i])
				}
			}
			if s := p.Monitor.Status().Partitions[2]; s.Gaps != 200 || s.Fit.Gone != v.gone {
				t.Errorf("the status tells of %d and %d offsets gone, want 200 and %d", s.Gaps, s.Fit.Gone, v.gone)
			}
			if id := replayed(t, p, m, RecordOnGap); id != artifact.ID {
				t.Errorf("the replay gives artifact %s, want %s", id, artifact.ID)
			}
			c.DeleteRecords(t, topic, 2, 201)
			if id := replayed(t, p, m, RecordOnGap); (id == artifact.ID) != (v.gone < 200) {
				t.Errorf("with one offset more gone of %d the replay gives %s, was %s", v.gone, id, artifact.ID)
			}
		})
	}
}

func lost(err error) bool {
	_, loss := errors.AsType[*LossError](err)
	return loss
}

// replayed learns the recorded ranges again and returns the artifact's id.
func replayed(t *testing.T, p *Pipeline, m *store.Manifest, onGap OnGap) string {
	t.Helper()
	source, err := OpenRanges(t.Context(), p.Client, p.Topic, m.Ranges)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	source.OnGap = onGap
	f := Fitter{Plan: p.Plan, Source: source, NewDecoder: p.NewDecoder, Ranges: m.Ranges}
	learned, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := learned.Freeze(p.Identity)
	if err != nil {
		t.Fatal(err)
	}
	id, err := store.WriteArtifact(io.Discard, &result.Manifest, result.Frozen)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A watched decoder shows each message of partition 2.
type watched struct {
	record.Decoder
	see func()
}

func (w watched) Decode(row *record.Row, m *record.Message) record.Reason {
	if m.Partition == 2 {
		w.see()
	}
	return w.Decoder.Decode(row, m)
}

// interrupt stops the fit at the n-th record of partition 2, and returns up to
// where it has a checkpoint.
func interrupt(t *testing.T, p *Pipeline, n int) (saved int64) {
	t.Helper()
	next := p.NewDecoder
	defer func() { p.NewDecoder = next }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.NewDecoder = func(header []byte) (record.Decoder, error) {
		d, err := next(header)
		return watched{d, func() {
			if n--; n == 0 {
				cancel()
			}
		}}, err
	}
	if _, err := p.Freeze(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want to be interrupted", err)
	}
	return p.Monitor.Status().Partitions[2].Committed
}

// TestGapWithinTheFit: what was learned before the records went stays learned,
// over restarts and checkpoints, and only what was not is counted as gone.
func TestGapWithinTheFit(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	p.OnGap, p.Plan.Cutoff = RecordOnGap, fit.Cutoff{Kind: fit.End}
	saved := interrupt(t, p, 700)
	if saved < 700 || saved >= 1000 {
		t.Fatalf("a checkpoint at %d, want one behind 700", saved)
	}
	c.DeleteRecords(t, topic, 2, 1000)
	again := interrupt(t, p, 100)
	if again <= 1000 || again >= 1500 {
		t.Fatalf("a checkpoint at %d, want one behind 1000", again)
	}
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkGone(t, &artifact.Manifest, 0, 0, 1000-saved)

	values := good(1500)
	f := Fitter{Plan: p.Plan, NewDecoder: p.NewDecoder,
		Source: &memory{partitions: [][]string{good(400), good(300), append(slices.Clone(values[:saved]), values[1000:]...)}, batch: 100}}
	learned, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, err := learned.Freeze(p.Identity)
	if err != nil {
		t.Fatal(err)
	}
	want.Manifest.Ranges, want.Manifest.Incomplete = artifact.Manifest.Ranges, true
	checkArtifact(t, want, artifact.ID)
}

// TestGapOfCompaction: what compaction has removed is counted in the artifact;
// what an aborted transaction and markers take is not.
func TestGapOfCompaction(t *testing.T) {
	c := kafkatest.Fake(t)
	topic := c.Topic(t, 1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "200"})
	for i, v := range good(40) {
		c.Produce(t, topic, 0, &kgo.Record{Key: []byte{byte(i % 30)}, Value: []byte(v)}) // 31 to 39 replace 1 to 9
		if i == 0 {
			c.Produce(t, topic, 0, &kgo.Record{Key: []byte{100}, Value: []byte(v)}) // stays, so that the log begins before the gap
		}
	}
	c.Fake.Compact()
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.TransactionalID("upstream"), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		err := producer.BeginTransaction()
		for _, v := range good(3) {
			err = errors.Join(err, producer.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte{200, byte(i)}, Value: []byte(v)}).FirstErr())
		}
		if err := errors.Join(err, producer.EndTransaction(t.Context(), end)); err != nil {
			t.Fatal(err)
		}
	}
	p := pipeline(t, c, topic, t.TempDir())
	p.OnGap, p.Plan.Cutoff = RecordOnGap, fit.Cutoff{Kind: fit.End}
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := artifact.Manifest.Ranges[0]; r.Start != 1 || r.Seal != 49 || r.Learned+r.Gone != 48-3-2 || r.Gone < 5 {
		t.Errorf("%+v, want most of 9 offsets gone of 1 to 48, but not the 3 that were aborted, nor the 2 markers", r)
	}
	if id := replayed(t, p, &artifact.Manifest, RecordOnGap); id != artifact.ID {
		t.Errorf("the replay gives artifact %s, want %s", id, artifact.ID)
	}
}

// TestGapOverTheEnd: a gap that reaches over the end that a topic had when it was
// opened lets nothing in from behind.
func TestGapOverTheEnd(t *testing.T) {
	c := kafkatest.Fake(t)
	topic := c.Topic(t, 1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "200"})
	p := pipeline(t, c, topic, t.TempDir())
	p.Plan.Cutoff, p.Plan.MinSamples = fit.Cutoff{Kind: fit.End}, 1
	values := good(20)
	send := func(key int, value string) {
		c.Produce(t, topic, 0, &kgo.Record{Key: []byte{byte(key)}, Value: []byte(value)})
	}
	for i, v := range values[:10] {
		send(i, v)
	}
	source, err := OpenTopic(t.Context(), p.Client, topic, Start{At: AtEarliest})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	source.OnGap = RecordOnGap
	send(1, values[10]) // is replaced itself
	for i, v := range values[11:] {
		send(1+i, v)
	}
	send(100, values[0])
	c.Fake.Compact()
	f := Fitter{Plan: p.Plan, Source: source, NewDecoder: p.NewDecoder}
	learned, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := learned.Ranges()[0]; r.Start != 0 || r.Seal != 10 || r.Learned != 1 || r.Gone != 9 {
		t.Errorf("%+v, want 1 record learned and 9 offsets gone, up to 10", r)
	}
	if done, total := source.Progress(); done != 10 || total != 10 {
		t.Errorf("progress is %d of %d, want 10 of 10", done, total)
	}
}

// TestGapWhileNormalizing: offsets that went before they were written end the
// pass, or are counted, as on_gap says.
func TestGapWhileNormalizing(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := writing(pipeline(t, c, topic, t.TempDir()), topic)
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seal := artifact.Manifest.Ranges[2].Seal
	c.DeleteRecords(t, topic, 2, seal+100)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.Normalize(ctx, artifact); !lost(err) || !strings.Contains(err.Error(), "on_gap: record") {
		t.Fatalf("got %v, want a LossError that names on_gap", err)
	}
	p.OnGap = RecordOnGap
	ends := c.EndOffsets(t, topic)
	if err := until(t, p, ends, through(ends)); err != nil {
		t.Fatal(err)
	}
	if s := p.Monitor.Status().Partitions[2]; s.Gaps != seal+100 || s.Normalize.Records() != ends[2]-seal-100 {
		t.Errorf("%d offsets gone and %d records of %d, want %d and the rest", s.Gaps, s.Normalize.Records(), ends[2], seal+100)
	}
}
