package fit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/sketch"
)

// dump is the oracle: all that a state knows, field by field, at once.
func dump(s *State) []byte {
	b := fmt.Appendf(nil, "overflow %d, %d series, parts %v\n", s.overflow, s.series.Len(), s.parts)
	b, _ = s.distinct.AppendBinary(b)
	for slot := range int32(s.series.Len()) {
		b = fmt.Appendf(b, "%d %q %d\n", slot, s.series.Name(slot), s.records[slot])
	}
	for i := range s.features {
		f := &s.features[i]
		b = fmt.Appendf(b, "feature %d: %d %v\n", i, f.domain, f.missing)
		if f.distinct != nil {
			b, _ = f.distinct.AppendBinary(b)
		}
		if f.labels != nil {
			b = f.labels.append(b)
		}
		for slot := range f.missing {
			b, _ = f.At(slot).AppendBinary(b)
		}
	}
	for i := range s.groups {
		g := &s.groups[i]
		b = g.appendSlots(b, 0, len(g.place))
	}
	return b
}

// randomPlan has a random choice of the features of testPlan, sometimes arrays, labels
// and groups that are whitened too, and sometimes room for few series only.
func randomPlan(t testing.TB, r *rand.Rand) *Plan {
	plan := testPlan(t)
	n := 1 + r.IntN(len(plan.Features))
	plan.Features, plan.Record.Features = plan.Features[:n], plan.Record.Features[:n]
	for k := range max(0, r.IntN(5)-2) {
		addFeature(plan, randomArray(r, k))
	}
	for k := range r.IntN(1 + mostLabels) {
		addFeature(plan, randomLabels(r, k))
	}
	for k := range r.IntN(3) {
		addGroup(plan, r, k)
	}
	if r.IntN(2) == 0 {
		plan.MaxSeries = 1 + r.IntN(100)
	}
	return plan
}

// randomRow has few series that come often and many that come seldom, numbers
// that repeat, and missing ones, and as many labels as a plan may ask for.
func randomRow(r *rand.Rand, numbers int) *record.Row {
	row := &record.Row{Series: fmt.Appendf(nil, "s%d", int(200*math.Pow(r.Float64(), 3)))}
	for range numbers {
		x := r.NormFloat64()
		switch r.IntN(8) {
		case 0:
			x = math.NaN()
		case 1:
			x = float64(r.IntN(5)) - 1
		}
		row.Numbers = append(row.Numbers, x)
	}
	for range mostLabels {
		row.Labels = append(row.Labels, randomLabel(r, 40))
	}
	return row
}

func learn(t testing.TB, row *record.Row, states ...*State) {
	t.Helper()
	for _, s := range states {
		if err := s.Observe(row); err != nil {
			t.Fatal(err)
		}
	}
}

func restore(t testing.TB, plan *Plan, b []byte) *State {
	t.Helper()
	s, err := RestoreState(plan, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// whole takes a snapshot in one step.
func whole(t testing.TB, s *State) []byte {
	t.Helper()
	b, done := s.Snapshot().Step(nil, math.MaxInt32)
	if !done || s.snapshot != nil {
		t.Fatalf("not done after one step of %d bytes", len(b))
	}
	return b
}

// TestSnapshot takes snapshots in small steps while the state goes on learning.
// What is restored equals the state at the moment of the snapshot, and, fed what
// came since, the state that never stopped, to the last bit and to the frozen
// numbers. Some snapshots are given up.
func TestSnapshot(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 7))
	for range 25 {
		plan := randomPlan(t, r)
		s := newState(t, plan)
		for range 3 {
			for range r.IntN(2000) {
				learn(t, randomRow(r, plan.Record.Width()), s)
			}
			var log []*record.Row // since the snapshot
			want := dump(s)
			n, b, done := s.Snapshot(), []byte(nil), false
			for !done {
				for range r.IntN(20) {
					log = append(log, randomRow(r, plan.Record.Width()))
					learn(t, log[len(log)-1], s)
				}
				if b, done = n.Step(b, r.IntN(3000)); r.IntN(500) == 0 {
					n.Discard()
					n, b, done, want, log = s.Snapshot(), nil, false, dump(s), nil
				}
			}
			if s.snapshot != nil {
				t.Fatal("the snapshot is done, and still there")
			}
			if again, done := n.Step(nil, 10); len(again) > 0 || !done {
				t.Fatalf("a step of a snapshot that is done gives %d bytes", len(again))
			}
			restored := restore(t, plan, b)
			if !bytes.Equal(dump(restored), want) {
				t.Fatalf("plan of %d features: the restored state differs", len(plan.Features))
			}
			for _, row := range log {
				learn(t, row, restored)
			}
			if !bytes.Equal(dump(restored), dump(s)) {
				t.Fatalf("plan of %d features: %d records after the restored state differs from the one that never stopped", len(plan.Features), len(log))
			}
			sameFreeze(t, plan, s, restored)
			s = restored
		}
	}
}

