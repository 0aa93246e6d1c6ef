package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"tare/fit"
	"tare/record"
	"tare/scale"
)

// What is learned behind each pre-transform, merged from two partitions, and
// what it makes of records, has the same bits on every processor: make pinned
// runs this on several.
func TestPinnedPipeline(t *testing.T) {
	f := func(kind, want string) {
		t.Helper()
		pre := func(kind string) []scale.Pre { return []scale.Pre{{Kind: kind}} }
		steps := [][]scale.Pre{nil, pre(scale.Log), pre(scale.Log1p), pre(scale.Sqrt), pre(scale.Asinh), {{Kind: scale.Affine, Scale: .1, Offset: 1. / 3}, {Kind: scale.Log1p}}}
		r := rand.New(rand.NewPCG(33, 33))
		row := record.Row{Numbers: make([]float64, len(steps))}
		fill := func() { // takes no function whose bits depend on the processor
			row.Series = fmt.Appendf(row.Series[:0], "series %d", r.IntN(5))
			for i := range row.Numbers {
				row.Numbers[i] = float64(float64(1000*r.Float64())*r.Float64()) + 1e-9
			}
		}
		first, plan := state(t, kind, steps...)
		second, err := fit.NewState(plan)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*fit.State{first, second} {
			for range 5000 {
				fill()
				if err := s.Observe(&row); err != nil {
					t.Fatal(err)
				}
			}
		}
		frozen, err := fit.Merge(plan, []*fit.State{first, second}).Freeze()
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		for id := range int32(frozen.Series().Len()) {
			for i := range steps {
				binary.Write(h, binary.LittleEndian, frozen.Params(i, id))
			}
		}
		z, back := make([]float64, len(steps)), make([]float64, len(steps))
		for range 1000 {
			fill()
			id := frozen.Find(row.Series)
			frozen.Transform(z, &row, id)
			frozen.Inverse(back, z, id)
			binary.Write(h, binary.LittleEndian, z)
			binary.Write(h, binary.LittleEndian, back)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
			t.Errorf("%s: parameters and results have SHA-256 %s, want %s", kind, got, want)
		}
	}
	f(scale.Standard, "d89820544af29d034b19ac123db1d6e1593a0312c1e9ff94e2840608fffb0429")
	f(scale.MinMax, "d375fb13e16b3b0ca13e8163400e561109ddd84abad2431a7bc2204aa9e3e3e7")
	f(scale.Robust, "0cae8b183c8ef28c74ee37898b8b44b3affff587074417829284cea28c1cad8e")
	f(scale.Quantile, "8d7fcf036ca0e80c0878e15cff5c5d17e7b64a99dd2a891d8e6ed34b57aa7886")
}
