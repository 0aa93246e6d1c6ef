package sketch

import (
	"math"

	"tare/welford"
)

// pure is the bit of a weight that says: all values of the centroid are equal.
const pure = 1 << 31

// A list holds centroids in ascending order of their means while they are
// merged and compressed.
type list struct {
	means   []float64
	weights []uint32
}

// place fills l with the centroids of s and its raw values, each in the gap
// between centroids where it belongs, values of one gap in any order. Loops
// without branches that depend on the data find the gaps: all binary searches
// go on in step.
func (l *list) place(s *Quantiles) {
	means := s.means
	for i := int(s.size); i < maxCentroids; i++ {
		means[i] = math.Inf(1)
	}
	raw := &s.raw
	var gap [welford.Block]int // of each raw value, the centroids up to it
	for half := maxCentroids / 2; half > 0; half /= 2 {
		for i := 0; i < len(raw); i += 2 { // two abreast: a fifth faster
			g, h := gap[i], gap[i+1]
			g += half & -one(means[(g+half-1)&(maxCentroids-1)] <= raw[i])
			h += half & -one(means[(h+half-1)&(maxCentroids-1)] <= raw[i+1])
			gap[i], gap[i+1] = g, h
		}
	}
	var end [maxCentroids + 1]uint8 // of each gap, first the values in it, then their end in l
	for i, x := range raw[:s.fill] {
		gap[i] += one(means[gap[i]&(maxCentroids-1)] <= x)
		end[gap[i]]++
	}
	m, w := l.means, l.weights[:len(l.means)]
	at := 0
	for i, weight := range s.weights[:s.size] {
		at += int(end[i])
		end[i] = uint8(at)
		m[at], w[at] = means[i], weight
		at++
	}
	end[s.size] = uint8(len(m))
	for i, x := range raw[:s.fill] {
		e := &end[gap[i]]
		*e--
		m[*e], w[*e] = x, pure|1
	}
}

// one is 1 if b holds, else 0: a condition as a number, without a branch.
func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// merge fills l with the centroids of a and b in ascending order.
func (l *list) merge(a, b *Quantiles) {
	i, j := 0, 0
	for at := range l.means {
		if j == int(b.size) || i < int(a.size) && a.means[i] <= b.means[j] {
			l.means[at], l.weights[at] = a.means[i], a.weights[i]
			i++
		} else {
			l.means[at], l.weights[at] = b.means[j], b.weights[j]
			j++
		}
	}
}

// sort puts l, which nearly is, in ascending order and joins equal pure
// centroids.
func (l *list) sort() {
	n := 1
	last := l.means[0]
	for i := 1; i < len(l.means); i++ {
		x, w := l.means[i], l.weights[i]
		if x > last {
			l.means[n], l.weights[n] = x, w
			n++
			last = x
		} else {
			n = l.insert(x, w, n)
		}
	}
	l.means, l.weights = l.means[:n], l.weights[:n]
}

// insert puts a centroid into the first n, or joins it to an equal one, and
// returns the new n.
func (l *list) insert(x float64, w uint32, n int) int {
	at := n
	for at > 0 && l.means[at-1] > x {
		at--
	}
	if at > 0 && l.means[at-1] == x && l.weights[at-1]&w&pure != 0 {
		l.weights[at-1] += w &^ pure
		return n
	}
	for i := n; i > at; i-- {
		l.means[i], l.weights[i] = l.means[i-1], l.weights[i-1]
	}
	l.means[at], l.weights[at] = x, w
	return n + 1
}

func (l *list) exact() bool {
	all := uint32(pure)
	for _, w := range l.weights {
		all &= w
	}
	return all == pure
}

// take makes l the centroids of s.
func (s *Quantiles) take(l *list, settle bool) {
	if len(l.means) > maxCentroids || settle && !l.exact() {
		s.compress(l)
		return
	}
	s.size = uint16(copy(s.means[:], l.means))
	copy(s.weights[:], l.weights)
}

// A scale says how fine centroids are: by the scale function k1 of the t-digest,
// k(q) = c asin(2q-1) / pi, a centroid spans up to 1.
type scale struct{ cos, sin float64 } // of pi/c

