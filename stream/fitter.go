package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"tare/fit"
	"tare/record"
)

// A Fitter runs the fit pass: every record of every partition, in offset order,
// is decoded, classified, and learned from if it belongs to the training
// stretch. Partitions are independent and run side by side.
type Fitter struct {
	Plan       *fit.Plan
	Source     Source
	NewDecoder NewDecoder
	// Ranges are the training stretches to replay, by partition; nil to find them.
	// A replay reads no further than the seals.
	Ranges []fit.Range
	// FailOnReject stops at the first rejected record.
	FailOnReject bool
	Rejects      *RejectLog
	// Records counts those read, for whoever watches; may be nil.
	Records *atomic.Int64
}

// A Fit is what the fit pass leaves behind: the training stretch of each
// partition, and what was learned from all of them.
type Fit struct {
	Plan       *fit.Plan
	Partitions []*fit.Partition
	State      *fit.State

	merged *fit.Merged // what State comes to, once it has been asked for
}

// folding joins the states of partitions in their order, as soon as they and
// all before them are done: a series that stands in many files costs one state.
type folding struct {
	mu   sync.Mutex
	sum  *fit.State
	next int32
	done map[int32]*fit.State
}

func (f *folding) add(partition int32, s *fit.State) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done[partition] = s
	for ; f.done[f.next] != nil; f.next++ {
		s := f.done[f.next]
		delete(f.done, f.next)
		if f.sum == nil {
			f.sum = s
		} else if err := f.sum.Absorb(s); err != nil {
			return err
		}
	}
	return nil
}

// Counts returns what became of the records of all partitions.
func (f *Fit) Counts() fit.Counts {
	sum := fit.NewCounts()
	for _, p := range f.Partitions {
		sum.Add(p.Counts())
	}
	return sum
}

// Ranges returns the training stretches.
func (f *Fit) Ranges() []fit.Range {
	ranges := make([]fit.Range, len(f.Partitions))
	for i, p := range f.Partitions {
		ranges[i] = p.Range()
	}
	return ranges
}

// Run reads all partitions to their ends.
func (f *Fitter) Run(ctx context.Context) (*Fit, error) {
	topics := f.Source.Partitions()
	if err := f.check(len(topics)); err != nil {
		return nil, err
	}
	out := &Fit{Plan: f.Plan, Partitions: make([]*fit.Partition, len(topics))}
	fold := folding{done: map[int32]*fit.State{}}
	err := eachPartition(ctx, len(topics), func(ctx context.Context, id int32) error {
		state, err := f.partition(ctx, out, id, topics[id])
		if err != nil {
			return err
		}
		return fold.add(id, state)
	})
	out.State = fold.sum
	return out, err
}

// eachPartition calls do for each of n partitions, side by side as far as there
// are processors. The first error ends all, and is returned.
func eachPartition(ctx context.Context, n int, do func(ctx context.Context, id int32) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int32
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for id := next.Add(1) - 1; int(id) < n && ctx.Err() == nil; id = next.Add(1) - 1 {
				if err := do(ctx, id); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// check holds the partitions that the cutoff or the replay names against those
// there are.
func (f *Fitter) check(n int) error {
	if f.Ranges != nil && len(f.Ranges) != n {
		return &LossError{fmt.Sprintf("the artifact was learned from %d partitions, the source has %d", len(f.Ranges), n)}
	}
	if f.Plan.Cutoff.Kind != fit.Offsets {
		return nil
	}
	for p := range int32(n) {
		if _, ok := f.Plan.Cutoff.Offsets[p]; !ok {
			return &CutoffError{fmt.Sprintf("cutoff.offsets names no offset for partition %d: it must name all %d", p, n)}
		}
	}
	if len(f.Plan.Cutoff.Offsets) > n {
		return &CutoffError{fmt.Sprintf("cutoff.offsets names %d partitions, the source has %d", len(f.Plan.Cutoff.Offsets), n)}
	}
	return nil
}

// A CutoffError says that a cutoff names other partitions than the source has.
type CutoffError struct{ Message string }

// Error returns the message.
func (e *CutoffError) Error() string { return e.Message }

// A LossError says that records which were, or would have been, learned from
// are no longer there.
type LossError struct{ Message string }

// Error returns the message.
func (e *LossError) Error() string { return e.Message }

func (f *Fitter) partition(ctx context.Context, out *Fit, id int32, topic string) (*fit.State, error) {
	state, err := fit.NewState(f.Plan)
	if err != nil {
		return nil, err
	}
	out.Partitions[id], err = f.read(ctx, id, topic, state.Observe)
	return state, err
}

// read hands every record of the training stretch of a partition to take.
func (f *Fitter) read(ctx context.Context, id int32, topic string, take func(*record.Row) error) (part *fit.Partition, err error) {
	reader, err := f.Source.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	decoder, err := f.NewDecoder(reader.Header())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", topic, err)
	}
	part = fit.NewPartition(&f.Plan.Cutoff, id, reader.Next())
	if f.Ranges != nil {
		part = fit.ReplayPartition(&f.Plan.Cutoff, f.Ranges[id])
	}
	l := learning{f, topic, decoder, part, take, record.Row{}}
	return part, l.run(ctx, reader)
}

// learning is a pass over one partition that goes by its training stretch.
type learning struct {
	*Fitter
	topic   string
	decoder record.Decoder
	part    *fit.Partition
	take    func(*record.Row) error // what becomes of a training record
	row     record.Row
}

func (l *learning) run(ctx context.Context, reader Reader) error {
	for ctx.Err() == nil {
		ms, err := reader.Read()
		if err == io.EOF {
			l.skipped(reader)
			return l.finish()
		}
		if err != nil {
			return err
		}
		for i := range ms {
			if l.Ranges != nil && ms[i].Offset >= l.part.Seal().Offset {
				l.skipped(reader)
				return nil
			}
			if err := l.learn(&ms[i]); err != nil {
				return err
			}
		}
		l.skipped(reader)
		if l.Records != nil {
			l.Records.Add(int64(len(ms)))
		}
	}
	return ctx.Err()
}

// skipped tells the partition of the offsets that the reader went over and that
// held no record.
func (l *learning) skipped(reader Reader) {
	if t, ok := reader.(teller); ok {
		t.tell(l.part)
	}
	l.part.Advance(reader.Next())
}

// A teller is a Reader of a log in which offsets may be gone.
type teller interface{ tell(*fit.Partition) }

func (l *learning) learn(m *record.Message) error {
	reason := l.decoder.Decode(&l.row, m)
	if reason != record.OK {
		detail := l.decoder.Detail()
		l.Rejects.Add(l.topic, m, reason, detail)
		if l.FailOnReject {
			return &RejectError{source(l.topic, m), reason, detail}
		}
	}
	if !l.part.Observe(m.Offset, &l.row, reason) {
		return nil
	}
	if err := l.take(&l.row); err != nil {
		return fmt.Errorf("%s: %w", source(l.topic, m), err)
	}
	return nil
}

// finish seals at the end of the partition; a replay must have found all of its
// stretch.
func (l *learning) finish() error {
	if l.Ranges != nil && l.part.Next() < l.part.Seal().Offset {
		return &LossError{fmt.Sprintf("%s ends at record %d, but was learned up to %d", l.topic, l.part.Next(), l.part.Seal().Offset)}
	}
	l.part.Finish()
	return nil
}
