package coord

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafka"
)

// A Writer writes decisions. Whoever wrote under the same id before can write no
// more. It is not safe for concurrent use.
type Writer struct {
	log      *Log
	owner    *broker.Ownership
	appender *broker.Appender
	batch    kafka.BatchWriter
}

// Writer takes the right to decide over, and returns when the Log holds
// everything that was decided before.
func (l *Log) Writer(ctx context.Context, id string) (*Writer, error) {
	owner, err := l.client.TakeOver(ctx, id, []broker.Place{l.place})
	if err != nil {
		return nil, fmt.Errorf("control topic: %w", err)
	}
	if err := l.reach(ctx, owner.Tails[0].Marker); err != nil {
		return nil, err
	}
	return &Writer{log: l, owner: owner, appender: owner.Appender(0)}, nil
}

// A ConflictError is a decision that was made otherwise before.
type ConflictError struct {
	Key        string
	Have, Want string // JSON
}

// Error shows both.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s has been decided already: %s, not %s", e.Key, e.Have, e.Want)
}

// Plan writes the semantic configuration, as JSON, and in the same batch where
// the fit of each partition begins: all of it or nothing. Those are the
// partitions that learn.
func (w *Writer) Plan(ctx context.Context, plan []byte, starts map[int32]Start) error {
	var with []entry
	for _, p := range slices.Sorted(maps.Keys(starts)) {
		value, err := json.Marshal(starts[p])
		if err != nil {
			return err
		}
		with = append(with, entry{fmt.Sprintf("start/%d", p), value})
	}
	return w.decide(ctx, entry{"plan", plan}, w.log.State().Plan, with...)
}

// Seal writes where the training stretch of a partition ends.
func (w *Writer) Seal(ctx context.Context, partition int32, s fit.Seal) error {
	have, ok := w.log.State().Seals[partition]
	return w.put(ctx, fmt.Sprintf("seal/%d", partition), seal(s), seal(have), ok)
}

// Artifact writes what the pipeline was frozen into.
func (w *Writer) Artifact(ctx context.Context, a Artifact) error {
	have := w.log.State().Artifact
	return w.put(ctx, "artifact", a, have, have != nil)
}

func (w *Writer) put(ctx context.Context, key string, want, have any, decided bool) error {
	value, err := json.Marshal(want)
	if err != nil {
		return err
	}
	var was []byte
	if decided {
		if was, err = json.Marshal(have); err != nil {
			return err
		}
	}
	return w.decide(ctx, entry{key, value}, was)
}

// An entry is a record of the control topic.
type entry struct {
	key   string
	value []byte
}

// decide writes an entry, unless it stands there already, and others with it in
// the same batch, and waits until the Log has them.
func (w *Writer) decide(ctx context.Context, e entry, was []byte, with ...entry) error {
	switch {
	case bytes.Equal(was, e.value):
		return nil
	case was != nil:
		return &ConflictError{e.key, string(was), string(e.value)}
	}
	base, err := write(ctx, w.appender, &w.batch, append(with, e)...)
	if err != nil {
		return fmt.Errorf("control topic: %w", err)
	}
	return w.log.reach(ctx, base+1+int64(len(with)))
}

func write(ctx context.Context, a *broker.Appender, w *kafka.BatchWriter, entries ...entry) (base int64, err error) {
	w.Reset()
	for _, e := range entries {
		w.Append(&kafka.Record{Timestamp: time.Now().UnixMilli(), Key: []byte(e.key), Value: e.value})
	}
	return a.Append(ctx, w)
}

// RequestFreeze asks the workers of a pipeline to seal all partitions at the
// given ends.
func RequestFreeze(ctx context.Context, client *broker.Client, topic string, f Freeze) error {
	value, err := json.Marshal(f)
	if err != nil {
		return err
	}
	a, err := client.NewIdempotent(ctx, broker.Place{Topic: topic})
	if err != nil {
		return fmt.Errorf("control topic: %w", err)
	}
	if _, err := write(ctx, a, new(kafka.BatchWriter), entry{"freeze", value}); err != nil {
		return fmt.Errorf("control topic: %w", err)
	}
	return nil
}
