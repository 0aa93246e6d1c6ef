package fit

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sketch"
)

func addFeature(plan *Plan, f frozen.Feature) {
	plan.Features = append(plan.Features, f)
	plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: f.Name, Field: f.Name, Shape: f.Shape, Label: f.Encoding != nil})
}

// randomArray is a feature of any shape, per, scope, pooled or not, scaler, pre-transform and
// imputation, also of a single number.
func randomArray(r *rand.Rand, k int) frozen.Feature {
	kinds := []string{scale.None, scale.Standard, scale.MinMax, scale.MaxAbs, scale.Robust, scale.Quantile, scale.YeoJohnson, scale.BoxCox, scale.KBins}
	spec, err := scale.Default(kinds[r.IntN(len(kinds))])
	if err != nil {
		panic(err)
	}
	f := frozen.Feature{Name: fmt.Sprint("array", k), Scaler: spec}
	for range r.IntN(4) {
		f.Shape = append(f.Shape, 1+r.IntN(5))
	}
	if pers := []string{"", frozen.PerNone, "0", "1", "2"}; f.Shape != nil {
		f.Per = pers[r.IntN(2+len(f.Shape))]
	}
	switch r.IntN(4) {
	case 0, 1:
		f.Scope = frozen.ScopeGlobal
	case 2:
		f.Pooled = true
	}
	switch r.IntN(4) {
	case 0:
		f.Pre = []scale.Pre{{Kind: scale.Log1p}}
	case 1:
		f.Pre = []scale.Pre{{Kind: scale.Affine, Scale: 3, Offset: 1}, {Kind: scale.Asinh}}
	}
	switch r.IntN(5) {
	case 0:
		f.Impute.Kind = frozen.ImputeMean
	case 1:
		f.Impute.Kind = frozen.ImputeMedian
	case 2:
		f.Impute = frozen.Impute{Kind: frozen.ImputeConstant, Constant: 0.5}
	}
	return f
}

// arrayPlan has up to five features, many of them arrays.
func arrayPlan(t testing.TB, r *rand.Rand) *Plan {
	plan := testPlan(t)
	plan.Features, plan.Record.Features, plan.MinSamples = nil, nil, 1
	for k := range 1 + r.IntN(5) {
		addFeature(plan, randomArray(r, k))
	}
	if err := plan.Validate(); err != nil {
		t.Fatalf("%+v: %v", plan.Features, err)
	}
	return plan
}

// An oracle learns each group of one feature as a number by itself, and each of
// its values as a record: what an array is, spelled out.
type oracle struct {
	spec   frozen.Feature
	groups [][]int // the numbers of each group
	states [][]*State
	frozen []*frozen.Frozen
	pooled Pooled // its counts alone
}

func newOracle(t testing.TB, spec frozen.Feature, states int) *oracle {
	o := &oracle{spec: spec, groups: groupsOf(spec)}
	plan := testPlan(t)
	plan.MinSamples = 1
	single := spec
	single.Shape, single.Per, single.Scope, single.Pooled = nil, "", "", false
	plan.Features, plan.Record.Features = nil, nil
	addFeature(plan, single)
	for range o.groups {
		var of []*State
		for range states {
			of = append(of, newState(t, plan))
		}
		o.states = append(o.states, of)
	}
	return o
}

// groupsOf lists the numbers of each group by their indices.
func groupsOf(f frozen.Feature) (groups [][]int) {
	at := map[int]int{}
	for number := range f.Size() {
		var index []int
		for rest, k := number, len(f.Shape)-1; k >= 0; k-- {
			index = append([]int{rest % f.Shape[k]}, index...)
			rest /= f.Shape[k]
		}
		key := number
		switch axis, err := strconv.Atoi(f.Per); {
		case f.Per == frozen.PerNone:
			key = 0
		case err == nil:
			key = index[axis]
		}
		if _, ok := at[key]; !ok {
			at[key] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[key]] = append(groups[at[key]], number)
	}
	return groups
}

func (o *oracle) series(name []byte) []byte {
	if o.spec.Scope == frozen.ScopeGlobal {
		return []byte("all")
	}
	return name
}

func (o *oracle) observe(t testing.TB, state int, series []byte, x []float64) {
	for g, numbers := range o.groups {
		for _, number := range numbers {
			learn(t, &record.Row{Series: o.series(series), Numbers: x[number : number+1]}, o.states[g][state])
		}
	}
}

