package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"

	"tare/internal/kafka"
)

// An Ownership is the sole right to write to some partitions, for as long as
// nobody else takes them over under the same id. It is safe for concurrent use.
//
// The right is Kafka's fence of transactional producers, without transactions on
// the way of the data. An empty transaction writes a marker to each partition.
// From there on the partition's leader refuses batches of the same producer with
// an older epoch, so that the newest record before the marker is the last one
// that any owner before us has written, for good.
type Ownership struct {
	ID       string // the transactional id
	Producer kafka.Producer
	Tails    []Tail // one for each output, in the order given

	client *Client
	gate   sync.RWMutex // held for writing while a transaction is open: data is refused within it
}

// A Tail is what a partition held when it was taken over.
type Tail struct {
	Place
	LogStart int64          // offset of the first record that is left
	Marker   int64          // offset of our own marker
	Last     *kafka.Record  // the newest data before the marker, a copy; nil if there is none
	Writer   kafka.Producer // of Last
}

// TakeOver makes the caller the owner of all outputs and returns once no owner
// before can write to any of them. One id always goes with the same outputs.
func (c *Client) TakeOver(ctx context.Context, id string, outputs []Place) (*Ownership, error) {
	o := &Ownership{ID: id, client: c}
	if err := o.take(ctx, outputs); err != nil {
		return nil, fmt.Errorf("take over as %q: %w", id, err)
	}
	return o, nil
}

func (o *Ownership) take(ctx context.Context, outputs []Place) error {
	if len(outputs) == 0 {
		return errors.New("no partitions to own, want one or more")
	}
	searches, err := o.client.newSearches(ctx, outputs)
	if err != nil {
		return err
	}
	for _, p := range outputs {
		o.Tails = append(o.Tails, Tail{Place: p})
	}
	if o.Producer, err = o.client.initProducer(ctx, o.ID, outputs[0]); err != nil {
		return err
	}
	if err := o.Renew(ctx); err != nil {
		return err
	}
	f := o.client.NewFetcher(FetchOptions{Uncommitted: true, MaxWait: 20 * time.Millisecond})
	defer f.Close()
	for i, s := range searches {
		s.fetcher = f
		if o.Tails[i], err = s.tail(ctx, o.Producer); err != nil {
			return fmt.Errorf("tail of %v: %w", s.place, err)
		}
	}
	return nil
}

// Renew writes another marker to each partition. A broker that has had nothing
// from a producer for long forgets its epoch, and with it the fence: after a day
// by default. So Renew is called every hour. It lets no batch through meanwhile.
// The error is a *FencedError if somebody else has taken over; after any other
// one it is called again.
func (o *Ownership) Renew(ctx context.Context) error {
	o.gate.Lock()
	defer o.gate.Unlock()
	if err := o.begin(ctx); err != nil {
		return err
	}
	return o.client.do(ctx, fmt.Sprintf("commit of transactional id %q", o.ID), func() error {
		answer, err := call[*endtxn.Response](ctx, o.client, &endtxn.Request{
			TransactionalID: o.ID,
			ProducerID:      o.Producer.ID,
			ProducerEpoch:   o.Producer.Epoch,
			Committed:       true,
		})
		if err != nil {
			return err
		}
		return orFenced(o.Tails[0].Place, failure(answer.ErrorCode, ""))
	})
}

// begin adds all partitions to a transaction.
func (o *Ownership) begin(ctx context.Context) error {
	partitions := map[string][]int32{}
	for i := range o.Tails {
		p := o.Tails[i].Place
		partitions[p.Topic] = append(partitions[p.Topic], p.Partition)
	}
	request := &addpartitionstotxn.Request{TransactionalID: o.ID, ProducerID: o.Producer.ID, ProducerEpoch: o.Producer.Epoch}
	for _, topic := range slices.Sorted(maps.Keys(partitions)) {
		request.Topics = append(request.Topics, addpartitionstotxn.RequestTopic{Name: topic, Partitions: partitions[topic]})
	}
	return o.client.do(ctx, fmt.Sprintf("transaction of transactional id %q", o.ID), func() error {
		answer, err := call[*addpartitionstotxn.Response](ctx, o.client, request)
		if err != nil {
			return err
		}
		p, code := firstFailure(answer)
		if err := o.client.settle(ctx, p, orFenced(p, failure(code, ""))); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
		return nil
	})
}

