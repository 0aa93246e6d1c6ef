package fit

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tare/frozen"
	"tare/internal/accuracy"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// exactPlan has robust features that want exact quantiles: numbers, with and
// without a pre-transform, arrays whose numbers share statistics or do not, and
// of all series together; and one that does not want them.
func exactPlan(t testing.TB) *Plan {
	t.Helper()
	plan := &Plan{Cutoff: Cutoff{Kind: End}, MinSamples: 2, MaxSeries: 1000,
		Record: schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"s"}}, BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	add := func(name string, change func(*frozen.Feature)) {
		spec, err := scale.Default(scale.Robust)
		if err != nil {
			t.Fatal(err)
		}
		f := frozen.Feature{Name: name, Scaler: spec, Exact: frozen.ExactRequire}
		change(&f)
		plan.Features = append(plan.Features, f)
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: name, Field: name, Shape: f.Shape})
	}
	add("plain", func(f *frozen.Feature) { f.Impute.Kind = frozen.ImputeMedian })
	add("sketched", func(f *frozen.Feature) { f.Exact = "" })
	add("log", func(f *frozen.Feature) {
		f.Pre = []scale.Pre{{Kind: "log"}}
		f.Scaler.QuantileRange = &[2]float64{0, 99.99999999999999}
	})
	add("array", func(f *frozen.Feature) { f.Shape = []int{3} })
	add("pooled", func(f *frozen.Feature) { f.Shape, f.Per = []int{2, 2}, frozen.PerNone })
	add("axis", func(f *frozen.Feature) {
		f.Shape, f.Per = []int{2, 3}, "1"
		f.Scaler.QuantileRange = &[2]float64{60, 60}
	})
	add("global", func(f *frozen.Feature) { f.Scope = frozen.ScopeGlobal })
	add("besides", func(f *frozen.Feature) { f.Shape, f.Per, f.Pooled = []int{2, 2}, "0", true })
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// A logged record is one of a partition's log.
type logged struct {
	series  string
	numbers []float64
}

// logs makes three partitions of records: long series in all of them, and short
// ones, of numbers that come once, often, or not at all.
func logs(r *rand.Rand, width, long int) (all [3][]logged) {
	draw := []func() float64{
		func() float64 { return math.Exp(r.NormFloat64()) },
		func() float64 { return float64(r.IntN(300)) },
		func() float64 { return max(0, r.NormFloat64()) },
		func() float64 { return 7 },
	}
	for p := range all {
		add := func(series string, n int, draw func() float64) {
			for range n {
				numbers := make([]float64, width)
				for i := range numbers {
					if numbers[i] = draw(); r.IntN(20) == 0 {
						numbers[i] = math.NaN()
					}
				}
				all[p] = append(all[p], logged{series, numbers})
			}
		}
		for k, d := range draw {
			add(fmt.Sprintf("long-%d", k), long+r.IntN(long), d)
			add(fmt.Sprintf("short-%d-%d", p, k), 1+r.IntN(200), d)
		}
		r.Shuffle(len(all[p]), func(i, j int) { all[p][i], all[p][j] = all[p][j], all[p][i] })
	}
	return all
}

// learnLogs learns each partition, and merges them.
func learnLogs(t testing.TB, plan *Plan, all [3][]logged) *Merged {
	t.Helper()
	var states []*State
	for _, log := range all {
		s := newState(t, plan)
		for _, l := range log {
			if err := s.Observe(&record.Row{Series: []byte(l.series), Numbers: slices.Clone(l.numbers)}); err != nil {
				t.Fatal(err)
			}
		}
		states = append(states, s)
	}
	return Merge(plan, states)
}

// reread shows all partitions to each pass, and returns how many there were.
func reread(t testing.TB, e *Exact, all [3][]logged) (passes int, err error) {
	t.Helper()
	for {
		more, err := e.Next()
		if !more || err != nil {
			return passes, err
		}
		if passes++; len(e.searches) > max(3, e.most) {
			t.Fatalf("%d searches at a time, want %d", len(e.searches), e.most)
		}
		for _, log := range all {
			s, err := e.Sieve()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range log {
				if s.Observe(&record.Row{Series: []byte(l.series), Numbers: slices.Clone(l.numbers)}) {
					e.Take(s)
				}
			}
			e.Take(s)
		}
	}
}

// sortedOf returns the values of one group as the plan prepares them; of all
// series where series is empty.
func sortedOf(t testing.TB, f *frozen.Feature, at, group int, series string, all [3][]logged) (x []float64) {
	t.Helper()
	pre, err := f.Steps()
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range all {
		for _, l := range log {
			if series != "" && series != l.series {
				continue
			}
			for i := range f.Size() {
				v := []float64{l.numbers[at+i]}
				if frozen.Apply(pre, v); v[0] == v[0] && f.Layout().Group(i) == group {
					x = append(x, v[0])
				}
			}
		}
	}
	slices.Sort(x)
	return x
}

