package scale

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// number reads 1.5, "NaN", "Inf" and "-Inf"; null, an attribute that
// scikit-learn does not set, is absent.
type number struct {
	value float64
	set   bool
}

func (n *number) UnmarshalJSON(b []byte) error {
	n.set = true
	switch string(b) {
	case `null`:
		n.set = false
	case `"NaN"`:
		n.value = math.NaN()
	case `"Inf"`:
		n.value = math.Inf(1)
	case `"-Inf"`:
		n.value = math.Inf(-1)
	default:
		return json.Unmarshal(b, &n.value)
	}
	return nil
}

// A golden is one case of a scaler file: rows have one number per feature.
type golden struct {
	Name         string
	Params       json.RawMessage
	Train        [][]number
	Fitted       map[string]json.RawMessage
	Exact        struct{ N, Mean, Var, Scale []number }
	FitRel       float64 `json:"fit_rel"`
	Test         [][]number
	Transform    [][]number
	InverseInput [][]number `json:"inverse_input"`
	Inverse      [][]number
}

func readGolden(t *testing.T, name string, cases any) {
	t.Helper()
	b, err := os.ReadFile("../testdata/golden/" + name)
	if err != nil {
		t.Fatal(err)
	}
	file := struct{ Cases any }{cases}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// eachGolden runs f for every feature of every case of a scaler file.
func eachGolden(t *testing.T, kind string, f func(t *testing.T, c golden, s Spec, feature int)) {
	eachOf(t, "scalers/"+kind+".json", kind, f)
}

// eachOf runs f for every feature of every case of a file.
func eachOf(t *testing.T, file, kind string, f func(t *testing.T, c golden, s Spec, feature int)) {
	var cases []golden
	readGolden(t, file, &cases)
	if len(cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	for _, c := range cases {
		s := Spec{Kind: kind}
		if err := json.Unmarshal(c.Params, &s); err != nil {
			t.Fatal(err)
		}
		for feature := range c.Test[0] {
			t.Run(fmt.Sprintf("%s %s feature %d", kind, c.Name, feature), func(t *testing.T) { f(t, c, s, feature) })
		}
	}
}

// fitted returns an attribute of one feature, or neutral where it is not set.
func (c golden) fitted(t *testing.T, name string, feature int, neutral float64) float64 {
	t.Helper()
	raw, ok := c.Fitted[name]
	if !ok {
		t.Fatalf("no fitted %s", name)
	}
	var list []number
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatalf("fitted %s: %v", name, err)
	}
	if list == nil || !list[feature].set {
		return neutral
	}
	return list[feature].value
}

// landmarks returns scikit-learn's references and the feature's quantiles_.
func (c golden) landmarks(t *testing.T, feature int) []float64 {
	t.Helper()
	var rows [][]number
	if err := json.Unmarshal(c.Fitted["quantiles_"], &rows); err != nil {
		t.Fatal(err)
	}
	p := make([]float64, len(rows))
	for i := range p {
		p[i] = float64(i) * (1 / float64(len(rows)-1))
	}
	p[len(p)-1] = 1
	if len(p) == 1 {
		p[0] = 0
	}
	return append(p, column(rows, feature)...)
}

func column(rows [][]number, feature int) []float64 {
	out := make([]float64, len(rows))
	for i, row := range rows {
		out[i] = row[feature].value
	}
	return out
}

// present returns the values of a column that are not missing, ascending.
func present(column []float64) []float64 {
	out := slices.DeleteFunc(slices.Clone(column), math.IsNaN)
	slices.Sort(out)
	return out
}

// checkGolden transforms and inverts the case's test rows with p.
func checkGolden(t *testing.T, c golden, s Spec, p []float64, feature int, close func(got, want float64) bool) {
	t.Helper()
	step, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, apply func(dst, x, p []float64), in, out [][]number) {
		x := column(in, feature)
		got := make([]float64, len(x))
		apply(got, x, p)
		for i, want := range column(out, feature) {
			if !close(got[i], want) {
				t.Errorf("%s(%v) = %v, want %v", what, x[i], got[i], want)
			}
		}
	}
	check("transform", step.Transform, c.Test, c.Transform)
	check("inverse", step.Inverse, c.InverseInput, c.Inverse)
}

