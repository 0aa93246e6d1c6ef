package frozen

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// An Example is one row that every reader of an artifact checks itself against:
// raw numbers of a series, what Transform makes of them, and what Inverse makes
// of that. Of an array it has some numbers, those at Picks of its size. Normalized
// are in the order of the columns.
type Example struct {
	Series     string   `json:"series"`           // empty if it is Pooled
	Pooled     bool     `json:"pooled,omitempty"` // it is of a series that was not learned
	Raw        []Number `json:"raw"`
	Normalized []Number `json:"normalized"`
	Inverse    []Number `json:"inverse"`
}

// A Number is a float64 whose JSON form of NaN is null.
type Number float64

// MarshalJSON writes the shortest text that reads back as the same number.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// UnmarshalJSON reads a number or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	x, err := strconv.ParseFloat(string(b), 64)
	*n = Number(x)
	return err
}

const (
	exampleSeries = 8
	examplePicks  = 16      // numbers of an array
	exampleWidth  = 1 << 14 // numbers of a row that many arrays may have; each has one at least
)

// Picks returns the places of those numbers of an array of size that an example
// holds: up to most, evenly spread from the first to the last.
func Picks(size, most int) []int {
	n := min(size, most)
	picks := make([]int, n)
	for k := 1; k < n; k++ {
		picks[k] = k * (size - 1) / (n - 1)
	}
	return picks
}

// MostPicks returns how many numbers of an array an example holds in a file of
// so many features: fewer of each where there are very many.
func MostPicks(features int) int { return max(1, min(examplePicks, exampleWidth/features)) }

// Examples makes rows from the learned numbers alone: for up to eight series,
// evenly spread over the names, the minimum, the mean, the maximum, a value
// beyond the range, and a row with nothing in it; and, if there are numbers for it,
// for a series that was not learned. Of fixed numbers the mean less the scale and
// the mean and the scale stand for minimum and maximum.
func (f *Frozen) Examples() []Example {
	n := f.series.Len()
	var examples []Example
	last := -1
	for k := range exampleSeries {
		id := k * (n - 1) / (exampleSeries - 1)
		if id == last || n == 0 {
			continue
		}
		last = id
		examples = f.appendExamples(examples, int32(id))
	}
	if f.pools() {
		examples = f.appendExamples(examples, Pooled)
	}
	return examples
}

// pools reports whether there are numbers of all series together, and of each.
func (f *Frozen) pools() bool {
	return f.keyed && !slices.ContainsFunc(f.columns, func(c column) bool { return !c.serves(Pooled) })
}

func (f *Frozen) appendExamples(examples []Example, id int32) []Example {
	for _, at := range []func(lo, mean, hi float64) float64{
		func(lo, _, _ float64) float64 { return lo },
		func(_, mean, _ float64) float64 { return mean },
		func(_, _, hi float64) float64 { return hi },
		func(lo, _, hi float64) float64 { return 2*hi - lo },
		func(_, _, _ float64) float64 { return math.NaN() },
	} {
		examples = append(examples, f.example(id, at))
	}
	return examples
}

// picked calls do for every number of an example's row: the column, and the entry
// of the number in it.
func (f *Frozen) picked(id int32, do func(c *column, entry int)) {
	most := MostPicks(len(f.columns))
	for i := range f.columns {
		c := &f.columns[i]
		for _, number := range Picks(c.size, most) {
			do(c, c.first(id)+c.layout.Group(number))
		}
	}
}

func (f *Frozen) example(id int32, at func(lo, mean, hi float64) float64) Example {
	var raw []float64
	f.picked(id, func(c *column, entry int) {
		x := []float64{at(c.span(entry))}
		if c.undo(x); math.IsInf(x[0], 0) {
			x[0] = math.NaN()
		}
		raw = append(raw, x[0])
	})
	return f.run(raw, id)
}

// span returns the smallest, the mean and the largest value of an entry.
func (c *column) span(entry int) (lo, mean, hi float64) {
	if c.Min == nil {
		mean, scale := c.given[2*entry], c.given[2*entry+1]
		return mean - scale, mean, mean + scale
	}
	return c.Min[entry], c.Mean[entry], c.Max[entry]
}

// run takes the numbers of an example through the columns and groups and back,
// each by itself. There are as many as picked.
func (f *Frozen) run(raw []float64, id int32) Example {
	back := slices.Clone(raw)
	var y, targets []float64
	members, i := map[*column]int{}, 0
	f.picked(id, func(c *column, entry int) {
		if c.member {
			members[c] = i
		} else {
			x := back[i : i+1]
			c.number(x, raw[i], entry)
			if c.target {
				targets = append(targets, x[0])
			} else {
				y = append(y, x[0])
			}
			c.unscale(x, entry, 1)
			c.undo(x)
		}
		i++
	})
	for k := range f.groups {
		y = append(y, f.groups[k].example(back, raw, members, id)...)
	}
	e := Example{Pooled: id == Pooled, Raw: numbers(raw), Normalized: numbers(append(y, targets...)), Inverse: numbers(back)}
	if !e.Pooled {
		e.Series = string(f.series.Name(id))
	}
	return e
}

// CheckExamples runs the rows again and returns an error at the first number
// that differs in any bit.
func (f *Frozen) CheckExamples(examples []Example) error {
	width := 0
	f.picked(0, func(*column, int) { width++ })
	for _, e := range examples {
		id := f.Find([]byte(e.Series))
		if e.Pooled && e.Series == "" && f.pools() {
			id = Pooled
		}
		if id == Unknown || e.Pooled != (id == Pooled) || len(e.Raw) != width {
			return fmt.Errorf("example of series %q fits no series or not its features", e.Series)
		}
		raw := make([]float64, len(e.Raw))
		for i, x := range e.Raw {
			raw[i] = float64(x)
		}
		got := f.run(raw, id)
		if !same(got.Normalized, e.Normalized) || !same(got.Inverse, e.Inverse) {
			return fmt.Errorf("example of series %q: normalized %v and back %v, the artifact says %v and %v",
				e.Series, got.Normalized, got.Inverse, e.Normalized, e.Inverse)
		}
	}
	return nil
}

func numbers(x []float64) []Number {
	n := make([]Number, len(x))
	for i := range x {
		n[i] = Number(x[i])
	}
	return n
}

func same(a, b []Number) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (a[i] == a[i] || b[i] == b[i]) {
			return false
		}
	}
	return true
}
