package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// testPlan has a feature of every scaler.
func testPlan(t testing.TB) *Plan {
	t.Helper()
	plan := &Plan{Cutoff: Cutoff{Kind: End}, MinSamples: 2, MaxSeries: 1000,
		Record: schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"s"}}, BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	for _, kind := range []string{scale.None, scale.Standard, scale.MinMax, scale.MaxAbs, scale.Robust, scale.Quantile, scale.YeoJohnson, scale.BoxCox, scale.KBins} {
		spec, err := scale.Default(kind)
		if err != nil {
			t.Fatal(err)
		}
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: kind, Field: kind})
		plan.Features = append(plan.Features, frozen.Feature{Name: kind, Scaler: spec})
	}
	plan.Features[1].Impute.Kind = frozen.ImputeMedian
	plan.Features[2].Impute.Kind = frozen.ImputeMean
	plan.Features[3].Pre = []scale.Pre{{Kind: "log"}}
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	return plan
}

func newState(t testing.TB, plan *Plan) *State {
	t.Helper()
	s, err := NewState(plan)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func observe(t testing.TB, s *State, series string, x float64) {
	t.Helper()
	row := record.Row{Series: []byte(series), Numbers: slices.Repeat([]float64{x}, len(s.features))}
	if err := s.Observe(&row); err != nil {
		t.Fatal(err)
	}
}

func freeze(t testing.TB, plan *Plan, states ...*State) (*Merged, *frozen.Frozen) {
	t.Helper()
	m := Merge(plan, states)
	f, err := m.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	return m, f
}

// TestFreeze checks every kind of number against values worked out by hand.
func TestFreeze(t *testing.T) {
	plan := testPlan(t)
	s := newState(t, plan)
	for _, x := range []float64{5, 1, 2, math.NaN(), 3, 4} {
		observe(t, s, "b", x)
	}
	observe(t, s, "a", 7)
	observe(t, s, "a", 7)
	observe(t, s, "c", 1)          // too few
	observe(t, s, "d", math.NaN()) // nothing at all
	observe(t, s, "d", math.NaN())
	m, f := freeze(t, plan, s)
	if got := m.Counts(); got.Learned != 3 || got.BelowMinSamples != 1 || got.OverMaxSeries != 0 || got.Distinct != 4 {
		t.Errorf("series: %+v", got)
	}
	b, a, d := f.Find([]byte("b")), f.Find([]byte("a")), f.Find([]byte("d"))
	if f.Find([]byte("c")) != frozen.Unknown || a != 0 || b != 1 || d != 2 {
		t.Errorf("a, b, d are %d, %d, %d", a, b, d)
	}
	check := func(feature int, id int32, want ...float64) {
		t.Helper()
		got := f.Params(feature, id)
		if !slices.EqualFunc(got, want, func(x, y float64) bool { return x == y || x != x && y != y }) {
			t.Errorf("feature %d of %s: %v, want %v", feature, f.Series().Name(id), got, want)
		}
	}
	nan := math.NaN()
	check(1, b, 3, math.Sqrt2)
	check(2, b, -0.25, 0.25)
	check(4, b, 3, 2)
	check(5, b, 0, 0.2, 0.4, 0.6000000000000001, 0.8, 1, 1, 1.8, 2.6, 3.4000000000000004, 4.2, 5)
	check(1, a, 7, 1)
	check(1, d, nan, nan)
	check(5, d)
	l := f.Learned(1)
	if l.Count[b] != 5 || l.Missing[b] != 1 || l.Min[b] != 1 || l.Max[b] != 5 || l.Mean[b] != 3 || l.Var[b] != 2 || l.Impute[b] != 3 {
		t.Errorf("b: %+v", l)
	}
	p := m.Pooled(1)
	if p.Count != 8 || p.Missing != 3 || p.Min != 1 || p.Max != 7 || p.Mean != 3.75 {
		t.Errorf("pooled: %+v", p)
	}
}

func TestDomain(t *testing.T) {
	plan := testPlan(t)
	s := newState(t, plan)
	for _, x := range []float64{math.E, 0, -1, 1, math.NaN()} {
		observe(t, s, "a", x)
	}
	other := newState(t, plan)
	for _, x := range []float64{0, 1} {
		observe(t, other, "a", x)
	}
	m, f := freeze(t, plan, s, other)
	for feature, most := range map[int]float64{3: 1, 7: math.E} { // log and maxabs; box_cox
		p := m.Pooled(feature)
		if p.Domain != 3 || p.Missing != 4 || p.Count != 3 || f.Learned(feature).Max[0] != most {
			t.Errorf("%s of 0, -1 and 0: %+v", plan.Features[feature].Name, p)
		}
	}
	row := &record.Row{Series: []byte("a"), Numbers: slices.Repeat([]float64{-1}, len(plan.Features))}
	y := make([]float64, len(plan.Features))
	if flags := f.Transform(y, row, 0); y[7] == y[7] || flags&record.OutOfRange == 0 {
		t.Errorf("box_cox of -1 is %v, flags %v", y[7], flags)
	}
}

// TestMergeOrder feeds the same partitions in several interleavings: the merged
// numbers are the same bit for bit, also as those of one state where a series
// lies in one partition.
func TestMergeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 2))
	plan := testPlan(t)
	var logs [3][]float64
	for i := range logs {
		for range 500 {
			logs[i] = append(logs[i], math.Exp(3*r.NormFloat64()))
		}
	}
	var first []byte
	for round := range 3 {
		states := []*State{newState(t, plan), newState(t, plan), newState(t, plan)}
		order := r.Perm(1500)
		var next [3]int
		for _, k := range order {
			p := k % 3
			i := next[p]
			next[p]++
			observe(t, states[p], fmt.Sprintf("shared-%d", i%5), logs[p][i])
			observe(t, states[p], fmt.Sprintf("own-%d-%d", p, i%7), logs[p][i])
		}
		m, _ := freeze(t, plan, states...)
		var all []byte
		for feature := range plan.Features {
			for series := range m.Series() {
				var err error
				if all, err = m.AppendState(all, feature, series); err != nil {
					t.Fatal(err)
				}
			}
		}
		if round == 0 {
			first = all
		} else if !slices.Equal(first, all) {
			t.Fatal("another interleaving gives other bytes")
		}
	}
}

