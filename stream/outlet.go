package stream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/record"
	"tare/schema"
	"tare/sink"
	"tare/store"
)

// Outputs are where a Pipeline writes to: topics, to whose partition p goes what
// comes from partition p of the source, or files, which all partitions share.
type Outputs struct {
	Topics       []string // of the splits, in the order of fit.Splits.Names; they may be one
	Codec        kafka.Codec
	Files        []string // the same as files, where there are no topics; Stdout is the stream
	Stream       io.Writer
	ContinueFrom string // ContinueCommitted, or the mark of an artifact whose output is continued

	Dead             string // topic of dead letters
	DeadCodec        kafka.Codec
	DeadFile         string // the same as a file; without either they go nowhere
	DeadContinueFrom string

	Replication int // of topics that are made; 0 is the broker's default
	NewEncoder  func(m *store.Manifest, meta record.Meta) (record.Encoder, error)
}

// ContinueCommitted is the ContinueFrom that trusts the committed position
// where an output has lost what it held.
const ContinueCommitted = "committed"

// names returns the topics, each once.
func (o *Outputs) names() []string { return distinct(o.Topics, o.Dead) }

// paths returns the files, each once.
func (o *Outputs) paths() []string { return distinct(o.Files, o.DeadFile) }

// distinct returns the names that are not empty, each once.
func distinct(names []string, dead string) (all []string) {
	seen := map[string]bool{"": true}
	for _, name := range append(slices.Clone(names), dead) {
		if !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}

// continueFrom returns what a topic or file may hold already.
func (o *Outputs) continueFrom(name string) string {
	if name == o.Dead || name == o.DeadFile {
		return o.DeadContinueFrom
	}
	return o.ContinueFrom
}

// content says which records a file holds, splits being the names of all.
func (o *Outputs) content(path string, splits []string) string {
	if path == o.DeadFile {
		return "dead letters"
	}
	var held []string
	for split, name := range o.Files {
		if name == path {
			held = append(held, splits[split])
		}
	}
	return strings.Join(held, " ")
}

// A lane carries the records of one partition to an output, one batch at a time.
type lane interface {
	// Add copies a record into the batch that gathers, or reports that it is full.
	Add(r *kafka.Record, more ...kafka.Header) bool
	Gathered() (records, bytes int)
	Send()
}

// An outlet is one output of a partition.
type outlet struct {
	lane
	place  broker.Place  // the zero Place is a file
	linger time.Duration // how long the first record of a batch waits for others
	holds  int64         // the newest source offset that it held when it was taken over; -1 for none
	first  int64         // source offset of the first record that gathers
	since  time.Time
	flying bool          // a batch is on its way
	flown  int64         // source offset of its first record
	keeps  time.Duration // how old a record may become; 0 is any age
	ahead  int64         // how far ahead of our clock a Kafka timestamp may be, in ms
	latest int64         // and so the latest that it may be now
}

// headers reports whether a record has headers there.
func (o *outlet) headers() bool { return o.place.Topic != "" }

// unsent returns the first source offset that is not known to be in the output.
func (o *outlet) unsent() int64 {
	if o.flying {
		return o.flown
	}
	if n, _ := o.Gathered(); n > 0 {
		return o.first
	}
	return math.MaxInt64
}

// keepable refuses to begin a topic with records that retention would delete as
// soon as they are there, and the position with them. Kafka goes by the
// record's timestamp.
func (o *outlet) keepable(m *record.Message) error {
	if o.keeps == 0 {
		return nil
	}
	oldest := time.Now().Add(-o.keeps)
	if at := time.UnixMilli(m.Timestamp); m.Timestamp >= 0 && at.Before(oldest) {
		return &LossError{fmt.Sprintf("record %d of the source has the timestamp %v, and %s keeps records for %v only (retention.ms): it would be deleted at once; "+
			"set retention.ms=-1, or message.timestamp.type=LogAppendTime, on that topic", m.Offset, at.UTC().Format(time.RFC3339), o.place.Topic, o.keeps)}
	}
	o.keeps = 0 // the first one tells: it is the oldest that is still to be written
	return nil
}

func (o *outlet) send() {
	o.flying, o.flown = true, o.first
	o.Send()
}

// openFiles opens the files that all partitions share.
func (l *life) openFiles(ctx context.Context, committed map[int32]broker.Position) error {
	l.files = map[string]*sink.Log{}
	for _, path := range l.Outputs.paths() {
		if path == Stdout {
			l.files[path] = sink.NewStream(l.Outputs.Stream, l.end(path))
			continue
		}
		file, err := openFile(ctx, path, l.fileOptions(path, committed))
		if refused, ok := errors.AsType[*sink.LogError](err); ok {
			return judged(refused)
		}
		if err != nil {
			return err
		}
		l.files[path] = file
	}
	return nil
}

// Stdout is the name of standard output among the files.
const Stdout = "-"

// openFile is sink.OpenLog, which waits for the reader of a pipe, until ctx ends.
func openFile(ctx context.Context, path string, o sink.LogOptions) (*sink.Log, error) {
	type result struct {
		log *sink.Log
		err error
	}
	opened := make(chan result)
	go func() {
		log, err := sink.OpenLog(path, o)
		select {
		case opened <- result{log, err}:
		case <-ctx.Done():
			if err == nil {
				log.Close(context.WithoutCancel(ctx)) // at once: nothing was sent
			}
		}
	}()
	select {
	case r := <-opened:
		return r.log, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// judged returns the error of the pass for a file that is not to be appended to.
func judged(e *sink.LogError) error {
	if e.Lost {
		return &LossError{e.Error()}
	}
	return &store.RefusedError{Path: e.Path, Reason: e.Reason}
}

func (l *life) fileOptions(path string, committed map[int32]broker.Position) sink.LogOptions {
	from := l.Outputs.continueFrom(path)
	fresh := true
	for _, at := range committed {
		fresh = fresh && at.Metadata != l.metadata()
	}
	origin := l.FileOrigin(path, l.topic, string(l.mark))
	if l.inverse && path != l.Outputs.DeadFile {
		origin.Form = "inverse of " + string(l.Identity.Output.Value)
	}
	return sink.LogOptions{
		Origin: origin,
		End:    l.end(path),
		Accept: from,
		Fresh:  fresh || from == ContinueCommitted,
	}
}

// FileOrigin says what the file at path is made from, of the source topic and the
// artifact with the given mark.
func (p *Pipeline) FileOrigin(path string, topic *broker.Topic, mark string) sink.Origin {
	output := &p.Identity.Output
	form := fmt.Sprintf("%s %s %s", output.Value, output.Dtype, output.Missing)
	if path == p.Outputs.DeadFile {
		form = "json lines"
	}
	return sink.Origin{Artifact: mark, Topic: p.Topic, TopicID: hex.EncodeToString(topic.ID[:]), Content: p.Outputs.content(path, p.Identity.Splits.Names()), Form: form}
}

// end returns what follows each record of a file: packed numbers follow each
// other.
func (l *life) end(path string) string {
	packed := l.Identity.Output.Value == record.Vector || l.artifact.Manifest.Record.Format == schema.Binary
	if packed && path != l.Outputs.DeadFile {
		return ""
	}
	return "\n"
}

// closeFiles sees through what is on its way, as long as the pass may take.
func (l *life) closeFiles() error {
	var err error
	for _, file := range l.files {
		err = errors.Join(err, file.Close(l.hard))
	}
	return err
}

// takeOver fences whoever wrote the partition's outputs before, and holds what
// they have against this pipeline.
func (l *life) takeOver(ctx context.Context, f *following, p int32) error {
	f.acks = make(chan sink.Ack, len(l.Outputs.names())+len(l.Outputs.paths()))
	err := l.takeTopics(ctx, f, p)
	if err == nil {
		err = l.shareDead(ctx, f, p)
	}
	if err != nil {
		f.close()
		return err
	}
	for _, path := range l.Outputs.paths() {
		file := l.files[path]
		o := &outlet{linger: fileLinger, holds: file.Next(p) - 1, ahead: unlimited, lane: file.Lane(p, len(f.outlets), f.acks)}
		if path == Stdout {
			o.linger = linger
		}
		f.outlets = append(f.outlets, o)
		f.direct(o, path, l.Outputs.Files, l.Outputs.DeadFile)
	}
	return nil
}

// takeTopics takes over the partition of each topic.
func (l *life) takeTopics(ctx context.Context, f *following, p int32) (err error) {
	var places []broker.Place
	for _, name := range l.Outputs.names() {
		if l.shared == 0 || name != l.Outputs.Dead {
			places = append(places, broker.Place{Topic: name, Partition: p})
		}
	}
	if places == nil {
		return nil
	}
	if f.owner, err = l.Client.TakeOver(ctx, l.owner(p), places); err != nil {
		return err
	}
	f.status.Fences++
	for i, place := range places {
		holds, err := l.tail(&f.owner.Tails[i], p)
		if err != nil {
			return err
		}
		l.addTopic(f, place, f.owner.Appender(i), holds)
	}
	return nil
}

// shareDead opens the dead-letter topic where it has its own number of
// partitions: several of the source may go to one of its. So nobody is fenced
// there and no tail tells what it holds, and letters are written at least once.
func (l *life) shareDead(ctx context.Context, f *following, p int32) error {
	if l.shared == 0 {
		return nil
	}
	place := broker.Place{Topic: l.Outputs.Dead, Partition: p % l.shared}
	appender, err := l.Client.NewIdempotent(ctx, place)
	if err == nil {
		l.addTopic(f, place, appender, -1)
	}
	return err
}

// addTopic adds a partition of a topic to the outputs.
func (l *life) addTopic(f *following, place broker.Place, appender *broker.Appender, holds int64) {
	codec, settings := l.Outputs.Codec, l.settings[place.Topic]
	if place.Topic == l.Outputs.Dead {
		codec = l.Outputs.DeadCodec
	}
	to := sink.NewPartition(l.hard, appender, maxBatch(settings), codec, len(f.outlets), f.acks)
	f.topics = append(f.topics, to)
	o := &outlet{place: place, linger: linger, holds: holds, keeps: retention(settings), ahead: ahead(settings), lane: to}
	f.outlets = append(f.outlets, o)
	f.direct(o, place.Topic, l.Outputs.Topics, l.Outputs.Dead)
}

// direct sends the splits that go to a name, or the dead letters, to an outlet.
func (f *following) direct(o *outlet, name string, splits []string, dead string) {
	for split, to := range splits {
		if to == name {
			f.splits[split] = o
		}
	}
	if dead == name {
		f.dead = o
	}
}

// tail returns the newest source offset that a topic holds; -1 for none.
func (l *life) tail(t *broker.Tail, p int32) (int64, error) {
	from := l.Outputs.continueFrom(t.Place.Topic)
	refuse := func(format string, args ...any) (int64, error) {
		return 0, &store.RefusedError{Path: t.Place.String(), Reason: fmt.Sprintf(format, args...)}
	}
	if t.Last == nil {
		if t.LogStart > 0 && from != ContinueCommitted {
			return 0, &LossError{fmt.Sprintf("%s has lost all of its records (its log starts at %d): what it held is not known any more; "+
				"set continue_from: committed to go on from the committed position", t.Place, t.LogStart)}
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
	by, ok := t.Last.Headers.Last(l.header())
	if !ok {
		return refuse("its newest record has no header %s: normalized records, and those in their units again, each need a topic of their own; name another one", l.header())
	}
	if string(by) != string(l.mark) && string(by) != from {
		return refuse("its newest record was written with artifact %s, not %s; name another topic, or set continue_from: %s", by, l.mark, by)
	}
	return offset, nil
}

const unlimited = math.MaxInt64 / 2

// ahead returns how many milliseconds a record's timestamp may be ahead of the
// broker's clock, less a minute for the two clocks to differ.
func ahead(settings map[string]string) int64 {
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
