package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafkatest"
	"tare/store"
)

// A network is connections in memory that can be refused, so that a cluster and
// its clients run in virtual time.
type network struct {
	kfake.VirtualNetwork
	mu    sync.Mutex
	links []net.Conn // of the pipelines
	down  bool
}

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	link, err := n.DialContext(ctx, network, address)
	if err == nil {
		n.links = append(n.links, link)
	}
	return link, err
}

// fail cuts the pipelines off from the cluster, or lets them reach it again.
func (n *network) fail(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	for _, link := range n.links {
		link.Close()
	}
	n.links = nil
}

// A world is a cluster in virtual time, with a topic "in" of one partition.
type world struct {
	*testing.T
	began   time.Time // the time of all records, however late they come
	cluster *kfake.Cluster
	network *network
	peer    *kgo.Client
	oracle  *kafkatest.Oracle
	sent    int64
}

// virtually runs test in a bubble of virtual time, beside others.
func virtually(t *testing.T, test func(*world), options ...kfake.Opt) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, began: time.Now(), network: new(network), oracle: kafkatest.NewOracle("in")}
		w.cluster = kfake.MustCluster(append(options, kfake.Ports(9001), kfake.NumBrokers(1), kfake.ListenFn(w.network.Listen))...)
		defer w.cluster.Close()
		if err := w.cluster.CreateTopic("in", 1, nil); err != nil {
			t.Fatal(err)
		}
		w.peer = w.newPeer()
		defer w.peer.Close()
		test(w)
	})
}

func (w *world) newPeer(options ...kgo.Opt) *kgo.Client {
	w.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers("localhost:9001"), kgo.Dialer(w.network.DialContext),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// records returns n training records.
func (w *world) records(n int) (records []*kgo.Record) {
	for i := range n {
		records = append(records, &kgo.Record{Topic: "in", Value: fmt.Appendf(nil, `{"sensor":"s%d","ts":%d,"load":%d,"payload":{"vib":%d},"a.b":%d}`,
			i%3, w.began.UnixMilli(), i%11, i%13, i%17)})
	}
	return records
}

// produce writes n training records.
func (w *world) produce(n int) {
	w.Helper()
	w.send(w.records(n))
}

// send writes records that must come out.
func (w *world) send(records []*kgo.Record) {
	w.Helper()
	if err := w.peer.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		w.Fatal(err)
	}
	w.oracle.Expect(records...)
	w.sent += int64(len(records))
}

// pipeline returns one whose cutoff is so far behind the world's beginning.
func (w *world) pipeline(dir string, cutoff, idleness time.Duration) *Pipeline {
	p := pipeline(w.T, &kafkatest.Cluster{}, "in", dir)
	p.Client = broker.New(broker.Config{Brokers: []string{"localhost:9001"}, ClientID: "test", Dial: w.network.dial})
	w.Cleanup(p.Client.Close)
	p.Plan.Cutoff.Time, p.Plan.Cutoff.Gap, p.Idleness = fit.Instant(w.began.Add(cutoff).UnixNano()), 0, idleness
	return p
}

// A run is a pass under way.
type run struct {
	*world
	*Pipeline
	cancel   context.CancelFunc
	done     chan struct{}
	artifact *store.Artifact
	err      error
}

// start runs a pass in the background, to the end of the test at most.
func (w *world) start(p *Pipeline, pass func(context.Context) (*store.Artifact, error)) *run {
	ctx, cancel := context.WithCancel(w.Context())
	r := &run{world: w, Pipeline: p, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.artifact, r.err = pass(ctx)
	}()
	return r
}

func (w *world) freeze(p *Pipeline) *run { return w.start(p, p.Freeze) }

func (w *world) normalize(p *Pipeline, artifact *store.Artifact) *run {
	return w.start(p, func(ctx context.Context) (*store.Artifact, error) { return nil, p.Normalize(ctx, artifact) })
}

// ended waits for d and reports whether the pass has ended by then.
func (r *run) ended(d time.Duration) bool {
	select {
	case <-r.done:
		return true
	case <-time.After(d):
		return false
	}
}

// goesOn waits for d and wants the pass not to end, nor that of the fit to seal.
func (r *run) goesOn(d time.Duration, why string) {
	r.Helper()
	if r.ended(d) {
		r.Fatalf("%s: the pass has ended: %v", why, r.err)
	}
	if s := r.partition(); s.Phase != Normalizing && s.Seal != nil {
		r.Fatalf("%s: sealed: %+v", why, s.Seal)
	}
}

// seals waits for d at most and wants a seal by idleness at an offset.
func (r *run) seals(d time.Duration, offset int64) {
	r.Helper()
	if !r.ended(d) {
		r.Fatalf("not sealed in %v: %+v", d, r.partition())
	}
	if r.err != nil {
		r.Fatal(r.err)
	}
	if got := r.artifact.Manifest.Ranges[0]; got.Seal != offset || got.Reason != fit.ByIdleness {
		r.Errorf("the range is %+v, want a seal by idleness at %d", got, offset)
	}
}

func (r *run) partition() PartitionStatus { return r.Monitor.Status().Partitions[0] }

// stop ends the pass and wants it to end at once, for that reason.
func (r *run) stop() {
	r.Helper()
	r.cancel()
	if !r.ended(time.Minute) || !errors.Is(r.err, context.Canceled) {
		r.Errorf("told to stop: got %v, want context.Canceled within a minute", r.err)
	}
}

// written returns all that the outputs hold.
func (w *world) written(p *Pipeline) (all [][][]*kgo.Record) {
	for _, name := range p.Outputs.names() {
		c := w.newPeer(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: {0: kgo.NewOffset().AtStart()}}))
		var records []*kgo.Record
		ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
		for ctx.Err() == nil {
			records = append(records, c.PollFetches(ctx).Records()...)
		}
		cancel()
		c.Close()
		all = append(all, [][]*kgo.Record{records})
	}
	return all
}
