package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// FetchOptions say how a Fetcher reads.
type FetchOptions struct {
	Uncommitted bool          // also records of open and aborted transactions
	Budget      int           // bytes of all buffers; 0 is 128 MiB
	MaxWait     time.Duration // a broker waits for records at most this long; 0 is 500 ms
}

// The share of one buffer is Budget by the number of buffers, within these
// bounds. Batches that are larger get through, with a buffer of their own size.
const (
	smallestShare = 64 << 10
	largestShare  = 1 << 20
)

// A Fetcher reads any number of partitions, with one connection to each broker
// that leads some of them. A partition is asked for only while it has a free
// buffer, so that one that is read slowly holds up no other.
//
// A feed lies with the goroutine of its leader's connection. Whatever ends that
// (an error of the partition, a connection that breaks) sends it to the scout,
// which finds out where to go on, or that there is no going on.
type Fetcher struct {
	client  *Client
	options FetchOptions
	feeds   atomic.Int64 // open ones
	lost    *post        // the scout's
	cancel  context.CancelFunc
	running sync.WaitGroup // the scout, which waits for all others
}

// NewFetcher returns a Fetcher without feeds. Close it after use.
func (c *Client) NewFetcher(o FetchOptions) *Fetcher {
	if o.Budget == 0 {
		o.Budget = 128 << 20
	}
	if o.MaxWait == 0 {
		o.MaxWait = 500 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &Fetcher{client: c, options: o, lost: newPost(), cancel: cancel}
	f.running.Go(func() { (&scout{fetcher: f}).run(ctx) })
	return f
}

// Open starts to read a partition of t from offset on. It may be called at any
// time, and returns at once.
func (f *Fetcher) Open(t *Topic, partition int32, offset int64) *Feed {
	d := &Feed{
		place:    Place{t.Name, partition},
		fetcher:  f,
		topic:    t,
		position: offset,
		out:      make(chan *Fetch, 2),
		free:     make(chan *Fetch, 2),
	}
	for range cap(d.free) {
		d.free <- &Fetch{feed: d}
	}
	f.feeds.Add(1)
	if !f.lost.hand(d) {
		d.end(nil)
	}
	return d
}

// Close ends all feeds and waits for the Fetcher's goroutines.
func (f *Fetcher) Close() {
	f.cancel()
	f.running.Wait()
}

// share returns the bytes that a buffer has.
func (f *Fetcher) share() int {
	n := 2 * max(int(f.feeds.Load()), 1)
	return min(max(f.options.Budget/n, smallestShare), largestShare)
}

// A post is where feeds are handed to a goroutine, and where it is told to look
// at those that it has: a buffer has become free, or one was closed.
type post struct {
	bell chan struct{}
	mu   sync.Mutex
	shut bool
	came []*Feed
}

func newPost() *post { return &post{bell: make(chan struct{}, 1)} }

// ring wakes the goroutine, or lets it not fall asleep.
func (p *post) ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

// hand gives d to the goroutine, or reports that it has left.
func (p *post) hand(d *Feed) bool {
	d.post.Store(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return false
	}
	p.came = append(p.came, d)
	p.ring()
	return true
}

// take appends the feeds that have come to feeds.
func (p *post) take(feeds []*Feed) []*Feed {
	p.mu.Lock()
	defer p.mu.Unlock()
	feeds = append(feeds, p.came...)
	clear(p.came)
	p.came = p.came[:0]
	return feeds
}

// close lets no more feeds come and returns those that have.
func (p *post) close() []*Feed {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	return p.came
}

// keep ends the feeds that were closed and returns the others, in place.
func keep(feeds []*Feed) []*Feed {
	kept := feeds[:0]
	for _, d := range feeds {
		if d.closed.Load() {
			d.end(nil)
		} else {
			kept = append(kept, d)
		}
	}
	clear(feeds[len(kept):])
	return kept
}
