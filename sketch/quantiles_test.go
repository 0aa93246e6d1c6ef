package sketch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"unsafe"

	"github.com/influxdata/tdigest"

	"tare/internal/accuracy"
	"tare/sketch"
	"tare/welford"
)

// numpy's quantiles and medians of up to 128 values, to the last bit.
func TestGoldenPercentiles(t *testing.T) {
	data, err := os.ReadFile("../testdata/golden/numbers/percentiles.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name        string
			X, Q, Value []float64
			Median      float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) != 64 {
		t.Fatalf("%d cases, want 64", len(golden.Cases))
	}
	row := accuracy.Of(t, "up to 128 values, against numpy")
	for _, c := range golden.Cases {
		s, peer := sketchOf(t, c.X), peerOf(c.X)
		if !s.Exact() {
			t.Errorf("%s: not exact", c.Name)
		}
		for i, q := range c.Q {
			row.Check(accuracy.ULPs(s.Quantile(q), c.Value[i]), "%s at %v", c.Name, q)
			row.Peer(accuracy.ULPs(peer.Quantile(q), c.Value[i]))
		}
		row.Check(accuracy.ULPs(s.Median(), c.Median), "%s, median", c.Name)
	}
}

// Up to 128 values, and any number of up to 128 distinct ones, are held exactly:
// streamed or merged, in any order.
func TestExact(t *testing.T) {
	r := random(t)
	row := accuracy.Of(t, "up to 128 distinct values, in any order and parts, against numpy")
	check := func(what string, s *sketch.Quantiles, x []float64) {
		t.Helper()
		peer := peerOf(x)
		sorted := slices.Sorted(slices.Values(x))
		n := len(sorted)
		if s.N() != uint64(n) || s.Min() != sorted[0] || s.Max() != sorted[n-1] || !s.Exact() {
			t.Fatalf("%s: n %d, min %v, max %v, exact %v, want %d, %v, %v, true", what, s.N(), s.Min(), s.Max(), s.Exact(), n, sorted[0], sorted[n-1])
		}
		var c sketch.Curve
		s.Curve(&c)
		for range 20 {
			q := r.Float64()
			want := accuracy.Linear(sorted, q)
			row.Check(accuracy.ULPs(c.Quantile(q), want), "%s: Quantile(%v) of %d values", what, q, n)
			row.Peer(accuracy.ULPs(peer.Quantile(q), want))
		}
		row.Check(accuracy.ULPs(s.Median(), (sorted[(n-1)/2]+sorted[n/2])/2), "%s: median of %d values", what, n)
	}
	for range 30 {
		set := make([]float64, 1+r.IntN(128))
		for i := range set {
			set[i] = math.Ldexp(r.Float64()-.5, r.IntN(60))
		}
		check("each once", sketchOf(t, set), set)
		skew := 1 + 3*r.Float64()
		draw := func(*rand.Rand) float64 {
			return set[int(float64(len(set))*math.Pow(r.Float64(), skew))]
		}
		x := each(draw)(r, 1+r.IntN(5000))
		check("stream", sketchOf(t, x), x)
		slices.Sort(x)
		check("ascending", sketchOf(t, x), x)
		check("merged", inParts(t, x, 1+r.IntN(200)), x)
		a, b := inParts(t, x[:len(x)/2], 3), inParts(t, x[len(x)/2:], 7)
		if err := a.Merge(b); err != nil {
			t.Fatal(err)
		}
		check("tree", a, x)
	}
	x := each(normal)(r, 129)
	if s := sketchOf(t, x); s.Exact() {
		t.Error("129 distinct values are exact, want blended")
	}
}

// A constant takes one centroid, however often it comes.
func TestConstant(t *testing.T) {
	row := accuracy.Of(t, "centroids of a constant")
	for _, n := range []int{32, 1_000, 100_000} {
		x := each(func(*rand.Rand) float64 { return .1 })(nil, n)
		s := sketchOf(t, x)
		row.Check(float64(bytesOf(t, s)[2]), "%d times 0.1", n)
		row.Peer(float64(len(peerOf(x).Centroids())))
		if m := s.Moments(); m.Mean() != .1 || m.Variance() != 0 || s.Quantile(.3) != .1 {
			t.Errorf("%d times 0.1: mean %v, variance %v, Quantile(0.3) %v", n, m.Mean(), m.Variance(), s.Quantile(.3))
		}
	}
}