// scales are those of c = 100, 93, 86, 80, 75, 70, 65 and 60, each about 7 %
// coarser than the one before. A centroid and the nearest value of the next one
// always span more than 1: so the last scale leaves 122 centroids at most.
var scales = [...]scale{
	{0.9995065603657316, 0.03141075907812829},
	{0.999429490929718, 0.03377414188346816},
	{0.9993328483702394, 0.036522023057658836},
	{0.9992290362407229, 0.03925981575906861},
	{0.9991228300988584, 0.04187565372919963},
	{0.9989930665413147, 0.044864830350514924},
	{0.9988322268323266, 0.048313379525507064},
	{0.9986295347545738, 0.052335956242943835},
}

// compress makes l the centroids of s, blended by the finest scale that leaves
// up to 128. One compression goes up and the next one down, so that what each
// errs cancels out.
func (s *Quantiles) compress(l *list) {
	var buf cutBuffer
	var cuts []uint16
	for _, c := range scales {
		cuts = l.cut(&buf, s.moments.N, c, s.down)
		if len(cuts) <= maxCentroids+1 {
			break
		}
	}
	s.down = !s.down
	s.size = uint16(len(cuts) - 1)
	var blends [maxCentroids + 1]uint8
	n := 0
	for i, at := range cuts[:s.size] {
		s.means[i], s.weights[i] = l.means[at], l.weights[at]
		blends[n] = uint8(i)
		n += one(cuts[i+1]-at > 1)
	}
	for _, i := range blends[:n] {
		s.means[i], s.weights[i] = l.blend(cuts[i], cuts[i+1])
	}
}

// A cutBuffer has room for the cuts of any list, filled from either end.
type cutBuffer [512]uint16

// cut parts l into runs that span up to 1 of the scale, greedily from the
// smallest centroid up or from the largest down. It returns where they begin in
// ascending order, and the end of l.
//
// Where S of N values are before a run, with sin(a) = 2S/N - 1, it may extend to
// sin(a + pi/c) = sin(a) cos(pi/c) + cos(a) sin(pi/c): that is, to twice as many
// values as N + (2S - N) cos(pi/c) + sqrt(2S (2N - 2S)) sin(pi/c), which takes no
// trigonometric function and is the same on every CPU.
func (l *list) cut(buf *cutBuffer, total uint64, c scale, down bool) []uint16 {
	weights := l.weights
	edge, stop, step, at, below := 0, len(weights), 1, 0, 0
	if down {
		edge, stop, step, at, below = len(weights), 0, -1, len(buf)-1, 1
	}
	n, all := float64(total), float64(2*total)
	last := float64(n * c.cos)          // beyond it all the rest may be one run
	twice, limit := int64(0), int64(-1) // twice the values so far, and those the run may extend to
	for edge != stop {
		before := float64(twice)
		end := all
		if u := before - n; u < last {
			end = n + float64(u*c.cos) + float64(math.Sqrt(float64(before*(all-before)))*c.sin)
		}
		buf[at&(len(buf)-1)] = uint16(edge)
		twice += int64(weights[edge-below] << 1) // which drops the pure bit
		edge += step
		over := (limit - twice) >> 63 // all bits set if a new run begins here
		at += step & int(over)
		limit += (int64(end) - limit) & over
	}
	buf[at&(len(buf)-1)] = uint16(edge)
	if down {
		return buf[at:]
	}
	return buf[:at+1]
}

// blend returns the mean and weight of the centroids from a to b. The mean is
// taken about the first of them, and lies between the first and the last: it is
// short of the last by 2^-31 of their distance at least, more than rounding can
// make up for.
func (l *list) blend(a, b uint16) (mean float64, weight uint32) {
	first := l.means[a]
	weight = l.weights[a] &^ pure
	sum := 0.0
	for i := a + 1; i < b; i++ {
		w := l.weights[i] &^ pure
		sum += float64((l.means[i] - first) * float64(w))
		weight += w
	}
	return first + sum/float64(weight), weight
}
