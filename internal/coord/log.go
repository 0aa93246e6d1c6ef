// Package coord keeps what the workers of a pipeline decide: in a compacted
// topic of one partition, where every worker reads it and only the rightful
// owner of a decision can write it. A decision is made once. It is what a
// restart, another owner or another machine goes on from.
//
// The keys are plan, start/P and seal/P for input partition P, freeze, and
// artifact; values are JSON. docs/reliability.md describes them.
package coord

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafka"
)

// Topic returns the name of a pipeline's control topic.
func Topic(pipeline string, revision int) string {
	return fmt.Sprintf("tare.%s.%d", pipeline, revision)
}

// A State is all that has been decided.
type State struct {
	Plan     json.RawMessage // the semantic configuration; nil before the first start
	Starts   map[int32]Start
	Seals    map[int32]fit.Seal
	Freeze   *Freeze
	Artifact *Artifact
}

// A Start is where the fit of a partition begins, in which incarnation of the
// topic.
type Start struct {
	TopicID string `json:"topic_id"` // in hexadecimal
	Offset  int64  `json:"offset"`
}

// A Freeze is the request to seal every partition that has not sealed yet: at
// the end offsets of the moment it was made, or at once where more has been read.
type Freeze struct {
	Ends map[int32]int64 `json:"ends"`
}

// An Artifact points to what the pipeline was frozen into.
type Artifact struct {
	ID string `json:"id"`
}

// A Log follows a control topic. It is safe for concurrent use; close it after
// use.
type Log struct {
	client  *broker.Client
	place   broker.Place
	fetcher *broker.Fetcher
	feed    *broker.Feed
	done    sync.WaitGroup

	mu      sync.Mutex
	state   State
	next    int64         // everything below has been read
	changed chan struct{} // closed at the next change
	err     error
}

// Open makes the control topic if there is none, and reads it to its end.
// replication is for a new one; 0 is the broker's default.
func Open(ctx context.Context, client *broker.Client, name string, replication int) (*Log, error) {
	if replication == 0 {
		replication = -1
	}
	config := map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}
	if _, err := client.CreateTopic(ctx, broker.TopicSpec{Name: name, Partitions: 1, Replication: replication, Config: config}); err != nil {
		return nil, fmt.Errorf("control topic: %w", err)
	}
	return Follow(ctx, client, name)
}

// Follow reads a control topic that exists to its end, and goes on reading.
func Follow(ctx context.Context, client *broker.Client, name string) (*Log, error) {
	topic, err := client.Topic(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("control topic: %w", err)
	}
	if err := check(ctx, client, topic); err != nil {
		return nil, fmt.Errorf("control topic %s: %w", name, err)
	}
	ends, err := client.Offsets(ctx, name, []int32{0}, broker.Latest)
	if err != nil {
		return nil, fmt.Errorf("control topic: %w", err)
	}
	first, err := client.Offsets(ctx, name, []int32{0}, broker.Earliest)
	if err != nil {
		return nil, fmt.Errorf("control topic: %w", err)
	}
	l := &Log{client: client, place: broker.Place{Topic: name}, next: first[0], changed: make(chan struct{}),
		state: State{Starts: map[int32]Start{}, Seals: map[int32]fit.Seal{}}}
	l.fetcher = client.NewFetcher(broker.FetchOptions{Uncommitted: true})
	l.feed = l.fetcher.Open(topic, 0, first[0])
	l.done.Go(l.read)
	if err := l.reach(ctx, ends[0]); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// check refuses a topic in which decisions could be lost.
func check(ctx context.Context, client *broker.Client, topic *broker.Topic) error {
	config, err := client.TopicConfig(ctx, topic.Name)
	if err != nil {
		return err
	}
	switch {
	case topic.Partitions() != 1:
		return fmt.Errorf("it has %d partitions, want 1: is it another's topic?", topic.Partitions())
	case config["cleanup.policy"] != "compact":
		return fmt.Errorf("its cleanup.policy is %q, want compact: decisions would be deleted", config["cleanup.policy"])
	}
	return nil
}

// Close stops following.
func (l *Log) Close() {
	l.fetcher.Close()
	l.done.Wait()
}

// State returns a copy of what has been decided so far.
func (l *Log) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	s.Starts, s.Seals = maps.Clone(s.Starts), maps.Clone(s.Seals)
	return s
}

// Changed returns a channel that is closed when the State changes next, or the
// Log fails.
func (l *Log) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Err returns why the Log follows no more, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// reach waits until everything below next has been read.
func (l *Log) reach(ctx context.Context, next int64) error {
	for {
		l.mu.Lock()
		at, err, changed := l.next, l.err, l.changed
		l.mu.Unlock()
		switch {
		case at >= next:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *Log) read() {
	var cursor kafka.Cursor
	cursor.SetPosition(l.next)
	for fetch := range l.feed.C() {
		err := l.take(&cursor, fetch)
		fetch.Release()
		if err != nil {
			l.fail(err)
			l.feed.Close()
			return
		}
	}
	if err := l.feed.Err(); err != nil {
		l.fail(fmt.Errorf("control topic: %w", err))
	}
}

func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.change()
}

func (l *Log) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Log) take(cursor *kafka.Cursor, fetch *broker.Fetch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	cursor.Reset(fetch.Batches, fetch.Aborted)
	var r kafka.Record
	for cursor.Next() {
		for cursor.Record(&r) {
			if err := l.state.apply(&r); err != nil {
				return fmt.Errorf("%s/%d: key %q: %w", l.place, r.Offset, r.Key, err)
			}
		}
	}
	if err := cursor.Err(); err != nil {
		return fmt.Errorf("%s: %w", l.place, err)
	}
	if l.next != cursor.Position() {
		l.next = cursor.Position()
		l.change()
	}
	return nil
}

// apply takes one record in. Keys of later versions mean nothing here.
func (s *State) apply(r *kafka.Record) error {
	kind, number, numbered := strings.Cut(string(r.Key), "/")
	var partition int32
	if numbered {
		p, err := strconv.ParseInt(number, 10, 32)
		if err != nil || p < 0 {
			return fmt.Errorf("%q is no partition", number)
		}
		partition = int32(p)
	}
	switch kind {
	case "plan":
		if !json.Valid(r.Value) {
			return fmt.Errorf("the value %.100q is not JSON", r.Value)
		}
		s.Plan = append(json.RawMessage(nil), r.Value...)
	case "start":
		return decode(r.Value, func(v Start) { s.Starts[partition] = v })
	case "seal":
		return decode(r.Value, func(v seal) { s.Seals[partition] = fit.Seal(v) })
	case "freeze":
		return decode(r.Value, func(v Freeze) { s.Freeze = &v })
	case "artifact":
		return decode(r.Value, func(v Artifact) { s.Artifact = &v })
	}
	return nil
}

// A seal is a fit.Seal with its names in JSON.
type seal struct {
	Offset int64      `json:"offset"`
	Reason fit.Reason `json:"reason"`
}

func decode[T any](value []byte, keep func(T)) error {
	var v T
	if err := json.Unmarshal(value, &v); err != nil {
		return fmt.Errorf("the value %.100q is not what tare writes: %w", value, err)
	}
	keep(v)
	return nil
}
