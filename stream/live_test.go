package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/store"
)

// TestLiveBegins freezes with emit: live. The normalize pass then begins at the
// first record that is live or rejected, unless emit has become all.
func TestLiveBegins(t *testing.T) {
	f := func(emit string, written int64) {
		t.Run(emit, func(t *testing.T) {
			virtually(t, func(w *world) {
				p := writing(w.pipeline(w.TempDir(), time.Hour, time.Minute), "in")
				p.Identity.Normalize.Emit = store.EmitLive
				w.send(w.records(40))
				w.send(w.live(20))
				r := w.freeze(p)
				if !r.ended(3*time.Hour) || r.err != nil {
					w.Fatalf("the fit: %v", r.err)
				}
				if s := r.partition(); s.Fit.Live != 20 || s.Fit.Train != 40 {
					w.Errorf("counted %+v", s.Fit)
				}
				committed, err := p.Client.Committed(w.Context(), "tare.test.1", "in", []int32{0})
				if want := "begin " + r.artifact.ID; err != nil || committed[0].Offset != 40 || committed[0].Metadata != want {
					w.Errorf("committed %+v, %v, want 40 with %q", committed, err, want)
				}
				p.Identity.Normalize.Emit = emit
				n := w.normalize(p, r.artifact)
				if n.ended(5 * time.Second) {
					w.Fatal(n.err)
				}
				if s := n.partition(); s.Next != 60 || s.Normalize.Written != written || s.Normalize.NotLive != 0 {
					w.Errorf("at %d with %+v, want %d written", s.Next, s.Normalize, written)
				}
				n.stop()
			})
		})
	}
	f(store.EmitLive, 20)
	f(store.EmitAll, 60)
}

// live returns n records behind all cutoffs of a test.
func (w *world) live(n int) (records []*kgo.Record) {
	for i := range n {
		records = append(records, &kgo.Record{Topic: "in", Value: fmt.Appendf(nil, `{"sensor":"s1","ts":%d,"load":%d,"payload":{"vib":1},"a.b":1}`,
			w.began.Add(4*time.Hour).UnixMilli(), i)})
	}
	return records
}
