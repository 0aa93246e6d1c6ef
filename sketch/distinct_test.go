package sketch_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/axiomhq/hyperloglog"

	"tare/internal/accuracy"
	"tare/sketch"
)

// standardError of a HyperLogLog with 2^14 registers.
var standardError = 1.04 / math.Sqrt(1<<14)

func distinctBytes(t testing.TB, d *sketch.Distinct) []byte {
	t.Helper()
	b, err := d.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != sketch.DistinctSize {
		t.Fatalf("%d bytes, want %d", len(b), sketch.DistinctSize)
	}
	return b
}

// Numbers and texts of the kinds that sensors have are counted within four
// standard errors, from none to a million.
func TestDistinctAccuracy(t *testing.T) {
	row := accuracy.Of(t, "estimates of 1 to 10 million numbers and texts")
	f := func(what string, n int, add func(d *sketch.Distinct, i int)) {
		t.Helper()
		d := sketch.NewDistinct()
		for i := range n {
			add(d, i)
			if i%3 == 0 {
				add(d, i/2) // again
			}
		}
		e := math.Abs(float64(d.Estimate()) - float64(n))
		if n > 0 {
			e /= standardError * float64(n)
		}
		row.Check(e, "%s: %d of %d", what, d.Estimate(), n)
	}
	most := 300_000
	if long() {
		most = 10_000_000
	}
	for n := 0; n <= most; n = 1 + n*3 {
		f("integers", n, func(d *sketch.Distinct, i int) { d.Add(float64(i)) })
		f("steps of 0.01", n, func(d *sketch.Distinct, i int) { d.Add(float64(i) / 100) })
		f("neighbors", n, func(d *sketch.Distinct, i int) { d.Add(math.Float64frombits(0x3ff<<52 + uint64(i))) })
		f("powers", n, func(d *sketch.Distinct, i int) { d.Add(math.Ldexp(1+float64(i/2000)/1e6, i%2000-1000)) })
		f("names", n, func(d *sketch.Distinct, i int) { d.AddBytes(fmt.Appendf(nil, "sensor-%06d", i)) })
		f("long names", n, func(d *sketch.Distinct, i int) { d.AddBytes(fmt.Appendf(nil, "plant/line/%d/machine/sensor", i)) })
		f("two bytes each, then more", n, func(d *sketch.Distinct, i int) {
			d.AddBytes(binary.LittleEndian.AppendUint16(make([]byte, i>>16), uint16(i)))
		})
		f("words", n, func(d *sketch.Distinct, i int) { d.AddBytes(binary.BigEndian.AppendUint64(nil, uint64(i))) })
	}
}

// Over many draws the error is that of the theory, without a bias.
func TestDistinctError(t *testing.T) {
	draws := 100
	if long() {
		draws = 2000
	}
	spread, center := accuracy.Of(t, "root mean square over many draws"), accuracy.Of(t, "mean over many draws, in standard errors of that mean")
	for _, n := range []int{10, 1_000, 20_000, 50_000} {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		sum, squares := 0., 0.
		for range draws {
			d := sketch.NewDistinct()
			for range n {
				d.Add(r.Float64())
			}
			e := float64(d.Estimate())/float64(n) - 1
			sum, squares = sum+e, squares+e*e
		}
		k := float64(draws)
		spread.Check(math.Sqrt(squares/k)/standardError, "%d draws of %d values", draws, n)
		center.Check(math.Abs(sum/k)/(standardError/math.Sqrt(k)), "%d draws of %d values", draws, n)
	}
}

// The estimate is as good as the library's own, from the same registers.
func TestDistinctAgainstLibrary(t *testing.T) {
	d := sketch.NewDistinct()
	for i := range 1_000_000 {
		d.Add(float64(i))
		if i%50_000 != 100 {
			continue
		}
		var library hyperloglog.Sketch
		data := append([]byte{2, 14, 0, 0, 0, 0, 0x40, 0}, distinctBytes(t, d)[1:]...)
		if err := library.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		if got, want := float64(d.Estimate()), float64(library.Estimate()); math.Abs(got-want) > .008*want+1 {
			t.Errorf("after %d: %v, the library says %v", i+1, got, want)
		}
	}
}

