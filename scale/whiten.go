package scale

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Methods of whitening.
const (
	PCA      = "pca"
	ZCA      = "zca"
	ZCACor   = "zca_cor"
	Cholesky = "cholesky"
)

var methods = []string{PCA, ZCA, ZCACor, Cholesky}

// A Whitening names a method and its options, with scikit-learn's names where it
// has them. Options of other methods are zero.
//
// With the covariance C (ddof 1), its axes U in rows and variances L, and the
// correlation P = V^-1/2 C V^-1/2, the methods make of centered members
// (Kessy, Lewin and Strimmer, "Optimal Whitening and Decorrelation", 2018):
//
//	pca       L^-1/2 U        the principal components, largest first
//	zca       U' L^-1/2 U     as near to the members as whitened data can be
//	zca_cor   P^-1/2 V^-1/2   as near to the standardized members
//	cholesky  R, R'R = C^-1   upper triangle: the last output depends on the last member alone
type Whitening struct {
	Method string `json:"method"`

	// NComponents is how many components pca keeps, or between 0 and 1 the share
	// of variance that they must exceed. 0 is all.
	NComponents float64 `json:"n_components,omitempty"`

	// Whiten brings the components of pca to variance 1; without it they keep
	// their own.
	Whiten bool `json:"whiten,omitempty"`

	// Shrinkage from 0 to 1 moves the covariance C towards tr C / d times the
	// identity: (1-s) C + s tr(C)/d I, as ShrunkCovariance does.
	Shrinkage float64 `json:"shrinkage,omitempty"`

	// LedoitWolf derives the shrinkage from the data, as LedoitWolf does.
	LedoitWolf bool `json:"ledoit_wolf,omitempty"`
}

// DefaultWhitening returns the method with its default options. Its error lists
// the methods.
func DefaultWhitening(method string) (Whitening, error) {
	if !slices.Contains(methods, method) {
		return Whitening{}, unknownMethod(method)
	}
	return Whitening{Method: method, Whiten: method == PCA}, nil
}

func unknownMethod(method string) error {
	return fmt.Errorf("method %q: must be one of %s", method, strings.Join(methods, ", "))
}

// Validate reports the first option that is out of its range for a group of so
// many members, or that belongs to another method.
func (w Whitening) Validate(members int) error {
	n := w.NComponents
	switch {
	case !slices.Contains(methods, w.Method):
		return unknownMethod(w.Method)
	case members < 1 || members > MaxMembers:
		return fmt.Errorf("%d members: must be 1 to %d", members, MaxMembers)
	case n != 0 && w.Method != PCA:
		return fmt.Errorf("n_components is an option of %s, not of %s", PCA, w.Method)
	case w.Whiten && w.Method != PCA:
		return fmt.Errorf("whiten is an option of %s, not of %s, which always whitens", PCA, w.Method)
	case !(n >= 0) || n > 1 && n != math.Trunc(n) || n > float64(members):
		return fmt.Errorf("n_components %v of %d members: must be a whole number from 1 to %d, or a share of variance between 0 and 1", n, members, members)
	case !(0 <= w.Shrinkage && w.Shrinkage <= 1):
		return fmt.Errorf("shrinkage %v: must be 0 to 1", w.Shrinkage)
	case w.LedoitWolf && w.Shrinkage != 0:
		return fmt.Errorf("shrinkage %v with ledoit_wolf, which derives it: set one of them", w.Shrinkage)
	}
	return nil
}

// Width returns the number of outputs of a group of so many members. It is not
// ok where a share of variance decides, which is known only when all is learned.
func (w Whitening) Width(members int) (outputs int, ok bool) {
	switch n := w.NComponents; {
	case n == 0:
		return members, true
	case n < 1:
		return 0, false
	default:
		return int(n), true
	}
}

// A Sample is what whitening needs to know of the rows that were learned: those
// in which no member is missing.
type Sample struct {
	N    uint64
	Mean []float64 // d

	// Comoments are the sums of (x_i-mean_i)(x_j-mean_j), element (i, j) with
	// j <= i at i(i+1)/2+j.
	Comoments []float64

	// Quartic is the sum of |x-mean|^4. Only LedoitWolf reads it.
	Quartic float64

	// Scale holds what the members are divided by before they are whitened, as
	// the scaler standard does; nil is 1 for all.
	Scale []float64
}

