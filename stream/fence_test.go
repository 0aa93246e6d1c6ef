package stream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"tare/internal/broker"
	"tare/store"
)

// frozenWorld returns the artifact of a world whose topic has gone silent.
func frozenWorld(w *world, dir string) *store.Artifact {
	w.Helper()
	w.produce(100)
	r := w.freeze(w.pipeline(dir, time.Minute, 5*time.Minute))
	r.seals(10*time.Minute, 100)
	return r.artifact
}

// TestFenceIsRepeated each hour, and whoever was fenced meanwhile ends.
func TestFenceIsRepeated(t *testing.T) {
	virtually(t, func(w *world) {
		dir := t.TempDir()
		artifact := frozenWorld(w, dir)
		old := w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		old.goesOn(2*time.Hour+30*time.Minute, "idle")
		if n := old.partition().Fences; n != 3 {
			t.Errorf("%d fences in two hours and a half, want 3", n)
		}
		next := w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		if !old.ended(time.Hour) {
			t.Fatal("the older owner goes on an hour after it was fenced")
		}
		if _, fenced := errors.AsType[*broker.FencedError](old.err); !fenced {
			t.Errorf("the older owner ends with %T %v, want a FencedError", old.err, old.err)
		}
		w.produce(10)
		next.goesOn(time.Minute, "following")
		next.stop()
		if err := w.oracle.Check([]int64{w.sent}, w.written(next.Pipeline)...); err != nil {
			t.Error(err)
		}
	})
}

// TestFencedWriter: a record that an older owner has read is written by the next
// one alone.
func TestFencedWriter(t *testing.T) {
	virtually(t, func(w *world) {
		dir := t.TempDir()
		artifact := frozenWorld(w, dir)
		old := w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		old.goesOn(time.Minute, "idle")
		next := w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		next.goesOn(time.Minute, "idle")
		w.produce(50)
		if !old.ended(time.Minute) {
			t.Fatal("the older owner goes on")
		}
		if _, fenced := errors.AsType[*broker.FencedError](old.err); !fenced {
			t.Errorf("the older owner ends with %T %v, want a FencedError", old.err, old.err)
		}
		if _, refused := errors.AsType[*store.RefusedError](old.err); !refused || !strings.Contains(old.err.Error(), "another process has taken it over; run one") {
			t.Errorf("the older owner ends with %T %v, want a RefusedError that says who owns the pipeline", old.err, old.err)
		}
		next.goesOn(time.Minute, "following")
		next.stop()
		if err := w.oracle.Check([]int64{w.sent}, w.written(next.Pipeline)...); err != nil {
			t.Error(err)
		}
	})
}

// TestLongIdle: who has written nothing for longer than the broker remembers a
// producer, four hours here, writes what comes then once.
func TestLongIdle(t *testing.T) {
	virtually(t, func(w *world) {
		dir := t.TempDir()
		artifact := frozenWorld(w, dir)
		r := w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		r.goesOn(5*time.Hour, "idle")
		for range 3 {
			w.produce(200)
			r.goesOn(time.Second, "following")
		}
		r.stop()
		if err := w.oracle.Check([]int64{w.sent}, w.written(r.Pipeline)...); err != nil {
			t.Error(err)
		}
		if s := r.partition(); s.Committed != w.sent {
			t.Errorf("committed up to %d, want %d", s.Committed, w.sent)
		}
	}, kfake.BrokerConfigs(map[string]string{"transactional.id.expiration.ms": "14400000"}))
}
