package welford

import (
	"fmt"
	"math"
)

const (
	// MaxMembers is the largest number of members of a Covariance.
	MaxMembers = 512

	// RowBlock is the number of rows that are joined to a Covariance at once.
	RowBlock = 64
)

// A Covariance is the means and co-moments of rows of d numbers, taken one row
// at a time: the same blocks, two passes and sums of two words as in Moments,
// for every pair of members. It is a view: all that was learned lies in words
// that may be part of a larger slab. A copy shares them.
//
// A quartic one also keeps the sum of |x-mean|^4 over the rows, |.| being the
// Euclidean length, from which Ledoit and Wolf derive how much to shrink. It
// costs d+1 words and some 5 d operations a row.
type Covariance struct {
	d       int
	quartic bool
	words   []float64 // see the accessors below
}

// CovarianceWords returns how many words a Covariance of d members has:
// 2 + 67 d + d^2, and d + 1 more if it is quartic.
func CovarianceWords(d int, quartic bool) int {
	n := 2 + 2*d + 2*packed(d) + RowBlock*d
	if quartic {
		n += d + 1
	}
	return n
}

// CovarianceIn returns the Covariance that lies in words, of which there are
// CovarianceWords(d, quartic). Words that are all 0 are of no rows.
func CovarianceIn(words []float64, d int, quartic bool) Covariance {
	if d < 1 || d > MaxMembers || len(words) != CovarianceWords(d, quartic) {
		panic(fmt.Sprintf("BUG: welford: covariance of %d members in %d words, want 1 to %d members in CovarianceWords", d, len(words), MaxMembers))
	}
	return Covariance{d, quartic, words}
}

// NewCovariance returns a Covariance of d members and no rows, with words of
// its own.
func NewCovariance(d int, quartic bool) Covariance {
	return CovarianceIn(make([]float64, CovarianceWords(d, quartic)), d, quartic)
}

// packed is the number of elements of a lower triangle of d rows.
func packed(d int) int { return d * (d + 1) / 2 }

// The words are, in this order: the rows in whole blocks, the rows waiting;
// the sum of each member, a pair; the co-moments, pairs, element (i, j) with
// j <= i at i(i+1)/2+j; the waiting rows, RowBlock words a member; and if
// quartic the sum of |a|^2 a with a = x-mean, d words, and of |a|^4.

func (c *Covariance) blocked() *float64    { return &c.words[0] }
func (c *Covariance) waiting() *float64    { return &c.words[1] }
func (c *Covariance) sums() []float64      { return c.words[2:][:2*c.d] }
func (c *Covariance) comoments() []float64 { return c.words[2+2*c.d:][:2*packed(c.d)] }

// column returns the waiting values of member j.
func (c *Covariance) column(j int) *[RowBlock]float64 {
	at := 2 + 2*c.d + 2*packed(c.d) + RowBlock*j
	return (*[RowBlock]float64)(c.words[at : at+RowBlock])
}

// quartics returns the sum of |a|^2 a, and behind it the sum of |a|^4.
func (c *Covariance) quartics() []float64 { return c.words[len(c.words)-c.d-1:] }

// Members returns d.
func (c *Covariance) Members() int { return c.d }

// N returns the number of rows.
func (c *Covariance) N() uint64 { return uint64(*c.blocked() + *c.waiting()) }

// Add takes one row of d numbers, which stays the caller's; -0 counts as 0.
// Unless |x| <= MaxMagnitude for every one it takes nothing and returns
// ErrRange: a row that lacks a member is the caller's to skip and to count.
func (c *Covariance) Add(row []float64) error {
	row = row[:c.d]
	for _, x := range row {
		if !(math.Abs(x) <= MaxMagnitude) {
			return ErrRange
		}
	}
	at := int(*c.waiting())
	for j, x := range row {
		c.column(j)[at] = x + 0
	}
	c.took()
	return nil
}

// took counts a row that was put behind the waiting ones.
func (c *Covariance) took() {
	if *c.waiting()++; *c.waiting() == RowBlock {
		c.flush()
	}
}

// Merge takes all rows of o, another Covariance of the same kind: its whole
// blocks first, then the waiting rows one by one, so that many small parts are
// as good as one stream.
func (c *Covariance) Merge(o *Covariance) {
	if c.d != o.d || c.quartic != o.quartic {
		panic(fmt.Sprintf("BUG: welford: covariance of %d members (quartic %t) merged with one of %d (%t)", c.d, c.quartic, o.d, o.quartic))
	}
	if c.N() == 0 {
		copy(c.words, o.words)
		return
	}
	if *o.blocked() > 0 {
		c.mergeBlocks(o)
	}
	for r := range int(*o.waiting()) {
		at := int(*c.waiting())
		for j := range c.d {
			c.column(j)[at] = o.column(j)[r]
		}
		c.took()
	}
}

func (c *Covariance) mergeBlocks(o *Covariance) {
	var step [MaxMembers]float64
	n, k := *c.blocked(), *o.blocked()
	for j := range c.d {
		step[j] = c.mean(j).to(o.mean(j))
	}
	if c.quartic {
		c.mergeQuartics(o, step[:c.d])
	}
	weight := n * k / (n + k)
	mine, theirs, at := c.comoments(), o.comoments(), 0
	for i := range c.d {
		between := float64(step[i] * weight)
		for j := range i + 1 {
			join(mine, at, pairAt(theirs, at), float64(between*step[j]))
			at++
		}
	}
	c.addSums(o.sums(), k)
}

