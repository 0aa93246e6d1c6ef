package scale

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sampleOf is the sample of rows, rounded once from exact arithmetic.
func sampleOf(rows [][]float64) Sample {
	wide := func() *big.Float { return new(big.Float).SetPrec(400) }
	d, n := len(rows[0]), wide().SetInt64(int64(len(rows)))
	s := Sample{N: uint64(len(rows)), Comoments: make([]float64, 0, d*(d+1)/2)}
	centered := make([][]*big.Float, d)
	for j := range d {
		mean := wide()
		for _, row := range rows {
			mean.Add(mean, wide().SetFloat64(row[j]))
		}
		mean.Quo(mean, n)
		for _, row := range rows {
			centered[j] = append(centered[j], wide().Sub(wide().SetFloat64(row[j]), mean))
		}
		m, _ := mean.Float64()
		s.Mean = append(s.Mean, m)
	}
	squares := make([]*big.Float, len(rows))
	for i := range d {
		for j := range i + 1 {
			sum := wide()
			for r := range rows {
				product := wide().Mul(centered[i][r], centered[j][r])
				sum.Add(sum, product)
				if i == j && i == 0 {
					squares[r] = product
				} else if i == j {
					squares[r].Add(squares[r], product)
				}
			}
			c, _ := sum.Float64()
			s.Comoments = append(s.Comoments, c)
		}
	}
	quartic := wide()
	for _, q := range squares {
		quartic.Add(quartic, q.Mul(q, q))
	}
	s.Quartic, _ = quartic.Float64()
	return s
}

// covariance is the d x d covariance of ddof 1.
func (s Sample) covariance() [][]float64 {
	c := make([][]float64, len(s.Mean))
	for i := range c {
		c[i] = make([]float64, len(s.Mean))
		for j := range c {
			c[i][j] = s.Comoments[max(i, j)*(max(i, j)+1)/2+min(i, j)] / float64(s.N-1)
		}
	}
	return c
}

// learned is a projection with its numbers.
type learned struct {
	Step
	in, out    int
	p, w, b    []float64
	covariance [][]float64
}

func learn(t testing.TB, w Whitening, s Sample) learned {
	t.Helper()
	p, err := WhiteningParams([]float64{7}, w, s)
	if err != nil {
		t.Fatalf("%+v: %v", w, err)
	}
	p = p[1:]
	d := len(s.Mean)
	k := (len(p)/d - 1) / 2
	if width, ok := w.Width(d); ok && width != k {
		t.Fatalf("%+v: %d outputs, want %d", w, k, width)
	}
	return learned{NewProjection(d, k), d, k, p, p[d:][:d*k], p[d+d*k:], s.covariance()}
}

func (l learned) transform(x []float64) []float64 {
	z := make([]float64, l.out)
	l.Transform(z, x, l.p)
	return z
}

func (l learned) inverse(z []float64) []float64 {
	x := make([]float64, l.in)
	l.Inverse(x, z, l.p)
	return x
}

// whitened returns W C W'.
func (l learned) whitened() [][]float64 {
	m := make([][]float64, l.out)
	for i := range m {
		m[i] = make([]float64, l.out)
		wi := l.w[i*l.in:][:l.in]
		for j := range m {
			wj := l.w[j*l.in:][:l.in]
			for a, row := range l.covariance {
				m[i][j] += wi[a] * dot(row, wj)
			}
		}
	}
	return m
}

