package broker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tare/internal/kafka"
)

func TestCodecs(t *testing.T) {
	virtually(t, func(w *world) {
		codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
		topic := w.make("in", 1)
		for i, codec := range codecs {
			w.peer = w.newPeer(kgo.ProducerBatchCompression(codec))
			defer w.peer.Close()
			w.produce(Place{"in", 0}, 250*i, 250)
		}
		f := w.fetcher(FetchOptions{})
		w.reader(f, topic, 0, 0).counts(int64(250 * len(codecs)))
		w.reader(f, topic, 0, 333).counts(int64(250 * len(codecs))) // within a batch
	})
}

func TestPartitions(t *testing.T) {
	virtually(t, func(w *world) {
		const partitions, records = 7, 1000
		topic := w.make("in", partitions)
		f := w.fetcher(FetchOptions{})
		var readers []*reader
		for p := range int32(partitions) {
			readers = append(readers, w.reader(f, topic, p, 0))
			w.produce(Place{"in", p}, 0, records)
		}
		for _, r := range readers {
			r.counts(records)
		}
	})
}

func TestTwoTopics(t *testing.T) {
	virtually(t, func(w *world) {
		f := w.fetcher(FetchOptions{})
		var readers []*reader
		for _, name := range []string{"a", "b"} {
			topic := w.make(name, 3)
			for p := range int32(3) {
				readers = append(readers, w.reader(f, topic, p, 0))
				w.produce(Place{name, p}, 0, 500)
			}
		}
		for _, r := range readers {
			r.counts(500)
		}
	})
}

func TestTransactions(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 1)
		w.peer = w.newPeer(kgo.TransactionalID("x"))
		defer w.peer.Close()
		for i := range 6 {
			w.must(w.peer.BeginTransaction())
			for j := range 10 {
				w.must(w.peer.ProduceSync(w.Context(), &kgo.Record{Topic: "in", Value: fmt.Appendf(nil, "%d", i*10+j)}).FirstErr())
			}
			w.must(w.peer.EndTransaction(w.Context(), kgo.TransactionEndTry(i%2 == 0)))
		}
		for _, uncommitted := range []bool{false, true} {
			r := w.reader(w.fetcher(FetchOptions{Uncommitted: uncommitted}), topic, 0, 0)
			var got, want []string
			for i := range 6 {
				for j := range 10 {
					if i%2 == 0 || uncommitted {
						want = append(want, fmt.Sprint(i*10+j))
					}
				}
			}
			for r.cursor.Position() < 66 {
				r.each(r.next(), func(record *kafka.Record) { got = append(got, string(record.Value)) })
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("uncommitted %v: read %v, want %v", uncommitted, got, want)
			}
		}
	})
}

// TestOpenTransaction: what is not decided yet is not sent, and the high
// watermark tells that it is there.
func TestOpenTransaction(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 1)
		w.peer = w.newPeer(kgo.TransactionalID("x"))
		defer w.peer.Close()
		w.must(w.peer.BeginTransaction())
		w.must(w.peer.ProduceSync(w.Context(), &kgo.Record{Topic: "in", Value: []byte("0")}).FirstErr())
		r := w.reader(w.fetcher(FetchOptions{}), topic, 0, 0)
		for range 3 {
			f := r.next()
			if len(f.Batches) > 0 || f.HighWatermark != 1 || f.LogStart != 0 {
				t.Fatalf("got %d bytes, high watermark %d, log start %d; want 0, 1, 0", len(f.Batches), f.HighWatermark, f.LogStart)
			}
			f.Release()
		}
		w.must(w.peer.EndTransaction(w.Context(), kgo.TryCommit))
		for r.cursor.Position() < 2 {
			r.each(r.next(), func(*kafka.Record) {})
		}
	})
}

