package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/config"
	"tare/internal/kafkatest"
	"tare/store"
	"tare/stream"
)

// loadConfig learns from all that the topic holds, with a digest for each of
// eight features, and normalizes it.
const loadConfig = `version: 1
pipeline: load
source: %s
record: {series: sensor}
features: [%s]
cutoff: {end: true}
sink: {kafka: {topic: %s}}
state: {dir: ./state, checkpoint: 1h}
http: {listen: 127.0.0.1:0}
`

// TestStoppedReal: SIGTERM in the middle of a backlog, in each of the passes,
// ends tare run with 0 in time. The next start goes on from the record at which
// it stopped: in the fit pass from the checkpoint, which is the only one, in the
// normalize pass from the committed position. Each record is learned and written
// once.
func TestStoppedReal(t *testing.T) {
	const records = 800_000
	c := kafkatest.Real(t, kafkatest.Options{})
	keep := map[string]string{"retention.ms": "-1"}
	in, out := c.Topic(t, partitions, keep), c.Topic(t, partitions, keep)
	t.Cleanup(func() { c.DeleteTopic(t, "tare.load.1") })
	oracle := fillLoad(t, c, in, records)
	w := workerWith(t, c, fmt.Sprintf(loadConfig, kafkaSource(c, in), robustFeatures(), out))

	run := w.launch()
	run.underLoad(stream.Fitting, records/4)
	run.stop()
	checkpoints := w.checkpoints(in)
	run = w.launch()
	run.goesOnFrom(stream.Fitting, checkpoints)
	run.underLoad(stream.Normalizing, records/4)
	run.stop()
	committed := w.committed("tare.load.1", in)
	run = w.launch()
	run.goesOnFrom(stream.Normalizing, committed)
	left := int64(records)
	for _, offset := range committed {
		left -= offset
	}
	for i, p := range run.until(normalized(left)).Partitions {
		if p.Skipped > 0 {
			t.Errorf("partition %d: %d records were made again that the output held", i, p.Skipped)
		}
	}
	run.stop()
	if n := artifactAt(t, w.path("state/load-1.npz")).Manifest.Records.Learned; n != records {
		t.Errorf("%d records are learned, want %d", n, records)
	}
	if err := oracle.Check(c.EndOffsets(t, in), c.Consume(t, out)); err != nil {
		t.Error(err)
	}
}

func robustFeatures() (list string) {
	for k := range 8 {
		list += fmt.Sprintf("{name: f%d, scaler: robust}, ", k)
	}
	return list
}

// fillLoad fills a topic with records of 100 sensors and eight numbers each.
func fillLoad(t *testing.T, c *kafkatest.Cluster, topic string, n int) *kafkatest.Oracle {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	var deck [10_000][]byte
	for i := range deck {
		value := fmt.Appendf(nil, `{"sensor":"pump-%02d"`, r.IntN(100))
		for k := range 8 {
			value = fmt.Appendf(value, `,"f%d":%.6f`, k, 20+5*r.NormFloat64())
		}
		deck[i] = append(value, '}')
	}
	oracle := kafkatest.NewOracle(topic)
	for p := range partitions {
		records := make([]*kgo.Record, n/partitions)
		for i := range records {
			records[i] = &kgo.Record{Value: deck[i%len(deck)]}
		}
		c.Produce(t, topic, int32(p), records...)
		oracle.Expect(records...)
	}
	return oracle
}

// underLoad waits until so many records went through a pass, and wants many more
// to be there still.
func (p *process) underLoad(phase stream.Phase, records int64) {
	p.Helper()
	const backlog = 200_000
	var first, last int64
	var since time.Time
	p.until(func(s *stream.Status) bool {
		if s.Phase != phase {
			return false
		}
		lag := int64(0)
		last = 0
		for i := range s.Partitions {
			last += passed(&s.Partitions[i], phase)
			lag += s.Partitions[i].Lag()
		}
		if since.IsZero() && last > 0 {
			first, since = last, time.Now()
		}
		if last >= records && lag < backlog {
			p.Fatalf("%s: a backlog of %d records is left after %d, want %d or more", phase, lag, last, backlog)
		}
		return last >= records
	})
	p.Logf("%s: stopped at %.0f records/s", phase, float64(last-first)/time.Since(since).Seconds())
}

// passed returns how many records went through a pass.
func passed(p *stream.PartitionStatus, phase stream.Phase) int64 {
	if phase == stream.Normalizing {
		return p.Normalize.Records()
	}
	return p.Records
}

// goesOnFrom wants each partition of a pass to have begun at an offset.
func (p *process) goesOnFrom(phase stream.Phase, want []int64) {
	p.Helper()
	status := p.until(func(s *stream.Status) bool {
		for i := range s.Partitions {
			if s.Partitions[i].Records == 0 {
				return false
			}
		}
		return s.Phase == phase
	})
	for i := range status.Partitions {
		at := &status.Partitions[i]
		if began := at.Next - at.Records; began != want[i] || want[i] == 0 {
			p.Errorf("%s, partition %d: it began at offset %d, want %d, where it stopped", phase, i, began, want[i])
		}
	}
}

// checkpoints returns the offsets that the newest checkpoints go on from.
func (w *worker) checkpoints(topic string) (next []int64) {
	w.Helper()
	c, err := load(w.path("plant.yaml"))
	if err != nil {
		w.Fatal(err)
	}
	for p := range int32(partitions) {
		checkpoint, _, err := store.NewestCheckpoint(w.path("state/load-1.checkpoints"), topic, p, planOf(c), func(*store.CheckpointMeta) error { return nil })
		if err != nil || checkpoint == nil {
			w.Fatalf("partition %d: checkpoint %v, %v, want one", p, checkpoint, err)
		}
		next = append(next, checkpoint.Meta.Progress.Next)
	}
	return next
}

// committed returns the positions of a group.
func (w *worker) committed(group, topic string) (offsets []int64) {
	w.Helper()
	client, err := clientOf(&config.Cluster{Brokers: w.cluster.Brokers, ClientID: "test"}, nil)
	if err != nil {
		w.Fatal(err)
	}
	defer client.Close()
	positions, err := client.Committed(w.Context(), group, topic, []int32{0, 1, 2, 3})
	if err != nil {
		w.Fatal(err)
	}
	for p := range int32(partitions) {
		offsets = append(offsets, positions[p].Offset)
	}
	return offsets
}
