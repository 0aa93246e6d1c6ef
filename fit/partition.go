package fit

import (
	"fmt"
	"math"

	"tare/record"
)

// A Reason says why a partition sealed.
type Reason string

const (
	ByWatermark Reason = "watermark" // newest time - out_of_orderness reached the cutoff
	ByOffset    Reason = "offsets"   // the offset that the cutoff names
	ByCount     Reason = "records"   // the number of records that the cutoff names
	ByEnd       Reason = "end"       // read to the end of a bounded source
)

// A Seal is where the training stretch of a partition ends: the first offset
// that is not learned. It is decided once.
type Seal struct {
	Offset int64
	Reason Reason
}

// A Range is the training stretch of one partition, as the artifact tells it.
type Range struct {
	Partition int32   `json:"partition"`
	Start     int64   `json:"start"`
	Seal      int64   `json:"seal"`
	Reason    Reason  `json:"reason"`
	From      Instant `json:"from,omitzero"` // event times of the records learned,
	To        Instant `json:"to,omitzero"`   // both inclusive
	Learned   int64   `json:"learned"`
}

// Counts tell what became of the records of the fit pass. Every record is one
// of Train, Gap, Live, Late and Rejected.
type Counts struct {
	Train, Gap, Live int64
	LateTrain        int64 // before cutoff - gap, yet after the seal
	LateGap          int64
	Rejected         [record.NumReasons]int64
	// Before counts the rejected records that the training stretch would have
	// held: with a time before cutoff - gap, or unreadable, and before the seal.
	Before [record.NumReasons]int64
	// Oldest and Newest are the event times seen; Oldest > Newest if none.
	Oldest, Newest int64
}

// Late returns the number of late records.
func (c *Counts) Late() int64 { return c.LateTrain + c.LateGap }

// Rejects returns the number of rejected records.
func (c *Counts) Rejects() int64 {
	var n int64
	for _, k := range c.Rejected {
		n += k
	}
	return n
}

// Records returns the number of records.
func (c *Counts) Records() int64 { return c.Train + c.Gap + c.Live + c.Late() + c.Rejects() }

// Add adds the counts of another partition.
func (c *Counts) Add(o *Counts) {
	c.Train += o.Train
	c.Gap += o.Gap
	c.Live += o.Live
	c.LateTrain += o.LateTrain
	c.LateGap += o.LateGap
	for i := range c.Rejected {
		c.Rejected[i] += o.Rejected[i]
		c.Before[i] += o.Before[i]
	}
	c.Oldest = min(c.Oldest, o.Oldest)
	c.Newest = max(c.Newest, o.Newest)
}

// NewCounts returns counts of nothing.
func NewCounts() Counts { return Counts{Oldest: math.MaxInt64, Newest: math.MinInt64} }

// A Partition follows one partition through the fit pass, in offset order. It
// keeps the watermark, decides the seal, and counts.
type Partition struct {
	cutoff *Cutoff
	id     int32
	start  int64
	next   int64
	seal   Seal
	counts Counts
	from   int64 // event times learned
	to     int64
	timed  bool
}

// NewPartition starts a partition at offset start.
func NewPartition(c *Cutoff, id int32, start int64) *Partition {
	p := &Partition{cutoff: c, id: id, start: start, next: start, counts: NewCounts(), from: math.MaxInt64, to: math.MinInt64}
	p.seal.Offset, p.seal.Reason = c.sealed(id, start)
	return p
}

// ReplayPartition starts a partition whose training stretch is known.
func ReplayPartition(c *Cutoff, r Range) *Partition {
	p := NewPartition(c, r.Partition, r.Start)
	p.seal = Seal{r.Seal, r.Reason}
	return p
}

// Next returns the offset behind the last record observed.
func (p *Partition) Next() int64 { return p.next }

// Observe takes the record at offset, which row and reason describe, and
// reports whether it is to be learned. A partition that seals by watermark does
// so behind the record that brings it there.
func (p *Partition) Observe(offset int64, row *record.Row, reason record.Reason) (learn bool) {
	p.next = offset + 1
	if row.Timed {
		p.counts.Oldest = min(p.counts.Oldest, row.Time)
		p.counts.Newest = max(p.counts.Newest, row.Time)
	}
	if reason == record.OK {
		learn = p.count(offset, row)
	} else {
		p.reject(offset, row, reason)
	}
	if p.seal.Offset == Never && row.Timed && p.cutoff.reached(p.counts.Newest) {
		p.seal = Seal{offset + 1, ByWatermark}
	}
	return learn
}

func (p *Partition) count(offset int64, row *record.Row) (learn bool) {
	split, late := p.cutoff.Split(row.Time, offset, p.seal.Offset)
	switch {
	case late && split == Train:
		p.counts.LateTrain++
	case late:
		p.counts.LateGap++
	case split == InGap:
		p.counts.Gap++
	case split == Live:
		p.counts.Live++
	default:
		p.counts.Train++
		if row.Timed {
			p.from, p.to, p.timed = min(p.from, row.Time), max(p.to, row.Time), true
		}
		return true
	}
	return false
}

func (p *Partition) reject(offset int64, row *record.Row, reason record.Reason) {
	p.counts.Rejected[reason]++
	if offset >= p.seal.Offset {
		return
	}
	if split, _ := p.cutoff.Split(row.Time, offset, p.seal.Offset); split == Train || !row.Timed {
		p.counts.Before[reason]++
	}
}

// Finish seals a partition that has been read to the end of a bounded source.
func (p *Partition) Finish() {
	if p.seal.Offset > p.next {
		p.seal = Seal{p.next, ByEnd}
	}
}

// Counts returns what became of the records so far.
func (p *Partition) Counts() *Counts { return &p.counts }

// Seal returns where the training stretch ends; Offset is Never, or lies ahead,
// until it is known.
func (p *Partition) Seal() Seal { return p.seal }

// Range returns the training stretch.
func (p *Partition) Range() Range {
	r := Range{Partition: p.id, Start: p.start, Seal: p.seal.Offset, Reason: p.seal.Reason, Learned: p.counts.Train}
	if p.timed {
		r.From, r.To = Instant(p.from), Instant(p.to)
	}
	return r
}

// A Refusal is an error of a freeze that must not happen.
type Refusal struct{ Message string }

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// Judge refuses a freeze that learned nothing, or in which more than maxLate of
// the records before cutoff - gap came after the seal.
func (c *Counts) Judge(cutoff *Cutoff, maxLate float64) error {
	if c.Train == 0 {
		return &Refusal{"no record was learned: " + c.seen(cutoff)}
	}
	share := float64(c.LateTrain) / float64(c.Train+c.LateTrain)
	if share > maxLate {
		return &Refusal{fmt.Sprintf("%.1f %% of the records before the cutoff came after the seal (max_late: %v): "+
			"is the data sorted by series instead of by time? Raise cutoff.out_of_orderness (%v), or say unbounded to read all before sealing",
			100*share, maxLate, cutoff.OutOfOrderness)}
	}
	return nil
}

func (c *Counts) seen(cutoff *Cutoff) string {
	if c.Records() == 0 {
		return "the source is empty"
	}
	text := fmt.Sprintf("%d records read, %d rejected", c.Records(), c.Rejects())
	if c.Oldest <= c.Newest {
		text += fmt.Sprintf(", with times from %v to %v", Instant(c.Oldest), Instant(c.Newest))
	}
	if cutoff.Kind == EventTime {
		text += fmt.Sprintf("; the cutoff is %v less a gap of %v", cutoff.Time, cutoff.Gap)
	}
	return text
}
