package fit

import (
	"errors"
	"fmt"
	"math"
)

// Progress is all that a Partition knows, as plain data: what a checkpoint
// keeps besides the State.
type Progress struct {
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"`
	Next      int64  `json:"next"` // all below has been read
	Seal      Seal   `json:"seal"` // Offset is Never, and Reason empty, until it is known
	Counts    Counts `json:"counts"`
	Live      int64  `json:"live"` // Partition.FirstLive
	// From and To are the earliest and latest event time learned; without Timed
	// there is none, and From > To.
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Timed bool  `json:"timed"`
}

// Progress returns where the partition stands.
func (p *Partition) Progress() Progress {
	return Progress{p.id, p.start, p.next, p.seal, p.counts, p.live, p.from, p.to, p.timed}
}

// ResumePartition continues where Progress was taken. It refuses what following
// a partition under this cutoff cannot lead to.
func ResumePartition(c *Cutoff, pr Progress) (*Partition, error) {
	for _, err := range []error{pr.checkOffsets(), pr.checkCounts(c), pr.checkTimes(c), pr.checkSeal(c), pr.checkLive()} {
		if err != nil {
			return nil, fmt.Errorf("progress of partition %d: %w", pr.Partition, err)
		}
	}
	return &Partition{cutoff: c, id: pr.Partition, start: pr.Start, next: pr.Next, seal: pr.Seal,
		counts: pr.Counts, live: pr.Live, from: pr.From, to: pr.To, timed: pr.Timed}, nil
}

func (pr *Progress) checkOffsets() error {
	if pr.Partition < 0 || pr.Start < 0 || pr.Next < pr.Start {
		return fmt.Errorf("offsets %d to %d, want them to rise from 0", pr.Start, pr.Next)
	}
	return nil
}

// checkCounts holds the counts against each other and against the offsets read.
func (pr *Progress) checkCounts(c *Cutoff) error {
	read := pr.Next - pr.Start
	all := []int64{pr.Counts.Train, pr.Counts.Gap, pr.Counts.Live, pr.Counts.LateTrain, pr.Counts.LateGap}
	for _, n := range append(all, pr.Counts.Rejected[:]...) {
		if n < 0 || n > read {
			return fmt.Errorf("%d records in %d offsets", n, read)
		}
		read -= n
	}
	if n := pr.Counts.Gone; n < 0 || n > read {
		return fmt.Errorf("%d offsets gone of %d that held no record", n, read)
	}
	for i, n := range pr.Counts.Before {
		if n < 0 || n > pr.Counts.Rejected[i] {
			return fmt.Errorf("%d of %d rejected records before the cutoff", n, pr.Counts.Rejected[i])
		}
	}
	if c.Kind != EventTime && (pr.Counts.Gap != 0 || pr.Counts.Late() != 0) {
		return fmt.Errorf("records in the gap, or late, with a cutoff of kind %s", c.Kind)
	}
	return nil
}

// checkTimes holds the times learned against the times seen and the cutoff.
func (pr *Progress) checkTimes(c *Cutoff) error {
	seen := pr.Counts.Oldest <= pr.Counts.Newest
	switch {
	case !seen && (pr.Counts.Oldest != math.MaxInt64 || pr.Counts.Newest != math.MinInt64):
		return errors.New("the oldest time is after the newest")
	case !pr.Timed && (pr.From != math.MaxInt64 || pr.To != math.MinInt64):
		return errors.New("times learned without any")
	case pr.Timed && (pr.From > pr.To || pr.From < pr.Counts.Oldest || pr.To > pr.Counts.Newest || pr.Counts.Train == 0):
		return fmt.Errorf("%d records learned from %v to %v, seen from %v to %v", pr.Counts.Train,
			Instant(pr.From), Instant(pr.To), Instant(pr.Counts.Oldest), Instant(pr.Counts.Newest))
	case pr.Timed && c.Kind == EventTime && c.SplitAlone(pr.To) != Train:
		return fmt.Errorf("learned up to %v, with the cutoff at %v less %v", Instant(pr.To), c.Time, c.Gap)
	case !pr.Timed && c.Kind == EventTime && pr.Counts.Train > 0:
		return errors.New("records learned without a time")
	}
	return nil
}

// checkSeal refuses a seal that this cutoff does not give, and none where it
// should have given one. Any seal may have come from outside.
func (pr *Progress) checkSeal(c *Cutoff) error {
	if pr.Seal.Offset != Never {
		return pr.Seal.check()
	}
	seen := pr.Counts.Oldest <= pr.Counts.Newest
	if pr.Seal != c.sealed(pr.Partition) || seen && c.reached(pr.Counts.Newest) ||
		c.Kind == Records && pr.Counts.Records() >= c.Records {
		return fmt.Errorf("no seal at offset %d (reason %q), where the cutoff gives one", pr.Next, pr.Seal.Reason)
	}
	return nil
}

func (pr *Progress) checkLive() error {
	if pr.Live < pr.Start || pr.Live >= pr.Next && pr.Live != Never {
		return fmt.Errorf("the first live record at offset %d, of those from %d to %d", pr.Live, pr.Start, pr.Next)
	}
	return nil
}
