package stream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"tare/fit"
	"tare/frozen"
	"tare/record"
)

// exactMemory is what the search for exact quantiles may take, in bytes. More
// series than fit are searched for in turn, by more passes.
const exactMemory = 256 << 20

// Sharpen reads the training stretches again, as often as it takes, to make up
// for what the digests of features that want exact quantiles have blended. It
// reads nothing where there is no such feature or no such digest. The records
// are those that were learned, by the same decision.
//
// Where they are no longer all there it returns a *LossError. If all those
// features only prefer exact quantiles and there is a warn, warn is told instead,
// and the quantiles of all series are the digests'.
func (f *Fitter) Sharpen(ctx context.Context, learned *Fit, warn func(*LossError)) error {
	err := f.search(ctx, learned.merge(), learned.Ranges())
	loss, lost := errors.AsType[*LossError](err)
	if lost && warn != nil && f.Plan.Exact() != frozen.ExactRequire {
		warn(loss)
		return nil
	}
	return err
}

// search runs passes until all is found.
func (f *Fitter) search(ctx context.Context, m *fit.Merged, ranges []fit.Range) error {
	exact, err := m.Exact(exactMemory)
	if exact == nil || err != nil {
		return err
	}
	pass := rereading{Fitter: Fitter{Plan: f.Plan, Source: f.Source, NewDecoder: f.NewDecoder, Ranges: ranges, Records: f.Records}, exact: exact}
	for {
		more, err := exact.Next()
		if more {
			err = pass.run(ctx)
		}
		if err != nil {
			return asLoss(err)
		}
		if !more {
			return nil
		}
	}
}

// asLoss makes a LossError of what says that a stretch is no longer there, or no
// longer the same.
func asLoss(err error) error {
	changed, ok := errors.AsType[*fit.ChangedError](err)
	switch {
	case ok:
		return &LossError{fmt.Sprintf("exact quantiles: %s: the training stretch has changed; restore it, or write exact: prefer, on a topic with a new revision", changed.Message)}
	case errors.Is(err, fs.ErrNotExist):
		return &LossError{fmt.Sprintf("exact quantiles: %v: the training stretch is to be read again; restore it, or write exact: prefer, on a topic with a new revision", err)}
	}
	return err
}

// rereading is a pass over the training stretches of all partitions.
type rereading struct {
	Fitter
	mu    sync.Mutex
	exact *fit.Exact
}

func (r *rereading) run(ctx context.Context) error {
	if files, ok := r.Source.(*Files); ok && files.Rereadable() != nil {
		return &LossError{"exact quantiles: " + files.once + " can be read only once"}
	}
	topics := r.Source.Partitions()
	if err := r.check(len(topics)); err != nil {
		return err
	}
	return eachPartition(ctx, len(topics), func(ctx context.Context, id int32) error {
		sieve, err := r.exact.Sieve()
		if err != nil {
			return err
		}
		_, err = r.read(ctx, id, topics[id], func(row *record.Row) error {
			if sieve.Observe(row) {
				r.take(sieve)
			}
			return nil
		})
		r.take(sieve)
		return err
	})
}

func (r *rereading) take(s *fit.Sieve) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exact.Take(s)
}

// sharpen does so for a topic that goes on.
func (l *life) sharpen(ctx context.Context, learned *Fit) error {
	if l.Plan.Exact() == "" {
		return nil
	}
	l.Monitor.Update(func(s *Status) { s.Phase = Rereading })
	defer l.Monitor.Update(func(s *Status) { s.Phase = Freezing })
	ranges := learned.Ranges()
	starts := make([]int64, len(ranges))
	for i := range ranges {
		starts[i] = ranges[i].Start
	}
	source, err := openTopic(ctx, l.Client, l.topic, starts)
	if err != nil {
		return err
	}
	defer source.Close()
	source.OnGap = l.OnGap
	f := Fitter{Plan: l.Plan, Source: source, NewDecoder: l.NewDecoder}
	return f.Sharpen(ctx, learned, func(loss *LossError) {
		l.Log.Warn("the quantiles are those of sketches (exact: prefer): the training stretch is no longer all there", "error", loss)
	})
}
