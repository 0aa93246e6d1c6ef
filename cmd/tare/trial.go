package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tare/config"
	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/schema"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

// A trial takes a sample of the source through both passes, in memory.
type trial struct {
	config   *config.Config
	plan     *fit.Plan
	sample   *stream.Sample
	seals    []int64         // by partition; fit.Never where that hangs on the records
	artifact *store.Artifact // what is frozen; nil to learn from the sample
	topic    bool            // the sample is of a topic

	looks  []look
	after  map[place][]byte
	counts stream.NormalizeCounts // of the sample, normalized
}

// A place is where a record stands in the source.
type place struct {
	partition int32
	offset    int64
}

// A look is what the decoder says of one record.
type look struct {
	place
	message *record.Message
	reason  record.Reason
	detail  string
	series  string
	time    int64
	timed   bool
	split   fit.Split
	late    bool
}

// What the numbers behind after come from.
const (
	scaledByArtifact = "artifact"
	scaledBySample   = "sample"
)

// notFrozen stands in the marks of a sample for the artifact, as long as one's.
const notFrozen = "(not frozen yet)"

// A sampleReport is what a dry run says of the sample.
type sampleReport struct {
	Records  int            `json:"records"`
	Series   int            `json:"series"`
	Oldest   *fit.Instant   `json:"oldest,omitempty"` // event times; none if no record has one
	Newest   *fit.Instant   `json:"newest,omitempty"`
	Splits   splitReport    `json:"splits"`
	Late     int            `json:"late"`     // of those in splits
	Rejected map[string]int `json:"rejected"` // by reason
	Missing  map[string]int `json:"missing"`  // by feature, of the accepted records; of an array all numbers
	ScaledBy string         `json:"scaled_by,omitempty"`
	Artifact string         `json:"artifact,omitempty"`
	Shown    []example      `json:"shown"`

	accepted int
}

type splitReport struct {
	Train int `json:"train"`
	Gap   int `json:"gap"`
	Live  int `json:"live"`
}

// An example is one record, before and after.
type example struct {
	Source string       `json:"source"` // topic or file/partition/offset
	Series string       `json:"series,omitempty"`
	Time   *fit.Instant `json:"time,omitempty"`
	Split  string       `json:"split,omitempty"`
	Late   bool         `json:"late,omitempty"`
	Reason string       `json:"reason,omitempty"` // it is rejected
	Detail string       `json:"detail,omitempty"`
	Before string       `json:"before"`
	After  *string      `json:"after,omitempty"` // nil: not written
}

// run looks at the sample, shows some of it, and adds what is conspicuous to the
// checks of r.
func (t *trial) run(ctx context.Context, r *dryReport, show int) (*sampleReport, error) {
	s := &sampleReport{Records: t.sample.Records(), Rejected: map[string]int{}, Missing: map[string]int{}}
	if err := t.look(s); err != nil {
		r.say(stream.CheckFail, "source", "%v", err)
		return nil, nil
	}
	err := t.scale(ctx, s)
	if refusal, ok := errors.AsType[*fit.Refusal](err); ok {
		s.ScaledBy = ""
		r.say(stream.CheckWarn, "sample", "it alone would not be frozen: %v", refusal)
	} else if err != nil {
		return nil, err
	}
	t.judge(r, s)
	t.show(s, show)
	return s, nil
}

// look decodes every record and counts what there is.
func (t *trial) look(s *sampleReport) error {
	series := map[string]bool{}
	for p, name := range t.sample.Partitions() {
		decoder, err := t.decoder(&t.plan.Record, int32(p))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var row record.Row
		ms := t.sample.Messages(int32(p))
		for i := range ms {
			l := look{place: place{int32(p), ms[i].Offset}, message: &ms[i], reason: decoder.Decode(&row, &ms[i])}
			l.time, l.timed = row.Time, row.Timed
			if l.reason == record.OK {
				l.series = string(row.Series)
				series[l.series] = true
				l.split, l.late = t.split(&l)
				s.accept(t.plan, &row)
			} else {
				l.detail = decoder.Detail()
			}
			s.note(&l)
			t.looks = append(t.looks, l)
		}
	}
	s.Series = len(series)
	return nil
}

// decoder returns what decodes a partition of the sample as records of a schema.
func (t *trial) decoder(s *schema.Schema, partition int32) (record.Decoder, error) {
	reader, err := t.sample.Open(context.Background(), partition)
	if err != nil {
		return nil, err
	}
	return decoders(s, false)(reader.Header())
}

