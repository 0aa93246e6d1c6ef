package welford

import "math"

// flushQuartics adds the waiting rows, which are centered. Step leads from the
// old mean of c to theirs.
func (c *Covariance) flushQuartics(step []float64, rows int) {
	n, k := *c.blocked(), float64(rows)
	to := c.quartics()
	var e [MaxMembers]float64
	scaled(e[:c.d], step, -k/(n+k))
	move(to, c.comoments(), n, e[:c.d])

	scaled(e[:c.d], step, n/(n+k))
	var length [RowBlock]float64 // squared, of each row seen from the new mean
	for j := range c.d {
		for r, a := range c.column(j)[:rows] {
			a += e[j]
			length[r] += float64(a * a)
		}
	}
	for j := range c.d {
		for r, a := range c.column(j)[:rows] {
			to[j] += float64(length[r] * (a + e[j]))
		}
	}
	for _, l := range length[:rows] {
		to[c.d] += float64(l * l)
	}
	limit(to)
}

// mergeQuartics adds the whole blocks of o. Step leads from the mean of c to
// that of o.
func (c *Covariance) mergeQuartics(o *Covariance, step []float64) {
	n, k := *c.blocked(), *o.blocked()
	to := c.quartics()
	var e [MaxMembers]float64
	scaled(e[:c.d], step, -k/(n+k))
	move(to, c.comoments(), n, e[:c.d])

	var theirs [MaxMembers + 1]float64
	copy(theirs[:], o.quartics())
	scaled(e[:c.d], step, n/(n+k))
	move(theirs[:c.d+1], o.comoments(), k, e[:c.d])
	for i := range to {
		to[i] += theirs[i]
	}
	limit(to)
}

func scaled(dst, x []float64, by float64) {
	for i, v := range x {
		dst[i] = float64(v * by)
	}
}

// move makes t and q, the quartics of n rows about their mean, those about the
// mean less e. With a = x-mean, t = sum |a|^2 a, q = sum |a|^4 and the
// co-moments S = sum a a', and because sum a is 0:
//
//	sum |a+e|^2 (a+e) = t + 2 S e + (tr S + n |e|^2) e
//	sum |a+e|^4       = q + 4 e't + 4 e'S e + (2 tr S + n |e|^2) |e|^2
func move(quartics, comoments []float64, n float64, e []float64) {
	var se [MaxMembers]float64
	var trace, ee, ese, et float64
	d, at := len(e), 0
	for i := range d {
		for j := range i {
			s := comoments[2*at]
			se[i] += float64(s * e[j])
			se[j] += float64(s * e[i])
			at++
		}
		s := comoments[2*at]
		se[i] += float64(s * e[i])
		trace += s
		ee += float64(e[i] * e[i])
		at++
	}
	for i, v := range e {
		ese += float64(v * se[i])
		et += float64(v * quartics[i])
	}
	square := float64(n * ee)
	quartics[d] += float64(4*(et+ese)) + float64((trace+trace+square)*ee)
	for i, v := range e {
		quartics[i] += se[i] + se[i] + float64((trace+square)*v)
	}
}

// limit sets quartics that have left the range of float64 to 0, and their last,
// the sum of fourth powers, to +Inf.
func limit(quartics []float64) {
	for _, q := range quartics {
		if !(math.Abs(q) <= math.MaxFloat64) {
			clear(quartics)
			quartics[len(quartics)-1] = math.Inf(1)
			return
		}
	}
}
