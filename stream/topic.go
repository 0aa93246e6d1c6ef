package stream

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"tare/fit"
	"tare/internal/broker"
	"tare/record"
)

// A Start says where the fit of a topic begins.
type Start struct {
	At      StartAt         `json:"at"`
	Time    time.Time       `json:"time,omitzero"`     // AtTime: the first record with a Kafka timestamp not before it
	Offsets map[int32]int64 `json:"offsets,omitempty"` // AtOffsets: by partition; it names all
}

// A StartAt is a way to say where the fit of a topic begins.
type StartAt string

const (
	AtEarliest StartAt = "earliest" // all that the topic holds
	AtLatest   StartAt = "latest"   // what comes from now on
	AtTime     StartAt = "time"     // see Start.Time
	AtOffsets  StartAt = "offsets"  // see Start.Offsets
)

// partitionsOf lists the partitions of a topic.
func partitionsOf(t *broker.Topic) []int32 {
	all := make([]int32, t.Partitions())
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// resolve returns the first offset of each partition.
func (s *Start) resolve(ctx context.Context, c *broker.Client, t *broker.Topic) ([]int64, error) {
	switch s.At {
	case AtLatest:
		return c.Offsets(ctx, t.Name, partitionsOf(t), broker.Latest)
	case AtTime:
		return c.Offsets(ctx, t.Name, partitionsOf(t), s.Time.UnixMilli())
	case AtOffsets:
		return s.named(t)
	}
	return c.Offsets(ctx, t.Name, partitionsOf(t), broker.Earliest)
}

func (s *Start) named(t *broker.Topic) ([]int64, error) {
	offsets := make([]int64, t.Partitions())
	for p := range t.Partitions() {
		offset, ok := s.Offsets[p]
		if !ok {
			return nil, &CutoffError{fmt.Sprintf("start.offsets names no offset for partition %d: it must name all %d of %s", p, t.Partitions(), t.Name)}
		}
		offsets[p] = offset
	}
	if len(s.Offsets) > len(offsets) {
		return nil, &CutoffError{fmt.Sprintf("start.offsets names %d partitions, %s has %d", len(s.Offsets), t.Name, t.Partitions())}
	}
	return offsets, nil
}

// A Topic is a Kafka topic as a bounded Source: from its start up to the end
// that it had when it was opened. Only committed records are read.
type Topic struct {
	OnGap   OnGap // the zero value is StopOnGap
	topic   *broker.Topic
	fetcher *broker.Fetcher
	starts  []int64
	ends    []int64
	done    atomic.Int64
}

// OpenTopic finds the bounds of a topic. Close it after use.
func OpenTopic(ctx context.Context, c *broker.Client, name string, start Start) (*Topic, error) {
	t, err := c.Topic(ctx, name)
	if err != nil {
		return nil, err
	}
	starts, err := start.resolve(ctx, c, t)
	if err != nil {
		return nil, err
	}
	return openTopic(ctx, c, t, starts)
}

// OpenRanges opens the partitions that an artifact was learned from, each from
// the start of its range. Those that the topic has got since are left out.
func OpenRanges(ctx context.Context, c *broker.Client, name string, ranges []fit.Range) (*Topic, error) {
	t, err := c.Topic(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(ranges) > int(t.Partitions()) {
		return nil, &LossError{fmt.Sprintf("the artifact was learned from %d partitions, %s has %d", len(ranges), name, t.Partitions())}
	}
	starts := make([]int64, len(ranges))
	for i := range ranges {
		starts[i] = ranges[i].Start
	}
	return openTopic(ctx, c, t, starts)
}

// openTopic takes the ends of the first partitions, of which the starts are known.
func openTopic(ctx context.Context, c *broker.Client, t *broker.Topic, starts []int64) (*Topic, error) {
	ends, err := c.Offsets(ctx, t.Name, partitionsOf(t)[:len(starts)], broker.Latest)
	if err != nil {
		return nil, err
	}
	return &Topic{topic: t, fetcher: c.NewFetcher(broker.FetchOptions{}), starts: starts, ends: ends}, nil
}

// Close stops all reading.
func (t *Topic) Close() { t.fetcher.Close() }

// Partitions returns the topic's name, once for each partition.
func (t *Topic) Partitions() []string {
	return slices.Repeat([]string{t.topic.Name}, len(t.starts))
}

// Progress returns how many offsets have been read, in all passes, and how many
// there are.
func (t *Topic) Progress() (done, total int64) {
	for p := range t.ends {
		total += max(0, t.ends[p]-t.starts[p])
	}
	return t.done.Load(), total
}

// Open reads a partition from its start.
func (t *Topic) Open(ctx context.Context, partition int32) (Reader, error) {
	b := &bounded{newReading(t.fetcher, t.topic, partition, t.starts[partition], t.OnGap), ctx, t.ends[partition], &t.done}
	b.note()
	return b, nil
}

// bounded reads one partition up to an end.
type bounded struct {
	*reading
	ctx  context.Context
	end  int64
	done *atomic.Int64 // offsets read
}

// Header returns nil: a topic has none.
func (b *bounded) Header() []byte { return nil }

// Next returns the offset to go on from.
func (b *bounded) Next() int64 { return min(b.position(), b.end) }

// tell tells a partition of what the messages of the last Read left out.
func (b *bounded) tell(p *fit.Partition) { b.reading.tell(p, b.end) }

// Read returns the next messages below the end.
func (b *bounded) Read() ([]record.Message, error) {
	for {
		if b.position() >= b.end {
			return nil, io.EOF
		}
		if b.fetch == nil {
			if err := b.wait(); err != nil {
				return nil, err
			}
		}
		was := b.position()
		ms, err := b.read()
		b.done.Add(min(b.position(), b.end) - was)
		if i := slices.IndexFunc(ms, func(m record.Message) bool { return m.Offset >= b.end }); i >= 0 {
			ms = ms[:i] // behind a gap that reaches over the end
		}
		if err != nil || len(ms) > 0 {
			return ms, err
		}
	}
}

func (b *bounded) wait() error {
	select {
	case f, ok := <-b.feed.C():
		if !ok {
			was := b.position()
			err := b.resume()
			b.done.Add(min(b.position(), b.end) - was)
			return err
		}
		b.take(f)
		return nil
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}

// Close stops reading the partition.
func (b *bounded) Close() error {
	b.close()
	return nil
}
