package fit

import (
	"fmt"
	"runtime"
	"testing"
)

// TestFreezeStreams: a freeze takes the memory of what it freezes to, not that of
// the digests over again.
func TestFreezeStreams(t *testing.T) {
	const series = 500
	plan := testPlan(t)
	s := newState(t, plan)
	for i := range 4 * series {
		observe(t, s, fmt.Sprint("s", i%series), float64(i))
	}
	m := Merge(plan, []*State{s})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := m.Freeze(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	each := (after.TotalAlloc - before.TotalAlloc) / series / uint64(len(plan.Features))
	t.Logf("%d bytes for each series and feature", each)
	if each > 400 {
		t.Errorf("a freeze allocates %d bytes for each series and feature", each)
	}
}
