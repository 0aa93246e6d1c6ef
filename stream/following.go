package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/record"
	"tare/sink"
)

const (
	// linger is how long the first record of a batch waits for others, and
	// fileLinger where each batch has the disk write twice.
	linger     = 20 * time.Millisecond
	fileLinger = 200 * time.Millisecond
	// renewEvery is how often a fence is repeated: a broker forgets it a day after
	// the producer's last write.
	renewEvery = time.Hour
)

// following is the second pass over one partition of a topic that goes on.
// Whatever stops it, the records that its outputs hold by then are those of an
// unbroken run of source offsets, and the next owner finds where it ends.
type following struct {
	worker  worker
	counts  *NormalizeCounts // of the worker
	life    *life
	decoder record.Decoder
	encoder record.Encoder
	row     record.Row
	reason  record.Reason
	reading *reading
	owner   *broker.Ownership // nil where no output is a topic
	topics  []*sink.Partition // to be closed
	outlets []*outlet
	splits  []*outlet // by split, in the order of their names; several may be one
	dead    *outlet   // nil for nowhere
	acks    chan sink.Ack
	value   []byte       // of the record that goes out
	record  kafka.Record // that goes out
	source  []byte       // its tare-source
	split   []byte       // its tare-split
	flags   []byte
	headers []kafka.Header
	gone    int64         // offsets that were learned from and are not written
	safe    *atomic.Int64 // everything below is in the outputs, or needs not be
	status  PartitionStatus
	done    int64 // every record below has been dealt with
}