// TestSlowPartition: one that is not read holds up no other of its broker, and
// takes two responses only.
func TestSlowPartition(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 2)
		w.must(w.MoveTopicPartition("in", 0, w.LeaderFor("in", 1)))
		topic := w.topic("in")
		const records = 20_000
		w.produce(Place{"in", 0}, 0, records)
		w.produce(Place{"in", 1}, 0, records)
		f := w.fetcher(FetchOptions{Budget: 1, MaxWait: time.Minute})
		slow, fast := w.reader(f, topic, 0, 0), w.reader(f, topic, 1, 0)
		begin := time.Now()
		fast.counts(records)
		w.produce(Place{"in", 1}, records, 1)
		fast.counts(records + 1)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the fast partition took %v beside a slow one, want less than a second", took)
		}
		time.Sleep(time.Second)
		if n := len(slow.feed.out); n != 2 {
			t.Errorf("%d responses wait for the slow reader, want 2", n)
		}
		slow.counts(records)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("the slow partition took %v after it was read again, want less than 5 s", took)
		}
	})
}

func TestLargeBatch(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 3)
		f := w.fetcher(FetchOptions{Budget: 1})
		w.peer = w.newPeer(kgo.ProducerBatchMaxBytes(32<<20), kgo.MaxBufferedBytes(1<<30), kgo.BrokerMaxWriteBytes(1<<28), kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer w.peer.Close()
		value := make([]byte, 3<<20)
		var readers []*reader
		for p := range int32(3) {
			for range 3 {
				w.must(w.peer.ProduceSync(w.Context(), &kgo.Record{Topic: "in", Partition: p, Value: value}).FirstErr())
			}
			readers = append(readers, w.reader(f, topic, p, 0))
		}
		for _, r := range readers {
			for r.cursor.Position() < 3 {
				r.each(r.next(), func(record *kafka.Record) {
					if len(record.Value) != len(value) {
						t.Errorf("value of %d bytes, want %d", len(record.Value), len(value))
					}
				})
			}
		}
		time.Sleep(time.Second)
		for _, r := range readers {
			f := r.next()
			f.Release()
			if cap(f.Batches) > 2*smallestShare {
				t.Errorf("a buffer of %d bytes was kept, want %d at most", cap(f.Batches), 2*smallestShare)
			}
		}
	})
}

func TestEmptyResponses(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 2)
		w.must(w.MoveTopicPartition("in", 0, w.LeaderFor("in", 1)))
		f := w.fetcher(FetchOptions{MaxWait: 2 * time.Second})
		r := w.reader(f, w.topic("in"), 0, 0)
		r.next().Release()
		for range 3 {
			begin := time.Now()
			r.next().Release()
			if took := time.Since(begin); took != 2*time.Second {
				t.Errorf("an empty response came after %v, want 2 s", took)
			}
		}
		// A partition that nobody reads makes the broker's waits short, and the
		// empty responses of others no more.
		f.Open(topic, 1, 0)
		time.Sleep(5 * time.Second)
		r.next().Release()
		r.next().Release()
		begin := time.Now()
		for range 3 {
			r.next().Release()
		}
		if took := time.Since(begin); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("three empty responses came within %v, want 2 s each", took)
		}
	})
}

func TestLeaderMoves(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 1)
		r := w.reader(w.fetcher(FetchOptions{}), topic, 0, 0)
		for i := range 10 {
			w.must(w.MoveTopicPartition("in", 0, int32(i%3)))
			w.produce(Place{"in", 0}, 300*i, 300)
			r.counts(int64(300*i + 300))
		}
	})
}

// TestConnectionsCut: nothing is lost, repeated or out of order, however often
// connections end.
func TestConnectionsCut(t *testing.T) {
	virtually(t, func(w *world) {
		random := random(w)
		topic := w.make("in", 3)
		f := w.fetcher(FetchOptions{Budget: 1})
		var readers []*reader
		for p := range int32(3) {
			w.produce(Place{"in", p}, 0, 30_000)
			readers = append(readers, w.reader(f, topic, p, 0))
		}
		for at := int64(0); at < 30_000; at += 1000 {
			for _, r := range readers {
				r.counts(at + 1000)
			}
			if random.IntN(2) == 0 {
				w.network.cut("")
			}
			time.Sleep(time.Duration(random.Int64N(int64(50 * time.Millisecond))))
		}
	})
}

