package stream

import (
	"fmt"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/record"
)

// readAtOnce is how many messages a reading hands out at a time: few enough for
// them to stay in the processor's cache, many enough to share what each batch
// costs.
const readAtOnce = 256

// A reading turns what a feed delivers into messages, and keeps the position.
// It sees to it that no offset is jumped over.
type reading struct {
	fetcher *broker.Fetcher
	topic   *broker.Topic
	place   broker.Place
	feed    *broker.Feed
	fetch   *broker.Fetch // being read; nil between two
	cursor  kafka.Cursor
	within  bool  // a batch of the fetch is being read
	gone    int64 // offsets
	checked int64 // those of them that the cursor has told of
	gaps    []gap // where they were, for tell; only after note
	onGap   OnGap

	end      int64 // high watermark; -1 is not known yet
	logStart int64
	ms       []record.Message
}

// OnGap says what happens where offsets are gone: retention or compaction has
// removed records before they were read.
type OnGap string

const (
	StopOnGap   OnGap = "stop"   // with a LossError
	RecordOnGap OnGap = "record" // they are counted, and the artifact tells of them
)

// A gap is a run of offsets that are gone; to is not among them.
type gap struct{ from, to int64 }

func newReading(f *broker.Fetcher, topic *broker.Topic, partition int32, offset int64, onGap OnGap) *reading {
	r := &reading{fetcher: f, topic: topic, place: broker.Place{Topic: topic.Name, Partition: partition}, onGap: onGap, end: -1,
		feed: f.Open(topic, partition, offset), ms: make([]record.Message, 0, readAtOnce)}
	r.cursor.SetPosition(offset)
	return r
}

// take starts on what the feed has delivered.
func (r *reading) take(f *broker.Fetch) {
	r.fetch, r.end, r.logStart = f, f.HighWatermark, f.LogStart
	r.cursor.Reset(f.Batches, f.Aborted)
}

// position returns the offset to go on from.
func (r *reading) position() int64 { return r.cursor.Position() }

// atEnd reports whether everything up to the high watermark has been read,
// markers and aborted transactions included.
func (r *reading) atEnd() bool { return r.fetch == nil && r.end >= 0 && r.position() >= r.end }

// read returns the next messages of the fetch, good until it is called again.
// None are left where it returns none, and the fetch has been given back.
func (r *reading) read() ([]record.Message, error) {
	r.ms = r.ms[:0]
	if r.fetch == nil {
		return nil, nil
	}
	var k kafka.Record
	for len(r.ms) < cap(r.ms) {
		if !r.within && !r.next() {
			break
		}
		if !r.cursor.Record(&k) {
			r.within = false
			continue
		}
		r.ms = append(r.ms, r.message(&k))
	}
	if err := r.check(); err != nil || len(r.ms) > 0 {
		return r.ms, err
	}
	r.fetch.Release()
	r.fetch = nil
	return nil, nil
}

// next goes to the next batch. The messages of one read come from one batch,
// whose memory they point to.
func (r *reading) next() bool {
	if len(r.ms) > 0 {
		return false
	}
	r.within = r.cursor.Next()
	return r.within
}

func (r *reading) message(k *kafka.Record) record.Message {
	count, headers := k.Headers.Raw()
	return record.Message{Key: k.Key, Value: k.Value, Partition: r.place.Partition, Offset: k.Offset,
		Timestamp: k.Timestamp, Headers: record.Headers{Count: count, Bytes: headers}}
}

// check returns what was wrong with the batches, or that offsets are gone.
func (r *reading) check() error {
	if err := r.cursor.Err(); err != nil {
		return fmt.Errorf("%s: %w", r.place, err)
	}
	gone := r.cursor.Gone() - r.checked
	if gone == 0 {
		return nil
	}
	r.checked += gone
	r.gone += gone
	if r.onGap == RecordOnGap {
		return nil
	}
	return &LossError{fmt.Sprintf("%s: %d offsets before %d are gone, removed by compaction or retention before they were read; "+
		"read a topic that keeps its records, or go on without them (on_gap: record)", r.place, gone, r.position())}
}

// note keeps the gaps, for tell.
func (r *reading) note() {
	r.cursor.Gap = func(from, to int64) { r.gaps = append(r.gaps, gap{from, to}) }
}

// tell tells a partition, which has been told of all messages, of the gaps
// between them, and of the position; of nothing from end on.
func (r *reading) tell(p *fit.Partition, end int64) {
	for _, g := range r.gaps {
		p.Miss(g.from, min(g.to, end))
	}
	r.gaps = r.gaps[:0]
	p.Advance(min(r.position(), end))
}

// resume goes on where the topic starts now, behind offsets that are gone, if
// that is why the feed ended and they are only to be recorded. Else it returns
// why the feed ended.
func (r *reading) resume() error {
	err, ok := r.feed.Err().(*broker.RangeError)
	if !ok || err.Position >= err.First || r.onGap != RecordOnGap {
		return r.failed()
	}
	r.gone += err.First - err.Position
	if r.cursor.Gap != nil {
		r.cursor.Gap(err.Position, err.First)
	}
	r.cursor.SetPosition(err.First)
	r.end, r.logStart = err.Last, err.First
	r.feed = r.fetcher.Open(r.topic, r.place.Partition, err.First)
	return nil
}

// failed returns why the feed ended.
func (r *reading) failed() error {
	switch err := r.feed.Err().(type) {
	case *broker.RangeError:
		if err.Position < err.First {
			return &LossError{fmt.Sprintf("%s: the offsets from %d to %d are gone before they were read (retention, or deleted records): the topic starts at %d; "+
				"restore them, or go on without them (on_gap: record)", r.place, err.Position, err.First-1, err.First)}
		}
		return &LossError{fmt.Sprintf("%s: the topic ends at %d, yet has been read up to %d: it was truncated or made anew", r.place, err.Last, err.Position)}
	case *broker.ReplacedError, *broker.MissingTopicError:
		return &LossError{fmt.Sprintf("%s at offset %d: %v", r.place, r.position(), err)}
	default:
		return fmt.Errorf("%s at offset %d: %w", r.place, r.position(), err)
	}
}

func (r *reading) close() {
	if r.fetch != nil {
		r.fetch.Release()
		r.fetch = nil
	}
	r.feed.Close()
}
