package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/coord"
	"tare/record"
	"tare/sink"
	"tare/store"
)

// A Pipeline runs both passes over a Kafka topic that goes on: Freeze learns up
// to the cutoff and freezes, Normalize follows the topic with the frozen numbers.
// Over a topic of predictions Invert takes the place of both.
// Killed at any moment and run again, it ends with the same artifact and the
// same records: what it has decided stands in the control topic, what it has
// learned in checkpoints, and how far it has written in the outputs themselves.
type Pipeline struct {
	Identity    Identity
	Plan        *fit.Plan
	Client      *broker.Client
	Topic       string
	Start       Start
	OnGap       OnGap
	NewDecoder  NewDecoder
	Idleness    time.Duration // after which a silent partition seals; 0 is never
	MaxLate     float64       // share of late records that refuses the freeze
	Dir         string        // of checkpoints and the artifact
	Checkpoint  time.Duration // between two checkpoints
	Replication int           // of the control topic if it is made; 0 is the broker's default
	// FailOnReject stops at the first rejected record.
	FailOnReject bool
	Rejects      *RejectLog
	Outputs      Outputs
	DeadLimit    int64 // dead letters after which the pass stops with a LimitError; 0 for any number
	Log          *slog.Logger
	Monitor      *Monitor
}

// ArtifactPath returns where the artifact lies.
func (p *Pipeline) ArtifactPath() string {
	return filepath.Join(p.Dir, fmt.Sprintf("%s-%d.npz", p.Identity.Pipeline, p.Identity.Revision))
}

// life is one run of a Pipeline.
type life struct {
	*Pipeline
	running     atomic.Int32 // partitions that have started
	topic       *broker.Topic
	fetcher     *broker.Fetcher
	log         *coord.Log // of the fit
	fingerprint string

	artifact *store.Artifact // of the second pass
	inverse  bool            // it takes records back
	mark     []byte
	meta     record.Meta
	settings map[string]map[string]string // of the output topics
	open     int32                        // partitions that all outputs have, if learned tells that the others can be added
	shared   int32                        // partitions of the dead-letter topic, if it has its own number of them; else 0
	files    map[string]*sink.Log         // of the outputs, by path
	deads    atomic.Int64                 // dead letters of all partitions
	hard     context.Context              // ends some seconds after the pass was told to stop
}

// Freeze returns the artifact: the one that the pipeline was frozen into, or,
// behind the fit pass, a new one.
func (p *Pipeline) Freeze(ctx context.Context) (*store.Artifact, error) {
	l := &life{Pipeline: p}
	var err error
	if l.topic, err = p.Client.Topic(ctx, p.Topic); err != nil {
		return nil, err
	}
	l.enter(Fitting)
	if l.log, err = coord.Open(ctx, p.Client, coord.Topic(p.Identity.Pipeline, p.Identity.Revision), p.Replication); err != nil {
		return nil, err
	}
	defer l.log.Close()
	if err := l.agree(ctx); err != nil {
		return nil, err
	}
	if artifact, err := l.frozen(); artifact != nil || err != nil {
		return artifact, err
	}
	if err := l.warnOfRetention(ctx); err != nil {
		return nil, err
	}
	l.fetcher = p.Client.NewFetcher(broker.FetchOptions{})
	defer l.fetcher.Close()
	learned, err := l.fit(ctx)
	if err != nil {
		return nil, l.owned(err)
	}
	artifact, err := l.freeze(ctx, learned)
	return artifact, l.owned(err)
}

// owned refuses to go on where another process has taken the pipeline over. A
// fence of any other reason is healed by a restart.
func (l *life) owned(err error) error {
	fenced, ok := errors.AsType[*broker.FencedError](err)
	if !ok || !fenced.Replaced() {
		return err
	}
	return fmt.Errorf("%w (%w)", &store.RefusedError{Path: "pipeline " + l.Identity.Pipeline, Reason: "another process has taken it over; run one"}, err)
}

// warnOfRetention says which records both passes cannot count on.
func (l *life) warnOfRetention(ctx context.Context) error {
	settings, err := l.Client.TopicConfig(ctx, l.Topic)
	if err != nil {
		return err
	}
	if keeps := retention(settings); keeps > 0 {
		l.Log.Warn("the topic deletes its records: what is older when it is read, or read again by the normalize pass and verify, is gone", "topic", l.Topic, "retention", keeps)
	}
	return nil
}

