package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tare/fit"
	"tare/internal/broker"
	"tare/record"
	"tare/store"
)

const (
	// commitEvery is how often positions are committed.
	commitEvery = time.Second
	// lookEvery is how often the source is asked for its number of partitions.
	lookEvery = time.Minute
)

// Normalize follows the topic with a frozen artifact and writes what comes of
// each record, once, until ctx ends; it then returns the context's cause.
// Everything that was sent by then is acknowledged and the position committed.
func (p *Pipeline) Normalize(ctx context.Context, artifact *store.Artifact) error {
	l := &life{Pipeline: p, artifact: artifact, mark: []byte(artifact.Mark()), meta: p.Identity.Output.Meta}
	return l.second(ctx)
}

// second runs the second pass.
func (l *life) second(ctx context.Context) (err error) {
	if l.topic, err = l.Client.Topic(ctx, l.Topic); err != nil {
		return err
	}
	l.enter(Normalizing)
	if err := l.prepare(ctx); err != nil {
		return err
	}
	committed, err := l.Client.Committed(ctx, l.group(), l.Topic, partitionsOf(l.topic))
	if err == nil && l.inverse {
		committed, err = l.begun(ctx, committed)
	}
	if err != nil {
		return err
	}
	l.fetcher = l.Client.NewFetcher(broker.FetchOptions{})
	defer l.fetcher.Close()
	hard, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	l.hard = hard
	defer func() { err = errors.Join(err, l.closeFiles()) }()
	if err := l.openFiles(ctx, committed); err != nil {
		return err
	}
	return l.owned(l.follow(ctx, committed, stop))
}

// group is the name under which positions are committed.
func (l *life) group() string {
	return fmt.Sprintf("tare.%s.%d", l.Identity.Pipeline, l.Identity.Revision)
}

// metadata is what a committed position says of itself.
func (l *life) metadata() string {
	if l.inverse {
		return inverted(l.artifact.ID)
	}
	return normalized(l.artifact.ID)
}

// header is the name under which output records carry the artifact.
func (l *life) header() string {
	if l.inverse {
		return record.HeaderInverse
	}
	return record.HeaderArtifact
}

