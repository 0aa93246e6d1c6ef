package scale

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func ExampleNew() {
	spec, err := Default(Standard)
	if err != nil {
		panic(err)
	}
	step, err := New(spec)
	if err != nil {
		panic(err)
	}
	p := StandardParams(nil, spec, 4, 20, 6.25) // 4 values, their mean and variance
	y := make([]float64, 3)
	step.Transform(y, []float64{17.5, 20, 25}, p)
	fmt.Println(spec.Params(), p)
	fmt.Println(y)
	step.Inverse(y, y, p)
	fmt.Println(y)
	// Output:
	// [mean scale] [20 2.5]
	// [-1 0 2]
	// [17.5 20 25]
}

func ExampleNewPre() {
	step, err := NewPre(Pre{Kind: Log1p})
	if err != nil {
		panic(err)
	}
	x := []float64{0, 99, -3}
	step.Transform(x, x, nil)
	fmt.Printf("%.4f\n", x) // -3 lies outside of its domain
	_, err = NewPre(Pre{Kind: "log2"})
	fmt.Println(err)
	// Output:
	// [0.0000 4.6052 NaN]
	// pre "log2": must be one of log, log1p, sqrt, asinh, affine, clip
}

// TestDefaults holds scikit-learn's defaults and their form in an artifact.
func TestDefaults(t *testing.T) {
	f := func(kind, want string, ragged bool, params ...string) {
		t.Helper()
		s, err := Default(kind)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("Default(%s): %v", kind, err)
		}
		got, _ := json.Marshal(s)
		if string(got) != want {
			t.Errorf("Default(%s) = %s, want %s", kind, got, want)
		}
		if !slices.Equal(s.Params(), params) || s.Ragged() != ragged {
			t.Errorf("%s has parameters %v, ragged %v", kind, s.Params(), s.Ragged())
		}
	}
	f(None, `{"kind":"none"}`, false)
	f(Standard, `{"kind":"standard","with_mean":true,"with_std":true}`, false, "mean", "scale")
	f(MinMax, `{"kind":"minmax","feature_range":[0,1]}`, false, "min", "scale")
	f(MaxAbs, `{"kind":"maxabs"}`, false, "scale")
	f(Robust, `{"kind":"robust","with_centering":true,"with_scaling":true,"quantile_range":[25,75]}`, false, "center", "scale")
	f(Quantile, `{"kind":"quantile","n_quantiles":1000,"output_distribution":"uniform"}`, true, "references", "quantiles")
	f(YeoJohnson, `{"kind":"yeo_johnson","standardize":true}`, false, "lambda", "mean", "scale")
	f(BoxCox, `{"kind":"box_cox","standardize":true}`, false, "lambda", "mean", "scale")
	f(KBins, `{"kind":"kbins","n_bins":5,"strategy":"quantile"}`, true, "bin_edges")
}