// WhiteningParams appends the numbers of a Projection: d
// means, W and B. They have n = d + 2 d k numbers, k being the outputs: where a
// share of variance decides, k is (n/d - 1) / 2. The members' Scale is part of W
// and B. All are NaN where N is 0; a share then keeps one output.
//
// A member that is constant, or that follows from others (its variance given
// theirs is below 64 d 2^-52 of its own, or below the rounding of its values),
// takes its direction out of the data: pca gives 0 for the components beyond the
// rank, zca and zca_cor project, cholesky gives 0 for the first such member.
// W C W' is the identity on what is left, and Inverse brings it back: for data
// that keep to those directions exactly, but for rounding.
//
// It fails where co-moments or results are beyond float64, and for LedoitWolf on
// members with a Scale.
func WhiteningParams(p []float64, w Whitening, s Sample) ([]float64, error) {
	d := len(s.Mean)
	if err := w.Validate(d); err != nil {
		return nil, err
	}
	if s.N == 0 {
		width, _ := w.Width(d)
		return appendMissing(p, d+2*d*max(width, 1)), nil
	}
	g, err := s.group()
	if err != nil {
		return nil, err
	}
	if err := g.shrink(w, s); err != nil {
		return nil, err
	}
	if w.Method == ZCACor {
		g.standardize()
	}
	matrices, err := g.solve(w)
	if err != nil {
		return nil, err
	}
	for _, v := range matrices {
		if v-v != 0 {
			return nil, fmt.Errorf("%s of %d rows gives %v: no rows have these co-moments, or members differ too far in size; bring them to like units", w.Method, s.N, v)
		}
	}
	p = append(p, s.Mean...)
	return append(p, matrices...), nil
}

func appendMissing(p []float64, n int) []float64 {
	p = slices.Grow(p, n)[:len(p)+n]
	missing(p[len(p)-n:])
	return p
}

// A group is what is known of the scaled members of a sample.
type group struct {
	d        int
	cov      []float64 // d x d, ddof 1
	scale    []float64 // what a member was divided by
	rounding []float64 // the variance that the rounding of its values may have
}

// group returns the covariance of the members by their scales.
func (s Sample) group() (*group, error) {
	d := len(s.Mean)
	g := &group{d, make([]float64, d*d), slices.Clone(s.Scale), make([]float64, d)}
	if s.Scale == nil {
		g.scale = slices.Repeat([]float64{1}, d)
	}
	for i, m := range s.Mean {
		bit := m * epsilon / g.scale[i]
		g.rounding[i] = bit * bit
	}
	n, trace := float64(max(s.N, 2)-1), 0.0
	for i, at := 0, 0; i < d; i++ {
		for j := range i + 1 {
			c := s.Comoments[at] / n / g.scale[i] / g.scale[j]
			if !(math.Abs(c) <= math.MaxFloat64) {
				return nil, fmt.Errorf("covariance of members %d and %d is %v: values are too large to be multiplied, bring them to another unit", j, i, c)
			}
			g.cov[i*d+j], g.cov[j*d+i] = c, c
			at++
		}
		trace += g.cov[i*d+i]
	}
	if math.IsInf(trace, 0) {
		return nil, fmt.Errorf("the variances of %d members add up beyond float64: bring their values to another unit", d)
	}
	return g, nil
}

func (g *group) trace() (sum float64) {
	for i := range g.d {
		sum += g.cov[i*g.d+i]
	}
	return sum
}

func (g *group) shrink(w Whitening, s Sample) error {
	shrinkage := w.Shrinkage
	if w.LedoitWolf {
		if s.Scale != nil {
			return fmt.Errorf("ledoit_wolf on scaled members: the sum of their fourth powers is known for members with scaler none only; give a shrinkage from 0 to 1")
		}
		if !(s.Quartic <= math.MaxFloat64) {
			return fmt.Errorf("ledoit_wolf: the sum of fourth powers is %v: values are too large, bring them to another unit or give a shrinkage from 0 to 1", s.Quartic)
		}
		shrinkage = g.ledoitWolf(float64(s.N), s.Quartic)
	}
	if shrinkage == 0 {
		return nil
	}
	to := float64(shrinkage * (g.trace() / float64(g.d)))
	for i := range g.cov {
		g.cov[i] *= 1 - shrinkage
	}
	for i := range g.d {
		g.cov[i*g.d+i] += to
	}
	return nil
}

