package welford_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"tare/welford"
)

func covarianceOf(rows [][]float64, quartic bool) *welford.Covariance {
	c := welford.NewCovariance(len(rows[0]), quartic)
	for _, row := range rows {
		if err := c.Add(row); err != nil {
			panic(err)
		}
	}
	return &c
}

func mergedCovarianceOf(rows [][]float64, cuts []int, quartic bool) *welford.Covariance {
	c := welford.NewCovariance(len(rows[0]), quartic)
	for i := 1; i < len(cuts); i++ {
		if part := rows[cuts[i-1]:cuts[i]]; len(part) > 0 {
			c.Merge(covarianceOf(part, quartic))
		}
	}
	return &c
}

func read(c *welford.Covariance) (means, comoments []float64, quartic float64) {
	d := c.Members()
	means, comoments = make([]float64, d), make([]float64, d*(d+1)/2)
	quartic = c.Read(means, comoments)
	return means, comoments, quartic
}

func bytesOfCovariance(t testing.TB, c *welford.Covariance) []byte {
	t.Helper()
	b, err := c.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exact is what Read gives, rounded once from exact arithmetic.
func exact(rows [][]float64) (means, comoments []float64, quartic float64) {
	wide := func() *big.Float { return new(big.Float).SetPrec(1200) }
	d, n := len(rows[0]), wide().SetInt64(int64(len(rows)))
	mean := make([]*big.Float, d)
	for j := range mean {
		mean[j] = wide()
		for _, row := range rows {
			mean[j].Add(mean[j], wide().SetFloat64(row[j]))
		}
		mean[j].Quo(mean[j], n)
		m, _ := mean[j].Float64()
		means = append(means, m)
	}
	sums := make([]*big.Float, d*(d+1)/2)
	for i := range sums {
		sums[i] = wide()
	}
	fourth := wide()
	for _, row := range rows {
		a, at, square := make([]*big.Float, d), 0, wide()
		for i := range a {
			a[i] = wide().Sub(wide().SetFloat64(row[i]), mean[i])
			for j := range i + 1 {
				sums[at].Add(sums[at], wide().Mul(a[i], a[j]))
				at++
			}
			square.Add(square, wide().Mul(a[i], a[i]))
		}
		fourth.Add(fourth, square.Mul(square, square))
	}
	for _, s := range sums {
		v, _ := s.Float64()
		comoments = append(comoments, v)
	}
	quartic, _ = fourth.Float64()
	return means, comoments, quartic
}

// neighbours reports whether no float64 lies between a and b.
func neighbours(a, b float64) bool { return a == b || math.Nextafter(a, b) == b }

// checkRead compares c with exact arithmetic. A co-moment may be off by rel of
// the product of the two standard deviations.
func checkRead(t *testing.T, what string, c *welford.Covariance, rows [][]float64, rel float64) {
	t.Helper()
	means, comoments, quartic := read(c)
	wantMeans, want, wantQuartic := exact(rows)
	if c.N() != uint64(len(rows)) {
		t.Errorf("%s: n %d, want %d", what, c.N(), len(rows))
	}
	for j := range means {
		if !neighbours(means[j], wantMeans[j]) {
			t.Errorf("%s: mean %d is %v, want %v", what, j, means[j], wantMeans[j])
		}
	}
	at := 0
	for i := range means {
		for j := range i + 1 {
			scale := math.Sqrt(want[i*(i+3)/2]) * math.Sqrt(want[j*(j+3)/2])
			if !(math.Abs(comoments[at]-want[at]) <= rel*scale) {
				t.Errorf("%s: co-moment %d, %d is %v, want %v: off by %.1e", what, i, j, comoments[at], want[at], (comoments[at]-want[at])/scale)
			}
			at++
		}
	}
	if !math.IsNaN(quartic) && !(math.Abs(quartic-wantQuartic) <= 100*rel*wantQuartic) {
		t.Errorf("%s: fourth powers %v, want %v: off by %.1e", what, quartic, wantQuartic, quartic/wantQuartic-1)
	}
}

// Rows that are hard for sums of products, whole and merged from parts.
func TestCovarianceAccuracy(t *testing.T) {
	r := random(t)
	const n = 3000
	f := func(name string, row func(i int) []float64) {
		t.Helper()
		rows := make([][]float64, n)
		for i := range rows {
			rows[i] = row(i)
		}
		for _, parts := range []int{1, 8, 200} {
			checkRead(t, fmt.Sprintf("%s in %d parts", name, parts), mergedCovarianceOf(rows, evenCuts(n, parts), true), rows, 1e-14)
		}
	}
	twins := func(offset, scale, apart float64) func(int) []float64 {
		return func(int) []float64 {
			x, y := r.NormFloat64(), r.NormFloat64()
			return []float64{offset + scale*x, offset + scale*(x+apart*y), scale * y, -offset - scale*x}
		}
	}
	f("normal", twins(0, 1, .5))
	f("N(1e9, 1), correlation 1 - 1e-12", twins(1e9, 1, 1.4e-6))
	f("N(1e9, 1e-3)", twins(1e9, 1e-3, .1))
	f("N(0, 1), correlation 1 - 1e-12", twins(0, 1, 1.4e-6))
	f("units from 1e-150 to 1e70", func(int) []float64 {
		x := r.NormFloat64()
		return []float64{1e-150 * x, x + r.NormFloat64(), 1e70 * (x + r.NormFloat64())}
	})
	f("drift", func(i int) []float64 {
		return []float64{float64(i) + r.NormFloat64(), -3 * float64(i), r.NormFloat64()}
	})
	f("one row far out", func(i int) []float64 {
		far := 0.0
		if i == 10 {
			far = 1e12
		}
		return []float64{far + r.NormFloat64(), r.NormFloat64() - far}
	})
	f("skewed", func(int) []float64 {
		return []float64{math.Exp(3 * r.NormFloat64()), r.ExpFloat64(), math.Exp(r.NormFloat64())}
	})
	f("nine members", func(int) []float64 {
		row := make([]float64, 9)
		for j := range row {
			row[j] = 100*float64(j) + r.NormFloat64() + row[max(j-1, 0)]
		}
		return row
	})
}

// Thousands of blocks, each less than the last bit of what is there before them,
// are not lost.
func TestCovarianceOfManyBlocks(t *testing.T) {
	r := random(t)
	var rows [][]float64
	for i := range welford.RowBlock {
		x := 4e8 * float64(1-i%2*2)
		rows = append(rows, []float64{x, -x})
	}
	for range 30_000 {
		rows = append(rows, []float64{r.NormFloat64(), r.NormFloat64()})
	}
	_, got, quartic := read(covarianceOf(rows, true))
	_, want, wantQuartic := exact(rows)
	for i := range got {
		if !neighbours(got[i], want[i]) {
			t.Errorf("co-moment %d is %v, want %v", i, got[i], want[i])
		}
	}
	if !(math.Abs(quartic/wantQuartic-1) <= 1e-14) {
		t.Errorf("fourth powers %v, want %v", quartic, wantQuartic)
	}
}

// The difference of two members that are all but equal has the variance that
// the co-moments say, to four digits.
func TestCovarianceOfTwins(t *testing.T) {
	r := random(t)
	var rows [][]float64
	var apart []float64
	for range 100_000 {
		x := 1e9 + 1000*r.NormFloat64()
		y := x + .002*r.NormFloat64()
		rows, apart = append(rows, []float64{x, y}), append(apart, x-y)
	}
	_, m, _ := read(covarianceOf(rows, false))
	_, variance := truth(apart)
	if got := (m[0] - 2*m[1] + m[2]) / 100_000; !(math.Abs(got-variance) <= 1e-3*variance) {
		t.Errorf("variance of the difference %v, want %v: off by %.1e", got, variance, got/variance-1)
	}
}

// Every number of members, at counts around the block, is as each pair alone.
func TestCovarianceOfManyMembers(t *testing.T) {
	r := random(t)
	for _, d := range []int{1, 2, 3, 4, 5, 6, 7, 8, 11, 66, welford.MaxMembers} {
		for _, n := range []int{1, 2, 63, 64, 65, 130} {
			rows, pairs := make([][]float64, n), make([][]float64, n)
			for i := range rows {
				rows[i] = make([]float64, d)
				for j := range rows[i] {
					rows[i][j] = 10 + r.NormFloat64()
				}
			}
			means, comoments, _ := read(covarianceOf(rows, d%2 == 0))
			for range 4 {
				i := r.IntN(d)
				j := r.IntN(i + 1)
				for k, row := range rows {
					pairs[k] = []float64{row[j], row[i]}
				}
				m, c, _ := read(covarianceOf(pairs, false))
				if means[j] != m[0] || means[i] != m[1] || comoments[i*(i+1)/2+j] != c[1] {
					t.Fatalf("%d members, %d rows: members %d and %d have means %v, %v and co-moment %v, alone %v, %v", d, n, j, i, means[j], means[i], comoments[i*(i+1)/2+j], m, c[1])
				}
			}
		}
	}
}

func TestGoldenCovariance(t *testing.T) {
	data, err := os.ReadFile("../testdata/golden/scalers/whiten.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name   string
			Train  [][]float64
			Fitted struct {
				Mean       []float64   `json:"mean_"`
				Covariance [][]float64 `json:"covariance_"`
			}
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) != 32 {
		t.Fatalf("%d cases, want 32", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		means, comoments, _ := read(covarianceOf(c.Train, false))
		for i, row := range c.Fitted.Covariance {
			if !neighbours(means[i], c.Fitted.Mean[i]) {
				t.Errorf("%s: mean %d is %v, want %v", c.Name, i, means[i], c.Fitted.Mean[i])
			}
			for j := range i + 1 {
				got := comoments[i*(i+1)/2+j] / float64(len(c.Train)-1)
				bar := 1e-14 * math.Sqrt(c.Fitted.Covariance[i][i]*c.Fitted.Covariance[j][j])
				if !(math.Abs(got-row[j]) <= bar) {
					t.Errorf("%s: covariance %d, %d is %v, want %v", c.Name, i, j, got, row[j])
				}
			}
		}
	}
}

func TestCovarianceRefuses(t *testing.T) {
	c := covarianceOf([][]float64{{1, 2, 3}}, true)
	before := bytesOfCovariance(t, c)
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Nextafter(1e150, 2e150)} {
		if err := c.Add([]float64{1, x, 2}); !errors.Is(err, welford.ErrRange) {
			t.Errorf("Add of %v gives %v, want ErrRange", x, err)
		}
		if !bytes.Equal(bytesOfCovariance(t, c), before) {
			t.Fatalf("Add of %v changed the state", x)
		}
	}
}

// Members that never change have their value as mean and no co-moments at all.
func TestCovarianceOfConstant(t *testing.T) {
	r := random(t)
	for _, x := range []float64{.1, -1. / 3, 1e150, 5e-324} {
		rows := make([][]float64, 1000)
		for i := range rows {
			rows[i] = []float64{x, r.NormFloat64(), math.Copysign(0, -1)}
		}
		means, m, _ := read(mergedCovarianceOf(rows, []int{0, 3, 500, 700, 1000}, true))
		if means[0] != x || means[2] != 0 || m[0] != 0 || m[1] != 0 || m[3] != 0 || m[4] != 0 || m[5] != 0 {
			t.Errorf("constant %v: means %v, co-moments %v", x, means, m)
		}
	}
}

func TestCovarianceOfNegativeZero(t *testing.T) {
	zero := math.Copysign(0, -1)
	got, want := covarianceOf([][]float64{{zero, 1}}, false), covarianceOf([][]float64{{0, 1}}, false)
	if !bytes.Equal(bytesOfCovariance(t, got), bytesOfCovariance(t, want)) {
		t.Error("-0 and 0 leave different bytes")
	}
}

func TestCovarianceOfNoRows(t *testing.T) {
	c := welford.NewCovariance(2, true)
	none := welford.NewCovariance(2, true)
	c.Merge(&none)
	means, m, quartic := read(&c)
	if !math.IsNaN(means[0]) || !math.IsNaN(means[1]) || !slices.Equal(m, []float64{0, 0, 0}) || quartic != 0 || c.N() != 0 {
		t.Errorf("no rows: means %v, co-moments %v, fourth powers %v", means, m, quartic)
	}
	if quartic := none.Read(means, m); math.IsNaN(quartic) {
		t.Error("a quartic covariance reads NaN fourth powers")
	}
	plain := welford.NewCovariance(2, false)
	if quartic := plain.Read(means, m); !math.IsNaN(quartic) {
		t.Errorf("a plain covariance reads fourth powers %v, want NaN", quartic)
	}
}

// Products beyond float64 are +Inf, never NaN, and stay so, also in a checkpoint.
func TestCovarianceOverflow(t *testing.T) {
	rows := make([][]float64, 128)
	for i := range rows {
		x := 1e150 * float64(1-i%2*2)
		rows[i] = []float64{x, -x, 1}
	}
	c := covarianceOf(rows, true)
	for range 30 {
		o := welford.NewCovariance(3, true)
		o.Merge(c)
		c.Merge(&o)
	}
	_, m, quartic := read(c)
	inf := math.Inf(1)
	if want := []float64{inf, inf, inf, 0, 0, 0}; !slices.Equal(m, want) || quartic != inf {
		t.Errorf("co-moments %v, fourth powers %v, want %v, +Inf", m, quartic, want)
	}
	restored := welford.NewCovariance(3, true)
	if err := restored.UnmarshalBinary(bytesOfCovariance(t, c)); err != nil {
		t.Error(err)
	}
}

// Rows restored at any count end in the same bytes as those never stopped, and
// reading leaves no trace.
func TestCovarianceRestore(t *testing.T) {
	r := random(t)
	for _, quartic := range []bool{false, true} {
		rows := make([][]float64, 3*welford.RowBlock)
		for i := range rows {
			rows[i] = []float64{1e6 + r.NormFloat64(), r.ExpFloat64(), 3}
		}
		want := bytesOfCovariance(t, covarianceOf(rows, quartic))
		running := welford.NewCovariance(3, quartic)
		for i := range rows {
			restored := welford.NewCovariance(3, quartic)
			restored.Add([]float64{7, 7, 7})
			if err := restored.UnmarshalBinary(bytesOfCovariance(t, &running)); err != nil {
				t.Fatalf("after %d: %v", i, err)
			}
			for _, row := range rows[i:] {
				restored.Add(row)
			}
			if !bytes.Equal(bytesOfCovariance(t, &restored), want) {
				t.Fatalf("restored after %d of %d: other bytes at the end", i, len(rows))
			}
			running.Add(rows[i])
			read(&running)
		}
	}
}

// A part without whole blocks merges as its rows would, one by one.
func TestCovarianceMergeOfRows(t *testing.T) {
	r := random(t)
	rows := make([][]float64, 200)
	for i := range rows {
		rows[i] = []float64{r.NormFloat64(), r.NormFloat64()}
	}
	want := bytesOfCovariance(t, covarianceOf(rows, true))
	if got := bytesOfCovariance(t, mergedCovarianceOf(rows, []int{0, 70, 133, 196, 200}, true)); !bytes.Equal(got, want) {
		t.Error("small parts have other bytes than one stream")
	}
	whole := covarianceOf(rows, true)
	before := bytesOfCovariance(t, whole)
	c := covarianceOf(rows[:100], true)
	c.Merge(whole)
	if !bytes.Equal(bytesOfCovariance(t, whole), before) {
		t.Error("the merged part has changed")
	}
}

// Covariances in one slab are independent of each other.
func TestCovarianceInSlab(t *testing.T) {
	r := random(t)
	const d = 3
	size := welford.CovarianceWords(d, true)
	slab := make([]float64, 4*size)
	all := make([][][]float64, 4)
	for range 1000 {
		slot := r.IntN(4)
		row := []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
		c := welford.CovarianceIn(slab[slot*size:(slot+1)*size], d, true)
		c.Add(row)
		all[slot] = append(all[slot], row)
	}
	for slot, rows := range all {
		c := welford.CovarianceIn(slab[slot*size:(slot+1)*size], d, true)
		if !bytes.Equal(bytesOfCovariance(t, &c), bytesOfCovariance(t, covarianceOf(rows, true))) {
			t.Errorf("slot %d differs from a covariance of its own", slot)
		}
	}
}

func TestCovarianceNoAllocations(t *testing.T) {
	rows := make([][]float64, 70)
	for i := range rows {
		rows[i] = []float64{1, float64(i), 3}
	}
	c, o := covarianceOf(rows, true), covarianceOf(rows, true)
	data := bytesOfCovariance(t, c)
	f := func(name string, do func()) {
		t.Helper()
		if n := testing.AllocsPerRun(200, do); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	f("Add", func() { c.Add(rows[0]) })
	f("Merge", func() { c.Merge(o) })
	f("UnmarshalBinary", func() { o.UnmarshalBinary(data) })
	f("AppendBinary", func() { data, _ = o.AppendBinary(data[:0]) })
}

func TestCovarianceUnmarshalRefuses(t *testing.T) {
	rows := make([][]float64, 66)
	for i := range rows {
		rows[i] = []float64{1, float64(i * i)}
	}
	small := bytesOfCovariance(t, covarianceOf(rows[:2], true))
	large := bytesOfCovariance(t, covarianceOf(rows, true))
	const (
		count     = 5
		sum       = count + 8
		comoments = sum + 2*16
		third     = comoments + 3*16
		fourth    = third + 2*8
		waiting   = fourth + 8
	)
	f := func(what string, data []byte, change func(b []byte) []byte) {
		t.Helper()
		c := covarianceOf([][]float64{{7, 8}}, true)
		before := bytesOfCovariance(t, c)
		if c.UnmarshalBinary(change(slices.Clone(data))) == nil {
			t.Errorf("%s: accepted", what)
		}
		if !bytes.Equal(bytesOfCovariance(t, c), before) {
			t.Errorf("%s: refused, but the receiver has changed", what)
		}
	}
	set := func(i int, x float64) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint64(b[i:], math.Float64bits(x))
			return b
		}
	}
	rowsOf := func(n uint64) func([]byte) []byte { return set(count, math.Float64frombits(n)) }
	put := func(i int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[i] = v; return b }
	}
	for i := range large {
		f(fmt.Sprintf("cut to %d bytes", i), large, func(b []byte) []byte { return b[:i] })
	}
	f("a byte more", large, func(b []byte) []byte { return append(b, 0) })
	f("a row more", small, func(b []byte) []byte { return append(b, make([]byte, 16)...) })
	f("version 0", small, put(0, 0))
	f("version 2", small, put(0, 2))
	f("not quartic", small, put(1, 0))
	f("an unknown kind", small, put(1, 6))
	f("three members", small, put(2, 3))
	f("65,282 members", small, put(3, 255))
	f("64 rows", small, func(b []byte) []byte { return append([]byte{1, 2, 2, 0, 64}, make([]byte, 1024)...) })
	f("no blocks", large, rowsOf(0))
	f("a count that is no multiple of 64", large, rowsOf(65))
	f("a count beyond 2^53", large, rowsOf(1<<53+64))
	f("infinite sum", large, set(sum, math.Inf(1)))
	f("NaN sum", large, set(sum, math.NaN()))
	f("sum too large for the count", large, set(sum, 1e152))
	f("sum -0", large, set(sum, math.Copysign(0, -1)))
	f("sum not normalized", large, set(sum+8, 1))
	f("negative square", large, set(comoments, -1))
	f("NaN co-moment", large, set(comoments+16, math.NaN()))
	f("co-moment of -Inf", large, set(comoments+16, math.Inf(-1)))
	f("co-moment not normalized", large, set(comoments+24, 1))
	f("NaN third power", large, set(third, math.NaN()))
	f("infinite third power", large, set(third+8, math.Inf(1)))
	f("third power -0", large, set(third, math.Copysign(0, -1)))
	f("infinite fourth power beside third ones", large, set(fourth, math.Inf(1)))
	f("negative fourth power", large, set(fourth, -1))
	f("NaN fourth power", large, set(fourth, math.NaN()))
	f("fourth power -0", large, set(fourth, math.Copysign(0, -1)))
	f("NaN value", large, set(waiting, math.NaN()))
	f("infinite value", large, set(waiting+8, math.Inf(-1)))
	f("value beyond 1e150", large, set(waiting+16, 2e150))
	f("value -0", small, set(5, math.Copysign(0, -1)))
}