// checkIdentity holds W C W' to be a projection of the rank: the identity where
// the rank is full, and for pca and cholesky zeros beside it where it is not.
func (l learned) checkIdentity(t *testing.T, rank int, bar float64) {
	t.Helper()
	m := l.whitened()
	trace := 0.0
	for i := range m {
		trace += m[i][i]
		for j := range m {
			square := 0.0
			for k := range m {
				square += m[i][k] * m[k][j]
			}
			if !(math.Abs(square-m[i][j]) <= bar) {
				t.Errorf("P = W C W' is %v at %d, %d, P P %v: want them within %v", m[i][j], i, j, square, bar)
			}
			if rank == l.out && !(math.Abs(m[i][j]-oneIf(i == j)) <= bar) {
				t.Errorf("W C W' is %v at %d, %d, want the identity within %v", m[i][j], i, j, bar)
			}
		}
	}
	if !(math.Abs(trace-float64(rank)) <= bar*float64(l.out)) {
		t.Errorf("W C W' has trace %v, want the rank %d", trace, rank)
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// whitenGolden is one case of whiten.json.
type whitenGolden struct {
	Name      string
	Params    struct{ Method string }
	Train     [][]float64
	Rank      int
	Condition float64
	Fitted    struct {
		Mean       []float64   `json:"mean_"`
		Covariance [][]float64 `json:"covariance_"`
		Variance   []float64   `json:"explained_variance_"`
		Components [][]float64 `json:"components_"`
		Whiten     [][]float64 `json:"whiten_"`
		Unwhiten   [][]float64 `json:"unwhiten_"`
	}
	Test, Transform, Inverse [][]float64
}

func eachWhitenGolden(t *testing.T, f func(t *testing.T, c whitenGolden, w Whitening)) {
	var cases []whitenGolden
	readGolden(t, "scalers/whiten.json", &cases)
	if len(cases) != 32 {
		t.Fatalf("whiten.json has %d cases, want 32", len(cases))
	}
	for _, c := range cases {
		w, err := DefaultWhitening(c.Params.Method)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(c.Name, func(t *testing.T) { f(t, c, w) })
	}
}

// TestGoldenWhitenFrozen projects with the golden matrices.
func TestGoldenWhitenFrozen(t *testing.T) {
	eachWhitenGolden(t, func(t *testing.T, c whitenGolden, _ Whitening) {
		d, k := len(c.Fitted.Mean), len(c.Fitted.Whiten)
		l := learned{Step: NewProjection(d, k), in: d, out: k, p: slices.Clone(c.Fitted.Mean)}
		l.p = append(append(l.p, slices.Concat(c.Fitted.Whiten...)...), slices.Concat(c.Fitted.Unwhiten...)...)
		for i, x := range c.Test {
			z := l.transform(x)
			for j, row := range c.Fitted.Whiten {
				sum := 1.0
				for a := range x {
					sum += math.Abs(row[a] * (x[a] - c.Fitted.Mean[a]))
				}
				if !(math.Abs(z[j]-c.Transform[i][j]) <= 1e-12*sum) {
					t.Errorf("transform(%v) = %v, want %v", x, z, c.Transform[i])
				}
			}
			back := l.inverse(c.Transform[i])
			for j, row := range c.Fitted.Unwhiten {
				sum := 1 + math.Abs(c.Fitted.Mean[j])
				for a, v := range c.Transform[i] {
					sum += math.Abs(row[a] * v)
				}
				if !(math.Abs(back[j]-c.Inverse[i][j]) <= 1e-12*sum) {
					t.Errorf("inverse(%v) = %v, want %v", c.Transform[i], back, c.Inverse[i])
				}
			}
		}
	})
}

// TestGoldenWhitenFit derives the matrices from the training rows. Where the
// condition is beyond 1e6 the bar grows with it: the covariance that float64
// can hold is known to that many digits.
func TestGoldenWhitenFit(t *testing.T) {
	eachWhitenGolden(t, func(t *testing.T, c whitenGolden, w Whitening) {
		s := sampleOf(c.Train)
		l := learn(t, w, s)
		if c.Condition <= 1e6 {
			l.checkIdentity(t, c.Rank, 1e-9)
		}
		bar := 1e-14 * max(c.Condition, 1e5)
		if strings.HasPrefix(c.Name, "scales") { // only the units are far apart
			bar = 1e-9
		}
		c.compare(t, "W", l.w, l.in, c.Fitted.Whiten, bar)
		c.compare(t, "B", l.b, l.out, c.Fitted.Unwhiten, bar)
		c.checkAxes(t, s, bar)
	})
}

// compare holds got, rows of width numbers, against want to bar of the largest
// number of each row. Rows and columns of got beyond those of want must be 0.
func (c whitenGolden) compare(t *testing.T, what string, got []float64, width int, want [][]float64, bar float64) {
	t.Helper()
	for i := range len(got) / width {
		row, wanted := got[i*width:][:width], make([]float64, width)
		if i < len(want) {
			copy(wanted, want[i])
		}
		most := 0.0
		for _, v := range wanted {
			most = max(most, math.Abs(v))
		}
		for j := range row {
			if !(math.Abs(row[j]-wanted[j]) <= bar*most) {
				t.Errorf("%s row %d is %v, want %v within %v", what, i, row, wanted, bar)
				break
			}
		}
	}
}

// checkAxes holds the rank, the variances and the signs of the components.
func (c whitenGolden) checkAxes(t *testing.T, s Sample, bar float64) {
	t.Helper()
	g, err := s.group()
	if err != nil {
		t.Fatal(err)
	}
	axes, err := eigen(g.cov, g.floor())
	if err != nil || len(axes) != c.Rank {
		t.Fatalf("%d axes, %v, want %d", len(axes), err, c.Rank)
	}
	if c.Condition <= 1e6 {
		bar = 1e-9
	}
	for i, a := range axes {
		if want := c.Fitted.Variance[i]; !(math.Abs(a.variance-want) <= bar*want) {
			t.Errorf("variance %d is %v, want %v within %v", i, a.variance, want, bar)
		}
		c.compare(t, "component", a.direction, g.d, c.Fitted.Components[i:i+1], bar)
	}
}

// whole are rows of whole numbers by a rule that tests in other languages can
// follow; the last member depends on the first in part.
func whole(n, d int) [][]float64 {
	state, rows := uint64(12345), make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, d)
		for j := range d {
			state = (state*1103515245 + 12345) % (1 << 31)
			rows[i][j] = float64(state / 65536 % 1000)
		}
		rows[i][d-1] += 3 * rows[i][0]
	}
	return rows
}