// split returns the stretch of a record, by the seals that are known.
func (t *trial) split(l *look) (fit.Split, bool) {
	return t.plan.Cutoff.Split(l.time, l.offset, t.seals[l.partition])
}

func (s *sampleReport) accept(plan *fit.Plan, row *record.Row) {
	s.accepted++
	x := row.Numbers
	for i := range plan.Record.Features {
		f := &plan.Record.Features[i]
		if !slices.ContainsFunc(x[:f.Size()], func(x float64) bool { return !math.IsNaN(x) }) {
			s.Missing[f.Name]++
		}
		x = x[f.Size():]
	}
}

func (s *sampleReport) note(l *look) {
	if l.timed {
		at := fit.Instant(l.time)
		if s.Oldest == nil {
			oldest, newest := at, at
			s.Oldest, s.Newest = &oldest, &newest
		}
		*s.Oldest, *s.Newest = min(*s.Oldest, at), max(*s.Newest, at)
	}
	if l.reason != record.OK {
		s.Rejected[l.reason.String()]++
		return
	}
	if l.late {
		s.Late++
	}
	switch l.split {
	case fit.Train:
		s.Splits.Train++
	case fit.InGap:
		s.Splits.Gap++
	default:
		s.Splits.Live++
	}
}

// scale normalizes the sample, with the frozen numbers or with its own.
func (t *trial) scale(ctx context.Context, s *sampleReport) error {
	t.after = map[place][]byte{}
	if s.accepted == 0 {
		return nil
	}
	artifact := t.artifact
	s.ScaledBy = scaledByArtifact
	if artifact == nil {
		s.ScaledBy = scaledBySample
		var err error
		if artifact, err = t.learn(ctx); err != nil {
			return err
		}
	} else {
		s.Artifact = artifact.ID
	}
	return t.normalize(ctx, artifact)
}

// learn freezes the statistics of all of the sample, whatever its split.
func (t *trial) learn(ctx context.Context) (*store.Artifact, error) {
	plan := *t.plan
	plan.Cutoff, plan.MinSamples = fit.Cutoff{Kind: fit.End}, 1
	fitter := stream.Fitter{Plan: &plan, Source: t.sample, NewDecoder: decoders(&plan.Record, false)}
	learned, err := fitter.Run(ctx)
	if err == nil {
		err = fitter.Sharpen(ctx, learned, nil)
	}
	if err != nil {
		return nil, err
	}
	result, err := learned.Freeze(identityOf(t.config))
	if err != nil {
		return nil, err
	}
	result.Manifest.Cutoff = t.plan.Cutoff // which the marks go by
	return &store.Artifact{ID: notFrozen, Manifest: result.Manifest, Frozen: result.Frozen}, nil
}

// normalize notes what each accepted record becomes. Series that were not learned
// are shown as their policy writes them.
func (t *trial) normalize(ctx context.Context, artifact *store.Artifact) error {
	shown := *artifact
	id := identityOf(t.config)
	shown.Manifest.Cutoff, shown.Manifest.Output = t.plan.Cutoff, id.Output
	shown.Manifest.Output.Columns = artifact.Manifest.Columns
	if t.topic && t.config.Sink.Kafka != nil && id.Output.Meta == record.MetaHeaders {
		shown.Manifest.Output.Meta = record.MetaNone // the topic's records have the headers
	}
	policy := id.Normalize
	policy.Emit = store.EmitAll
	if policy.UnknownSeries == store.UnknownFail {
		policy.UnknownSeries = store.UnknownMissing
	}
	n := stream.Normalizer{Artifact: &shown, Policy: policy, Splits: id.Splits, Source: t.sample, NewDecoder: decoders(&t.plan.Record, false), Seals: t.seals,
		Output: stream.Output{
			NewEncoder: encoders(&shown.Manifest),
			Open:       func([]byte, string) (sink.Writer, error) { return catcher{t.after}, nil },
		}}
	var err error
	t.counts, err = n.Run(ctx)
	return err
}

// catcher is a sink that keeps what is written by its place.
type catcher struct{ after map[place][]byte }

func (c catcher) Write(ms []record.Message) error {
	for i := range ms {
		c.after[place{ms[i].Partition, ms[i].Offset}] = bytes.Clone(ms[i].Value)
	}
	return nil
}

func (catcher) Close() error { return nil }
func (catcher) Abort() error { return nil }

