package stream

import (
	"context"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/store"
)

// An Inverter takes normalized records back to the units they came in. A record
// may hold any of the features, as a prediction does; what is absent stays so.
//
// It applies no policy but pooled, the artifact's: what that has no numbers for, as
// all of a record of an unknown series where nothing is shared or pooled, comes out
// as it is, without the stamp.
type Inverter struct {
	Artifact   *store.Artifact
	Source     Source
	NewDecoder NewDecoder // of normalized records, accepting stamps
	Output     Output     // with an encoder that removes stamps
	// Foreign accepts records that another artifact has stamped.
	Foreign bool
}

// Run reads everything. The counts are right also where it fails: a record that
// is not rejected is Live, and Unknown where it came out as it is.
func (v *Inverter) Run(ctx context.Context) (NormalizeCounts, error) {
	w := newInverting(v)
	p := pass{Output: v.Output, source: v.Source, newDecoder: v.NewDecoder, worker: w}
	err := p.run(ctx)
	w.counts.Buried = p.deads
	return w.counts, err
}

// inverting is one run of the pass.
type inverting struct {
	*Inverter
	counts NormalizeCounts
	mark   record.Mark
	y      []float64
	asIs   *asIs
	shared bool // some feature has numbers for unknown series
	keyed  bool // some has none
}

func newInverting(v *Inverter) *inverting {
	f := v.Artifact.Frozen
	w := &inverting{Inverter: v, y: make([]float64, f.Inputs()), asIs: newAsIs(f)}
	for i := range f.Features() {
		shared := f.Features()[i].Shared()
		w.shared, w.keyed = w.shared || shared, w.keyed || !shared
	}
	return w
}

func (v *inverting) take(d desk, topic string, m *record.Message, row *record.Row, reason record.Reason) error {
	detail := ""
	if by, stamped := stampOf(m, row); reason == record.OK && !v.Foreign && stamped && by != v.Artifact.Mark() {
		reason, detail = record.Stamped, "the record was normalized by artifact "+by+", not "+v.Artifact.Mark()+"; tare inverse --foreign inverts it all the same"
	}
	if reason != record.OK {
		v.counts.Rejected[reason]++
		return d.refuse(m, reason, detail)
	}
	v.counts.Bad += int64(row.Bad)
	y := v.y
	id := v.Artifact.Manifest.Normalize.Find(v.Artifact.Frozen, row.Series)
	if id == frozen.Unknown && v.keyed {
		v.counts.Unknown++
	}
	if id == frozen.Unknown && !v.shared {
		row, y = v.asIs.of(row)
	} else {
		v.Artifact.Frozen.Inverse(y, row.Numbers, id)
	}
	v.counts.Live++
	v.counts.Written++
	v.mark.Topic, v.mark.Partition, v.mark.Offset = topic, m.Partition, m.Offset
	return d.emit(m, int(fit.Live), row, y, &v.mark)
}

// stampOf returns the artifact that a record's mark names, in its headers or its
// value.
func stampOf(m *record.Message, row *record.Row) (by string, stamped bool) {
	ok := true
	switch {
	case row.Artifact != nil:
		by = string(row.Artifact)
	case row.Stamp.Len() > 0:
		by, ok = record.StampArtifact(m.Value, row.Stamp)
	default:
		return "", false
	}
	if !ok {
		by = "(the mark names none)"
	}
	return by, true
}
