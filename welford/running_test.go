package welford_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/internal/accuracy"
	"tare/welford"
)

func bytesOf(t testing.TB, r *welford.Running) []byte {
	t.Helper()
	b, err := r.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAddRefuses(t *testing.T) {
	r := runningOf([]float64{1, 2, 3})
	before := *r
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.Nextafter(1e150, 2e150)} {
		if err := r.Add(x); !errors.Is(err, welford.ErrRange) {
			t.Errorf("Add(%v) gives %v, want ErrRange", x, err)
		}
		if *r != before {
			t.Fatalf("Add(%v) changed the state", x)
		}
	}
	for _, x := range []float64{1e150, -1e150, 5e-324, 0} {
		if err := r.Add(x); err != nil {
			t.Errorf("Add(%v) gives %v", x, err)
		}
	}
}

// TestAddAll holds that runs of any lengths leave the bits that single values do,
// also where one of them is refused.
func TestAddAll(t *testing.T) {
	r := random(t)
	var one, all welford.Running
	for range 300 {
		x := make([]float64, r.IntN(100))
		for i := range x {
			x[i] = math.Round(20*r.NormFloat64()) / 4 // -0 among them
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
			t.Fatalf("%d values by runs are %+v, one by one %+v", one.N(), all, one)
		}
	}
}

func TestNegativeZero(t *testing.T) {
	zero := math.Copysign(0, -1)
	var m welford.Moments
	m.AddBlock([]float64{zero, zero})
	tiny := runningOf([]float64{-5e-324, 0}).Moments()
	r := runningOf([]float64{zero})
	for _, x := range []float64{r.Min(), r.Max(), r.Moments().Mean(), m.Mean(), tiny.Mean()} {
		if x != 0 || math.Signbit(x) {
			t.Errorf("got %v, want +0", x)
		}
	}
	if !bytes.Equal(bytesOf(t, r), bytesOf(t, runningOf([]float64{0}))) {
		t.Error("-0 and 0 leave different bytes")
	}
}

// Minimum, maximum, count and mean against a sorted slice, at every count.
func TestRunningAgainstSlice(t *testing.T) {
	r := random(t)
	rows := ordinary(t)
	var running welford.Running
	var x []float64
	for range 500 {
		v := math.Round(20*r.NormFloat64()) / 4
		running.Add(v)
		x = append(x, v)
		mean, variance := truth(x)
		m := running.Moments()
		if m.N != uint64(len(x)) || running.N() != m.N || running.Min() != slices.Min(x) || running.Max() != slices.Max(x) {
			t.Fatalf("n %d min %v max %v, want %d %v %v", running.N(), running.Min(), running.Max(), len(x), slices.Min(x), slices.Max(x))
		}
		rows.check(m, mean, variance, "multiples of 1/4, n %d", m.N)
	}
}

// The bits of the moments depend on the values and their order alone: blocks
// are cut by the count, and reading leaves no trace.
func TestReadsLeaveNoTrace(t *testing.T) {
	r := random(t)
	var read, unread welford.Running
	for range 1000 {
		x := r.ExpFloat64()
		read.Add(x)
		unread.Add(x)
		for range r.IntN(3) {
			read.Moments()
			read.Min()
			read.Max()
			bytesOf(t, &read)
		}
	}
	accuracy.Of(t, "moments restored or read at any count, with other bytes at the end").
		Holds(read == unread, "1,000 values, read or not")
}

// A stream restored at any count ends in the same bytes as one never stopped.
func TestRestoreAtEveryCount(t *testing.T) {
	r := random(t)
	x := make([]float64, 5*welford.Block)
	for i := range x {
		x[i] = 1e6 + r.NormFloat64()
	}
	want := bytesOf(t, runningOf(x))
	row := accuracy.Of(t, "moments restored or read at any count, with other bytes at the end")
	for i := range x {
		var restored welford.Running
		if err := restored.UnmarshalBinary(bytesOf(t, runningOf(x[:i]))); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
		for _, v := range x[i:] {
			restored.Add(v)
		}
		row.Holds(bytes.Equal(bytesOf(t, &restored), want), "N(1e6, 1), restored after %d of %d", i, len(x))
	}
}

