package welford_test

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"tare/internal/accuracy"
	"tare/welford"
)

// random returns a source seeded by TARE_SEED, or else by chance. A failing
// test shows the seed.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if s := os.Getenv("TARE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TARE_SEED: %v", err)
		}
	}
	t.Logf("TARE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// long skips a test that takes minutes unless TARE_LONG=1.
func long(t *testing.T) {
	if os.Getenv("TARE_LONG") != "1" {
		t.Skip("TARE_LONG=1 runs it")
	}
}

func runningOf(x []float64) *welford.Running {
	r := new(welford.Running)
	for _, v := range x {
		if err := r.Add(v); err != nil {
			panic(err)
		}
	}
	return r
}

// mergedOf fits the parts of x between consecutive cuts apart and merges them.
func mergedOf(x []float64, cuts []int) *welford.Running {
	r := new(welford.Running)
	for i := 1; i < len(cuts); i++ {
		r.Merge(runningOf(x[cuts[i-1]:cuts[i]]))
	}
	return r
}

// evenCuts cuts n values into parts of n/parts, more or less.
func evenCuts(n, parts int) (cuts []int) {
	for i := range parts + 1 {
		cuts = append(cuts, n*i/parts)
	}
	return cuts
}

// truth returns the mean and variance rounded once from exact arithmetic.
func truth(x []float64) (mean, variance float64) {
	wide := func() *big.Float { return new(big.Float).SetPrec(2500) }
	sum, squares, n := wide(), wide(), wide().SetInt64(int64(len(x)))
	for _, v := range x {
		f := wide().SetFloat64(v)
		sum.Add(sum, f)
		squares.Add(squares, f.Mul(f, f))
	}
	m := wide().Quo(sum, n)
	squares.Quo(squares, n)
	squares.Sub(squares, wide().Mul(m, m))
	mean, _ = m.Float64()
	variance, _ = squares.Float64()
	return mean, variance
}

// peerOf is Welford's plain update of each value: what most programs have.
func peerOf(x []float64) (mean, variance float64) {
	m2 := 0.
	for i, v := range x {
		d := v - mean
		mean += d / float64(i+1)
		m2 += float64(d * (v - mean))
	}
	return mean, m2 / float64(len(x))
}

// pairOf are the rows that the moments of one kind of data are held against.
type pairOf struct{ mean, variance *accuracy.Row }

func rowsOf(t *testing.T, mean, variance string) pairOf {
	return pairOf{accuracy.Of(t, mean), accuracy.Of(t, variance)}
}

func ordinary(t *testing.T) pairOf {
	return rowsOf(t, accuracy.MeanOrdinary, accuracy.VarianceOrdinary)
}

// check holds m against the truth.
func (p pairOf) check(m welford.Moments, mean, variance float64, format string, args ...any) {
	p.mean.Check(accuracy.ULPs(m.Mean(), mean), format, args...)
	p.variance.Check(accuracy.RelativeError(m.Variance(), variance), format, args...)
}

// peer holds Welford's update of x, finite or not, against the truth.
func (p pairOf) peer(x []float64, mean, variance float64) {
	m, v := peerOf(x)
	p.mean.Peer(accuracy.ULPs(m, mean))
	p.variance.Peer(accuracy.RelativeError(v, variance))
}

// A nanable is a number in the golden files, where NaN is a string.
type nanable float64

func (f *nanable) UnmarshalJSON(b []byte) error {
	if string(b) == `"NaN"` {
		*f = nanable(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(f))
}

func TestGoldenMoments(t *testing.T) {
	data, err := os.ReadFile("../testdata/golden/numbers/moments.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name  string
			X     []float64
			Parts [][2]int
			Exact struct {
				N         uint64
				Mean, Var float64
				Var1      nanable
				Min, Max  float64
			}
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) != 30 {
		t.Fatalf("%d cases, want 30", len(golden.Cases))
	}
	nist := rowsOf(t, "mean, NIST's univariate sets, whole and in parts", "variance, NIST's univariate sets, whole and in parts")
	others := rowsOf(t, "mean, 22 hard samples, whole and in parts", "variance, 22 hard samples, whole and in parts")
	for _, c := range golden.Cases {
		rows := others
		if strings.HasPrefix(c.Name, "NIST") {
			rows = nist
		}
		cuts := []int{0}
		for _, p := range c.Parts {
			cuts = append(cuts, p[1])
		}
		rows.peer(c.X, c.Exact.Mean, c.Exact.Var)
		for how, r := range map[string]*welford.Running{"whole": runningOf(c.X), "parts": mergedOf(c.X, cuts)} {
			if how == "parts" && len(c.Parts) == 0 {
				continue
			}
			m, e := r.Moments(), c.Exact
			if m.N != e.N || r.Min() != e.Min || r.Max() != e.Max {
				t.Errorf("%s, %s: n %d min %v max %v, want %d %v %v", c.Name, how, m.N, r.Min(), r.Max(), e.N, e.Min, e.Max)
			}
			rows.check(m, e.Mean, e.Var, "%s, %s", c.Name, how)
			rows.variance.Check(accuracy.RelativeError(m.SampleVariance(), float64(e.Var1)), "%s, %s, ddof 1", c.Name, how)
		}
	}
}

// Streams that are hard for sums, whole and merged from parts.
func TestAccuracy(t *testing.T) {
	r := random(t)
	const n = 100_000
	f := func(rows pairOf, name string, value func(i int) float64) {
		t.Helper()
		x := make([]float64, n)
		for i := range x {
			x[i] = value(i)
		}
		mean, variance := truth(x)
		rows.peer(x, mean, variance)
		for _, parts := range []int{1, 8, 64, 1024, 20_000} {
			rows.check(mergedOf(x, evenCuts(n, parts)).Moments(), mean, variance, "%s in %d parts", name, parts)
		}
		rows.check(mergedOf(x, anyCuts(r, n)).Moments(), mean, variance, "%s in parts of any size", name)
	}
	usual := ordinary(t)
	f(usual, "normal", func(int) float64 { return r.NormFloat64() })
	f(usual, "uniform", func(int) float64 { return r.Float64() })
	f(usual, "lognormal 3", func(int) float64 { return math.Exp(3 * r.NormFloat64()) })
	f(usual, "Pareto 1.1", func(int) float64 { return math.Pow(1-r.Float64(), -1/1.1) })
	f(usual, "N(1e4, 1)", func(int) float64 { return 1e4 + r.NormFloat64() })
	f(usual, "a ramp and noise", func(i int) float64 { return float64(i) + r.NormFloat64() })
	f(usual, "float32 N(300, 0.1)", func(int) float64 { return float64(float32(300 + .1*r.NormFloat64())) })
	hard := rowsOf(t, accuracy.MeanHard, accuracy.VarianceHard)
	f(hard, "N(1e9, 1e-3)", func(int) float64 { return 1e9 + 1e-3*r.NormFloat64() })
	f(hard, "N(1e12, 1)", func(int) float64 { return 1e12 + r.NormFloat64() })
	f(hard, "N(1e15, 1)", func(int) float64 { return 1e15 + r.NormFloat64() })
	f(hard, "±1e15 in turn, plus N(0, 1)", func(i int) float64 { return 1e15*float64(1-2*(i&1)) + r.NormFloat64() })
	f(hard, "1e12, then N(0, 1)", func(i int) float64 {
		if i == 0 {
			return 1e12
		}
		return r.NormFloat64()
	})
	f(hard, "N(0, 1), then 1e12", func(i int) float64 {
		if i == n-1 {
			return 1e12
		}
		return r.NormFloat64()
	})
	f(hard, "epoch milliseconds", func(i int) float64 { return 1.7e12 + 1000*float64(i) })
	f(hard, "0.1 and the next number", func(i int) float64 { return math.Nextafter(.1, float64(i&1)) })
	f(hard, "1e-140 N(0, 1)", func(int) float64 { return 1e-140 * r.NormFloat64() })
	f(hard, "1e149 U(0, 1)", func(int) float64 { return 1e149 * r.Float64() })
}

// anyCuts cuts n values into parts of 0 to a tenth of them.
func anyCuts(r *rand.Rand, n int) []int {
	cuts := []int{0}
	for last := 0; last < n; {
		last = min(n, last+int(float64(n/10)*math.Pow(r.Float64(), 8)))
		cuts = append(cuts, last)
	}
	return cuts
}

func TestAccuracyOfHundredMillion(t *testing.T) {
	long(t)
	r := random(t)
	rows := rowsOf(t, "mean of 100 million values", "variance of 100 million values")
	f := func(name string, center, spread float64) {
		t.Helper()
		const unit = 1 << 20 // values are whole multiples of spread / unit: sums of integers are the truth
		var running welford.Running
		var peer, m2 float64
		sum, squares := new(big.Int), new(big.Int)
		for i := range 1000 {
			var s, q int64 // of 1e5 values below 2^21: squares add up to less than 2^59
			for j := range 100_000 {
				k := int64(r.NormFloat64() * unit / 4)
				s, q = s+k, q+k*k
				x := center + spread*float64(k)/unit
				running.Add(x)
				d := x - peer
				peer += d / float64(100_000*i+j+1)
				m2 += float64(d * (x - peer))
			}
			sum.Add(sum, big.NewInt(s))
			squares.Add(squares, big.NewInt(q))
		}
		wide := func(i *big.Int) *big.Float { return new(big.Float).SetPrec(500).SetInt(i) }
		n, step := big.NewFloat(1e8), big.NewFloat(spread/unit)
		mean := wide(sum)
		mean.Quo(mean, n)
		variance := wide(squares)
		variance.Quo(variance, n)
		variance.Sub(variance, new(big.Float).SetPrec(500).Mul(mean, mean))
		variance.Mul(variance.Mul(variance, step), step)
		mean.Add(mean.Mul(mean, step), big.NewFloat(center))
		wantMean, _ := mean.Float64()
		wantVariance, _ := variance.Float64()
		rows.check(running.Moments(), wantMean, wantVariance, "%s", name)
		rows.mean.Peer(accuracy.ULPs(peer, wantMean))
		rows.variance.Peer(accuracy.RelativeError(m2/1e8, wantVariance))
	}
	f("N(0, 1/4)", 0, 1)
	f("N(2^30, 1/4)", 1<<30, 1)
	f("N(1, 2^-22)", 1, 1./(1<<20))
}

// Equal values have exactly their mean and no variance, however they are merged.
func TestConstant(t *testing.T) {
	r := random(t)
	row := accuracy.Of(t, "constants with a variance, or with another mean")
	f := func(x float64) {
		t.Helper()
		check := func(r *welford.Running, n uint64) {
			t.Helper()
			m := r.Moments()
			row.Holds(m.N == n && m.Mean() == x && m.Variance() == 0 && r.Min() == x && r.Max() == x,
				"%d times %v: n %d, mean %v, variance %v, min %v, max %v", n, x, m.N, m.Mean(), m.Variance(), r.Min(), r.Max())
		}
		one := new(welford.Running)
		parts := []*welford.Running{}
		for i := range 3000 {
			one.Add(x)
			check(one, uint64(i+1))
			if r.IntN(50) == 0 {
				copied := *one
				parts = append(parts, &copied)
			}
		}
		for len(parts) > 1 { // a tree as it comes
			i, j := r.IntN(len(parts)), r.IntN(len(parts)-1)
			parts[i], parts[len(parts)-1] = parts[len(parts)-1], parts[i]
			last := parts[len(parts)-1]
			parts = parts[:len(parts)-1]
			n := parts[j].N() + last.N()
			parts[j].Merge(last)
			check(parts[j], n)
		}
	}
	f(.1)
	f(-1. / 3)
	f(1e15 + .125)
	f(math.Nextafter(1e150, 0))
	f(-1e150)
	f(5e-324)
	f(math.Nextafter(0x1p-1022, 0))
	f(math.Pi * 1e-160)
	for range 20 {
		f(math.Ldexp(r.Float64()-.5, r.IntN(900)-450))
	}
}

func TestNoValues(t *testing.T) {
	var m welford.Moments
	m.AddBlock(nil)
	m.Merge(&welford.Moments{})
	if m != (welford.Moments{}) {
		t.Errorf("nothing added gives %v", m)
	}
	var r welford.Running
	for _, x := range []float64{m.Mean(), m.Variance(), m.SampleVariance(), r.Min(), r.Max()} {
		if !math.IsNaN(x) {
			t.Errorf("%v of no values, want NaN", x)
		}
	}
}

// Squares beyond float64 make the variance infinite, never NaN, and stay so.
func TestOverflow(t *testing.T) {
	r := runningOf([]float64{1e150, -1e150})
	for range 16 {
		r.Merge(r)
	}
	m := r.Moments()
	for range 30 {
		m.Merge(&m)
	}
	m.AddBlock([]float64{1, 2, 3})
	if m.N != 1<<47+3 || m.Variance() != math.Inf(1) || math.Abs(m.Mean()) > 1 {
		t.Errorf("n %d, mean %v, variance %v, want 2^47+3, about 0, +Inf", m.N, m.Mean(), m.Variance())
	}
}

func TestSizes(t *testing.T) {
	if s := unsafe.Sizeof(welford.Moments{}); s != 40 {
		t.Errorf("Moments of %d bytes, want 40", s)
	}
	if s := unsafe.Sizeof(welford.Running{}); s != 320 {
		t.Errorf("Running of %d bytes, want 320", s)
	}
}