func (o *oracle) freeze(t testing.TB) {
	for _, states := range o.states {
		m, f := freeze(t, states[0].plan, states...)
		o.frozen = append(o.frozen, f)
		p := m.Pooled(0)
		o.pooled.Count, o.pooled.Missing, o.pooled.Domain = o.pooled.Count+p.Count, o.pooled.Missing+p.Missing, o.pooled.Domain+p.Domain
	}
}

// transform returns what becomes of an array of a series, and back.
func (o *oracle) transform(series []byte, x []float64) (y, back []float64, flags record.Flags) {
	y, back = make([]float64, len(x)), make([]float64, len(x))
	for g, numbers := range o.groups {
		f := o.frozen[g]
		id := f.Find(o.series(series))
		for _, n := range numbers {
			flags |= f.Transform(y[n:n+1], &record.Row{Numbers: x[n : n+1]}, id)
			f.Inverse(back[n:n+1], y[n:n+1], id)
		}
	}
	return y, back, flags
}

// same reports whether numbers are equal to the last bit; NaN equals NaN.
func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool {
		return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
	})
}

// TestArrays learns arrays of any shape, per and scope from several partitions,
// kept apart, absorbed, or stored and restored in between, and holds every number
// of the frozen result, and what it makes of rows, against the oracle, bit by bit.
func TestArrays(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 11))
	for range 150 {
		plan := arrayPlan(t, r)
		partitions := 1 + r.IntN(3)
		var kept, absorbed []*State
		var oracles []*oracle
		for i := range plan.Features {
			oracles = append(oracles, newOracle(t, plan.Features[i], partitions))
		}
		for p := range partitions {
			kept, absorbed = append(kept, newState(t, plan)), append(absorbed, newState(t, plan))
			for range r.IntN(60) {
				row := arrayRow(r, plan)
				learn(t, row, kept[p], absorbed[p])
				at := 0
				for _, o := range oracles {
					o.observe(t, p, row.Series, row.Numbers[at:at+o.spec.Size()])
					at += o.spec.Size()
				}
				if r.IntN(20) == 0 {
					kept[p] = restore(t, plan, whole(t, kept[p]))
				}
			}
		}
		learnOnce(t, r, plan, oracles, kept, absorbed)
		for _, s := range absorbed[1:] {
			if err := absorbed[0].Absorb(s); err != nil {
				t.Fatal(err)
			}
		}
		m, f := freeze(t, plan, kept...)
		n, g := freeze(t, plan, absorbed[0])
		for i, o := range oracles {
			o.freeze(t)
			checkLearned(t, f, i, o)
			checkLearned(t, g, i, o)
			a, b := fmt.Sprintf("%+v", m.Pooled(i)), fmt.Sprintf("%+v", n.Pooled(i))
			if a != b {
				t.Errorf("feature %+v pooled: kept apart %v, absorbed %v", o.spec, a, b)
			}
			if p, want := m.Pooled(i), o.pooled; p.Count != want.Count || p.Missing != want.Missing || p.Domain != want.Domain {
				t.Errorf("feature %+v pooled: %+v, want the counts %+v", o.spec, p, want)
			}
		}
		for range 20 {
			checkRow(t, r, f, plan, oracles)
		}
		if t.Failed() {
			t.Fatalf("plan %+v", plan.Features)
		}
	}
}

// learnOnce gives every series a row in the first partition, so that each is
// known.
func learnOnce(t testing.TB, r *rand.Rand, plan *Plan, oracles []*oracle, kept, absorbed []*State) {
	for _, name := range []string{"a", "b", "c"} {
		row := arrayRow(r, plan)
		row.Series = []byte(name)
		learn(t, row, kept[0], absorbed[0])
		at := 0
		for _, o := range oracles {
			o.observe(t, 0, row.Series, row.Numbers[at:at+o.spec.Size()])
			at += o.spec.Size()
		}
	}
}

func arrayRow(r *rand.Rand, plan *Plan) *record.Row {
	row := randomRow(r, plan.Record.Width())
	row.Series = []byte{"abc"[r.IntN(3)]}
	return row
}

