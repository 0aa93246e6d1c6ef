package scale

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// A law is a Step with learned numbers and the range in which it promises its
// inverse.
type law struct {
	name     string
	kind     string
	step     Step
	p        []float64
	learns   bool    // reads p: without it the answer is missing
	lo, hi   float64 // of x
	close    float64 // |inverse(transform(x)) - x| relative to the larger of |x| and hi-lo
	wiggle   float64 // how far rounding may let a later output fall below an earlier one
	constant bool    // p was learned from one value, lo
}

// curve has a run of ties at 2, an almost flat and a steep stretch.
var curve = append([]float64{0, 0.1, 0.2, 0.6, 0.8, 0.9999, 1}, 0, 1, 2, 2, 3, 500, 500.1)

func laws(t *testing.T) []law {
	of := func(s Spec, err error) Spec {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	with := func(kind string, change func(*Spec)) Spec {
		s := of(Default(kind))
		change(&s)
		return s
	}
	var all []law
	add := func(name string, s Spec, p []float64, l law) {
		step, err := New(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l.name, l.kind, l.step, l.p, l.learns = name, s.Kind, step, p, s.Kind != None
		all = append(all, l)
	}
	add("none", of(Default(None)), nil, law{lo: -1e150, hi: 1e150})
	add("standard", of(Default(Standard)), []float64{1e6, 3.7}, law{lo: 999_980, hi: 1_000_020, close: 1e-15})
	add("standard without mean", with(Standard, func(s *Spec) { s.WithMean = false }), []float64{0, 1e-9}, law{lo: -1, hi: 1, close: 1e-15})
	add("minmax", of(Default(MinMax)), []float64{0.25, 1.0 / 12}, law{lo: -3, hi: 9, close: 1e-15})
	add("minmax clip", with(MinMax, func(s *Spec) { s.Clip = true }), []float64{0.25, 1.0 / 12}, law{lo: -3, hi: 8.9999, close: 1e-15})
	add("maxabs", of(Default(MaxAbs)), []float64{70}, law{lo: -70, hi: 70, close: 1e-15})
	add("maxabs clip", with(MaxAbs, func(s *Spec) { s.Clip = true }), []float64{70}, law{lo: -70, hi: 70, close: 1e-15})
	add("robust", of(Default(Robust)), []float64{-5, 0.3}, law{lo: -1e3, hi: 1e3, close: 1e-15})
	add("ratio", of(Default(Ratio)), []float64{640}, law{lo: -640, hi: 1280, close: 1e-15})
	add("ratio clip", with(Ratio, func(s *Spec) { s.Clip = true }), []float64{640}, law{lo: 0, hi: 640, close: 1e-15})
	add("quantile uniform", of(Default(Quantile)), curve, law{lo: 0, hi: 500.1, close: 1e-12, wiggle: 1e-15})
	add("quantile normal", with(Quantile, func(s *Spec) { s.OutputDistribution = Normal }), curve, law{lo: 0, hi: 500.1, close: 1e-12, wiggle: 1e-9})

	notStandardized := func(s *Spec) { s.Standardize = false }
	for _, lambda := range []float64{-1.3, 0, 0.4, 1, 2, 3.1} {
		name := fmt.Sprintf(" with lambda %v", lambda)
		add("yeo_johnson"+name, of(Default(YeoJohnson)), []float64{lambda, 0.3, 2}, law{lo: -20, hi: 30, close: 1e-12, wiggle: 1e-15})
		add("box_cox"+name, of(Default(BoxCox)), []float64{lambda, -0.3, 2}, law{lo: 0.1, hi: 30, close: 1e-12, wiggle: 1e-15})
		add("yeo_johnson not standardized"+name, with(YeoJohnson, notStandardized), []float64{lambda, 0, 1}, law{lo: -20, hi: 30, close: 1e-12, wiggle: 1e-15})
		add("box_cox not standardized"+name, with(BoxCox, notStandardized), []float64{lambda, 0, 1}, law{lo: 0.1, hi: 30, close: 1e-12, wiggle: 1e-15})
	}
	add("kbins", of(Default(KBins)), []float64{0, 1, 2, 3, 4}, law{lo: 0, hi: 4, close: 0.125})

	for _, s := range []Spec{of(Default(Standard)), of(Default(MinMax)), of(Default(MaxAbs)), of(Default(Robust)), of(Default(Quantile)),
		of(Default(YeoJohnson)), of(Default(BoxCox)), of(Default(KBins)), with(YeoJohnson, notStandardized),
		with(Standard, func(s *Spec) { s.WithMean = false }),
		with(Standard, func(s *Spec) { s.WithStd = false }),
		with(MinMax, func(s *Spec) { s.Clip = true }),
		with(MinMax, func(s *Spec) { s.FeatureRange = &[2]float64{0, 4} }),
		with(MaxAbs, func(s *Spec) { s.Clip = true }),
		with(Robust, func(s *Spec) { s.UnitVariance = true }),
		with(Robust, func(s *Spec) { s.WithCentering = false }),
		with(Robust, func(s *Spec) { s.WithScaling = false }),
		with(Quantile, func(s *Spec) { s.OutputDistribution = Normal }),
		with(Quantile, func(s *Spec) { s.NQuantiles = 1 }),
	} {
		for _, v := range []float64{0, 5, -14.62, 0.1, 1e12, -1e-300, 1e150} {
			if s.Kind == BoxCox && v <= 0 {
				continue
			}
			add(fmt.Sprintf("%s of only %v, %+v", s.Kind, v, s), s, learnConstant(s, v), law{lo: v, hi: v, constant: true})
		}
	}

	pre := func(p Pre, l law) {
		step, err := NewPre(p)
		if err != nil {
			t.Fatalf("%s: %v", p.Kind, err)
		}
		l.name, l.kind, l.step = p.Kind, p.Kind, step
		all = append(all, l)
	}
	ten := 10.0
	pre(Pre{Kind: Log}, law{lo: 1e-3, hi: 1e3, close: 1e-14})
	pre(Pre{Kind: Log1p}, law{lo: -0.99, hi: 1e3, close: 1e-14})
	pre(Pre{Kind: Sqrt}, law{lo: 0, hi: 1e3, close: 1e-15})
	pre(Pre{Kind: Asinh}, law{lo: -1e3, hi: 1e3, close: 1e-14})
	pre(Pre{Kind: Affine, Scale: 1.8, Offset: 32}, law{lo: -40, hi: 120, close: 1e-15})
	pre(Pre{Kind: Clip, Max: &ten}, law{lo: -5, hi: 10})
	return all
}

// learnConstant derives the parameters of seven records that all hold v.
func learnConstant(s Spec, v float64) []float64 {
	switch s.Kind {
	case Standard:
		return StandardParams(nil, s, 7, v, 0)
	case MinMax:
		return MinMaxParams(nil, s, v, v)
	case MaxAbs:
		return MaxAbsParams(nil, s, v, v)
	case Robust:
		return RobustParams(nil, s, v, v, v)
	case YeoJohnson, BoxCox:
		return PowerParams(nil, s, 7, v, 0, Parts{})
	case KBins:
		return KBinsParams(nil, s, v, v, nil, Parts{})
	}
	return QuantileParams(nil, s, 7, true, func(float64) float64 { return v }, nil, nil)
}

// TestLaws holds for every kind what a Step promises.
func TestLaws(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range laws(t) {
		seen[l.kind] = true
		t.Run(l.name, func(t *testing.T) {
			if in, out := l.step.Dims(); in != 1 || out != 1 {
				t.Errorf("Dims() = %d, %d, want 1, 1", in, out)
			}
			l.checkMissing(t)
			l.checkInverse(t)
			if !l.constant {
				l.checkOrder(t)
			}
			l.checkSlices(t)
		})
	}
	for _, kind := range slices.Concat(kinds, preKinds) {
		if !seen[kind] && kind != Normalizer { // which maps values together: see TestNorms
			t.Errorf("no law for %s", kind)
		}
	}
}

func (l law) transform(x float64) float64 { return one(l.step.Transform, x, l.p) }

func (l law) inverse(y float64) float64 { return one(l.step.Inverse, y, l.p) }

func one(apply func(dst, x, p []float64), x float64, p []float64) float64 {
	v := []float64{x}
	apply(v, v, p)
	return v[0]
}

func (l law) checkMissing(t *testing.T) {
	nan := math.NaN()
	if y, x := l.transform(nan), l.inverse(nan); !math.IsNaN(y) || !math.IsNaN(x) {
		t.Errorf("NaN became %v and back %v", y, x)
	}
	if !l.learns {
		return
	}
	unknown := make([]float64, len(l.p))
	missing(unknown)
	for _, p := range [][]float64{nil, {}, unknown} {
		if y, x := one(l.step.Transform, l.lo, p), one(l.step.Inverse, l.lo, p); !math.IsNaN(y) || !math.IsNaN(x) {
			t.Errorf("with p = %v, %v became %v and back %v, want NaN", p, l.lo, y, x)
		}
	}
}

func (l law) checkInverse(t *testing.T) {
	r := random(t)
	for i := range 1000 {
		x := []float64{l.lo, l.hi, uniform(r, l.lo, l.hi)}[min(i, 2)]
		y := l.transform(x)
		back := l.inverse(y)
		if !(math.Abs(back-x) <= l.close*max(math.Abs(x), l.hi-l.lo)) || math.IsInf(y, 0) {
			t.Fatalf("%v became %v and back %v", x, y, back)
		}
		if l.constant && (back != x || l.close != 0) {
			t.Fatalf("the constant %v became %v and back %v", x, y, back)
		}
	}
}

func (l law) checkOrder(t *testing.T) {
	r := random(t)
	xs := make([]float64, 2000)
	for i := range xs {
		xs[i] = uniform(r, l.lo, l.hi)
	}
	xs = append(xs, l.lo, l.hi)
	slices.Sort(xs)
	last, back := math.Inf(-1), math.Inf(-1)
	for _, x := range xs {
		y := l.transform(x)
		if !(y >= last-l.wiggle) {
			t.Fatalf("transform(%v) = %v, below its predecessor's %v", x, y, last)
		}
		z := l.inverse(y)
		if !(z >= back-l.close*max(math.Abs(x), l.hi-l.lo)) {
			t.Fatalf("inverse(%v) = %v, below its predecessor's %v", y, z, back)
		}
		last, back = max(last, y), max(back, z)
	}
}

// checkSlices maps many values at once, in place and beside, and compares with
// one at a time.
func (l law) checkSlices(t *testing.T) {
	r := random(t)
	x := []float64{l.lo, math.NaN(), l.hi, 0, uniform(r, l.lo, l.hi), uniform(r, l.lo, l.hi)}
	check := func(what string, apply func(dst, x, p []float64)) {
		beside, inPlace := []float64{7, 7, 7, 7, 7, 7, 7}, slices.Clone(x)
		apply(beside, x, l.p)
		apply(inPlace, inPlace, l.p)
		for i := range x {
			if want := one(apply, x[i], l.p); !same(beside[i], want) || !same(inPlace[i], want) {
				t.Errorf("%s(%v) is %v alone, %v among others, %v in place", what, x[i], want, beside[i], inPlace[i])
			}
		}
		if beside[len(x)] != 7 {
			t.Errorf("%s wrote past the values it was given", what)
		}
		if n := testing.AllocsPerRun(10, func() { apply(inPlace, x, l.p) }); n != 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
	check("transform", l.step.Transform)
	check("inverse", l.step.Inverse)
}
