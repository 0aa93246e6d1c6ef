package stream

import (
	"context"
	"fmt"

	"tare/fit"
	"tare/record"
	"tare/store"
)

// A Normalizer runs the normalize pass: every record of every partition is
// decoded, classified, normalized with the frozen numbers, and written.
type Normalizer struct {
	Artifact   *store.Artifact
	Policy     store.Normalize
	Splits     fit.Splits
	Source     Source
	NewDecoder NewDecoder
	Output     Output
	// Seals are where the training stretches of the partitions end. A partition
	// without one was not learned from: its records are split by their time alone
	// and none is late.
	Seals []int64
	// Warnings tells of unknown labels where their feature says so; may be nil.
	Warnings *RejectLog
}

// NormalizeCounts tell what became of the records of a normalize pass. Every
// record is one of Train, Gap, Live, Late and Rejected.
type NormalizeCounts struct {
	Train        int64                    `json:"train"`
	Gap          int64                    `json:"gap"`
	Live         int64                    `json:"live"`
	Late         int64                    `json:"late"`
	Rejected     [record.NumReasons]int64 `json:"rejected"`
	Unknown      int64                    `json:"unknown_series"` // of a series that was not learned
	OutOfRange   int64                    `json:"out_of_range"`   // with such a value
	UnknownLabel int64                    `json:"unknown_label"`  // with a label that is none of the categories, and not rejected for it
	Imputed      int64                    `json:"imputed"`        // with such a value
	Bad          int64                    `json:"bad_values"`     // values taken as missing (bad_value)
	Written      int64                    `json:"written"`        // to the output
	Buried       int64                    `json:"dead_letters"`
	Dropped      int64                    `json:"dropped"`       // of unknown series
	NotLive      int64                    `json:"not_live"`      // left out by emit
	TooLarge     int64                    `json:"too_large_out"` // dead-lettered because what they became fits into no batch
	Lost         int64                    `json:"lost"`          // that fit into no batch even as dead letters: only counted and logged
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
	w := newNormalizing(n)
	p := pass{Output: n.Output, source: n.Source, newDecoder: n.NewDecoder, worker: w}
	err := p.run(ctx)
	w.counts.Buried = p.deads
	return w.counts, err
}

// A worker decides what becomes of the records of a source.
type worker interface {
	// take deals with a record that has been decoded, or rejected for a reason.
	take(d desk, topic string, m *record.Message, row *record.Row, reason record.Reason) error
}

// normalizing is one run of the pass.
type normalizing struct {
	*Normalizer
	counts NormalizeCounts
	names  []string // of the splits
	mark   record.Mark
	y      []float64
	asIs   *asIs
	warned []int // features whose unknown labels are told of
}

func newNormalizing(n *Normalizer) *normalizing {
	f := n.Artifact.Frozen
	return &normalizing{Normalizer: n, names: n.Splits.Names(), mark: record.Mark{Artifact: n.Artifact.Mark()},
		y: make([]float64, f.Width()), asIs: newAsIs(f), warned: warned(f)}
}

// A desk takes what a worker makes of one record.
type desk interface {
	// emit sends the record on, with y for its columns. split is the place of its
	// split among the names of fit.Splits.
	emit(m *record.Message, split int, row *record.Row, y []float64, mark *record.Mark) error
	// refuse rejects a record; without a detail the decoder's stands.
	refuse(m *record.Message, reason record.Reason, detail string) error
	// bury dead-letters a record.
	bury(m *record.Message, why string) error
}

func (n *normalizing) take(d desk, topic string, m *record.Message, row *record.Row, reason record.Reason) error {
	if reason != record.OK {
		n.counts.Rejected[reason]++
		return d.refuse(m, reason, "")
	}
	split, late := n.split(row, m)
	if n.Policy.Emit == store.EmitLive && split != fit.Live {
		n.count(row, split, late)
		n.counts.NotLive++
		return nil
	}
	f := n.Artifact.Frozen
	flags := f.Transform(n.y, row, n.Policy.Find(f, row.Series))
	if flags&record.UnknownLabel != 0 {
		if feature, rejected := f.RejectedLabel(row); rejected {
			n.counts.Rejected[record.BadLabel]++
			return d.refuse(m, record.BadLabel, unknownLabel(f, feature, row))
		}
	}
	n.count(row, split, late)
	place := n.Splits.Place(split, row.Time)
	n.mark.Topic, n.mark.Partition, n.mark.Offset, n.mark.Split = topic, m.Partition, m.Offset, n.names[place]
	n.mark.Flags = flags
	if late {
		n.mark.Flags |= record.Late
	}
	return n.write(d, m, place, row)
}

func (n *normalizing) split(row *record.Row, m *record.Message) (split fit.Split, late bool) {
	cutoff := &n.Artifact.Manifest.Cutoff
	if int(m.Partition) >= len(n.Seals) { // it has no training stretch to be late for
		return cutoff.SplitAlone(row.Time), false
	}
	return cutoff.Split(row.Time, m.Offset, n.Seals[m.Partition])
}

// count counts a record that is not rejected.
func (n *normalizing) count(row *record.Row, split fit.Split, late bool) {
	n.counts.Bad += int64(row.Bad)
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

// write sends the record on, normalized to n.y, or does with it what the policy for
// unknown series says. Where all series share all numbers none is unknown.
func (n *normalizing) write(d desk, m *record.Message, split int, row *record.Row) error {
	y := n.y
	if n.mark.Flags&record.UnknownSeries != 0 {
		n.counts.Unknown++
		switch n.Policy.UnknownSeries {
		case store.UnknownDrop:
			n.counts.Dropped++
			return nil
		case store.UnknownDeadLetter:
			return d.bury(m, fmt.Sprintf("unknown_series: series %q was not learned", row.Series))
		case store.UnknownFail:
			return fmt.Errorf("record %s: series %q was not learned (unknown_series is fail)", source(n.mark.Topic, m), row.Series)
		case store.UnknownPassthrough:
			row, y = n.untouched(row)
		}
	}
	n.note(m, row)
	n.counts.Written++
	return d.emit(m, split, row, y, &n.mark)
}

// note counts what the flags say of a record that goes out.
func (n *normalizing) note(m *record.Message, row *record.Row) {
	if n.mark.Flags&record.UnknownLabel != 0 {
		n.counts.UnknownLabel++
		n.warn(m, row)
	}
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
