package stream

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestSilenceBeforeCutoff: a sensor that is silent for an hour, long before the
// cutoff, goes on training.
func TestSilenceBeforeCutoff(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(100)
		r := w.freeze(w.pipeline(t.TempDir(), 30*24*time.Hour, 10*time.Minute))
		r.goesOn(time.Hour, "the cutoff is 30 days ahead")
		w.produce(10)
		r.goesOn(time.Minute, "the cutoff is 30 days ahead")
		if s := r.partition(); s.Next != 110 || s.Fit.Train != 110 {
			t.Errorf("%d records learned up to %d, want all 110", s.Fit.Train, s.Next)
		}
		r.stop()
	})
}

// TestSilenceBehindCutoff seals at the end of the topic when nothing has come
// for idleness; a record begins it anew.
func TestSilenceBehindCutoff(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(100)
		r := w.freeze(w.pipeline(t.TempDir(), 10*time.Minute, 30*time.Minute))
		r.goesOn(29*time.Minute, "29 minutes")
		w.produce(5)
		r.goesOn(29*time.Minute, "29 minutes since the last record")
		r.seals(3*time.Minute, 105)
	})
}

// TestSilenceAwaitsCutoff: silence seals no sooner than the cutoff, and what a
// record may be late, have passed on the clock.
func TestSilenceAwaitsCutoff(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(100)
		r := w.freeze(w.pipeline(t.TempDir(), time.Hour, 10*time.Minute))
		r.goesOn(time.Hour+50*time.Second, "out_of_orderness is a minute")
		r.seals(20*time.Second, 100)
	})
}

// TestSilenceNever: idleness 0 waits for records for ever.
func TestSilenceNever(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(100)
		r := w.freeze(w.pipeline(t.TempDir(), time.Minute, 0))
		r.goesOn(time.Hour, "idleness is 0")
		r.stop()
	})
}

// TestOpenTransactionIsNoSilence: records are there that may still be committed.
func TestOpenTransactionIsNoSilence(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(100)
		r := w.freeze(w.pipeline(t.TempDir(), time.Minute, 5*time.Minute))
		producer := w.newPeer(kgo.TransactionalID("upstream"), kgo.TransactionTimeout(15*time.Minute))
		defer producer.Close()
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(context.Background(), w.records(10)...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		r.goesOn(14*time.Minute, "a transaction is open")
		if s := r.partition(); s.Next != 100 || s.End != 110 {
			t.Errorf("read up to %d of %d, want 100 of 110", s.Next, s.End)
		}
		if err := producer.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		r.goesOn(4*time.Minute, "it was committed 4 minutes ago")
		if s := r.partition(); s.Fit.Train != 110 || s.Next != 111 {
			t.Errorf("%d records learned up to %d, want 110 up to 111, behind the marker", s.Fit.Train, s.Next)
		}
		r.seals(2*time.Minute, 111)
	})
}

// TestOutageIsNoSilence: the time in which the broker cannot be reached does not
// count.
func TestOutageIsNoSilence(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(100)
		r := w.freeze(w.pipeline(t.TempDir(), time.Minute, 30*time.Minute))
		r.goesOn(10*time.Minute, "10 minutes of silence")
		w.network.fail(true)
		r.goesOn(time.Hour, "the broker cannot be reached")
		w.network.fail(false)
		r.goesOn(15*time.Minute, "25 minutes of silence")
		r.seals(10*time.Minute, 100)
	})
}