// TestLedoitWolf compares with sklearn.covariance.ledoit_wolf of scikit-learn
// 1.9.1 on the same rows: its shrinkage and two numbers of its covariance.
func TestLedoitWolf(t *testing.T) {
	for _, c := range []struct {
		n, d                     int
		shrinkage, first, second float64
	}{
		{10, 3, 0.25298463205304994, 108262.94241712426, -5958.456030123655},
		{200, 3, 0.009644325889042609, 79693.57073941687, -11536.864044923783},
		{50, 8, 0.05156758669530292, 100468.44739860728, 3224.8538217511846},
		{40, 40, 0.4070088526435027, 89401.6753291576, -5643.924444256816},
		{500, 2, 0.004104664750156355, 86135.30298494556, 248771.0506479956},
		{7, 1, 0, 1878339.918367347, 1878339.918367347},
	} {
		s := sampleOf(whole(c.n, c.d))
		g, err := s.group()
		if err != nil {
			t.Fatal(err)
		}
		n := float64(c.n)
		if got := g.ledoitWolf(n, s.Quartic); !(math.Abs(got-c.shrinkage) <= 1e-12) {
			t.Errorf("%d rows of %d: shrinkage %v, want %v", c.n, c.d, got, c.shrinkage)
		}
		if err := g.shrink(Whitening{Method: ZCA, LedoitWolf: true}, s); err != nil {
			t.Fatal(err)
		}
		first, second := g.cov[0]*(n-1)/n, g.cov[min(1, c.d-1)*c.d]*(n-1)/n
		if !(math.Abs(first/c.first-1) <= 1e-12 && math.Abs(second/c.second-1) <= 1e-12) {
			t.Errorf("%d rows of %d: covariance %v, %v, want %v, %v", c.n, c.d, first, second, c.first, c.second)
		}
	}
}