// TestRefuses holds the errors of specs: the option, its value, what is accepted.
func TestRefuses(t *testing.T) {
	f := func(spec, want string) {
		t.Helper()
		var s Spec
		if err := json.Unmarshal([]byte(spec), &s); err != nil {
			t.Fatal(err)
		}
		_, err := New(s)
		checkError(t, err, want)
	}
	const all = "must be one of none, standard, minmax, maxabs, robust, quantile, yeo_johnson, box_cox, kbins, normalizer, ratio"
	f(`{}`, `scaler "": `+all)
	f(`{"kind":"zscore"}`, `scaler "zscore": `+all)
	f(`{"kind":"StandardScaler"}`, `scaler "StandardScaler" (did you mean standard?): `+all)
	f(`{"kind":"min-max"}`, `scaler "min-max" (did you mean minmax?): `+all)
	f(`{"kind":"QuantileTransformer"}`, `scaler "QuantileTransformer" (did you mean quantile?): `+all)
	f(`{"kind":"yeo-johnson"}`, `scaler "yeo-johnson" (did you mean yeo_johnson?): `+all)
	f(`{"kind":"PowerTransformer"}`, `scaler "PowerTransformer" (did you mean yeo_johnson?): `+all)
	f(`{"kind":"KBinsDiscretizer"}`, `scaler "KBinsDiscretizer" (did you mean kbins?): `+all)
	f(`{"kind":"robust","quantile_range":[1,2],"standardize":true}`, `standardize is an option of yeo_johnson, box_cox, not of robust`)
	f(`{"kind":"quantile","n_quantiles":5,"n_bins":5}`, `n_bins is an option of kbins, not of quantile`)
	f(`{"kind":"box_cox","strategy":"uniform"}`, `strategy is an option of kbins, not of box_cox`)
	f(`{"kind":"kbins","strategy":"uniform"}`, `n_bins 0: must be 2 to 10000`)
	f(`{"kind":"kbins","n_bins":1,"strategy":"uniform"}`, `n_bins 1: must be 2 to 10000`)
	f(`{"kind":"kbins","n_bins":10001,"strategy":"uniform"}`, `n_bins 10001: must be 2 to 10000`)
	f(`{"kind":"kbins","n_bins":5,"strategy":"width"}`, `strategy "width": must be one of uniform, quantile, kmeans`)
	f(`{"kind":"standard","clip":true}`, `clip is an option of minmax, maxabs, ratio, not of standard`)
	f(`{"kind":"minmax","feature_range":[0,1],"with_mean":true}`, `with_mean is an option of standard, not of minmax`)
	f(`{"kind":"none","with_std":true}`, `with_std is an option of standard, not of none`)
	f(`{"kind":"maxabs","feature_range":[0,1]}`, `feature_range is an option of minmax, not of maxabs`)
	f(`{"kind":"standard","with_centering":true}`, `with_centering is an option of robust, not of standard`)
	f(`{"kind":"standard","with_scaling":true}`, `with_scaling is an option of robust, not of standard`)
	f(`{"kind":"quantile","quantile_range":[1,2]}`, `quantile_range is an option of robust, not of quantile`)
	f(`{"kind":"standard","unit_variance":true}`, `unit_variance is an option of robust, not of standard`)
	f(`{"kind":"robust","quantile_range":[1,2],"n_quantiles":5}`, `n_quantiles is an option of quantile, not of robust`)
	f(`{"kind":"none","output_distribution":"normal"}`, `output_distribution is an option of quantile, not of none`)
	f(`{"kind":"minmax"}`, `feature_range is not set: minmax needs two numbers, scikit-learn's default is [0, 1]`)
	f(`{"kind":"minmax","feature_range":[1,0]}`, `feature_range [1, 0]: the first must be below the second, both within ±1e+150`)
	f(`{"kind":"minmax","feature_range":[0,1e151]}`, `feature_range [0, 1e+151]: the first must be below the second, both within ±1e+150`)
	f(`{"kind":"minmax","feature_range":[0,1e-151]}`, `feature_range [0, 1e-151]: the first must be below the second, both within ±1e+150`)
	f(`{"kind":"robust"}`, `quantile_range is not set: robust needs two percentages, scikit-learn's default is [25, 75]`)
	f(`{"kind":"robust","quantile_range":[75,25]}`, `quantile_range [75, 25]: must be two percentages in order, 0 <= low <= high <= 100`)
	f(`{"kind":"robust","quantile_range":[0,75],"unit_variance":true}`, `quantile_range [0, 75] with unit_variance: must be 0 < low < high < 100, else the variance of a normal distribution cannot be brought to 1`)
	f(`{"kind":"robust","quantile_range":[55,55.00000000000001],"unit_variance":true}`, `quantile_range [55, 55.00000000000001] with unit_variance: must be 0 < low < high < 100, else the variance of a normal distribution cannot be brought to 1`)
	f(`{"kind":"quantile","output_distribution":"normal"}`, `n_quantiles 0: must be 1 to 10000`)
	f(`{"kind":"quantile","n_quantiles":10001,"output_distribution":"normal"}`, `n_quantiles 10001: must be 1 to 10000`)
	f(`{"kind":"quantile","n_quantiles":5}`, `output_distribution "": must be one of uniform, normal`)
	f(`{"kind":"normalizer"}`, `norm "": must be one of l1, l2, max, peak, standard`)
	f(`{"kind":"normalizer","norm":"l3"}`, `norm "l3": must be one of l1, l2, max, peak, standard`)
	f(`{"kind":"maxabs","norm":"l2"}`, `norm is an option of normalizer, not of maxabs`)
	f(`{"kind":"Normalizer","norm":"l2"}`, `scaler "Normalizer" (did you mean normalizer?): `+all)

	if _, err := Default("minmaxscaler"); err == nil || !strings.Contains(err.Error(), "did you mean minmax?") {
		t.Errorf("Default: %v", err)
	}
	nan := Spec{Kind: MinMax, FeatureRange: &[2]float64{math.NaN(), 1}}
	if nan.Validate() == nil {
		t.Error("a feature_range of NaN was accepted")
	}
}

