package accuracy

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A told is a test that is told of failures.
type told struct {
	testing.TB
	errors, ends []string
	cleanups     []func()
}

func (f *told) Helper()                   {}
func (f *told) Cleanup(do func())         { f.cleanups = append(f.cleanups, do) }
func (f *told) Errorf(s string, a ...any) { f.errors = append(f.errors, s) }
func (f *told) Fatalf(s string, a ...any) { f.ends = append(f.ends, s) }
func (f *told) Skipped() bool             { return false }
func (f *told) Failed() bool              { return len(f.errors) > 0 }

func (f *told) finish() {
	for _, do := range f.cleanups {
		do()
	}
}

func TestRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	t.Setenv(Env, path)
	f := func(failures int, do func(r *Row)) {
		t.Helper()
		test := &told{TB: t}
		do(Of(test, MeanOrdinary)) // up to 1 ulp
		test.finish()
		if len(test.errors) != failures {
			t.Errorf("%d failures, want %d: %q", len(test.errors), failures, test.errors)
		}
	}
	f(0, func(r *Row) { r.Check(1, "at the bar"); r.Check(0, "below"); r.Peer(3); r.Peer(2) })
	f(1, func(r *Row) { r.Check(1, "at the bar"); r.Check(1.001, "beyond") })
	f(1, func(r *Row) { r.Check(math.NaN(), "no number") })
	f(2, func(r *Row) { r.Check(7, "beyond"); r.Check(5, "beyond but less") })
	f(0, func(r *Row) { r.Holds(true, "so"); r.Holds(false, "1 ulp") })
	f(1, func(r *Row) {})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(data)), "\n")
	want := []string{
		`"Worst":1,"Where":"at the bar","PeerWorst":3,"Answers":2}`,
		`"Worst":1.001,"Where":"beyond","PeerWorst":0,"Answers":2}`,
		`"Worst":1.7976931348623157e+308,"Where":"no number","PeerWorst":0,"Answers":1}`,
		`"Worst":7,"Where":"beyond","PeerWorst":0,"Answers":2}`,
		`"Worst":1,"Where":"1 ulp","PeerWorst":0,"Answers":2}`,
	}
	if len(got) != len(want) {
		t.Fatalf("%d results, want %d", len(got), len(want))
	}
	for i := range want {
		if !strings.HasSuffix(got[i], want[i]) {
			t.Errorf("result %s, want %s", got[i], want[i])
		}
	}
	test := &told{TB: t}
	if r := Of(test, "no such row"); r != nil || len(test.ends) != 1 {
		t.Error("an unknown row is not refused")
	}
}

func TestText(t *testing.T) {
	f := func(u Unit, x float64, want string) {
		t.Helper()
		if got := u.Text(x); got != want {
			t.Errorf("%v %s is written %q, want %q", x, u, got, want)
		}
	}
	f(Percent, .0067, "0.67 %")
	f(Percent, .01, "1 %")
	f(Percent, .000123, "0.0123 %")
	f(Percent, .341, "34.1 %")
	f(ULP, 0, "0 ulp")
	f(ULP, 4, "4 ulp")
	f(ULP, 4.5e15, "4.5e+15 ulp")
	f(Relative, 2.22e-16, "2.22e-16 relative")
	f(Count, 1999.3, "1999.3")
	f(Count, 146, "146")
	f(Absolute, math.Inf(1), "none")
	f(Absolute, math.MaxFloat64, "∞")
}

func TestOracles(t *testing.T) {
	f := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-15 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	f("ulps from 1 to the next", ULPs(1, math.Nextafter(1, 2)), 1)
	f("ulps across 0", ULPs(-5e-324, 5e-324), 2)
	f("ulps between NaN", ULPs(math.NaN(), math.NaN()), 0)
	f("relative error", RelativeError(1.5, 1), .5)
	f("relative error of 0", RelativeError(0, 0), 0)
	x := []float64{1, 2, 2, 2, 5}
	f("rank of a tie", RankError(x, .5, 2), 0)
	f("rank beyond", RankError(x, .2, 5), .4)
	f("rank below", RankError(x, .9, 1), .5)
	f("rank between", RankError(x, .5, 3), .1)
	f("linear", Linear(x, .125), 1.5)
	f("linear at the end", Linear(x, 1), 5)
}
