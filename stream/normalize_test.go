package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/broker"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/store"
)

// spread is a topic whose partitions hold sound records amid bad ones.
func spread(t *testing.T, c *kafkatest.Cluster) (topic string, oracle *kafkatest.Oracle) {
	t.Helper()
	bads := bads(t)
	partitions := [][]string{among(good(400), bads), good(300), among(good(1500), bads)}
	topic = c.Topic(t, int32(len(partitions)), nil)
	oracle = kafkatest.NewOracle(topic)
	for p, values := range partitions {
		var records []*kgo.Record
		for i, v := range values {
			records = append(records, &kgo.Record{Key: []byte{byte(i)}, Value: []byte(v), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i))})
		}
		c.Produce(t, topic, int32(p), records...)
		oracle.Expect(records...)
	}
	return topic, oracle
}

// writing adds outputs to a pipeline: one topic for each split, and dead letters.
func writing(p *Pipeline, topic string) *Pipeline {
	p.Identity.Output.Meta = record.MetaHeaders
	p.Outputs = Outputs{Topics: []string{topic + ".train", topic + ".gap", topic + ".live"}, Dead: topic + ".dead", Replication: 1,
		NewEncoder: func(m *store.Manifest, meta record.Meta) (record.Encoder, error) {
			o := m.Output
			o.Meta = meta
			return record.NewEncoder(&m.Record, o, nil)
		}}
	return p
}

// outputs returns all that the pipeline has written.
func outputs(t *testing.T, c *kafkatest.Cluster, p *Pipeline) (all [][][]*kgo.Record) {
	t.Helper()
	for _, name := range p.Outputs.names() {
		all = append(all, c.Consume(t, name))
	}
	return all
}

