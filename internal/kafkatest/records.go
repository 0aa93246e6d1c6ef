package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Produce writes records to a partition, in order and uncompressed, and sets
// their Topic, Partition and Offset.
func (c *Cluster) Produce(t testing.TB, topic string, partition int32, records ...*kgo.Record) {
	t.Helper()
	ctx, client, done := c.dial(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer done()
	for _, r := range records {
		r.Topic, r.Partition = topic, partition
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatalf("produce to %s/%d: %v", topic, partition, err)
	}
}

// Consume returns everything that a topic holds at the time of the call, by
// partition and in offset order: also records of open and aborted transactions,
// but not their markers.
func (c *Cluster) Consume(t testing.TB, topic string) [][]*kgo.Record {
	t.Helper()
	next, ends := c.StartOffsets(t, topic), c.EndOffsets(t, topic)
	from := map[int32]kgo.Offset{}
	for p, start := range next {
		if start < ends[p] {
			from[int32(p)] = kgo.NewOffset().At(start)
		}
	}
	records := make([][]*kgo.Record, len(ends))
	if len(from) == 0 {
		return records
	}
	ctx, client, done := c.dial(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	defer done()
	for behind(next, ends) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("consume %s: read up to %v of %v: %v (%v)", topic, next, ends, err, context.Cause(ctx))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() && r.Offset < ends[r.Partition] {
				records[r.Partition] = append(records[r.Partition], r)
			}
		})
	}
	return records
}

func behind(next, ends []int64) bool {
	for p := range next {
		if next[p] < ends[p] {
			return true
		}
	}
	return false
}

// Header returns the value of a record's last header of that name, and whether
// it has one.
func Header(r *kgo.Record, name string) (value string, ok bool) {
	for _, h := range r.Headers {
		if h.Key == name {
			value, ok = string(h.Value), true
		}
	}
	return value, ok
}
