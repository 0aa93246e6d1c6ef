package stream

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tare/fit"
	"tare/internal/coord"
)

// checkpointing returns a fit that saves each minute, and the folder.
func (w *world) checkpointing(dir string) (*run, string) {
	p := w.pipeline(dir, 30*24*time.Hour, 0)
	p.Checkpoint = time.Minute
	return w.freeze(p), filepath.Join(dir, "test-1.checkpoints")
}

func (r *run) wantCheckpoints(done, failed, committed int64) {
	r.Helper()
	s := r.partition()
	if s.Checkpoints != done || s.CheckpointErrors != failed || s.Committed != committed || (s.Error != "") != (failed > 0) {
		r.Errorf("%d checkpoints, %d failed (%q), the newest at %d; want %d, %d, %d", s.Checkpoints, s.CheckpointErrors, s.Error, s.Committed, done, failed, committed)
	}
}

// TestFailingCheckpoint counts one that cannot be written, learns on, and makes
// the next when the folder is back. On stop the last one is written, and the
// next life goes on from it without reading again.
func TestFailingCheckpoint(t *testing.T) {
	virtually(t, func(w *world) {
		dir := t.TempDir()
		r, folder := w.checkpointing(dir)
		w.produce(100)
		r.goesOn(90*time.Second, "one checkpoint")
		r.wantCheckpoints(1, 0, 100)
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o644); err != nil { // not even root writes below a file
			t.Fatal(err)
		}
		w.produce(100)
		r.goesOn(time.Minute, "a checkpoint that fails")
		r.wantCheckpoints(1, 1, 100)
		if s := r.partition(); s.Next != 200 {
			t.Errorf("learned up to %d, want 200", s.Next)
		}
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		r.goesOn(time.Minute, "the next checkpoint")
		r.wantCheckpoints(2, 1, 200)
		w.produce(50)
		r.goesOn(5*time.Second, "no checkpoint is due")
		r.wantCheckpoints(2, 1, 200)
		r.stop()
		r.wantCheckpoints(3, 1, 250)

		next, _ := w.checkpointing(dir)
		next.goesOn(5*time.Second, "resumed")
		if s := next.partition(); s.Records != 0 || s.Next != 250 || s.Fit.Train != 250 {
			t.Errorf("resumed at %d with %d records learned, and %d read again; want 250, 250 and none", s.Next, s.Fit.Train, s.Records)
		}
		next.seal(250)
	})
}

// seal asks to freeze at an offset and wants that.
func (r *run) seal(offset int64) {
	r.Helper()
	if err := coord.RequestFreeze(context.Background(), r.Client, coord.Topic("test", 1), coord.Freeze{Ends: map[int32]int64{0: offset}}); err != nil {
		r.Fatal(err)
	}
	if !r.ended(time.Minute) || r.err != nil {
		r.Fatalf("asked to freeze: %v, %+v", r.err, r.partition())
	}
	if got := r.artifact.Manifest.Ranges[0]; got.Seal != offset || got.Reason != fit.ByManual {
		r.Errorf("the range is %+v, want a manual seal at %d", got, offset)
	}
}

// TestLastCheckpointFails: a fit that is told to stop and cannot save stops
// nevertheless, and counts it.
func TestLastCheckpointFails(t *testing.T) {
	virtually(t, func(w *world) {
		r, folder := w.checkpointing(t.TempDir())
		w.produce(100)
		r.goesOn(5*time.Second, "no checkpoint is due")
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		r.stop()
		r.wantCheckpoints(0, 1, -1)
	})
}

// TestIdleCheckpoint: where nothing has come since the last one, none is made.
func TestIdleCheckpoint(t *testing.T) {
	virtually(t, func(w *world) {
		r, _ := w.checkpointing(t.TempDir())
		w.produce(100)
		r.goesOn(10*time.Minute, "idle")
		r.wantCheckpoints(1, 0, 100)
		r.stop()
		r.wantCheckpoints(1, 0, 100)
	})
}