// The same values give the same bytes: in any order, in parts, restored.
func TestDistinctCanonical(t *testing.T) {
	r := random(t)
	x := each(integer)(r, 3000)
	for i := range x {
		x[i] *= r.Float64()
	}
	whole := sketch.NewDistinct()
	for _, v := range x {
		whole.Add(v)
	}
	want := distinctBytes(t, whole)
	r.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
	var merged sketch.Distinct
	for part := range slices.Chunk(x, 100) {
		var d sketch.Distinct
		for _, v := range part {
			d.Add(v)
			d.Add(-v)
			d.Add(v)
		}
		merged.Merge(&d)
		merged.Estimate()
		var restored sketch.Distinct
		if err := restored.UnmarshalBinary(distinctBytes(t, &merged)); err != nil {
			t.Fatal(err)
		}
		merged = restored
	}
	for _, v := range x {
		whole.Add(-v)
	}
	accuracy.Of(t, "merges, orders and restores with other bytes than the direct count").
		Holds(bytes.Equal(distinctBytes(t, &merged), distinctBytes(t, whole)) && merged.Estimate() == whole.Estimate(), "3,000 values in 30 parts")
	if bytes.Equal(distinctBytes(t, whole), want) {
		t.Error("twice the values have the same bytes")
	}
}

func TestDistinctEmpty(t *testing.T) {
	var zero sketch.Distinct
	zero.Merge(sketch.NewDistinct())
	zero.Merge(new(sketch.Distinct))
	if !bytes.Equal(distinctBytes(t, &zero), distinctBytes(t, new(sketch.Distinct))) || zero.Estimate() != 0 || new(sketch.Distinct).Estimate() != 0 {
		t.Errorf("estimate of nothing is %d", zero.Estimate())
	}
	zero.Add(0)
	zero.Add(math.Copysign(0, -1))
	if zero.Estimate() != 1 {
		t.Errorf("0 and -0 are %d values, want 1", zero.Estimate())
	}
	var texts sketch.Distinct
	for n := range 20 {
		texts.AddBytes(make([]byte, n))
		if got := texts.Estimate(); got != uint64(n+1) {
			t.Errorf("zeros of %d lengths are %d texts", n+1, got)
		}
	}
}

func TestDistinctUnmarshalRefuses(t *testing.T) {
	d := sketch.NewDistinct()
	d.Add(1)
	data := distinctBytes(t, d)
	f := func(what string, change func(b []byte) []byte) {
		t.Helper()
		if err := d.UnmarshalBinary(change(slices.Clone(data))); err == nil {
			t.Errorf("%s: accepted", what)
		}
		if !bytes.Equal(distinctBytes(t, d), data) {
			t.Errorf("%s: refused, but the receiver has changed", what)
		}
	}
	f("empty", func(b []byte) []byte { return nil })
	f("cut", func(b []byte) []byte { return b[:len(b)-1] })
	f("a byte more", func(b []byte) []byte { return append(b, 0) })
	f("version 2", func(b []byte) []byte { b[0] = 2; return b })
	f("register 52", func(b []byte) []byte { b[77] = 52; return b })
	if err := d.UnmarshalBinary(append(data[:77:77], append([]byte{51}, data[78:]...)...)); err != nil {
		t.Errorf("register 51: %v", err)
	}
}

func TestDistinctNoAllocations(t *testing.T) {
	d, o, name := sketch.NewDistinct(), sketch.NewDistinct(), []byte("a name of some length")
	for what, do := range map[string]func(){
		"Add": func() { d.Add(3) }, "AddBytes": func() { d.AddBytes(name) }, "Merge": func() { d.Merge(o) }, "Estimate": func() { d.Estimate() },
	} {
		if n := testing.AllocsPerRun(100, do); n != 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
}

func FuzzDistinctUnmarshalBinary(f *testing.F) {
	d := sketch.NewDistinct()
	f.Add(distinctBytes(f, d))
	d.Add(1)
	one := distinctBytes(f, d)
	f.Add(one)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := sketch.NewDistinct()
		d.Add(1)
		if d.UnmarshalBinary(data) != nil {
			if !bytes.Equal(distinctBytes(t, d), one) {
				t.Fatal("refused, but changed the receiver")
			}
			return
		}
		if !bytes.Equal(distinctBytes(t, d), data) {
			t.Fatal("accepted bytes come back as others")
		}
		d.Add(1)
		d.Estimate()
	})
}
