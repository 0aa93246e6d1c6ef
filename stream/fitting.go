package stream

import (
	"context"
	"fmt"
	"time"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/coord"
	"tare/record"
	"tare/store"
)

// stopWithin is how long a pass may take to save what it has when it is told to
// stop.
const stopWithin = 7 * time.Second

// fitting is the fit pass over one partition of a topic that goes on: it reads
// to its seal, makes that durable, and reads on, counting, to the end that the
// topic had then. What was judged before it reads to the seal only.
type fitting struct {
	life *life
	learning
	state   *fit.State
	reading *reading
	control *coord.Writer
	saver   saver
	status  PartitionStatus

	idle  quiet
	until int64 // where the counting ends; -1 until the seal is durable
}

// run returns nil when the partition is done, or the context's error, after
// having saved what it knows.
func (f *fitting) run(ctx context.Context) error {
	defer f.reading.close()
	defer f.saver.quit()
	for {
		changed := f.life.log.Changed()
		if done, err := f.decide(ctx); done || err != nil {
			if done {
				f.status.Phase = Freezing
			}
			f.publish()
			return err
		}
		select {
		case fetch, ok := <-f.reading.feed.C():
			if ok {
				f.reading.take(fetch)
			} else if err := f.life.goOn(f.reading); err != nil {
				return err
			}
			if err := f.drain(ctx); err != nil {
				return err
			}
		case <-changed:
			if err := f.life.log.Err(); err != nil {
				return err
			}
		case <-ctx.Done():
			f.saver.stop(f.part, f.state, time.Now().Add(stopWithin))
			f.publish()
			return context.Cause(ctx)
		}
	}
}

// goOn lets a reading whose feed has ended go on behind offsets that are gone,
// and says so; or returns why it cannot.
func (l *life) goOn(r *reading) error {
	was := r.position()
	if err := r.resume(); err != nil {
		return err
	}
	l.Log.Warn("offsets were gone before they were read; going on behind them (on_gap: record)",
		"topic", r.place.Topic, "partition", r.place.Partition, "from", was, "to", r.position()-1)
	return nil
}

