package stream

import (
	"context"

	"tare/internal/broker"
	"tare/record"
	"tare/store"
)

// This file holds what the two passes over a topic save each other: the fit
// looks at no more than the time of what the normalize pass will read whole, and
// with emit: live that one begins where there is something to write.

// A glancer finds the event time of a record without reading all of it; see
// record.JSON.Glance.
type glancer interface {
	Glance(m *record.Message) (nanos int64, ok bool)
}

// pass takes a record behind the seal by its time alone where that tells enough.
func (f *fitting) pass(m *record.Message) bool {
	if m.Offset < f.part.Seal().Offset || f.FailOnReject {
		return false
	}
	g, ok := f.decoder.(glancer)
	if !ok {
		return false
	}
	t, timed := g.Glance(m)
	return f.part.Pass(m.Offset, t, timed)
}

// begin commits, as positions of the normalize pass, the first offsets that
// emit: live has to look at: below them is nothing to write and nothing
// rejected. Without it the pass begins where the fit did.
func (l *life) begin(ctx context.Context, all []*fitting, id string) {
	if l.Identity.Normalize.Emit != store.EmitLive {
		return
	}
	committed, err := l.Client.Committed(ctx, l.group(), l.Topic, partitionsOf(l.topic))
	positions := map[int32]broker.Position{}
	for _, f := range all {
		if p := f.part.Range().Partition; committed[p].Metadata != normalized(id) { // from before the artifact was lost
			positions[p] = broker.Position{Offset: min(f.part.FirstLive(), f.part.Next()), Metadata: beginning(id)}
		}
	}
	if err == nil {
		err = l.Client.Commit(ctx, l.group(), l.Topic, positions)
	}
	if err != nil {
		l.Log.Warn("the normalize pass begins at the start of the training stretch, not behind it", "error", err)
	}
}

// begins reports whether a position is one that begin committed for this pass.
func (l *life) begins(at broker.Position) bool {
	if l.inverse {
		return at.Metadata == beginningInverse(l.artifact.ID)
	}
	return l.Identity.Normalize.Emit == store.EmitLive && at.Metadata == beginning(l.artifact.ID)
}

// What stands beside a position: it is that of the normalize pass, or the one
// that it begins at.
func normalized(id string) string { return "normalize " + id }
func beginning(id string) string  { return "begin " + id }
