package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"

	"tare/internal/kafka"
)

// oldest is how long a batch is sent again. A broker knows a repeated batch for
// as long as it remembers the producer, a day by default, and only then.
const oldest = time.Hour

// A FencedError tells that a partition takes no more batches from us: somebody
// took it over, or the broker has lost track of what we wrote.
type FencedError struct {
	Place
	Code int // of the protocol's table of errors
}

// Replaced reports whether somebody else writes there now.
func (e *FencedError) Replaced() bool {
	return e.Code == int(kafkago.InvalidProducerEpoch) || e.Code == int(kafkago.ProducerFenced)
}

// Error says so.
func (e *FencedError) Error() string {
	why := "what we wrote is not known any more: stop, and take over again"
	if e.Replaced() {
		why = "another owner took over"
	}
	return fmt.Sprintf("the cluster takes no more from this producer: %v; %s", kafkago.Error(e.Code), why)
}

// An ExpiredError tells that a batch was not acknowledged. It may be in the log
// or not, and is never sent again: only the log's tail tells.
type ExpiredError struct {
	Place
	Age time.Duration // since it was first sent
}

// Error says so.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("a batch was not acknowledged in %v and is not sent again: take over again, and go on from the tail", e.Age.Round(time.Second))
}

// A RefusedBatchError tells that a batch is not in the log and why it never will
// be.
type RefusedBatchError struct {
	Place
	Code    int // of the protocol's table of errors
	Message string
}

// Error says why.
func (e *RefusedBatchError) Error() string {
	return fmt.Sprintf("batch refused: %v%s", kafkago.Error(e.Code), e.Message)
}

// An Appender writes to one partition, each batch once and in order. It is not
// safe for concurrent use.
type Appender struct {
	client   *Client
	place    Place
	producer kafka.Producer
	sequence int32         // of the next record
	gate     *sync.RWMutex // held for reading while a batch is under way
	ended    error         // why nothing can be appended any more, or nil
}

// NewAppender returns an Appender for a producer that has written nothing to the
// place yet.
func (c *Client) NewAppender(p Place, producer kafka.Producer) *Appender {
	return &Appender{client: c, place: p, producer: producer, gate: new(sync.RWMutex)}
}

// NewIdempotent returns an Appender with a new producer. It fences nobody.
func (c *Client) NewIdempotent(ctx context.Context, p Place) (*Appender, error) {
	producer, err := c.initProducer(ctx, "", p)
	if err != nil {
		return nil, err
	}
	return c.NewAppender(p, producer), nil
}

// Append writes the records of w as one batch and returns the first one's
// offset, once all in-sync replicas have it. It sends the same batch until then,
// for up to an hour.
//
// After a *RefusedBatchError the Appender is as it was. After any other error,
// also the context's, the batch may be in the log or not, and nothing more can
// be appended.
func (a *Appender) Append(ctx context.Context, w *kafka.BatchWriter) (base int64, err error) {
	what := "append to " + a.place.String()
	if a.ended != nil {
		return -1, fmt.Errorf("%s: %w", what, a.ended)
	}
	batch, err := w.Finish(a.producer, a.sequence)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", what, err)
	}
	first := time.Now()
	attempts := 0
	err = a.client.do(ctx, what, func() (err error) {
		if age := since(first); age > oldest {
			return &ExpiredError{a.place, age}
		}
		attempts++
		base, err = a.send(ctx, batch, attempts)
		return a.client.settle(ctx, a.place, err)
	})
	if err != nil {
		a.end(err, first)
		return -1, err
	}
	a.sequence = nextSequence(a.sequence, w.Len())
	return base, nil
}

// end keeps what later calls of Append return. What the context or the cluster
// says may be different by then; that nothing can be appended is not.
func (a *Appender) end(err error, first time.Time) {
	if _, refused := errors.AsType[*RefusedBatchError](err); refused {
		return
	}
	a.ended = &ExpiredError{a.place, since(first)}
	if fenced, ok := errors.AsType[*FencedError](err); ok {
		a.ended = fenced
	}
}

// since returns the time since t, that asleep included, which only the wall
// clock knows.
func since(t time.Time) time.Duration {
	return max(time.Since(t), time.Since(t.Round(0)))
}

// nextSequence returns the sequence behind n records. It goes from 2^31-1 to 0.
func nextSequence(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & math.MaxInt32)
}

