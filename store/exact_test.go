package store

import (
	"bytes"
	"slices"
	"testing"

	"tare/frozen"
	"tare/scale"
)

// exact is an artifact of two robust features, one of which prefers exact
// quantiles and has them in the first and the last series.
func exact(t testing.TB) (*Manifest, *frozen.Frozen) {
	spec := scale.Spec{Kind: scale.Robust, WithCentering: true, WithScaling: true, QuantileRange: &[2]float64{25, 75}}
	features := []frozen.Feature{{Name: "x", Scaler: spec, Exact: frozen.ExactPrefer}, {Name: "y", Scaler: spec}}
	l := frozen.Learned{
		Count: []uint64{2, 2, 2}, Missing: []uint64{0, 0, 0}, Min: []float64{1, 1, 1}, Max: []float64{2, 2, 2},
		Mean: []float64{1.5, 1.5, 1.5}, Var: []float64{0.25, 0.25, 0.25}, Params: []float64{1.5, 0.5, 1.5, 0.5, 1.5, 0.5},
	}
	learned := []frozen.Learned{l, l}
	learned[0].Exact = []bool{true, false, true}
	return manifest(t, features, []uint64{2, 2, 2}, learned, "a", "b", "c")
}

// TestExact: which quantiles are exact stands in the artifact, as bytes, in
// format 2, and only of features that want them exact.
func TestExact(t *testing.T) {
	m, f := exact(t)
	if m.format() != 2 {
		t.Errorf("format %d, want 2", m.format())
	}
	file := written(t, m, f)
	a, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, a.Frozen, f)
	if got := a.Frozen.Learned(0).Exact; !slices.Equal(got, []bool{true, false, true}) || a.Frozen.Learned(1).Exact != nil {
		t.Errorf("marks %v and %v", got, a.Frozen.Learned(1).Exact)
	}
	for _, p := range unpack(t, file) {
		if p.name == "x.exact.npy" && !bytes.Equal(p.data[npyHeaderLen:], []byte{1, 0, 1}) {
			t.Errorf("x.exact holds %v, want 1, 0, 1", p.data[npyHeaderLen:])
		}
	}
}

// TestHostileExact refuses marks that are none, and those that say otherwise than
// the feature.
func TestHostileExact(t *testing.T) {
	h := newHostiles(t, written(exactBytes(t)))
	h.member("a mark of 2", "x.exact.npy", func(b []byte) []byte { b[npyHeaderLen] = 2; return b }, "x.exact.npy: an item is neither 0 nor 1")
	h.member("a mark less", "x.exact.npy", func(b []byte) []byte { return b[:len(b)-1] }, "x.exact.npy has 130 bytes, want 131")
	h.manifest(`"exact":"prefer"`, `"exact":"require"`, "exact quantiles are required, but some are a sketch's")
	h.manifest(`"exact":"prefer"`, `"exact":"never"`, `exact "never", want require or prefer`)
	h.manifest(`,"exact":"prefer"`, ``, "format 2, want 1")
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 5)
}

func exactBytes(t testing.TB) (testing.TB, *Manifest, *frozen.Frozen) {
	m, f := exact(t)
	return t, m, f
}
