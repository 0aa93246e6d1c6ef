package bench

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tare/fit"
	"tare/scale"
	"tare/store"
)

// piece is what a pass hands over at a time while it writes a checkpoint.
const piece = 64 << 10

// BenchmarkCheckpoint writes a state of 64 MB, made durable, as a checkpoint and
// as a plain file of the same bytes, in turn: disks have moods. It reports the
// medians of the wall clock, and of the ratios of wall clock and processor time.
func BenchmarkCheckpoint(b *testing.B) {
	p := plan(b, scale.Robust, fit.Cutoff{Kind: fit.End})
	meta := &store.CheckpointMeta{Topic: "raw", Progress: fit.NewPartition(&p.Cutoff, 0, 0).Progress()}
	state := make([]byte, 64<<20)
	for i := range state {
		state[i] = byte(i * i >> 8)
	}
	var checkpoint, plain, wall, busy []float64
	for b.Loop() {
		c, used := timed(b, func(dir string) error { return writeCheckpoint(dir, meta, state) })
		f, plainUsed := timed(b, func(dir string) error { return writePlain(dir, state) })
		checkpoint, plain, wall, busy = append(checkpoint, c), append(plain, f), append(wall, c/f), append(busy, used/plainUsed)
	}
	b.ReportMetric(1000*median(checkpoint), "checkpoint-ms")
	b.ReportMetric(1000*median(plain), "plain-ms")
	b.ReportMetric(median(wall), "x-plain")
	b.ReportMetric(median(busy), "x-plain-cpu")
	b.ReportMetric(0, "ns/op")
}

// timed returns the seconds of the wall clock and of the processor.
func timed(b *testing.B, write func(dir string) error) (wall, busy float64) {
	dir, start, began := b.TempDir(), time.Now(), cpu()
	if err := write(dir); err != nil {
		b.Fatal(err)
	}
	return time.Since(start).Seconds(), float64(cpu()-began) / 1e9
}

func writeCheckpoint(dir string, m *store.CheckpointMeta, state []byte) error {
	w, err := store.CreateCheckpoint(dir, m)
	if err != nil {
		return err
	}
	for p := range slices.Chunk(state, piece) {
		if _, err := w.Write(p); err != nil {
			w.Abort()
			return err
		}
	}
	_, err = w.Commit()
	return err
}

func writePlain(dir string, state []byte) error {
	w, err := os.Create(filepath.Join(dir, "plain"))
	if err != nil {
		return err
	}
	for p := range slices.Chunk(state, piece) {
		if _, err := w.Write(p); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return errors.Join(w.Sync(), w.Close())
}

// BenchmarkPause begins a checkpoint of 10,000 series with eight digests each and
// takes it piece by piece, as a pass does between two reads. It reports the
// median of the longest that a pass stood still for it.
func BenchmarkPause(b *testing.B) {
	state := learn(b, plan(b, scale.Robust, fit.Cutoff{Kind: fit.End}), newFeed(10_000, 100_000, false)).State
	var longest []float64
	var buf []byte
	for b.Loop() {
		most, start := time.Duration(0), time.Now()
		n := state.Snapshot()
		for done := false; !done; {
			buf, done = n.Step(buf[:0], piece)
			most = max(most, time.Since(start))
			start = time.Now()
		}
		longest = append(longest, most.Seconds())
	}
	b.ReportMetric(1000*median(longest), "longest-ms")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
