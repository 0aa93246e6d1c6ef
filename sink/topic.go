package sink

import (
	"context"

	"tare/internal/broker"
	"tare/internal/kafka"
)

// A Partition appends records to one partition of a topic. They gather in one
// batch while another is on its way, so that there is never more than one in
// flight. It is not safe for concurrent use; Close it after use.
type Partition struct {
	appender *broker.Appender
	gather   *kafka.BatchWriter
	sent     *kafka.BatchWriter
	jobs     chan *kafka.BatchWriter
	acks     chan<- Ack
	done     chan struct{}
	flying   bool
}

// An Ack tells that the batch of a Partition has been acknowledged by all
// in-sync replicas, or that it never will be.
type Ack struct {
	Partition *Partition
	Bytes     int // of the batch, before compression
	Err       error
}

// NewPartition returns a Partition whose batches have at most max bytes. It
// sends one Ack for each Send, and never more than one ahead of Landed; acks
// should have room for it.
func NewPartition(ctx context.Context, a *broker.Appender, max int, codec kafka.Codec, acks chan<- Ack) *Partition {
	p := &Partition{
		appender: a,
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
		p.acks <- Ack{p, w.Size(), err}
	}
}

// Add copies a record, with more headers, into the batch that gathers. It
// reports false and leaves the batch as it is if it would grow too large.
func (p *Partition) Add(r *kafka.Record, more ...kafka.Header) bool {
	return p.gather.Append(r, more...)
}

// Gathered returns the number of records, and their bytes, that wait for Send.
func (p *Partition) Gathered() (records, bytes int) { return p.gather.Len(), p.gather.Size() }

// Flying reports whether a batch is on its way.
func (p *Partition) Flying() bool { return p.flying }

// Send puts what has gathered on its way. There must be something, and nothing
// flying.
func (p *Partition) Send() {
	p.gather, p.sent = p.sent, p.gather
	p.gather.Reset()
	p.flying = true
	p.jobs <- p.sent
}

// Landed notes that the batch on its way has been acknowledged, or has failed.
func (p *Partition) Landed() { p.flying = false }

// Close ends the goroutine, once the batch on its way is decided.
func (p *Partition) Close() {
	close(p.jobs)
	<-p.done
}
