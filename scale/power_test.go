package scale

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

// goldenPower compares a power transform with results rounded once from 400 bits.
// The rounding of the exponent costs as many units as the exponent is large.
func goldenPower(t *testing.T, name string, lambda float64, x, want []number) {
	t.Helper()
	kind := map[string]string{"yeo-johnson": YeoJohnson, "box-cox": BoxCox}[name]
	step, err := New(Spec{Kind: kind})
	if err != nil || len(x) == 0 {
		t.Fatalf("%s of %d values: %v", name, len(x), err)
	}
	for i := range x {
		got := one(step.Transform, x[i].value, []float64{lambda, 0, 1})
		exponent := math.Log1p(math.Abs(x[i].value)) * (2 + math.Abs(lambda))
		if kind == BoxCox {
			exponent = math.Log(x[i].value) * lambda
		}
		if bound := 4 + uint64(2*math.Abs(exponent)); distance(got, want[i].value) > bound {
			t.Errorf("%s with lambda %v of %v = %v, want %v within %d ulp", name, lambda, x[i].value, got, want[i].value, bound)
		}
	}
}

const powerFile = "../../scale/testdata/power.json"

// near is the answer of scikit-learn where its libraries may differ in the last bits
// of a logarithm or an exponential.
func near(rel float64) func(got, want float64) bool {
	return func(got, want float64) bool {
		return same(got, want) || math.Abs(got-want) <= rel*max(1, math.Abs(want))
	}
}

// TestGoldenPowerFrozen loads what scikit-learn fitted and compares what it then
// transforms and inverts. Where 1 + lambda y is 0 it has infinity, and we nothing.
func TestGoldenPowerFrozen(t *testing.T) {
	eachOf(t, powerFile, "", func(t *testing.T, c golden, s Spec, i int) {
		p := []float64{c.fitted(t, "lambdas_", i, 1), 0, 1}
		if s.Standardize {
			p[1], p[2] = c.fitted(t, "mean_", i, 0), c.fitted(t, "scale_", i, 1)
		}
		checkGolden(t, c, s, p, i, near(1e-12))
	})
}

// distinct returns the values of a column and how many there are of each.
func distinct(column []float64) (values, counts []float64) {
	for _, v := range present(column) {
		if n := len(values); n > 0 && values[n-1] == v {
			counts[n-1]++
			continue
		}
		values, counts = append(values, v), append(counts, 1)
	}
	return values, counts
}

func meanAndVariance(values, counts []float64) (n, mean, variance float64) {
	for i, v := range values {
		n += counts[i]
		mean += counts[i] * v
	}
	mean /= n
	for i, v := range values {
		variance += counts[i] * (v - mean) * (v - mean) / n
	}
	return n, mean, variance
}

// learnPower derives the parameters of the values of a column.
func learnPower(s Spec, column []float64) []float64 {
	values, counts := distinct(column)
	n, mean, variance := meanAndVariance(values, counts)
	return PowerParams(nil, s, uint64(n), mean, variance, Parts{values, values, counts})
}

// TestGoldenPowerFit learns from all values, as a sketch has them while it is exact.
// The optimum is flat, so that two solvers agree in half of the digits.
func TestGoldenPowerFit(t *testing.T) {
	eachOf(t, powerFile, "", func(t *testing.T, c golden, s Spec, i int) {
		p := learnPower(s, column(c.Train, i))
		want := c.fitted(t, "lambdas_", i, 1)
		t.Logf("lambda %v, scikit-learn's %v: %.1e away", p[0], want, math.Abs(p[0]-want))
		if !(math.Abs(p[0]-want) <= 1e-6*max(1, math.Abs(want))) {
			t.Errorf("lambda = %v, want %v", p[0], want)
		}
		checkGolden(t, c, s, p, i, near(2e-4))
	})
}

// TestPowerOutcomes names what is learned where no likeliest lambda can be.
func TestPowerOutcomes(t *testing.T) {
	nan, huge := math.NaN(), 1e150
	f := func(what, kind string, standardize bool, column, want []float64) {
		t.Helper()
		got := learnPower(Spec{Kind: kind, Standardize: standardize}, column)
		equal(t, what, got, want)
	}
	for _, kind := range []string{YeoJohnson, BoxCox} {
		f("one value of "+kind, kind, true, []float64{5}, []float64{1, 5, 1})
		f("a constant of "+kind, kind, true, []float64{1e-300, 1e-300}, []float64{1, 1e-300, 1})
		f("a constant of "+kind+", not standardized", kind, false, []float64{5, 5}, []float64{1, 0, 1})
		f("as good as a constant of "+kind, kind, true, []float64{1e9, 1e9, 1e9 + 1e-7}, []float64{1, 1e9, 1})
	}
	f("values of both signs at the end of the range", YeoJohnson, true, []float64{-huge, huge}, []float64{1, 0, huge})
	equal(t, "no values", PowerParams(nil, Spec{Kind: BoxCox, Standardize: true}, 0, nan, nan, Parts{}), []float64{nan, nan, nan})
	for _, column := range [][]float64{
		{huge, 1e149, 1e140, 3}, {1e-300, 1e-290, 2}, {5e-324, 1}, {0.999, 1, 1.001, 1.01}, {1e5, 1e5 + 1, 1e5 - 3, 1e5 + 0.5}, {0, 0, 0, 0, 0, 0, 1},
		{-huge, -1e149, 3}, {-1e-300, 1e-300, 0}, {1e9, 1e9 + 1e-6, 1e9 + 2e-6}, {1, 1 + 1e-9, 1 + 3e-9},
	} {
		for _, kind := range []string{YeoJohnson, BoxCox} {
			if kind == BoxCox && slices.Min(column) <= 0 {
				continue
			}
			s := Spec{Kind: kind, Standardize: true}
			p := learnPower(s, column)
			step, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range append([]float64{2*slices.Max(column) - slices.Min(column)}, column...) {
				y := one(step.Transform, x, p)
				if math.IsNaN(y) || math.IsInf(y, 0) || math.Abs(y) > 1e100 || !(p[2] > 0) {
					t.Errorf("%s of %v: %v learned from %v becomes %v", kind, x, p, column, y)
				}
			}
		}
	}
}

