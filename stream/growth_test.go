package stream

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/internal/coord"
	"tare/internal/kafkatest"
	"tare/record"
)

// grow gives the topic "in" another number of partitions, and puts records into
// its last one.
func (w *world) grow(p *Pipeline, count int, records int) {
	w.Helper()
	if err := p.Client.AddPartitions(w.Context(), "in", count); err != nil {
		w.Fatal(err)
	}
	w.newcomers(int32(count-1), records)
}

// newcomers puts records into a partition that was not there at the freeze.
func (w *world) newcomers(partition int32, n int) {
	w.Helper()
	peer := w.newPeer()
	defer peer.Close()
	records := w.records(n)
	for _, r := range records {
		r.Partition = partition
	}
	if err := peer.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		w.Fatal(err)
	}
	w.oracle.Expect(records...)
}

// everything returns what all partitions of the outputs hold.
func (w *world) everything(p *Pipeline) (all [][][]*kgo.Record) {
	w.Helper()
	c := w.newPeer(kgo.ConsumeTopics(p.Outputs.names()...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	byTopic := map[string][][]*kgo.Record{}
	for ctx.Err() == nil {
		for _, r := range c.PollFetches(ctx).Records() {
			for len(byTopic[r.Topic]) <= int(r.Partition) {
				byTopic[r.Topic] = append(byTopic[r.Topic], nil)
			}
			byTopic[r.Topic][r.Partition] = append(byTopic[r.Topic][r.Partition], r)
		}
	}
	for _, output := range byTopic {
		all = append(all, output)
	}
	return all
}

// TestPartitionsAreAdded while the normalize pass runs, while it is stopped, and
// before it has ever run: the outputs get as many, and each record of a new
// partition is written once, by its time train or live, and none is late.
func TestPartitionsAreAdded(t *testing.T) {
	virtually(t, func(w *world) {
		dir := t.TempDir()
		artifact := frozenWorld(w, dir)
		w.grow(w.pipeline(dir, 0, 0), 2, 5)
		r := w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		r.goesOn(10*time.Second, "following")
		w.grow(r.Pipeline, 4, 7)
		r.goesOn(2*time.Minute, "two partitions more")
		w.newcomers(2, 3)
		w.newcomers(3, 3)
		r.goesOn(10*time.Second, "following")
		s := r.Monitor.Status()
		if len(s.Partitions) != 4 || !s.Ready {
			t.Fatalf("%d partitions are followed, ready %t, want 4", len(s.Partitions), s.Ready)
		}
		for p, want := range []int64{100, 5, 3, 10} {
			if q := &s.Partitions[p]; q.Phase != Normalizing || q.Next != want || q.Committed != want || q.Normalize.Records() != want || q.Normalize.Late > 0 {
				t.Errorf("partition %d is at %d, committed %d, with %+v; want %d records, none late", p, q.Next, q.Committed, q.Normalize, want)
			}
		}
		r.stop()
		w.grow(r.Pipeline, 5, 4)
		r = w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		r.goesOn(30*time.Second, "started again") // no minute needs to pass
		r.stop()
		if err := w.oracle.Check(nil, w.everything(r.Pipeline)...); err != nil {
			t.Error(err)
		}
	})
}

// TestPartitionsAreAddedToTheFit: those that were there at the first start
// learn, whatever is interrupted, and no other; the artifact is that of the
// partitions which learn, and is verified without the others.
func TestPartitionsAreAddedToTheFit(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, want := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	interrupt(t, p, 300)
	if err := p.Client.AddPartitions(t.Context(), topic, 5); err != nil {
		t.Fatal(err)
	}
	c.Produce(t, topic, 4, kgo.StringRecord(good(400)[0]))
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if artifact.ID != want {
		t.Errorf("artifact %s, want %s: %+v", artifact.ID, want, artifact.Manifest.Ranges)
	}
	if n := len(p.Monitor.Status().Partitions); n != 3 {
		t.Errorf("the fit shows %d partitions, want 3", n)
	}
	if id := replayed(t, p, &artifact.Manifest, StopOnGap); id != want {
		t.Errorf("the replay gives artifact %s, want %s", id, want)
	}
	writing(p, topic)
	ends := c.EndOffsets(t, topic)
	if err := until(t, p, ends, through(ends)); err != nil {
		t.Fatal(err)
	}
	if s := p.Monitor.Status().Partitions[4]; s.Normalize.Written != 1 || s.Normalize.Train != 1 || s.Normalize.Late != 0 {
		t.Errorf("the new partition counts %+v, want a record of train, not late", s.Normalize)
	}
}

// TestStartIsDecidedOnce: who sees the plan sees where each partition begins, so
// that no interrupted start leaves some to be found anew, at another latest.
func TestStartIsDecidedOnce(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	p.Start, p.Plan.Cutoff = Start{At: AtLatest}, fit.Cutoff{Kind: fit.Manual}
	log, err := coord.Open(t.Context(), p.Client, coord.Topic("test", 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var seen coord.State
	go func() {
		defer cancel()
		for changed := log.Changed(); ; changed = log.Changed() {
			if seen = log.State(); seen.Plan != nil {
				return
			}
			<-changed
		}
	}()
	if _, err := p.Freeze(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var starts []int64
	for id := range int32(len(seen.Starts)) {
		starts = append(starts, seen.Starts[id].Offset)
	}
	if want := []int64{400, 300, 1500}; !slices.Equal(starts, want) {
		t.Errorf("the starts are %v, want the ends that the topic had, %v", starts, want)
	}
}

// TestOutputsAreNotRaised where that could mix up partitions: a topic that never
// had as many as were learned from, one with more than the source, and one that
// another has written to.
func TestOutputsAreNotRaised(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Client.AddPartitions(t.Context(), topic, 5); err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		name       string
		partitions int32
		foreign    bool
		says       string
	}{
		{"fewer than learned", 2, false, "it has 2 partitions"},
		{"more", 6, false, "it has 6 partitions"},
		{"foreign", 4, true, "not one that tare wrote"},
	} {
		t.Run(v.name, func(t *testing.T) {
			name := c.Topic(t, v.partitions, map[string]string{"retention.ms": "-1"})
			if v.foreign {
				c.Produce(t, name, 3, kgo.StringRecord("mine"))
			}
			q := writing(p, topic)
			q.Outputs.Topics, q.Outputs.Dead = []string{name, name, name}, ""
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			wantErr(t, q.Normalize(ctx, artifact), v.says)
			if n := len(c.EndOffsets(t, name)); n != int(v.partitions) {
				t.Errorf("it has %d partitions now, had %d", n, v.partitions)
			}
		})
	}
}

// TestSharedDeadLetters: a dead-letter topic with fewer partitions takes those of
// partition p in p modulo their number; nothing is lost, whatever is interrupted.
func TestSharedDeadLetters(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _ := spread(t, c)
	c.Produce(t, topic, 1, kgo.StringRecord("bad"))
	c.CreateTopic(t, topic+".dead", 2, map[string]string{"retention.ms": "-1"})
	dir := t.TempDir()
	ends := c.EndOffsets(t, topic)
	for _, enough := range []func(*Status) bool{
		func(s *Status) bool { return s.Phase == Normalizing && s.Partitions[2].Records > 300 },
		through(ends),
	} {
		if err := until(t, writing(pipeline(t, c, topic, dir), topic), ends, enough); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]bool{}
	for p, records := range c.Consume(t, topic+".dead") {
		for _, r := range records {
			from, _ := kafkatest.Header(r, record.HeaderSource)
			if _, partition, _, ok := record.ParseSource([]byte(from)); !ok || partition%2 != int32(p) {
				t.Errorf("partition %d holds a dead letter of %s", p, from)
			}
			found[from] = true
		}
	}
	if want := 2*len(bads(t)) + 1; len(found) != want {
		t.Errorf("%d records are dead letters, want %d", len(found), want)
	}
}
