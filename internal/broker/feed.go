package broker

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"tare/internal/kafka"
)

// A Fetch is what a broker sent of one partition, in a buffer of its Feed.
type Fetch struct {
	Batches                 []byte          // whole record batches, for kafka.Cursor.Reset; may be empty
	Aborted                 []kafka.Aborted // transactions to leave out; empty if FetchOptions.Uncommitted
	HighWatermark, LogStart int64           // offsets: behind the newest record, of the oldest

	feed *Feed
}

// Release gives the buffers back, once. The Fetch must not be used after it. It
// may be called after the Feed has ended.
func (f *Fetch) Release() {
	d := f.feed
	if most := d.fetcher.share(); cap(f.Batches) > 2*most {
		f.Batches = nil // not kept, so that the buffers of all feeds stay within twice the Budget
	}
	d.free <- f
	d.post.Load().ring()
}

// grow makes Batches n bytes long.
func (f *Fetch) grow(n int) {
	if n > cap(f.Batches) {
		size := 1 << bits.Len(uint(n-1))
		if n > f.feed.fetcher.share() {
			size = n
		}
		f.Batches = append(make([]byte, 0, size), f.Batches...)
	}
	f.Batches = f.Batches[:n]
}

// A RangeError tells that a partition does not hold the offset to go on from.
type RangeError struct {
	Place
	Position    int64 // the offset asked for
	First, Last int64 // the log's first offset, and the one behind its last
}

// Error says what was asked for and what there is.
func (e *RangeError) Error() string {
	reason := "retention or a deletion has removed the records in between"
	if e.Position > e.Last {
		reason = "the log was cut, which loses records: a leader was elected that had not got them"
	}
	return fmt.Sprintf("%v: offset %d is outside of the log, which reaches from %d to %d: %s", e.Place, e.Position, e.First, e.Last, reason)
}

// errDisconnected is the trouble of a feed whose connection has ended.
var errDisconnected = errors.New("connection ended")

// A Feed reads one partition ahead: at most two Fetches that were not released.
// It belongs to one goroutine of its Fetcher at a time, which alone may touch
// what is not said to be shared.
type Feed struct {
	place    Place
	fetcher  *Fetcher
	position int64 // of the next request

	// Shared with the reader.
	out    chan *Fetch // two fit, so sending never blocks
	free   chan *Fetch // likewise
	closed atomic.Bool
	post   atomic.Pointer[post] // of the goroutine that has the feed
	err    error                // set before out is closed

	topic    *Topic
	next     *Fetch    // the buffer to fetch into, or nil
	asked    int       // bytes of the request under way; 0 once it is answered
	least    int       // bytes to ask for at least, since a batch was larger; 0 is none
	answered time.Time // when the last Fetch was sent

	trouble     error // why it has to leave its goroutine, or nil
	first, last int64 // after OffsetOutOfRange: the log's range; last is -1 if it is not known
	pause       backoff
	due         time.Time // of the next attempt
}

// C returns the channel of responses, in offset order. There are empty ones
// too, one each MaxWait while nothing comes. It is closed after a final error,
// and after Close of the Feed or its Fetcher.
func (d *Feed) C() <-chan *Fetch { return d.out }

// Err returns, once C is closed, the error that ended the Feed: a *RangeError, a
// *MissingTopicError, a *ReplacedError, or a *kafka.Error for a batch whose
// header cannot be right. It is nil after Close.
func (d *Feed) Err() error { return d.err }

// Close ends the Feed. It does not wait for that: C is closed within MaxWait.
func (d *Feed) Close() {
	d.closed.Store(true)
	d.post.Load().ring()
}

// ready reports whether there is a buffer to fetch into.
func (d *Feed) ready() bool {
	if d.next == nil {
		select {
		case d.next = <-d.free:
		default:
		}
	}
	return d.next != nil
}

// receive takes the response to the last request out of d.next.
func (d *Feed) receive(code kafkago.Error, now time.Time) {
	asked := d.asked
	d.asked = 0
	if code != 0 {
		d.trouble = code
		return
	}
	d.pause = backoff{}
	sent := len(d.next.Batches)
	whole, next, err := walk(d.next.Batches, d.position)
	switch {
	case err != nil && whole == 0:
		d.trouble = err
	case whole > 0:
		d.send(whole, next, now)
	case sent > 0:
		d.enlarge(asked)
	case now.Sub(d.answered) >= d.fetcher.options.MaxWait:
		d.send(0, next, now)
	}
}

func (d *Feed) send(whole int, next int64, now time.Time) {
	d.next.Batches = d.next.Batches[:whole]
	d.position, d.answered = next, now
	d.out <- d.next
	d.next = nil
}

// enlarge makes the next request twice as large as the last one, which got only
// the start of a batch.
func (d *Feed) enlarge(asked int) {
	if d.least = 2 * asked; d.least > largestBatch {
		d.trouble = &kafka.Error{BaseOffset: d.position, Err: fmt.Errorf("a batch larger than %d bytes, the most that is read: lower max.message.bytes", asked)}
	}
}

// end closes C. err is the final error, or nil.
func (d *Feed) end(err error) {
	d.err = err
	d.fetcher.feeds.Add(-1)
	close(d.out)
}
