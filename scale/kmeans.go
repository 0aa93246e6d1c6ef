package scale

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

const (
	kMeansRounds = 300
	kMeansShift  = 1e-4 // of the variance: where the squares of all moves are less, it stops
)

// kMeans returns the centers, ascending, of the clusters that Lloyd's algorithm
// finds from the given ones on, which it moves. The rules are scikit-learn's: it
// stops where no value changes its cluster, and a cluster that has lost all values
// starts again at the value that is farthest from its center.
func kMeans(centers []float64, parts Parts) []float64 {
	c := newClusters(centers, parts)
	for range kMeansRounds {
		changed := c.assign()
		shift := c.move()
		if !changed || shift <= c.tolerance {
			break
		}
	}
	for i := range c.centers {
		c.centers[i] += c.mean
	}
	return c.centers
}

// clusters are those of the values of some parts, all relative to their mean. A value
// belongs to the nearest center, to the lower one of two.
type clusters struct {
	Parts
	counts, sums []float64 // of the values before each part, and of all
	mean         float64
	tolerance    float64

	centers []float64 // ascending
	ends    []float64 // of each cluster, the values up to its end
	sizes   []float64 // of each cluster
	totals  []float64 // of its values
}

func newClusters(centers []float64, parts Parts) *clusters {
	k, n := len(centers), len(parts.Counts)
	c := &clusters{Parts: parts, counts: make([]float64, n+1), sums: make([]float64, n+1),
		centers: centers, ends: make([]float64, k), sizes: make([]float64, k), totals: make([]float64, k)}
	c.Lows, c.Highs = slices.Clone(c.Lows), slices.Clone(c.Highs)
	for i, count := range c.Counts {
		c.counts[i+1] = c.counts[i] + count
		c.mean += float64(count * (c.middle(i) - parts.Lows[0]))
	}
	c.mean = parts.Lows[0] + c.mean/c.counts[n]
	for i, count := range c.Counts {
		c.Lows[i], c.Highs[i] = c.Lows[i]-c.mean, c.Highs[i]-c.mean
		c.sums[i+1] = c.sums[i] + float64(count*c.middle(i))
		c.tolerance += float64(count * float64(c.middle(i)*c.middle(i)))
	}
	c.tolerance = float64(c.tolerance/c.counts[n]) * kMeansShift
	for i := range centers {
		centers[i] -= c.mean
	}
	return c
}

// border returns where a cluster ends.
func (c *clusters) border(cluster int) float64 {
	if cluster+1 == len(c.centers) {
		return math.Inf(1)
	}
	return (c.centers[cluster] + c.centers[cluster+1]) * 0.5
}

// upTo returns how many values are up to x, and their sum.
func (c *clusters) upTo(x float64) (count, sum float64) {
	i := sort.Search(len(c.Counts), func(i int) bool { return c.Highs[i] > x })
	count, sum = c.counts[i], c.sums[i]
	if i < len(c.Counts) && c.Lows[i] < x {
		more := float64(c.Counts[i]*(x-c.Lows[i])) / (c.Highs[i] - c.Lows[i])
		count, sum = count+more, sum+float64(more*(float64((c.Lows[i]+x)*0.5)))
	}
	return count, sum
}

// assign counts and adds up the values of each cluster, and reports whether any
// has changed its cluster.
func (c *clusters) assign() (changed bool) {
	count, sum := 0.0, 0.0
	for i := range c.centers {
		n, s := c.upTo(c.border(i))
		changed = changed || c.ends[i] != n
		c.ends[i], c.sizes[i], c.totals[i] = n, n-count, s-sum
		count, sum = n, s
	}
	return changed
}

// move puts each center into the middle of its values, one without any into that
// of the biggest cluster, and returns the sum of the squares of how far they went.
func (c *clusters) move() (shift float64) {
	c.relocate()
	biggest := slices.Index(c.sizes, slices.Max(c.sizes))
	middle := c.totals[biggest] / c.sizes[biggest]
	for i := range c.centers {
		center := middle
		if !c.empty(i) {
			center = c.totals[i] / c.sizes[i]
		}
		shift += float64((center - c.centers[i]) * (center - c.centers[i]))
		c.totals[i] = center
	}
	c.centers, c.totals = c.totals, c.centers
	slices.Sort(c.centers)
	return shift
}

// empty reports whether a cluster has no value, or less than half of one, as it may
// where values lie evenly in a stretch.
func (c *clusters) empty(cluster int) bool { return c.sizes[cluster] < 0.5 }

// relocate gives each empty cluster one value of those that are farthest from
// their centers, and takes it from the cluster it was in.
func (c *clusters) relocate() {
	var lost []int
	for i := range c.sizes {
		if c.empty(i) {
			lost = append(lost, i)
		}
	}
	if len(lost) == 0 {
		return
	}
	for k, m := range c.farthest(len(lost)) {
		c.totals[lost[k]], c.sizes[lost[k]] = m.value, 1
		c.totals[m.cluster] -= m.value
		c.sizes[m.cluster]--
	}
}

// A member is a value in a cluster.
type member struct {
	value    float64
	cluster  int
	distance float32 // from its center: both ends of evenly spread values are as far at first
}

// farthest returns n of the values, those farthest from their centers first, and of
// two the larger: each as often as it was seen. There are none where all values are
// at their centers.
func (c *clusters) farthest(n int) (far []member) {
	var all []member
	cluster := 0
	for i, low := range c.Lows {
		for _, x := range []float64{c.Highs[i], low}[:1+differ(low, c.Highs[i])] {
			for cluster > 0 && x <= c.border(cluster-1) {
				cluster--
			}
			for x > c.border(cluster) {
				cluster++
			}
			m := member{x, cluster, float32(math.Abs(x - c.centers[cluster]))}
			for range int(max(1, min(c.Counts[i], float64(n)))) {
				all = append(all, m)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b member) int {
		return cmp.Or(cmp.Compare(b.distance, a.distance), cmp.Compare(b.value, a.value))
	})
	if all[0].distance == 0 {
		return nil
	}
	return all[:min(n, len(all))]
}

// differ is 1 for two numbers that are not the same, else 0.
func differ(a, b float64) int {
	if a != b {
		return 1
	}
	return 0
}
