package fit

import (
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
)

// BenchmarkObserveArrays learns from one array a time; B/s are numbers.
func BenchmarkObserveArrays(b *testing.B) {
	image := []int{3, 224, 224}
	for _, c := range []struct {
		name, kind string
		f          frozen.Feature
	}{
		{"number", scale.Standard, frozen.Feature{}},
		{"number,quantiles", scale.Robust, frozen.Feature{}},
		{"per channel", scale.Standard, frozen.Feature{Shape: image, Per: "0", Scope: frozen.ScopeGlobal}},
		{"channels last", scale.Standard, frozen.Feature{Shape: []int{224, 224, 3}, Per: "2", Scope: frozen.ScopeGlobal}},
		{"per channel,quantiles", scale.Robust, frozen.Feature{Shape: image, Per: "0", Scope: frozen.ScopeGlobal}},
		{"each", scale.Standard, frozen.Feature{Shape: image, Scope: frozen.ScopeGlobal}},
		{"64 bins", scale.Standard, frozen.Feature{Shape: []int{64}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			plan := testPlan(b)
			plan.Features, plan.Record.Features = nil, nil
			c.f.Name, c.f.Scaler = "x", must(scale.Default(c.kind))
			addFeature(plan, c.f)
			s := newState(b, plan)
			row := record.Row{Series: []byte("a"), Numbers: make([]float64, c.f.Size())}
			for i := range row.Numbers {
				row.Numbers[i] = float64(i * 7919 % 256)
			}
			b.SetBytes(int64(len(row.Numbers)))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Observe(&row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSnapshotShared is the pause of a pass whose series share an image's
// statistics for each of its 150,528 numbers: the most that is written at once.
func BenchmarkSnapshotShared(b *testing.B) {
	plan := testPlan(b)
	plan.Features, plan.Record.Features = nil, nil
	addFeature(plan, frozen.Feature{Name: "x", Scaler: must(scale.Default(scale.Standard)), Shape: []int{3, 224, 224}, Scope: frozen.ScopeGlobal})
	s := newState(b, plan)
	for range 50 {
		if err := s.Observe(&record.Row{Series: []byte("a"), Numbers: make([]float64, 3*224*224)}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		s.Snapshot().Discard()
	}
}

func must(s scale.Spec, err error) scale.Spec {
	if err != nil {
		panic(err)
	}
	return s
}