// enter tells the Monitor that a pass begins.
func (l *life) enter(phase Phase) {
	l.Monitor.Update(func(s *Status) {
		s.Pipeline, s.Revision, s.Topic, s.Phase, s.Ready, s.MaxLate = l.Identity.Pipeline, l.Identity.Revision, l.Topic, phase, false, l.MaxLate
		if s.Started.IsZero() {
			s.Started = time.Now()
		}
		if l.Plan.Cutoff.Kind == fit.EventTime {
			s.Cutoff = time.Unix(0, int64(l.Plan.Cutoff.Time))
		}
		if l.artifact != nil && s.Artifact == "" {
			s.Artifact, s.FrozenAt = l.artifact.ID, time.Now()
		}
		was := s.Partitions
		s.Partitions = make([]PartitionStatus, l.topic.Partitions())
		for i := range s.Partitions {
			s.Partitions[i] = newStatus(int32(i))
		}
		if l.artifact != nil {
			l.keep(s.Partitions, was)
		}
	})
}

// keep shows in the normalize pass what was learned before: as this process has
// counted it, else as far as the artifact tells.
func (l *life) keep(all, was []PartitionStatus) {
	for _, r := range l.artifact.Manifest.Ranges {
		if int(r.Partition) >= len(all) {
			continue
		}
		s := &all[r.Partition]
		if int(r.Partition) < len(was) && was[r.Partition].Seal != nil {
			s.keep(&was[r.Partition])
			continue
		}
		s.Fit.Train, s.Fit.Gone, s.Seal = r.Learned, r.Gone, &fit.Seal{Offset: r.Seal, Reason: r.Reason}
	}
}

// assigned notes that one more of all partitions has started.
func (l *life) assigned(all int) {
	if int(l.running.Add(1)) == all {
		l.Monitor.Update(func(s *Status) { s.Ready = true })
	}
}

// semantics is all of the configuration that decides what is learned.
type semantics struct {
	Topic string    `json:"topic"`
	Start Start     `json:"start"`
	Plan  *fit.Plan `json:"plan"`
}

// agree writes the semantic configuration down, or refuses one that differs from
// what the pipeline was begun with.
func (l *life) agree(ctx context.Context) error {
	want := semantics{l.Topic, l.Start, l.Plan}
	text, err := json.Marshal(want)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	l.fingerprint = hex.EncodeToString(sum[:])
	if was := l.log.State().Plan; was != nil {
		if lines := fit.Diff(was, json.RawMessage(text)); len(lines) > 0 {
			return &store.RefusedError{Path: coord.Topic(l.Identity.Pipeline, l.Identity.Revision), Reason: "the pipeline was begun with another configuration: " +
				strings.Join(lines, "; ") + "; raise revision to learn anew"}
		}
		return nil
	}
	return l.decide(ctx, text)
}

// decide writes the semantic configuration down, and where the fit of each
// partition begins. Partitions that the topic gets later do not learn.
func (l *life) decide(ctx context.Context, plan []byte) error {
	if err := (&Fitter{Plan: l.Plan}).check(int(l.topic.Partitions())); err != nil {
		return err
	}
	starts, err := l.starts(ctx)
	if err != nil {
		return err
	}
	numbered := map[int32]coord.Start{}
	for p, start := range starts {
		numbered[int32(p)] = start
	}
	w, err := l.log.Writer(ctx, l.owner(0))
	if err != nil {
		return err
	}
	return w.Plan(ctx, plan, numbered)
}

// owner is the transactional id of whoever works on a partition.
func (l *life) owner(partition int32) string {
	return fmt.Sprintf("tare/%s/%d/%s/%d", l.Identity.Pipeline, l.Identity.Revision, l.Topic, partition)
}

func (l *life) checkpoints() string {
	return strings.TrimSuffix(l.ArtifactPath(), ".npz") + ".checkpoints"
}