// checkLearned holds what was learned of a feature against its oracle.
func checkLearned(t *testing.T, f *frozen.Frozen, feature int, o *oracle) {
	t.Helper()
	l := f.Learned(feature)
	if want := o.spec.Entries(f.Series().Len()); len(l.Count) != want {
		t.Fatalf("%+v: %d entries, want %d", o.spec, len(l.Count), want)
	}
	for id := range int32(f.Series().Len()) {
		for g, of := range o.frozen {
			entry := f.Entry(feature, id) + g
			at := of.Find(o.series(f.Series().Name(id)))
			want := of.Learned(0)
			if l.Count[entry] != want.Count[at] || l.Missing[entry] != want.Missing[at] {
				t.Errorf("%+v: group %d has %d values and %d missing, want %d and %d", o.spec, g, l.Count[entry], l.Missing[entry], want.Count[at], want.Missing[at])
			}
			got := []float64{l.Min[entry], l.Max[entry], l.Mean[entry], l.Var[entry]}
			if !sameBits(got, []float64{want.Min[at], want.Max[at], want.Mean[at], want.Var[at]}) {
				t.Errorf("%+v: group %d has %v", o.spec, g, got)
			}
			number := o.groups[g][len(o.groups[g])-1]
			if got := f.ExplainAt(feature, number, make([]float64, f.Inputs()), id).Params; !sameBits(got, of.Params(0, at)) {
				t.Errorf("%+v: group %d has the parameters %v, want %v", o.spec, g, got, of.Params(0, at))
			}
		}
	}
}

// checkRow takes a row through the frozen numbers and back: as the oracle does,
// NaN for NaN where nothing is imputed, and home again where the scaler has a way
// back.
func checkRow(t *testing.T, r *rand.Rand, f *frozen.Frozen, plan *Plan, oracles []*oracle) {
	t.Helper()
	row := arrayRow(r, plan)
	y, back := make([]float64, f.Width()), make([]float64, f.Width())
	id := f.Find(row.Series)
	flags := f.Transform(y, row, id)
	f.Inverse(back, y, id)
	var want record.Flags
	at := 0
	for _, o := range oracles {
		to := at + o.spec.Size()
		wantY, wantBack, of := o.transform(row.Series, row.Numbers[at:to])
		if want |= of; !sameBits(y[at:to], wantY) || !sameBits(back[at:to], wantBack) {
			t.Errorf("%+v: %v becomes %v and back %v, want %v and %v", o.spec, row.Numbers[at:to], y[at:to], back[at:to], wantY, wantBack)
		}
		for i, x := range row.Numbers[at:to] {
			lossy := o.spec.Scaler.Ragged() || o.spec.Scaler.Kind == scale.BoxCox && !(x > 0)
			home := !lossy && y[at+i] == y[at+i] && x == x && (o.spec.Pre == nil || o.spec.Impute.Kind == "")
			if home && !(math.Abs(back[at+i]-x) <= 1e-9*(1+math.Abs(x))) {
				t.Errorf("%+v: %v comes back as %v", o.spec, x, back[at+i])
			}
			if x != x && y[at+i] == y[at+i] && o.spec.Impute.Kind == "" {
				t.Errorf("%+v: missing becomes %v", o.spec, y[at+i])
			}
		}
		at = to
	}
	if flags != want {
		t.Errorf("flags %v, want %v", flags, want)
	}
}

