package frozen

import (
	"fmt"
	"math"
	"strconv"

	"tare/record"
)

// An Example is one row that every reader of an artifact checks itself against:
// raw numbers of a series, what Transform makes of them, and what Inverse makes
// of that.
type Example struct {
	Series     string   `json:"series"`
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

const exampleSeries = 8

// Examples makes rows from the learned numbers alone: for up to eight series,
// evenly spread over the names, the minimum, the mean, the maximum, a value
// beyond the range, and a row with nothing in it.
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
		for _, at := range []func(c *column, id int32) float64{
			func(c *column, id int32) float64 { return c.Min[id] },
			func(c *column, id int32) float64 { return c.Mean[id] },
			func(c *column, id int32) float64 { return c.Max[id] },
			func(c *column, id int32) float64 { return 2*c.Max[id] - c.Min[id] },
			func(*column, int32) float64 { return math.NaN() },
		} {
			examples = append(examples, f.example(int32(id), at))
		}
	}
	return examples
}

func (f *Frozen) example(id int32, at func(*column, int32) float64) Example {
	raw := make([]float64, len(f.columns))
	for i := range f.columns {
		c := &f.columns[i]
		raw[i] = at(c, id)
		for k := len(c.pre) - 1; k >= 0; k-- {
			c.pre[k].Inverse(raw[i:i+1], raw[i:i+1], nil)
		}
		if math.IsInf(raw[i], 0) {
			raw[i] = math.NaN()
		}
	}
	return f.run(string(f.series.Name(id)), raw, id)
}

func (f *Frozen) run(series string, raw []float64, id int32) Example {
	y, back := make([]float64, len(raw)), make([]float64, len(raw))
	f.Transform(y, &record.Row{Numbers: raw}, id)
	f.Inverse(back, y, id)
	return Example{Series: series, Raw: numbers(raw), Normalized: numbers(y), Inverse: numbers(back)}
}

// CheckExamples runs the rows again and returns an error at the first number
// that differs in any bit.
func (f *Frozen) CheckExamples(examples []Example) error {
	for _, e := range examples {
		id := f.Find([]byte(e.Series))
		if id == Unknown || len(e.Raw) != len(f.columns) {
			return fmt.Errorf("example of series %q fits no series or not its features", e.Series)
		}
		raw := make([]float64, len(e.Raw))
		for i, x := range e.Raw {
			raw[i] = float64(x)
		}
		got := f.run(e.Series, raw, id)
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