func TestNoValues(t *testing.T) {
	var s sketch.Quantiles
	var c sketch.Curve
	s.Curve(&c)
	m := s.Moments()
	for _, x := range []float64{s.Min(), s.Max(), s.Median(), s.Quantile(.5), s.CDF(0), m.Mean(), c.Quantile(0), c.Median(), c.CDF(1)} {
		if !math.IsNaN(x) {
			t.Errorf("%v of no values, want NaN", x)
		}
	}
	if ranks, values := c.Anchors(); len(ranks) != 0 || len(values) != 0 || s.N() != 0 || !s.Exact() {
		t.Errorf("no values have anchors %v, %v", ranks, values)
	}
	var o sketch.Quantiles
	if err := s.Merge(&o); err != nil || s != o {
		t.Errorf("merging nothing into nothing: %v", err)
	}
}

func TestOneValue(t *testing.T) {
	s := sketchOf(t, []float64{7})
	for q, want := range map[float64]float64{0: 7, .3: 7, 1: 7, -.1: math.NaN(), 1.1: math.NaN(), math.NaN(): math.NaN(), math.Inf(1): math.NaN()} {
		if got := s.Quantile(q); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("Quantile(%v) is %v, want %v", q, got, want)
		}
	}
	for x, want := range map[float64]float64{6: 0, 7: .5, 8: 1, math.Inf(-1): 0, math.Inf(1): 1} {
		if got := s.CDF(x); got != want {
			t.Errorf("CDF(%v) is %v, want %v", x, got, want)
		}
	}
	var c sketch.Curve
	s.Curve(&c)
	if ranks, values := c.Anchors(); !slices.Equal(ranks, []float64{0}) || !slices.Equal(values, []float64{7}) {
		t.Errorf("anchors %v, %v, want [0], [7]", ranks, values)
	}
}

// CDF is the middle of the ranks of ties.
func TestCDFOfTies(t *testing.T) {
	s := sketchOf(t, []float64{1, 2, 2, 2, 5})
	f := func(x, want float64) {
		t.Helper()
		if got := s.CDF(x); got != want {
			t.Errorf("CDF(%v) is %v, want %v", x, got, want)
		}
	}
	f(0, 0)
	f(1, 0)
	f(1.5, .125)
	f(2, .5)
	f(3.5, .875)
	f(5, 1)
	f(6, 1)
	if !math.IsNaN(s.CDF(math.NaN())) {
		t.Error("CDF(NaN) is a number")
	}
}

func TestAddRefuses(t *testing.T) {
	s := sketchOf(t, each(normal)(random(t), 200))
	before := *s
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.Nextafter(1e150, 2e150)} {
		if err := s.Add(x); !errors.Is(err, welford.ErrRange) {
			t.Errorf("Add(%v) gives %v, want ErrRange", x, err)
		}
		if *s != before {
			t.Fatalf("Add(%v) changed the state", x)
		}
	}
	for _, x := range []float64{1e150, -1e150, 5e-324, 0} {
		if err := s.Add(x); err != nil {
			t.Errorf("Add(%v) gives %v", x, err)
		}
	}
	zero, negative := sketchOf(t, []float64{0}), sketchOf(t, []float64{math.Copysign(0, -1)})
	if !bytes.Equal(bytesOf(t, zero), bytesOf(t, negative)) || math.Signbit(negative.Min()) {
		t.Error("-0 is kept, want 0")
	}
}

// TestAddAll holds that runs of any lengths leave the bits that single values do,
// also where one of them is refused.
func TestAddAll(t *testing.T) {
	r := random(t)
	var one, all sketch.Quantiles
	for range 300 {
		x := make([]float64, r.IntN(100))
		for i := range x {
			x[i] = math.Round(200*r.NormFloat64()) / 4 // -0 among them
		}
		if len(x) > 0 && r.IntN(5) == 0 {
			x[r.IntN(len(x))] = math.NaN()
		}
		var want error
		for _, v := range x {
			if want = one.Add(v); want != nil {
				break
			}
		}
		if err := all.AddAll(x); !errors.Is(err, want) || want == nil && err != nil {
			t.Fatalf("got %v, want %v", err, want)
		}
		if !bytes.Equal(bytesOf(t, &all), bytesOf(t, &one)) {
			t.Fatalf("%d values by runs are not what they are one by one", one.N())
		}
	}
}

