package main

import (
	"strings"
	"testing"

	"tare/stream"
)

// TestPrintStatus shows the late and the rejected of the pass that a partition is
// in, beside what was learned in either.
func TestPrintStatus(t *testing.T) {
	for _, v := range []struct {
		phase stream.Phase
		want  string
	}{
		{stream.Fitting, "0 5 0 -1 10 11 12 0 0"},
		{stream.Normalizing, "0 5 0 -1 10 21 22 0 0"},
	} {
		p := stream.PartitionStatus{Phase: v.phase, Next: 5, End: 5, Committed: -1}
		p.Fit.Train, p.Fit.LateTrain, p.Fit.Rejected[1] = 10, 11, 12
		p.Normalize.Late, p.Normalize.Rejected[1] = 21, 22
		var out strings.Builder
		a := &app{stdout: &out}
		if err := a.printStatus(&stream.Status{Phase: v.phase, Partitions: []stream.PartitionStatus{p}}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		if got := strings.Join(strings.Fields(lines[2]), " "); got != v.want || !strings.Contains(out.String(), "* of the pass") {
			t.Errorf("%s: got %q, want %q:\n%s", v.phase, got, v.want, out.String())
		}
	}
}