// TestComponents compares with sklearn.decomposition.PCA of scikit-learn 1.9.1.
func TestComponents(t *testing.T) {
	rows := whole(200, 6)
	s := sampleOf(rows)
	for share, want := range map[float64]int{.3: 1, .5: 1, .9: 4, .99: 5, .999999: 6} {
		if l := learn(t, Whitening{Method: PCA, NComponents: share}, s); l.out != want {
			t.Errorf("n_components %v keeps %d, want %d", share, l.out, want)
		}
	}
	l := learn(t, Whitening{Method: PCA, NComponents: 2}, s)
	for i, want := range [][]float64{{-526.7719834943192, -699.6220926383634}, {964.4287800827431, 265.94971996422396}} {
		z := l.transform(rows[i])
		if !(math.Abs(z[0]-want[0]) <= 1e-9 && math.Abs(z[1]-want[1]) <= 1e-9) {
			t.Errorf("row %d becomes %v, want %v", i, z, want)
		}
	}
	all := learn(t, Whitening{Method: PCA}, s)
	back := all.inverse(all.transform(rows[3]))
	for j, x := range rows[3] {
		if !(math.Abs(back[j]-x) <= 1e-9) {
			t.Errorf("without whitening %v comes back as %v", rows[3], back)
		}
	}
}

// spread returns a sample of d members whose covariance has eigenvalues from 1
// down to 1/condition, in the axes of random reflections.
func spread(r *rand.Rand, d int, condition float64) Sample {
	c := make([]float64, d*d)
	for i := range d {
		c[i*d+i] = math.Pow(condition, -float64(i)/float64(max(d-1, 1)))
	}
	for range 3 { // C becomes H C H, H = I - 2 v v' / v'v
		v, cv := make([]float64, d), make([]float64, d)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		vv := dot(v, v)
		for i := range v {
			cv[i] = dot(c[i*d:(i+1)*d], v)
		}
		vcv := dot(v, cv)
		for i := range d {
			for j := range d {
				c[i*d+j] += -2*v[i]*cv[j]/vv - 2*cv[i]*v[j]/vv + 4*v[i]*v[j]*vcv/(vv*vv)
			}
		}
	}
	s := Sample{N: 2, Mean: make([]float64, d)}
	for i := range d {
		for j := range i + 1 {
			s.Comoments = append(s.Comoments, (c[i*d+j]+c[j*d+i])/2)
		}
	}
	return s
}

// TestWhitened: W C W' = I and W B = I for every method, to condition 1e6.
func TestWhitened(t *testing.T) {
	r := random(t)
	for _, d := range []int{1, 2, 3, 5, 17, 64} {
		for _, condition := range []float64{1, 10, 1e6} {
			s := spread(r, d, condition)
			for _, method := range methods {
				w, _ := DefaultWhitening(method)
				l := learn(t, w, s)
				l.checkIdentity(t, d, 1e-9)
				for i := range d {
					for j := range d {
						sum := 0.0
						for a := range d {
							sum += l.w[i*d+a] * l.b[a*d+j]
						}
						if !(math.Abs(sum-oneIf(i == j)) <= 1e-9) {
							t.Fatalf("%s of %d members, condition %v: W B is %v at %d, %d", method, d, condition, sum, i, j)
						}
					}
				}
			}
		}
	}
}

