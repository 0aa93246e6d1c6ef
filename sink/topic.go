package sink

import (
	"context"

	"tare/internal/broker"
	"tare/internal/kafka"
)

// An Ack tells that the batch on its way to an output is durable there, or that
// it never will be: in a topic all in-sync replicas have it, in a file the disk.
type Ack struct {
	Output int // the number that the Partition or Lane was made with
	Bytes  int // of the batch, before compression
	Err    error
}

// A Partition appends records to one partition of a topic. They gather in one
// batch while another is on its way, so that there is never more than one in
// flight. It is not safe for concurrent use; Close it after use.
type Partition struct {
	appender *broker.Appender
	output   int
	gather   *kafka.BatchWriter
	sent     *kafka.BatchWriter
	jobs     chan *kafka.BatchWriter
	acks     chan<- Ack
	done     chan struct{}
}

// NewPartition returns a Partition whose batches have at most max bytes. It
// sends one Ack for each Send, with the number of the output; acks should have
// room for it.
func NewPartition(ctx context.Context, a *broker.Appender, max int, codec kafka.Codec, output int, acks chan<- Ack) *Partition {
	p := &Partition{
		appender: a,
		output:   output,
		gather:   &kafka.BatchWriter{Max: max, Codec: codec},
		sent:     &kafka.BatchWriter{Max: max, Codec: codec},
		jobs:     make(chan *kafka.BatchWriter, 1),
		acks:     acks,
		done:     make(chan struct{}),
	}
	p.gather.Reset()
	go p.append(ctx)
	return p
}

func (p *Partition) append(ctx context.Context) {
	defer close(p.done)
	for w := range p.jobs {
		_, err := p.appender.Append(ctx, w)
		p.acks <- Ack{p.output, w.Size(), err}
	}
}

// Add copies a record, with more headers, into the batch that gathers. It
// reports false and leaves the batch as it is if it would grow too large.
func (p *Partition) Add(r *kafka.Record, more ...kafka.Header) bool {
	return p.gather.Append(r, more...)
}

// Gathered returns the number of records, and their bytes, that wait for Send.
func (p *Partition) Gathered() (records, bytes int) { return p.gather.Len(), p.gather.Size() }

// Send puts what has gathered on its way. There must be something, and nothing
// on its way that is not acknowledged.
func (p *Partition) Send() {
	p.gather, p.sent = p.sent, p.gather
	p.gather.Reset()
	p.jobs <- p.sent
}

// Close ends the goroutine, once the batch on its way is decided.
func (p *Partition) Close() {
	close(p.jobs)
	<-p.done
}
