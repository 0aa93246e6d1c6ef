package stream

import (
	"context"

	"tare/internal/broker"
	"tare/record"
	"tare/store"
)

// Invert follows the topic, of normalized records or of predictions, and writes
// each in its units, once, until ctx ends; it then returns the context's cause. It
// does so as Normalize does, but from Start on, and to the outputs of live
// records, which carry the header HeaderInverse in place of a mark. The decoder and
// the encoder of the outputs are as those of an Inverter.
func (p *Pipeline) Invert(ctx context.Context, artifact *store.Artifact) error {
	l := &life{Pipeline: p, artifact: artifact, inverse: true, mark: []byte(artifact.Mark()), meta: record.MetaRemove}
	return l.second(ctx)
}

// begun returns the committed positions, or where the partitions begin if none has
// a position yet. That is committed first, so that a restart begins there too.
// Partitions that the topic gets later begin at their first offset.
func (l *life) begun(ctx context.Context, committed map[int32]broker.Position) (map[int32]broker.Position, error) {
	for _, at := range committed {
		if at.Metadata == l.metadata() || l.begins(at) {
			return committed, nil
		}
	}
	offsets, err := l.Start.resolve(ctx, l.Client, l.topic)
	if err != nil {
		return nil, err
	}
	starts := map[int32]broker.Position{}
	for p, offset := range offsets {
		starts[int32(p)] = broker.Position{Offset: offset, Metadata: beginningInverse(l.artifact.ID)}
	}
	return starts, l.Client.Commit(ctx, l.group(), l.Topic, starts)
}

// inverted and beginningInverse are what committed positions of Invert say of
// themselves, as normalized and beginning do of Normalize's.
func inverted(id string) string         { return "invert " + id }
func beginningInverse(id string) string { return "begin invert " + id }
