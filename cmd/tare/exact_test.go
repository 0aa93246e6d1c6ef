package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"tare/internal/accuracy"
)

// TestExactQuantiles learns exact quantiles from files: they are numpy's, inspect
// and explain say so, verify gets the same bytes; what is no longer there is exit
// 4, or a sketch that is marked and proven as one.
func TestExactQuantiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	var records []string
	var x []float64
	for range 5000 {
		v := r.NormFloat64()
		x = append(x, v)
		records = append(records, fmt.Sprintf(`{"s":"a","x":%v}`, v))
	}
	slices.Sort(x)
	write("train.jsonl", strings.Join(records, "\n"))
	configured := func(exact string) {
		write("c.yaml", "version: 1\npipeline: pumps\nsource: {file: {paths: [train.jsonl]}}\nrecord: {series: s}\nfeatures: [{name: x, scaler: robust, sketch: exact, exact: "+exact+"}]\ncutoff: {end: true}\n")
	}
	configured("require")
	tare(t, 0, "", "dry-run", "-c", "c.yaml")
	tare(t, 0, "", "fit", "-c", "c.yaml", "-o", "a.npz")
	out, _ := tare(t, 0, "", "inspect", "a.npz", "--series", "a", "--json")
	var report seriesReport
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	want := []float64{(x[2499] + x[2500]) / 2, accuracy.Linear(x, .75) - accuracy.Linear(x, .25)}
	if f := report.Features[0]; float64(f.Params["center"][0]) != want[0] || float64(f.Params["scale"][0]) != want[1] || !slices.Equal(f.Exact, []bool{true}) {
		t.Errorf("learned %+v, want center and scale %v, exact", f, want)
	}
	says := func(what string, code int, args ...string) {
		t.Helper()
		out, errs := tare(t, code, records[0], args...)
		if !strings.Contains(out+errs, what) {
			t.Errorf("%s says %s%s, want %q", args[0], out, errs, what)
		}
	}
	says("robust, exact", 0, "inspect", "a.npz")
	says("quantiles   exact", 0, "explain", "-a", "a.npz")
	says("verified: 5000 records", 0, "verify", "-a", "a.npz", "train.jsonl")
	says("or write exact: prefer", exitUsage, "fit", "-c", "c.yaml", "-o", "b.npz", "-")
	write("shorter.jsonl", strings.Join(records[:4000], "\n"))
	says("ends at record 4000", exitDataLoss, "verify", "-a", "a.npz", "shorter.jsonl")
	configured("prefer")
	tare(t, 0, "", "fit", "-c", "c.yaml", "-o", "b.npz")
	says("robust, exact", 0, "inspect", "b.npz")
	if _, errs := tare(t, 0, strings.Join(records, "\n"), "fit", "-c", "c.yaml", "-o", "c.npz", "-"); !strings.Contains(errs, "warning: exact quantiles: standard input can be read only once; the quantiles are those of sketches") {
		t.Errorf("fit says %s", errs)
	}
	says("robust, of sketches", 0, "inspect", "c.npz")
	says("quantiles   of sketches", 0, "explain", "-a", "c.npz")
	says("verified: 5000 records", 0, "verify", "-a", "c.npz", "train.jsonl")
}
