package stream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/coord"
	"tare/record"
	"tare/store"
)

// A Level says how a check ended.
type Level string

const (
	CheckOK   Level = "ok"   // as it should be
	CheckWarn Level = "warn" // a run goes on, and something may be lost or be not what was meant
	CheckFail Level = "fail" // a run would stop, or lose records
)

// A Check is one thing that was looked at before a run.
type Check struct {
	Level   Level  `json:"level"`
	About   string `json:"about"`   // the thing: brokers, source raw, output normalized
	Message string `json:"message"` // what was found; where it is not ok also what is wanted and what to do
}

// Bounds are the ends of one partition of a topic, and where its fit begins.
// A time is that of the record there, in milliseconds since 1970, or
// record.NoTimestamp where there is none.
type Bounds struct {
	Partition  int32 `json:"partition"`
	First      int64 `json:"first"` // the oldest offset that is left
	Start      int64 `json:"start"` // where the fit begins
	End        int64 `json:"end"`   // behind the newest record
	FirstTime  int64 `json:"first_time"`
	StartTime  int64 `json:"start_time"`
	NewestTime int64 `json:"newest_time"`
}

// A DryRun is what a Pipeline would meet if it was run.
type DryRun struct {
	Connected  bool // false: no broker lets us in, and nothing else could be looked at
	Checks     []Check
	Partitions []Bounds        // of the source; nil if there is no such topic
	Seals      []int64         // by partition: where its training ends, fit.Never if that hangs on the records
	Artifact   *store.Artifact // what the pipeline is frozen into; nil if it is not yet
	Sample     *Sample         // of the source; nil if it could not be read
}

// checkWithin is how long one check may take, and sampleWithin the reading of
// the sample. Behind them stands a cluster that does not answer.
const (
	checkWithin  = 10 * time.Second
	sampleWithin = 15 * time.Second
)

// DryRun looks at all that both passes would meet, and reads most records of the
// source and some of the newest. It writes nothing: no topic, record, position,
// transaction or file.
func (p *Pipeline) DryRun(ctx context.Context, most int) *DryRun {
	quiet := *p
	d := &dry{life: &life{Pipeline: &quiet, log: new(coord.Log), settings: map[string]map[string]string{}}, DryRun: new(DryRun)}
	quiet.Log = slog.New(noted{d})
	if d.connect(ctx); !d.Connected {
		return d.DryRun
	}
	d.check(ctx, "cluster", d.cluster)
	d.check(ctx, "control topic "+d.control(), d.decided)
	d.check(ctx, "artifact", d.own)
	if d.check(ctx, "source "+d.Topic, d.source); d.topic != nil {
		d.read(ctx, most)
		d.check(ctx, "source "+d.Topic, d.retained)
		for _, name := range d.Outputs.names() {
			d.output(ctx, name)
		}
	}
	d.check(ctx, "permissions", d.permissions)
	return d.DryRun
}

// dry is one dry run: a life that only looks.
type dry struct {
	*life
	*DryRun
	pointer string   // the artifact that the control topic names
	missing []string // topics that a run would make
	has     int32    // partitions of the output at hand
	notes   []Check  // warnings of the check at hand
	about   string   // what it is about
}

func (d *dry) say(level Level, format string, args ...any) {
	d.Checks = append(d.Checks, Check{level, d.about, fmt.Sprintf(format, args...)})
}

func (d *dry) warn(format string, args ...any) {
	d.notes = append(d.notes, Check{CheckWarn, d.about, fmt.Sprintf(format, args...)})
}

// check makes one check and notes what it found, then its warnings, or how it
// failed.
func (d *dry) check(ctx context.Context, about string, check func(context.Context) (found string, err error)) (ok bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkWithin, fmt.Errorf("no answer within %v", checkWithin))
	defer cancel()
	d.about, d.notes = about, nil
	found, err := check(ctx)
	if err == nil && found != "" {
		d.say(CheckOK, "%s", found)
	}
	d.Checks = append(d.Checks, d.notes...)
	if err != nil {
		var topic *TopicError
		if errors.As(err, &topic) {
			err = errors.New(topic.Message)
		}
		d.say(CheckFail, "%v", err)
	}
	return err == nil
}