// TestShapes: zca is symmetric, zca_cor is zca of the standardized members, and
// cholesky is an upper triangle.
func TestShapes(t *testing.T) {
	s := sampleOf(whole(100, 5))
	zca, chol := learn(t, Whitening{Method: ZCA}, s), learn(t, Whitening{Method: Cholesky}, s)
	for i := range 5 {
		for j := range i {
			if !(math.Abs(zca.w[i*5+j]-zca.w[j*5+i]) <= 1e-15) {
				t.Errorf("zca: W is %v at %d, %d and %v across", zca.w[i*5+j], i, j, zca.w[j*5+i])
			}
			if chol.w[i*5+j] != 0 || chol.b[i*5+j] != 0 {
				t.Errorf("cholesky: W and B are %v and %v at %d, %d, want 0", chol.w[i*5+j], chol.b[i*5+j], i, j)
			}
		}
	}
	cor := learn(t, Whitening{Method: ZCACor}, s)
	for i := range 5 {
		s.Scale = append(s.Scale, math.Sqrt(s.Comoments[i*(i+3)/2]/float64(s.N-1)))
	}
	scaled := learn(t, Whitening{Method: ZCA}, s)
	for i := range cor.p {
		if !(math.Abs(cor.p[i]-scaled.p[i]) <= 1e-13*max(1, math.Abs(cor.p[i]))) {
			t.Errorf("zca_cor has %v at %d, zca of standardized members %v", cor.p[i], i, scaled.p[i])
		}
	}
}

// TestScale: members with a scale are whitened as their scaled values would be.
func TestScale(t *testing.T) {
	rows := whole(100, 4)
	scale := []float64{3, 1e-4, 1e5, 70}
	s := sampleOf(rows)
	s.Scale = scale
	divided := make([][]float64, len(rows))
	for i, row := range rows {
		for j, x := range row {
			divided[i] = append(divided[i], x/scale[j])
		}
	}
	for _, w := range []Whitening{{Method: PCA, NComponents: 2}, {Method: PCA, Whiten: true}, {Method: ZCA, Shrinkage: .1}, {Method: ZCACor, Shrinkage: .2}, {Method: Cholesky}} {
		l, plain := learn(t, w, s), learn(t, w, sampleOf(divided))
		for i, row := range rows {
			z, want := l.transform(row), plain.transform(divided[i])
			back := l.inverse(z)
			wantBack := plain.inverse(want)
			for j := range z {
				if !(math.Abs(z[j]-want[j]) <= 1e-9*max(1, math.Abs(want[j]))) {
					t.Fatalf("%+v: %v becomes %v, want %v", w, row, z, want)
				}
			}
			for j := range back {
				if !(math.Abs(back[j]-wantBack[j]*scale[j]) <= 1e-9*1e6) {
					t.Fatalf("%+v: %v comes back as %v", w, row, back)
				}
			}
		}
	}
}

// TestDependent: members that are constant or follow from others take a
// direction away; nothing explodes, and training rows come back.
func TestDependent(t *testing.T) {
	r := random(t)
	f := func(name string, rank int, row func() []float64) {
		t.Helper()
		rows := make([][]float64, 300)
		for i := range rows {
			rows[i] = row()
		}
		s := sampleOf(rows)
		for _, method := range methods {
			w, _ := DefaultWhitening(method)
			l := learn(t, w, s)
			if rank > 0 {
				l.checkIdentity(t, rank, 1e-6)
			}
			for _, x := range rows {
				z := l.transform(x)
				for _, v := range z {
					if !(math.Abs(v) < 10) {
						t.Fatalf("%s, %s: %v becomes %v", name, method, x, z)
					}
				}
				for j, v := range l.inverse(z) {
					sd := math.Sqrt(s.Comoments[j*(j+3)/2] / 299)
					if !(math.Abs(v-x[j]) <= 1e-6*sd+1e-15*math.Abs(x[j])) {
						t.Fatalf("%s, %s: %v comes back as %v", name, method, x, l.inverse(z))
					}
				}
			}
		}
	}
	f("all constant", 0, func() []float64 { return []float64{4, -1e9, 0} })
	f("one constant", 2, func() []float64 { return []float64{r.NormFloat64(), .1, 5 + 1e3*r.NormFloat64()} })
	f("a doubled member", 2, func() []float64 {
		x, y := r.NormFloat64(), 1e6*r.NormFloat64()
		return []float64{x, y, x}
	})
	f("a sum in another unit", 2, func() []float64 {
		x, y := r.NormFloat64(), 20+r.NormFloat64()
		return []float64{1e6 * (x + y), x, y}
	})
	f("a sum of values far from 0", 2, func() []float64 {
		x, y := 1e9+r.NormFloat64(), 1e9+r.NormFloat64()
		return []float64{x, x + y, y}
	})
	f("one direction", 1, func() []float64 {
		x := r.NormFloat64()
		return []float64{x, -2 * x, 1e-3 * x, 1e100 * x}
	})
	f("the rounding of one value", 1, func() []float64 {
		return []float64{r.NormFloat64(), math.Nextafter(1e15, 1e15+float64(r.IntN(2)))}
	})
}

