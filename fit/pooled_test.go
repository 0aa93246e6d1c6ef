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
	"tare/sketch"
)

// pooledPlans are three that differ in what a feature's series have together: the
// same pooled besides their own, nothing, and everything.
func pooledPlans(t testing.TB, r *rand.Rand) (pooled, series, global *Plan) {
	pooled, series, global = testPlan(t), testPlan(t), testPlan(t)
	for _, plan := range []*Plan{pooled, series, global} {
		plan.Features, plan.Record.Features, plan.MinSamples = nil, nil, 5
	}
	for k := range 1 + r.IntN(4) {
		f := randomArray(r, k)
		f.Scope, f.Pooled = "", false
		addFeature(series, f)
		f.Pooled = true
		addFeature(pooled, f)
		f.Scope, f.Pooled = frozen.ScopeGlobal, false
		addFeature(global, f)
	}
	return pooled, series, global
}

// TestPooled: what a pooled feature learns is, to the last bit, what it would learn
// of each series by itself, and behind it what it would learn of all with the scope
// global; also if partitions are stored and restored on the way, and absorbed.
func TestPooled(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 21))
	for range 100 {
		pooled, series, global := pooledPlans(t, r)
		var states, folded, own, all []*State
		for p := range 1 + r.IntN(3) {
			states, folded = append(states, newState(t, pooled)), append(folded, newState(t, pooled))
			own, all = append(own, newState(t, series)), append(all, newState(t, global))
			for range r.IntN(150) {
				learn(t, randomRow(r, pooled.Record.Width()), states[p], folded[p], own[p], all[p])
				if r.IntN(20) == 0 {
					states[p] = restore(t, pooled, whole(t, states[p]))
				}
			}
		}
		for _, s := range folded[1:] {
			if err := folded[0].Absorb(s); err != nil {
				t.Fatal(err)
			}
		}
		m, f := freeze(t, pooled, states...)
		_, g := freeze(t, pooled, folded[0])
		_, bySeries := freeze(t, series, own...)
		n, ofAll := freeze(t, global, all...)
		for i := range pooled.Features {
			want := joined(bySeries.Learned(i), ofAll.Learned(i))
			for _, got := range []*frozen.Learned{f.Learned(i), g.Learned(i)} {
				if got := fmt.Sprintf("%+v", *got); got != want {
					t.Fatalf("%+v: learned %s, want %s", pooled.Features[i], got, want)
				}
			}
			if got, want := fmt.Sprintf("%+v", m.Pooled(i)), fmt.Sprintf("%+v", n.Pooled(i)); got != want {
				t.Fatalf("%+v: pooled %s, want %s", pooled.Features[i], got, want)
			}
		}
		checkPooledRow(t, randomRow(r, pooled.Record.Width()), f, ofAll)
	}
}

// joined writes what was learned of each series and of all as one.
func joined(a, b *frozen.Learned) string {
	all := *a
	all.Count, all.Missing = slices.Concat(a.Count, b.Count), slices.Concat(a.Missing, b.Missing)
	all.Min, all.Max = slices.Concat(a.Min, b.Min), slices.Concat(a.Max, b.Max)
	all.Mean, all.Var = slices.Concat(a.Mean, b.Mean), slices.Concat(a.Var, b.Var)
	all.Impute, all.Params = slices.Concat(a.Impute, b.Impute), slices.Concat(a.Params, b.Params)
	if b.Offsets != nil {
		for _, end := range b.Offsets[1:] {
			all.Offsets = append(all.Offsets, uint64(len(a.Params))+end)
		}
	}
	return fmt.Sprintf("%+v", all)
}

// checkPooledRow holds what becomes of a row of a series that was not learned
// against what the scope global makes of it, but for the flag. Without pooled
// numbers it is missing.
func checkPooledRow(t *testing.T, row *record.Row, f, global *frozen.Frozen) {
	t.Helper()
	y, want := make([]float64, f.Width()), make([]float64, f.Width())
	flags := f.Transform(y, row, frozen.Pooled)
	if of := global.Transform(want, row, frozen.Unknown); flags != of|record.UnknownSeries || !sameBits(y, want) {
		t.Fatalf("%v becomes %v, flags %v, want %v", row.Numbers, y, flags, want)
	}
	f.Inverse(y, y, frozen.Pooled)
	if global.Inverse(want, want, frozen.Unknown); !sameBits(y, want) {
		t.Fatalf("back is %v, want %v", y, want)
	}
	f.Transform(y, row, frozen.Unknown)
	if slices.ContainsFunc(y, func(x float64) bool { return x == x }) {
		t.Fatalf("of an unknown series it is %v, want it missing", y)
	}
	if f.Inverse(y, want, frozen.Unknown); !sameBits(y, want) {
		t.Fatalf("back of an unknown series is %v, want %v as it came", y, want)
	}
}

// TestPooledFull: what no digest can count ends the fit, and says of what.
func TestPooledFull(t *testing.T) {
	plan := testPlan(t)
	plan.Features[4].Pooled = true // robust
	s := newState(t, plan)
	observe(t, s, "a", 1)
	if err := s.features[4].Restore(0, fullDigest(t)); err != nil {
		t.Fatal(err)
	}
	err := s.Observe(&record.Row{Series: []byte("b"), Numbers: slices.Repeat([]float64{1}, len(plan.Features))})
	if err == nil || !strings.Contains(err.Error(), `series "b", feature "robust": all series together: `+sketch.ErrFull.Error()) {
		t.Errorf("got %v", err)
	}
}

// fullDigest is the binary form of a digest of as many ones as it can count.
func fullDigest(t *testing.T) []byte {
	var all, power sketch.Quantiles // 2^k - 1 and 2^k ones
	err := power.Add(1)
	for all.N() < sketch.MaxCount && err == nil {
		if err = all.Merge(&power); err == nil && all.N() < sketch.MaxCount {
			twice := power
			err = power.Merge(&twice)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	form, err := all.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// TestRestoreRefusesPooled: what is of all series together must be of as many
// values, and as many missing, as what each has.
func TestRestoreRefusesPooled(t *testing.T) {
	plan := testPlan(t)
	plan.Features, plan.Record.Features = plan.Features[:1], plan.Record.Features[:1]
	plan.Features[0].Pooled = true
	s := newState(t, plan)
	observe(t, s, "a", 1)
	observe(t, s, "b", 2)
	b := whole(t, s)
	at := 2 + len(sketch.HashID) + 4 + 4 + 8 + 8 + sketch.DistinctSize // missing of all
	if got := binary.LittleEndian.Uint64(b[at:]); got != 0 {
		t.Fatalf("%d missing", got)
	}
	one := newState(t, plan)
	learn(t, &record.Row{Series: []byte("a"), Numbers: []float64{math.NaN()}}, one)
	observe(t, one, "b", 2)
	o := whole(t, one)
	size := 8 + 2 + int(binary.LittleEndian.Uint16(o[at+8:]))
	mixed := slices.Concat(b[:at], o[at:at+size], b[at+8+2+int(binary.LittleEndian.Uint16(b[at+8:])):])
	if _, err := RestoreState(plan, bytes.NewReader(mixed), int64(len(mixed))); err == nil || !strings.Contains(err.Error(), "1 missing of all series together, and 0 of each") {
		t.Errorf("got %v", err)
	}
	restore(t, plan, b)
	restore(t, plan, o)
}
