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

// logEvery is how often rejections of one reason are logged.
const logEvery = 10 * time.Second

// A RejectLog tells of rejected records, at most once in ten seconds for each
// reason, with the number of those it kept to itself. Its zero value, and nil,
// say nothing. It is safe for concurrent use.
type RejectLog struct {
	Logger *slog.Logger

	mu         sync.Mutex
	last       [record.NumReasons]time.Time
	suppressed [record.NumReasons]int64
}

// Add tells of one rejection.
func (l *RejectLog) Add(topic string, m *record.Message, reason record.Reason, detail string) {
	if l == nil || l.Logger == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.last[reason].IsZero() || now.Sub(l.last[reason]) >= logEvery {
		l.Logger.Warn("record rejected", "reason", reason.String(), "source", source(topic, m),
			"detail", detail, "more_since_last", l.suppressed[reason])
		l.last[reason], l.suppressed[reason] = now, 0
		return
	}
	l.suppressed[reason]++
}