// prepare makes the output topics that do not exist and refuses those that would
// lose records.
func (l *life) prepare(ctx context.Context) error {
	if err := l.checkCluster(ctx); err != nil {
		return err
	}
	l.settings, l.open = map[string]map[string]string{}, l.topic.Partitions()
	replication := l.Outputs.Replication
	if replication == 0 {
		replication = -1
	}
	for _, name := range l.Outputs.names() {
		spec := broker.TopicSpec{Name: name, Partitions: int(l.topic.Partitions()), Replication: replication, Config: map[string]string{"retention.ms": "-1", "cleanup.policy": "delete"}}
		if _, err := l.Client.CreateTopic(ctx, spec); err != nil {
			return err
		}
		if err := l.checkOutput(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// checkOutput notes the settings of an output topic and refuses one that would
// lose records.
func (l *life) checkOutput(ctx context.Context, name string) error {
	topic, err := l.Client.Topic(ctx, name)
	if err != nil {
		return err
	}
	if err := l.checkPartitions(name, topic.Partitions()); err != nil {
		return err
	}
	if l.settings[name], err = l.Client.TopicConfig(ctx, name); err != nil {
		return err
	}
	if policy := l.settings[name]["cleanup.policy"]; policy != "delete" {
		return &TopicError{name, fmt.Sprintf("its cleanup.policy is %s, want delete: compaction would remove records", policy)}
	}
	if l.settings[name]["min.insync.replicas"] == "1" {
		l.Log.Warn("min.insync.replicas is 1: a record that is acknowledged may be lost with one broker", "topic", name)
	}
	return nil
}

// checkPartitions holds the partitions of an output topic against those of the
// source. It may have fewer where it had as many as the source at some time since
// the freeze, for then partition p of one has always gone to partition p of the
// other: grow adds the rest, when the tails have told that the topic is ours. One
// with fewer than were learned from was never such an output, and is refused, as
// is one with more.
func (l *life) checkPartitions(name string, have int32) error {
	want := l.topic.Partitions()
	switch {
	case have == want:
	case have < want && have >= l.learned():
		l.open = min(l.open, have)
	case name == l.Outputs.Dead && !slices.Contains(l.Outputs.Topics, name):
		l.shared = have
		l.Log.Warn("it has another number of partitions than the source: dead letters of partition p go to p modulo that number, at least once", "topic", name, "partitions", have, "source", want)
	default:
		return &TopicError{name, fmt.Sprintf("it has %d partitions and %s has %d: partition p of one goes to partition p of the other; "+
			"give it as many, or name a topic that does not exist", have, l.Topic, want)}
	}
	return nil
}

// learned returns how many partitions were learned from: the first ones. Before
// the freeze that is all, as of a topic that nothing was learned from.
func (l *life) learned() int32 {
	if l.artifact == nil || l.inverse {
		return l.topic.Partitions()
	}
	return int32(len(l.artifact.Manifest.Ranges))
}

// checkCluster refuses brokers that would forget a fence before it is repeated.
func (l *life) checkCluster(ctx context.Context) error {
	settings, err := l.Client.BrokerConfig(ctx)
	if _, denied := errors.AsType[*broker.DeniedError](err); denied {
		l.Log.Warn("the brokers' settings may not be read: producer.id.expiration.ms and transactional.id.expiration.ms must be four hours or more", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range []string{"producer.id.expiration.ms", "transactional.id.expiration.ms"} {
		ms, err := strconv.ParseInt(settings[name], 10, 64)
		if least := 4 * renewEvery; err == nil && ms < least.Milliseconds() {
			return &LossError{fmt.Sprintf("the brokers' %s is %v, want %v or more: they would forget who may write, and records could be doubled", name, time.Duration(ms)*time.Millisecond, least)}
		}
	}
	return nil
}

// retention returns how old a record of a topic may become by its timestamp; 0
// is any age.
func retention(settings map[string]string) time.Duration {
	ms, err := strconv.ParseInt(settings["retention.ms"], 10, 64)
	if err != nil || ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) || strings.EqualFold(settings["message.timestamp.type"], "LogAppendTime") {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// A TopicError is an output topic that cannot take the records.
type TopicError struct{ Topic, Message string }

// Error names the topic.
func (e *TopicError) Error() string { return "topic " + e.Topic + ": " + e.Message }

// follow runs all partitions side by side until ctx ends or one fails: first
// those that every output has, then those that grow adds.
func (l *life) follow(ctx context.Context, committed map[int32]broker.Position, stop context.CancelCauseFunc) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, func() { stop(errSlow) }) })()
	joined := make(chan *atomic.Int64)
	var workers, starting, committer sync.WaitGroup
	committer.Go(func() { l.commit(joined) })
	start := func(p int32) {
		safe := new(atomic.Int64)
		safe.Store(-1)
		joined <- safe
		starting.Add(1)
		workers.Go(func() {
			f, err := l.newFollowing(ctx, p, committed, safe)
			if err != nil {
				cancel(err)
				starting.Done()
				return
			}
			l.assigned(int(l.topic.Partitions()))
			starting.Done()
			defer f.close()
			if err := f.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	for p := int32(0); ctx.Err() == nil; {
		for ; p < l.open; p++ {
			start(p)
		}
		starting.Wait()
		if err := l.grow(ctx); err != nil {
			cancel(err)
		}
	}
	workers.Wait()
	close(joined)
	committer.Wait()
	return context.Cause(ctx)
}

// grow waits until the source has partitions that are not open, gives the output
// topics as many, and opens them. It is called when all that are open have
// started: their tails have told that the outputs are ours, or empty. A
// partition that was not learned from is followed from its first offset.
func (l *life) grow(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for l.topic.Partitions() == l.open {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		topic, err := l.Client.Topic(ctx, l.Topic)
		switch {
		case err != nil && ctx.Err() == nil:
			l.Log.Warn("cannot look for new partitions of the source; tried again in a minute", "error", err)
		case err == nil && topic.ID == l.topic.ID && topic.Partitions() > l.open: // of another one those tell that read it
			l.topic = topic
		}
	}
	all := l.topic.Partitions()
	for _, name := range l.Outputs.names() {
		if name == l.Outputs.Dead && l.shared > 0 && l.shared < l.learned() {
			continue
		}
		if err := l.Client.AddPartitions(ctx, name, int(all)); err != nil {
			return err
		}
	}
	l.Log.Info("partitions were added to the source: they are normalized, not learned from", "topic", l.Topic, "from", l.open, "to", all-1)
	l.Monitor.Update(func(s *Status) {
		for p := int32(len(s.Partitions)); p < all; p++ {
			s.Partitions = append(s.Partitions, newStatus(p))
		}
	})
	l.open = all
	return nil
}

var errSlow = errors.New("the outputs did not acknowledge in time; what they did not is written again after the next start")

// commit commits the positions of the partitions that join, in their order, each
// time they have moved, and once more at the end.
func (l *life) commit(joined <-chan *atomic.Int64) {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	var safe []*atomic.Int64
	var last []int64
	for open := true; open; {
		select {
		case <-tick.C:
			l.commitMoved(safe, last)
		case s, ok := <-joined:
			if open = ok; ok {
				safe, last = append(safe, s), append(last, -1)
			}
		}
	}
	l.commitMoved(safe, last)
}

// commitMoved commits the positions that are not the last ones committed.
func (l *life) commitMoved(safe []*atomic.Int64, last []int64) {
	moved := map[int32]broker.Position{}
	for p := range safe {
		if at := safe[p].Load(); at != last[p] {
			moved[int32(p)] = broker.Position{Offset: at, Metadata: l.metadata()}
		}
	}
	if len(moved) == 0 {
		return
	}
	if err := l.Client.Commit(l.hard, l.group(), l.Topic, moved); err != nil {
		l.Log.Error("positions cannot be committed; a restart goes on from older ones, and skips what the outputs hold", "error", err)
		return
	}
	for p, position := range moved {
		last[p] = position.Offset
		l.Monitor.Update(func(s *Status) { s.Partitions[p].Committed, s.Partitions[p].CommittedAt = position.Offset, time.Now() })
	}
}

// newFollowing takes the outputs of one partition over and finds where to go on.
func (l *life) newFollowing(ctx context.Context, p int32, committed map[int32]broker.Position, safe *atomic.Int64) (*following, error) {
	f := &following{life: l, safe: safe, splits: make([]*outlet, len(l.Identity.Splits.Names()))}
	f.worker, f.counts = l.worker()
	l.Monitor.Update(func(s *Status) { f.status = s.Partitions[p] })
	f.status.Phase = Normalizing
	var err error
	if f.decoder, err = l.NewDecoder(nil); err != nil {
		return nil, err
	}
	meta := l.meta
	if meta == record.MetaHeaders && len(l.Outputs.Topics) > 0 {
		meta = record.MetaNone // the topic's records have the headers
	}
	if f.encoder, err = l.Outputs.NewEncoder(&l.artifact.Manifest, meta); err != nil {
		return nil, err
	}
	first, err := l.Client.Offsets(ctx, l.Topic, []int32{p}, broker.Earliest)
	if err != nil {
		return nil, err
	}
	position, gone := l.position(p, first[0], committed)
	if f.gone = gone; gone > 0 {
		l.Log.Warn("records that were learned from are gone, and are not written", "topic", l.Topic, "partition", p, "from", position-gone, "to", position-1)
	}
	if err := l.takeOver(ctx, f, p); err != nil {
		return nil, err
	}
	f.done = position
	f.reading = newReading(l.fetcher, l.topic, p, position, l.OnGap)
	return f, nil
}

// worker returns what decides about the records of a partition, and its counts.
func (l *life) worker() (worker, *NormalizeCounts) {
	if l.inverse {
		v := newInverting(&Inverter{Artifact: l.artifact})
		return v, &v.counts
	}
	n := &Normalizer{Artifact: l.artifact, Policy: l.Identity.Normalize, Splits: l.Identity.Splits, Seals: []int64{}, Warnings: l.Rejects}
	for _, r := range l.artifact.Manifest.Ranges {
		n.Seals = append(n.Seals, r.Seal)
	}
	w := newNormalizing(n)
	return w, &w.counts
}

// trained returns the range of a partition that was learned from; ok is false
// where none was.
func (l *life) trained(p int32) (r fit.Range, ok bool) {
	i := slices.IndexFunc(l.artifact.Manifest.Ranges, func(r fit.Range) bool { return r.Partition == p })
	if i < 0 || l.inverse {
		return r, false
	}
	return l.artifact.Manifest.Ranges[i], true
}

// position returns the offset to go on from in a partition whose first one is
// given: the committed one, else the start of what was learned, else the first;
// and how many offsets that were learned from are gone before it.
func (l *life) position(p int32, first int64, committed map[int32]broker.Position) (at, gone int64) {
	if c, ok := committed[p]; ok && (c.Metadata == l.metadata() || l.begins(c)) {
		return c.Offset, 0
	}
	r, ok := l.trained(p)
	switch {
	case !ok:
		return first, 0
	case r.Start < first && first <= r.Seal:
		return first, first - r.Start
	}
	return r.Start, 0
}