func TestMerge(t *testing.T) {
	rows := ordinary(t)
	f := func(a, b int) {
		t.Helper()
		x := make([]float64, a+b)
		for i := range x {
			x[i] = float64(i * i % 37)
		}
		other := runningOf(x[a:])
		before := *other
		merged := runningOf(x[:a])
		merged.Merge(other)
		if *other != before {
			t.Errorf("%d + %d: the merged part has changed", a, b)
		}
		mean, variance := truth(x)
		m := merged.Moments()
		if m.N != uint64(a+b) {
			t.Errorf("%d + %d: n %d", a, b, m.N)
		}
		rows.check(m, mean, variance, "squares modulo 37, %d + %d values", a, b)
		if merged.Min() != slices.Min(x) || merged.Max() != slices.Max(x) {
			t.Errorf("%d + %d: min %v, max %v", a, b, merged.Min(), merged.Max())
		}
		if (a == 0 || b < welford.Block) && !bytes.Equal(bytesOf(t, merged), bytesOf(t, runningOf(x))) {
			t.Errorf("%d + %d: other bytes than of one stream", a, b)
		}
	}
	f(0, 1)
	f(1, 0)
	f(1, 1)
	f(31, 1)
	f(31, 31)
	f(32, 31)
	f(32, 32)
	f(0, 100)
	f(5, 64)
	f(100, 1)
	f(1, 100)
	f(333, 444)
	for _, n := range []int{3, 20, 31, 32, 100} {
		self := runningOf(normals(n))
		twin, copied := *self, *self
		self.Merge(self)
		twin.Merge(&copied)
		if *self != twin || self.N() != uint64(2*n) {
			t.Errorf("%d values merged with themselves differ from those merged with a copy", n)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	r := runningOf(make([]float64, 100))
	o, data := *r, bytesOf(t, r)
	f := func(name string, do func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, do); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	f("Add", func() { r.Add(1) })
	f("Merge", func() { r.Merge(&o) })
	f("Moments", func() { r.Moments() })
	f("UnmarshalBinary", func() { o.UnmarshalBinary(data) })
	f("AppendBinary", func() { data, _ = o.AppendBinary(data[:0]) })
}

func TestUnmarshalRefuses(t *testing.T) {
	small := bytesOf(t, runningOf([]float64{1, 2}))
	large := bytesOf(t, runningOf(make([]float64, 40)))
	const moments, extremes, values = 3, 3 + welford.MomentsSize, 3 + welford.MomentsSize + 16
	f := func(what string, data []byte, change func(b []byte) []byte) {
		t.Helper()
		var r welford.Running
		r.Add(7)
		before := r
		if err := r.UnmarshalBinary(change(slices.Clone(data))); err == nil {
			t.Errorf("%s: accepted", what)
		}
		if r != before {
			t.Errorf("%s: refused, but the receiver has changed", what)
		}
	}
	set := func(i int, x float64) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint64(b[i:], math.Float64bits(x))
			return b
		}
	}
	count := func(n uint64) func([]byte) []byte { return set(moments, math.Float64frombits(n)) }
	put := func(i int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[i] = v; return b }
	}
	f("empty", small, func(b []byte) []byte { return nil })
	for i := range large {
		f(fmt.Sprintf("cut to %d bytes", i), large, func(b []byte) []byte { return b[:i] })
	}
	f("a byte more", large, func(b []byte) []byte { return append(b, 0) })
	f("a value more", small, func(b []byte) []byte { return append(b, make([]byte, 8)...) })
	f("version 0", small, put(0, 0))
	f("version 2", small, put(0, 2))
	f("blocks 2", small, put(1, 2))
	f("32 values", small, func(b []byte) []byte { return append([]byte{1, 0, 32}, make([]byte, 256)...) })
	f("NaN value", small, set(3, math.NaN()))
	f("infinite value", small, set(3, math.Inf(-1)))
	f("value beyond 1e150", small, set(3, 2e150))
	f("value -0", small, set(3, math.Copysign(0, -1)))
	f("no blocks", large, count(0))
	f("a count that is no multiple of 32", large, count(33))
	f("a count beyond 2^53", large, count(1<<53+32))
	f("infinite sum", large, set(moments+8, math.Inf(1)))
	f("NaN sum", large, set(moments+8, math.NaN()))
	f("sum too large for the count", large, set(moments+8, 1e152))
	f("sum -0", large, set(moments+8, math.Copysign(0, -1)))
	f("sum not normalized", large, set(moments+16, 1))
	f("mean beyond the maximum", large, set(moments+8, 1))
	f("negative M2", large, set(moments+24, -1))
	f("NaN M2", large, set(moments+24, math.NaN()))
	f("M2 not normalized", large, set(moments+32, 1))
	f("infinite minimum", large, set(extremes, math.Inf(-1)))
	f("minimum above the mean", large, set(extremes, 1))
	f("NaN maximum", large, set(extremes+8, math.NaN()))
	f("maximum below the mean", large, set(extremes+8, -1))
	f("NaN after the blocks", large, set(values, math.NaN()))

	var m welford.Moments
	for _, n := range []int{0, 39, 41} {
		if m.UnmarshalBinary(make([]byte, n)) == nil {
			t.Errorf("moments of %d bytes accepted", n)
		}
	}
}

func TestMomentsRoundTrip(t *testing.T) {
	for _, x := range [][]float64{nil, {1.5}, {1e15, -1e15, .1}, {3, 3, 3}} {
		var want, got welford.Moments
		want.AddBlock(x)
		data, _ := want.AppendBinary([]byte("before"))
		if err := got.UnmarshalBinary(data[len("before"):]); err != nil || got != want {
			t.Errorf("%v: got %v, %v, want %v", x, got, err, want)
		}
	}
}

// The infinite variance of huge values survives a checkpoint.
func TestOverflowRoundTrip(t *testing.T) {
	r := runningOf([]float64{1e150, -1e150})
	for range 34 {
		r.Merge(r)
	}
	var restored welford.Running
	if err := restored.UnmarshalBinary(bytesOf(t, r)); err != nil || restored.Moments().Variance() != math.Inf(1) {
		t.Errorf("variance %v, %v, want +Inf", restored.Moments().Variance(), err)
	}
}