// TestGoldenFrozen loads what scikit-learn fitted and compares what it then
// transforms and inverts: the same bits, but for the normal distribution.
func TestGoldenFrozen(t *testing.T) {
	frozen := map[string]func(t *testing.T, c golden, feature int) []float64{
		Standard: func(t *testing.T, c golden, i int) []float64 {
			var on struct {
				WithMean bool `json:"with_mean"`
			}
			if err := json.Unmarshal(c.Params, &on); err != nil {
				t.Fatal(err)
			}
			mean := 0.0
			if on.WithMean {
				mean = c.fitted(t, "mean_", i, 0)
			}
			return []float64{mean, c.fitted(t, "scale_", i, 1)}
		},
		MinMax: func(t *testing.T, c golden, i int) []float64 {
			return []float64{c.fitted(t, "min_", i, 0), c.fitted(t, "scale_", i, 1)}
		},
		MaxAbs: func(t *testing.T, c golden, i int) []float64 {
			return []float64{c.fitted(t, "scale_", i, 1)}
		},
		Robust: func(t *testing.T, c golden, i int) []float64 {
			return []float64{c.fitted(t, "center_", i, 0), c.fitted(t, "scale_", i, 1)}
		},
		Quantile: func(t *testing.T, c golden, i int) []float64 { return c.landmarks(t, i) },
	}
	for kind, p := range frozen {
		eachGolden(t, kind, func(t *testing.T, c golden, s Spec, feature int) {
			checkGolden(t, c, s, p(t, c, feature), feature, tolerance(s))
		})
	}
}

// tolerance is 0 ulp, and for a normal output 1e-14 relative, or 1e-9 beyond ±5
// where the last bit of a rank weighs that much.
func tolerance(s Spec) func(got, want float64) bool {
	if s.OutputDistribution != Normal {
		return same
	}
	return func(got, want float64) bool {
		rel := 1e-14
		if math.Abs(want) > 5 {
			rel = 1e-9
		}
		return same(got, want) || math.Abs(got-want) <= rel*max(math.Abs(want), 1e-1)
	}
}

// TestGoldenFit derives the parameters from exact statistics of the training
// rows and compares them with what scikit-learn derived.
func TestGoldenFit(t *testing.T) {
	eachGolden(t, Standard, fitStandard)
	eachGolden(t, MinMax, fitMinMax)
	eachGolden(t, MaxAbs, fitMaxAbs)
	eachGolden(t, Robust, fitRobust)
	eachGolden(t, Quantile, fitQuantile)
}

func fitStandard(t *testing.T, c golden, s Spec, i int) {
	n, mean, variance := c.Exact.N[i].value, c.Exact.Mean[i].value, c.Exact.Var[i].value
	p := StandardParams(nil, s, uint64(n), mean, variance)
	if n == 0 {
		equal(t, "mean and scale", p, []float64{math.NaN(), math.NaN()})
		return
	}
	wantMean, wantScale := 0.0, 1.0
	if s.WithMean {
		wantMean = mean
	}
	if s.WithStd {
		wantScale = c.Exact.Scale[i].value
	}
	if p[0] != wantMean {
		t.Errorf("mean = %v, want %v", p[0], wantMean)
	}
	if (p[1] == 1) != (wantScale == 1) || math.Abs(p[1]-wantScale) > c.FitRel*wantScale {
		t.Errorf("scale = %v, want %v", p[1], wantScale)
	}
}

