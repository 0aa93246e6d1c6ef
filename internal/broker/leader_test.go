package broker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"tare/internal/kafka"
)

// TestTurns: each partition comes first in turn, since the broker may fill a
// response before it comes to the last.
func TestTurns(t *testing.T) {
	f := &Fetcher{client: New(Config{}), options: FetchOptions{MaxWait: time.Second}, lost: newPost()}
	l := newLeader(f, "")
	for p := range int32(3) {
		l.feeds = append(l.feeds, f.Open(&Topic{Name: "in"}, p, 0))
	}
	l.feeds[0].least = 5 << 20
	first := map[int32]int{}
	for range 9 {
		l.choose(time.Now())
		if l.feeds[0].asked != 5<<20 || l.feeds[1].asked != smallestShare {
			t.Errorf("%d and %d bytes are asked for, want %d and %d", l.feeds[0].asked, l.feeds[1].asked, 5<<20, smallestShare)
		}
		first[l.fetch.feeds[0].place.Partition]++
	}
	for p := range int32(3) {
		if first[p] != 3 {
			t.Errorf("partition %d came first %d times of 9, want 3", p, first[p])
		}
	}
}

func TestWait(t *testing.T) {
	f := &Fetcher{client: New(Config{}), options: FetchOptions{MaxWait: time.Second}, lost: newPost()}
	l := newLeader(f, "")
	now := time.Now()
	one, two := f.Open(&Topic{}, 0, 0), f.Open(&Topic{}, 1, 0)
	l.feeds = []*Feed{one, two}
	for _, c := range []struct {
		name     string
		one, two time.Duration // since the last response
		busy     bool
		want     time.Duration
	}{
		{"both answered now", 0, 0, false, time.Second},
		{"one owed soon", 700 * time.Millisecond, 0, false, 300 * time.Millisecond},
		{"rounded up", 700*time.Millisecond + 1, 0, false, 300 * time.Millisecond},
		{"owed already", 0, 5 * time.Second, false, time.Millisecond},
		{"one busy", 0, 0, true, shortWait},
		{"one busy, one owed", 0, time.Second - 2*time.Millisecond, true, 2 * time.Millisecond},
	} {
		one.answered, two.answered = now.Add(-c.one), now.Add(-c.two)
		for one.ready() && c.busy { // its two buffers are taken
			one.next = nil
		}
		if wait, some := l.choose(now); wait != c.want || !some {
			t.Errorf("%s: wait %v, %v; want %v", c.name, wait, some, c.want)
		}
	}
}

func TestShare(t *testing.T) {
	f := &Fetcher{options: FetchOptions{Budget: 128 << 20}}
	for feeds, want := range map[int64]int{0: largestShare, 1: largestShare, 64: 1 << 20, 128: 512 << 10, 1024: 64 << 10, 5000: smallestShare} {
		f.feeds.Store(feeds)
		if got := f.share(); got != want {
			t.Errorf("a buffer of %d feeds has %d bytes, want %d", feeds, got, want)
		}
	}
}

// BenchmarkFeed reads eight partitions through cursors, over loopback TCP, from
// a broker in the same process that serves one batch for ever. A record is one
// operation.
func BenchmarkFeed(b *testing.B) {
	const partitions, size = 8, 180
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "in"), kfake.SyntheticFetch(kfake.SyntheticBatch{Records: 2500, RecordBytes: size}))
	defer cluster.Close()
	client := New(Config{Brokers: cluster.ListenAddrs()})
	defer client.Close()
	topic, err := client.Topic(b.Context(), "in")
	if err != nil {
		b.Fatal(err)
	}
	f := client.NewFetcher(FetchOptions{})
	defer f.Close()
	var feeds [partitions]*Feed
	var cursors [partitions]kafka.Cursor
	for p := range feeds {
		feeds[p] = f.Open(topic, int32(p), 0)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	var r kafka.Record
	for n, p := 0, 0; n < b.N; p = (p + 1) % partitions {
		response := <-feeds[p].C()
		c := &cursors[p]
		for c.Reset(response.Batches, response.Aborted); c.Next(); {
			for c.Record(&r) {
				n++
			}
		}
		if c.Err() != nil {
			b.Fatal(c.Err())
		}
		response.Release()
	}
}
