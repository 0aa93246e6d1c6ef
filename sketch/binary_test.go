package sketch_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/internal/accuracy"
	"tare/sketch"
	"tare/welford"
)

func TestUnmarshalRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	raw := bytesOf(t, sketchOf(t, []float64{1, 2}))
	exact := bytesOf(t, sketchOf(t, slices.Concat(make([]float64, 32), []float64{1, 2, 3}, make([]float64, 32))))
	blended := bytesOf(t, sketchOf(t, each(normal)(r, 1000)))
	const (
		moments = 4
		ends    = moments + welford.MomentsSize
		means   = ends + 16
	)
	mean := func(data []byte, i int) int { return means + 8*i }
	weight := func(data []byte, i int) int { return means + 8*int(data[2]) + 4*i }
	f := func(what string, data []byte, change func(b []byte) []byte) {
		t.Helper()
		s := sketchOf(t, []float64{7})
		before := *s
		if err := s.UnmarshalBinary(data); err != nil {
			t.Fatalf("%s: unchanged bytes are refused: %v", what, err)
		}
		*s = before
		if err := s.UnmarshalBinary(change(slices.Clone(data))); err == nil {
			t.Errorf("%s: accepted", what)
		}
		if *s != before {
			t.Errorf("%s: refused, but the receiver has changed", what)
		}
	}
	set := func(i int, x float64) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint64(b[i:], math.Float64bits(x))
			return b
		}
	}
	put := func(i int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[i] = v; return b }
	}
	weigh := func(data []byte, i int, w uint32) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[weight(data, i):], w)
			return b
		}
	}
	f("empty", raw, func(b []byte) []byte { return nil })
	for i := range exact {
		f(fmt.Sprintf("cut to %d bytes", i), exact, func(b []byte) []byte { return b[:i] })
	}
	f("a byte more", exact, func(b []byte) []byte { return append(b, 0) })
	f("a value more", raw, func(b []byte) []byte { return append(b, make([]byte, 8)...) })
	f("version 0", raw, put(0, 0))
	f("version 2", raw, put(0, 2))
	f("direction 2", exact, put(1, 2))
	f("direction 1 without centroids", raw, put(1, 1))
	f("129 centroids", raw, func(b []byte) []byte { return append([]byte{1, 0, 129, 0}, make([]byte, 56+129*12)...) })
	f("32 raw values", raw, func(b []byte) []byte { return append([]byte{1, 0, 0, 32}, make([]byte, 256)...) })
	f("NaN raw value", raw, set(4, math.NaN()))
	f("infinite raw value", raw, set(4, math.Inf(1)))
	f("raw value beyond 1e150", raw, set(12, -2e150))
	f("raw value -0", raw, set(4, math.Copysign(0, -1)))
	f("NaN sum", exact, set(moments+8, math.NaN()))
	f("other count", exact, set(moments, math.Float64frombits(64+32)))
	f("no count", exact, set(moments, 0))
	f("mean beyond the maximum", exact, set(moments+8, 1e6))
	f("minimum above the first centroid", blended, set(ends, 1))
	f("maximum below the last centroid", blended, set(ends+8, -1))
	f("NaN minimum", blended, set(ends, math.NaN()))
	f("infinite maximum", blended, set(ends+8, math.Inf(1)))
	f("minimum not the first value", exact, set(ends, -1))
	f("maximum not the last value", exact, set(ends+8, 9))
	f("NaN centroid", blended, set(mean(blended, 5), math.NaN()))
	f("descending centroids", blended, set(mean(blended, 5), 3))
	f("infinite centroid", blended, set(mean(blended, 0), math.Inf(-1)))
	f("centroid -0", exact, set(mean(exact, 0), math.Copysign(0, -1)))
	f("equal pure centroids", exact, set(mean(exact, 2), 1))
	f("weight 0", exact, weigh(exact, 1, 0))
	f("pure weight 0", exact, weigh(exact, 1, 1<<31))
	f("blended weight 1", exact, weigh(exact, 1, 1))
	f("weight too large", exact, weigh(exact, 1, 1<<31|2))
	f("too many values", exact, func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[moments:], 1<<31)
		return weigh(exact, 0, 1<<31|(1<<31-3))(b)
	})
	f("a count that is no multiple of 32", exact, func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[moments:], 65)
		return weigh(exact, 0, 1<<31|62)(b)
	})
	f("pure weight 0, the sum is right", exact, func(b []byte) []byte {
		return weigh(exact, 0, 1<<31|62)(weigh(exact, 1, 1<<31)(b))
	})
}

func TestBinaryAppends(t *testing.T) {
	s := sketchOf(t, []float64{1, 2, 3})
	b, err := s.AppendBinary([]byte("before"))
	if err != nil || string(b[:6]) != "before" || !bytes.Equal(b[6:], bytesOf(t, s)) {
		t.Errorf("got % x, %v", b, err)
	}
}