// flush joins the waiting rows to the whole blocks: the formula of Chan, Golub
// and LeVeque for every pair of members.
func (c *Covariance) flush() {
	var sums [2 * MaxMembers]float64
	var step [MaxMembers]float64
	n, k := *c.blocked(), *c.waiting()
	rows := int(k)
	for j := range c.d {
		sum := total(c.column(j)[:rows])
		setPair(sums[:], j, sum)
		step[j] = c.mean(j).to(sum.over(k))
	}
	for j := range c.d {
		center(c.column(j), rows, pairAt(sums[:], j).over(k))
	}
	if c.quartic {
		c.flushQuartics(step[:c.d], rows)
	}
	c.addProducts(step[:c.d], n*k/(n+k))
	c.addSums(sums[:2*c.d], k)
	*c.waiting() = 0
}

// center takes mean from the first rows values of x and sets the rest to 0.
func center(x *[RowBlock]float64, rows int, mean pair) {
	for i := range x[:rows] {
		x[i] = (x[i] - mean.hi) - mean.lo
	}
	clear(x[rows:])
}

// addProducts adds to each co-moment the products of two centered columns and,
// for the way from the old mean to the block's, weight step step'. Four columns
// meet two at a time, so that eight sums are under way at once; what lies
// beyond the triangle is dropped.
func (c *Covariance) addProducts(step []float64, weight float64) {
	last := c.d - 1
	to := c.comoments()
	for i := 0; i <= last; i += 4 {
		rows := [4]*[RowBlock]float64{c.column(i), c.column(min(i+1, last)), c.column(min(i+2, last)), c.column(min(i+3, last))}
		for j := 0; j <= min(i+3, last); j += 2 {
			var s [4][2]float64
			products(&s, &rows, c.column(j), c.column(min(j+1, last)))
			for a := i; a <= min(i+3, last); a++ {
				between := float64(step[a] * weight)
				for b := j; b <= min(j+1, a); b++ {
					join(to, packed(a)+b, pair{hi: s[a-i][b-j]}, float64(between*step[b]))
				}
			}
		}
	}
}

// products sets s to the products of four columns with two.
func products(s *[4][2]float64, rows *[4]*[RowBlock]float64, p, q *[RowBlock]float64) {
	a, b, c, d := rows[0], rows[1], rows[2], rows[3]
	var ap, bp, cp, dp, aq, bq, cq, dq float64
	for r := range RowBlock {
		u, v := p[r], q[r]
		ap += float64(a[r] * u)
		bp += float64(b[r] * u)
		cp += float64(c[r] * u)
		dp += float64(d[r] * u)
		aq += float64(a[r] * v)
		bq += float64(b[r] * v)
		cq += float64(c[r] * v)
		dq += float64(d[r] * v)
	}
	*s = [4][2]float64{{ap, aq}, {bp, bq}, {cp, cq}, {dp, dq}}
}

// join adds a part's co-moment and what lies between the parts to the i-th of
// to, or sets it to +Inf where it leaves the range of float64.
func join(to []float64, i int, part pair, between float64) {
	sum := pairAt(to, i).plus(part).plus(pair{hi: between})
	if !(math.Abs(sum.hi) <= math.MaxFloat64) {
		sum = pair{hi: math.Inf(1)}
	}
	setPair(to, i, sum)
}

// addSums adds the sums of k rows in whole blocks.
func (c *Covariance) addSums(sums []float64, k float64) {
	mine := c.sums()
	for j := range c.d {
		setPair(mine, j, pairAt(mine, j).plus(pairAt(sums, j)))
	}
	*c.blocked() += k
}

// mean returns the mean of member j in whole blocks, 0 of none.
func (c *Covariance) mean(j int) pair {
	if *c.blocked() == 0 {
		return pair{}
	}
	return pairAt(c.sums(), j).over(*c.blocked())
}

// to returns q - p.
func (p pair) to(q pair) float64 { return (q.hi - p.hi) + (q.lo - p.lo) }

func pairAt(x []float64, i int) pair { return pair{x[2*i], x[2*i+1]} }

func setPair(x []float64, i int, p pair) { x[2*i], x[2*i+1] = p.hi, p.lo }

// Read writes the d means and the packed(d) = d(d+1)/2 co-moments of all rows,
// element (i, j) with j <= i at i(i+1)/2+j, and returns the sum of |x-mean|^4,
// NaN if c is not quartic. A co-moment is the sum of (x_i-mean_i)(x_j-mean_j):
// over N it is the covariance with ddof 0, over N-1 with ddof 1. Means are NaN
// of no rows, and what exceeds float64 is +Inf. Reading changes nothing.
func (c *Covariance) Read(means, comoments []float64) (quartic float64) {
	whole := NewCovariance(c.d, c.quartic)
	copy(whole.words, c.words)
	if *whole.waiting() > 0 {
		whole.flush()
	}
	for j := range whole.d {
		means[j] = whole.mean(j).hi + 0
		if whole.N() == 0 {
			means[j] = math.NaN()
		}
	}
	for i := range packed(whole.d) {
		comoments[i] = pairAt(whole.comoments(), i).hi
	}
	if !whole.quartic {
		return math.NaN()
	}
	return whole.quartics()[whole.d]
}