// A sketch counts to 2^31-1 and not beyond.
func TestFull(t *testing.T) {
	for name, x := range map[string][]float64{"constant": make([]float64, 64), "normal": each(normal)(random(t), 64*64)} {
		full, power := new(sketch.Quantiles), sketchOf(t, x)
		for full.N()+power.N() <= sketch.MaxCount { // N = k 64 (2^0 + 2^1 + ...)
			full.Merge(power)
			power.Merge(power)
		}
		for full.N() < sketch.MaxCount-32 {
			if err := full.Add(0); err != nil {
				t.Fatalf("%s: Add after %d: %v", name, full.N(), err)
			}
		}
		room := *full
		if err := room.Merge(sketchOf(t, make([]float64, 33))); !errors.Is(err, sketch.ErrFull) || room != *full {
			t.Errorf("%s: Merge of 33 values where 32 have room gives %v, want ErrFull and no change", name, err)
		}
		room = *full
		if err := room.AddAll(make([]float64, 33)); !errors.Is(err, sketch.ErrFull) || room.N() != sketch.MaxCount {
			t.Errorf("%s: AddAll of 33 values where 32 have room gives %v and %d values, want ErrFull and all that have room", name, err, room.N())
		}
		for full.N() < sketch.MaxCount {
			if err := full.Add(0); err != nil {
				t.Fatalf("%s: Add after %d: %v", name, full.N(), err)
			}
		}
		before := *full
		if err := full.Add(0); !errors.Is(err, sketch.ErrFull) {
			t.Errorf("%s: Add to a full sketch gives %v, want ErrFull", name, err)
		}
		if err := full.AddAll([]float64{0}); !errors.Is(err, sketch.ErrFull) {
			t.Errorf("%s: AddAll to a full sketch gives %v, want ErrFull", name, err)
		}
		if err := full.Merge(sketchOf(t, x[:1])); !errors.Is(err, sketch.ErrFull) {
			t.Errorf("%s: Merge into a full sketch gives %v, want ErrFull", name, err)
		}
		if err := power.Merge(full); !errors.Is(err, sketch.ErrFull) {
			t.Errorf("%s: Merge of a full sketch gives %v, want ErrFull", name, err)
		}
		if *full != before || full.N() != sketch.MaxCount || full.Moments().N != sketch.MaxCount {
			t.Errorf("%s: the full sketch has changed", name)
		}
		if m := full.Median(); math.Abs(m) > .1 {
			t.Errorf("%s: median of the full sketch is %v, want about 0", name, m)
		}
		var restored sketch.Quantiles
		if err := restored.UnmarshalBinary(bytesOf(t, full)); err != nil {
			t.Errorf("%s: the full sketch is refused: %v", name, err)
		}
	}
}

// Quantiles never descend, the ends are the extremes, and CDF undoes Quantile
// where the curve ascends.
func TestCurve(t *testing.T) {
	r := random(t)
	shapes := append(slices.Clone(continuous), shape{"five", each(five)}, shape{"bimodal", each(bimodal)}, shape{"closing in", inOrder(zoomin)},
		shape{"half zeros", each(func(r *rand.Rand) float64 { return max(0, r.NormFloat64()) })}, shape{"decades", each(decades)})
	descents := accuracy.Of(t, "quantiles that descend, of 100,001")
	ends := accuracy.Of(t, "ends that are not the minimum and the maximum, bit for bit")
	inverse := accuracy.Of(t, "CDF(Quantile(q)) from q, where the curve ascends")
	for _, shape := range shapes {
		x := shape.make(r, 1+r.IntN(20_000))
		s, peer := sketchOf(t, x), peerOf(x)
		var c sketch.Curve
		s.Curve(&c)
		lo, hi := slices.Min(x), slices.Max(x)
		ends.Holds(c.Quantile(0) == lo && c.Quantile(1) == hi && s.Min() == lo && s.Max() == hi, "%s, %d values", shape.name, len(x))
		if peer.Quantile(0) != lo || peer.Quantile(1) != hi {
			ends.Peer(1)
		}
		before, descended := math.Inf(-1), 0
		for i := range 100_001 {
			q := float64(i) / 100_000
			v := c.Quantile(q)
			if !(v >= before) {
				descended++
			}
			// Where values lie within some ulps, many ranks have the same float64; a
			// value that stands many times has many ranks of its own, on one side.
			up, down := c.Quantile(min(1, q+1e-9))-v, v-c.Quantile(max(0, q-1e-9))
			if least := 5e-8 * math.Abs(v); (up > least || q == 1) && (down > least || q == 0) {
				inverse.Check(math.Abs(c.CDF(v)-q), "%s, %d values at %v", shape.name, len(x), q)
				inverse.Peer(math.Abs(peer.CDF(peer.Quantile(q)) - q))
			}
			before = v
		}
		descents.Check(float64(descended), "%s, %d values", shape.name, len(x))
		if q := math.NaN(); !math.IsNaN(c.Quantile(q)) {
			t.Errorf("%s: Quantile(NaN) is %v", shape.name, c.Quantile(q))
		}
		ranks, values := c.Anchors()
		if len(ranks) != len(values) || len(values) > 2*128+2 || ranks[0] != 0 || len(ranks) > 1 && ranks[len(ranks)-1] != 1 || !slices.IsSorted(ranks) || !slices.IsSorted(values) {
			t.Errorf("%s: anchors %v, %v", shape.name, ranks, values)
		}
		for i, q := range ranks { // an end of a plateau, or the one value there
			if v := c.Quantile(q); math.Abs(v-values[i]) > 1e-9*(s.Max()-s.Min()) && math.Abs(c.CDF(values[i])-q) > 1e-9 {
				t.Errorf("%s: the anchor at %v is %v, and Quantile there %v", shape.name, q, values[i], v)
			}
		}
	}
}

