package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tare/internal/kafka"
)

// numbered returns a batch of n records; the value of each is its number.
func numbered(from, n int) *kafka.BatchWriter {
	w := new(kafka.BatchWriter)
	w.Reset()
	for i := range n {
		w.Append(&kafka.Record{Timestamp: 1000, Value: strconv.AppendInt(nil, int64(from+i), 10)})
	}
	return w
}

func (w *world) appender(p Place) *Appender {
	w.Helper()
	a, err := w.client.NewIdempotent(w.Context(), p)
	w.must(err)
	return a
}

// append writes n records and wants the first one at the offset of its number.
func (w *world) append(a *Appender, from, n int) {
	w.Helper()
	base, err := a.Append(w.Context(), numbered(from, n))
	if err != nil || base != int64(from) {
		w.Fatalf("appended at %d, %v; want %d", base, err, from)
	}
}

// counts wants n records in the log, the value of each its offset.
func (w *world) counts(p Place, n int64) {
	w.Helper()
	w.reader(w.fetcher(FetchOptions{}), w.topic(p.Topic), p.Partition, 0).counts(n)
	if got := w.PartitionInfo(p.Topic, p.Partition).HighWatermark; got != n {
		w.Fatalf("the log ends at %d, want %d", got, n)
	}
}

func TestAppend(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 3)
		p := Place{"out", 1}
		a := w.appender(p)
		w.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
			if acks := r.(*kmsg.ProduceRequest).Acks; acks != -1 {
				t.Errorf("acks is %d, want -1: of all in-sync replicas", acks)
			}
			return nil, nil, false
		})
		w.append(a, 0, 1)
		w.append(a, 1, 100)
		w.append(a, 101, 100000)
		if _, err := a.Append(w.Context(), new(kafka.BatchWriter)); err == nil || !strings.Contains(err.Error(), "no records") {
			t.Errorf("error of an empty batch is %v", err)
		}
		w.append(a, 100101, 5)
		w.counts(p, 100106)
	})
}

// TestAppendRetries: what passes is waited for, and the batch goes in once.
func TestAppendRetries(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		p := Place{"out", 0}
		a := w.appender(p)
		for _, code := range []int16{-1, 3, 5, 6, 7, 19, 20, 56} {
			w.fail(kmsg.Produce, code, 2)
		}
		w.append(a, 0, 10)
		if n := len(w.notes()); n != 16 {
			t.Errorf("%d notes, want 16: %q", n, w.notes())
		}
		w.append(a, 10, 10)
		w.must(w.MoveTopicPartition("out", 0, (w.LeaderFor("out", 0)+1)%3))
		w.append(a, 20, 10)
		w.counts(p, 30)
	})
}

// TestAppendReplyLost: the broker appends and the answer does not come.
func TestAppendReplyLost(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		p := Place{"out", 0}
		a := w.appender(p)
		w.append(a, 0, 10)
		requests := 0
		w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{0}, Count: -1, Observe: true, When: func(kmsg.Request) bool {
			if requests++; requests <= 3 {
				w.network.cut("")
			}
			return true
		}})
		w.append(a, 10, 10)
		w.append(a, 20, 10)
		if requests != 5 {
			t.Errorf("%d requests, want 5: three of them a repetition", requests)
		}
		w.counts(p, 30)
	})
}

// TestAppendHangs: a broker that takes the batch and says nothing.
func TestAppendHangs(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		p := Place{"out", 0}
		a := w.appender(p)
		w.append(a, 0, 10)
		w.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) { return nil, nil, true })
		begin := time.Now()
		w.append(a, 10, 10)
		if took := time.Since(begin); took < callTimeout || took > callTimeout+5*time.Second {
			t.Errorf("took %v, want little more than %v", took, callTimeout)
		}
		w.counts(p, 20)
	})
}

// TestAppendGap: a batch whose sequence the broker did not expect is final.
func TestAppendGap(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		a := w.appender(Place{"out", 0})
		w.append(a, 0, 10)
		a.sequence++
		for range 2 {
			_, err := a.Append(w.Context(), numbered(10, 10))
			if fenced, ok := errors.AsType[*FencedError](err); !ok || fenced.Code != 45 || fenced.Place != (Place{"out", 0}) {
				t.Errorf("error is %v, want a FencedError of code 45", err)
			}
			a.sequence-- // right again, but it is too late
		}
		w.counts(Place{"out", 0}, 10)
	})
}

func TestAppendFencedCodes(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		for _, code := range []int16{45, 46, 47, 48, 49, 59, 90} {
			a := w.appender(Place{"out", 0})
			w.fail(kmsg.Produce, code, 1)
			_, err := a.Append(w.Context(), numbered(0, 10))
			if fenced, ok := errors.AsType[*FencedError](err); !ok || fenced.Code != int(code) {
				t.Errorf("code %d: error is %v, want a FencedError", code, err)
			}
		}
	})
}

