package coord

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tare/fit"
	"tare/internal/broker"
)

// TestSameAgain: a decision that is made again, by the same writer or by the
// next, is a success and is not written twice.
func TestSameAgain(t *testing.T) {
	c, _, l := open(t)
	w := writer(t, l, "w")
	for range 2 {
		if err := decide(t, w, all()); err != nil {
			t.Fatal(err)
		}
	}
	if err := decide(t, writer(t, l, "w"), all()); err != nil {
		t.Fatal(err)
	}
	keys := map[string]int{}
	for _, r := range c.Consume(t, name)[0] {
		keys[string(r.Key)]++
	}
	want := map[string]int{"plan": 1, "start/0": 1, "start/11": 1, "seal/0": 1, "seal/11": 1, "artifact": 1}
	if !reflect.DeepEqual(keys, want) {
		t.Errorf("the topic holds %v, want %v", keys, want)
	}
}

// TestConflict: a decision that was made otherwise stands, and the error names
// both.
func TestConflict(t *testing.T) {
	_, client, l := open(t)
	want := all()
	if err := decide(t, writer(t, l, "w"), want); err != nil {
		t.Fatal(err)
	}
	w := writer(t, l, "w")
	for key, v := range map[string]struct {
		err        error
		have, want string
	}{
		"plan":     {w.Plan(t.Context(), []byte(`{}`), map[int32]Start{0: {TopicID: "aa", Offset: 6}}), `{"cutoff":"2026-03-01"}`, `{}`},
		"seal/0":   {w.Seal(t.Context(), 0, fit.Seal{Offset: 70, Reason: fit.ByManual}), `{"offset":70,"reason":"`, `{"offset":70,"reason":"`},
		"artifact": {w.Artifact(t.Context(), Artifact{ID: "4567"}), `{"id":"0123"}`, `{"id":"4567"}`},
	} {
		conflict, ok := errors.AsType[*ConflictError](v.err)
		if !ok || conflict.Key != key || !strings.HasPrefix(conflict.Have, v.have) || !strings.HasPrefix(conflict.Want, v.want) || conflict.Have == conflict.Want {
			t.Errorf("%s: got %v, want a ConflictError of %s and %s", key, v.err, v.have, v.want)
			continue
		}
		for _, part := range []string{key, conflict.Have, conflict.Want} {
			if !strings.Contains(v.err.Error(), part) {
				t.Errorf("%s: %v does not name %s", key, v.err, part)
			}
		}
	}
	if got := again(t, client); !reflect.DeepEqual(got, want) {
		t.Errorf("the log holds %+v, want %+v", got, want)
	}
}

// TestFenced: the next writer under an id ends the one before, whose decision
// fails and does not stand; a writer under another id is left alone.
func TestFenced(t *testing.T) {
	_, client, l := open(t)
	other, old := writer(t, l, "other"), writer(t, l, "w")
	if err := old.Seal(t.Context(), 0, fit.Seal{Offset: 1, Reason: fit.ByWatermark}); err != nil {
		t.Fatal(err)
	}
	elsewhere, err := Follow(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	owner := writer(t, elsewhere, "w")
	err = old.Seal(t.Context(), 1, fit.Seal{Offset: 2, Reason: fit.ByWatermark})
	if _, fenced := errors.AsType[*broker.FencedError](err); !fenced {
		t.Errorf("got %T %v, want a FencedError", err, err)
	}
	want := map[int32]fit.Seal{0: {Offset: 1, Reason: fit.ByWatermark}, 1: {Offset: 3, Reason: fit.ByIdleness}, 2: {Offset: 4, Reason: fit.ByWatermark}}
	if err := errors.Join(owner.Seal(t.Context(), 1, want[1]), other.Seal(t.Context(), 2, want[2])); err != nil {
		t.Fatal(err)
	}
	if got := again(t, client).Seals; !reflect.DeepEqual(got, want) {
		t.Errorf("the seals are %+v, want %+v", got, want)
	}
}

// TestWriterHasReadAll: who takes the right to decide over has read every
// decision of the one before, even if its Log was slow to follow.
func TestWriterHasReadAll(t *testing.T) {
	_, client, l := open(t)
	behind, err := Follow(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	w := writer(t, l, "w")
	behind.mu.Lock() // it takes nothing in any more
	for p := range int32(50) {
		if err := w.Seal(t.Context(), p, fit.Seal{Offset: int64(p), Reason: fit.ByWatermark}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() {
		_, err := behind.Writer(t.Context(), "w")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the writer is there before its log has read the decisions: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	behind.mu.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(behind.State().Seals); n != 50 {
		t.Errorf("the log holds %d seals, want 50", n)
	}
}
