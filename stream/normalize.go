package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/record"
	"tare/sink"
	"tare/store"
)

// Outputs are the topics that a Pipeline writes to: partition p of its source
// goes to partition p of each.
type Outputs struct {
	Topics       [3]string // of train, gap and live records; they may be one
	Codec        kafka.Codec
	Dead         string // topic of dead letters; empty for nowhere
	DeadCodec    kafka.Codec
	Replication  int // of topics that are made; 0 is the broker's default
	ContinueFrom string
	NewEncoder   func(m *store.Manifest, meta record.Meta) (record.Encoder, error)
}

// ContinueCommitted is the ContinueFrom that trusts the committed position
// where an output has lost its tail.
const ContinueCommitted = "committed"

// commitEvery is how often positions are committed.
const commitEvery = time.Second

// names returns the topics, each once.
func (o *Outputs) names() (all []string) {
	seen := map[string]bool{"": true}
	for _, name := range append(o.Topics[:], o.Dead) {
		if !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}

// Normalize follows the topic with a frozen artifact and writes what comes of
// each record, once, until ctx ends; it then returns the context's cause.
// Everything that was sent by then is acknowledged and the position committed.
func (p *Pipeline) Normalize(ctx context.Context, artifact *store.Artifact) error {
	l := &life{Pipeline: p, artifact: artifact, mark: []byte(artifact.Mark()), meta: p.Identity.Output.Meta}
	var err error
	if l.topic, err = p.Client.Topic(ctx, p.Topic); err != nil {
		return err
	}
	l.enter(Normalizing)
	if err := l.prepare(ctx); err != nil {
		return err
	}
	committed, err := p.Client.Committed(ctx, l.group(), p.Topic, partitionsOf(l.topic))
	if err != nil {
		return err
	}
	l.fetcher = p.Client.NewFetcher(broker.FetchOptions{})
	defer l.fetcher.Close()
	hard, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	l.hard = hard
	return l.follow(ctx, committed, stop)
}

// group is the name under which positions are committed.
func (l *life) group() string {
	return fmt.Sprintf("tare.%s.%d", l.Identity.Pipeline, l.Identity.Revision)
}

// prepare makes the output topics that do not exist and refuses those that would
// lose records.
func (l *life) prepare(ctx context.Context) error {
	if err := l.checkCluster(ctx); err != nil {
		return err
	}
	l.settings = map[string]map[string]string{}
	replication := l.Outputs.Replication
	if replication == 0 {
		replication = -1
	}
	for _, name := range l.Outputs.names() {
		spec := broker.TopicSpec{Name: name, Partitions: int(l.topic.Partitions()), Replication: replication, Config: map[string]string{"retention.ms": "-1", "cleanup.policy": "delete"}}
		if _, err := l.Client.CreateTopic(ctx, spec); err != nil {
			return err
		}
		topic, err := l.Client.Topic(ctx, name)
		if err != nil {
			return err
		}
		if topic.Partitions() != l.topic.Partitions() {
			return &TopicError{name, fmt.Sprintf("it has %d partitions and %s has %d: partition p of one goes to partition p of the other; "+
				"give it as many, or name a topic that does not exist", topic.Partitions(), l.Topic, l.topic.Partitions())}
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
	}
	return nil
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

// follow runs all partitions side by side until ctx ends or one fails.
func (l *life) follow(ctx context.Context, committed map[int32]broker.Position, stop context.CancelCauseFunc) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, func() { stop(errSlow) }) })()
	safe := make([]atomic.Int64, l.topic.Partitions())
	for i := range safe {
		safe[i].Store(-1)
	}
	var workers sync.WaitGroup
	for p := range l.topic.Partitions() {
		workers.Go(func() {
			f, err := l.newFollowing(ctx, p, committed, &safe[p])
			if err == nil {
				l.assigned(len(safe))
				err = f.run(ctx)
				f.close()
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	done := make(chan struct{})
	var committer sync.WaitGroup
	committer.Go(func() { l.commit(safe, done) })
	workers.Wait()
	close(done)
	committer.Wait()
	return context.Cause(ctx)
}

var errSlow = errors.New("the outputs did not acknowledge in time; what they did not is written again after the next start")

// commit commits the positions, each time they have moved, and once more at the
// end.
func (l *life) commit(safe []atomic.Int64, done <-chan struct{}) {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	last := make([]int64, len(safe))
	for i := range last {
		last[i] = -1
	}
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-done:
			ended = true
		}
		moved := map[int32]broker.Position{}
		for p := range safe {
			if at := safe[p].Load(); at != last[p] {
				moved[int32(p)] = broker.Position{Offset: at, Metadata: "normalize " + l.artifact.ID}
			}
		}
		if len(moved) == 0 {
			continue
		}
		if err := l.Client.Commit(l.hard, l.group(), l.Topic, moved); err != nil {
			l.Log.Error("positions cannot be committed; a restart goes on from older ones, and skips what the outputs hold", "error", err)
			continue
		}
		for p, position := range moved {
			last[p] = position.Offset
			l.Monitor.Update(func(s *Status) { s.Partitions[p].Committed, s.Partitions[p].CommittedAt = position.Offset, time.Now() })
		}
	}
}

// newFollowing takes the outputs of one partition over and finds where to go on.
func (l *life) newFollowing(ctx context.Context, p int32, committed map[int32]broker.Position, safe *atomic.Int64) (*following, error) {
	width := len(l.artifact.Frozen.Columns())
	n := &Normalizer{Artifact: l.artifact, Policy: l.Identity.Normalize, Seals: []int64{}}
	start := int64(-1)
	for _, r := range l.artifact.Manifest.Ranges {
		n.Seals = append(n.Seals, r.Seal)
		if r.Partition == p {
			start = r.Start
		}
	}
	f := &following{normalizing: &normalizing{Normalizer: n, y: make([]float64, width), asIs: newAsIs(width)}, life: l, safe: safe}
	f.mark.Artifact = l.artifact.Mark()
	f.status.Partition, f.status.Phase = p, Normalizing
	var err error
	if f.decoder, err = l.NewDecoder(nil); err != nil {
		return nil, err
	}
	meta := record.MetaNone
	if l.meta == record.MetaField {
		meta = record.MetaField
	}
	if f.encoder, err = l.Outputs.NewEncoder(&l.artifact.Manifest, meta); err != nil {
		return nil, err
	}
	position, err := l.position(ctx, f, p, start, committed)
	if err != nil {
		return nil, err
	}
	if err := l.takeOver(ctx, f, p); err != nil {
		return nil, err
	}
	f.done = position
	f.reading = newReading(l.fetcher, l.topic, p, position, l.OnGap)
	return f, nil
}

// position returns the offset to go on from: the committed one, else the start
// of what was learned, else of the topic.
func (l *life) position(ctx context.Context, f *following, p int32, start int64, committed map[int32]broker.Position) (int64, error) {
	first, err := l.Client.Offsets(ctx, l.Topic, []int32{p}, broker.Earliest)
	if err != nil {
		return 0, err
	}
	if at, ok := committed[p]; ok && at.Metadata == "normalize "+l.artifact.ID {
		return at.Offset, nil
	}
	if start < 0 {
		return first[0], nil
	}
	if first[0] > start && first[0] <= f.Seals[p] {
		l.Log.Warn("records that were learned from are gone, and are not written", "topic", l.Topic, "partition", p, "from", start, "to", first[0]-1)
		f.gone = first[0] - start
		return first[0], nil
	}
	return start, nil
}

// takeOver fences whoever wrote the partition's outputs before, and holds their
// tails against this pipeline.
func (l *life) takeOver(ctx context.Context, f *following, p int32) (err error) {
	var places []broker.Place
	for _, name := range l.Outputs.names() {
		places = append(places, broker.Place{Topic: name, Partition: p})
	}
	if f.owner, err = l.Client.TakeOver(ctx, l.owner(p), places); err != nil {
		return err
	}
	f.status.Fences++
	f.acks = make(chan sink.Ack, len(places))
	byName := map[string]*outlet{}
	for i, place := range places {
		holds, err := l.tail(&f.owner.Tails[i], p)
		if err != nil {
			f.close()
			return err
		}
		codec := l.Outputs.Codec
		if place.Topic == l.Outputs.Dead {
			codec = l.Outputs.DeadCodec
		}
		o := &outlet{place: place, holds: holds, keeps: retention(l.settings[place.Topic]), ahead: ahead(l.settings[place.Topic]),
			Partition: sink.NewPartition(l.hard, f.owner.Appender(i), maxBatch(l.settings[place.Topic]), codec, f.acks)}
		f.outlets = append(f.outlets, o)
		byName[place.Topic] = o
	}
	for split, name := range l.Outputs.Topics {
		f.splits[split] = byName[name]
	}
	f.dead = byName[l.Outputs.Dead]
	return nil
}

// tail returns the newest source offset that an output holds; -1 for none.
func (l *life) tail(t *broker.Tail, p int32) (int64, error) {
	refuse := func(format string, args ...any) (int64, error) {
		return 0, &store.RefusedError{Path: t.Place.String(), Reason: fmt.Sprintf(format, args...)}
	}
	if t.Last == nil {
		if t.LogStart > 0 && l.Outputs.ContinueFrom != ContinueCommitted {
			return 0, &LossError{fmt.Sprintf("%s has lost all of its records (its log starts at %d): what it held is not known any more; "+
				"set sink.continue_from: committed to go on from the committed position", t.Place, t.LogStart)}
		}
		return -1, nil
	}
	text, ok := t.Last.Headers.Last(record.HeaderSource)
	topic, partition, offset, parsed := record.ParseSource(text)
	if !ok || !parsed {
		return refuse("its newest record, at offset %d, is not one that tare wrote: an output topic belongs to one pipeline", t.Last.Offset)
	}
	if topic != l.Topic || partition != p {
		return refuse("its newest record came from %s, not from %s/%d: an output topic belongs to one pipeline", text, l.Topic, p)
	}
	by, _ := t.Last.Headers.Last(record.HeaderArtifact)
	if string(by) != string(l.mark) && string(by) != l.Outputs.ContinueFrom {
		return refuse("its newest record was written with artifact %s, not %s; name another topic, or set sink.continue_from: %s", by, l.mark, by)
	}
	return offset, nil
}

// ahead returns how many milliseconds a record's timestamp may be ahead of the
// broker's clock, less a minute for the two clocks to differ.
func ahead(settings map[string]string) int64 {
	const unlimited = math.MaxInt64 / 2
	if strings.EqualFold(settings["message.timestamp.type"], "LogAppendTime") {
		return unlimited
	}
	ms, err := strconv.ParseInt(settings["message.timestamp.after.max.ms"], 10, 64)
	if err != nil || ms > unlimited {
		return unlimited
	}
	return max(0, ms-time.Minute.Milliseconds())
}

// maxBatch returns the most bytes that a batch may have.
func maxBatch(settings map[string]string) int {
	const usual = 1_048_588
	n, err := strconv.Atoi(settings["max.message.bytes"])
	if err != nil || n <= 0 {
		return usual
	}
	return min(n, 16<<20)
}