func TestBrokerGoneAndBack(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 3)
		f := w.fetcher(FetchOptions{})
		var readers []*reader
		for p := range int32(3) {
			w.must(w.MoveTopicPartition("in", p, p))
		}
		topic := w.topic("in")
		for p := range int32(3) {
			w.produce(Place{"in", p}, 0, 500)
			readers = append(readers, w.reader(f, topic, p, 0))
			readers[p].counts(500)
		}
		w.network.refuse(topic.leader(0), true)
		for p := range int32(3) {
			w.produce(Place{"in", p}, 500, 500)
		}
		readers[1].counts(1000)
		readers[2].counts(1000)
		time.Sleep(30 * time.Second)
		if n := len(w.notes()); n < 20 || n > 400 {
			t.Errorf("%d notes in 30 s of a broker that is down, want one or two each attempt, and an attempt each second at least", n)
		}
		w.network.refuse(topic.leader(0), false)
		begin := time.Now()
		readers[0].counts(1000)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("took %v to read from a broker that is back, want 2 s at most", took)
		}
		w.network.cut(topic.leader(0))
		begin = time.Now()
		w.produce(Place{"in", 0}, 1000, 100)
		readers[0].counts(1100)
		if took := time.Since(begin); took > 2*firstPause {
			t.Errorf("took %v to come back after a new failure, want %v at most: the pauses start again", took, firstPause)
		}
	})
}

func TestDeleted(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 2)
		w.produce(Place{"in", 0}, 0, 100)
		r := w.reader(w.fetcher(FetchOptions{}), topic, 0, 0)
		r.counts(100)
		w.must(w.DeleteTopic("in"))
		err := r.end()
		if missing, ok := errors.AsType[*MissingTopicError](err); !ok || missing.Topic != "in" {
			t.Errorf("error is %v, want a MissingTopicError", err)
		}
	})
}

// TestReplaced: records of another topic of the same name are never taken for
// those of the first, whether the reader waits, pauses, or was cut off.
func TestReplaced(t *testing.T) {
	for _, records := range []int{0, 50, 100, 5000} {
		for _, state := range []string{"waiting", "paused", "cut off"} {
			t.Run(fmt.Sprint(records, " ", state), func(t *testing.T) {
				virtually(t, func(w *world) {
					was := w.make("in", 1)
					w.produce(Place{"in", 0}, 0, 100)
					r := w.reader(w.fetcher(FetchOptions{}), was, 0, 0)
					if state == "paused" {
						time.Sleep(time.Minute)
					} else {
						r.counts(100)
					}
					if state == "cut off" {
						w.network.cut("")
					}
					w.must(w.DeleteTopic("in"))
					is := w.make("in", 1)
					w.peer = w.newPeer()
					defer w.peer.Close()
					w.produce(Place{"in", 0}, 10_000, records)
					if state == "paused" {
						r.counts(100)
					}
					for f := r.next(); f != nil; f = r.next() {
						r.each(f, func(record *kafka.Record) {
							t.Fatalf("offset %d holds %q of the new topic", record.Offset, record.Value)
						})
					}
					replaced, ok := errors.AsType[*ReplacedError](r.feed.Err())
					if !ok || replaced.Was != was.ID || replaced.Is != is.ID {
						t.Errorf("error is %v, want a ReplacedError from %x to %x", r.feed.Err(), was.ID, is.ID)
					}
				})
			})
		}
	}
}

func TestOutOfRange(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 1)
		w.produce(Place{"in", 0}, 0, 1000)
		w.must(w.DeleteRecords("in", 0, 450))
		f := w.fetcher(FetchOptions{})
		for _, c := range []struct {
			position int64
			fails    bool
		}{{0, true}, {449, true}, {450, false}, {1000, false}, {1001, true}, {1 << 60, true}} {
			r := w.reader(f, topic, 0, c.position)
			if !c.fails {
				r.counts(1000)
				r.next().Release()
				continue
			}
			err := r.end()
			got, ok := errors.AsType[*RangeError](err)
			if want := (RangeError{Place{"in", 0}, c.position, 450, 1000}); !ok || *got != want {
				t.Errorf("from %d: error is %v, want %v", c.position, err, &want)
			}
		}
	})
}