// operationNotAttempted is the code of partitions that are all right where
// another one is not.
const operationNotAttempted = 55

// firstFailure returns the first partition that could not be added, and why.
func firstFailure(r *addpartitionstotxn.Response) (p Place, code int16) {
	for _, t := range r.Results {
		for _, partition := range t.Results {
			if code == 0 || code == operationNotAttempted && partition.ErrorCode != 0 {
				p, code = Place{t.Name, partition.PartitionIndex}, partition.ErrorCode
			}
		}
	}
	return p, code
}

// Appender returns an Appender for an output, by its number in Tails. It is
// called once for each, because a second Appender would begin with sequence 0
// again.
func (o *Ownership) Appender(output int) *Appender {
	a := o.client.NewAppender(o.Tails[output].Place, o.Producer)
	a.gate = &o.gate
	return a
}

// A search reads the end of a partition that is being taken over.
type search struct {
	client  *Client
	fetcher *Fetcher
	topic   *Topic
	place   Place
	seen    int64 // the log was looked at from here on: at first its end, before the takeover
	newest  newest
}

// newSearches finds the outputs and their ends.
func (c *Client) newSearches(ctx context.Context, outputs []Place) ([]*search, error) {
	var searches []*search
	topics := map[string]*Topic{}
	for _, p := range outputs {
		if topics[p.Topic] == nil {
			t, err := c.Topic(ctx, p.Topic)
			if err != nil {
				return nil, err
			}
			topics[p.Topic] = t
		}
		ends, err := c.Offsets(ctx, p.Topic, []int32{p.Partition}, Latest)
		if err != nil {
			return nil, err
		}
		searches = append(searches, &search{client: c, topic: topics[p.Topic], place: p, seen: ends[0], newest: newNewest()})
	}
	return searches, nil
}

// tail waits for the producer's marker and finds the newest data before it.
func (s *search) tail(ctx context.Context, producer kafka.Producer) (Tail, error) {
	t := Tail{Place: s.place}
	marker, err := s.marker(ctx, producer)
	if err != nil {
		return t, err
	}
	t.Marker = marker
	for {
		offsets, err := s.client.Offsets(ctx, s.place.Topic, []int32{s.place.Partition}, Earliest)
		if err != nil {
			return t, err
		}
		t.LogStart = offsets[0]
		t.Last, t.Writer, err = s.last(ctx, t.LogStart, marker)
		if gone, ok := errors.AsType[*RangeError](err); ok && gone.Position < gone.First {
			continue // retention was faster: the log starts later now
		}
		return t, err
	}
}

// marker waits until the producer's marker is in the log, below the high
// watermark, and returns its offset. The cluster answers a commit before that,
// and until then it takes batches of the owner before.
func (s *search) marker(ctx context.Context, producer kafka.Producer) (offset int64, err error) {
	s.newest.begin()
	err = s.scan(ctx, s.seen, func(d *kafka.Decoder) bool {
		b := d.Batch()
		if b.Control && b.Producer == producer {
			offset = b.BaseOffset
			return false
		}
		s.newest.see(b)
		return true
	})
	s.newest.close()
	return offset, err
}

// last returns the newest data record before the marker. It looks at windows
// that grow towards the start of the log: data mostly lies near its end, or far
// away behind one marker an hour.
func (s *search) last(ctx context.Context, start, marker int64) (*kafka.Record, kafka.Producer, error) {
	for span := int64(64); s.newest.data < start && s.seen > start; span *= 16 {
		if low := max(start, marker-span); low < s.seen {
			if err := s.window(ctx, low); err != nil {
				return nil, kafka.NoProducer, err
			}
		}
	}
	if s.newest.data < start {
		return nil, kafka.NoProducer, nil
	}
	return s.record(ctx, s.newest.data)
}