// checkExact holds every number of the features that want it against numpy's
// formulas over the sorted values.
func checkExact(t testing.TB, plan *Plan, f *frozen.Frozen, all [3][]logged) {
	t.Helper()
	at := 0
	for i := range plan.Features {
		spec, l := &plan.Features[i], f.Learned(i)
		at += spec.Size()
		if (spec.Exact != "") != (l.Exact != nil) {
			t.Fatalf("%s: exact %q, but %d marks", spec.Name, spec.Exact, len(l.Exact))
		}
		for entry := range l.Exact {
			series := ""
			if common, ok := spec.Common(f.Series().Len()); !ok || entry < common {
				series = string(f.Series().Name(int32(entry / spec.Groups())))
			}
			x := sortedOf(t, spec, at-spec.Size(), entry%spec.Groups(), series, all)
			if len(x) == 0 {
				continue
			}
			median := (x[(len(x)-1)/2] + x[len(x)/2]) / 2
			q := spec.Scaler.QuantileRange
			want := scale.RobustParams(nil, spec.Scaler, accuracy.Linear(x, q[0]/100), median, accuracy.Linear(x, q[1]/100))
			if got := l.Params[2*entry : 2*entry+2]; !slices.Equal(got, want) || !l.Exact[entry] {
				t.Errorf("%s of %q, entry %d, %d values: %v (exact %t), want %v", spec.Name, series, entry, len(x), got, l.Exact[entry], want)
			}
			if l.Impute != nil && l.Impute[entry] != median {
				t.Errorf("%s of %q: imputes %v, want the median %v", spec.Name, series, l.Impute[entry], median)
			}
		}
	}
}

func widthOf(plan *Plan) (n int) {
	for i := range plan.Features {
		n += plan.Features[i].Size()
	}
	return n
}

// TestExact: the quantiles are numpy's to the last bit, whatever the memory, the
// partitions and the order in which they are read again.
func TestExact(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 5))
	plan := exactPlan(t)
	all := logs(r, widthOf(plan), 400)
	for _, memory := range []int{0, 40 << 10, 1 << 30} {
		m := learnLogs(t, plan, all)
		e, err := m.Exact(memory)
		if err != nil {
			t.Fatal(err)
		}
		again := all
		for p := range again {
			again[p] = slices.Clone(all[p])
			r.Shuffle(len(again[p]), func(i, j int) { again[p][i], again[p][j] = again[p][j], again[p][i] })
		}
		passes, err := reread(t, e, again)
		if err != nil {
			t.Fatal(err)
		}
		if size := cap(e.cells) * searchSize; size > max(2*memory, 3*searchSize) {
			t.Errorf("%d bytes of room, want %d", size, memory)
		}
		t.Logf("%d bytes: %d passes", memory, passes)
		f, err := m.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		checkExact(t, plan, f, all)
	}
}

// TestExactOverflow: records that a partition had no room for are not looked at,
// although the series is known from another.
func TestExactOverflow(t *testing.T) {
	plan := exactPlan(t)
	plan.MaxSeries = 5
	all := logs(rand.New(rand.NewPCG(seed(t), 6)), widthOf(plan), 400)
	m := learnLogs(t, plan, all)
	if m.Counts().RecordsUnknown == 0 {
		t.Fatal("no partition has left out a series")
	}
	e, err := m.Exact(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reread(t, e, all); err != nil {
		t.Fatal(err)
	}
	f, err := m.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	for p := range all { // what the states have learned
		var seen frozen.Series
		all[p] = slices.DeleteFunc(all[p], func(l logged) bool {
			if seen.Len() < plan.MaxSeries {
				seen.Add([]byte(l.series))
			}
			_, ok := seen.Find([]byte(l.series))
			return !ok
		})
	}
	checkExact(t, plan, f, all)
}

// TestExactChanged: a stretch that lacks a record, or has one of another series,
// is refused, and says where.
func TestExactChanged(t *testing.T) {
	plan := exactPlan(t)
	all := logs(rand.New(rand.NewPCG(seed(t), 7)), widthOf(plan), 800)
	f := func(what, want string, change func(l *logged)) {
		t.Helper()
		e, err := learnLogs(t, plan, all).Exact(1 << 30)
		if err != nil {
			t.Fatal(err)
		}
		again := all
		again[1] = slices.Clone(all[1])
		change(&again[1][slices.IndexFunc(again[1], func(l logged) bool { return l.series == "long-0" && l.numbers[0] == l.numbers[0] })])
		_, err = reread(t, e, again)
		if changed, ok := errors.AsType[*ChangedError](err); !ok || !strings.Contains(changed.Message, want) {
			t.Errorf("%s: got %v, want a ChangedError that says %q", what, err, want)
		}
	}
	f("missing values", `feature "`, func(l *logged) { l.numbers = slices.Repeat([]float64{math.NaN()}, len(l.numbers)) })
	f("a record of another series", `series "long-0"`, func(l *logged) { l.series = "long-1" })
}

// TestExactNotRead: what requires exact quantiles is not frozen without them;
// what prefers them is, and says so.
func TestExactNotRead(t *testing.T) {
	plan := exactPlan(t)
	all := logs(rand.New(rand.NewPCG(seed(t), 8)), widthOf(plan), 400)
	m := learnLogs(t, plan, all)
	if _, err := m.Freeze(); err == nil || !strings.Contains(err.Error(), "its exact quantiles have not been read") {
		t.Errorf("required: got %v, want a refusal", err)
	}
	for i := range plan.Features {
		if plan.Features[i].Exact != "" {
			plan.Features[i].Exact = frozen.ExactPrefer
		}
	}
	f, err := m.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	marks := f.Learned(0).Exact
	long, _ := f.Series().Find([]byte("long-0"))
	constant, _ := f.Series().Find([]byte("long-3"))
	if marks[long] || !marks[constant] {
		t.Errorf("a long series is marked exact: %t; a constant one: %t", marks[long], marks[constant])
	}
}