func fitMinMax(t *testing.T, c golden, s Spec, i int) {
	lo, hi := ends(column(c.Train, i))
	want := []float64{c.fitted(t, "min_", i, 0), c.fitted(t, "scale_", i, 0)}
	equal(t, "min and scale", MinMaxParams(nil, s, lo, hi), want)
}

func fitMaxAbs(t *testing.T, c golden, s Spec, i int) {
	lo, hi := ends(column(c.Train, i))
	equal(t, "scale", MaxAbsParams(nil, s, lo, hi), []float64{c.fitted(t, "scale_", i, 0)})
}

// ends returns the smallest and largest value, +Inf and -Inf without any.
func ends(column []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range present(column) {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func fitRobust(t *testing.T, c golden, s Spec, i int) {
	x := present(column(c.Train, i))
	p := RobustParams(nil, s, percentile(x, s.QuantileRange[0]/100), median(x), percentile(x, s.QuantileRange[1]/100))
	if len(x) == 0 {
		equal(t, "center and scale", p, []float64{math.NaN(), math.NaN()})
		return
	}
	if want := c.fitted(t, "center_", i, 0); p[0] != want {
		t.Errorf("center = %v, want %v", p[0], want)
	}
	want := c.fitted(t, "scale_", i, 1)
	slack := 0.0
	if s.UnitVariance { // by the normal distribution's range, two quantiles of it
		slack = 4 * epsilon * want
	}
	if math.Abs(p[1]-want) > slack {
		t.Errorf("scale = %v, want %v", p[1], want)
	}
}

// fitQuantile compares the results of the derived landmarks, since they leave
// out what lies inside of runs of equal ones.
func fitQuantile(t *testing.T, c golden, s Spec, i int) {
	x := present(column(c.Train, i))
	quantile := func(q float64) float64 { return percentile(x, q) }
	p := QuantileParams(nil, s, uint64(len(c.Train)), true, quantile, nil, nil)
	if full := c.landmarks(t, i); len(p) > len(full) {
		t.Errorf("%d landmarks, more than scikit-learn's %d", len(p)/2, len(full)/2)
	}
	checkGolden(t, c, s, p, i, tolerance(s))
}

// percentile is numpy's quantile by linear interpolation of ascending values.
func percentile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	at := float64(q * float64(len(x)-1))
	i := min(int(at), len(x)-1)
	a, b, t := x[i], x[min(i+1, len(x)-1)], at-float64(i)
	if t >= 0.5 {
		return b - float64((b-a)*(1-t))
	}
	return a + float64((b-a)*t)
}

// median is numpy's: the mean of the two middle values.
func median(x []float64) float64 {
	n := len(x)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return x[n/2]
	}
	return (x[n/2-1] + x[n/2]) / 2
}

func equal(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestGoldenFunctions compares with results rounded once from 400 bits.
func TestGoldenFunctions(t *testing.T) {
	var cases []struct {
		Name     string
		Lambda   float64
		X, Y     []number
		InverseX []number `json:"inverse_x"`
		InverseY []number `json:"inverse_y"`
	}
	readGolden(t, "scalers/functions.json", &cases)
	tested := 0
	for _, c := range cases {
		if !slices.Contains(preKinds, c.Name) {
			goldenPower(t, c.Name, c.Lambda, c.X, c.Y)
			continue
		}
		tested++
		step, err := NewPre(Pre{Kind: c.Name})
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, apply func(dst, x, p []float64), x, want []number) {
			for i := range x {
				var got [1]float64
				apply(got[:], []float64{x[i].value}, nil)
				if distance(got[0], want[i].value) > 1 {
					t.Errorf("%s %s(%v) = %v, want %v", c.Name, what, x[i].value, got[0], want[i].value)
				}
			}
		}
		check("transform", step.Transform, c.X, c.Y)
		check("inverse", step.Inverse, c.InverseX, c.InverseY)
	}
	if tested != 4 {
		t.Errorf("functions.json has %d of log, log1p, sqrt, asinh", tested)
	}
}