// A maximum that was blended below a later value is still the end.
func TestHiddenExtremes(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		x := append([]float64{10 * sign}, each(func(r *rand.Rand) float64 { return sign * r.Float64() })(random(t), 30_000)...)
		for range 50 {
			x = append(x, 7*sign)
		}
		s := sketchOf(t, x)
		var c sketch.Curve
		s.Curve(&c)
		ranks, values := c.Anchors()
		n := len(ranks)
		lo, hi := slices.Min(x), slices.Max(x)
		if hidden := ranks[n-2] == 1 && values[n-2] == 7 || ranks[1] == 0 && values[1] == -7; !hidden {
			t.Fatalf("no extreme is hidden: ranks %v, values %v", ranks, values)
		}
		if c.Quantile(0) != lo || c.Quantile(1) != hi || c.CDF(lo) != 0 || c.CDF(hi) != 1 || c.CDF(8*sign) != (1+sign)/2 {
			t.Errorf("ends %v, %v of ranks %v, %v, want %v, %v of 0, 1", c.Quantile(0), c.Quantile(1), c.CDF(lo), c.CDF(hi), lo, hi)
		}
	}
}

// Moments are those of a welford.Running with the same values and merges.
func TestMoments(t *testing.T) {
	r := random(t)
	var s, partS sketch.Quantiles
	var w, partW welford.Running
	for range 5000 {
		x := 1e6 + r.ExpFloat64()
		partS.Add(x)
		partW.Add(x)
		if r.IntN(100) == 0 {
			if err := s.Merge(&partS); err != nil {
				t.Fatal(err)
			}
			w.Merge(&partW)
			partS, partW = sketch.Quantiles{}, welford.Running{}
			if s.Moments() != w.Moments() || s.Min() != w.Min() || s.Max() != w.Max() {
				t.Fatalf("after %d: moments %v, want %v", s.N(), s.Moments(), w.Moments())
			}
		}
	}
}

// The state depends on the values and their order alone, whatever is read when.
func TestReadsLeaveNoTrace(t *testing.T) {
	r := random(t)
	row := accuracy.Of(t, "digests read at any time, with other bytes than unread")
	for _, shape := range []shape{{"normal", each(normal)}, {"integer", each(integer)}, {"drift", inOrder(drift)}} {
		peer, unreadPeer := tdigest.NewWithCompression(100), tdigest.NewWithCompression(100)
		var read, unread sketch.Quantiles
		var c sketch.Curve
		for _, x := range shape.make(r, 3000) {
			read.Add(x)
			unread.Add(x)
			peer.Add(x, 1)
			unreadPeer.Add(x, 1)
			for range r.IntN(3) {
				peer.Quantile(.5)
				read.Quantile(r.Float64())
				read.CDF(x)
				read.Median()
				read.Exact()
				read.Curve(&c)
				bytesOf(t, &read)
			}
		}
		row.Holds(read == unread, "%s, 3,000 values", shape.name)
		if !slices.Equal(peer.Centroids(), unreadPeer.Centroids()) {
			row.Peer(1)
		}
		if read.Quantile(.3) != unread.Quantile(.3) {
			t.Errorf("%s: reading twice gives two answers", shape.name)
		}
	}
}