// TestPowerInverse: what no value is mapped to comes back missing.
func TestPowerInverse(t *testing.T) {
	nan := math.NaN()
	f := func(kind string, y, lambda, want float64) {
		t.Helper()
		step, err := New(Spec{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		if got := one(step.Inverse, y, []float64{lambda, 0, 1}); !same(got, want) {
			t.Errorf("%s: the inverse of %v with lambda %v is %v, want %v", kind, y, lambda, got, want)
		}
	}
	f(YeoJohnson, 2, -0.5, nan)
	f(YeoJohnson, 3, -0.5, nan)
	f(YeoJohnson, -1, 3, nan)
	f(YeoJohnson, -0.75, 3, -3)
	f(YeoJohnson, -5, 1, -5)
	f(YeoJohnson, 0, 0, 0)
	f(BoxCox, -1, 1, nan)
	f(BoxCox, -2, 0.5, nan)
	f(BoxCox, 0, 0.5, 1)
	f(BoxCox, 0, 0, 1)
}

// TestBoxCoxDomain: what is not above 0 has no logarithm, with any lambda.
func TestBoxCoxDomain(t *testing.T) {
	for _, standardize := range []bool{true, false} {
		s := Spec{Kind: BoxCox, Standardize: standardize}
		step, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []float64{0, -1, -1e150} {
			for _, lambda := range []float64{-1, 0, 0.5, 1, 2} {
				if y := one(step.Transform, x, []float64{lambda, 0, 1}); !math.IsNaN(y) {
					t.Errorf("%v becomes %v with lambda %v, want NaN", x, y, lambda)
				}
			}
			if y := one(s.Domain().Transform, x, nil); !math.IsNaN(y) {
				t.Errorf("%v is in the domain", x)
			}
		}
		if y := one(s.Domain().Transform, 5e-324, nil); y != 5e-324 {
			t.Errorf("5e-324 is %v in the domain", y)
		}
	}
	if s := (Spec{Kind: YeoJohnson}); s.Domain() != nil {
		t.Error("yeo_johnson has a domain")
	}
}

// TestMinimum: it ends at the least value within the bounds, also at one of them
// and beside a stretch without any.
func TestMinimum(t *testing.T) {
	f := func(what string, most int, fn func(float64) float64, a, b, want float64) {
		t.Helper()
		calls := 0
		got := minimum(func(x float64) float64 { calls++; return fn(x) }, a, b)
		if !(math.Abs(got-want) <= 1e-7*max(1, math.Abs(want))) || calls > most {
			t.Errorf("%s: %v after %d calls, want %v after up to %d", what, got, calls, want, most)
		}
	}
	f("a parabola", 8, func(x float64) float64 { return (x - 3) * (x - 3) }, -10, 10, 3)
	f("a corner", 60, func(x float64) float64 { return math.Abs(x + 2) }, -10, 10, -2)
	f("a slope", 60, func(x float64) float64 { return x }, -10, 10, -10)
	f("beside infinity", 60, func(x float64) float64 {
		if x < 1 {
			return math.Inf(1)
		}
		return (x - 2) * (x - 2)
	}, -10, 10, 2)
	f("no room", 0, func(x float64) float64 { return x }, 2, 1, 2)
}

// TestPowerBits pins what is learned and computed to its bits.
func TestPowerBits(t *testing.T) {
	var cases []golden
	readGolden(t, powerFile, &cases)
	h := uint64(14695981039346656037)
	add := func(x float64) { h = (h ^ math.Float64bits(x)) * 1099511628211 }
	for _, c := range cases {
		var s Spec
		if err := json.Unmarshal(c.Params, &s); err != nil {
			t.Fatal(err)
		}
		step, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Test[0] {
			p := learnPower(s, column(c.Train, i))
			for _, x := range p {
				add(x)
			}
			for _, x := range column(c.Test, i) {
				y := one(step.Transform, x, p)
				if back := one(step.Inverse, y, p); y == y && back == back {
					add(y)
					add(back)
				}
			}
		}
	}
	if want := uint64(0x9b27eed542a4173b); h != want {
		t.Errorf("the bits of all numbers hash to %#x, want %#x", h, want)
	}
}