// sameFreeze compares what two states freeze to.
func sameFreeze(t *testing.T, plan *Plan, a, b *State) {
	t.Helper()
	plan.MinSamples = 1
	ma, mb := Merge(plan, []*State{a}), Merge(plan, []*State{b})
	fa, errA := ma.Freeze()
	fb, errB := mb.Freeze()
	if fmt.Sprint(errA) != fmt.Sprint(errB) {
		t.Fatalf("error %v, want %v", errB, errA)
	}
	if errA != nil { // labels that make no categories
		return
	}
	if ma.Counts() != mb.Counts() || a.Records() != b.Records() {
		t.Fatalf("%d records, %+v; want %d, %+v", b.Records(), mb.Counts(), a.Records(), ma.Counts())
	}
	for i := range plan.Features {
		if x, y := fmt.Sprint(ma.Pooled(i), show(fa.Learned(i))), fmt.Sprint(mb.Pooled(i), show(fb.Learned(i))); x != y {
			t.Fatalf("feature %d: %s, want %s", i, y, x)
		}
		for entry := range ma.Entries(i) {
			x, errX := ma.AppendState(nil, i, entry)
			y, errY := mb.AppendState(nil, i, entry)
			if errX != nil || errY != nil || !bytes.Equal(x, y) {
				t.Fatalf("feature %d, entry %d: other bytes", i, entry)
			}
		}
	}
}

// TestSnapshotMemory: what waits is what Observe had to write since the last
// Step, and a Step hands all of it out.
func TestSnapshotMemory(t *testing.T) {
	plan := testPlan(t)
	s := newState(t, plan)
	for i := range 300 {
		observe(t, s, fmt.Sprint(i), float64(i+1))
	}
	n := s.Snapshot()
	b, done := n.Step(nil, 0)
	if head := len(b); done || head < len(plan.Features)*sketch.DistinctSize || head > (len(plan.Features)+1)*sketch.DistinctSize {
		t.Fatalf("the first step gives %d bytes, done %v", head, done)
	}
	for range 3 {
		observe(t, s, "299", 1)
		observe(t, s, "298", 1)
		observe(t, s, "new", 1)
	}
	slot := len(s.appendSlot(nil, 0))
	if got := len(n.waiting); got != 2*slot {
		t.Errorf("%d bytes wait after two series have changed, want %d", got, 2*slot)
	}
	if b, _ = n.Step(nil, 0); len(b) != 2*slot || len(n.waiting) != 0 {
		t.Errorf("a step of size 0 gives %d bytes, want %d", len(b), 2*slot)
	}
	if b, _ = n.Step(nil, slot+1); len(b) != 2*slot {
		t.Errorf("a step of size %d gives %d bytes, want %d", slot+1, len(b), 2*slot)
	}
}

func TestSnapshotBugs(t *testing.T) {
	f := func(name string, misuse func()) {
		t.Helper()
		defer func() {
			if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "BUG: ") {
				t.Errorf("%s: %s", name, text)
			}
		}()
		misuse()
	}
	plan := testPlan(t)
	s, o := newState(t, plan), newState(t, plan)
	n := s.Snapshot()
	f("two at a time", func() { s.Snapshot() })
	n.Discard()
	if b, done := n.Step(nil, 100); len(b) > 0 || !done {
		t.Errorf("a step of a discarded snapshot gives %d bytes, done %v", len(b), done)
	}
	whole(t, s)
	if err := s.Absorb(o); err != nil {
		t.Fatal(err)
	}
	f("after Absorb", func() { s.Snapshot() })
}