// drain learns from all that has been fetched.
func (f *fitting) drain(ctx context.Context) error {
	was := f.part.Next()
	for ctx.Err() == nil {
		ms, err := f.reading.read()
		for i := range ms {
			f.status.Bytes += int64(len(ms[i].Value))
			if f.pass(&ms[i]) {
				continue
			}
			if err := f.learn(&ms[i]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		f.reading.tell(f.part, fit.Never)
		f.status.Records += int64(len(ms))
		f.saver.step(f.part, f.state)
		f.publish()
		if len(ms) == 0 {
			break
		}
	}
	f.idle.tell(f.part.Next() != was || !f.reading.atEnd())
	return nil
}

// decide seals where it is time to, and reports whether the partition is done.
func (f *fitting) decide(ctx context.Context) (done bool, err error) {
	if f.until < 0 {
		if err := f.sealByOthers(ctx); err != nil {
			return false, err
		}
		seal := f.part.Seal()
		if seal.Offset > f.part.Next() {
			return false, nil
		}
		if err := f.control.Seal(ctx, f.part.Range().Partition, seal); err != nil {
			return false, err
		}
		f.until = seal.Offset
		if !f.life.judged() {
			f.until = max(f.until, f.reading.end)
		}
	}
	return f.part.Next() >= f.until, nil
}

// sealByOthers seals by what is not in the records: a request to freeze, or
// silence.
func (f *fitting) sealByOthers(ctx context.Context) error {
	if f.part.Seal().Offset <= f.part.Next() {
		return nil
	}
	id := f.part.Range().Partition
	if request := f.life.log.State().Freeze; request != nil {
		seal := fit.Seal{Offset: max(request.Ends[id], f.part.Next()), Reason: fit.ByManual}
		if seal.Offset >= f.part.Seal().Offset {
			return nil // it ends before that by itself
		}
		if err := f.part.SealAt(seal); err != nil {
			return err
		}
		return f.control.Seal(ctx, id, seal)
	}
	if f.silent() {
		return f.part.SealAt(fit.Seal{Offset: f.part.Next(), Reason: fit.ByIdleness})
	}
	return nil
}

// silent reports whether the partition has been quiet at its end for long
// enough, at a time when the cutoff has passed.
func (f *fitting) silent() bool {
	c := &f.Plan.Cutoff
	if f.life.Idleness == 0 || c.Kind != fit.EventTime || c.OutOfOrderness == fit.Unbounded || f.idle.lasted < f.life.Idleness {
		return false
	}
	return time.Now().After(time.Unix(0, int64(c.Time)).Add(time.Duration(c.OutOfOrderness)))
}

// publish tells the Monitor where the partition stands.
func (f *fitting) publish() {
	s := &f.status
	saved := &f.saver.status
	s.Checkpoints, s.CheckpointErrors, s.CheckpointsBad = saved.Checkpoints, saved.CheckpointErrors, saved.CheckpointsBad
	s.CheckpointAt, s.CheckpointTook, s.CheckpointBytes, s.Error = saved.CheckpointAt, saved.CheckpointTook, saved.CheckpointBytes, saved.Error
	s.Next, s.End, s.LogStart, s.Gaps = f.part.Next(), f.reading.end, f.reading.logStart, f.reading.gone
	s.Committed = f.saver.last
	s.Fit, s.Series, s.Over = *f.part.Counts(), f.state.Series(), f.state.Overflow()
	if s.Fit.Oldest <= s.Fit.Newest {
		s.Newest = time.Unix(0, s.Fit.Newest)
	}
	if at, ok := f.part.Watermark(); ok {
		s.Watermark = time.Unix(0, int64(at))
	}
	if seal := f.part.Seal(); f.until >= 0 {
		s.Seal = &seal
	}
	f.life.Monitor.Update(func(all *Status) { all.Partitions[s.Partition] = *s })
}

// quiet measures how long nothing has come, by what the broker answers: the time
// in which it did not answer, or we did not ask, is no silence.
type quiet struct {
	lasted time.Duration
	heard  time.Time // when it last answered
}

// longestSilence is the most that two answers of the broker can be apart while
// both of us are well: it answers every half a second.
const longestSilence = time.Second

// tell takes in an answer, which brought something or nothing. Being held before
// the end, by an open transaction, is something: while it lasts no silence
// gathers that a new leader, which may know of an earlier end, would let count.
func (q *quiet) tell(something bool) {
	now := time.Now()
	switch {
	case something || q.heard.IsZero():
		q.lasted = 0
	default:
		q.lasted += min(now.Sub(q.heard), longestSilence)
	}
	q.heard = now
}

// newFitting starts or resumes the fit of one partition.
func (l *life) newFitting(ctx context.Context, id int32, start coord.Start) (f *fitting, err error) {
	f = &fitting{life: l, until: -1}
	f.Fitter = &Fitter{Plan: l.Plan, FailOnReject: l.FailOnReject, Rejects: l.Rejects}
	f.topic, f.row = l.Topic, record.Row{}
	f.saver = saver{dir: l.checkpoints(), topic: l.Topic, topicID: start.TopicID, fingerprint: l.fingerprint, every: l.Checkpoint, last: -1, due: time.Now().Add(l.Checkpoint)}
	if f.control, err = l.log.Writer(ctx, l.owner(id)); err != nil {
		return nil, err
	}
	if f.decoder, err = l.NewDecoder(nil); err != nil {
		return nil, err
	}
	if err := f.restore(id, start); err != nil {
		return nil, err
	}
	f.take = f.state.Observe
	if err := f.sealAtEnd(ctx, id); err != nil {
		return nil, err
	}
	f.reading = newReading(l.fetcher, l.topic, id, f.part.Next(), l.OnGap)
	f.reading.note()
	f.status.Partition, f.status.Phase = id, Fitting
	return f, nil
}

// sealAtEnd seals at the end that the topic has now, if that is the cutoff and
// was not decided before.
func (f *fitting) sealAtEnd(ctx context.Context, id int32) error {
	if f.Plan.Cutoff.Kind != fit.End || f.part.Seal().Offset != fit.Never {
		return nil
	}
	ends, err := f.life.Client.Offsets(ctx, f.topic, []int32{id}, broker.Latest)
	if err != nil {
		return err
	}
	seal := fit.Seal{Offset: ends[0], Reason: fit.ByEnd}
	if err := f.control.Seal(ctx, id, seal); err != nil {
		return err
	}
	return f.part.SealAt(seal)
}

// restore takes the newest checkpoint up, or begins at the start.
func (f *fitting) restore(id int32, start coord.Start) error {
	seal, sealed := f.life.log.State().Seals[id]
	c, aside, err := store.NewestCheckpoint(f.saver.dir, f.life.Topic, id, f.Plan, func(m *store.CheckpointMeta) error {
		switch {
		case m.Fingerprint != f.life.fingerprint:
			return &store.RefusedError{Path: f.saver.dir, Reason: "a checkpoint was made under another configuration"}
		case m.TopicID != start.TopicID:
			return &LossError{fmt.Sprintf("%s was deleted and made anew since the last checkpoint in %s", f.life.Topic, f.saver.dir)}
		case sealed && m.Progress.Next > seal.Offset && m.Progress.Seal != seal:
			return store.ErrSkip
		}
		return nil
	})
	f.saver.status.CheckpointsBad = int64(len(aside))
	for _, path := range aside {
		f.life.Log.Warn("a checkpoint does not verify and was set aside; the one before is used", "path", path)
	}
	switch {
	case err != nil:
		return err
	case c != nil:
		f.state, f.saver.last = c.State, c.Meta.Progress.Next
		f.part, err = fit.ResumePartition(&f.Plan.Cutoff, c.Meta.Progress)
	default:
		f.part = fit.NewPartition(&f.Plan.Cutoff, id, start.Offset)
		f.state, err = fit.NewState(f.Plan)
	}
	if err == nil && sealed {
		err = f.part.SealAt(seal)
	}
	return err
}