// noted makes warnings of what a check logs, so that what a run would log is
// seen here.
type noted struct{ d *dry }

func (n noted) Enabled(context.Context, slog.Level) bool { return true }
func (n noted) WithAttrs([]slog.Attr) slog.Handler       { return n }
func (n noted) WithGroup(string) slog.Handler            { return n }

// Handle notes a warning, with its attributes but for the topic, which the check
// names.
func (n noted) Handle(_ context.Context, r slog.Record) error {
	var attrs []string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "topic" {
			attrs = append(attrs, a.Key+" "+a.Value.String())
		}
		return true
	})
	text := r.Message
	if len(attrs) > 0 {
		text += " (" + strings.Join(attrs, ", ") + ")"
	}
	n.d.warn("%s", text)
	return nil
}

// connect tries every broker that the configuration names, once.
func (d *dry) connect(ctx context.Context) {
	d.about = "brokers"
	var failed []error
	for _, address := range d.Client.Brokers() {
		if err := d.Client.Reach(ctx, address); err != nil {
			failed = append(failed, err)
			continue
		}
		d.say(CheckOK, "%s answers (%s), as Apache Kafka 3.1 or newer", address, d.Client.Security())
		d.Connected = true
	}
	level := CheckWarn
	if !d.Connected {
		level = CheckFail
	}
	for _, err := range failed {
		d.say(level, "%v; correct source.kafka (brokers, tls, sasl), or start the broker", err)
	}
}

// cluster holds the brokers' settings against the fence.
func (d *dry) cluster(ctx context.Context) (string, error) {
	if err := d.checkCluster(ctx); err != nil || len(d.notes) > 0 {
		return "", err
	}
	return "producers are remembered for long enough (producer.id.expiration.ms, transactional.id.expiration.ms)", nil
}

func (d *dry) control() string { return coord.Topic(d.Identity.Pipeline, d.Identity.Revision) }

// decided reads what former runs have decided, if there were any.
func (d *dry) decided(ctx context.Context) (string, error) {
	log, err := coord.Follow(ctx, d.Client, d.control())
	if _, missing := errors.AsType[*broker.MissingTopicError](err); missing {
		d.missing = append(d.missing, d.control())
		return "does not exist: a run makes it, compacted, with one partition", nil
	}
	if err != nil {
		return "", err
	}
	log.Close()
	d.log = log
	state := log.State()
	if state.Plan == nil {
		return "exists; nothing is decided yet", nil
	}
	if err := d.agree(ctx); err != nil { // it only compares, as there is a plan
		return "", err
	}
	if state.Artifact != nil {
		d.pointer = state.Artifact.ID
		return "this configuration was begun, and is frozen into artifact " + d.pointer, nil
	}
	return fmt.Sprintf("this configuration was begun; started: %s, sealed: %d", several(len(state.Starts)), len(state.Seals)), nil
}

// own looks for the artifact where it should lie.
func (d *dry) own(context.Context) (string, error) {
	path := d.ArtifactPath()
	artifact, err := store.OpenArtifact(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.pointer == "":
		return fmt.Sprintf("none yet: a run learns up to the cutoff and writes %s", path), nil
	case errors.Is(err, fs.ErrNotExist):
		d.warn("%s is gone: a run learns artifact %s again, from the recorded ranges", path, d.pointer)
		return "", nil
	case err != nil:
		return "", err
	case d.pointer == "":
		d.warn("%s holds artifact %s, of which the control topic does not know: a run ends with exit code 6 unless it learns the same; remove the file, or raise revision", path, artifact.ID)
		return "", nil
	case artifact.ID != d.pointer:
		return "", fmt.Errorf("%s holds artifact %s, but the pipeline is frozen into %s: put that one there, or remove the file to learn it again", path, artifact.ID, d.pointer)
	}
	d.Artifact, d.artifact = artifact, artifact
	return fmt.Sprintf("%s is frozen: a run normalizes with it and learns nothing", path), nil
}