// TestRestoreRefuses changes one thing at a time in a state of two series, one
// feature with a pre-transform.
func TestRestoreRefuses(t *testing.T) {
	plan := testPlan(t)
	plan.Features, plan.Record.Features, plan.MaxSeries = plan.Features[3:4], plan.Record.Features[3:4], 3
	s := newState(t, plan)
	for _, x := range []float64{1, 2, -1} { // the last is outside of the domain of log
		observe(t, s, "a", x)
	}
	observe(t, s, "b", 4)
	good := whole(t, s)
	var (
		features = 2 + len(sketch.HashID)
		series   = features + 4
		overflow = series + 4
		domain   = overflow + 8
		counter  = domain + 8
		a        = counter + sketch.DistinctSize
		b        = a + 4 + 8 + 8 + 2 + 3 + 2*8
		names    = b + 4 + 8 + 8 + 2 + 3 + 8
	)
	if names+2*5 != len(good) {
		t.Fatalf("%d bytes, want %d", len(good), names+2*5)
	}
	f := func(want string, change func(p []byte) []byte) {
		t.Helper()
		p := change(slices.Clone(good))
		if _, err := RestoreState(plan, bytes.NewReader(p), int64(len(p))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	put := func(at int, v byte) func([]byte) []byte {
		return func(p []byte) []byte { p[at] = v; return p }
	}
	f("version 2, want 1", put(0, 2))
	f("hash \"splitmix64/2\"", put(features-1, '2'))
	f("2 features, want 1", put(features, 2))
	f("4 series, and 0 records of others, with max_series at 3", put(series, 4))
	f("2 series, and 1 records of others, with max_series at 3", put(overflow, 1))
	f("2 values outside of the domain are more", put(domain, 2))
	f("sketch: counter", put(counter, 9))
	f("sketch: register", put(counter+1, 99))
	f("slot 7 of 2", put(a, 7))
	f("slot 0 of 2 is out of range, or comes twice", put(b, 0))
	f("slot 0 without a record", put(a+4, 0))
	f("2 values and 1 missing in 4 records", put(a+4, 4))
	f("2 values and 9 missing in 3 records", put(a+12, 9))
	f("welford: header", put(a+22, 9))
	f("welford: ", put(a+20, 10))
	f("1 values and 0 missing in 2 records", put(b+4, 2))
	f("series \"a\" comes twice", put(names+9, 'a'))
	f("bytes wanted: unexpected EOF", put(names+8, 1))
	f("bytes behind the last name", func(p []byte) []byte { return append(p, 0) })
	for n := range good {
		f("", func(p []byte) []byte { return p[:n] })
	}

	// With more series than bytes for them, nothing is made.
	plan.MaxSeries = math.MaxInt32
	huge := func(p []byte) []byte { binary.LittleEndian.PutUint32(p[series:], math.MaxInt32); return p }
	if n := testing.AllocsPerRun(1, func() { f("2147483647 series: unexpected EOF", huge) }); n > 1000 {
		t.Errorf("%v allocations", n)
	}
	// Where the reader has less than it is said to have, nothing is made either.
	if _, err := RestoreState(plan, bytes.NewReader(good[:names+4]), 1<<40); err == nil {
		t.Error("a short reader is not refused")
	}
}

// BenchmarkSnapshotStep is the pause that a Step of 256 KiB costs.
func BenchmarkSnapshotStep(b *testing.B) {
	for _, kind := range []string{scale.Standard, scale.Robust} {
		b.Run(kind, func(b *testing.B) {
			s, _ := benchmarkState(b, kind)
			n, buf := s.Snapshot(), []byte(nil)
			b.SetBytes(256 << 10)
			for b.Loop() {
				out, done := n.Step(buf, 256<<10)
				if buf = out[:0]; done {
					n = s.Snapshot()
				}
			}
		})
	}
}

// BenchmarkRestore5000x8 reads 5,000 series of 8 features with digests.
func BenchmarkRestore5000x8(b *testing.B) {
	s, _ := benchmarkState(b, scale.Robust)
	file := whole(b, s)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		restore(b, s.plan, file)
	}
}

// BenchmarkObserveKept is a record of a series that a Snapshot has not written.
func BenchmarkObserveKept(b *testing.B) {
	s, rows := benchmarkState(b, scale.Robust)
	n, i := s.Snapshot(), 0
	for b.Loop() {
		learn(b, &rows[i], s)
		if i++; i == len(rows) {
			n.Discard()
			n, i = s.Snapshot(), 0
		}
	}
}

// benchmarkState has 5,000 series of 8 features and 200 values each.
func benchmarkState(b *testing.B, kind string) (*State, []record.Row) {
	spec, _ := scale.Default(kind)
	plan := &Plan{MinSamples: 1, MaxSeries: 5000}
	for range 8 {
		plan.Features = append(plan.Features, frozen.Feature{Scaler: spec})
	}
	s, r := newState(b, plan), rand.New(rand.NewPCG(1, 1))
	rows := make([]record.Row, plan.MaxSeries)
	for i := range rows {
		rows[i] = record.Row{Series: fmt.Appendf(nil, "pump-%06d", i), Numbers: make([]float64, 8)}
		for range 200 {
			for k := range rows[i].Numbers {
				rows[i].Numbers[k] = r.NormFloat64()
			}
			learn(b, &rows[i], s)
		}
	}
	return s, rows
}

// FuzzRestore reads any bytes. What is taken is written with the same numbers.
func FuzzRestore(f *testing.F) {
	plan := testPlan(f)
	plan.Features, plan.Record.Features = plan.Features[3:5], plan.Record.Features[3:5]
	s := newState(f, plan)
	f.Add(whole(f, s))
	for i := range 200 {
		observe(f, s, fmt.Sprint("s", i%3), float64(i)-2)
	}
	f.Add(whole(f, s))
	arrays := testPlan(f)
	arrays.Features, arrays.Record.Features = nil, nil
	addFeature(arrays, frozen.Feature{Name: "x", Scaler: must(scale.Default(scale.Robust)), Shape: []int{2, 3}, Per: "0", Scope: frozen.ScopeGlobal})
	addFeature(arrays, frozen.Feature{Name: "y", Scaler: must(scale.Default(scale.Standard)), Shape: []int{2}})
	addFeature(arrays, randomLabels(rand.New(rand.NewPCG(1, 1)), 0))
	s = newState(f, arrays)
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		learn(f, randomRow(r, arrays.Record.Width()), s)
	}
	f.Add(whole(f, s))
	f.Fuzz(func(t *testing.T, b []byte) {
		plan := plan
		if len(b) > 0 && b[0] == arrayStateVersion {
			plan = arrays
		}
		s, err := RestoreState(plan, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if !bytes.Equal(dump(restore(t, plan, whole(t, s))), dump(s)) {
			t.Fatal("taken, but written with other numbers")
		}
	})
}