// The bits of moments are part of every checkpoint and artifact: this digest
// changes only with the version of the format. It holds on every GOARCH, with
// every GOAMD64 and GOARM64.
func TestPinnedBits(t *testing.T) {
	const want = "eb94542d8eca7a158ada9bb11c029395c72d13507ac7ba91abe7773f293eceac"
	h := sha256.New()
	r := rand.New(rand.NewPCG(32, 32))
	add := func(value func() float64) {
		var whole, merged welford.Running
		for part := range 20 {
			var running welford.Running
			for range 10 + 17*part {
				x := value()
				whole.Add(x)
				running.Add(x)
			}
			merged.Merge(&running)
		}
		for _, s := range []*welford.Running{&whole, &merged} {
			h.Write(bytesOf(t, s))
			m := s.Moments()
			for _, x := range []float64{m.Mean(), m.Variance(), m.SampleVariance(), s.Min(), s.Max()} {
				binary.Write(h, binary.LittleEndian, x)
			}
		}
	}
	add(r.Float64)
	add(func() float64 { return 1e9 + r.Float64() })
	add(func() float64 { return .1 })
	add(func() float64 { return math.Ldexp(r.Float64()-.5, r.IntN(120)) })
	add(func() float64 { return 1e140 * r.Float64() })
	add(func() float64 { return 1e-160 * r.Float64() })
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("final states have SHA-256 %s, want %s", got, want)
	}
}

// FuzzRunning feeds values, merges, reads and restores, as the bytes say, and
// compares with one slice of all values.
func FuzzRunning(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\xf0\x3f\x01some more bytes for values, and merges of them"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole, part welford.Running
		var x []float64
		for ; len(data) >= 9; data = data[9:] {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data))
			if data[8]&4 != 0 { // a run of one value
				for range data[8] {
					if part.Add(v) == nil {
						x = append(x, v)
					}
				}
			} else if part.Add(v) == nil {
				x = append(x, v)
			}
			if data[8]&1 != 0 {
				whole.Merge(&part)
				part = welford.Running{}
			}
			if data[8]&2 != 0 {
				saved := bytesOf(t, &part)
				if err := part.UnmarshalBinary(saved); err != nil {
					t.Fatalf("% x: %v", saved, err)
				}
			}
		}
		whole.Merge(&part)
		if whole.N() != uint64(len(x)) {
			t.Fatalf("N %d, want %d", whole.N(), len(x))
		}
		if len(x) == 0 {
			return
		}
		m := whole.Moments()
		mean, _ := truth(x)
		largest := max(math.Abs(slices.Min(x)), math.Abs(slices.Max(x)))
		// Below 1e-308 the last bit of the mean is worth more than 1e-15 of it.
		bound := 1e-15*math.Abs(mean) + 1e-30*largest + 4*math.SmallestNonzeroFloat64
		if whole.Min() != slices.Min(x) || whole.Max() != slices.Max(x) || !(math.Abs(m.Mean()-mean) <= bound) {
			t.Fatalf("min %v, max %v, mean %v, want %v, %v, %v", whole.Min(), whole.Max(), m.Mean(), slices.Min(x), slices.Max(x), mean)
		}
		if v := m.Variance(); !(v >= 0) || slices.Min(x) == slices.Max(x) && v != 0 {
			t.Fatalf("variance %v of values from %v to %v", v, slices.Min(x), slices.Max(x))
		}
		saved := bytesOf(t, &whole)
		if err := part.UnmarshalBinary(saved); err != nil || part.N() != whole.N() {
			t.Fatalf("% x: %v", saved, err)
		}
	})
}

// FuzzRunningUnmarshalBinary: what is accepted has exactly these bytes, and can
// be read and continued.
func FuzzRunningUnmarshalBinary(f *testing.F) {
	f.Add(bytesOf(f, new(welford.Running)))
	f.Add(bytesOf(f, runningOf([]float64{1, 2, 3})))
	f.Add(bytesOf(f, runningOf(make([]float64, 70))))
	full := runningOf(normals(71))
	good := bytesOf(f, full)
	f.Add(good[:len(good)-1])
	f.Add(append(good[:len(good)-8:len(good)-8], 0, 0, 0, 0, 0, 0, 0xf0, 0x7f)) // a raw value of +Inf
	f.Fuzz(func(t *testing.T, data []byte) {
		r := *full
		if r.UnmarshalBinary(data) != nil {
			if r != *full {
				t.Fatal("refused, but changed the receiver")
			}
			return
		}
		if !bytes.Equal(bytesOf(t, &r), data) {
			t.Fatalf("% x comes back as % x", data, bytesOf(t, &r))
		}
		for range 40 {
			r.Add(1)
		}
		if m := r.Moments(); m.N != r.N() || math.IsNaN(m.Mean()) || math.IsNaN(m.Variance()) {
			t.Fatalf("continued: n %d, mean %v, variance %v", m.N, m.Mean(), m.Variance())
		}
	})
}
