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
	ByIdleness  Reason = "idleness"  // read to its end, and nothing came any more
	ByManual    Reason = "manual"    // somebody said so
)

// A Seal is where the training stretch of a partition ends: the first offset
// that is not learned. It is decided once.
type Seal struct {
	Offset int64  `json:"offset"`
	Reason Reason `json:"reason"`
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
	Gone      int64   `json:"gone,omitempty"` // offsets that were no longer there to be learned
}

// Counts tell what became of the records of the fit pass. Every record is one
// of Train, Gap, Live, Late and Rejected.
type Counts struct {
	Train     int64                    `json:"train"`
	Gap       int64                    `json:"gap"`
	Live      int64                    `json:"live"`
	LateTrain int64                    `json:"late_train"` // before cutoff - gap, yet after the seal
	LateGap   int64                    `json:"late_gap"`
	Rejected  [record.NumReasons]int64 `json:"rejected"` // by record.Reason
	// Before counts the rejected records that the training stretch would have
	// held: with a time before cutoff - gap, or unreadable, and before the seal.
	Before [record.NumReasons]int64 `json:"before"`
	// Gone counts the offsets of the training stretch that held nothing any more:
	// retention, a deletion or compaction had removed the records.
	Gone int64 `json:"gone,omitempty"`
	// Oldest and Newest are the event times seen; Oldest > Newest if none.
	Oldest int64 `json:"oldest"`
	Newest int64 `json:"newest"`
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
	c.Gone += o.Gone
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
	live   int64 // see FirstLive
	from   int64 // event times learned
	to     int64
	timed  bool
}

// NewPartition starts a partition at offset start.
func NewPartition(c *Cutoff, id int32, start int64) *Partition {
	return &Partition{cutoff: c, id: id, start: start, next: start, seal: c.sealed(id), live: Never,
		counts: NewCounts(), from: math.MaxInt64, to: math.MinInt64}
}

// ReplayPartition starts a partition whose training stretch is known.
func ReplayPartition(c *Cutoff, r Range) *Partition {
	p := NewPartition(c, r.Partition, r.Start)
	p.seal = Seal{r.Seal, r.Reason}
	return p
}

// Next returns the offset below which all has been read.
func (p *Partition) Next() int64 { return p.next }

// Advance says that everything below next has been read, though no record came
// from there: transaction markers and aborted records take offsets, too. It
// never goes back.
func (p *Partition) Advance(next int64) { p.next = max(p.next, next) }

// Miss says that the offsets from from up to but not including to are gone. It
// is told so behind the records before them, which may have sealed.
func (p *Partition) Miss(from, to int64) {
	p.counts.Gone += max(0, min(to, p.seal.Offset)-from)
	p.Advance(to)
}

// FirstLive returns the offset of the first record that was live or rejected;
// Never if none was.
func (p *Partition) FirstLive() int64 { return p.live }

// Watermark returns the newest event time less the out-of-orderness; false
// without any, or where the cutoff knows no watermark.
func (p *Partition) Watermark() (t Instant, ok bool) {
	if p.counts.Oldest > p.counts.Newest {
		return 0, false
	}
	return p.cutoff.watermark(p.counts.Newest)
}

// Observe takes the record at offset, which row and reason describe, and
// reports whether it is to be learned. A partition that seals by watermark or
// count does so behind the record that brings it there.
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
	if p.seal.Offset == Never {
		p.decide(row.Timed)
	}
	return learn
}

// Pass takes a record behind the seal by its event time alone, and counts it as
// live, be it valid or not. It reports false and takes nothing where the record
// may belong before the seal: it stands there, or is late, or has no time to go
// by.
func (p *Partition) Pass(offset, t int64, timed bool) bool {
	if offset < p.seal.Offset || p.cutoff.Kind == EventTime && !timed || p.cutoff.SplitAlone(t) != Live {
		return false
	}
	p.next = offset + 1
	if timed {
		p.counts.Oldest = min(p.counts.Oldest, t)
		p.counts.Newest = max(p.counts.Newest, t)
	}
	p.live = min(p.live, offset)
	p.counts.Live++
	return true
}

// decide seals behind the last record where that ends the training stretch.
func (p *Partition) decide(timed bool) {
	switch {
	case timed && p.cutoff.reached(p.counts.Newest):
		p.seal = Seal{p.next, ByWatermark}
	case p.cutoff.Kind == Records && p.counts.Records() >= p.cutoff.Records:
		p.seal = Seal{p.next, ByCount}
	}
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
		p.live = min(p.live, offset)
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
	p.live = min(p.live, offset)
	p.counts.Rejected[reason]++
	if offset >= p.seal.Offset {
		return
	}
	if split, _ := p.cutoff.Split(row.Time, offset, p.seal.Offset); split == Train || !row.Timed {
		p.counts.Before[reason]++
	}
}

// Finish seals a partition that has been read to the end of a bounded source,
// unless its cutoff is Manual.
func (p *Partition) Finish() {
	if p.open(p.next) && p.cutoff.Kind != Manual {
		p.seal = Seal{p.next, ByEnd}
	}
}

// open reports whether the partition may yet seal at the given offset: it has
// no seal, or one that the cutoff names further on.
func (p *Partition) open(offset int64) bool {
	return p.seal.Offset == Never || p.seal.Reason == ByOffset && offset < p.seal.Offset
}

// SealAt takes over a seal that was decided outside: by idleness, at an end, by
// hand, or by whoever followed the partition before. It is final, also where it
// lies ahead. It is refused below Next, as records beyond it may have been
// learned, and where the partition has sealed at another offset. An offset that
// the cutoff names and that is not reached yet may be brought forward.
func (p *Partition) SealAt(s Seal) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("seal of partition %d: %w", p.id, err)
	}
	switch {
	case s.Offset == p.seal.Offset:
	case !p.open(s.Offset):
		return fmt.Errorf("partition %d has sealed at %d (%s): it cannot seal at %d (%s)",
			p.id, p.seal.Offset, p.seal.Reason, s.Offset, s.Reason)
	case s.Offset < p.next:
		return fmt.Errorf("partition %d has been read up to %d: it cannot seal at %d (%s) any more",
			p.id, p.next, s.Offset, s.Reason)
	}
	p.seal = s
	return nil
}

// check refuses what is no decision.
func (s Seal) check() error {
	if s.Offset < 0 || s.Offset == Never {
		return fmt.Errorf("offset %d is none", s.Offset)
	}
	switch s.Reason {
	case ByWatermark, ByOffset, ByCount, ByEnd, ByIdleness, ByManual:
		return nil
	}
	return fmt.Errorf("unknown reason %q; want watermark, offsets, records, end, idleness or manual", s.Reason)
}

// Counts returns what became of the records so far.
func (p *Partition) Counts() *Counts { return &p.counts }

// Seal returns where the training stretch ends; Offset is Never, or lies ahead,
// until it is known.
func (p *Partition) Seal() Seal { return p.seal }

// Range returns the training stretch.
func (p *Partition) Range() Range {
	r := Range{Partition: p.id, Start: p.start, Seal: p.seal.Offset, Reason: p.seal.Reason, Learned: p.counts.Train, Gone: p.counts.Gone}
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
			"is the data sorted by series instead of by time? Raise cutoff.out_of_orderness (%v), or say unbounded to read all before sealing; on a topic that takes a new revision",
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