// judge adds what is conspicuous to the checks.
func (t *trial) judge(r *dryReport, s *sampleReport) {
	if s.Records == 0 {
		return // said by who took the sample, or nothing there to judge
	}
	t.judgeRejects(r, s)
	t.judgeCutoff(r, s)
	if s.accepted >= 20 && s.Series*10 > s.accepted*9 {
		r.say(stream.CheckWarn, "series", "%d series in %d records: nearly each has its own, and nothing can be learned of one that never comes again; "+
			"record.series should name what the readings of one sensor have in common", s.Series, s.accepted)
	}
	for _, f := range t.plan.Record.Features {
		if s.accepted > 0 && s.Missing[f.Name] == s.accepted {
			r.say(stream.CheckWarn, "feature "+f.Name, "no record of the sample holds a value in field %q: is that its name?", f.Field)
		}
	}
	t.judgeUnknown(r, s)
	t.judgeLabels(r, s)
}

func (t *trial) judgeRejects(r *dryReport, s *sampleReport) {
	rejected := s.Records - s.accepted
	level := stream.CheckWarn
	switch {
	case rejected == 0:
		r.say(stream.CheckOK, "records", "all %d of the sample can be read", s.Records)
		return
	case s.accepted == 0 || t.config.Normalize.OnError == store.OnErrorFail:
		level = stream.CheckFail
	}
	fate := "they go to the dead letters"
	switch {
	case t.config.Normalize.OnError == store.OnErrorFail:
		fate = "a run stops at the first (normalize.on_error is fail)"
	case t.config.DeadLetter.Kafka == nil && t.config.DeadLetter.File.Path == "":
		fate = "they are counted and lost, as there is no dead_letter"
	}
	r.say(level, "records", "%d of %d are rejected (%s), examples below; %s; correct the configuration or the producer", rejected, s.Records, strings.Join(sorted(s.Rejected), ", "), fate)
	if better := t.otherUnit(); better != "" {
		r.say(stream.CheckWarn, "time", "record.time.layout is %s, yet the times of the sample look like %s", t.plan.Record.Time.Layout, better)
	}
}

func (t *trial) judgeCutoff(r *dryReport, s *sampleReport) {
	c := &t.plan.Cutoff
	if c.Kind != fit.EventTime || s.Oldest == nil || t.artifact != nil {
		return
	}
	now := time.Now()
	if at := time.Unix(0, int64(c.Time)); at.After(now) {
		r.say(stream.CheckWarn, "cutoff", "%v is %v from now: until then a run on a topic only learns, and normalizes nothing", c.Time, at.Sub(now).Round(time.Second))
	}
	if s.accepted > 0 && s.Splits.Train == 0 {
		r.say(stream.CheckWarn, "cutoff", "no record of the sample would be learned: the oldest is of %v, and training ends at %v (cutoff less gap); "+
			"start earlier, or move the cutoff", s.Oldest, fit.Instant(int64(c.Time)-int64(c.Gap)))
	}
	if s.accepted == s.Records {
		if better := t.otherUnit(); better != "" {
			r.say(stream.CheckWarn, "time", "record.time.layout is %s, which puts the sample between %v and %v; the times look like %s", t.plan.Record.Time.Layout, s.Oldest, s.Newest, better)
		}
	}
}

// judgeUnknown tells of series that a frozen artifact does not know.
func (t *trial) judgeUnknown(r *dryReport, s *sampleReport) {
	if t.artifact == nil || s.accepted == 0 || !keyed(t.artifact.Frozen) {
		return
	}
	unknown := 0
	for i := range t.looks {
		if t.looks[i].reason == record.OK && t.artifact.Frozen.Find([]byte(t.looks[i].series)) == frozen.Unknown {
			unknown++
		}
	}
	level := stream.CheckWarn
	switch {
	case unknown == 0:
		return
	case t.config.Normalize.UnknownSeries == store.UnknownFail:
		level = stream.CheckFail
	}
	r.say(level, "series", "%d of %d records of the sample are of series that the artifact does not know (normalize.unknown_series is %s)", unknown, s.accepted, t.config.Normalize.UnknownSeries)
}

// keyed reports whether some feature has numbers for each series.
func keyed(f *frozen.Frozen) bool {
	return slices.ContainsFunc(f.Features(), func(f frozen.Feature) bool { return !f.Shared() })
}

// otherUnit returns the layout by which most times of the sample are of our days,
// where they are not by the configured one; else nothing.
func (t *trial) otherUnit() schema.Layout {
	layouts := []schema.Layout{schema.RFC3339, schema.Unix, schema.UnixMilli, schema.UnixMicro, schema.UnixNano}
	have := t.plan.Record.Time
	if !slices.Contains(layouts, have.Layout) || 2*t.likely(have.Layout) > len(t.looks) {
		return ""
	}
	for _, l := range layouts {
		if l != have.Layout && 10*t.likely(l) > 9*len(t.looks) {
			return l
		}
	}
	return ""
}