// source finds the topic, its leaders, and where each partition begins and ends.
func (d *dry) source(ctx context.Context) (string, error) {
	topic, err := d.Client.Topic(ctx, d.Topic)
	if err != nil {
		return "", err
	}
	if err := d.leaders(ctx, topic); err != nil {
		return "", err
	}
	d.topic, d.open = topic, topic.Partitions()
	if d.log.State().Plan == nil { // else it was checked when the fit began
		if err := (&Fitter{Plan: d.Plan}).check(int(topic.Partitions())); err != nil {
			return "", err
		}
	}
	starts, err := d.starts(ctx)
	if err != nil {
		return "", err
	}
	first, err := d.Client.Offsets(ctx, d.Topic, partitionsOf(topic), broker.Earliest)
	if err != nil {
		return "", err
	}
	ends, err := d.Client.Offsets(ctx, d.Topic, partitionsOf(topic), broker.Latest)
	if err != nil {
		return "", err
	}
	records := int64(0)
	for p := range topic.Partitions() {
		start, seal := first[p], int64(0) // of partitions that were added since: they do not learn
		if int(p) < len(starts) {
			start = starts[p].Offset
			seal = d.seal(p, start)
		}
		d.Partitions = append(d.Partitions, Bounds{p, first[p], start, ends[p], record.NoTimestamp, record.NoTimestamp, record.NoTimestamp})
		d.Seals = append(d.Seals, seal)
		records += max(0, ends[p]-max(start, first[p]))
	}
	if records == 0 {
		d.warn("it holds no records behind the start: there is nothing to judge the configuration by")
	}
	return fmt.Sprintf("%s, %d offsets from the start on", several(int(topic.Partitions())), records), d.reachable(ctx)
}

// leaders connects to the brokers that hold partitions, by the addresses that
// the cluster gives for them.
func (d *dry) leaders(ctx context.Context, topic *broker.Topic) error {
	tried := d.Client.Brokers()
	for _, id := range slices.Sorted(maps.Keys(topic.Addrs)) {
		address := topic.Addrs[id]
		if slices.Contains(tried, address) || !slices.Contains(topic.Leaders, id) {
			continue
		}
		if err := d.Client.Reach(ctx, address); err != nil {
			return fmt.Errorf("the cluster says that broker %d is to be reached at %s: %w; correct the broker's advertised.listeners, or the way there", id, address, err)
		}
	}
	return nil
}

// seal returns where the training stretch of a partition ends, as far as that
// does not hang on the records.
func (d *dry) seal(partition int32, start int64) int64 {
	if s, ok := d.log.State().Seals[partition]; ok {
		return s.Offset
	}
	switch c := &d.Plan.Cutoff; c.Kind {
	case fit.Offsets:
		return c.Offsets[partition]
	case fit.Records:
		return start + c.Records
	}
	return fit.Never
}

// reachable refuses starts, and positions of a pipeline that is frozen, that the
// topic does not hold.
func (d *dry) reachable(ctx context.Context) error {
	if d.Artifact != nil {
		return d.goesOn(ctx)
	}
	for _, b := range d.Partitions {
		switch {
		case b.Start > b.End:
			return fmt.Errorf("partition %d ends at %d, and is to be read from %d: correct start.offsets", b.Partition, b.End, b.Start)
		case b.Start < b.First && d.OnGap != RecordOnGap:
			return fmt.Errorf("partition %d: the offsets from %d to %d are gone, retention or somebody has removed them: "+
				"start later, or go on without them (on_gap: record)", b.Partition, b.Start, b.First-1)
		}
	}
	return nil
}