// TestAppendRefused: the next batch may take the place of one that was refused,
// if it was refused at first sight.
func TestAppendRefused(t *testing.T) {
	virtually(t, func(w *world) {
		w.must(w.CreateTopic("out", 1, map[string]string{"max.message.bytes": "500"}))
		p := Place{"out", 0}
		a := w.appender(p)
		w.append(a, 0, 10)
		_, err := a.Append(w.Context(), numbered(10, 100))
		if refused, ok := errors.AsType[*RefusedBatchError](err); !ok || refused.Code != 10 || refused.Place != p || !strings.Contains(err.Error(), "append to out/0: batch refused: [10]") {
			t.Errorf("error is %v, want a RefusedBatchError of code 10", err)
		}
		for _, code := range []int16{2, 32, 87, 18, 76} {
			w.fail(kmsg.Produce, code, 1)
			_, err := a.Append(w.Context(), numbered(10, 10))
			if refused, ok := errors.AsType[*RefusedBatchError](err); !ok || refused.Code != int(code) {
				t.Errorf("code %d: error is %v, want a RefusedBatchError", code, err)
			}
		}
		w.append(a, 10, 10)
		w.fail(kmsg.Produce, 7, 1)
		_, err = a.Append(w.Context(), numbered(20, 100))
		if fenced, ok := errors.AsType[*FencedError](err); !ok || fenced.Code != 10 {
			t.Errorf("error is %v, want a FencedError: the first attempt may be in the log", err)
		}
		w.counts(p, 20)
	})
}

func TestAppendToMissingTopic(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		a := w.appender(Place{"out", 0})
		w.append(a, 0, 10)
		w.must(w.Cluster.DeleteTopic("out"))
		_, err := a.Append(w.Context(), numbered(10, 10))
		if missing, ok := errors.AsType[*MissingTopicError](err); !ok || missing.Topic != "out" {
			t.Errorf("error is %v, want a MissingTopicError", err)
		}
	})
}

// TestAppendExpires: a batch is sent for an hour and never after it.
func TestAppendExpires(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		p := Place{"out", 0}
		a := w.appender(p)
		w.append(a, 0, 10)
		f := w.fail(kmsg.Produce, 19, -1)
		begin := time.Now()
		_, err := a.Append(w.Context(), numbered(10, 10))
		expired, ok := errors.AsType[*ExpiredError](err)
		if !ok || expired.Place != p || expired.Age <= time.Hour || time.Since(begin) > time.Hour+2*time.Second {
			t.Errorf("error is %v after %v, want an ExpiredError after an hour", err, time.Since(begin))
		}
		f.Remove()
		_, err = a.Append(w.Context(), numbered(10, 10))
		if _, ok := errors.AsType[*ExpiredError](err); !ok {
			t.Errorf("error is %v, want an ExpiredError", err)
		}
		w.counts(p, 10)
	})
}

// TestAppendCancelled: the batch may be in the log, so another one in its place
// could be taken for it.
func TestAppendCancelled(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		p := Place{"out", 0}
		a := w.appender(p)
		w.append(a, 0, 10)
		ctx, cancel := context.WithCancel(w.Context())
		w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, When: func(kmsg.Request) bool { cancel(); return true }})
		if _, err := a.Append(ctx, numbered(10, 10)); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want the context's", err)
		}
		_, err := a.Append(w.Context(), numbered(1000, 10))
		if _, ok := errors.AsType[*ExpiredError](err); !ok {
			t.Errorf("error is %v, want an ExpiredError", err)
		}
		w.counts(p, 20)
	})
}

func TestNextSequence(t *testing.T) {
	for _, c := range []struct {
		sequence int32
		n        int
		want     int32
	}{
		{0, 1, 1},
		{5, 100, 105},
		{math.MaxInt32 - 1, 1, math.MaxInt32},
		{math.MaxInt32, 1, 0},
		{math.MaxInt32 - 9, 10, 0},
		{math.MaxInt32 - 9, 15, 5},
		{math.MaxInt32, math.MaxInt32, math.MaxInt32 - 1},
	} {
		if got := nextSequence(c.sequence, c.n); got != c.want {
			t.Errorf("behind %d records from %d comes %d, want %d", c.n, c.sequence, got, c.want)
		}
	}
}

func TestPayload(t *testing.T) {
	b := []byte("a batch")
	p := newPayload(b)
	got, err := io.ReadAll(p)
	if err != nil || string(got) != string(binary.BigEndian.AppendUint32(nil, 7))+"a batch" {
		t.Errorf("read %q, %v", got, err)
	}
	p = newPayload(b)
	if _, err := p.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	p.withdraw()
	if n, err := p.Read(make([]byte, 6)); n != 0 || err != errWithdrawn {
		t.Errorf("read %d bytes, %v of a batch that was withdrawn", n, err)
	}
}
