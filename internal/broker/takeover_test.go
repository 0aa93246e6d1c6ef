package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tare/internal/kafka"
)

func (w *world) takeOver(outputs ...Place) *Ownership {
	w.Helper()
	o, err := w.client.TakeOver(w.Context(), "tare/x/1/in/0", outputs)
	w.must(err)
	return o
}

// tail takes p over and wants its last record to have that value, and the
// marker at that offset. "" is no record.
func (w *world) tail(p Place, value string, marker int64) Tail {
	w.Helper()
	tail := w.takeOver(p).Tails[0]
	got := ""
	if tail.Last != nil {
		got = string(tail.Last.Value)
	}
	if got != value || tail.Marker != marker || tail.Place != p {
		w.Errorf("tail is %q before marker %d of %v, want %q before %d of %v", got, tail.Marker, tail.Place, value, marker, p)
	}
	return tail
}

// markers writes n markers of a foreign producer.
func (w *world) markers(p Place, n int) {
	w.Helper()
	w.markersOf(kafka.Producer{ID: 1 << 40}, p, n)
}

func (w *world) markersOf(writer kafka.Producer, p Place, n int) {
	w.Helper()
	for n > 0 {
		r := kmsg.NewPtrWriteTxnMarkersRequest()
		for range min(n, 1000) {
			m := kmsg.NewWriteTxnMarkersRequestMarker()
			m.ProducerID, m.ProducerEpoch, m.Committed = writer.ID, writer.Epoch, true
			m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: p.Topic, Partitions: []int32{p.Partition}}}
			r.Markers = append(r.Markers, m)
		}
		_, err := r.RequestWith(w.Context(), w.peer.Broker(int(w.LeaderFor(p.Topic, p.Partition))))
		w.must(err)
		n -= len(r.Markers)
	}
}

// foreign begins a transaction of another producer with one record, and returns
// what ends it.
func (w *world) foreign(p Place, value string) (end func(commit bool)) {
	w.Helper()
	peer := w.newPeer(kgo.TransactionalID("foreign " + p.String() + value))
	w.Cleanup(peer.Close)
	w.must(peer.BeginTransaction())
	w.must(peer.ProduceSync(w.Context(), &kgo.Record{Topic: p.Topic, Partition: p.Partition, Value: []byte(value)}).FirstErr())
	return func(commit bool) {
		w.Helper()
		w.must(peer.EndTransaction(w.Context(), kgo.TransactionEndTry(commit)))
	}
}

func TestTail(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 8)
		empty := Place{"out", 0}
		w.tail(empty, "", 0)
		w.tail(empty, "", 1)
		w.markers(empty, 100)
		w.tail(empty, "", 102)

		far := Place{"out", 1}
		w.produce(far, 0, 250)
		w.tail(far, "249", 250)
		w.markers(far, 100_000)
		w.must(w.DeleteRecords("out", 1, 120))
		if tail := w.tail(far, "249", 100_251); tail.LogStart != 120 || tail.Last.Offset != 249 {
			t.Errorf("tail is %+v, want offset 249 of a log from 120 on", tail)
		}
		w.must(w.DeleteRecords("out", 1, 250))
		if tail := w.tail(far, "", 100_252); tail.LogStart != 250 {
			t.Errorf("tail is %+v, want none of a log from 250 on", tail)
		}
	})
}

// TestTailOfForeigners: what is in an aborted transaction is no data.
func TestTailOfForeigners(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 5)
		p := func(n int32) Place { return Place{"out", n} }
		for n := range int32(5) {
			w.produce(p(n), 0, 10)
		}
		w.foreign(p(0), "committed")(true)
		w.tail(p(0), "committed", 12)
		w.foreign(p(1), "aborted")(false)
		w.tail(p(1), "9", 12)
		w.foreign(p(2), "open")
		w.tail(p(2), "open", 11)

		for n, value := range map[int32]string{3: "9", 4: "split"} { // over two windows
			end := w.foreign(p(n), "split")
			w.markers(p(n), 100)
			end(n == 4)
			w.markers(p(n), 30)
			w.tail(p(n), value, 142)
		}
	})
}

