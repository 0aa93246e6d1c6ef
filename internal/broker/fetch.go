package broker

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"tare/internal/kafka"
)

const (
	largestBatch = 256 << 20 // of all that are accepted
	besides      = 16 << 20  // the most bytes of a response that are not records
)

// A fetch is one request and its response, over and over.
type fetch struct {
	clientID    string
	uncommitted bool
	correlation int32
	feeds       []*Feed // asked for, in order; each has a buffer in next
	at          int     // in feeds: where the response's next partition is expected
	request     []byte
	frame       frame
}

// append writes the request for all feeds into f.request. The broker waits for
// up to wait if it has nothing for any of them.
//
// https://kafka.apache.org/protocol#The_Messages_Fetch
func (f *fetch) append(wait time.Duration) {
	f.correlation++
	b := appendHeader(f.request[:0], int16(protocol.Fetch), fetchVersion, f.correlation, f.clientID)
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // a client, not a replica
	b = binary.BigEndian.AppendUint32(b, uint32(wait.Milliseconds()))
	b = binary.BigEndian.AppendUint32(b, 1) // least bytes
	b = binary.BigEndian.AppendUint32(b, uint32(f.most()))
	b = append(b, f.isolation())
	b = binary.BigEndian.AppendUint32(b, 0)          // no session
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // nor a new one
	b = appendCount(b, f.topics())
	for rest := f.feeds; len(rest) > 0; {
		n := run(rest)
		b = append(b, rest[0].topic.ID[:]...)
		b = appendCount(b, n)
		for _, d := range rest[:n] {
			b = d.append(b)
		}
		b = append(b, 0) // no tags
		rest = rest[n:]
	}
	b = appendCount(b, 0)            // nothing to forget
	b = appendCount(b, 0)            // no rack
	f.request = finish(append(b, 0)) // no tags
}

// append appends what is asked for the feed's partition.
func (d *Feed) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(d.place.Partition))
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // whatever the leader's epoch
	b = binary.BigEndian.AppendUint64(b, uint64(d.position))
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // last epoch: not known
	b = binary.BigEndian.AppendUint64(b, ^uint64(0)) // a follower's log start: none
	b = binary.BigEndian.AppendUint32(b, uint32(d.asked))
	return append(b, 0) // no tags
}

// run returns how many of the first feeds are of one topic.
func run(feeds []*Feed) int {
	other := func(d *Feed) bool { return d.topic.ID != feeds[0].topic.ID }
	if n := slices.IndexFunc(feeds, other); n >= 0 {
		return n
	}
	return len(feeds)
}

// topics returns the number of runs.
func (f *fetch) topics() (n int) {
	for rest := f.feeds; len(rest) > 0; n++ {
		rest = rest[run(rest):]
	}
	return n
}

// most returns the bytes asked for. The first batch may still be larger.
func (f *fetch) most() int {
	n := 0
	for _, d := range f.feeds {
		n += int(d.asked)
	}
	return min(n, 1<<31-1)
}

func (f *fetch) isolation() byte {
	if f.uncommitted {
		return 0
	}
	return 1
}

// read reads the response from s. Each partition that was asked for is handed to
// its feed as soon as it is there. The error is the connection's, or tells why
// it cannot be used any more; what was handed over before it is good.
func (f *fetch) read(s source) error {
	r := &f.frame
	r.source = s
	r.begin(f.correlation, f.most()+largestBatch+besides)
	r.int32() // throttle time: the broker keeps to it by itself
	if code := r.int16(); code != 0 {
		return fmt.Errorf("fetch: %w", kafkago.Error(code))
	}
	r.int32() // session
	f.at = 0
	now := time.Now()
	for n := r.count(18); n > 0 && r.err == nil; n-- {
		id := r.uuid()
		for n := r.count(32); n > 0 && r.err == nil; n-- {
			f.readPartition(id, now)
		}
		r.tags()
	}
	r.tags()
	return r.end()
}

func (f *fetch) readPartition(id [16]byte, now time.Time) {
	r := &f.frame
	partition := r.int32()
	d := f.find(id, partition)
	if r.err == nil && d == nil {
		r.fail("partition %d of topic id %x, which was not asked for, or twice", partition, id)
	}
	if r.err != nil {
		return
	}
	code := kafkago.Error(r.int16())
	d.next.read(r)
	r.tags()
	if r.err == nil {
		d.receive(code, now)
	}
}

// find returns the feed of that partition if it waits for an answer. Responses
// come in the order of the request, nearly always.
func (f *fetch) find(id [16]byte, partition int32) *Feed {
	for i := range f.feeds {
		at := (f.at + i) % len(f.feeds)
		d := f.feeds[at]
		if d.place.Partition == partition && d.topic.ID == id && d.asked > 0 {
			f.at = at + 1
			return d
		}
	}
	return nil
}

// read reads a partition of a response behind its error code. A buffer that is
// too small grows with what has come, not to what is said to come.
func (f *Fetch) read(r *frame) {
	f.HighWatermark = r.int64()
	r.int64() // last stable offset
	f.LogStart = r.int64()
	f.Aborted = f.Aborted[:0]
	for n := r.count(17); n > 0 && r.err == nil; n-- {
		f.Aborted = append(f.Aborted, kafka.Aborted{ProducerID: r.int64(), FirstOffset: r.int64()})
		r.tags()
	}
	r.int32() // the replica to read from: always the leader
	n := r.length()
	if r.err == nil && n > largestBatch {
		r.fail("%d bytes of records for one partition, want at most %d", n, largestBatch)
		return
	}
	f.Batches = f.Batches[:0]
	for had := 0; had < n && r.err == nil; had = len(f.Batches) {
		f.grow(min(n, max(2*had, cap(f.Batches), f.feed.fetcher.share())))
		r.fill(f.Batches[had:])
	}
}

// Where the fields of a batch's header are that tell how far it reaches. All are
// big-endian.
const (
	lengthAt          = 8  // int32: bytes behind it
	behindLength      = 12 // where they start
	magicAt           = 16 // int8: 2
	lastOffsetDeltaAt = 23 // int32
	smallest          = 61 // bytes of a header
)

// walk steps over the batches in b and returns the bytes of those that are
// whole, and the offset behind them. position is the one that was asked for:
// each batch has to reach behind the one before. The headers are read, not
// checked: that is kafka.Cursor's work.
func walk(b []byte, position int64) (whole int, next int64, err error) {
	for next = position; len(b)-whole >= smallest; {
		h := b[whole:]
		base := int64(binary.BigEndian.Uint64(h))
		size := behindLength + int(int32(binary.BigEndian.Uint32(h[lengthAt:])))
		last := base + int64(int32(binary.BigEndian.Uint32(h[lastOffsetDeltaAt:])))
		var wrong error
		switch {
		case h[magicAt] != 2:
			wrong = fmt.Errorf("magic is %d, want 2: batches of Kafka 0.11 and newer", int8(h[magicAt]))
		case size < smallest:
			wrong = fmt.Errorf("size is %d, want %d or more", size, smallest)
		case base < 0 || last < max(base, next) || last == math.MaxInt64:
			wrong = fmt.Errorf("its last offset is %d, want %d or more: the log does not go on", last, next)
		}
		if wrong != nil {
			return whole, next, &kafka.Error{BaseOffset: base, Byte: whole, Err: wrong}
		}
		if size > len(h) {
			break
		}
		whole += size
		next = last + 1
	}
	return whole, next, nil
}
