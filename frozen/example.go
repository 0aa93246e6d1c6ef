package frozen

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// An Example is one row that every reader of an artifact checks itself against:
// raw numbers of a series, what Transform makes of them, and what Inverse makes
// of that. Of an array it has some numbers, those at Picks of its size, and of a
// label its code. Normalized are in the order of the columns.
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
// the mean and the scale stand for minimum and maximum; of a label the first category,
// the one in the middle and the last, an unknown label, and none.
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
	for row := range 5 {
		examples = append(examples, f.example(id, row))
	}
	return examples
}

// picked calls do for every column with the places of those of its numbers that an
// example's row has, the first of which stands at from. It returns the width of the
// row.
func (f *Frozen) picked(do func(c *column, from int, picks []int)) (width int) {
	most := MostPicks(len(f.columns))
	for i := range f.columns {
		c := &f.columns[i]
		picks := Picks(c.size, most)
		do(c, width, picks)
		width += len(picks)
	}
	return width
}

// places returns where the numbers of each column begin in an example's row.
func (f *Frozen) places() (at map[*column]int, width int) {
	at = map[*column]int{}
	width = f.picked(func(c *column, from int, _ []int) { at[c] = from })
	return at, width
}

// example is the row with the given number.
func (f *Frozen) example(id int32, row int) Example {
	at, width := f.places()
	raw := make([]float64, width)
	f.picked(func(c *column, from int, picks []int) {
		for k, number := range picks {
			raw[from+k] = c.sample(id, k, number, row)
		}
		if c.by == nil {
			c.home(raw[from : from+len(picks)])
		}
	})
	f.picked(func(c *column, from int, picks []int) {
		if c.by != nil {
			for k, number := range picks {
				raw[from+k] *= raw[at[c.divisor(number)]]
			}
			c.home(raw[from : from+len(picks)])
		}
	})
	return f.run(raw, id)
}

// home takes the numbers x back from behind the pre-transforms; what is infinite
// there is missing.
func (c *column) home(x []float64) {
	c.undo(x)
	for i := range x {
		if math.IsInf(x[i], 0) {
			x[i] = math.NaN()
		}
	}
}

// sample returns what a row holds of a number, the k-th of the column in the row.
func (c *column) sample(id int32, k, number, row int) float64 {
	if c.labels != nil {
		last := c.labels.codes.Len() - 1
		return [5]float64{0, float64(last / 2), float64(last), unknown, math.NaN()}[row]
	}
	lo, mean, hi := c.span(id, k, number)
	return [5]float64{lo, mean, hi, 2*hi - lo, math.NaN()}[row]
}

// span returns the smallest, the mean and the largest value of an entry. Where the
// record alone normalizes, nothing is known of them: they are shares of 1, or of the
// divisor, that grow with k, the place of the number among those of the row.
func (c *column) span(id int32, k, number int) (lo, mean, hi float64) {
	if c.alone {
		share := float64(k+1) / examplePicks
		return -share, 0, share
	}
	entry := c.first(id) + c.layout.Group(number)
	if c.Min == nil {
		mean, scale := c.given[2*entry], c.given[2*entry+1]
		return mean - scale, mean, mean + scale
	}
	return c.Min[entry], c.Mean[entry], c.Max[entry]
}

// run takes the numbers of an example through the columns, groups and norms, and
// back. There are as many as picked.
func (f *Frozen) run(raw []float64, id int32) Example {
	at, _ := f.places()
	back, out := slices.Clone(raw), map[*column]int{}
	var y, targets []float64
	f.picked(func(c *column, from int, picks []int) {
		if c.member {
			return
		}
		x := back[from : from+len(picks)]
		z := c.exampleOf(x, raw, at, picks, id)
		if out[c] = len(y); c.target {
			targets = append(targets, z...)
		} else {
			y = append(y, z...)
		}
		if c.by == nil && c.labels == nil {
			c.exampleBack(x, picks, id)
		}
	})
	for k := range f.groups {
		y = append(y, f.groups[k].example(back, raw, at, id)...)
	}
	for k := range f.norms {
		f.norms[k].example(y, out, back, at)
	}
	f.picked(func(c *column, from int, picks []int) {
		if c.by != nil {
			c.exampleTimes(back, back[from:from+len(picks)], at, picks)
		}
	})
	e := Example{Pooled: id == Pooled, Raw: numbers(raw), Normalized: numbers(append(y, targets...)), Inverse: numbers(back)}
	if !e.Pooled {
		e.Series = string(f.series.Name(id))
	}
	return e
}

// exampleOf normalizes x, the picks of a row, in place, and returns what comes out:
// each by itself, but to a norm they are one whole array, and of a label x becomes
// what comes back. at says where the numbers of other columns stand in raw.
func (c *column) exampleOf(x, raw []float64, at map[*column]int, picks []int, id int32) (y []float64) {
	if c.labels != nil {
		y, x[0] = c.labels.encoded(x[0])
		return y
	}
	if c.alone {
		c.fill(x, x)
	}
	for k, number := range picks {
		switch {
		case c.by != nil:
			c.divide(x[k:k+1], x[k:k+1], raw[at[c.divisor(number)]:][:1])
		case !c.alone:
			c.number(x[k:k+1], x[k], c.first(id)+c.layout.Group(number))
		}
	}
	if c.alone && c.by == nil {
		c.step.Transform(x, x, nil)
	}
	return x
}

// exampleBack undoes exampleOf, but for a division.
func (c *column) exampleBack(y []float64, picks []int, id int32) {
	for k, number := range picks {
		c.unscale(y[k:k+1], c.first(id)+c.layout.Group(number), 1)
	}
	c.undo(y)
}

// exampleTimes undoes a division: back holds the inverses of all other columns.
func (c *column) exampleTimes(back, y []float64, at map[*column]int, picks []int) {
	for k, number := range picks {
		c.step.Inverse(y[k:k+1], y[k:k+1], back[at[c.divisor(number)]:][:1])
	}
	c.undo(y)
}

// example divides what is at out of the members in y by their norm; they do not come
// back.
func (n *norm) example(y []float64, out map[*column]int, back []float64, at map[*column]int) {
	x := make([]float64, len(n.members))
	for i, c := range n.members {
		x[i] = y[out[c]]
	}
	n.Transform(x, x, nil)
	for i, c := range n.members {
		y[out[c]], back[at[c]] = x[i], math.NaN()
	}
}

// CheckExamples runs the rows again and returns an error at the first number
// that differs in any bit.
func (f *Frozen) CheckExamples(examples []Example) error {
	_, width := f.places()
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
		if err := f.checkCodes(raw); err != nil {
			return fmt.Errorf("example of series %q: %w", e.Series, err)
		}
		got := f.run(raw, id)
		if !same(got.Normalized, e.Normalized) || !same(got.Inverse, e.Inverse) {
			return fmt.Errorf("example of series %q: normalized %v and back %v, the artifact says %v and %v",
				e.Series, got.Normalized, got.Inverse, e.Normalized, e.Inverse)
		}
	}
	return nil
}

// checkCodes refuses an example whose labels are no codes.
func (f *Frozen) checkCodes(raw []float64) (err error) {
	f.picked(func(c *column, at int, _ []int) {
		if l := c.labels; l != nil && err == nil && !l.isCode(raw[at]) {
			err = fmt.Errorf("a label of %v, which is no code: want null, -1, or a whole number from 0 to %d", raw[at], l.codes.Len()-1)
		}
	})
	return err
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