func TestTailOfOwner(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		p := Place{"out", 0}
		offset := int64(0)
		for _, codec := range []kafka.Codec{kafka.None, kafka.Gzip, kafka.Snappy, kafka.LZ4, kafka.Zstd} {
			o := w.takeOver(p)
			offset++
			a := o.Appender(0)
			for range 3 {
				b := kafka.BatchWriter{Codec: codec}
				for i := range 1000 {
					b.Append(&kafka.Record{Timestamp: int64(i), Key: []byte("key"), Value: []byte(fmt.Sprintf("%v %d", codec, i))}, kafka.Header{Key: "tare-source", Value: []byte("in/0/7")})
				}
				_, err := a.Append(w.Context(), &b)
				w.must(err)
				offset += 1000
			}
			tail := w.tail(p, fmt.Sprintf("%v 999", codec), offset)
			offset++
			source, _ := tail.Last.Headers.Last("tare-source")
			if string(tail.Last.Key) != "key" || string(source) != "in/0/7" || tail.Last.Offset != offset-2 || tail.Last.Timestamp != 999 || tail.Writer != o.Producer {
				t.Errorf("tail is %+v of %v, source %q; want offset %d of %v", tail.Last, tail.Writer, source, offset-2, o.Producer)
			}
		}
	})
}

// TestNewest compares newest with its definition, on logs at random.
func TestNewest(t *testing.T) {
	r := random(t)
	for range 2000 {
		var log []kafka.Batch
		next := int64(0)
		for range r.IntN(30) {
			b := kafka.Batch{BaseOffset: next, LastOffset: next + r.Int64N(3), Producer: kafka.Producer{ID: r.Int64N(3)}, Count: r.IntN(3), Marker: kafka.Marker{Type: kafka.NoMarker}}
			switch r.IntN(4) {
			case 0, 1:
				b.Control, b.Transactional, b.Marker.Type = true, true, kafka.MarkerType(r.IntN(3))
			case 2:
				b.Transactional = true
			}
			log = append(log, b)
			next = b.LastOffset + 1
		}
		n := newNewest()
		for high := next; n.data < 0 && high > 0; {
			low := r.Int64N(high)
			n.begin()
			for i := range log {
				if log[i].LastOffset >= low && log[i].BaseOffset < high {
					n.see(&log[i])
				}
			}
			n.close()
			high = low
		}
		if want := newestOf(log); n.data != want {
			t.Fatalf("newest data is at %d, want %d of %+v", n.data, want, log)
		}
	}
}

// newestOf returns the last offset of the newest batch of data that was not
// aborted, or -1.
func newestOf(log []kafka.Batch) int64 {
	for i, b := range slices.Backward(log) {
		if b.Control || b.Count == 0 {
			continue
		}
		aborted := false
		for _, m := range log[i:] {
			if m.Control && m.Producer == b.Producer && (m.Marker.Type == kafka.Abort || m.Marker.Type == kafka.Commit) {
				aborted = b.Transactional && m.Marker.Type == kafka.Abort
				break
			}
		}
		if !aborted {
			return b.LastOffset
		}
	}
	return -1
}

// TestTailDeletedMeanwhile: retention removes what is being looked for.
func TestTailDeletedMeanwhile(t *testing.T) {
	for _, c := range []struct {
		fetch, first int64 // when that offset is fetched, the log is made to start there
		want         string
	}{
		{0, 50, "99"},
		{0, 100, ""},
		{0, 5000, ""},
		{99, 50, "99"},
		{99, 100, ""},
	} {
		virtually(t, func(w *world) {
			w.make("out", 1)
			p := Place{"out", 0}
			w.produce(p, 0, 100)
			w.markers(p, 6000)
			w.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
				if r.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset == c.fetch {
					w.DropControl()
					w.must(w.DeleteRecords("out", 0, c.first))
				}
				return nil, nil, false
			})
			if tail := w.tail(p, c.want, 6100); tail.LogStart != c.first && c.fetch == 0 {
				t.Errorf("%+v: the log starts at %d", c, tail.LogStart)
			}
		})
	}
}

func TestClone(t *testing.T) {
	var b kafka.BatchWriter
	b.Append(&kafka.Record{Key: []byte("key"), Value: []byte{}}, kafka.Header{Key: "name", Value: []byte("value")})
	batch, err := b.Finish(kafka.NoProducer, -1)
	if err != nil {
		t.Fatal(err)
	}
	var d kafka.Decoder
	var r kafka.Record
	if d.Reset(batch); !d.Next() || !d.Record(&r) {
		t.Fatal(d.Err())
	}
	r = clone(r)
	clear(batch)
	if value, _ := r.Headers.Last("name"); string(r.Key) != "key" || r.Value == nil || string(value) != "value" {
		t.Errorf("the copy went with the batch: %+v", r)
	}
}

// commitLater answers an EndTxn at once and carries it out after a while, as
// Kafka does.
func (w *world) commitLater(r *kmsg.EndTxnRequest, delay time.Duration) kmsg.Response {
	request := &endtxn.Request{TransactionalID: r.TransactionalID, ProducerID: r.ProducerID, ProducerEpoch: r.ProducerEpoch, Committed: r.Commit}
	time.AfterFunc(delay, func() {
		w.client.retry(w.Context(), "commit late", func() error {
			answer, err := call[*endtxn.Response](w.Context(), w.client, request)
			if err == nil {
				err = failure(answer.ErrorCode, "")
			}
			return err
		})
	})
	answer := kmsg.NewPtrEndTxnResponse()
	answer.SetVersion(r.Version)
	return answer
}