// TestNearlyDependent: members that differ in the sixth digit are not dropped.
func TestNearlyDependent(t *testing.T) {
	r := random(t)
	rows := make([][]float64, 500)
	for i := range rows {
		x := r.NormFloat64()
		rows[i] = []float64{x, x + 1e-6*r.NormFloat64()}
	}
	s := sampleOf(rows)
	for _, method := range methods {
		w, _ := DefaultWhitening(method)
		learn(t, w, s).checkIdentity(t, 2, 1e-2)
	}
}

// TestFewRows: one row is its own mean, and no rows leave all missing.
func TestFewRows(t *testing.T) {
	for _, method := range methods {
		w, _ := DefaultWhitening(method)
		l := learn(t, w, sampleOf([][]float64{{3, 4e9}}))
		if z := l.transform([]float64{5, 6}); z[0] != 0 || z[1] != 0 {
			t.Errorf("%s of one row: %v, want 0, 0", method, z)
		}
		if x := l.inverse([]float64{1, 2}); x[0] != 3 || x[1] != 4e9 {
			t.Errorf("%s of one row: inverse %v, want the row", method, x)
		}
		none := learn(t, w, Sample{Mean: []float64{math.NaN(), math.NaN()}, Comoments: make([]float64, 3)})
		for _, v := range append(none.transform([]float64{5, 6}), none.inverse([]float64{5, 6})...) {
			if !math.IsNaN(v) {
				t.Errorf("%s of no rows: %v, want NaN", method, v)
			}
		}
	}
	if l := learn(t, Whitening{Method: PCA, NComponents: .5}, Sample{Mean: make([]float64, 2), Comoments: make([]float64, 3)}); l.out != 1 {
		t.Errorf("a share of no rows has %d outputs, want 1", l.out)
	}
	if l := learn(t, Whitening{Method: PCA, NComponents: .5}, sampleOf([][]float64{{3, 4}})); l.out != 1 {
		t.Errorf("a share of no variance has %d outputs, want 1", l.out)
	}
}

// TestShrinkage: all of it makes every method divide by one number.
func TestShrinkage(t *testing.T) {
	s := sampleOf(whole(100, 3))
	c := s.covariance()
	want := 1 / math.Sqrt((c[0][0]+c[1][1]+c[2][2])/3)
	for _, method := range methods {
		w, _ := DefaultWhitening(method)
		w.Shrinkage = 1
		l := learn(t, w, s)
		for i, v := range l.w {
			if !(math.Abs(v-want*oneIf(i%4 == 0)) <= 1e-15) {
				t.Errorf("%s, shrinkage 1: W %v, want %v on the diagonal", method, l.w, want)
				break
			}
		}
	}
}