// TestUnknownSeriesOfArrays: what all series share is good for others too.
func TestUnknownSeriesOfArrays(t *testing.T) {
	plan := testPlan(t)
	plan.Features, plan.Record.Features, plan.MinSamples = nil, nil, 1
	standard, _ := scale.Default(scale.Standard)
	addFeature(plan, frozen.Feature{Name: "global", Scaler: standard, Shape: []int{2}, Scope: frozen.ScopeGlobal})
	addFeature(plan, frozen.Feature{Name: "fixed", Scaler: standard, Shape: []int{2}, Per: "0", Fixed: &frozen.Fixed{Mean: []float64{1, 2}, Scale: []float64{4}}})
	s := newState(t, plan)
	for i := range 4 {
		learn(t, &record.Row{Series: fmt.Append(nil, i), Numbers: []float64{float64(i), 7, 5, 6}}, s)
	}
	m, f := freeze(t, plan, s)
	row := &record.Row{Numbers: []float64{1.5, 8, 5, 10}}
	y := make([]float64, 4)
	if flags := f.Transform(y, row, frozen.Unknown); flags != record.OutOfRange || !sameBits(y, []float64{0, 1, 1, 2}) {
		t.Errorf("%v becomes %v, flags %v", row.Numbers, y, flags)
	}
	if f.Inverse(y, y, frozen.Unknown); !sameBits(y, row.Numbers) {
		t.Errorf("back is %v", y)
	}
	if n := f.Learned(1); len(n.Count)+len(n.Params) != 0 || m.Pooled(1).Count+m.Pooled(1).Missing != 0 {
		t.Errorf("a fixed feature learned %+v, pooled %+v", n, m.Pooled(1))
	}
	if p := m.Pooled(0); p.Count != 8 || p.Min != 0 || p.Max != 7 || p.Distinct != 0 {
		t.Errorf("pooled: %+v", p)
	}
	if state, artifact := BytesPerSeries(plan); state > 100 || artifact > 100 {
		t.Errorf("a series takes %d and %d bytes, want those of its name and records", state, artifact)
	}

	addFeature(plan, frozen.Feature{Name: "own", Scaler: standard})
	f = nil
	s = newState(t, plan)
	learn(t, &record.Row{Series: []byte("a"), Numbers: []float64{1, 2, 3, 4, 5}}, s)
	_, f = freeze(t, plan, s)
	y = make([]float64, 5)
	row.Numbers = append(row.Numbers, 9)
	if flags := f.Transform(y, row, frozen.Unknown); flags != record.OutOfRange|record.UnknownSeries || y[4] == y[4] || y[3] != 2 {
		t.Errorf("%v becomes %v, flags %v", row.Numbers, y, flags)
	}
}

// TestSizesOfArrays: an array costs what its groups would cost as numbers.
func TestSizesOfArrays(t *testing.T) {
	for _, kind := range []string{scale.Standard, scale.Quantile, scale.YeoJohnson, scale.KBins} {
		cost := func(features ...frozen.Feature) [2]int {
			plan := testPlan(t)
			plan.Features, plan.Record.Features = nil, nil
			for _, f := range features {
				f.Scaler = must(scale.Default(kind))
				addFeature(plan, f)
			}
			state, artifact := BytesPerSeries(plan)
			return [2]int{state, artifact}
		}
		numbers := cost(make([]frozen.Feature, 6)...)
		if got := cost(frozen.Feature{Shape: []int{2, 3}}); got != numbers {
			t.Errorf("%s: an array of six numbers takes %d bytes, six numbers %d", kind, got, numbers)
		}
		if got := cost(frozen.Feature{Shape: []int{2, 6}, Per: "1"}); got != numbers {
			t.Errorf("%s: an array of six groups takes %d bytes, six numbers %d", kind, got, numbers)
		}
	}
}

// TestStateVersions: a plan without arrays writes states as ever, and none takes
// the states of another version.
func TestStateVersions(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 12))
	plain, arrays, pooled := testPlan(t), testPlan(t), testPlan(t)
	addFeature(arrays, frozen.Feature{Name: "x", Scaler: must(scale.Default(scale.Standard)), Shape: []int{2}})
	pooled.Features[0].Pooled = true
	for plan, want := range map[*Plan]byte{plain: 1, arrays: 2, pooled: 2} {
		s := newState(t, plan)
		learn(t, randomRow(r, plan.Record.Width()), s)
		b := whole(t, s)
		if b[0] != want {
			t.Errorf("a state of version %d, want %d", b[0], want)
		}
		b[0] = 3 - want
		if _, err := RestoreState(plan, bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("version %d is taken for %d", b[0], want)
		}
	}
}

// TestRestoreRefusesShared: what all series share must be of all their records.
func TestRestoreRefusesShared(t *testing.T) {
	plan := testPlan(t)
	plan.Features, plan.Record.Features = nil, nil
	addFeature(plan, frozen.Feature{Name: "x", Scaler: must(scale.Default(scale.Standard)), Shape: []int{2}, Scope: frozen.ScopeGlobal})
	s := newState(t, plan)
	learn(t, &record.Row{Series: []byte("a"), Numbers: []float64{1, 2}}, s)
	b := whole(t, s)
	at := 2 + len(sketch.HashID) + 4 + 4 + 8 + 8 // missing of the first group
	for _, missing := range []byte{1, 255} {
		b[at] = missing
		if _, err := RestoreState(plan, bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("1 value and %d missing in 1 record are taken", missing)
		}
	}
	b[at] = 0
	restore(t, plan, b)
}