// likely counts the records whose time is of our days if it has that layout.
func (t *trial) likely(layout schema.Layout) (n int) {
	s := t.plan.Record
	s.Time.Layout, s.Time.MaxFutureSkew = layout, 0
	from, to := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(), time.Now().AddDate(1, 0, 0).UnixNano()
	for p := range t.sample.Partitions() {
		decoder, err := t.decoder(&s, int32(p))
		if err != nil {
			return 0
		}
		var row record.Row
		ms := t.sample.Messages(int32(p))
		for i := range ms {
			decoder.Decode(&row, &ms[i])
			if row.Timed && from <= row.Time && row.Time <= to {
				n++
			}
		}
	}
	return n
}

// show picks accepted records at even distances, from the first to the newest,
// and the first rejected one of each reason.
func (t *trial) show(s *sampleReport, most int) {
	var good []*look
	var bad [record.NumReasons]*look
	for i := range t.looks {
		l := &t.looks[i]
		switch {
		case l.reason == record.OK:
			good = append(good, l)
		case bad[l.reason] == nil:
			bad[l.reason] = l
		}
	}
	s.Shown = []example{}
	n := min(most, len(good))
	for i := range n {
		s.Shown = append(s.Shown, t.example(good[i*(len(good)-1)/max(1, n-1)]))
	}
	for _, l := range bad {
		if l != nil && most > 0 {
			s.Shown = append(s.Shown, t.example(l))
		}
	}
}

func (t *trial) example(l *look) example {
	mark := record.Mark{Topic: t.sample.Partitions()[l.partition], Partition: l.partition, Offset: l.offset}
	e := example{Source: string(mark.AppendSource(nil)), Before: readably(l.message.Value)}
	if l.timed {
		at := fit.Instant(l.time)
		e.Time = &at
	}
	if l.reason != record.OK {
		e.Reason, e.Detail = l.reason.String(), l.detail
		return e
	}
	if t.plan.Record.Format == schema.Binary {
		e.Before = packedText(l.message.Value, t.plan.Record.DType)
	}
	splits := splitsOf(t.config)
	e.Series, e.Split, e.Late = l.series, splits.Names()[splits.Place(l.split, l.time)], l.late
	if after, ok := t.after[l.place]; ok && (t.config.Normalize.Emit != store.EmitLive || l.split == fit.Live) {
		text := readably(after)
		if t.config.Output.Value == string(record.Vector) || t.plan.Record.Format == schema.Binary {
			text = packedText(after, schema.DType(t.config.Output.Dtype))
		}
		e.After = &text
	}
	return e
}

// readably returns the text of a value, or the start of a long or binary one.
func readably(value []byte) string {
	const most = 2000
	text := string(value)
	if !utf8.Valid(value) {
		text = fmt.Sprintf("%q", value)
	}
	if len(text) > most {
		return fmt.Sprintf("%s... (%d bytes)", strings.ToValidUTF8(text[:most], ""), len(value))
	}
	return text
}

// print prints the record, and what becomes of it if that is known.
func (e *example) print(w io.Writer, scaled bool) {
	fmt.Fprintf(w, "\n%s", e.Source)
	if e.Reason != "" {
		fmt.Fprintf(w, "  rejected: %s: %s\n  before  %s\n", e.Reason, e.Detail, e.Before)
		return
	}
	fmt.Fprintf(w, "  series %q", e.Series)
	if e.Time != nil {
		fmt.Fprintf(w, ", time %v", e.Time)
	}
	fmt.Fprintf(w, ", split %s", e.Split)
	if e.Late {
		fmt.Fprint(w, ", late")
	}
	fmt.Fprintf(w, "\n  before  %s\n", e.Before)
	switch {
	case !scaled:
	case e.After == nil:
		fmt.Fprint(w, "  after   not written\n")
	default:
		fmt.Fprintf(w, "  after   %s\n", *e.After)
	}
}

func (s *sampleReport) rejectedText() string {
	if len(s.Rejected) == 0 {
		return "none"
	}
	n := s.Records - s.accepted
	return fmt.Sprintf("%s of the sample: %s", percent(n, s.Records), strings.Join(sorted(s.Rejected), ", "))
}

// missingText lists the share of missing values by feature, in their order.
func (s *sampleReport) missingText(plan *fit.Plan) string {
	var list []string
	for _, f := range plan.Record.Features {
		if n := s.Missing[f.Name]; n > 0 {
			list = append(list, f.Name+" "+percent(n, s.accepted))
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func percent(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of)) }
