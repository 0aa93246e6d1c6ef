// Package accuracy holds every bar that tare's numbers must keep, in one table,
// and the arithmetic that judges them. It is for tests only.
//
// A test measures, and says so to its Row; what is beyond the bar fails it.
// Where the environment variable TARE_ACCURACY names a file, each Row also
// appends the worst it saw there, and bench/accuracy makes docs/accuracy.md of
// it.
package accuracy

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
)

// Env names the environment variable with the file that results are appended to.
const Env = "TARE_ACCURACY"

// A Unit says what the numbers of a row count, and how they are written.
type Unit string

// The units of rows.
const (
	ULP      Unit = "ulp"        // float64 numbers between the answer and the truth
	Relative Unit = "relative"   // distance from the truth, over the truth
	Absolute Unit = "absolute"   // distance from the truth
	Percent  Unit = "%"          // a fraction, written in percent
	Sigma    Unit = "σ"          // standard errors of the method
	Share    Unit = "of its bar" // each sample has a bar of its own
	Count    Unit = ""           // things that should not be, or bytes
)

// Text writes a value of the unit, with three significant digits, those of a
// Count with six.
func (u Unit) Text(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "none"
	case x == math.MaxFloat64:
		return "∞"
	}
	if u == Percent {
		x *= 100
	}
	digits := 3
	if u == Count {
		digits = 6
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	format := byte('g')
	if 1e-3 <= x && x < 1e6 {
		format = 'f'
	}
	s := strconv.FormatFloat(rounded, format, -1, 64)
	if u != Count {
		s += " " + string(u)
	}
	return s
}

// A Bar is one line of the table: what is measured, and how large it may be.
type Bar struct {
	Section string
	Name    string
	Limit   float64 // +Inf: reported, without a bar
	Unit    Unit
	Peer    string // what is measured on the same data beside it, if anything
	Note    string // a line on the bar, or on why a peer does better
}

// A Result is what one test measured for one Bar.
type Result struct {
	Name      string
	Worst     float64
	Where     string // on which data that was; empty where Worst is 0
	PeerWorst float64
	Answers   int
}

// A Row collects what one test measures for one Bar.
type Row struct {
	t   testing.TB
	bar Bar
	res Result
}

// Of returns the row with that name, which must stand in Bars. When the test
// ends it must have an answer.
func Of(t testing.TB, name string) *Row {
	t.Helper()
	for _, b := range Bars {
		if b.Name == name {
			r := &Row{t: t, bar: b, res: Result{Name: name}}
			t.Cleanup(r.done)
			return r
		}
	}
	t.Fatalf("no bar is named %q: internal/accuracy/bars.go lists them", name)
	return nil
}

// Check takes a measured value, and fails the test if it is beyond the bar or
// NaN. The format and its arguments say on which data and seed.
func (r *Row) Check(value float64, format string, args ...any) {
	r.t.Helper()
	r.res.Answers++
	beyond := !(value <= r.bar.Limit)
	if !beyond && value <= r.res.Worst {
		return
	}
	where := fmt.Sprintf(format, args...)
	if beyond {
		r.t.Errorf("%s: %s on %s, want up to %s", r.bar.Name, r.bar.Unit.Text(value), where, r.bar.Unit.Text(r.bar.Limit))
	}
	if !(value <= r.res.Worst) {
		r.res.Worst, r.res.Where = value, where
	}
}

// Holds counts a thing that should be so: 0 if it is, 1 if it is not.
func (r *Row) Holds(ok bool, format string, args ...any) {
	r.t.Helper()
	value := 0.0
	if !ok {
		value = 1
	}
	r.Check(value, format, args...)
}

// Peer takes what the peer gave on the same data.
func (r *Row) Peer(value float64) { r.res.PeerWorst = max(r.res.PeerWorst, value) }

func (r *Row) done() {
	if r.res.Answers == 0 && !r.t.Skipped() && !r.t.Failed() {
		r.t.Errorf("%s: nothing was measured", r.bar.Name)
	}
	path := os.Getenv(Env)
	if path == "" || r.res.Answers == 0 {
		return
	}
	if err := r.res.AppendTo(path); err != nil {
		r.t.Errorf("%s: %v", r.bar.Name, err)
	}
}

// AppendTo adds the result to a file, as a line of JSON in which infinities and
// NaN are the largest number.
func (res Result) AppendTo(path string) error {
	for _, x := range []*float64{&res.Worst, &res.PeerWorst} {
		if !(*x <= math.MaxFloat64) {
			*x = math.MaxFloat64
		}
	}
	line, err := json.Marshal(res)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