func TestWhiteningRefuses(t *testing.T) {
	f := func(w Whitening, members int, want string) {
		t.Helper()
		if err := w.Validate(members); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v of %d members: %v, want an error with %q", w, members, err, want)
		}
	}
	f(Whitening{Method: "ica"}, 3, "pca, zca, zca_cor, cholesky")
	f(Whitening{Method: ZCA}, 0, "1 to 512")
	f(Whitening{Method: ZCA}, 513, "1 to 512")
	f(Whitening{Method: ZCA, NComponents: 2}, 3, "option of pca")
	f(Whitening{Method: Cholesky, Whiten: true}, 3, "option of pca")
	f(Whitening{Method: PCA, NComponents: 4}, 3, "from 1 to 3")
	f(Whitening{Method: PCA, NComponents: 1.5}, 3, "whole number")
	f(Whitening{Method: PCA, NComponents: -.5}, 3, "whole number")
	f(Whitening{Method: PCA, NComponents: math.NaN()}, 3, "whole number")
	f(Whitening{Method: ZCA, Shrinkage: 1.1}, 3, "0 to 1")
	f(Whitening{Method: ZCA, Shrinkage: math.NaN()}, 3, "0 to 1")
	f(Whitening{Method: ZCA, Shrinkage: .1, LedoitWolf: true}, 3, "one of them")
	if _, err := DefaultWhitening("PCA"); err == nil {
		t.Error("method PCA accepted")
	}

	refused := func(w Whitening, s Sample, want string) {
		t.Helper()
		if _, err := WhiteningParams(nil, w, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v of %+v: %v, want an error with %q", w, s, err, want)
		}
	}
	inf := math.Inf(1)
	two := func(a, b, c float64) Sample {
		return Sample{N: 2, Mean: []float64{0, 0}, Comoments: []float64{a, b, c}, Quartic: inf}
	}
	refused(Whitening{Method: "ica"}, two(1, 0, 1), "ica")
	refused(Whitening{Method: ZCA}, two(1, inf, 1), "members 0 and 1 is +Inf")
	refused(Whitening{Method: ZCA}, two(1.7e308, 0, 1.7e308), "add up")
	refused(Whitening{Method: ZCA, LedoitWolf: true}, two(1, 0, 1), "fourth powers is +Inf")
	refused(Whitening{Method: PCA, Whiten: true}, two(1, 1e200, 2), "no rows have these co-moments")
	scaled := two(1, 0, 1)
	scaled.Scale = []float64{1, 1}
	refused(Whitening{Method: ZCA, LedoitWolf: true}, scaled, "scaler none")
	if diagonalize([][]float64{{1, 0}, {1, 1}}, 1) {
		t.Error("rows that were just turned count as done")
	}
}

// TestProjectionLaws: what every Step promises.
func TestProjectionLaws(t *testing.T) {
	r := random(t)
	for _, size := range [][2]int{{1, 1}, {3, 3}, {3, 2}, {5, 4}, {16, 16}, {17, 9}, {17, 16}, {64, 64}, {MaxMembers, MaxMembers}} {
		in, out := size[0], size[1]
		step := NewProjection(in, out)
		if a, b := step.Dims(); a != in || b != out {
			t.Errorf("Dims() = %d, %d, want %d, %d", a, b, in, out)
		}
		p, x, y := make([]float64, in+2*in*out), make([]float64, in+1), make([]float64, in+1)
		for _, v := range [][]float64{p, x, y} {
			for i := range v {
				v[i] = r.NormFloat64()
			}
		}
		check := func(what string, apply func(dst, x, p []float64), from []float64, to, bias int) {
			n := len(from)
			want := make([]float64, to)
			for i := range want {
				m := p[in:][i*n:]
				if bias > 0 {
					m = p[in+in*out:][i*n:]
				}
				for j, v := range from {
					if bias == 0 {
						v -= p[j]
					}
					want[i] += m[j] * v
				}
				if bias > 0 {
					want[i] += p[i]
				}
			}
			beside, inPlace := make([]float64, to+1), append(slices.Clone(from), make([]float64, in)...)
			beside[to] = 7
			apply(beside, from, p)
			apply(inPlace, inPlace[:n], p)
			for i := range want {
				if !(math.Abs(beside[i]-want[i]) <= 1e-11) || beside[i] != inPlace[i] {
					t.Fatalf("%s of %d, %d: output %d is %v, in place %v, want %v", what, in, out, i, beside[i], inPlace[i], want[i])
				}
			}
			if beside[to] != 7 {
				t.Errorf("%s of %d, %d wrote past its outputs", what, in, out)
			}
			if n := testing.AllocsPerRun(10, func() { apply(beside, from, p) }); n != 0 {
				t.Errorf("%s allocates %v times", what, n)
			}
			allMissing := func(x, p []float64) {
				t.Helper()
				apply(beside, x, p)
				for _, v := range beside[:to] {
					if !math.IsNaN(v) {
						t.Fatalf("%s of %d, %d: %v, want NaN", what, in, out, beside[:to])
					}
				}
			}
			lacking := slices.Clone(from)
			lacking[r.IntN(n)] = math.NaN()
			allMissing(lacking, p)
			allMissing(from, nil)
			allMissing(from, []float64{})
			allMissing(from, slices.Repeat([]float64{math.NaN()}, len(p)))
		}
		check("transform", step.Transform, x[:in], out, 0)
		check("inverse", step.Inverse, y[:out], in, 1)
	}
}