// run follows the partition until ctx ends, and then sees what it has sent
// through.
func (f *following) run(ctx context.Context) error {
	defer f.reading.close()
	flush, renew := time.NewTimer(linger), time.NewTicker(renewEvery)
	defer flush.Stop()
	defer renew.Stop()
	for {
		f.publish()
		select {
		case fetch, ok := <-f.reading.feed.C():
			if ok {
				f.reading.take(fetch)
			} else if err := f.life.goOn(f.reading); err != nil {
				return err
			}
			if err := f.drain(ctx); err != nil {
				return err
			}
		case ack := <-f.acks:
			if err := f.land(ack); err != nil {
				return err
			}
		case <-flush.C:
		case <-renew.C:
			if err := f.renew(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			if err := f.settle(); err != nil {
				f.life.Log.Warn("not all that was sent is acknowledged; the next start goes on from what the outputs hold", "partition", f.status.Partition, "error", err)
			}
			return context.Cause(ctx)
		}
		flush.Reset(f.sendDue())
	}
}

// renew repeats the fence, where there is one.
func (f *following) renew(ctx context.Context) error {
	if f.owner == nil {
		return nil
	}
	if err := f.owner.Renew(ctx); err != nil {
		return err
	}
	f.status.Fences++
	return nil
}

// drain normalizes all that has been fetched.
func (f *following) drain(ctx context.Context) error {
	now := time.Now()
	for _, o := range f.outlets {
		o.latest = now.UnixMilli() + o.ahead
	}
	for ctx.Err() == nil {
		ms, err := f.reading.read()
		for i := range ms {
			m := &ms[i]
			f.status.Bytes += int64(len(m.Value))
			if f.reason = f.decoder.Decode(&f.row, m); f.row.Timed {
				f.status.Newest = time.Unix(0, f.row.Time)
			}
			if err := f.worker.take(f, f.life.Topic, m, &f.row, f.reason); err != nil {
				return err
			}
			f.done = m.Offset + 1
		}
		if err != nil {
			return err
		}
		f.done = f.reading.position()
		f.status.Records += int64(len(ms))
		if len(ms) == 0 {
			break
		}
		f.publish()
	}
	return nil
}

// sendDue sends the batches that have waited long enough, or are large enough,
// and returns when to look again.
func (f *following) sendDue() time.Duration {
	next := time.Hour
	now := time.Now()
	for _, o := range f.outlets {
		n, size := o.Gathered()
		if n == 0 || o.flying {
			continue
		}
		if wait := o.linger - now.Sub(o.since); wait > 0 && size < sendAt {
			next = min(next, wait)
			continue
		}
		o.send()
	}
	return next
}

// sendAt is the size of a batch that waits no longer, in bytes.
const sendAt = 256 << 10

// emit sends a record on, under the key and timestamp that it came with.
func (f *following) emit(m *record.Message, split int, row *record.Row, y []float64, mark *record.Mark) error {
	o := f.splits[split]
	if m.Offset <= o.holds {
		f.status.Skipped++
		f.counts.Written--
		return nil
	}
	f.value = f.encoder.Append(f.value[:0], m.Value, row, y, mark)
	out := m
	if o.headers() {
		out = f.stamp(m, mark)
	}
	fits, err := f.put(o, out, f.value)
	if err == nil && !fits {
		f.counts.Written--
		f.counts.TooLarge++
		return f.bury(m, fmt.Sprintf("too_large_out: the record that goes out has %d bytes and does not fit into a batch of %s (max.message.bytes)", len(f.value), o.place.Topic))
	}
	return err
}

// stamp puts the mark of a record into the headers that go out with those of the
// message that it returns: m, or without headers where a mark is taken off.
func (f *following) stamp(m *record.Message, mark *record.Mark) *record.Message {
	f.headers = f.headers[:0]
	if f.life.inverse {
		m = f.unmark(m)
	}
	f.source = mark.AppendSource(f.source[:0])
	f.headers = append(f.headers,
		kafka.Header{Key: f.life.header(), Value: f.life.mark},
		kafka.Header{Key: record.HeaderSource, Value: f.source})
	if f.life.meta != record.MetaHeaders {
		return m
	}
	f.split = append(f.split[:0], mark.Split...)
	f.headers = append(f.headers, kafka.Header{Key: record.HeaderSplit, Value: f.split})
	if mark.Flags != 0 {
		f.flags = mark.Flags.Append(f.flags[:0])
		f.headers = append(f.headers, kafka.Header{Key: record.HeaderFlags, Value: f.flags})
	}
	return m
}

// unmark moves the headers of m that are no mark to those that go out.
func (f *following) unmark(m *record.Message) *record.Message {
	for key, value := range m.Headers.All() {
		if !record.IsMark(key) {
			f.headers = append(f.headers, kafka.Header{Key: string(key), Value: value})
		}
	}
	bare := *m
	bare.Headers = record.Headers{}
	return &bare
}

// refuse logs and buries a record, and stops where the policy says so.
func (f *following) refuse(m *record.Message, reason record.Reason, detail string) error {
	if detail == "" {
		detail = f.decoder.Detail()
	}
	f.life.Rejects.Add(f.life.Topic, m, reason, detail)
	if err := f.bury(m, reason.String()+": "+detail); err != nil {
		return err
	}
	if f.life.FailOnReject {
		return &RejectError{source(f.life.Topic, m), reason, detail}
	}
	return nil
}

// bury writes a dead letter, where there is somewhere to write it: to a topic as
// the record came, to a file as a line of JSON.
func (f *following) bury(m *record.Message, why string) error {
	if f.dead == nil {
		return nil
	}
	if m.Offset <= f.dead.holds {
		f.status.Skipped++
		return nil
	}
	value := m.Value
	if f.dead.headers() {
		f.stampDead(m, why)
	} else {
		f.value = record.AppendDeadLetter(f.value[:0], why, m, f.life.Topic)
		value = f.value
	}
	fits, err := f.put(f.dead, m, value)
	if err != nil {
		return err
	}
	if !fits {
		f.counts.Lost++
		f.life.Log.Error("a dead letter does not fit into a batch and is only counted", "source", source(f.life.Topic, m), "bytes", len(m.Value), "why", why)
		return nil
	}
	f.counts.Buried++
	if n := f.life.deads.Add(1); f.life.DeadLimit > 0 && n > f.life.DeadLimit {
		return &LimitError{f.life.DeadLimit}
	}
	return nil
}

// stampDead puts why a record is a dead letter into its headers.
func (f *following) stampDead(m *record.Message, why string) {
	mark := record.Mark{Topic: f.life.Topic, Partition: m.Partition, Offset: m.Offset}
	f.source = mark.AppendSource(f.source[:0])
	f.headers = append(f.headers[:0],
		kafka.Header{Key: record.HeaderError, Value: []byte(why)},
		kafka.Header{Key: record.HeaderSource, Value: f.source},
		kafka.Header{Key: f.life.header(), Value: f.life.mark})
}

// put adds a record with f.headers to an output's batch, and sends that where
// it is full. It reports false for a record that fits into no batch.
func (f *following) put(o *outlet, m *record.Message, value []byte) (fits bool, err error) {
	if err := o.keepable(m); err != nil {
		return false, err
	}
	f.record = kafka.Record{Offset: m.Offset, Timestamp: min(m.Timestamp, o.latest), Key: m.Key, Value: value, Headers: kafka.RawHeaders(m.Headers.Count, m.Headers.Bytes)}
	if m.Timestamp > o.latest {
		f.status.Clamped++
	}
	for !o.Add(&f.record, f.headers...) {
		if n, _ := o.Gathered(); n == 0 {
			return false, nil
		}
		for o.flying {
			if err := f.await(); err != nil {
				return false, err
			}
		}
		o.send()
	}
	n, size := o.Gathered()
	if n == 1 {
		o.first, o.since = m.Offset, time.Now()
	}
	if size >= sendAt && !o.flying {
		o.send()
	}
	return true, nil
}

// await waits for the next acknowledgement.
func (f *following) await() error {
	select {
	case ack := <-f.acks:
		return f.land(ack)
	case <-f.life.hard.Done():
		return context.Cause(f.life.hard)
	}
}

func (f *following) land(ack sink.Ack) error {
	f.outlets[ack.Output].flying = false
	if ack.Err != nil {
		return ack.Err
	}
	f.status.Batches++
	f.status.Appended += int64(ack.Bytes)
	f.publish()
	return nil
}

// settle sends what has gathered, and waits until all of it is acknowledged.
func (f *following) settle() error {
	for {
		busy := false
		for _, o := range f.outlets {
			if n, _ := o.Gathered(); n > 0 && !o.flying {
				o.send()
			}
			busy = busy || o.flying
		}
		if !busy {
			f.publish()
			return nil
		}
		if err := f.await(); err != nil {
			return err
		}
	}
}

// publish tells how far the outputs have got, and the Monitor where the
// partition stands.
func (f *following) publish() {
	safe := f.done
	for _, o := range f.outlets {
		safe = min(safe, o.unsent())
	}
	f.safe.Store(safe)
	s := &f.status
	s.Next, s.End, s.LogStart, s.Normalize = f.done, f.reading.end, f.reading.logStart, *f.counts
	s.Gaps = f.gone + f.reading.gone
	s.Inflight = s.Next - safe
	f.life.Monitor.Update(func(all *Status) {
		was := &all.Partitions[s.Partition]
		s.Committed, s.CommittedAt = was.Committed, was.CommittedAt
		*was = *s
	})
}

func (f *following) close() {
	for _, t := range f.topics {
		t.Close()
	}
}
