package stream

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tare/record"
)

// NewDecoder returns the decoder of a partition with the given header.
type NewDecoder func(header []byte) (record.Decoder, error)

// A RejectError stops a pass at a rejected record, where on_error says fail.
type RejectError struct {
	Source string // topic/partition/offset
	Reason record.Reason
	Detail string
}

// Error names the record, the reason and the policy that made it fatal.
func (e *RejectError) Error() string {
	return fmt.Sprintf("record %s rejected: %v: %s (on_error is fail)", e.Source, e.Reason, e.Detail)
}

// source names a record as the tare-source mark does.
func source(topic string, m *record.Message) string {
	mark := record.Mark{Topic: topic, Partition: m.Partition, Offset: m.Offset}
	return string(mark.AppendSource(nil))
}

// logEvery is how often rejections of one reason are logged, and unknown labels.
const logEvery = 10 * time.Second

// A RejectLog tells of rejected records, and of those that go on with an unknown
// label: at most once in ten seconds for each reason, with the number of those it
// kept to itself. Its zero value, and nil, say nothing. It is safe for concurrent
// use.
type RejectLog struct {
	Logger *slog.Logger

	mu       sync.Mutex
	rejected [record.NumReasons]pace
	labels   pace
}

// A pace lets one through in each stretch of logEvery.
type pace struct {
	last       time.Time
	suppressed int64
}

// due reports whether one more is to be told of, and how many were not since the
// last.
func (p *pace) due() (suppressed int64, ok bool) {
	now := time.Now()
	if !p.last.IsZero() && now.Sub(p.last) < logEvery {
		p.suppressed++
		return 0, false
	}
	suppressed = p.suppressed
	p.last, p.suppressed = now, 0
	return suppressed, true
}

// Add tells of one rejection.
func (l *RejectLog) Add(topic string, m *record.Message, reason record.Reason, detail string) {
	if l == nil || l.Logger == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if suppressed, ok := l.rejected[reason].due(); ok {
		l.Logger.Warn("record rejected", "reason", reason.String(), "source", source(topic, m),
			"detail", detail, "more_since_last", suppressed)
	}
}

// Label tells of a record that goes on though a label of it is none of the
// categories of its feature.
func (l *RejectLog) Label(topic string, m *record.Message, feature string, label []byte) {
	if l == nil || l.Logger == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if suppressed, ok := l.labels.due(); ok {
		l.Logger.Warn("unknown label", "feature", feature, "label", brief(label), "source", source(topic, m),
			"more_since_last", suppressed)
	}
}