// until runs both passes until the outputs have got to the ends of the source,
// or for as long as enough says.
func until(t *testing.T, p *Pipeline, ends []int64, enough func(*Status) bool) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			s := p.Monitor.Status()
			if enough(&s) {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	artifact, err := p.Freeze(ctx)
	if err == nil {
		err = p.Normalize(ctx, artifact)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func through(ends []int64) func(*Status) bool {
	return func(s *Status) bool {
		for i := range s.Partitions {
			if q := &s.Partitions[i]; s.Phase != Normalizing || q.Next < ends[i] || q.Inflight > 0 {
				return false
			}
		}
		return len(s.Partitions) == len(ends)
	}
}

// TestNormalize writes each record once, in order, with the key and timestamp it
// came with, to the topic of its split or to the dead letters.
func TestNormalize(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, oracle := spread(t, c)
	p := writing(pipeline(t, c, topic, t.TempDir()), topic)
	ends := c.EndOffsets(t, topic)
	if err := until(t, p, ends, through(ends)); err != nil {
		t.Fatal(err)
	}
	written := outputs(t, c, p)
	if err := oracle.Check(ends, written...); err != nil {
		t.Fatal(err)
	}
	var total, sent int64
	for _, q := range p.Monitor.Status().Partitions {
		total += q.Normalize.Written + q.Normalize.Buried
		sent += q.Appended
	}
	if want := ends[0] + ends[1] + ends[2]; total != want || sent < 100*want {
		t.Errorf("%d records written and buried of %d, in %d bytes", total, want, sent)
	}
	source := c.Consume(t, topic)
	for i, want := range []string{"train", "gap", "live"} {
		for _, r := range written[i][0] {
			split, _ := kafkatest.Header(r, record.HeaderSplit)
			from, _ := kafkatest.Header(r, record.HeaderSource)
			_, partition, offset, _ := record.ParseSource([]byte(from))
			was := source[partition][offset]
			if split != want || string(r.Key) != string(was.Key) || !r.Timestamp.Equal(was.Timestamp) {
				t.Fatalf("%s is %s in the topic of %s, key %q and time %v, was %q and %v", from, split, want, r.Key, r.Timestamp, was.Key, was.Timestamp)
			}
		}
	}
	for _, r := range written[3][2] {
		from, _ := kafkatest.Header(r, record.HeaderSource)
		_, partition, offset, _ := record.ParseSource([]byte(from))
		if string(r.Value) != string(source[partition][offset].Value) {
			t.Fatalf("the dead letter of %s is %q, was %q", from, r.Value, source[partition][offset].Value)
		}
	}
}

// TestNormalizeInterrupted stops both passes at random moments, sometimes
// without a word, and goes on. Every record is written once.
func TestNormalizeInterrupted(t *testing.T) {
	r := random(t)
	c := kafkatest.Fake(t)
	topic, oracle := spread(t, c)
	ends := c.EndOffsets(t, topic)
	dir := t.TempDir()
	for round := 0; ; round++ {
		p := writing(pipeline(t, c, topic, dir), topic)
		after := r.Int64N(2000)
		err := until(t, p, ends, func(s *Status) bool {
			n := int64(0)
			for i := range s.Partitions {
				n += s.Partitions[i].Records
			}
			return through(ends)(s) || round < 12 && n > after
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if r.IntN(2) == 0 { // as if the last commits had not been made
			back := map[int32]broker.Position{}
			for q := range int32(3) {
				back[q] = broker.Position{Offset: 0, Metadata: "lost"}
			}
			if err := p.Client.Commit(t.Context(), "tare.test.1", topic, back); err != nil {
				t.Fatal(err)
			}
		}
		if s := p.Monitor.Status(); through(ends)(&s) {
			break
		}
	}
	p := writing(pipeline(t, c, topic, dir), topic)
	if err := oracle.Check(ends, outputs(t, c, p)...); err != nil {
		t.Fatal(err)
	}
}

// TestNormalizeRefuses the outputs in which records would be lost or mixed up.
func TestNormalizeRefuses(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _ := spread(t, c)
	p := pipeline(t, c, topic, t.TempDir())
	artifact, err := p.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forever := map[string]string{"retention.ms": "-1"}
	for _, v := range []struct {
		name string
		make func(name string)
		says string
	}{
		{"partitions", func(name string) { c.CreateTopic(t, name, 2, nil) }, "has 2 partitions"},
		{"compacted", func(name string) { c.CreateTopic(t, name, 3, map[string]string{"cleanup.policy": "compact"}) }, "cleanup.policy"},
		{"foreign", func(name string) {
			c.CreateTopic(t, name, 3, forever)
			c.Produce(t, name, 1, kgo.StringRecord("mine"))
		}, "not one that tare wrote"},
		{"tail", func(name string) {
			c.CreateTopic(t, name, 3, forever)
			c.Produce(t, name, 1, kgo.StringRecord("mine"))
			c.DeleteRecords(t, name, 1, 1)
		}, "has lost all of its records"},
		{"short", func(name string) { c.CreateTopic(t, name, 3, map[string]string{"retention.ms": "86400000"}) }, "would be deleted at once"},
		{"artifact", func(name string) {
			c.CreateTopic(t, name, 3, forever)
			c.Produce(t, name, 1, &kgo.Record{Headers: []kgo.RecordHeader{
				{Key: record.HeaderSource, Value: []byte(topic + "/1/5")}, {Key: record.HeaderArtifact, Value: []byte("0123456789abcdef")}}})
		}, "continue_from: 0123456789abcdef"},
		{"source", func(name string) {
			c.CreateTopic(t, name, 3, forever)
			c.Produce(t, name, 1, &kgo.Record{Headers: []kgo.RecordHeader{
				{Key: record.HeaderSource, Value: []byte("other/1/5")}, {Key: record.HeaderArtifact, Value: []byte(artifact.Mark())}}})
		}, "came from other/1/5"},
	} {
		t.Run(v.name, func(t *testing.T) {
			name := topic + "." + v.name
			v.make(name)
			q := writing(p, topic)
			q.Outputs.Topics = []string{name, name, name}
			q.Outputs.Dead = ""
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			wantErr(t, q.Normalize(ctx, artifact), v.says)
		})
	}
}
