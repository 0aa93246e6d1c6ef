package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"github.com/influxdata/tdigest"

	"tare/fit"
	"tare/frozen"
	"tare/internal/accuracy"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// long reports whether the sweeps that take minutes are asked for.
func long() bool { return os.Getenv("TARE_LONG") == "1" }

// state returns a state that learns one feature a pre-transform, all with the
// same scaler.
func state(tb testing.TB, kind string, pre ...[]scale.Pre) (*fit.State, *fit.Plan) {
	spec, err := scale.Default(kind)
	if err != nil {
		tb.Fatal(err)
	}
	p := &fit.Plan{MinSamples: 2, MaxSeries: 1_000_000, Cutoff: fit.Cutoff{Kind: fit.End}}
	for i, steps := range pre {
		name := fmt.Sprintf("f%d", i)
		p.Record.Features = append(p.Record.Features, schema.Feature{Name: name, Field: name})
		p.Features = append(p.Features, frozen.Feature{Name: name, Scaler: spec, Pre: steps})
	}
	s, err := fit.NewState(p)
	if err != nil {
		tb.Fatal(err)
	}
	return s, p
}

// live returns the bytes and the objects of the heap that are in use.
func live() (bytes, objects float64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.HeapObjects)
}

// Series with 300 values of one feature with a digest, all in: names, counts,
// tables.
func TestMemory(t *testing.T) {
	if !long() {
		t.Skip("TARE_LONG=1 runs it")
	}
	const series = 100_000
	size := accuracy.Of(t, "bytes of heap a series and feature with a digest")
	count := accuracy.Of(t, "objects of the heap a series and feature with a digest")
	r := rand.New(rand.NewPCG(8, 8))
	bytes, objects := live()
	s, _ := state(t, scale.Robust, nil, nil, nil, nil, nil, nil, nil, nil)
	row := record.Row{Numbers: make([]float64, 8)}
	for i := range series / 8 * 300 {
		row.Series = fmt.Appendf(row.Series[:0], "pump-%06d", i%(series/8))
		for j := range row.Numbers {
			row.Numbers[j] = r.NormFloat64()
		}
		if err := s.Observe(&row); err != nil {
			t.Fatal(err)
		}
	}
	b, o := live()
	size.Check((b-bytes)/float64(series), "%d series of 8 features, 300 values each", series/8)
	count.Check((o-objects)/float64(series), "%d series of 8 features, 300 values each", series/8)
	runtime.KeepAlive(s)

	bytes, objects = live()
	peers := make([]*tdigest.TDigest, 200)
	for i := range peers {
		peers[i] = tdigest.NewWithCompression(100)
		for range 300 {
			peers[i].Add(r.NormFloat64(), 1)
		}
	}
	b, o = live()
	size.Peer((b - bytes) / float64(len(peers)))
	count.Peer((o - objects) / float64(len(peers)))
	runtime.KeepAlive(peers)
}