// FuzzQuantiles feeds values, runs, merges and restores, as the bytes say, and
// compares with a slice of all values.
func FuzzQuantiles(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\xf0\x3f\x01some more bytes for values, and merges of them"), int64(1))
	f.Add(bytes.Repeat([]byte("\x00\x00\x00\x00\x00\x00\xf0\x3f\x0f\x00\x00\x00\x00\x00\x00\xe0\x3f\x38"), 9), int64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed int64) {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		var whole, part sketch.Quantiles
		var x []float64
		add := func(v float64) {
			if part.Add(v) == nil {
				x = append(x, v+0)
			}
		}
		for ; len(data) >= 9 && len(x) < 50_000; data = data[9:] {
			v, how := math.Float64frombits(binary.LittleEndian.Uint64(data)), data[8]
			add(v)
			for range how >> 3 { // some values beside it, equal ones or not
				add(v + v*float64(how&1)*r.NormFloat64())
			}
			if how&2 != 0 {
				if err := whole.Merge(&part); err != nil {
					t.Fatal(err)
				}
				part = sketch.Quantiles{}
			}
			if how&4 != 0 {
				saved := bytesOf(t, &part)
				if err := part.UnmarshalBinary(saved); err != nil || !bytes.Equal(bytesOf(t, &part), saved) {
					t.Fatalf("% x: %v", saved, err)
				}
			}
		}
		if err := whole.Merge(&part); err != nil {
			t.Fatal(err)
		}
		checkAgainst(t, &whole, x)
		saved := bytesOf(t, &whole)
		if err := part.UnmarshalBinary(saved); err != nil {
			t.Fatalf("% x: %v", saved, err)
		}
	})
}

func checkAgainst(t *testing.T, s *sketch.Quantiles, x []float64) {
	t.Helper()
	if s.N() != uint64(len(x)) {
		t.Fatalf("N %d, want %d", s.N(), len(x))
	}
	if len(x) == 0 {
		return
	}
	slices.Sort(x)
	lo, hi := x[0], x[len(x)-1]
	distinct := len(slices.Compact(slices.Clone(x)))
	var c sketch.Curve
	s.Curve(&c)
	if s.Min() != lo || s.Max() != hi || c.Quantile(0) != lo || c.Quantile(1) != hi || distinct <= 128 && !s.Exact() {
		t.Fatalf("min %v, max %v, ends %v, %v, exact %v of %d distinct from %v to %v", s.Min(), s.Max(), c.Quantile(0), c.Quantile(1), s.Exact(), distinct, lo, hi)
	}
	before := lo
	for i := range 101 {
		q := float64(i) / 100
		v := c.Quantile(q)
		if cmp.Less(v, before) && before-v > 1e-15*(hi-lo) {
			t.Fatalf("Quantile(%v) is %v, before it %v", q, v, before)
		}
		if want := accuracy.Linear(x, q); s.Exact() && v != want {
			t.Fatalf("Quantile(%v) is %v, want %v", q, v, want)
		}
		if p := c.CDF(v); !(p >= 0 && p <= 1) {
			t.Fatalf("CDF(%v) is %v", v, p)
		}
		before = v
	}
	if v := s.Moments().Variance(); !(v >= 0) || lo == hi && v != 0 {
		t.Fatalf("variance %v of values from %v to %v", v, lo, hi)
	}
}

// FuzzQuantilesUnmarshalBinary: what is accepted has exactly these bytes, and
// can be read, continued and merged.
func FuzzQuantilesUnmarshalBinary(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	f.Add(bytesOf(f, new(sketch.Quantiles)))
	f.Add(bytesOf(f, sketchOf(f, []float64{1, 2, 3})))
	f.Add(bytesOf(f, sketchOf(f, make([]float64, 70))))
	f.Add(bytesOf(f, sketchOf(f, each(integer)(r, 100))))
	good := bytesOf(f, sketchOf(f, each(normal)(r, 500)))
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(good[:len(good)-8:len(good)-8], 0, 0, 0, 0, 0, 0, 0xf0, 0x7f)) // a raw value of +Inf
	full := sketchOf(f, each(normal)(r, 501))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := *full
		if s.UnmarshalBinary(data) != nil {
			if s != *full {
				t.Fatal("refused, but changed the receiver")
			}
			return
		}
		if !bytes.Equal(bytesOf(t, &s), data) {
			t.Fatalf("% x comes back as % x", data, bytesOf(t, &s))
		}
		n, o := s.N(), s
		for i := range 100 {
			if s.Add(float64(i)) == nil {
				n++
			}
		}
		if s.Merge(&o) == nil {
			n += o.N()
		}
		if s.N() != n {
			t.Fatalf("N %d, want %d", s.N(), n)
		}
		for _, q := range []float64{0, .25, .5, .75, 1} {
			if v := s.Quantile(q); n > 0 && !(v >= s.Min() && v <= s.Max()) {
				t.Fatalf("Quantile(%v) is %v of values from %v to %v", q, v, s.Min(), s.Max())
			}
		}
		s.Median()
		s.CDF(1)
	})
}
