package store

import (
	"encoding/binary"
	"math"
	"testing"

	"tare/frozen"
	"tare/scale"
)

// bent is an artifact of the scalers that version 1 does not know. The last series
// has no value.
func bent(t testing.TB) (*Manifest, *frozen.Frozen) {
	features := []frozen.Feature{
		{Name: "box", Scaler: scale.Spec{Kind: scale.BoxCox, Standardize: true}},
		{Name: "code", Scaler: scale.Spec{Kind: scale.KBins, NBins: 3, Strategy: scale.QuantileBins}},
		{Name: "yeo", Scaler: scale.Spec{Kind: scale.YeoJohnson}},
	}
	learned := []frozen.Learned{
		{Params: []float64{-0.25, 1, 2, 1, 2, 1, nan, nan, nan}},
		{Offsets: []uint64{0, 4, 6, 6}, Params: []float64{1, 1.5, 2, 3, 2, 2}},
		{Params: []float64{0, 0, 1, 2.5, 0, 1, nan, nan, nan}},
	}
	for i := range learned {
		l := &learned[i]
		l.Count, l.Missing = []uint64{4, 3, 0}, []uint64{0, 1, 4}
		l.Min, l.Max = []float64{1, 2, nan}, []float64{3, 2, nan}
		l.Mean, l.Var = []float64{1.75, 2, nan}, []float64{0.7, 0, nan}
	}
	return manifest(t, features, []uint64{4, 4, 4}, learned, "a", "b", "c")
}

// TestNewerScalers: the artifact is of format 2, and reads as it was written; edges of
// bins stand in one array behind their offsets.
func TestNewerScalers(t *testing.T) {
	m, f := bent(t)
	for i := range m.Features {
		one := *m
		one.Features = m.Features[i : i+1]
		if one.format() != 2 {
			t.Errorf("%s alone: format %d, want 2", one.Features[0].Scaler.Kind, one.format())
		}
	}
	file := written(t, m, f)
	a, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, a.Frozen, f)
	found := 0
	for _, p := range unpack(t, file) {
		switch items := p.data[min(npyHeaderLen, len(p.data)):]; p.name {
		case "code.offsets.npy":
			found++
			if got := binary.LittleEndian.Uint64(items[8:]); got != 4 {
				t.Errorf("the first series has %d edges, want 4", got)
			}
		case "code.bin_edges.npy":
			found++
			if got := math.Float64frombits(binary.LittleEndian.Uint64(items[8:])); len(items) != 6*8 || got != 1.5 {
				t.Errorf("%d bytes of edges, the second of which is %v", len(items), got)
			}
		case "yeo.lambda.npy":
			found++
			if got := math.Float64frombits(binary.LittleEndian.Uint64(items[8:])); got != 2.5 {
				t.Errorf("lambda of the second series is %v, want 2.5", got)
			}
		}
	}
	if found != 3 {
		t.Errorf("%d of three arrays are there", found)
	}
}

// TestHostileScalers refuses what learning cannot have left behind.
func TestHostileScalers(t *testing.T) {
	h := newHostiles(t, written(bentBytes(t)))
	h.member("edges that fall", "code.bin_edges.npy", func(b []byte) []byte { return put(b, 1, math.Float64bits(0.5)) }, "the edges of the bins do not rise")
	h.member("an edge that is infinite", "code.bin_edges.npy", func(b []byte) []byte { return put(b, 3, math.Float64bits(math.Inf(1))) }, "not finite")
	h.member("one edge", "code.offsets.npy", func(b []byte) []byte { return put(b, 2, 5) }, "1 edges of bins, want 2 or more")
	h.member("a scale of 0", "box.scale.npy", func(b []byte) []byte { return put(b, 0, 0) }, "a scale of 0")
	h.member("no lambda", "yeo.lambda.npy", func(b []byte) []byte { return put(b, 0, math.Float64bits(nan)) }, "not finite")
	h.manifest(`"format":2`, `"format":1`, "format 1, want 2 for such features")
	h.manifest(`"n_bins":3`, `"n_bins":1`, "n_bins 1: must be 2 to 10000")
	h.manifest(`"strategy":"quantile"`, `"strategy":"width"`, `strategy "width"`)
	h.manifest(`"kind":"yeo_johnson"`, `"kind":"yeo_johnston"`, `scaler "yeo_johnston"`)
	h.run(t, func(b []byte) error { _, err := read(b); return err }, 9)
}

func bentBytes(t *testing.T) (testing.TB, *Manifest, *frozen.Frozen) {
	m, f := bent(t)
	return t, m, f
}

// put sets item i of an array.
func put(b []byte, i int, item uint64) []byte {
	binary.LittleEndian.PutUint64(b[npyHeaderLen+8*i:], item)
	return b
}
