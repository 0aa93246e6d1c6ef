package sketch

import (
	"errors"
	"math"
	"math/bits"
	"slices"
)

// ErrChanged says that a stream was not the same when it was read again.
var ErrChanged = errors.New("the values are not those that were learned")

// A Key is a float64 as an integer, in the same order. No value of a stream has
// the key 0.
type Key uint64

// KeyOf returns the key of x, which is not NaN; -0 has that of 0.
func KeyOf(x float64) Key {
	b := math.Float64bits(x + 0)
	return Key(b ^ (uint64(int64(b)>>63) | 1<<63)) // of a negative number all bits, else the sign
}

// Value returns the number.
func (k Key) Value() float64 {
	b := uint64(k)
	return math.Float64frombits(b ^ (uint64(^int64(b)>>63) | 1<<63))
}

// A Cell is the room of a Selection while a stream is read: for the keys in its
// interval or, where these are more, for 256 counts of 32 bits, two a word. What
// it holds need not be cleared between two passes.
type Cell [cellSize]uint64

const (
	cellSize = 128
	parts    = 2 * cellSize
)

// A Selection finds two neighbors in a sorted stream, at positions k and k+1,
// exactly, although it holds 128 values at most: the stream is read again and
// again, in any order. A pass counts the values below and above an interval of
// keys and takes those within: all of them where there is room, else only how
// many fall in each of up to 256 equal parts, of which the one that holds both
// positions is the next interval (Munro and Paterson, "Selection and sorting with
// limited storage", 1980, with the interval of a sketch to start from). The first
// interval is that of the sketch's error and holds some hundredths of the stream,
// so that two passes do for ordinary data. Parts are of equal width in turn as
// numbers, which suits these, and as keys: so twenty passes do for any data.
type Selection struct {
	from, to     Key // the interval, both inclusive; empty if from is to + 1
	below, above uint64
	before       Key    // the largest below the interval, 0 of none
	after        Key    // the smallest above, all ones of none
	inside       uint64 // values in the interval
	low, high    Key    // the smallest and the largest of them

	n, k        uint64
	least, most Key     // of the stream
	scale       float64 // parts a unit; 0 for parts of keys
	shift       int     // log2 of the width of a part of keys
	known       bool    // what is below and above must be, from the pass before
	mustBelow   uint64
	mustAbove   uint64
}

// Select starts to look for the values at positions k and k+1 of the stream that
// c is the curve of, of which k+1 is not beyond the last.
func (c *Curve) Select(k uint64) Selection {
	margin := c.N/128 + 8 // the error of the sketch, and more where the stream is short
	last := float64(c.N - 1)
	s := Selection{n: c.N, k: k, least: KeyOf(c.Quantile(0)), most: KeyOf(c.Quantile(1))}
	s.begin(KeyOf(c.Quantile(float64(k-min(k, margin))/last)), KeyOf(c.Quantile(float64(min(k+1+margin, c.N-1))/last)))
	return s
}

// begin makes s ready for a pass with the given interval.
func (s *Selection) begin(from, to Key) {
	s.from, s.to, s.shift = from, to, max(0, bits.Len64(uint64(to-from))-8)
	s.below, s.inside, s.above = 0, 0, 0
	s.before, s.after = 0, math.MaxUint64
	s.low, s.high = math.MaxUint64, 0
	turn := s.scale == 0
	s.scale = 0
	if scale := parts / (to.Value() - from.Value()); turn && scale > 0 && scale <= math.MaxFloat64 {
		s.scale = scale
	}
}

// part returns the part of the interval that holds a key, from 0 to parts - 1.
func (s *Selection) part(key Key) int {
	if s.scale == 0 {
		return int(uint64(key-s.from) >> s.shift)
	}
	return min(parts-1, int((key.Value()-s.from.Value())*s.scale))
}