// TestTakeOverWaitsForMarker: what comes in before the marker belongs to the
// tail, however long the marker takes, and the old owner's is none.
func TestTakeOverWaitsForMarker(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 2)
		p, q := Place{"out", 0}, Place{"out", 1}
		old := w.takeOver(p, q).Producer
		w.produce(p, 0, 10)
		w.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
			return w.commitLater(r.(*kmsg.EndTxnRequest), 300*time.Millisecond), nil, true
		})
		time.AfterFunc(50*time.Millisecond, func() { w.markersOf(old, p, 1) })
		time.AfterFunc(100*time.Millisecond, func() { w.produce(p, 10, 1) })
		time.AfterFunc(200*time.Millisecond, func() { w.produce(q, 77, 1) })
		o := w.takeOver(p, q)
		for i, want := range []string{"10", "77"} {
			if last := o.Tails[i].Last; last == nil || string(last.Value) != want {
				t.Errorf("tail of %v is %+v, want %s", o.Tails[i].Place, last, want)
			}
		}
	})
}

// TestTakeOverFences the owner before, on all outputs.
func TestTakeOverFences(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		w.make("dead", 1)
		p, q := Place{"out", 0}, Place{"dead", 0}
		old := w.takeOver(p, q)
		a, b := old.Appender(0), old.Appender(1)
		for range 2 {
			_, err := a.Append(w.Context(), numbered(0, 10))
			w.must(err)
		}
		o := w.takeOver(p, q)
		if o.Producer.ID != old.Producer.ID || o.Producer.Epoch <= old.Producer.Epoch {
			t.Errorf("producer is %v after %v, want the same with a higher epoch", o.Producer, old.Producer)
		}
		isFenced := func(err error) {
			t.Helper()
			if fenced, ok := errors.AsType[*FencedError](err); !ok || fenced.Topic == "" {
				t.Errorf("error is %v, want a FencedError with its place", err)
			}
		}
		for range 2 {
			_, err := a.Append(w.Context(), numbered(20, 10))
			isFenced(err)
		}
		_, err := b.Append(w.Context(), numbered(0, 10))
		isFenced(err)
		isFenced(old.Renew(w.Context()))
		for i := range o.Tails {
			_, err := o.Appender(i).Append(w.Context(), numbered(20, 10))
			w.must(err)
		}
		w.must(o.Renew(w.Context()))
	})
}

// TestRenewWhileAppending: the data does not fall into the transaction.
func TestRenewWhileAppending(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 2)
		o := w.takeOver(Place{"out", 0}, Place{"out", 1})
		var appending sync.WaitGroup
		for i := range o.Tails {
			a := o.Appender(i)
			appending.Go(func() {
				for range 300 {
					if _, err := a.Append(w.Context(), numbered(0, 1)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 30 {
			w.must(o.Renew(w.Context()))
		}
		appending.Wait()
		w.must(o.Renew(w.Context()))
		for i := range o.Tails {
			if got := w.PartitionInfo("out", int32(i)).HighWatermark; got != 300+32 {
				t.Errorf("the log of %d ends at %d, want 300 records and 32 markers", i, got)
			}
		}
	})
}

// TestTakeOverRetries what a coordinator says that has just started, and calls
// whose answers are lost.
func TestTakeOverRetries(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 2)
		calls := []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn}
		for _, key := range calls {
			for _, code := range []int16{14, 15, 16, 51} {
				w.fail(key, code, 2)
			}
		}
		one := kfake.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Partitions: []int32{1}} // so that 0 is not attempted
		fill(&one.Err).Code = 3
		w.Fault(one)
		o := w.takeOver(Place{"out", 0}, Place{"out", 1})
		if n := len(w.notes()); n != 25 {
			t.Errorf("%d notes, want 25: %q", n, w.notes())
		}
		for _, key := range calls {
			w.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, When: func(kmsg.Request) bool { w.network.cut(""); return true }})
		}
		w.must(o.Renew(w.Context()))
		o = w.takeOver(Place{"out", 0}, Place{"out", 1})
		_, err := o.Appender(1).Append(w.Context(), numbered(0, 1))
		w.must(err)
	})
}