// ledoitWolf returns the shrinkage that Ledoit and Wolf derive ("A
// Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", 2004)
// from n rows, as scikit-learn's ledoit_wolf_shrinkage: with S = C (n-1)/n the
// covariance of ddof 0,
//
//	m     = tr S / d
//	delta = (|S|^2 - 2 m tr S + d m^2) / d
//	beta  = (sum |x-mean|^4 / n - |S|^2) / (d n), at most delta
//	shrinkage = beta / delta
func (g *group) ledoitWolf(n, quartic float64) float64 {
	d, ddof := float64(g.d), (n-1)/n
	square := 0.0
	for _, c := range g.cov {
		s := c * ddof
		square += float64(s * s)
	}
	trace := g.trace() * ddof
	mean := trace / d
	delta := (square - float64(2*mean*trace) + float64(d*mean*mean)) / d
	beta := min((quartic/n-square)/(d*n), delta)
	if !(beta > 0) {
		return 0
	}
	return beta / delta
}

// standardize brings all members that vary to variance 1.
func (g *group) standardize() {
	sd := make([]float64, g.d)
	for i := range sd {
		if sd[i] = math.Sqrt(g.cov[i*g.d+i]); sd[i] == 0 {
			sd[i] = 1
		}
		g.scale[i] *= sd[i]
		g.rounding[i] /= float64(sd[i] * sd[i])
	}
	for i := range g.d {
		for j := range g.d {
			g.cov[i*g.d+j] /= sd[max(i, j)]
			g.cov[i*g.d+j] /= sd[min(i, j)]
		}
	}
}

// solve returns W and B of the unscaled members.
func (g *group) solve(w Whitening) ([]float64, error) {
	d, floor := g.d, g.floor()
	if w.Method == Cholesky {
		m := make([]float64, 2*d*d)
		cholesky(m[:d*d], m[d*d:], g.cov, floor)
		return g.unscale(m, d), nil
	}
	axes, err := eigen(g.cov, floor)
	if err != nil {
		return nil, err
	}
	if w.Method == PCA {
		k := components(w, d, axes, g.trace())
		return g.unscale(pca(axes, d, k, w.Whiten), k), nil
	}
	return g.unscale(zca(axes, d), d), nil
}

// floor returns for each member the variance at which what others leave of it
// counts as nothing.
func (g *group) floor() []float64 {
	floor := make([]float64, g.d)
	for i := range floor {
		floor[i] = float64(64*float64(g.d)*epsilon*g.cov[i*g.d+i]) + g.rounding[i]
	}
	return floor
}

// components returns how many outputs pca has: with a share of variance the
// fewest axes that exceed it, at least one.
func components(w Whitening, d int, axes []axis, trace float64) int {
	if k, ok := w.Width(d); ok {
		return k
	}
	k, sum := 0, 0.0
	for k < len(axes) && sum <= w.NComponents {
		sum += axes[k].variance / trace
		k++
	}
	return max(k, 1)
}

// pca returns W, k x d, and B, d x k. What lies beyond the axes is 0.
func pca(axes []axis, d, k int, whiten bool) []float64 {
	m := make([]float64, 2*d*k)
	w, b := m[:k*d], m[k*d:]
	for i, a := range axes[:min(k, len(axes))] {
		length := 1.0
		if whiten {
			length = math.Sqrt(a.variance)
		}
		for j, u := range a.direction {
			w[i*d+j] = u / length
			b[j*k+i] = u * length
		}
	}
	return m
}

// zca returns W and B, both d x d.
func zca(axes []axis, d int) []float64 {
	m := make([]float64, 2*d*d)
	w, b := m[:d*d], m[d*d:]
	for _, a := range axes {
		length := math.Sqrt(a.variance)
		for i, u := range a.direction {
			addScaled(w[i*d:(i+1)*d], u/length, a.direction)
			addScaled(b[i*d:(i+1)*d], u*length, a.direction)
		}
	}
	return m
}

// unscale makes W and B of k outputs, one behind the other, those of the members
// as they came.
func (g *group) unscale(m []float64, k int) []float64 {
	w, b := m[:k*g.d], m[k*g.d:]
	for i := range k {
		for j, s := range g.scale {
			w[i*g.d+j] /= s
			b[j*k+i] *= s
		}
	}
	return m
}