// frozen returns the artifact that the control topic points to, if it lies where
// it should; nil to learn it again, from the same ranges.
func (l *life) frozen() (*store.Artifact, error) {
	pointer := l.log.State().Artifact
	if pointer == nil {
		return nil, nil
	}
	artifact, err := store.OpenArtifact(l.ArtifactPath())
	switch {
	case errors.Is(err, os.ErrNotExist):
		l.Log.Warn("the artifact is gone: it is learned again from the recorded ranges", "path", l.ArtifactPath(), "artifact", pointer.ID)
		return nil, nil
	case err != nil:
		return nil, err
	case artifact.ID != pointer.ID:
		return nil, &store.ExistsError{Path: l.ArtifactPath(), Have: artifact.ID, Want: pointer.ID}
	}
	l.clean()
	return artifact, nil
}

// judged reports whether the pipeline was frozen before. Its artifact is then
// learned again up to the recorded seals: what has come behind them since says
// nothing of it, and must give the same bytes.
func (l *life) judged() bool { return l.log.State().Artifact != nil }

// fit learns from all partitions, side by side, to their seals.
func (l *life) fit(ctx context.Context) ([]*fitting, error) {
	if err := os.MkdirAll(l.checkpoints(), 0o755); err != nil {
		return nil, err
	}
	starts, err := l.starts(ctx)
	if err != nil {
		return nil, err
	}
	l.Monitor.Update(func(s *Status) { s.Partitions = s.Partitions[:len(starts)] })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	all := make([]*fitting, len(starts))
	var workers sync.WaitGroup
	for i := range all {
		workers.Go(func() {
			f, err := l.newFitting(ctx, int32(i), starts[i])
			if err == nil {
				all[i] = f
				l.assigned(len(all))
				err = f.run(ctx)
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	return all, context.Cause(ctx)
}

// starts returns where each partition that learns begins: as it was decided,
// else, for all that the topic has, as the configuration says now.
func (l *life) starts(ctx context.Context) ([]coord.Start, error) {
	id := hex.EncodeToString(l.topic.ID[:])
	decided := l.log.State().Starts
	if len(decided) == 0 {
		offsets, err := l.Start.resolve(ctx, l.Client, l.topic)
		var starts []coord.Start
		for _, offset := range offsets {
			starts = append(starts, coord.Start{TopicID: id, Offset: offset})
		}
		return starts, err
	}
	starts := make([]coord.Start, len(decided))
	for p := range starts {
		if starts[p] = decided[int32(p)]; starts[p].TopicID != id {
			return nil, &LossError{fmt.Sprintf("%s was deleted and made anew since the fit began: raise revision to learn from the new one", l.Topic)}
		}
	}
	return starts, nil
}

// freeze merges what the partitions have learned and writes the artifact, then
// the pointer to it.
func (l *life) freeze(ctx context.Context, all []*fitting) (*store.Artifact, error) {
	l.Monitor.Update(func(s *Status) { s.Phase = Freezing })
	learned := &Fit{Plan: l.Plan}
	var states []*fit.State
	for _, f := range all {
		learned.Partitions = append(learned.Partitions, f.part)
		states = append(states, f.state)
	}
	if !l.judged() {
		if err := learned.Judge(l.MaxLate); err != nil {
			return nil, err
		}
	}
	learned.merged = fit.Merge(l.Plan, states)
	if err := l.sharpen(ctx, learned); err != nil {
		return nil, err
	}
	result, err := learned.Freeze(l.Identity)
	if err != nil {
		return nil, err
	}
	for _, line := range result.Lossy() {
		l.Log.Warn(line)
	}
	id, err := store.SaveArtifact(l.ArtifactPath(), &result.Manifest, result.Frozen, false)
	if err != nil {
		return nil, err
	}
	if err := store.SaveCompanion(store.CompanionPath(l.ArtifactPath()), id, &result.Manifest, result.Merged, false); err != nil {
		return nil, err
	}
	if err := all[0].control.Artifact(ctx, coord.Artifact{ID: id}); err != nil {
		return nil, err
	}
	l.begin(ctx, all, id)
	l.Monitor.Update(func(s *Status) { s.Artifact, s.FrozenAt = id, time.Now() })
	l.clean()
	return store.OpenArtifact(l.ArtifactPath())
}

// clean removes the checkpoints of a fit that has been frozen.
func (l *life) clean() {
	if err := os.RemoveAll(l.checkpoints()); err != nil {
		l.Log.Warn("checkpoints are needed no more, but cannot be removed", "error", err)
	}
}
