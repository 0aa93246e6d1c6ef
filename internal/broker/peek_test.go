package broker

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestPeek sees what a takeover sees, behind thousands of markers and a
// transaction that was aborted, and leaves the partition as it is: the owner goes
// on writing.
func TestPeek(t *testing.T) {
	virtually(t, func(w *world) {
		p, empty := Place{"out", 0}, Place{"out", 1}
		w.make("out", 2)
		w.produce(p, 0, 3)
		w.foreign(p, "aborted")(false)
		w.markers(p, 2000)
		writes := 0
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.CreateTopics, kmsg.OffsetCommit} {
			w.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) { writes++; return nil, nil, false })
		}
		tails, err := w.client.Peek(w.Context(), []Place{p, empty})
		w.must(err)
		if last := tails[0].Last; last == nil || last.Offset != 2 || tails[0].Marker != 3+2+2000 {
			t.Errorf("the tail is %+v, want record 2 below 2005", tails[0])
		}
		if tails[1].Last != nil || tails[1].Place != empty {
			t.Errorf("the tail of nothing is %+v", tails[1])
		}
		if writes > 0 {
			t.Errorf("%d requests that write", writes)
		}
	})
}

// TestReach tries once, whatever the reason.
func TestReach(t *testing.T) {
	virtually(t, func(w *world) {
		address := w.client.Brokers()[0]
		w.must(w.client.Reach(w.Context(), address))
		w.network.refuse(address, true)
		before := w.network.dials
		if err := w.client.Reach(w.Context(), address); err == nil || w.network.dials != before+1 {
			t.Errorf("got %v after %d attempts, want an error after 1", err, w.network.dials-before)
		}
	})
}

// TestAccess asks a cluster without an authorizer, which allows everything.
func TestAccess(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("out", 1)
		a, err := w.client.Access(w.Context(), []string{"out", "absent"})
		w.must(err)
		if lacking := a.Topics["out"].Lacking(Read | Write | Describe | DescribeConfigs); len(lacking) > 0 {
			t.Errorf("lacking %v", lacking)
		}
		if _, ok := a.Topics["absent"]; ok || len(a.Cluster.Lacking(Create)) > 0 {
			t.Errorf("access is %+v, want nothing of a topic that is absent, and Create", a)
		}
		if _, err := w.client.lookup(w.Context(), "absent", nil); err == nil {
			t.Error("asking made the topic")
		}
	}, kfake.NumBrokers(1))
}

func TestLacking(t *testing.T) {
	for _, c := range []struct {
		have, want Operations
		lacking    []string
	}{
		{Read | Write, Read, nil},
		{Read, Read | Write | DescribeConfigs, []string{"Write", "DescribeConfigs"}},
		{0, Create, []string{"Create"}},
		{untold, Read, nil},
	} {
		if got := c.have.Lacking(c.want); !slices.Equal(got, c.lacking) {
			t.Errorf("%b lacks %v of %b, want %v", c.have, got, c.want, c.lacking)
		}
	}
}