// TestPassingErrors: no code of a broker ends a feed if the topic is there and
// holds the position.
func TestPassingErrors(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 1)
		w.produce(Place{"in", 0}, 0, 2000)
		codes := []int16{-1, 1, 2, 3, 5, 6, 9, 29, 56, 74, 76, 78, 100, 103}
		want := len(codes)
		w.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			if len(codes) == 0 {
				return nil, nil, false
			}
			m := r.ResponseKind().(*kmsg.FetchResponse)
			m.Topics = []kmsg.FetchResponseTopic{{TopicID: topic.ID, Partitions: []kmsg.FetchResponseTopicPartition{{ErrorCode: codes[0], HighWatermark: -1}}}}
			codes = codes[1:]
			return m, nil, true
		})
		w.reader(w.fetcher(FetchOptions{}), topic, 0, 0).counts(2000)
		if got := len(w.notes()); got != want {
			t.Errorf("%d notes for %d errors: %q", got, want, w.notes())
		}
	})
}

// TestRangeUnknown: a leader that refuses to tell the log's range is asked again.
func TestRangeUnknown(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 1)
		w.produce(Place{"in", 0}, 0, 500)
		refusals := 5
		w.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			if refusals--; refusals < 0 {
				return nil, nil, false
			}
			m := r.ResponseKind().(*kmsg.ListOffsetsResponse)
			m.Topics = []kmsg.ListOffsetsResponseTopic{{Topic: "in", Partitions: []kmsg.ListOffsetsResponseTopicPartition{{ErrorCode: 78, Offset: 7}}}}
			return m, nil, true
		})
		err := w.reader(w.fetcher(FetchOptions{}), topic, 0, 1000).end()
		got, ok := errors.AsType[*RangeError](err)
		if want := (RangeError{Place{"in", 0}, 1000, 0, 500}); !ok || *got != want || refusals >= 0 {
			t.Errorf("error is %v with %d refusals to come, want %v", err, refusals, &want)
		}
	})
}

func TestDeletedUnderReader(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 1)
		r := w.reader(w.fetcher(FetchOptions{Budget: 1}), topic, 0, 0)
		w.produce(Place{"in", 0}, 0, 30_000)
		time.Sleep(time.Second) // two responses are there
		w.must(w.DeleteRecords("in", 0, 29_500))
		err := r.end()
		if _, ok := errors.AsType[*RangeError](err); !ok {
			t.Errorf("error is %v, want a RangeError", err)
		}
	})
}

func TestClose(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 2)
		f := w.fetcher(FetchOptions{MaxWait: 5 * time.Second})
		one, other := w.reader(f, topic, 0, 0), w.reader(f, topic, 1, 0)
		held := one.next()
		one.feed.Close()
		begin := time.Now()
		if err := one.end(); err != nil || time.Since(begin) > 5*time.Second {
			t.Errorf("a closed feed ended after %v with %v, want 5 s at most and nil", time.Since(begin), err)
		}
		held.Release()
		other.next().Release() // so that the broker waits for records once more
		other.next().Release()
		synctest.Wait()
		begin = time.Now()
		f.Close()
		if err := other.end(); err != nil || time.Since(begin) > 0 {
			t.Errorf("the feed of a closed fetcher ended after %v with %v, want at once and nil", time.Since(begin), err)
		}
		if err := w.reader(f, topic, 0, 0).end(); err != nil {
			t.Errorf("a feed of a closed fetcher ended with %v, want nil", err)
		}
		one.feed.Close()
		f.Close()
	})
}

func TestCloseWhileDown(t *testing.T) {
	virtually(t, func(w *world) {
		topic := w.make("in", 3)
		for _, address := range topic.Addrs {
			w.network.refuse(address, true)
		}
		f := w.fetcher(FetchOptions{})
		r := w.reader(f, topic, 0, 0)
		time.Sleep(10 * time.Second)
		f.Close()
		if err := r.end(); err != nil {
			t.Errorf("the feed ended with %v, want nil", err)
		}
	})
}