// goesOn refuses positions that the normalize pass would go on from, and warns
// of what it leaves out. A pipeline that is frozen has a group already: to ask
// for its positions makes nothing.
func (d *dry) goesOn(ctx context.Context) error {
	committed, err := d.Client.Committed(ctx, d.group(), d.Topic, partitionsOf(d.topic))
	if err != nil {
		return err
	}
	for _, b := range d.Partitions {
		at, gone := d.position(b.Partition, b.First, committed)
		switch {
		case at > b.End:
			return fmt.Errorf("partition %d ends at %d, yet has been read up to %d: it was truncated or made anew; a run stops there with exit code 4", b.Partition, b.End, at)
		case at < b.First && d.OnGap != RecordOnGap:
			return fmt.Errorf("partition %d: the offsets from %d to %d are gone before they were normalized, retention or somebody has removed them: "+
				"a run stops there with exit code 4; restore them, or go on without them (on_gap: record)", b.Partition, at, b.First-1)
		case at < b.First:
			d.warn("partition %d: the offsets from %d to %d are gone before they were normalized: a run goes on without them (on_gap is record)", b.Partition, at, b.First-1)
		case gone > 0:
			d.warn("partition %d: the offsets from %d to %d, which were learned from, are gone, and are not written", b.Partition, at-gone, at-1)
		}
	}
	return nil
}

// read takes the sample, and the times of the bounds from it.
func (d *dry) read(ctx context.Context, most int) {
	ctx, cancel := context.WithTimeoutCause(ctx, sampleWithin, fmt.Errorf("not read within %v: a transaction that a producer left open holds readers, or the broker is slow", sampleWithin))
	defer cancel()
	d.about = "source " + d.Topic
	f := d.Client.NewFetcher(broker.FetchOptions{Budget: 2 << 20, MaxWait: 100 * time.Millisecond})
	defer f.Close()
	d.Sample = newSample(slices.Repeat([]string{d.Topic}, len(d.Partitions)))
	gone := int64(0)
	for i := range d.Partitions {
		b := &d.Partitions[i]
		missing, err := d.Sample.topic(ctx, f, d.topic, b, share(most, len(d.Partitions)))
		if err != nil {
			d.say(CheckFail, "partition %d cannot be read: %v", b.Partition, err)
			return
		}
		gone += missing
		if err := d.times(ctx, f, b); err != nil {
			d.say(CheckFail, "partition %d cannot be read: %v", b.Partition, err)
			return
		}
	}
	switch {
	case gone > 0 && d.OnGap != RecordOnGap:
		d.say(CheckFail, "%d offsets of the sample are gone, removed by compaction or by hand: a run stops there with exit code 4; read a topic that keeps its records, or go on without them (on_gap: record)", gone)
	case gone > 0:
		d.say(CheckWarn, "%d offsets of the sample are gone: a run goes on without them (on_gap is record)", gone)
	}
}

// times fills in the times of a partition's bounds.
func (d *dry) times(ctx context.Context, f *broker.Fetcher, b *Bounds) error {
	if ms := d.Sample.Messages(b.Partition); len(ms) > 0 {
		b.NewestTime = ms[len(ms)-1].Timestamp
		if ms[0].Offset >= b.Start {
			b.StartTime = ms[0].Timestamp
		}
	}
	if b.First >= b.Start {
		b.FirstTime = b.StartTime
		return nil
	}
	one := newSample([]string{d.Topic})
	r := &bounded{reading: newReading(f, d.topic, b.Partition, b.First, RecordOnGap), ctx: ctx, end: b.End, done: new(atomic.Int64)}
	defer r.close()
	ms, err := one.read(r, 1)
	if len(ms) > 0 {
		b.FirstTime = ms[0].Timestamp
	}
	return err
}

