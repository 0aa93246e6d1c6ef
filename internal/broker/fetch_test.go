package broker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tare/internal/kafka"
)

// A tape is a source in memory.
type tape struct{ *bufio.Reader }

func newTape(b []byte) tape { return tape{bufio.NewReader(bytes.NewReader(b))} }

func (tape) SetReadDeadline(time.Time) error { return nil }

// sample returns a fetch of partitions 0 to n-1 of a topic, sent.
func sample(n int32) *fetch {
	f := &Fetcher{options: FetchOptions{Budget: 1, MaxWait: time.Second}, lost: newPost()}
	topic := &Topic{Name: "in", ID: [16]byte{1, 2, 3}}
	r := &fetch{clientID: "tare"}
	for p := range n {
		d := f.Open(topic, p, 100)
		d.ready()
		d.asked = smallestShare
		r.feeds = append(r.feeds, d)
	}
	r.append(0)
	return r
}

// batch returns a record batch of so many bytes.
func batch(t testing.TB, base int64, records, size int) []byte {
	var w kafka.BatchWriter
	w.Reset()
	for range records {
		w.Append(&kafka.Record{Value: make([]byte, size)})
	}
	b, err := w.Finish(kafka.NoProducer, -1)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(b)
	binary.BigEndian.PutUint64(b, uint64(base))
	return b
}

// respond encodes a response to r as franz-go does; records are those of the
// partitions from 0 on.
func respond(r *fetch, change func(*kmsg.FetchResponse), records ...[]byte) []byte {
	m := kmsg.NewPtrFetchResponse()
	m.SetVersion(fetchVersion)
	topic := kmsg.NewFetchResponseTopic()
	topic.TopicID = r.feeds[0].topic.ID
	for p, b := range records {
		partition := kmsg.NewFetchResponseTopicPartition()
		partition.Partition = int32(p)
		partition.HighWatermark, partition.LogStartOffset = 1000, 50
		partition.RecordBatches = b
		topic.Partitions = append(topic.Partitions, partition)
	}
	m.Topics = append(m.Topics, topic)
	if change != nil {
		change(m)
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(r.correlation))
	return finish(m.AppendTo(append(b, 0)))
}

func TestFetchRequest(t *testing.T) {
	r := sample(3)
	r.feeds[2].topic = &Topic{Name: "out", ID: [16]byte{9}}
	r.append(250 * time.Millisecond)
	m := kmsg.NewPtrFetchRequest()
	m.SetVersion(fetchVersion)
	header := []byte{0, 1, 0, fetchVersion, 0, 0, 0, 2, 0, 4, 't', 'a', 'r', 'e', 0}
	if got := r.request[4:][:len(header)]; !bytes.Equal(got, header) {
		t.Errorf("header is %v, want %v", got, header)
	}
	if err := m.ReadFrom(r.request[4+len(header):]); err != nil {
		t.Fatal(err)
	}
	if m.ReplicaID != -1 || m.MaxWaitMillis != 250 || m.MinBytes != 1 || m.MaxBytes != 3*smallestShare || m.IsolationLevel != 1 || m.SessionID != 0 || m.SessionEpoch != -1 {
		t.Errorf("request is %+v", m)
	}
	if len(m.Topics) != 2 || len(m.Topics[0].Partitions) != 2 || m.Topics[0].TopicID != r.feeds[0].topic.ID || m.Topics[1].TopicID != r.feeds[2].topic.ID {
		t.Fatalf("topics are %+v, want two partitions of one and one of the other", m.Topics)
	}
	for i, p := range append(m.Topics[0].Partitions, m.Topics[1].Partitions...) {
		if p.Partition != int32(i) || p.FetchOffset != 100 || p.CurrentLeaderEpoch != -1 || p.LastFetchedEpoch != -1 || p.LogStartOffset != -1 || p.PartitionMaxBytes != smallestShare {
			t.Errorf("partition is %+v", p)
		}
	}
	r.uncommitted = true
	if r.append(0); m.ReadFrom(r.request[4+len(header):]) != nil || m.IsolationLevel != 0 {
		t.Errorf("isolation level is %d, want 0", m.IsolationLevel)
	}
}

func TestFetchResponse(t *testing.T) {
	r := sample(3)
	one, two := batch(t, 90, 20, 10), batch(t, 110, 5, 10)
	b := respond(r, func(m *kmsg.FetchResponse) {
		p := &m.Topics[0].Partitions[0]
		p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 7, FirstOffset: 90}, {ProducerID: 8, FirstOffset: 95}}
		p.CurrentLeader.LeaderID = 5 // a tagged field
		m.Topics[0].Partitions[2].ErrorCode = 6
	}, append(bytes.Clone(one), append(two, one[:70]...)...), nil, nil)
	if err := r.read(newTape(b)); err != nil {
		t.Fatal(err)
	}
	f := <-r.feeds[0].C()
	if len(f.Batches) != len(one)+len(two) || f.HighWatermark != 1000 || f.LogStart != 50 {
		t.Errorf("got %d bytes, high watermark %d, log start %d", len(f.Batches), f.HighWatermark, f.LogStart)
	}
	if want := []kafka.Aborted{{ProducerID: 7, FirstOffset: 90}, {ProducerID: 8, FirstOffset: 95}}; fmt.Sprint(f.Aborted) != fmt.Sprint(want) {
		t.Errorf("aborted is %v, want %v", f.Aborted, want)
	}
	if got := r.feeds[0].position; got != 115 {
		t.Errorf("position is %d, want 115", got)
	}
	if len(r.feeds[1].out) != 1 || r.feeds[1].position != 100 {
		t.Error("no empty response for partition 1")
	}
	if r.feeds[2].trouble == nil || len(r.feeds[2].out) != 0 {
		t.Error("no trouble for partition 2")
	}
}