// TestPlanOfArrays refuses plans that mean nothing.
func TestPlanOfArrays(t *testing.T) {
	f := func(change func(f *frozen.Feature, from *schema.Feature), want string) {
		t.Helper()
		plan := testPlan(t)
		i := 1 // standard
		plan.Features[i].Impute = frozen.Impute{}
		plan.Features[i].Shape, plan.Record.Features[i].Shape = []int{3, 2}, []int{3, 2}
		change(&plan.Features[i], &plan.Record.Features[i])
		got := "<nil>"
		if err := plan.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	type feature = frozen.Feature
	type field = schema.Feature
	fixed := func(mean, scale []float64) *frozen.Fixed { return &frozen.Fixed{Mean: mean, Scale: scale} }
	f(func(*feature, *field) {}, "<nil>")
	f(func(f *feature, _ *field) { f.Per = "1"; f.Scope = "global" }, "<nil>")
	f(func(f *feature, _ *field) { f.Per = "none"; f.Fixed = fixed([]float64{0}, []float64{1}) }, "<nil>")
	f(func(f *feature, _ *field) { f.Per = "1"; f.Fixed = fixed([]float64{0, 1}, []float64{1}) }, "<nil>")
	f(func(f *feature, _ *field) { f.Fixed = fixed(make([]float64, 6), []float64{1}) }, "<nil>")
	f(func(_ *feature, r *field) { r.Shape = []int{2, 3} }, `feature "standard" has the shape [3 2], its field [2 3]`)
	f(func(f *feature, r *field) { f.Shape, r.Shape = []int{1 << 40, 1 << 40}, []int{1 << 40, 1 << 40} }, `feature "standard": shape [1099511627776 1099511627776] of more than 16777216 numbers, want a smaller one`)
	f(func(f *feature, _ *field) { f.Per = "2" }, `feature "standard": per "2" of the shape [3 2], want none or an axis from 0 to 1`)
	f(func(f *feature, _ *field) { f.Per = "-1" }, `feature "standard": per "-1" of the shape [3 2], want none or an axis from 0 to 1`)
	f(func(f *feature, _ *field) { f.Per = "01" }, `feature "standard": per "01" of the shape [3 2], want none or an axis from 0 to 1`)
	f(func(f *feature, r *field) { f.Shape, r.Shape, f.Per = nil, nil, "none" }, `feature "standard": per "none" of a single number, want none: it belongs to features with a shape`)
	f(func(f *feature, _ *field) { f.Scope = "series" }, `feature "standard": scope "series", want global, or none for one of each series`)
	f(func(f *feature, _ *field) { f.Scope, f.Pooled = "global", true }, `feature "standard": pooled statistics beside those that all series share`)
	f(func(f *feature, _ *field) { f.Fixed, f.Pooled = fixed([]float64{0}, []float64{1}), true }, `feature "standard": pooled statistics beside those that all series share`)
	f(func(f *feature, _ *field) { f.Fixed = fixed([]float64{0}, []float64{0}) }, `feature "standard": a fixed scale that is not above 0`)
	f(func(f *feature, _ *field) { f.Fixed = fixed([]float64{math.NaN()}, []float64{1}) }, `feature "standard": a fixed number of NaN, want a magnitude up to 1e+150`)
	f(func(f *feature, _ *field) { f.Per = "0"; f.Fixed = fixed([]float64{0, 1}, []float64{1}) }, `feature "standard": 2 fixed numbers, want 1 or one for each of 3 groups`)
	f(func(f *feature, _ *field) { f.Fixed = fixed(nil, []float64{1}) }, `feature "standard": 0 fixed numbers, want 1 or one for each of 6 groups`)
	f(func(f *feature, _ *field) { f.Fixed, f.Impute.Kind = fixed([]float64{0}, []float64{1}), "mean" }, `feature "standard": impute mean of a feature with fixed numbers, want constant: it learns nothing`)
	f(func(f *feature, _ *field) { f.Fixed, f.Scaler.WithStd = fixed([]float64{0}, []float64{1}), false }, `feature "standard": fixed numbers of scaler standard, want standard with mean and scale`)
}
