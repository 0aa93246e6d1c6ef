package sketch_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"tare/sketch"
)

// The bits of sketches are part of every checkpoint and artifact: these digests
// change only with the version of the format or with HashID. They hold on every
// GOARCH, with every GOAMD64 and GOARM64.
func TestPinnedBits(t *testing.T) {
	f := func(name, want string, write func(h func(any), r *rand.Rand)) {
		t.Helper()
		h := sha256.New()
		write(func(v any) { binary.Write(h, binary.LittleEndian, v) }, rand.New(rand.NewPCG(32, 32)))
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
			t.Errorf("%s: final states have SHA-256 %s, want %s", name, got, want)
		}
	}
	quantiles := func(value func(r *rand.Rand, i int) float64) func(h func(any), r *rand.Rand) {
		return func(h func(any), r *rand.Rand) {
			var whole, merged sketch.Quantiles
			for part := range 20 {
				var s sketch.Quantiles
				for range 100 + 117*part {
					x := value(r, int(whole.N()))
					whole.Add(x)
					s.Add(x)
				}
				merged.Merge(&s)
			}
			for _, s := range []*sketch.Quantiles{&whole, &merged} {
				h(bytesOf(t, s))
				var c sketch.Curve
				s.Curve(&c)
				h([]float64{c.Median(), c.Quantile(.001), c.Quantile(.25), c.Quantile(.7), c.CDF(.3), c.CDF(c.Quantile(.9))})
				ranks, values := c.Anchors()
				h(ranks)
				h(values)
			}
		}
	}
	f("sum of uniforms", "9393883de5aefda918d1e172e3cbaeb3a491fa1041cc58e328fb54b156410420", quantiles(func(r *rand.Rand, _ int) float64 { return r.Float64() + r.Float64() - r.Float64() }))
	f("ascending", "ba72a2c728a143e3a6b03407f260a6234b1126a1bbd85eb380f625497a6039db", quantiles(func(_ *rand.Rand, i int) float64 { return float64(i) / 7 }))
	f("descending", "18895144e705d8379b6781ae0fc03cc8ab63f98330f576ff1ba33d16ba79e712", quantiles(func(_ *rand.Rand, i int) float64 { return float64(-i) / 7 }))
	f("85 integers", "f414ded899a06e2bb2f6a83bcc4ad6a1bec6bf0f0b0fb95eaf53a97f0c769895", quantiles(func(r *rand.Rand, _ int) float64 { return float64(r.IntN(10) * r.IntN(12)) }))
	f("300 integers", "86eb7c0b7fc48d760ff29a62bc0042dc627958e6f693be09dc867c2ff92aba43", quantiles(func(r *rand.Rand, _ int) float64 { return float64(r.IntN(20) * r.IntN(30)) }))
	f("900 binary decades", "9467cbd23b535f80dca621e12a1e0fbe3d68a05ebe5a87b13cc968115c4b8def", quantiles(func(r *rand.Rand, _ int) float64 { return math.Ldexp(r.Float64()-.5, r.IntN(900)-450) }))
	f("far from zero", "870ae6817f7b137e0ba9a0f02b16005f30c7d6c8124ca949097d3c657032c7ef", quantiles(func(r *rand.Rand, _ int) float64 { return 1e9 + r.Float64() }))
	f("distinct numbers", "48c14cf716cc6221f19bdbf9c1691a0738644cd739e9b46142455ad4a51fb03b", func(h func(any), r *rand.Rand) {
		d := sketch.NewDistinct()
		for i := range 200_000 {
			d.Add(float64(i) / 8)
			if i%10_000 == 0 {
				h(d.Estimate())
			}
		}
		h(distinctBytes(t, d))
	})
	f("distinct texts", "6b40f15acdedc6bad4db6d4bb2ff55e37cab726e85dc9906c0d92478700a4fa3", func(h func(any), r *rand.Rand) {
		d := sketch.NewDistinct()
		for i := range 20_000 {
			d.AddBytes(fmt.Appendf(nil, "%*d", i%20, i))
		}
		h(d.Estimate())
		h(distinctBytes(t, d))
	})
}