// start returns the first key of the interval that is not below a part, or what
// is behind the interval.
func (s *Selection) start(part int) Key {
	from, behind := s.from, s.to+1
	for from < behind {
		if middle := from + (behind-from)/2; s.part(middle) < part {
			from = middle + 1
		} else {
			behind = middle
		}
	}
	return from
}

// narrow is begin with an interval below and above which the numbers of values
// are known.
func (s *Selection) narrow(from, to Key, below, above uint64) {
	s.begin(from, to)
	s.known, s.mustBelow, s.mustAbove = true, below, above
}

// Add takes a value of the stream by its key. A pass over the stream uses one
// cell for s, and no other Selection uses it meanwhile.
func (s *Selection) Add(key Key, c *Cell) {
	switch {
	case key < s.from:
		s.below++
		s.before = max(s.before, key)
	case key > s.to:
		s.above++
		s.after = min(s.after, key)
	default:
		s.keep(key, c)
	}
}

func (s *Selection) keep(key Key, c *Cell) {
	s.low, s.high = min(s.low, key), max(s.high, key)
	if s.inside < cellSize {
		c[s.inside] = uint64(key)
		s.inside++
		return
	}
	if s.inside == cellSize { // no room: from here on only counts
		keys := *c
		*c = Cell{}
		for _, k := range keys {
			c.count(s.part(Key(k)))
		}
	}
	c.count(s.part(key))
	s.inside++
}

func (c *Cell) count(part int) { c[part/2] += 1 << (part % 2 * 32) }

func (c *Cell) counted(part int) uint64 { return c[part/2] >> (part % 2 * 32) & math.MaxUint32 }

// Settle ends a pass over the whole stream. It reports whether the values are
// known; else the stream is to be read once more. It returns ErrChanged where
// the stream cannot be the one that the curve, or the pass before, was of.
func (s *Selection) Settle(c *Cell) (done bool, err error) {
	if s.below+s.inside+s.above != s.n || s.known && (s.below != s.mustBelow || s.above != s.mustAbove) {
		return false, ErrChanged
	}
	switch end := s.below + s.inside; {
	case s.k+1 < s.below:
		s.narrow(s.least, s.from-1, 0, s.n-s.below)
	case s.k >= end:
		s.narrow(s.to+1, s.most, end, 0)
	case s.inside <= cellSize || s.low == s.high:
		slices.Sort(c[:min(s.inside, cellSize)])
		s.before, s.after = s.at(s.k, c), s.at(s.k+1, c)
		return true, nil
	default:
		s.divide(c)
		return false, nil
	}
	if s.from > s.to {
		return false, ErrChanged // a value beyond the least or the most
	}
	return false, nil
}

// at returns the key at a position that is in the interval, or next to it.
func (s *Selection) at(position uint64, c *Cell) Key {
	switch {
	case position < s.below:
		return s.before
	case position >= s.below+s.inside:
		return s.after
	case s.low == s.high:
		return s.low
	}
	return Key(c[position-s.below])
}

// divide goes on with the part that holds both positions or, where they lie in
// two, with the gap between these, of which the values are then the neighbors.
func (s *Selection) divide(c *Cell) {
	i, below := s.holds(s.k, c)
	j, _ := s.holds(s.k+1, c)
	if i < j {
		s.narrow(s.start(i+1), s.start(j)-1, s.k+1, s.n-s.k-1)
		return
	}
	s.narrow(max(s.low, s.start(i)), min(s.high, s.start(i+1)-1), below, s.n-below-c.counted(i))
}

// holds returns the part that holds a position, and how many values are below
// it. The value below the interval is in part -1, the one above in part parts.
func (s *Selection) holds(position uint64, c *Cell) (part int, below uint64) {
	if position < s.below {
		return -1, position
	}
	below = s.below
	for part < parts && position >= below+c.counted(part) {
		below += c.counted(part)
		part++
	}
	return part, below
}

// Values returns the values at positions k and k+1, when they are known.
func (s *Selection) Values() (lower, upper float64) { return s.before.Value(), s.after.Value() }