// TestCutBatch: a response that holds only the start of a batch makes the next
// request larger, up to the limit.
func TestCutBatch(t *testing.T) {
	r := sample(1)
	d := r.feeds[0]
	start := batch(t, 100, 1, 5000)[:1000]
	for want := 2 * smallestShare; want <= largestBatch; want *= 2 {
		if err := r.read(newTape(respond(r, nil, start))); err != nil {
			t.Fatal(err)
		}
		if d.trouble != nil || d.least != want || len(d.out) > 0 {
			t.Fatalf("after a cut batch %d bytes are asked for, %v; want %d", d.least, d.trouble, want)
		}
		d.asked = d.least
	}
	if err := r.read(newTape(respond(r, nil, start))); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*kafka.Error](d.trouble); !ok || !strings.Contains(d.trouble.Error(), "268435456 bytes") {
		t.Errorf("trouble is %v, want a kafka.Error naming the size", d.trouble)
	}
}

func TestHostileResponse(t *testing.T) {
	plain := func(change func(*kmsg.FetchResponse)) func(*fetch) []byte {
		return func(r *fetch) []byte { return respond(r, change, batch(t, 100, 1, 10), nil) }
	}
	patch := func(at int, with ...byte) func(*fetch) []byte {
		return func(r *fetch) []byte {
			b := plain(nil)(r)
			copy(b[at:], with)
			return b
		}
	}
	for _, c := range []struct {
		name, want string
		response   func(*fetch) []byte
	}{
		{"an error for all", "[35]", plain(func(m *kmsg.FetchResponse) { m.ErrorCode = 35 })},
		{"another partition", "partition 7", plain(func(m *kmsg.FetchResponse) { m.Topics[0].Partitions[1].Partition = 7 })},
		{"a partition twice", "or twice", plain(func(m *kmsg.FetchResponse) { m.Topics[0].Partitions[1].Partition = 0 })},
		{"another topic", "topic id 09", plain(func(m *kmsg.FetchResponse) { m.Topics[0].TopicID = [16]byte{9} })},
		{"a frame beyond what was asked for", "a response of 2147483647 bytes", patch(0, 0x7f, 0xff, 0xff, 0xff)},
		{"a negative frame", "a response of -1 bytes", patch(0, 0xff, 0xff, 0xff, 0xff)},
		{"another request's response", "response to request", patch(4, 9)},
		{"a header with endless tags", "left in the response", patch(8, 1, 0, 0xff, 0xff, 0xff, 0x7f)},
		{"more aborted transactions than bytes", "an array of 268435454 items", patch(67, 0xff, 0xff, 0xff, 0x7f)},
		{"more records than bytes", "a field of 268435454 bytes", patch(72, 0xff, 0xff, 0xff, 0x7f)},
		{"more topics than bytes", "an array of 268435454 items", patch(19, 0xff, 0xff, 0xff, 0x7f)},
		{"a varint of six bytes", "a varint", patch(19, 0xff, 0xff, 0xff, 0xff, 0xff, 1)},
		{"bytes behind the response", "2 bytes behind", func(r *fetch) []byte { return finish(append(plain(nil)(r), 0, 0)) }},
	} {
		r := sample(2)
		if err := r.read(newTape(c.response(r))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want it to contain %q", c.name, err, c.want)
		}
	}
}

// TestTruncatedResponse cuts a response at every byte.
func TestTruncatedResponse(t *testing.T) {
	r := sample(2)
	whole := respond(r, nil, batch(t, 100, 3, 10), batch(t, 100, 3, 10))
	for n := range whole {
		if err := sample(2).read(newTape(whole[:n])); err == nil {
			t.Errorf("no error for the first %d bytes of %d", n, len(whole))
		}
		if short := finish(bytes.Clone(whole[:max(n, 4)])); sample(2).read(newTape(short)) == nil {
			t.Errorf("no error for a frame of %d bytes, which wants %d", n, len(whole))
		}
	}
}

