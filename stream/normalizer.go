package stream

import (
	"context"
	"fmt"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/store"
)

// A Normalizer runs the normalize pass: every record of every partition is
// decoded, classified, normalized with the frozen numbers, and written.
type Normalizer struct {
	Artifact   *store.Artifact
	Policy     store.Normalize
	Source     Source
	NewDecoder NewDecoder
	Output     Output
	// Seals are where the training stretches of the partitions end. Without them
	// the source is not the one that was learned from: records are split by their
	// time alone and none is late.
	Seals []int64
}

// NormalizeCounts tell what became of the records of a normalize pass. Every
// record is one of Train, Gap, Live, Late and Rejected.
type NormalizeCounts struct {
	Train, Gap, Live, Late int64
	Rejected               [record.NumReasons]int64
	Unknown                int64 // of a series that was not learned
	OutOfRange, Imputed    int64 // with such a value
	Bad                    int64 // values taken as missing (bad_value)
	Written, Buried        int64 // to the output, and as dead letters
	Dropped                int64 // of unknown series
	NotLive                int64 // left out by emit
}

// Rejects returns the number of rejected records.
func (c *NormalizeCounts) Rejects() (n int64) {
	for _, k := range c.Rejected {
		n += k
	}
	return n
}

// Records returns the number of records.
func (c *NormalizeCounts) Records() int64 { return c.Train + c.Gap + c.Live + c.Late + c.Rejects() }

// Run reads everything. The counts are right also where it fails.
func (n *Normalizer) Run(ctx context.Context) (NormalizeCounts, error) {
	width := len(n.Artifact.Frozen.Columns())
	w := normalizing{Normalizer: n, y: make([]float64, width), asIs: newAsIs(width)}
	w.mark.Artifact = n.Artifact.Mark()
	p := pass{Output: n.Output, source: n.Source, newDecoder: n.NewDecoder, transform: w.transform}
	err := p.run(ctx)
	w.counts.Buried = p.deads
	return w.counts, err
}

// normalizing is one run of the pass.
type normalizing struct {
	*Normalizer
	counts NormalizeCounts
	mark   record.Mark
	y      []float64
	asIs   *asIs
}

func (n *normalizing) transform(p *pass, m *record.Message) error {
	if p.reason != record.OK {
		n.counts.Rejected[p.reason]++
		return p.reject(m)
	}
	n.counts.Bad += int64(p.row.Bad)
	split, late := n.split(&p.row, m)
	n.count(split, late)
	if n.Policy.Emit == store.EmitLive && split != fit.Live {
		n.counts.NotLive++
		return nil
	}
	n.mark.Topic, n.mark.Partition, n.mark.Offset, n.mark.Split = p.topic, m.Partition, m.Offset, split.String()
	n.mark.Flags = 0
	if late {
		n.mark.Flags = record.Late
	}
	return n.write(p, m)
}

func (n *normalizing) split(row *record.Row, m *record.Message) (split fit.Split, late bool) {
	cutoff := &n.Artifact.Manifest.Cutoff
	if n.Seals == nil {
		return cutoff.SplitAlone(row.Time), false
	}
	return cutoff.Split(row.Time, m.Offset, n.Seals[m.Partition])
}

func (n *normalizing) count(split fit.Split, late bool) {
	switch {
	case late:
		n.counts.Late++
	case split == fit.Train:
		n.counts.Train++
	case split == fit.InGap:
		n.counts.Gap++
	default:
		n.counts.Live++
	}
}

// write normalizes the record and sends it on, or does with it what the policy
// for unknown series says.
func (n *normalizing) write(p *pass, m *record.Message) error {
	f := n.Artifact.Frozen
	id := f.Find(p.row.Series)
	n.mark.Flags |= f.Transform(n.y, &p.row, id)
	row, y := &p.row, n.y
	if id == frozen.Unknown {
		n.counts.Unknown++
		switch n.Policy.UnknownSeries {
		case store.UnknownDrop:
			n.counts.Dropped++
			return nil
		case store.UnknownDeadLetter:
			return p.bury(m, fmt.Sprintf("unknown_series: series %q was not learned", p.row.Series))
		case store.UnknownFail:
			return fmt.Errorf("record %s: series %q was not learned (unknown_series is fail)", source(p.topic, m), p.row.Series)
		case store.UnknownPassthrough:
			row, y = n.untouched(&p.row)
		}
	}
	n.note()
	n.counts.Written++
	p.out.add(m, func(dst []byte) []byte { return p.encoder.Append(dst, m.Value, row, y, &n.mark) })
	return nil
}

func (n *normalizing) note() {
	if n.mark.Flags&record.OutOfRange != 0 {
		n.counts.OutOfRange++
	}
	if n.mark.Flags&record.Imputed != 0 {
		n.counts.Imputed++
	}
}

// untouched returns the row and numbers that encode a record as it came: in
// the replace form nothing is replaced, in the others the raw numbers stand.
func (n *normalizing) untouched(row *record.Row) (*record.Row, []float64) {
	if n.Artifact.Manifest.Output.Value != record.Replace {
		return row, row.Numbers
	}
	return n.asIs.of(row)
}
