package broker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"tare/internal/kafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// random returns a generator whose seed is printed when the test fails, and is
// taken from TARE_SEED if that is set.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv("TARE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TARE_SEED: %v, want an unsigned integer", err)
		}
	}
	t.Logf("TARE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A network is connections in memory that can be cut, so that a cluster and its
// clients run in virtual time.
type network struct {
	kfake.VirtualNetwork
	mu    sync.Mutex
	links map[net.Conn]string // of clients, by address
	down  map[string]bool     // addresses that refuse connections
	dials int
}

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	down := n.down[address]
	n.mu.Unlock()
	err := fmt.Errorf("connection refused")
	var link net.Conn
	if !down {
		link, err = n.DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	n.mu.Lock()
	n.links[link] = address
	n.mu.Unlock()
	return link, nil
}

// cut ends the connections to address, or all of them if it is empty.
func (n *network) cut(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for link, to := range n.links {
		if address == "" || to == address {
			link.Close()
			delete(n.links, link)
		}
	}
}

// refuse lets address be down, or up again.
func (n *network) refuse(address string, down bool) {
	n.mu.Lock()
	n.down[address] = down
	n.mu.Unlock()
	if down {
		n.cut(address)
	}
}

// A world is a cluster of three brokers with a client of ours and a peer.
type world struct {
	*testing.T
	*kfake.Cluster
	network *network
	client  *Client
	peer    *kgo.Client

	mu   sync.Mutex
	told []string // by Config.Notify
}

// virtually runs test in a bubble of virtual time.
func virtually(t *testing.T, test func(*world), opts ...kfake.Opt) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, network: &network{links: map[net.Conn]string{}, down: map[string]bool{}}}
		opts = append(opts, kfake.Ports(9001, 9002, 9003), kfake.ListenFn(w.network.Listen))
		w.Cluster = kfake.MustCluster(opts...)
		defer w.Cluster.Close()
		w.client = New(Config{
			Brokers:  []string{"localhost:9001", "localhost:9002"},
			ClientID: "tare",
			Dial:     w.network.dial,
			Notify:   w.note,
		})
		defer w.client.Close()
		w.peer = w.newPeer()
		defer w.peer.Close()
		test(w)
	})
}

func (w *world) note(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf("%s: %v", what, err))
}

func (w *world) notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.told...)
}

func (w *world) newPeer(opts ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers("localhost:9003"),
		kgo.Dialer(w.network.DialContext),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(1 << 20),
	}, opts...)...)
	w.must(err)
	return c
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// make creates a topic and returns it.
func (w *world) make(name string, partitions int32) *Topic {
	w.Helper()
	w.must(w.CreateTopic(name, partitions, map[string]string{"max.message.bytes": "67108864"}))
	return w.topic(name)
}

func (w *world) topic(name string) *Topic {
	w.Helper()
	t, err := w.client.Topic(w.Context(), name)
	w.must(err)
	return t
}

// produce writes n records, in batches of a hundred; the value of each is its
// offset if from is the first one.
func (w *world) produce(p Place, from, n int) {
	w.Helper()
	for n > 0 {
		batch := min(n, 100)
		var records []*kgo.Record
		for i := range batch {
			records = append(records, &kgo.Record{Topic: p.Topic, Partition: p.Partition, Value: strconv.AppendInt(nil, int64(from+i), 10)})
		}
		w.must(w.peer.ProduceSync(context.Background(), records...).FirstErr())
		from, n = from+batch, n-batch
	}
}

func (w *world) fetcher(o FetchOptions) *Fetcher {
	f := w.client.NewFetcher(o)
	w.Cleanup(f.Close)
	return f
}

// A reader reads a feed through a cursor.
type reader struct {
	*world
	feed   *Feed
	cursor kafka.Cursor
	seen   int64 // the next offset
}

func (w *world) reader(f *Fetcher, t *Topic, partition int32, offset int64) *reader {
	r := &reader{world: w, feed: f.Open(t, partition, offset), seen: offset}
	r.cursor.SetPosition(offset)
	return r
}

// next waits for a response for up to a minute; nil is the end.
func (r *reader) next() *Fetch {
	r.Helper()
	select {
	case f := <-r.feed.C():
		return f
	case <-time.After(time.Minute):
		r.Fatalf("no response in a minute; notes: %q", r.notes())
		return nil
	}
}

// each calls see for every record of f, and releases it.
func (r *reader) each(f *Fetch, see func(*kafka.Record)) {
	r.Helper()
	defer f.Release()
	var record kafka.Record
	r.cursor.Reset(f.Batches, f.Aborted)
	for r.cursor.Next() {
		for r.cursor.Record(&record) {
			see(&record)
		}
	}
	r.must(r.cursor.Err())
}

// counts reads until offset at least, and wants every record from the first one
// on, once and in order: the value of each is its offset.
func (r *reader) counts(until int64) {
	r.Helper()
	for r.cursor.Position() < until {
		f := r.next()
		if f == nil {
			r.Fatalf("feed ended at offset %d: %v", r.cursor.Position(), r.feed.Err())
		}
		r.each(f, func(record *kafka.Record) {
			if record.Offset != r.seen || string(record.Value) != strconv.FormatInt(r.seen, 10) {
				r.Fatalf("got offset %d with %q, want %d", record.Offset, record.Value, r.seen)
			}
			r.seen++
		})
	}
	if r.seen != r.cursor.Position() {
		r.Fatalf("the position is %d, want %d, behind the last record", r.cursor.Position(), r.seen)
	}
}

// end reads until the feed ends, and returns why.
func (r *reader) end() error {
	r.Helper()
	for {
		f := r.next()
		if f == nil {
			return r.feed.Err()
		}
		f.Release()
	}
}