// The bits of these numbers are part of the artifact: this digest holds on
// every processor.
func TestWhiteningPinnedBits(t *testing.T) {
	const want = "dbc05e73334eb947a1775415d9ff4e8b4a0338e6cfa9cf79bed57f80792463d8"
	h := sha256.New()
	for d := 1; d <= 20; d++ {
		rows := whole(60, d)
		s := sampleOf(rows)
		for _, w := range []Whitening{
			{Method: PCA}, {Method: PCA, Whiten: true, NComponents: .8}, {Method: ZCA}, {Method: ZCACor}, {Method: Cholesky},
			{Method: ZCA, Shrinkage: .3}, {Method: PCA, LedoitWolf: true},
		} {
			l := learn(t, w, s)
			binary.Write(h, binary.LittleEndian, l.p)
			z := l.transform(rows[7])
			binary.Write(h, binary.LittleEndian, z)
			binary.Write(h, binary.LittleEndian, l.inverse(z))
		}
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("SHA-256 %s, want %s", got, want)
	}
}

// FuzzWhitening: whatever co-moments a file claims, the numbers are finite or
// there is an error.
func FuzzWhitening(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	b, _ := json.Marshal(sampleOf(whole(9, 3)))
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		const d = 3
		s := Sample{N: 5, Mean: make([]float64, d), Comoments: make([]float64, d*(d+1)/2)}
		for i := 0; len(data) >= 8 && i < d*(d+3)/2; i, data = i+1, data[8:] {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data))
			if i < d && math.Abs(v) <= maxMagnitude {
				s.Mean[i] = v
			} else if i >= d {
				s.Comoments[i-d] = v
			}
		}
		for _, method := range methods {
			w, _ := DefaultWhitening(method)
			p, err := WhiteningParams(nil, w, s)
			if err != nil {
				continue
			}
			for _, v := range p {
				if v-v != 0 {
					t.Fatalf("%s of %+v: %v", method, s, p)
				}
			}
		}
	})
}

func BenchmarkProjection(b *testing.B) {
	for _, d := range []int{3, 8, 64} {
		s := spread(rand.New(rand.NewPCG(1, 2)), d, 100)
		l := learn(b, Whitening{Method: ZCA}, s)
		x, z := make([]float64, d), make([]float64, d)
		for i := range x {
			x[i] = float64(i)
		}
		b.Run(fmt.Sprintf("d=%d", d), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Transform(z, x, l.p)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkWhiteningParams(b *testing.B) {
	for _, d := range []int{3, 64, 512} {
		s := spread(rand.New(rand.NewPCG(1, 2)), d, 1e6)
		for _, method := range methods {
			w, _ := DefaultWhitening(method)
			b.Run(fmt.Sprintf("%s/d=%d", method, d), func(b *testing.B) {
				for b.Loop() {
					if _, err := WhiteningParams(nil, w, s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