// retained holds the source's settings against what the passes need of it.
func (d *dry) retained(ctx context.Context) (string, error) {
	if err := d.warnOfRetention(ctx); err != nil {
		return "", err
	}
	settings, err := d.Client.TopicConfig(ctx, d.Topic)
	if err != nil {
		return "", err
	}
	if policy := settings["cleanup.policy"]; policy != "delete" && policy != "" {
		d.warn("its cleanup.policy is %s, want delete: where compaction removes a record before it is read, a run %s", policy,
			map[bool]string{true: "goes on without it", false: "stops with exit code 4"}[d.OnGap == RecordOnGap])
	}
	if size := settings["retention.bytes"]; size != "" && size != "-1" {
		d.warn("its retention.bytes is %s: what both passes have not read before the partition grows beyond that is gone; want -1", size)
	}
	if err := d.lasts(retention(settings)); err != nil || len(d.notes) > 0 {
		return "", err
	}
	return "keeps its records (retention.ms " + settings["retention.ms"] + ")", nil
}

// lasts refuses a retention that deletes the start of the training stretch
// before the cutoff has come: the normalize pass begins there, behind the cutoff.
func (d *dry) lasts(keeps time.Duration) error {
	c := &d.Plan.Cutoff
	if keeps == 0 || d.Artifact != nil || c.Kind != fit.EventTime {
		return nil
	}
	frozen := time.Unix(0, int64(c.Time))
	if c.OutOfOrderness != fit.Unbounded {
		frozen = frozen.Add(time.Duration(c.OutOfOrderness))
	}
	for _, b := range d.Partitions {
		began := time.UnixMilli(b.StartTime)
		if b.StartTime >= 0 && frozen.After(time.Now()) && frozen.Sub(began) > keeps {
			return fmt.Errorf("the training stretch of partition %d begins with a record of %s and ends at the cutoff, %v later, but the topic keeps records for %v: "+
				"the normalize pass would not find the first of them; raise retention.ms, or start later",
				b.Partition, moment(b.StartTime), frozen.Sub(began).Round(time.Second), keeps)
		}
	}
	return nil
}

// several writes a number of partitions.
func several(n int) string {
	if n == 1 {
		return "1 partition"
	}
	return fmt.Sprintf("%d partitions", n)
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// output looks at one topic that a run writes to.
func (d *dry) output(ctx context.Context, name string) {
	exists := false
	about := "output " + name
	if name == d.Outputs.Dead {
		about = "dead letters " + name
	}
	fits := d.check(ctx, about, func(ctx context.Context) (found string, err error) {
		if found, err = d.willMake(ctx, name); err != nil || found != "" {
			return found, err
		}
		exists = true
		return d.settled(ctx, name)
	})
	if exists && fits {
		d.check(ctx, about, func(ctx context.Context) (string, error) { return d.belongs(ctx, name) })
	}
}

// willMake tells how a run makes an output that does not exist; nothing if it
// does.
func (d *dry) willMake(ctx context.Context, name string) (string, error) {
	topic, err := d.Client.Topic(ctx, name)
	if err == nil {
		d.has = topic.Partitions()
		return "", nil
	}
	if _, missing := errors.AsType[*broker.MissingTopicError](err); !missing {
		return "", err
	}
	d.missing = append(d.missing, name)
	copies := "the brokers' default of copies"
	if n := d.Outputs.Replication; n > len(d.topic.Addrs) {
		return "", fmt.Errorf("does not exist, and cannot be made with replication factor %d: the brokers are %d", n, len(d.topic.Addrs))
	} else if n > 0 {
		copies = "replication factor " + strconv.Itoa(n)
	}
	return fmt.Sprintf("does not exist: a run makes it with %s, cleanup.policy=delete, retention.ms=-1 and %s", several(int(d.topic.Partitions())), copies), nil
}

// settled holds the settings of an output against what is to be written.
func (d *dry) settled(ctx context.Context, name string) (string, error) {
	if err := d.checkOutput(ctx, name); err != nil {
		return "", err
	}
	s := d.settings[name]
	source, err := d.Client.TopicConfig(ctx, d.Topic)
	if err != nil {
		return "", err
	}
	if more := d.topic.Partitions() - d.has; more > 0 && name != d.Outputs.Dead {
		d.warn("it has %s less than the source, which has grown: a run adds them, for which it needs the permission Alter", several(int(more)))
	}
	if maxBatch(s) < maxBatch(source) {
		d.warn("its max.message.bytes is %d, and %s takes %d: a record too large for it becomes a dead letter; want as much or more", maxBatch(s), d.Topic, maxBatch(source))
	}
	if err := d.keepable(name); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, retention.ms %s, min.insync.replicas %s, max.message.bytes %s",
		several(int(d.has)), s["retention.ms"], s["min.insync.replicas"], s["max.message.bytes"]), nil
}

