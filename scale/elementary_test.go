package scale

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
)

// random returns a source of numbers whose seed is printed when the test fails
// and can be given back in TARE_SEED.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if s := os.Getenv("TARE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("TARE_SEED %q: must be an unsigned integer", s)
		}
		seed = n
	}
	t.Logf("TARE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// magnitude returns a number of random sign whose logarithm is uniform between
// those of lo and hi.
func magnitude(r *rand.Rand, lo, hi float64) float64 {
	x := math.Exp(math.Log(lo) + r.Float64()*(math.Log(hi)-math.Log(lo)))
	if r.IntN(2) == 0 {
		return -x
	}
	return x
}

func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + float64((hi-lo)*r.Float64()) }

// TestElementary holds each function's largest error, in ulp of the exact
// result, over random points and the extremes.
func TestElementary(t *testing.T) {
	f := func(name string, points int, bound float64, got func(float64) float64, want func(*big.Float) *big.Float, draw func(*rand.Rand) float64, extremes ...float64) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				points /= 20
			}
			r, worst, at := random(t), 0.0, 0.0
			for i := range points {
				x := draw(r)
				if i < len(extremes) {
					x = extremes[i]
				}
				if e := ulps(got(x), want(exact(x))); !(e <= worst) {
					worst, at = e, x
				}
			}
			t.Logf("largest error %.3f ulp at %v", worst, at)
			if !(worst <= bound) {
				t.Errorf("%s(%v) = %v is off by %.3f ulp, want at most %v", name, at, got(at), worst, bound)
			}
		})
	}
	// A third each around ±near, of any magnitude, and evenly within ±wide.
	mixed := func(near, lo, hi, wide float64) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 {
			switch r.IntN(3) {
			case 0:
				return near * uniform(r, -2, 2)
			case 1:
				return magnitude(r, lo, hi)
			}
			return uniform(r, -wide, wide)
		}
	}
	above := func(end float64, draw func(*rand.Rand) float64) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 {
			for {
				if x := draw(r); x > end {
					return x
				}
			}
		}
	}
	f("log", 100_000, 1, log, bigLog, above(0, mixed(1, 5e-324, 1e150, 1e6)), 5e-324, 1e-310, 1-1e-16, 1+2e-16, math.Sqrt2, math.Sqrt2/2)
	f("log1p", 100_000, 1, log1p, bigLog1p, above(-1, mixed(0.5, 1e-300, 1e150, 1)), 5e-324, -5e-324, -1+1e-16, 1e-17, -1e-17)
	f("asinh", 100_000, 1, asinh, bigAsinh, mixed(2, 1e-300, 1e150, 10), 5e-324, 1<<28, 1<<28-1e-7, 1e150, -1e150)
	f("exp", 100_000, 1, exp, bigExp, mixed(1, 1e-18, 700, 708), 709.78, -745.1, -708.5)
	f("expm1", 100_000, 1, expm1, bigExpm1, mixed(1, 1e-300, 700, 60), 709.78, -38, -100, 5e-324, 0.5*math.Ln2, 1.5*math.Ln2)
	f("sinh", 100_000, 1, sinh, bigSinh, mixed(2, 1e-300, 700, 60), 710.4, -710.4, 5e-324, 1, 0.9999999)
	f("normalCDF", 20_000, 8, normalCDF, bigCDF, func(r *rand.Rand) float64 { return uniform(r, -8.3, 8.3) }, 0, -5.2, 5.2, 1.193, 1.768)
}