// The bits of co-moments are part of every checkpoint and artifact: this digest
// changes only with the version of the format, and holds on every processor.
func TestCovariancePinnedBits(t *testing.T) {
	const want = "bc0e1495a4897ed130893291343b4059c4d77bddbe5203ceddff66ffa5505a74"
	h := sha256.New()
	r := rand.New(rand.NewPCG(64, 64))
	for d := 1; d <= 9; d++ {
		rows := make([][]float64, 500)
		for i := range rows {
			rows[i] = make([]float64, d)
			for j := range rows[i] {
				rows[i][j] = math.Ldexp(r.Float64()-.5, r.IntN(40)) + float64(j)*1e6
			}
		}
		for _, c := range []*welford.Covariance{covarianceOf(rows, true), mergedCovarianceOf(rows, evenCuts(500, 7), true)} {
			h.Write(bytesOfCovariance(t, c))
			means, comoments, quartic := read(c)
			binary.Write(h, binary.LittleEndian, append(append(means, comoments...), quartic))
		}
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("final states have SHA-256 %s, want %s", got, want)
	}
}

// FuzzCovarianceUnmarshalBinary: what is accepted has exactly these bytes, and
// can be read, merged and continued.
func FuzzCovarianceUnmarshalBinary(f *testing.F) {
	rows := make([][]float64, 70)
	for i := range rows {
		rows[i] = []float64{1, float64(i)}
	}
	f.Add(bytesOfCovariance(f, covarianceOf(rows[:1], true)))
	f.Add(bytesOfCovariance(f, covarianceOf(rows, true)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := welford.NewCovariance(2, true)
		if c.UnmarshalBinary(data) != nil {
			if c.N() != 0 {
				t.Fatal("refused, but changed the receiver")
			}
			return
		}
		if !bytes.Equal(bytesOfCovariance(t, &c), data) {
			t.Fatalf("% x comes back as % x", data, bytesOfCovariance(t, &c))
		}
		o := covarianceOf(rows, true)
		o.Merge(&c)
		c.Merge(o)
		for _, merged := range []*welford.Covariance{o, &c} {
			means, comoments, quartic := read(merged)
			for _, x := range append(append(means, comoments...), quartic) {
				if math.IsNaN(x) {
					t.Fatalf("%x: means %v, co-moments %v, fourth powers %v", data, means, comoments, quartic)
				}
			}
		}
	})
}

func benchmarkCovariance(b *testing.B, d int, quartic bool) {
	x := normals(1 << 16)
	c := welford.NewCovariance(d, quartic)
	b.ReportAllocs()
	for i := 0; b.Loop(); i += d {
		c.Add(x[i&(1<<15-1):][:d])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkCovariance3(b *testing.B)         { benchmarkCovariance(b, 3, false) }
func BenchmarkCovariance8(b *testing.B)         { benchmarkCovariance(b, 8, false) }
func BenchmarkCovariance64(b *testing.B)        { benchmarkCovariance(b, 64, false) }
func BenchmarkCovariance64Quartic(b *testing.B) { benchmarkCovariance(b, 64, true) }
func BenchmarkCovariance512(b *testing.B)       { benchmarkCovariance(b, 512, false) }
