package frozen

import (
	"math"
	"slices"
	"testing"

	"tare/record"
	"tare/scale"
)

// TestTargets: the targets alone are taken back as the whole row is, whether they
// are a series' own, an array, or of all series.
func TestTargets(t *testing.T) {
	var series Series
	series.Add([]byte("a"))
	series.Add([]byte("b"))
	of := func(n int) (l Learned) {
		for i := range n {
			l.Count, l.Missing = append(l.Count, 4), append(l.Missing, 0)
			l.Min, l.Max = append(l.Min, -9), append(l.Max, 9)
			l.Mean, l.Var = append(l.Mean, 1), append(l.Var, 2)
			l.Params = append(l.Params, float64(i), float64(i+2)/3)
		}
		return l
	}
	features := []Feature{
		{Name: "x", Scaler: standard, Shape: []int{2}},
		{Name: "own", Scaler: standard, Role: RoleTarget},
		{Name: "both", Scaler: standard, Role: RoleTarget, Shape: []int{2}, Pre: []scale.Pre{{Kind: "asinh"}}},
	}
	f, err := New(features, &series, []uint64{4, 4}, []Learned{of(4), of(2), of(4)})
	if err != nil {
		t.Fatal(err)
	}
	targets := f.Targets()
	if got := targets.Columns(); !slices.Equal(got, []string{"own", "both"}) || targets.Width() != 3 {
		t.Fatalf("columns %q, %d wide", got, targets.Width())
	}
	for id := range int32(2) {
		row := record.Row{Numbers: []float64{1, 2, 3, 4, math.NaN()}}
		y, back := make([]float64, 5), make([]float64, 3)
		f.Transform(y, &row, id)
		targets.Inverse(back, y[2:], id)
		f.Inverse(y, y, id)
		if !slices.EqualFunc(back, y[2:], func(a, b float64) bool { return a == b || a != a && b != b }) {
			t.Errorf("series %d: %v, want %v", id, back, y[2:])
		}
		if math.Abs(back[0]-3) > 1e-15 || math.Abs(back[1]-4) > 1e-14 {
			t.Errorf("series %d: %v, want 3, 4 and NaN", id, back)
		}
	}
	if got := targets.Targets(); got.Width() != 3 {
		t.Errorf("targets of the targets: %d", got.Width())
	}
	features[1].Role, features[2].Role = "", ""
	if none := f.Targets(); none.Width() != 0 || len(none.Columns()) != 0 {
		t.Errorf("no targets: %q", none.Columns())
	}
}

// TestRole refuses roles that there are not, and targets that would be made up.
func TestRole(t *testing.T) {
	f := func(role, impute string, ok bool) {
		t.Helper()
		feature := Feature{Name: "x", Scaler: standard, Role: role, Impute: Impute{Kind: impute}}
		if err := feature.Validate(); (err == nil) != ok {
			t.Errorf("role %q, impute %q: %v", role, impute, err)
		}
	}
	f("", ImputeMean, true)
	f(RoleTarget, "", true)
	f(RoleTarget, ImputeMean, false)
	f(RoleTarget, ImputeConstant, false)
	f("input", "", false)
}