// keepable refuses an output that would delete or not take the first records of
// the sample, for their timestamps.
func (d *dry) keepable(name string) error {
	s := d.settings[name]
	before, err := strconv.ParseInt(s["message.timestamp.before.max.ms"], 10, 64)
	limited := err == nil && !strings.EqualFold(s["message.timestamp.type"], "LogAppendTime")
	for p := range d.Partitions {
		ms := d.Sample.Messages(int32(p))
		if len(ms) == 0 {
			continue
		}
		o := outlet{place: broker.Place{Topic: name, Partition: int32(p)}, keeps: retention(s)}
		if err := o.keepable(&ms[0]); err != nil {
			return err
		}
		if limited && ms[0].Timestamp >= 0 && time.Now().UnixMilli()-ms[0].Timestamp > before {
			return fmt.Errorf("its message.timestamp.before.max.ms is %d, and the source's first record is of %s: the broker would refuse it; want a larger one", before, moment(ms[0].Timestamp))
		}
	}
	return nil
}

// belongs refuses an output whose newest records another pipeline wrote.
func (d *dry) belongs(ctx context.Context, name string) (string, error) {
	if name == d.Outputs.Dead && d.shared > 0 {
		return "", nil // its partitions hold records of several of the source
	}
	d.mark = []byte("the one that is still to be learned")
	if d.pointer != "" {
		d.mark = []byte((&store.Artifact{ID: d.pointer}).Mark())
	}
	var places []broker.Place
	for p := range min(d.has, d.topic.Partitions()) {
		places = append(places, broker.Place{Topic: name, Partition: p})
	}
	tails, err := d.Client.Peek(ctx, places)
	if err != nil {
		return "", err
	}
	held := 0
	for p := range tails {
		holds, err := d.tail(&tails[p], int32(p))
		if err != nil {
			return "", err
		}
		if holds >= 0 {
			held++
		}
	}
	if held == 0 {
		return "holds no records", nil
	}
	return fmt.Sprintf("its newest records are of this pipeline (%d of %s): a run goes on behind them", held, several(len(tails))), nil
}

// permissions holds what the cluster lets us do against what both passes need.
func (d *dry) permissions(ctx context.Context) (string, error) {
	outputs := d.Outputs.names()
	access, err := d.Client.Access(ctx, append([]string{d.Topic, d.control()}, outputs...))
	if err != nil {
		return "", err
	}
	var lacking []string
	ask := func(topic string, want broker.Operations) {
		if may, exists := access.Topics[topic]; exists {
			if names := may.Lacking(want); len(names) > 0 {
				lacking = append(lacking, fmt.Sprintf("topic %s: %s", topic, strings.Join(names, ", ")))
			}
		}
	}
	ask(d.Topic, broker.Read|broker.Describe|broker.DescribeConfigs)
	for _, topic := range append(outputs, d.control()) {
		ask(topic, broker.Write|broker.Read|broker.Describe|broker.DescribeConfigs)
	}
	if len(d.missing) > 0 && len(access.Cluster.Lacking(broker.Create)) > 0 {
		d.warn("the cluster grants no Create: %s can be made only if an ACL on that name grants it; else make it before", strings.Join(d.missing, ", "))
	}
	if len(lacking) > 0 {
		return "", fmt.Errorf("not allowed: %s; grant it (docs/operations.md, Permissions)", strings.Join(lacking, "; "))
	}
	return "what the cluster tells of is allowed; it tells nothing of transactional id " + strconv.Quote(d.owner(0)) +
		" (Write, Describe) and group " + strconv.Quote(d.group()) + " (Read, Describe) without being written to", nil
}