// distance counts the float64 values from a to b.
func distance(a, b float64) uint64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		if same(a, b) {
			return 0
		}
		return math.MaxUint64
	}
	order := func(x float64) int64 {
		if n := int64(math.Float64bits(x)); n >= 0 {
			return n
		}
		return -int64(math.Float64bits(-x))
	}
	d := order(a) - order(b)
	return uint64(max(d, -d))
}

// TestGoldenNormal compares with the normal distribution rounded once from 400
// bits.
func TestGoldenNormal(t *testing.T) {
	var cases []struct {
		Name string
		X, P []number
	}
	readGolden(t, "numbers/normal.json", &cases)
	f := func(what string, fn func(float64) float64, x, want []number) {
		if len(x) == 0 || len(x) != len(want) {
			t.Fatalf("%s has %d inputs, %d results", what, len(x), len(want))
		}
		for i := range x {
			got, want := fn(x[i].value), want[i].value
			slack := max(1e-14*math.Abs(want), 5e-324)
			if want == 0 {
				slack = 1e-15
			}
			if !(math.Abs(got-want) <= slack) {
				t.Errorf("%s(%v) = %v, want %v", what, x[i].value, got, want)
			}
		}
	}
	for _, c := range cases {
		switch c.Name {
		case "ppf":
			f("normalQuantile", normalQuantile, c.P, c.X)
		case "cdf":
			f("normalCDF", normalCDF, c.X, c.P)
		default:
			t.Errorf("unknown case %q", c.Name)
		}
	}
}

// TestGoldenRefused holds that Validate refuses every option that scikit-learn
// refuses, and the two that it should.
func TestGoldenRefused(t *testing.T) {
	var cases []struct{ Name string }
	readGolden(t, "scalers/refused.json", &cases)
	specs := map[string]func(*Spec){
		"minmax: feature_range (1, 0)":                       func(s *Spec) { s.FeatureRange = &[2]float64{1, 0} },
		"minmax: feature_range (1, 1)":                       func(s *Spec) { s.FeatureRange = &[2]float64{1, 1} },
		"robust: quantile_range (75, 25)":                    func(s *Spec) { s.QuantileRange = &[2]float64{75, 25} },
		"robust: quantile_range (-1, 50)":                    func(s *Spec) { s.QuantileRange = &[2]float64{-1, 50} },
		"robust: quantile_range (0, 101)":                    func(s *Spec) { s.QuantileRange = &[2]float64{0, 101} },
		"robust: quantile_range (0, 100) with unit_variance": func(s *Spec) { s.QuantileRange, s.UnitVariance = &[2]float64{0, 100}, true },
		"robust: quantile_range (50, 50) with unit_variance": func(s *Spec) { s.QuantileRange, s.UnitVariance = &[2]float64{50, 50}, true },
		"quantile: n_quantiles 0":                            func(s *Spec) { s.NQuantiles = 0 },
		"quantile: n_quantiles 20000 > subsample 10000":      func(s *Spec) { s.NQuantiles = 20000 },
		"quantile: output_distribution gauss":                func(s *Spec) { s.OutputDistribution = "gauss" },
	}
	// Infinities and records of another shape never reach a Step, and without
	// records there are no parameters: see TestNoValues.
	data := []string{"Inf in fit", "-Inf in transform", "no records", "another number of features"}
	for _, c := range cases {
		kind, what, _ := strings.Cut(c.Name, ": ")
		if !slices.Contains(kinds, kind) || slices.Contains(data, what) {
			continue
		}
		change, ok := specs[c.Name]
		if !ok {
			t.Errorf("%s: not tested", c.Name)
			continue
		}
		s, err := Default(kind)
		if err != nil {
			t.Fatal(err)
		}
		if change(&s); s.Validate() == nil {
			t.Errorf("%s: accepted", c.Name)
		}
		delete(specs, c.Name)
	}
	for name := range specs {
		t.Errorf("%s: not in refused.json", name)
	}
}
