package sink

import (
	"bytes"

	"tare/internal/kafka"
)

// laneBytes is how much a batch of a Lane may have, unless one record has more.
const laneBytes = 1 << 20

// A Lane appends the records of one source partition to a Log, which it shares
// with others. They gather in one batch while another is on its way, so that
// there is never more than one in flight. It is not safe for concurrent use.
type Lane struct {
	log       *Log
	partition int32
	output    int
	gather    lines
	sent      lines
	acks      chan<- Ack
}

// lines are records as they go into a file.
type lines struct {
	bytes []byte
	count int
	next  int64 // source offset behind the last
}

// Lane returns a Lane for a partition of the source. It sends one Ack for each
// Send, with the number of the output; acks must have room for it.
func (l *Log) Lane(partition int32, output int, acks chan<- Ack) *Lane {
	return &Lane{log: l, partition: partition, output: output, acks: acks}
}

// Add copies the value of a record, and the end of a line where the Log has
// lines, into the batch that gathers; the record's offset is that in the source.
// A line's end within JSON, where it can only be space, becomes a blank. It
// reports false and leaves the batch as it is if it would grow too large; a
// record alone never is.
func (l *Lane) Add(r *kafka.Record, _ ...kafka.Header) bool {
	g := &l.gather
	at := len(g.bytes)
	if g.count > 0 && at+len(r.Value)+len(l.log.end) > laneBytes {
		return false
	}
	g.bytes = append(g.bytes, r.Value...)
	if l.log.end != "" {
		blank(g.bytes[at:], '\n')
		blank(g.bytes[at:], '\r')
		g.bytes = append(g.bytes, l.log.end...)
	}
	g.count++
	g.next = r.Offset + 1
	return true
}

// blank writes blanks over all c.
func blank(b []byte, c byte) {
	for i := bytes.IndexByte(b, c); i >= 0; i = bytes.IndexByte(b, c) {
		b[i] = ' '
		b = b[i+1:]
	}
}

// Gathered returns the number of records, and their bytes, that wait for Send.
func (l *Lane) Gathered() (records, bytes int) { return l.gather.count, len(l.gather.bytes) }

// Send puts what has gathered on its way. There must be something, and nothing
// on its way that is not acknowledged.
func (l *Lane) Send() {
	l.gather, l.sent = l.sent, l.gather
	l.gather.bytes, l.gather.count = l.gather.bytes[:0], 0
	l.log.jobs <- l
}