// TestRefusesPre holds the errors of pre-transforms.
func TestRefusesPre(t *testing.T) {
	f := func(pre, want string) {
		t.Helper()
		var p Pre
		if err := json.Unmarshal([]byte(pre), &p); err != nil {
			t.Fatal(err)
		}
		_, err := NewPre(p)
		checkError(t, err, want)
	}
	f(`{"kind":"log"}`, ``)
	f(`{"kind":"affine","scale":-0.5,"offset":3}`, ``)
	f(`{"kind":"clip","min":0}`, ``)
	f(`{}`, `pre "": must be one of log, log1p, sqrt, asinh, affine, clip`)
	f(`{"kind":"log","scale":2}`, `scale and offset are options of affine, not of log`)
	f(`{"kind":"clip","min":0,"offset":2}`, `scale and offset are options of affine, not of clip`)
	f(`{"kind":"sqrt","max":2}`, `min and max are options of clip, not of sqrt`)
	f(`{"kind":"affine"}`, `affine scale 0: must not be 0, and within ±1e+150; 1 leaves the unit as it is`)
	f(`{"kind":"affine","scale":1e200}`, `affine scale 1e+200: must not be 0, and within ±1e+150; 1 leaves the unit as it is`)
	f(`{"kind":"affine","scale":1,"offset":-1e200}`, `affine offset -1e+200: must be within ±1e+150`)
	f(`{"kind":"clip"}`, `clip has neither min nor max: set at least one`)
	f(`{"kind":"clip","min":-1e200}`, `clip min -1e+200: must be within ±1e+150`)
	f(`{"kind":"clip","max":1e200}`, `clip max 1e+200: must be within ±1e+150`)
	f(`{"kind":"clip","min":2,"max":2}`, `clip min 2, max 2: min must be below max`)
	nan := math.NaN()
	if (Pre{Kind: Clip, Min: &nan}).Validate() == nil || (Pre{Kind: Affine, Scale: nan}).Validate() == nil || (Pre{Kind: Affine, Scale: 1, Offset: nan}).Validate() == nil {
		t.Error("an option of NaN was accepted")
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

// TestDomains holds what pre-transforms do at and beyond the ends of their
// domain, and their inverses beyond their range.
func TestDomains(t *testing.T) {
	nan, lo, hi := math.NaN(), -1.0, 3.0
	f := func(p Pre, x, y float64) {
		t.Helper()
		step, err := NewPre(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := one(step.Transform, x, nil); !same(got, y) {
			t.Errorf("%s(%v) = %v, want %v", p.Kind, x, got, y)
		}
	}
	f(Pre{Kind: Log}, 0, nan)
	f(Pre{Kind: Log}, -1, nan)
	f(Pre{Kind: Log}, 1, 0)
	f(Pre{Kind: Log1p}, -1, nan)
	f(Pre{Kind: Log1p}, -1e9, nan)
	f(Pre{Kind: Log1p}, 0, 0)
	f(Pre{Kind: Sqrt}, -5e-324, nan)
	f(Pre{Kind: Sqrt}, 0, 0)
	f(Pre{Kind: Asinh}, -0.5, -0.48121182505960347)
	f(Pre{Kind: Affine, Scale: 2, Offset: -1}, 3, 5)
	f(Pre{Kind: Affine, Scale: 1e10}, 1e140, 1e150)
	f(Pre{Kind: Affine, Scale: 1e10}, 1.1e140, nan)
	f(Pre{Kind: Affine, Scale: -1e150}, 1e150, nan)
	f(Pre{Kind: Clip, Min: &lo}, -9, -1)
	f(Pre{Kind: Clip, Min: &lo}, 9, 9)
	f(Pre{Kind: Clip, Max: &hi}, 9, 3)
	f(Pre{Kind: Clip, Max: &hi}, -9, -9)
	f(Pre{Kind: Clip, Min: &lo, Max: &hi}, 2, 2)

	inverse := func(p Pre, y, x float64) {
		t.Helper()
		step, err := NewPre(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := one(step.Inverse, y, nil); !same(got, x) {
			t.Errorf("inverse of %s(%v) = %v, want %v", p.Kind, y, got, x)
		}
	}
	inverse(Pre{Kind: Sqrt}, -0.1, nan)
	inverse(Pre{Kind: Sqrt}, 3, 9)
	inverse(Pre{Kind: Clip, Min: &lo, Max: &hi}, -9, -9)
	inverse(Pre{Kind: Affine, Scale: 2, Offset: -1}, 5, 3)
}

// TestNoValues holds that a series without values has no usable parameters.
func TestNoValues(t *testing.T) {
	nan := math.NaN()
	empty := func(float64) float64 { return nan }
	f := func(kind string, learn func(Spec) []float64, want ...float64) {
		t.Helper()
		s, err := Default(kind)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, kind, learn(s), want)
	}
	f(Standard, func(s Spec) []float64 { return StandardParams(nil, s, 0, 0, 0) }, nan, nan)
	f(MinMax, func(s Spec) []float64 { return MinMaxParams(nil, s, nan, nan) }, nan, nan)
	f(MinMax, func(s Spec) []float64 { return MinMaxParams(nil, s, math.Inf(1), math.Inf(-1)) }, nan, nan)
	f(MaxAbs, func(s Spec) []float64 { return MaxAbsParams(nil, s, nan, nan) }, nan)
	f(MaxAbs, func(s Spec) []float64 { return MaxAbsParams(nil, s, math.Inf(1), math.Inf(-1)) }, nan)
	f(Robust, func(s Spec) []float64 { return RobustParams(nil, s, nan, nan, nan) }, nan, nan)
	f(Standard, func(s Spec) []float64 { return StandardParams(nil, Spec{Kind: Standard}, 0, 0, 0) }, nan, nan)
	f(Robust, func(s Spec) []float64 { return RobustParams(nil, Spec{Kind: Robust}, nan, nan, nan) }, nan, nan)
	f(Quantile, func(s Spec) []float64 { return QuantileParams(nil, s, 9, true, empty, nil, nil) })
	f(Quantile, func(s Spec) []float64 { return QuantileParams(nil, s, 0, true, empty, nil, nil) })
}

// TestConstant holds scikit-learn's test for a constant feature at its edge:
// variance <= n·2^-52·variance + (n·mean·2^-52)².
func TestConstant(t *testing.T) {
	f := func(n uint64, mean, variance, scale float64) {
		t.Helper()
		p := StandardParams(nil, Spec{Kind: Standard, WithMean: true, WithStd: true}, n, mean, variance)
		equal(t, "mean and scale", p, []float64{mean, scale})
	}
	f(5, 14.62, 0, 1)
	f(3, 0, 1e-300, 1e-150)
	f(1<<20, 1<<32, 1, 1) // the bound is 1
	f(1<<20, 1<<32, 1.0000001, math.Sqrt(1.0000001))
	f(1<<20, 1<<31, 0.25, 1)
	f(1<<19, 1<<31, 0.25, 0.5)
	f(1<<52, 0, 4, 1)
	f(1<<51, 0, 4, 2)
}

// TestConstantMisses bounds how far the inverse of a constant may be off where
// it cannot be exact: scikit-learn's formulas, rounded.
func TestConstantMisses(t *testing.T) {
	r := random(t)
	for range 2000 {
		v, lo := magnitude(r, 1e-9, 1e9), magnitude(r, 1e-3, 1e3)
		width := math.Abs(magnitude(r, 1e-3, 1e3))
		s := Spec{Kind: MinMax, FeatureRange: &[2]float64{lo, lo + width}}
		p := MinMaxParams(nil, s, v, v)
		if back := roundTrip(t, s, v, p); math.Abs(back-v) > 4*epsilon*max(math.Abs(v), math.Abs(lo)/width) {
			t.Errorf("minmax to [%v, %v]: %v came back as %v", lo, lo+width, v, back)
		}
		s = Spec{Kind: Robust, WithScaling: true, UnitVariance: true, QuantileRange: &[2]float64{25, 75}}
		p = RobustParams(nil, s, v, v, v)
		if back := roundTrip(t, s, v, p); math.Abs(back-v) > epsilon*math.Abs(v) {
			t.Errorf("robust without centering: %v came back as %v", v, back)
		}
	}
}

func roundTrip(t *testing.T, s Spec, x float64, p []float64) float64 {
	t.Helper()
	step, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return one(step.Inverse, one(step.Transform, x, p), p)
}

// TestOptions holds that an option that is off leaves a neutral number, and
// that parameters are appended.
func TestOptions(t *testing.T) {
	f := func(got []float64, want ...float64) {
		t.Helper()
		equal(t, "parameters", got, want)
	}
	f(StandardParams([]float64{7}, Spec{Kind: Standard, WithMean: true, WithStd: true}, 10, 3, 4), 7, 3, 2)
	f(StandardParams([]float64{7}, Spec{Kind: Standard, WithStd: true}, 10, 3, 4), 7, 0, 2)
	f(StandardParams([]float64{7}, Spec{Kind: Standard, WithMean: true}, 10, 3, 4), 7, 3, 1)
	f(StandardParams([]float64{7}, Spec{Kind: Standard}, 10, 3, 4), 7, 0, 1)
	f(MinMaxParams([]float64{7}, Spec{Kind: MinMax, FeatureRange: &[2]float64{-1, 1}}, 2, 6), 7, -2, 0.5)
	f(MaxAbsParams([]float64{7}, Spec{Kind: MaxAbs}, -6, 2), 7, 6)
	f(MaxAbsParams([]float64{7}, Spec{Kind: MaxAbs}, -6, 8), 7, 8)
	quartiles := &[2]float64{25, 75}
	f(RobustParams([]float64{7}, Spec{Kind: Robust, WithCentering: true, WithScaling: true, QuantileRange: quartiles}, 1, 2, 5), 7, 2, 4)
	f(RobustParams([]float64{7}, Spec{Kind: Robust, WithScaling: true, QuantileRange: quartiles}, 1, 2, 5), 7, 0, 4)
	f(RobustParams([]float64{7}, Spec{Kind: Robust, WithCentering: true, QuantileRange: quartiles}, 1, 2, 5), 7, 2, 1)
	f(RobustParams([]float64{7}, Spec{Kind: Robust, WithCentering: true, WithScaling: true, UnitVariance: true, QuantileRange: quartiles}, 1, 2, 1), 7, 2, 1/1.3489795003921634)
}