// TestOutsideDomain holds what the functions answer where there is no result.
func TestOutsideDomain(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	f := func(name string, got, want float64) {
		t.Helper()
		if !same(got, want) {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	f("log(0)", log(0), nan)
	f("log(-1)", log(-1), nan)
	f("log(NaN)", log(nan), nan)
	f("log1p(-1)", log1p(-1), nan)
	f("log1p(-2)", log1p(-2), nan)
	f("log1p(NaN)", log1p(nan), nan)
	f("log1p(0)", log1p(0), 0)
	f("asinh(NaN)", asinh(nan), nan)
	f("asinh(0)", asinh(0), 0)
	f("exp(NaN)", exp(nan), nan)
	f("exp(710)", exp(710), inf)
	f("exp(-746)", exp(-746), 0)
	f("exp(0)", exp(0), 1)
	f("expm1(NaN)", expm1(nan), nan)
	f("expm1(710)", expm1(710), inf)
	f("expm1(-1e300)", expm1(-1e300), -1)
	f("sinh(NaN)", sinh(nan), nan)
	f("sinh(711)", sinh(711), inf)
	f("sinh(-1e300)", sinh(-1e300), -inf)
	f("normalCDF(NaN)", normalCDF(nan), nan)
	f("normalCDF(-41)", normalCDF(-41), 0)
	f("normalCDF(-1e308)", normalCDF(-1e308), 0)
	f("normalCDF(-0x1p1023)", normalCDF(-0x1p1023), 0)
	f("normalCDF(1e308)", normalCDF(1e308), 1)
	f("normalQuantile(0)", normalQuantile(0), -inf)
	f("normalQuantile(1)", normalQuantile(1), inf)
	f("normalQuantile(NaN)", normalQuantile(nan), nan)
	f("normalQuantile(-0.1)", normalQuantile(-0.1), nan)
	f("normalQuantile(1.1)", normalQuantile(1.1), nan)
}

// TestNormalQuantile checks normalQuantile against normalCDF's exact form:
// the x it gives must lie within 1e-15 of the exact one, relative.
func TestNormalQuantile(t *testing.T) {
	r, worst, at := random(t), 0.0, 0.0
	for range 20_000 {
		p := r.Float64()
		if r.IntN(2) == 0 {
			p = math.Abs(magnitude(r, 1e-17, 0.5))
		}
		x := normalQuantile(p)
		miss := new(big.Float).Sub(bigCDF(exact(x)), exact(p))
		off, _ := miss.Float64()
		density := math.Exp(-x*x/2) / sqrt2Pi
		if e := math.Abs(off / density / x); !(e <= worst) {
			worst, at = e, p
		}
	}
	t.Logf("largest relative error %.3g at %v", worst, at)
	if !(worst <= 1e-15) {
		t.Errorf("normalQuantile(%v) = %v is off by %.3g of itself", at, normalQuantile(at), worst)
	}
}

// TestBits pins the results to the bit. It fails on a machine, or with a
// compiler, whose rounding differs: the artifact would differ too.
func TestBits(t *testing.T) {
	f := func(name string, fn func(float64) float64, lo, hi float64, want string) {
		t.Helper()
		r := rand.New(rand.NewPCG(1, 2))
		h := fnv.New64a()
		for range 20_000 {
			bits := math.Float64bits(fn(uniform(r, lo, hi)))
			fmt.Fprintf(h, "%x ", bits)
		}
		if got := fmt.Sprintf("%016x", h.Sum64()); got != want {
			t.Errorf("%s: the bits of 20,000 results are %s, want %s", name, got, want)
		}
	}
	f("log", log, 0, 4, "1875548ff62ab6c5")
	f("log1p", log1p, -0.99, 4, "bc20b212b6f7089e")
	f("asinh", asinh, -9, 9, "700e18522890841b")
	f("exp", exp, -40, 40, "c97ca0365360c47c")
	f("expm1", expm1, -40, 40, "4845cace001ba717")
	f("sinh", sinh, -40, 40, "669914f94cc84a25")
	f("normalCDF", normalCDF, -9, 9, "9b40e84f0e4ca83b")
	f("normalQuantile", normalQuantile, 0, 1, "35927e6157011172")
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// ulps returns the distance of got from want in units of want's last place.
func ulps(got float64, want *big.Float) float64 {
	if math.IsNaN(got) || math.IsInf(got, 0) {
		return math.Inf(1)
	}
	nearest, _ := want.Float64()
	unit := max(math.Ilogb(nearest)-52, -1074)
	diff := newBig().Sub(exact(got), want)
	count, _ := diff.SetMantExp(diff, -unit).Float64()
	return math.Abs(count)
}

const precision = 128

func exact(x float64) *big.Float { return newBig().SetFloat64(x) }

func newBig() *big.Float { return new(big.Float).SetPrec(precision) }

// ln2 is Σ 1/(k·2^k).
var ln2 = sync.OnceValue(func() *big.Float {
	sum := newBig()
	for k := range 2 * precision {
		term := newBig().Quo(exact(1), exact(float64(k+1)))
		sum.Add(sum, term.SetMantExp(term, -k-1))
	}
	return sum
})

// inverse is a table of 1/n, n <= 10.
var inverse = sync.OnceValue(func() []*big.Float {
	table := make([]*big.Float, 11)
	for n := 1; n < len(table); n++ {
		table[n] = newBig().Quo(exact(1), exact(float64(n)))
	}
	return table
})

// splitBig returns expm1(x - k·ln 2) and the k nearest to x/ln 2. It halves the
// rest ten times, adds up Taylor's series, and doubles by expm1(2r) = s(s+2).
func splitBig(x *big.Float) (s *big.Float, k int) {
	approx, _ := x.Float64()
	k = int(math.Round(approx / math.Ln2))
	r := newBig().Sub(x, newBig().Mul(exact(float64(k)), ln2()))
	r.SetMantExp(r, -10)
	s = newBig()
	for n := 10; n > 0; n-- { // s = r/n·(1 + s)
		s.Add(s, exact(1))
		s.Mul(s, r).Mul(s, inverse()[n])
	}
	for range 10 {
		s.Mul(s, newBig().Add(s, exact(2)))
	}
	return s, k
}

func bigExp(x *big.Float) *big.Float {
	s, k := splitBig(x)
	s.Add(s, exact(1))
	return s.SetMantExp(s, k)
}

func bigExpm1(x *big.Float) *big.Float {
	s, k := splitBig(x)
	if k == 0 {
		return s
	}
	s.Add(s, exact(1))
	s.SetMantExp(s, k)
	return s.Sub(s, exact(1))
}

// bigLog1p improves math.Log1p by one step of Halley's method, which triples
// the number of right digits.
func bigLog1p(x *big.Float) *big.Float {
	approx, _ := x.Float64()
	y := exact(math.Log1p(approx))
	e := bigExpm1(y)
	miss := newBig().Sub(x, e)
	sum := newBig().Add(x, e)
	miss.Quo(miss, sum.Add(sum, exact(2)))
	return y.Add(y, miss.Add(miss, miss))
}

func bigLog(x *big.Float) *big.Float {
	m := newBig()
	k := x.MantExp(m)
	y := bigLog1p(m.Sub(m, exact(1)))
	return y.Add(y, newBig().Mul(exact(float64(k)), ln2()))
}

// bigAsinh is log1p(x + x²/(1+√(1+x²))), odd.
func bigAsinh(x *big.Float) *big.Float {
	a := newBig().Abs(x)
	square := newBig().Mul(a, a)
	root := newBig().Add(square, exact(1))
	root.Sqrt(root).Add(root, exact(1))
	a.Add(a, square.Quo(square, root))
	y := bigLog1p(a)
	if x.Sign() < 0 {
		y.Neg(y)
	}
	return y
}

// bigSinh is (s + s/(1+s)) / 2 for s = expm1(x), odd.
func bigSinh(x *big.Float) *big.Float {
	s := bigExpm1(newBig().Abs(x))
	quotient := newBig().Quo(s, newBig().Add(s, exact(1)))
	s.Add(s, quotient).SetMantExp(s, -1)
	if x.Sign() < 0 {
		s.Neg(s)
	}
	return s
}

// bigCDF is 1/2 + exp(-x²/2)/√(2π) · Σ x^(2n+1) / (1·3·5···(2n+1)).
func bigCDF(x *big.Float) *big.Float {
	square := newBig().Mul(x, x)
	term, sum := newBig().Copy(x), newBig().Copy(x)
	for n := 3.0; term.Sign() != 0 && term.MantExp(nil) > sum.MantExp(nil)-precision; n += 2 {
		term.Mul(term, square).Quo(term, exact(n))
		sum.Add(sum, term)
	}
	square.SetMantExp(square, -1).Neg(square)
	sum.Mul(sum, bigExp(square)).Mul(sum, rootInverse2Pi())
	return sum.Add(sum, exact(0.5))
}

// rootInverse2Pi is 1/√(2π), with π by Machin's formula
// 16·atan(1/5) - 4·atan(1/239).
var rootInverse2Pi = sync.OnceValue(func() *big.Float {
	arctan := func(n float64) *big.Float { // of 1/n
		sum, power := newBig(), newBig().Quo(exact(1), exact(n))
		for k := 1.0; k < precision; k += 2 {
			sum.Add(sum, newBig().Quo(power, exact(k)))
			power.Quo(power, exact(-n*n))
		}
		return sum
	}
	pi := newBig().Mul(exact(16), arctan(5))
	pi.Sub(pi, newBig().Mul(exact(4), arctan(239)))
	root := newBig().Sqrt(pi.Add(pi, pi))
	return root.Quo(exact(1), root)
})