// window looks at the log from low to where it has been looked at.
func (s *search) window(ctx context.Context, low int64) error {
	s.newest.begin()
	err := s.scan(ctx, low, func(d *kafka.Decoder) bool {
		b := d.Batch()
		if b.BaseOffset >= s.seen {
			return false
		}
		s.newest.see(b)
		return b.LastOffset < s.seen-1
	})
	if err == nil {
		s.newest.close()
		s.seen = low
	}
	return err
}

// record returns a copy of the last record of the batch that ends at offset.
func (s *search) record(ctx context.Context, offset int64) (*kafka.Record, kafka.Producer, error) {
	var r kafka.Record
	var writer kafka.Producer
	err := s.scan(ctx, offset, func(d *kafka.Decoder) bool {
		for d.Record(&r) {
		}
		writer = d.Batch().Producer
		r = clone(r)
		return false
	})
	return &r, writer, err
}

func clone(r kafka.Record) kafka.Record {
	r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	n, headers := r.Headers.Raw()
	r.Headers = kafka.RawHeaders(n, slices.Clone(headers))
	return r
}

// scan shows every batch from offset on, markers included, until see returns
// false. The first one may start below.
func (s *search) scan(ctx context.Context, offset int64, see func(d *kafka.Decoder) bool) error {
	feed := s.fetcher.Open(s.topic, s.place.Partition, offset)
	defer feed.Close()
	var d kafka.Decoder
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case f, ok := <-feed.C():
			if !ok {
				return feed.Err()
			}
			more := show(&d, f.Batches, see)
			f.Release()
			if !more || d.Err() != nil {
				return d.Err()
			}
		}
	}
}

func show(d *kafka.Decoder, batches []byte, see func(d *kafka.Decoder) bool) (more bool) {
	d.Reset(batches)
	for d.Next() {
		if !see(d) {
			return false
		}
	}
	return true
}

// newest finds the newest batch of data that was not aborted. It is shown the
// log in windows, the last one first, each from its start to its end. Only we
// write to an output, without transactions; what others did is read right too.
type newest struct {
	data int64                      // last offset of the batch, or -1
	open map[int64]int64            // the same of transactions that the window has seen no end of, by producer id
	ends map[int64]kafka.MarkerType // what comes first behind the window, by producer id
	here map[int64]kafka.MarkerType // what comes first in it
}

func newNewest() newest {
	return newest{data: -1, open: map[int64]int64{}, ends: map[int64]kafka.MarkerType{}, here: map[int64]kafka.MarkerType{}}
}

// begin starts a window, which may be one that could not be read to its end.
func (n *newest) begin() {
	clear(n.open)
	clear(n.here)
}

func (n *newest) see(b *kafka.Batch) {
	id := b.Producer.ID
	switch {
	case b.Control:
		n.finish(id, b.Marker.Type)
	case b.Count == 0: // compaction kept only the header
	case b.Transactional:
		n.open[id] = b.LastOffset
	default:
		n.data = max(n.data, b.LastOffset)
	}
}

// finish ends a producer's transaction.
func (n *newest) finish(id int64, end kafka.MarkerType) {
	if end != kafka.Abort && end != kafka.Commit {
		return
	}
	if _, ok := n.here[id]; !ok {
		n.here[id] = end
	}
	if offset, ok := n.open[id]; ok && end == kafka.Commit {
		n.data = max(n.data, offset)
	}
	delete(n.open, id)
}

// close ends a window. A transaction that is open in it ends behind it, or has
// not been ended, which counts as data.
func (n *newest) close() {
	for id, offset := range n.open {
		if end, ok := n.ends[id]; !ok || end == kafka.Commit {
			n.data = max(n.data, offset)
		}
	}
	maps.Copy(n.ends, n.here)
}