func TestWalk(t *testing.T) {
	with := func(at int, bytes ...byte) []byte {
		b := batch(t, 100, 10, 3)
		copy(b[at:], bytes)
		return b
	}
	good := with(0)
	for _, c := range []struct {
		name        string
		b           []byte
		position    int64
		whole, next int64
		want        string
	}{
		{"nothing", nil, 100, 0, 100, ""},
		{"one", good, 100, int64(len(good)), 110, ""},
		{"from within", good, 109, int64(len(good)), 110, ""},
		{"from before", good, 7, int64(len(good)), 110, ""},
		{"a header cut", good[:60], 100, 0, 100, ""},
		{"a batch cut", good[:len(good)-1], 100, 0, 100, ""},
		{"below the position", good, 110, 0, 110, "last offset is 109, want 110"},
		{"twice the same", append(with(0), good...), 100, int64(len(good)), 110, "last offset is 109"},
		{"old format", with(magicAt, 1), 100, 0, 100, "magic is 1, want 2"},
		{"size too small", with(lengthAt, 0, 0, 0, 48), 100, 0, 100, "size is 60, want 61"},
		{"negative size", with(lengthAt, 0xff), 100, 0, 100, "size is -"},
		{"negative delta", with(lastOffsetDeltaAt, 0xff), 0, 0, 0, "last offset"},
		{"negative base", with(0, 0xff), 0, 0, 0, "last offset"},
		{"behind all offsets", with(0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 0, 0, 0, "last offset"},
		{"at the last offset", with(0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf6), 0, 0, 0, "last offset"},
	} {
		whole, next, err := walk(c.b, c.position)
		if int64(whole) != c.whole || next != c.next || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d bytes to offset %d, %v; want %d, %d, %q", c.name, whole, next, err, c.whole, c.next, c.want)
		}
	}
	if _, next, err := walk(with(0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf5), 0); err != nil || next != math.MaxInt64 {
		t.Errorf("the last possible batch ends at %d, %v; want %d", next, err, int64(math.MaxInt64))
	}
}

// TestNoAllocation: a response costs no allocation once the buffers are there.
func TestNoAllocation(t *testing.T) {
	r := sample(4)
	data := append(batch(t, 100, 100, 100), batch(t, 200, 100, 100)...)
	response := respond(r, nil, data, data, data, nil)
	from := bytes.NewReader(nil)
	source := tape{bufio.NewReader(from)}
	allocations := testing.AllocsPerRun(100, func() {
		from.Reset(response)
		source.Reset(from)
		for _, d := range r.feeds {
			d.ready()
			d.asked, d.position, d.answered = smallestShare, 100, time.Time{}
		}
		r.correlation--
		r.append(time.Second)
		if err := r.read(source); err != nil {
			t.Fatal(err)
		}
		for _, d := range r.feeds {
			(<-d.out).Release()
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations a response, want none", allocations)
	}
}

// FuzzFetchResponse: whatever a broker sends gives an error or a feed's fetch,
// and takes no more memory than what was sent.
func FuzzFetchResponse(f *testing.F) {
	r := sample(2)
	f.Add(respond(r, nil, batch(f, 100, 3, 10), nil))
	f.Add(respond(r, nil, append(batch(f, 90, 30, 100), batch(f, 120, 1, 1)...), batch(f, 100, 1, 500)[:100]))
	f.Add(respond(r, func(m *kmsg.FetchResponse) { m.Topics[0].Partitions[0].ErrorCode = 1 }, nil, nil))
	f.Add(respond(r, func(m *kmsg.FetchResponse) {
		m.Topics[0].Partitions[1].AbortedTransactions = make([]kmsg.FetchResponseTopicPartitionAbortedTransaction, 5)
		m.Topics[0].Partitions[1].CurrentLeader.LeaderID = 3
	}, nil, batch(f, 100, 1, 1)))
	claims := respond(r, nil, nil, nil)
	f.Add(append([]byte{0x10}, append(claims[1:72:72], 0x80, 0x80, 0x80, 0x40)...)) // 128 MiB of records, and none come
	f.Fuzz(func(t *testing.T, b []byte) {
		r := sample(2)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := r.read(newTape(b))
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20+64*uint64(len(b)) {
			t.Errorf("%d bytes allocated for a response of %d (error %v)", grown, len(b), err)
		}
		for _, d := range r.feeds {
			if len(d.out) == 0 {
				continue
			}
			if f := <-d.out; len(f.Batches) > 0 && d.position <= 100 || len(f.Batches) > len(b) {
				t.Errorf("%d bytes of batches move the position to %d", len(f.Batches), d.position)
			}
		}
	})
}

func BenchmarkFetchResponse(b *testing.B) {
	r := sample(4)
	r.feeds[0].fetcher.options.Budget = 128 << 20
	data := batch(b, 100, 5000, 180)
	response := respond(r, nil, data, data, data, data)
	b.SetBytes(int64(len(response)))
	b.ReportAllocs()
	from := bytes.NewReader(nil)
	source := tape{bufio.NewReader(from)}
	for b.Loop() {
		from.Reset(response)
		source.Reset(from)
		for _, d := range r.feeds {
			d.ready()
			d.asked, d.position = smallestShare, 100
		}
		if err := r.read(source); err != nil {
			b.Fatal(err)
		}
		for _, d := range r.feeds {
			(<-d.out).Release()
		}
	}
}
