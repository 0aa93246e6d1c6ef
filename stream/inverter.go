package stream

import (
	"context"

	"tare/frozen"
	"tare/record"
	"tare/store"
)

// An Inverter takes normalized records back to the units they came in. It
// applies no policy: what the artifact has no numbers for, as all of a record of
// an unknown series where nothing is shared, comes out as it is, without the stamp.
type Inverter struct {
	Artifact   *store.Artifact
	Source     Source
	NewDecoder NewDecoder // of normalized records, accepting stamps
	Output     Output     // with an encoder that removes stamps
	// Foreign accepts records that another artifact has stamped.
	Foreign bool
}

// InvertCounts tell what became of the records.
type InvertCounts struct {
	Inverted, Unknown int64
	Rejected          [record.NumReasons]int64
}

// Rejects returns the number of rejected records.
func (c *InvertCounts) Rejects() (n int64) {
	for _, k := range c.Rejected {
		n += k
	}
	return n
}

// Run reads everything. The counts are right also where it fails.
func (v *Inverter) Run(ctx context.Context) (InvertCounts, error) {
	f := v.Artifact.Frozen
	w := inverting{Inverter: v, y: make([]float64, f.Inputs()), asIs: newAsIs(f)}
	for i := range f.Features() {
		shared := f.Features()[i].Shared()
		w.shared, w.keyed = w.shared || shared, w.keyed || !shared
	}
	p := pass{Output: v.Output, source: v.Source, newDecoder: v.NewDecoder, transform: w.transform}
	err := p.run(ctx)
	return w.counts, err
}

type inverting struct {
	*Inverter
	counts InvertCounts
	mark   record.Mark
	y      []float64
	asIs   *asIs
	shared bool // some feature has numbers for unknown series
	keyed  bool // some has none
}

func (v *inverting) transform(p *pass, m *record.Message) error {
	if by, stamped := v.stamp(p, m); p.reason == record.OK && !v.Foreign && stamped && by != v.Artifact.Mark() {
		v.counts.Rejected[record.Stamped]++
		return p.refuse(m, record.Stamped, "the record was normalized by artifact "+by+", not "+v.Artifact.Mark()+"; --foreign inverts it all the same")
	}
	if p.reason != record.OK {
		v.counts.Rejected[p.reason]++
		return p.reject(m)
	}
	row, y := &p.row, v.y
	id := v.Artifact.Frozen.Find(p.row.Series)
	if id == frozen.Unknown && v.keyed {
		v.counts.Unknown++
	} else {
		v.counts.Inverted++
	}
	if id == frozen.Unknown && !v.shared {
		row, y = v.asIs.of(row)
	} else {
		v.Artifact.Frozen.Inverse(y, p.row.Numbers, id)
	}
	p.out.add(m, func(dst []byte) []byte { return p.encoder.Append(dst, m.Value, row, y, &v.mark) })
	return nil
}

// stamp returns the artifact that a record's mark names, in its headers or its
// value.
func (v *inverting) stamp(p *pass, m *record.Message) (by string, stamped bool) {
	ok := true
	switch {
	case p.row.Artifact != nil:
		by = string(p.row.Artifact)
	case p.row.Stamp.Len() > 0:
		by, ok = record.StampArtifact(m.Value, p.row.Stamp)
	default:
		return "", false
	}
	if !ok {
		by = "(the mark names none)"
	}
	return by, true
}
