package fit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// whitenPlan has a feature by itself, d members and, with global, one projection
// for all series.
func whitenPlan(d int, w scale.Whitening, kind string, global bool) *Plan {
	plan := &Plan{Cutoff: Cutoff{Kind: End}, MinSamples: 1, MaxSeries: 100, Record: schema.Schema{Format: schema.JSON, BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	spec, err := scale.Default(scale.Standard)
	if err != nil {
		panic(err)
	}
	addFeature(plan, frozen.Feature{Name: "alone", Scaler: spec})
	g := frozen.Group{Name: "g", Whitening: w}
	if global {
		g.Scope = frozen.ScopeGlobal
	}
	if kind == scale.None {
		spec = scale.Spec{Kind: kind}
	}
	for k := range d {
		f := frozen.Feature{Name: fmt.Sprint("x", k), Scaler: spec, Scope: g.Scope}
		addFeature(plan, f)
		g.Members = append(g.Members, f.Name)
	}
	plan.Whiten = []frozen.Group{g}
	return plan
}

// addGroup adds a group of one to three members of any method and scope.
func addGroup(plan *Plan, r *rand.Rand, k int) {
	methods := []string{scale.PCA, scale.ZCA, scale.ZCACor, scale.Cholesky}
	w, err := scale.DefaultWhitening(methods[r.IntN(len(methods))])
	if err != nil {
		panic(err)
	}
	w.LedoitWolf = r.IntN(3) == 0
	g := frozen.Group{Name: fmt.Sprint("group", k), Whitening: w}
	if r.IntN(2) == 0 {
		g.Scope = frozen.ScopeGlobal
	}
	for m := range 1 + r.IntN(3) {
		name := fmt.Sprintf("member%d_%d", k, m)
		addFeature(plan, frozen.Feature{Name: name, Scaler: scale.Spec{Kind: scale.None}, Scope: g.Scope})
		g.Members = append(g.Members, name)
	}
	plan.Whiten = append(plan.Whiten, g)
}

// mixedRow is a row of members that depend on each other, sometimes with one
// missing.
func mixedRow(r *rand.Rand, d int, missing float64) *record.Row {
	row := &record.Row{Series: fmt.Append(nil, "s", r.IntN(4)), Numbers: []float64{r.NormFloat64()}}
	sum := 0.0
	for k := range d {
		sum = 0.6*sum + r.NormFloat64()*float64(k+1)
		row.Numbers = append(row.Numbers, 10*float64(k)+sum)
	}
	if r.Float64() < missing {
		row.Numbers[1+r.IntN(d)] = math.NaN()
	}
	return row
}

func whitening(t testing.TB, method string) scale.Whitening {
	t.Helper()
	w, err := scale.DefaultWhitening(method)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWhitened learns rows, normalizes them, and holds the covariance of the
// outputs to be the identity and the inverse to give the rows back.
func TestWhitened(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	for _, method := range []string{scale.PCA, scale.ZCA, scale.ZCACor, scale.Cholesky} {
		for _, kind := range []string{scale.None, scale.Standard} {
			for _, global := range []bool{false, true} {
				t.Run(fmt.Sprint(method, " ", kind, " ", global), func(t *testing.T) {
					checkWhitened(t, r, whitenPlan(3, whitening(t, method), kind, global))
				})
			}
		}
	}
}

func checkWhitened(t *testing.T, r *rand.Rand, plan *Plan) {
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	s, rows, skipped := newState(t, plan), []*record.Row{}, uint64(0)
	for range 1000 {
		row := mixedRow(r, 3, 0.1)
		rows = append(rows, row)
		if slices.ContainsFunc(row.Numbers, func(x float64) bool { return x != x }) {
			skipped++
		}
		if err := s.Observe(row); err != nil {
			t.Fatal(err)
		}
	}
	m, f := freeze(t, plan, s)
	if got := m.Skipped(0); got != skipped || skipped == 0 {
		t.Errorf("%d rows skipped, want %d", got, skipped)
	}
	if got, want := f.Columns(), append([]string{"alone"}, plan.Whiten[0].Columns(3)...); !slices.Equal(got, want) {
		t.Errorf("columns %q, want %q", got, want)
	}
	of := map[string][][]float64{}
	y, back := make([]float64, f.Width()), make([]float64, f.Inputs())
	for _, row := range rows {
		id := f.Find(row.Series)
		f.Transform(y, row, id)
		missing := slices.ContainsFunc(row.Numbers, func(x float64) bool { return x != x })
		if missing != math.IsNaN(y[1]) || missing != math.IsNaN(y[3]) {
			t.Fatalf("%v became %v", row.Numbers, y)
		}
		if missing {
			continue
		}
		key := string(row.Series)
		if plan.Whiten[0].Shared() {
			key = ""
		}
		of[key] = append(of[key], slices.Clone(y[1:]))
		f.Inverse(back, y, id)
		for i, x := range row.Numbers {
			if !(math.Abs(back[i]-x) <= 1e-12*(1+math.Abs(x))) {
				t.Fatalf("%v came back as %v", row.Numbers, back)
			}
		}
	}
	for key, z := range of {
		checkIdentity(t, key, z, 1e-9)
	}
}

// checkIdentity holds the covariance (ddof 1) of rows to be the identity, and
// their means to be 0.
func checkIdentity(t *testing.T, series string, z [][]float64, bar float64) {
	t.Helper()
	for i := range z[0] {
		for j := range z[0] {
			sum, mean := 0.0, 0.0
			for _, row := range z {
				sum += row[i] * row[j]
				mean += row[i]
			}
			want := 0.0
			if i == j {
				want = 1
			}
			if got := sum / float64(len(z)-1); !(math.Abs(got-want) <= bar) || !(math.Abs(mean) <= bar*float64(len(z))) {
				t.Errorf("series %q: covariance of outputs %d and %d is %v, mean %v, want %v and 0", series, i, j, got, mean/float64(len(z)), want)
			}
		}
	}
}

// TestGoldenWhiten learns the rows of the golden cases and transforms theirs.
func TestGoldenWhiten(t *testing.T) {
	data, err := os.ReadFile("../testdata/golden/scalers/whiten.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name            string
			Params          struct{ Method string }
			Condition       float64
			Train           [][]float64
			Test, Transform [][]float64
			Fitted          struct {
				Mean   []float64   `json:"mean_"`
				Whiten [][]float64 `json:"whiten_"`
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, c := range file.Cases {
		if c.Condition > 1e6 {
			continue
		}
		held++
		d := len(c.Train[0])
		plan := whitenPlan(d, whitening(t, c.Params.Method), scale.None, false)
		s := newState(t, plan)
		for _, x := range c.Train {
			if err := s.Observe(&record.Row{Numbers: append([]float64{0}, x...)}); err != nil {
				t.Fatal(err)
			}
		}
		_, f := freeze(t, plan, s)
		y := make([]float64, f.Width())
		for i, x := range c.Test {
			f.Transform(y, &record.Row{Numbers: append([]float64{0}, x...)}, 0)
			for j, want := range c.Transform[i] {
				size := 1.0
				for k := range x {
					size += math.Abs(c.Fitted.Whiten[j][k] * (x[k] - c.Fitted.Mean[k]))
				}
				if !(math.Abs(y[1+j]-want) <= 1e-9*size) {
					t.Errorf("%s: %v became %v, want %v", c.Name, x, y[1:], c.Transform[i])
					break
				}
			}
		}
	}
	if held < 10 {
		t.Errorf("%d cases", held)
	}
}

// TestWhitenedEdges holds groups of too few rows, of constants and of copies.
func TestWhitenedEdges(t *testing.T) {
	kind := scale.None
	f := func(name string, w scale.Whitening, rows [][]float64, probe, want []float64) {
		t.Helper()
		plan := whitenPlan(len(probe), w, kind, false)
		s := newState(t, plan)
		for _, x := range rows {
			if err := s.Observe(&record.Row{Numbers: append([]float64{0}, x...)}); err != nil {
				t.Fatal(err)
			}
		}
		_, fr := freeze(t, plan, s)
		y := make([]float64, fr.Width())
		fr.Transform(y, &record.Row{Numbers: append([]float64{0}, probe...)}, 0)
		for i := range want {
			if !(math.Abs(y[1+i]-want[i]) <= 1e-12) && want[i] == want[i] || math.IsNaN(want[i]) != math.IsNaN(y[1+i]) {
				t.Errorf("%s: %v became %v, want %v", name, probe, y[1:], want)
				break
			}
		}
	}
	nan := math.NaN()
	zca, pca := whitening(t, scale.ZCA), whitening(t, scale.PCA)
	f("constant", zca, [][]float64{{1, 2}, {1, 2}, {1, 2}}, []float64{5, 7}, []float64{0, 0})
	f("one row", zca, [][]float64{{1, 2}}, []float64{5, 7}, []float64{0, 0})
	f("no whole row", zca, [][]float64{{1, nan}, {nan, 2}}, []float64{5, 7}, []float64{nan, nan})
	f("a copy", pca, [][]float64{{1, 1}, {2, 2}, {3, 3}}, []float64{3, 3}, []float64{1, 0})
	f("fewer rows than members", pca, [][]float64{{1, 0, 0}, {3, 0, 0}}, []float64{3, 0, 0}, []float64{math.Sqrt2 / 2, 0, 0})
	shrunk := whitening(t, scale.ZCA)
	shrunk.Shrinkage = 1 // variances 2 and 8 give 5 each
	f("shrunk", shrunk, [][]float64{{1, 2}, {3, -2}}, []float64{3, -2}, []float64{1 / math.Sqrt(5), -2 / math.Sqrt(5)})
	kind = scale.Standard // each has its own variance, 2 and 8
	f("scaled and shrunk", shrunk, [][]float64{{1, 2}, {3, -2}}, []float64{3, -2}, []float64{math.Sqrt2 / 2, -math.Sqrt2 / 2})
}

// TestWhitenShare keeps as many components as a share of variance needs.
func TestWhitenShare(t *testing.T) {
	w := whitening(t, scale.PCA)
	w.NComponents, w.LedoitWolf = 0.9, true
	plan := whitenPlan(3, w, scale.None, true)
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	s := newState(t, plan)
	r := rand.New(rand.NewPCG(seed(t), 0))
	for range 500 {
		a, b := 100*r.NormFloat64(), 10*r.NormFloat64()
		if err := s.Observe(&record.Row{Series: []byte("s"), Numbers: []float64{0, a, a + b, r.NormFloat64()}}); err != nil {
			t.Fatal(err)
		}
	}
	_, f := freeze(t, plan, s)
	if got := f.Columns(); !slices.Equal(got, []string{"alone", "g_pca0"}) {
		t.Errorf("columns %q", got)
	}
	y := make([]float64, f.Width())
	if f.Transform(y, &record.Row{Numbers: []float64{0, 1, 2, 3}}, frozen.Unknown); !math.IsNaN(y[0]) || math.IsNaN(y[1]) {
		t.Errorf("an unknown series became %v", y)
	}
}

// TestWhitenStates holds that states that are stored and continued, absorbed or
// merged in any way give the same bits.
func TestWhitenStates(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	for _, global := range []bool{false, true} {
		w := whitening(t, scale.PCA)
		w.LedoitWolf = global
		plan := whitenPlan(3, w, scale.None, global)
		var plain, stopped, absorbed []*State
		for range 3 {
			a, b, c := newState(t, plan), newState(t, plan), newState(t, plan)
			for i := range r.IntN(400) {
				row := mixedRow(r, 3, 0.2)
				for _, s := range []*State{a, b, c} {
					if err := s.Observe(row); err != nil {
						t.Fatal(err)
					}
				}
				if i%97 == 0 {
					b = restored(t, plan, b)
				}
			}
			if got, want := stored(b), stored(a); !bytes.Equal(got, want) {
				t.Fatal("a state that was restored has other bytes")
			}
			plain, stopped, absorbed = append(plain, a), append(stopped, b), append(absorbed, c)
		}
		for _, s := range absorbed[1:] {
			if err := absorbed[0].Absorb(s); err != nil {
				t.Fatal(err)
			}
		}
		_, want := freeze(t, plan, plain...)
		for name, states := range map[string][]*State{"restored": stopped, "absorbed": absorbed[:1]} {
			_, got := freeze(t, plan, states...)
			if x, y := got.Whitened(0), want.Whitened(0); !slices.Equal(x.Count, y.Count) || !sameBits(x.Params, y.Params) {
				t.Errorf("global %t: %s states give other numbers", global, name)
			}
		}
	}
}

func stored(s *State) []byte {
	data, _ := s.Snapshot().Step(nil, math.MaxInt32)
	return data
}

func restored(t *testing.T, plan *Plan, s *State) *State {
	t.Helper()
	data := stored(s)
	again, err := RestoreState(plan, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestWhitenRestoreRefuses changes bytes of a state: it is refused or is another
// state, and never breaks.
func TestWhitenRestoreRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	plan := whitenPlan(2, whitening(t, scale.ZCA), scale.None, false)
	s := newState(t, plan)
	for range 70 {
		if err := s.Observe(mixedRow(r, 2, 0.2)); err != nil {
			t.Fatal(err)
		}
	}
	data := stored(s)
	refused := 0
	for range 2000 {
		bad := slices.Clone(data)
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		if _, err := RestoreState(plan, bytes.NewReader(bad), int64(len(bad))); err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing is refused")
	}
	s.groups[0].skipped[0]++
	data = stored(s)
	if _, err := RestoreState(plan, bytes.NewReader(data), int64(len(data))); err == nil {
		t.Error("a row too many is taken")
	}
}

func TestWhitenPlanRefused(t *testing.T) {
	f := func(want string, change func(p *Plan)) {
		t.Helper()
		plan := whitenPlan(3, whitening(t, scale.PCA), scale.Standard, false)
		change(plan)
		if err := plan.Validate(); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f("no feature and no other group has", func(p *Plan) { p.Whiten[0].Name = "alone" })
	f("no feature and no other group has", func(p *Plan) { p.Whiten = append(p.Whiten, p.Whiten[0]) })
	f("there is no feature", func(p *Plan) { p.Whiten[0].Members[0] = "y" })
	f("a member of group", func(p *Plan) { p.Whiten[0].Members[0] = "x1" })
	f("the name of a feature", func(p *Plan) { p.Features[0].Name, p.Record.Features[0].Name = "g_pca1", "g_pca1" })
	f("want none or standard", func(p *Plan) { p.Features[1].Scaler = scale.Spec{Kind: scale.MaxAbs} })
	f("want the same", func(p *Plan) { p.Features[1].Scope = frozen.ScopeGlobal })
	f("ledoit_wolf of a member", func(p *Plan) { p.Whiten[0].LedoitWolf = true })
	f("share of variance", func(p *Plan) { p.Whiten[0].NComponents = 0.5 })
	f("method", func(p *Plan) { p.Whiten[0].Method = "ica" })
	f("fixed", func(p *Plan) { p.Features[1].Fixed = &frozen.Fixed{Mean: []float64{0}, Scale: []float64{1}} })
}

// TestWhitenAllocatesNothing also with an imputed member and one that is missing.
func TestWhitenAllocatesNothing(t *testing.T) {
	plan := whitenPlan(3, whitening(t, scale.ZCA), scale.Standard, false)
	plan.Features[2].Impute.Kind = frozen.ImputeMean
	s := newState(t, plan)
	r := rand.New(rand.NewPCG(seed(t), 0))
	for range 200 {
		row := mixedRow(r, 3, 0.1)
		row.Series = []byte("s")
		if err := s.Observe(row); err != nil {
			t.Fatal(err)
		}
	}
	_, f := freeze(t, plan, s)
	y, back := make([]float64, f.Width()), make([]float64, f.Inputs())
	row := &record.Row{Series: []byte("s"), Numbers: []float64{1, 2, math.NaN(), 4}}
	if flags := f.Transform(y, row, 0); flags&record.Imputed == 0 || math.IsNaN(y[1]) {
		t.Errorf("%v became %v, flags %v", row.Numbers, y, flags)
	}
	row.Numbers[2] = f.Learned(2).Mean[0]
	z := make([]float64, f.Width())
	if f.Transform(z, row, 0); !sameBits(z, y) {
		t.Errorf("the mean in place of a missing value gives %v, the value itself %v", y, z)
	}
	if n := testing.AllocsPerRun(100, func() { f.Transform(y, row, 0); f.Inverse(back, y, 0) }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}