// A sketch restored at any count ends in the same bytes as one never stopped.
func TestRestoreAtEveryCount(t *testing.T) {
	r := random(t)
	row := accuracy.Of(t, "digests restored after any count, with other bytes at the end")
	for _, shape := range []shape{{"normal", each(normal)}, {"integer", each(integer)}, {"descending", descending}} {
		x := shape.make(r, 600)
		want := bytesOf(t, sketchOf(t, x))
		var running sketch.Quantiles
		for i := range x {
			var restored sketch.Quantiles
			if err := restored.UnmarshalBinary(bytesOf(t, &running)); err != nil {
				t.Fatalf("%s, after %d: %v", shape.name, i, err)
			}
			for _, v := range x[i:] {
				restored.Add(v)
			}
			row.Holds(bytes.Equal(bytesOf(t, &restored), want), "%s, restored after %d of %d", shape.name, i, len(x))
			running.Add(x[i])
		}
	}
}

// Merging depends on the parts and their order alone; the first part is taken
// as it is, and small parts are as good as one stream.
func TestMerge(t *testing.T) {
	r := random(t)
	a, b := sketchOf(t, each(normal)(r, 1000)), sketchOf(t, each(normal)(r, 777))
	before := *b
	once, again := *a, *a
	if err := errors.Join(once.Merge(b), again.Merge(b)); err != nil {
		t.Fatal(err)
	}
	if once != again || *b != before || once.N() != 1777 {
		t.Error("merging twice gives two states, or changes the part")
	}
	var empty sketch.Quantiles
	if err := errors.Join(empty.Merge(a), empty.Merge(new(sketch.Quantiles))); err != nil || empty != *a {
		t.Errorf("merging with nothing changes the state: %v", err)
	}
	small := each(normal)(r, 5000)
	whole, merged := sketchOf(t, small[:2500]), sketchOf(t, small[:2500])
	for i := 2500; i < len(small); {
		k := min(len(small)-i, 1+r.IntN(31))
		if err := merged.Merge(sketchOf(t, small[i:i+k])); err != nil {
			t.Fatal(err)
		}
		i += k
	}
	for _, x := range small[2500:] {
		whole.Add(x)
	}
	accuracy.Of(t, "digests merged from parts of up to 31 values, with other bytes than one stream").
		Holds(bytes.Equal(bytesOf(t, merged), bytesOf(t, whole)), "normal, 5,000 values")
	for _, n := range []int{20, 31, 32, 1000, 1020} {
		self := sketchOf(t, each(normal)(r, n))
		twin := *self
		copied := *self
		if err := errors.Join(self.Merge(self), twin.Merge(&copied)); err != nil || *self != twin || self.N() != uint64(2*n) {
			t.Errorf("%d values merged with themselves differ from those merged with a copy: %v", n, err)
		}
	}
}

func TestSizes(t *testing.T) {
	if size := unsafe.Sizeof(sketch.Quantiles{}); size != 1856 {
		t.Errorf("Quantiles of %d bytes, want 1,856", size)
	}
	s := sketchOf(t, each(normal)(random(t), 10_015))
	if n := len(bytesOf(t, s)); n > 1844 {
		t.Errorf("%d bytes, want up to 1,844", n)
	}
}

func TestNoAllocations(t *testing.T) {
	r := random(t)
	x := each(normal)(r, 1<<12)
	s := sketchOf(t, x)
	o, data := *s, bytesOf(t, s)
	var c sketch.Curve
	s.Curve(&c)
	c.Anchors()
	i := 0
	f := func(name string, do func()) {
		t.Helper()
		if n := testing.AllocsPerRun(200, do); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	f("Add", func() { s.Add(x[i%len(x)]); i++ })
	f("Merge", func() { s.Merge(&o) })
	f("Curve", func() { s.Curve(&c) })
	f("Curve.Quantile", func() { c.Quantile(.3) })
	f("Curve.CDF", func() { c.CDF(.3) })
	f("Anchors", func() { c.Anchors() })
	f("Min, Max, Moments", func() { s.Min(); s.Max(); s.Moments() })
	f("UnmarshalBinary", func() { o.UnmarshalBinary(data) })
	f("AppendBinary", func() { data, _ = o.AppendBinary(data[:0]) })
}