// TestAbsorb folds partitions into the first, in every way that keeps their
// order: the state of each series, the pooled numbers and the counts are those
// of partitions that were all kept.
func TestAbsorb(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 5))
	plan := testPlan(t)
	plan.MaxSeries = 20
	build := func(seed uint64) (states []*State) {
		r := rand.New(rand.NewPCG(seed, 6))
		for range 5 {
			s := newState(t, plan)
			for range r.IntN(3000) {
				observe(t, s, fmt.Sprint("series-", r.IntN(25)), r.NormFloat64())
			}
			states = append(states, s)
		}
		return states
	}
	for range 5 {
		seed := r.Uint64()
		kept, _ := freeze(t, plan, build(seed)...)
		for _, folds := range [][]int{{1, 2, 3, 4}, {1}, {1, 2}} {
			states := build(seed)
			for _, k := range folds {
				if err := states[0].Absorb(states[k]); err != nil {
					t.Fatal(err)
				}
			}
			folded, _ := freeze(t, plan, append(states[:1], states[len(folds)+1:]...)...)
			if folded.Counts() != kept.Counts() || folded.Series() != kept.Series() {
				t.Fatalf("folded %v: %+v, kept %+v", folds, folded.Counts(), kept.Counts())
			}
			for feature := range plan.Features {
				if a, b := fmt.Sprintf("%+v", folded.Pooled(feature)), fmt.Sprintf("%+v", kept.Pooled(feature)); a != b {
					t.Fatalf("folded %v, feature %d: pooled %s, kept %s", folds, feature, a, b)
				}
				for series := range kept.Series() {
					a, errA := folded.AppendState(nil, feature, series)
					b, errB := kept.AppendState(nil, feature, series)
					if errA != nil || errB != nil || !slices.Equal(a, b) || string(folded.Name(series)) != string(kept.Name(series)) {
						t.Fatalf("folded %v, series %s, feature %d: other bytes", folds, kept.Name(series), feature)
					}
				}
			}
		}
	}
}

func TestMaxSeries(t *testing.T) {
	plan := testPlan(t)
	plan.MaxSeries = 3
	p0, p1 := newState(t, plan), newState(t, plan)
	for _, name := range []string{"e", "d", "f", "a", "a", "e", "d", "f"} { // a comes fourth
		observe(t, p0, name, 1)
	}
	for range 2 {
		observe(t, p1, "c", 1)
		observe(t, p1, "b", 1)
	}
	m, f := freeze(t, plan, p0, p1)
	want := SeriesCounts{Learned: 3, OverMaxSeries: 2, RecordsUnknown: 2, Distinct: 5}
	if got := m.Counts(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for i, name := range []string{"b", "c", "d"} { // the first in byte order
		if got := string(f.Series().Name(int32(i))); got != name {
			t.Errorf("series %d is %s, want %s", i, got, name)
		}
	}
}

func TestPlanRefused(t *testing.T) {
	for name, change := range map[string]func(p *Plan){
		"no features":    func(p *Plan) { p.Features, p.Record.Features = nil, nil },
		"other field":    func(p *Plan) { p.Record.Features[0].Name = "x" },
		"unknown scaler": func(p *Plan) { p.Features[0].Scaler.Kind = "magic" },
		"target first":   func(p *Plan) { p.Features[0].Role = frozen.RoleTarget },
		"min_samples":    func(p *Plan) { p.MinSamples = 0 },
		"max_series":     func(p *Plan) { p.MaxSeries = 0 },
		"cutoff":         func(p *Plan) { p.Cutoff.Kind = "some day" },
		"gap":            func(p *Plan) { p.Cutoff = Cutoff{Kind: EventTime, Gap: -1} },
		"records":        func(p *Plan) { p.Cutoff = Cutoff{Kind: Records} },
		"offset":         func(p *Plan) { p.Cutoff = Cutoff{Kind: Offsets, Offsets: map[int32]int64{0: -1}} },
	} {
		plan := testPlan(t)
		change(plan)
		if err := plan.Validate(); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, kind := range []string{scale.Standard, scale.Robust} {
		for _, n := range []int{1, 1000, 100_000} {
			b.Run(fmt.Sprintf("%s/series=%d", kind, n), func(b *testing.B) {
				spec, _ := scale.Default(kind)
				plan := &Plan{MinSamples: 1, MaxSeries: n}
				for range 8 {
					plan.Features = append(plan.Features, frozen.Feature{Scaler: spec})
				}
				s := newState(b, plan)
				rows := make([]record.Row, n)
				for i := range rows {
					rows[i] = record.Row{Series: fmt.Appendf(nil, "pump-%06d", i), Numbers: make([]float64, 8)}
				}
				r := rand.New(rand.NewPCG(1, 1))
				i := 0
				for b.Loop() {
					for k := range rows[i].Numbers {
						rows[i].Numbers[k] = r.NormFloat64()
					}
					if err := s.Observe(&rows[i]); err != nil {
						b.Fatal(err)
					}
					if i++; i == n {
						i = 0
					}
				}
			})
		}
	}
}
