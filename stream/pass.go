package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"tare/frozen"
	"tare/record"
	"tare/sink"
)

// Output is where a pass over a source puts its records.
type Output struct {
	// NewEncoder returns the encoder of a partition with the given header.
	NewEncoder func(header []byte) (record.Encoder, error)
	// Open opens the output with what the encoder wants in front, and behind each
	// record.
	Open func(header []byte, end string) (sink.Writer, error)
	// Dead takes the records that cannot go out, as JSON lines; nil to only count
	// and log them.
	Dead sink.Writer
	// DeadLimit is how many records Dead takes before the pass stops with a
	// LimitError; 0 for any number.
	DeadLimit int64
	// FailOnReject stops at the first rejected record.
	FailOnReject bool
	Rejects      *RejectLog
	// Records counts those read, for whoever watches; may be nil.
	Records *atomic.Int64
}

// A LimitError stops a pass that has dead-lettered more than it may.
type LimitError struct{ Limit int64 }

// Error names the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("more than %d dead letters (dead_letter.limit)", e.Limit)
}

// A pass reads a source from end to end, partition by partition, and writes
// what its worker makes of each record.
type pass struct {
	Output
	source     Source
	newDecoder NewDecoder
	worker     worker

	topic   string
	decoder record.Decoder
	encoder record.Encoder
	row     record.Row
	reason  record.Reason

	writer sink.Writer
	header []byte
	out    outbox
	dead   outbox
	deads  int64
}

// run reads everything and leaves the output closed, or aborted.
func (p *pass) run(ctx context.Context) error {
	err := p.partitions(ctx)
	if p.writer == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, p.writer.Abort())
	}
	return p.writer.Close()
}

func (p *pass) partitions(ctx context.Context) error {
	for i, topic := range p.source.Partitions() {
		p.topic = topic
		if err := p.partition(ctx, int32(i)); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) partition(ctx context.Context, id int32) (err error) {
	reader, err := p.source.Open(ctx, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if p.decoder, err = p.newDecoder(reader.Header()); err != nil {
		return fmt.Errorf("%s: %w", p.topic, err)
	}
	if p.encoder, err = p.NewEncoder(reader.Header()); err != nil {
		return fmt.Errorf("%s: %w", p.topic, err)
	}
	if err := p.open(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		ms, err := reader.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.batch(ms); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// open opens the output at the first partition; all others must fit below its
// header.
func (p *pass) open() (err error) {
	header := bytes.TrimSuffix(p.encoder.Header(nil), []byte("\r"))
	if p.writer != nil {
		if !bytes.Equal(header, p.header) {
			return fmt.Errorf("%s has other columns than the files before it: %q, not %q; normalize it apart", p.topic, header, p.header)
		}
		return nil
	}
	end := ""
	if p.encoder.Lines() {
		end = "\n"
	}
	p.header = header
	p.writer, err = p.Open(header, end)
	return err
}

// batch takes one read of messages through. What goes out is written also where
// a record ends the pass, so that its neighbours are not lost with it.
func (p *pass) batch(ms []record.Message) error {
	p.out.reset()
	p.dead.reset()
	var failed error
	for i := range ms {
		p.reason = p.decoder.Decode(&p.row, &ms[i])
		if failed = p.worker.take(p, p.topic, &ms[i], &p.row, p.reason); failed != nil {
			break
		}
	}
	if p.Records != nil {
		p.Records.Add(int64(len(ms)))
	}
	if err := p.writer.Write(p.out.messages()); err != nil {
		return errors.Join(failed, err)
	}
	if p.Dead != nil {
		if err := p.Dead.Write(p.dead.messages()); err != nil {
			return errors.Join(failed, err)
		}
	}
	return failed
}

// emit encodes a record into what goes out.
func (p *pass) emit(m *record.Message, _ int, row *record.Row, y []float64, mark *record.Mark) error {
	p.out.add(m, func(dst []byte) []byte { return p.encoder.Append(dst, m.Value, row, y, mark) })
	return nil
}

// refuse logs and buries a record, and stops where the policy says so.
func (p *pass) refuse(m *record.Message, reason record.Reason, detail string) error {
	if detail == "" {
		detail = p.decoder.Detail()
	}
	p.Rejects.Add(p.topic, m, reason, detail)
	if err := p.bury(m, reason.String()+": "+detail); err != nil {
		return err
	}
	if p.FailOnReject {
		return &RejectError{source(p.topic, m), reason, detail}
	}
	return nil
}

// bury writes a dead letter, where there is somewhere to write it.
func (p *pass) bury(m *record.Message, why string) error {
	if p.Dead == nil {
		return nil
	}
	p.dead.add(m, func(dst []byte) []byte { return record.AppendDeadLetter(dst, why, m, p.topic) })
	if p.deads++; p.DeadLimit > 0 && p.deads > p.DeadLimit {
		return &LimitError{p.DeadLimit}
	}
	return nil
}

// asIs makes of rows what an encoder writes as the record came.
type asIs struct {
	row     record.Row
	nothing []float64     // a NaN for each number, read or written
	absent  []record.Span // a zero Span for each feature
}

func newAsIs(f *frozen.Frozen) *asIs {
	a := &asIs{nothing: make([]float64, max(f.Width(), f.Inputs())), absent: make([]record.Span, len(f.Features()))}
	for i := range a.nothing {
		a.nothing[i] = math.NaN()
	}
	return a
}

// of returns a row in which nothing is to be replaced, and the numbers to
// replace it with: none. Both are good until the next call.
func (a *asIs) of(row *record.Row) (*record.Row, []float64) {
	a.row = *row
	a.row.Spans = a.absent
	return &a.row, a.nothing
}

// An outbox collects the records of one batch in one buffer.
type outbox struct {
	buf  []byte
	ends []int
	ms   []record.Message
}

func (o *outbox) reset() {
	o.buf, o.ends, o.ms = o.buf[:0], o.ends[:0], o.ms[:0]
}

// add appends a record in place of m.
func (o *outbox) add(m *record.Message, encode func(dst []byte) []byte) {
	o.buf = encode(o.buf)
	o.ends = append(o.ends, len(o.buf))
	o.ms = append(o.ms, *m)
}

// messages returns what was added, views until the next reset.
func (o *outbox) messages() []record.Message {
	start := 0
	for i, end := range o.ends {
		o.ms[i].Value = o.buf[start:end]
		start = end
	}
	return o.ms
}
