package fit

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// TestAddIsObserve gives the same values one by one to Add and to Observe.
func TestAddIsObserve(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	for _, pair := range [][2]learner{{new(moments), new(moments)}, {new(digests), new(digests)}} {
		a, o := pair[0], pair[1]
		for range 3 {
			a.Grow()
			o.Grow()
		}
		for range 2000 {
			slot, x := r.IntN(3), r.NormFloat64()
			if r.IntN(100) == 0 {
				x = 1e200 // out of range: refused by both
			}
			got, want := a.Add(slot, x), o.Observe(slot, []float64{x})
			if got != want {
				t.Fatalf("%v: Add says %v, Observe %v", x, got, want)
			}
		}
		for slot := range 3 {
			got, err := a.At(slot).AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			want, err := o.At(slot).AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%T: slot %d differs", a, slot)
			}
		}
	}
}

// TestNumbersCounted counts the distinct values of a number: not the missing ones,
// and those that a pre-transform makes of them.
func TestNumbersCounted(t *testing.T) {
	s := newState(t, testPlan(t))
	for _, x := range []float64{1, 2, 2, math.NaN(), -1} {
		observe(t, s, "a", x)
	}
	for i, f := range s.features {
		want := uint64(3)
		if len(f.pre) > 0 { // the logarithm of -1 is none
			want = 2
		}
		if got := f.distinct.Estimate(); got != want {
			t.Errorf("feature %d: %d distinct values, want %d", i, got, want)
		}
	}
}