// send makes one attempt, number attempt, to have the batch appended.
func (a *Appender) send(ctx context.Context, batch []byte, attempt int) (int64, error) {
	a.gate.RLock()
	defer a.gate.RUnlock()
	records := newPayload(batch)
	defer records.withdraw()
	answer, err := call[*produce.Response](ctx, a.client, &rawproduce.Request{
		Acks:    int16(kafkago.RequireAll),
		Timeout: int32(brokerTimeout.Milliseconds()),
		Topics: []rawproduce.RequestTopic{{
			Topic:      a.place.Topic,
			Partitions: []rawproduce.RequestPartition{{Partition: a.place.Partition, RecordSet: protocol.RawRecordSet{Reader: records}}},
		}},
	})
	if err != nil {
		return -1, err
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return -1, passing{errors.New("the broker's answer is not about one partition")}
	}
	r := &answer.Topics[0].Partitions[0]
	return r.BaseOffset, a.judge(r, attempt)
}

// judge returns what the broker's answer to an attempt means.
func (a *Appender) judge(r *produce.ResponsePartition, attempt int) error {
	code := kafkago.Error(r.ErrorCode)
	switch {
	case code == 0:
		return nil
	case code == kafkago.Unknown:
		return passing{code} // it may be in the log or not
	case fenced(code):
		return &FencedError{a.place, int(code)}
	case retriable(code), denied(code), code == kafkago.UnknownTopicOrPartition:
		return code
	case attempt > 1: // an earlier one may have been appended
		return &FencedError{a.place, int(code)}
	}
	return &RefusedBatchError{a.place, int(code), reasons(r)}
}

// fenced reports whether the code says that the producer has been replaced, or
// is not known as it knows itself.
func fenced(code kafkago.Error) bool {
	return slices.Contains([]kafkago.Error{
		kafkago.OutOfOrderSequenceNumber,
		kafkago.DuplicateSequenceNumber,
		kafkago.InvalidProducerEpoch,
		kafkago.InvalidTransactionState,
		kafkago.InvalidProducerIDMapping,
		kafkago.UnknownProducerId,
		kafkago.ProducerFenced,
	}, code)
}

func reasons(r *produce.ResponsePartition) string {
	text := ""
	if r.ErrorMessage != "" {
		text = ": " + r.ErrorMessage
	}
	for _, e := range r.RecordErrors {
		text += fmt.Sprintf("; record %d: %s", e.BatchIndex, e.BatchIndexErrorMessage)
	}
	return text
}

// A payload is the records field of a produce request, read once. The transport
// may get to it when nobody waits for the answer any more; it is withdrawn
// before the batch is overwritten.
type payload struct {
	mu   sync.Mutex
	rest net.Buffers // nil once it is withdrawn
}

// newPayload returns the batch behind its size.
func newPayload(batch []byte) *payload {
	size := binary.BigEndian.AppendUint32(nil, uint32(len(batch)))
	return &payload{rest: net.Buffers{size, batch}}
}

var errWithdrawn = errors.New("the batch was withdrawn")

// Read reads the next bytes.
func (p *payload) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rest == nil {
		return 0, errWithdrawn
	}
	return p.rest.Read(b)
}

func (p *payload) withdraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = nil
}

// transactionTimeout is how long a transaction may stay open. Ours have no
// records and take milliseconds.
const transactionTimeout = time.Minute

// initProducer returns a producer with a transactional id, or with none if it is
// empty. place is only for the error.
func (c *Client) initProducer(ctx context.Context, id string, place Place) (p kafka.Producer, err error) {
	request := &initproducerid.Request{
		TransactionalID:      id,
		TransactionTimeoutMs: int32(transactionTimeout.Milliseconds()),
		ProducerID:           -1, // not known; 0 would be one
		ProducerEpoch:        -1,
	}
	what := "producer id"
	if id != "" {
		what = fmt.Sprintf("producer id of transactional id %q", id)
	}
	err = c.do(ctx, what, func() error {
		answer, err := call[*initproducerid.Response](ctx, c, request)
		if err != nil {
			return err
		}
		p = kafka.Producer{ID: answer.ProducerID, Epoch: answer.ProducerEpoch}
		return orFenced(place, failure(answer.ErrorCode, ""))
	})
	return p, err
}

// orFenced returns err, as a *FencedError if its code says so.
func orFenced(p Place, err error) error {
	if code, ok := errors.AsType[kafkago.Error](err); ok && fenced(code) {
		return &FencedError{p, int(code)}
	}
	return err
}