func TestTakeOverFenced(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		for _, key := range []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.EndTxn} {
			for _, code := range []int16{47, 48, 49, 90} {
				w.fail(key, code, 1)
				_, err := w.client.TakeOver(w.Context(), "id", []Place{{"out", 0}})
				fenced, ok := errors.AsType[*FencedError](err)
				if !ok || fenced.Code != int(code) || !strings.Contains(err.Error(), `take over as "id"`) {
					t.Errorf("%s answers %d: error is %v, want a FencedError", key.Name(), code, err)
				}
			}
		}
		if _, err := w.client.TakeOver(w.Context(), "id", nil); err == nil || !strings.Contains(err.Error(), "no partitions") {
			t.Errorf("error is %v, want one that tells of no partitions", err)
		}
	})
}

// TestOwners lets two owners take partitions over from each other at random.
// Each goes on from the tails with numbers that count up. Connections break while
// requests are under way, commits are carried out late, appends are given up.
func TestOwners(t *testing.T) {
	r := random(t)
	seeds := []uint64{r.Uint64(), r.Uint64(), r.Uint64()}
	virtually(t, func(w *world) {
		w.make("out", 1)
		w.make("dead", 1)
		outputs := []Place{{"out", 0}, {"dead", 0}}
		trouble := rand.New(rand.NewPCG(seeds[2], 0)) // of the cluster's goroutine
		w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce, kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.Fetch}, Count: -1, Observe: true, When: func(kmsg.Request) bool {
			if trouble.IntN(50) == 0 {
				w.network.cut("")
			}
			return true
		}})
		var direct atomic.Int64
		w.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			if direct.Add(1)%2 == 0 {
				return nil, nil, false
			}
			return w.commitLater(r.(*kmsg.EndTxnRequest), 5*time.Millisecond), nil, true
		})
		var left atomic.Int64
		left.Store(200)
		var owners sync.WaitGroup
		var fences atomic.Int64
		for _, seed := range seeds[:2] {
			o := &owner{world: w, client: New(w.client.config), r: rand.New(rand.NewPCG(seed, 0)), fences: &fences}
			owners.Go(func() {
				defer o.client.Close()
				for left.Add(-1) >= 0 {
					o.own(outputs)
				}
			})
		}
		owners.Wait()
		for _, p := range outputs {
			w.consecutive(p)
		}
		if fences.Load() < 20 {
			t.Errorf("%d times somebody was fenced, want 20 or more", fences.Load())
		}
	})
}

// An owner writes numbers.
type owner struct {
	*world
	client *Client
	r      *rand.Rand
	fences *atomic.Int64
}

// own takes the outputs over and writes until it is fenced, gives up or has done
// enough.
func (o *owner) own(outputs []Place) {
	time.Sleep(time.Duration(o.r.IntN(40)) * time.Millisecond)
	mine, err := o.client.TakeOver(o.Context(), "id", outputs)
	if o.stopped(err) {
		return
	}
	next := make([]int, len(outputs))
	appenders := make([]*Appender, len(outputs))
	for i, tail := range mine.Tails {
		appenders[i] = mine.Appender(i)
		if tail.Last != nil {
			last, err := strconv.Atoi(string(tail.Last.Value))
			o.must(err)
			next[i] = last + 1
		}
	}
	for range o.r.IntN(20) {
		time.Sleep(time.Duration(o.r.IntN(3)) * time.Millisecond)
		for i, a := range appenders {
			n := 1 + o.r.IntN(5)
			ctx, cancel := context.WithCancel(o.Context())
			if o.r.IntN(20) == 0 {
				go cancel()
			}
			_, err := a.Append(ctx, numbered(next[i], n))
			cancel()
			if o.stopped(err) {
				return
			}
			next[i] += n
		}
	}
}

// stopped reports whether err ends an ownership, and fails if it may not.
func (o *owner) stopped(err error) bool {
	if _, fenced := errors.AsType[*FencedError](err); fenced {
		o.fences.Add(1)
	} else if err != nil && !errors.Is(err, context.Canceled) {
		o.Errorf("error is %v, want none or a FencedError", err)
	}
	return err != nil
}

// consecutive wants the records of p to count from 0 on.
func (w *world) consecutive(p Place) {
	w.Helper()
	r := w.reader(w.fetcher(FetchOptions{}), w.topic(p.Topic), p.Partition, 0)
	n := 0
	for end := w.PartitionInfo(p.Topic, p.Partition).HighWatermark; r.cursor.Position() < end; {
		r.each(r.next(), func(record *kafka.Record) {
			if string(record.Value) != strconv.Itoa(n) {
				w.Fatalf("record %d of %v is %q", n, p, record.Value)
			}
			n++
		})
	}
	if n < 100 {
		w.Errorf("%d records in %v, want 100 or more", n, p)
	}
}
