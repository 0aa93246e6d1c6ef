package fit

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// An Instant is a time in nanoseconds since 1970. Its text form is RFC 3339 in
// UTC.
type Instant int64

// String returns the time as RFC 3339.
func (t Instant) String() string {
	return time.Unix(0, int64(t)).UTC().Format(time.RFC3339Nano)
}

// MarshalText returns the time as RFC 3339.
func (t Instant) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads RFC 3339.
func (t *Instant) UnmarshalText(b []byte) error {
	v, err := time.Parse(time.RFC3339Nano, string(b))
	*t = Instant(v.UnixNano())
	return err
}

// A Duration is a time.Duration whose text form is Go's, such as 5m0s, or
// "unbounded" for Unbounded.
type Duration time.Duration

// Unbounded is an out-of-orderness without limit: no watermark ever seals.
const Unbounded Duration = math.MaxInt64

// String returns Go's form, or "unbounded".
func (d Duration) String() string {
	if d == Unbounded {
		return "unbounded"
	}
	return time.Duration(d).String()
}

// MarshalText returns String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(b []byte) error {
	if string(b) == "unbounded" {
		*d = Unbounded
		return nil
	}
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// A Kind is a way to say where training ends.
type Kind string

const (
	EventTime Kind = "event_time" // at a time of the records themselves
	Offsets   Kind = "offsets"    // at an offset of each partition
	Records   Kind = "records"    // after so many records of each partition
	End       Kind = "end"        // at the end of a bounded source
	Manual    Kind = "manual"     // where a seal from outside says so, and nowhere else
)

// A Cutoff says which records may be learned from. It is the only place that
// decides so.
//
// A record belongs to the training stretch iff its offset lies in [start, seal)
// of its partition and, with EventTime, its time t < Time - Gap.
type Cutoff struct {
	Kind           Kind            `json:"kind"`
	Time           Instant         `json:"time,omitzero"` // EventTime
	Gap            Duration        `json:"gap,omitzero"`  // EventTime
	OutOfOrderness Duration        `json:"out_of_orderness,omitzero"`
	Offsets        map[int32]int64 `json:"offsets,omitempty"` // Offsets: the first offset not learned
	Records        int64           `json:"records,omitempty"` // Records: how many are delivered, rejected ones too
}

// A Split names the stretch that a record belongs to.
type Split uint8

const (
	Train Split = iota // before cutoff - gap, or before the seal
	InGap              // from cutoff - gap to the cutoff; EventTime only
	Live               // from the cutoff on
)

// String returns the name used in marks and counters.
func (s Split) String() string { return [...]string{"train", "gap", "live"}[s] }

// Never is the seal of a partition that has not sealed.
const Never int64 = math.MaxInt64

// Split returns the stretch of a record with the given event time and offset in
// a partition with the given seal. A record is late, and belongs to no training
// whatever its split, where its time lies before the cutoff but it came after
// the seal.
func (c *Cutoff) Split(t, offset, seal int64) (split Split, late bool) {
	if c.Kind != EventTime {
		if offset < seal {
			return Train, false
		}
		return Live, false
	}
	switch {
	case t < int64(c.Time)-int64(c.Gap):
		return Train, offset >= seal
	case t < int64(c.Time):
		return InGap, offset >= seal
	}
	return Live, false
}

// SplitAlone returns the stretch of a record of no known source: by its time,
// where the cutoff is one, else Live.
func (c *Cutoff) SplitAlone(t int64) Split {
	if c.Kind != EventTime {
		return Live
	}
	split, _ := c.Split(t, 0, Never)
	return split
}

// sealed returns the seal of a partition that has not been read: Never if it
// hangs on the records.
func (c *Cutoff) sealed(partition int32) Seal {
	if c.Kind == Offsets {
		return Seal{c.Offsets[partition], ByOffset}
	}
	return Seal{Offset: Never}
}

// reached reports whether a watermark ends the training stretch: the newest
// time, less the out-of-orderness, is at the cutoff.
func (c *Cutoff) reached(newest int64) bool {
	if c.Kind != EventTime || c.OutOfOrderness == Unbounded {
		return false
	}
	return newest >= saturatingAdd(int64(c.Time), int64(c.OutOfOrderness))
}

// watermark returns the newest time less the out-of-orderness, where the cutoff
// has a watermark.
func (c *Cutoff) watermark(newest int64) (t Instant, ok bool) {
	if c.Kind != EventTime || c.OutOfOrderness == Unbounded {
		return 0, false
	}
	if t := newest - int64(c.OutOfOrderness); t <= newest {
		return Instant(t), true
	}
	return math.MinInt64, true
}

func saturatingAdd(a, b int64) int64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxInt64
}

// Validate refuses a cutoff that cannot cut.
func (c *Cutoff) Validate() error {
	switch c.Kind {
	case EventTime:
		if c.Gap < 0 || c.OutOfOrderness < 0 {
			return errors.New("cutoff: gap and out_of_orderness must not be negative")
		}
		if int64(c.Time)-int64(c.Gap) > int64(c.Time) {
			return fmt.Errorf("cutoff: %v before %v is out of range", c.Gap, c.Time)
		}
	case Offsets:
		for p, o := range c.Offsets {
			if p < 0 || o < 0 {
				return fmt.Errorf("cutoff: offset %d of partition %d is negative", o, p)
			}
		}
	case Records:
		if c.Records < 1 {
			return fmt.Errorf("cutoff: records is %d, want at least 1", c.Records)
		}
	case End, Manual:
	default:
		return fmt.Errorf("cutoff: unknown kind %s; want event_time, offsets, records, end or manual", strconv.Quote(string(c.Kind)))
	}
	return nil
}
