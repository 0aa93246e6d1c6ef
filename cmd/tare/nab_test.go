package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tare/frozen"
)

// The real sensor series of the Numenta Anomaly Benchmark, and what
// scikit-learn makes of their first 60 %. They do not belong to the project.
const (
	nabFiles  = "../../../shared/data/nab"
	nabGolden = "../../../shared/goldens/nab.jsonl"
)

const nabConfig = `
version: 1
pipeline: nab
record: {format: csv, time: {field: timestamp, layout: rfc3339}}
features:
  - {name: standard, field: value}
  - {name: minmax, field: value, scaler: minmax}
  - {name: robust, field: value, scaler: robust}
  - {name: normal, field: value, scaler: quantile, output_distribution: normal}
cutoff: {event_time: %s, out_of_orderness: unbounded}
output: {value: features, meta: none}
`

type nabCase struct {
	File     string
	Rows     int
	Cutoff   string
	NTrain   uint64                                       `json:"n_train"`
	Distinct int                                          `json:"distinct"`
	Exact    struct{ Mean, Var, Scale, Min, Max float64 } `json:"exact"`
	MinMax   map[string]float64                           `json:"minmax"`
	Robust   map[string]float64                           `json:"robust"`
	Bracket  map[string][2]float64                        `json:"bracket"`
	Sample   struct {
		Row                             []int
		Value, Standard, Minmax, Robust []float64
		QuantileNormal                  []float64 `json:"quantile_normal"`
	}
}

// TestNAB learns the first 60 % of 29 real series by event time and normalizes
// the rest: attributes and samples are scikit-learn's within the golden
// tolerances, and the inverse gives the input back.
func TestNAB(t *testing.T) {
	if _, err := os.Stat(nabGolden); err != nil {
		t.Skip("the NAB series and their golden file do not lie beside the project")
	}
	for _, want := range readLines[nabCase](t, nabGolden) {
		t.Run(strings.TrimSuffix(want.File, ".csv"), func(t *testing.T) { checkNAB(t, &want) })
	}
}

func checkNAB(t *testing.T, want *nabCase) {
	cutoff, err := time.Parse(time.DateTime, want.Cutoff)
	if err != nil {
		t.Fatal(err)
	}
	c := parse(t, fmt.Sprintf(nabConfig, cutoff.Format(time.RFC3339)))
	data := readFile(t, filepath.Join(nabFiles, want.File))
	learned, artifact := frozenFrom(t, c, bytes.NewReader(data))
	f := artifact.Frozen
	l := f.Learned(0)
	if l.Count[0] != want.NTrain || l.Min[0] != want.Exact.Min || l.Max[0] != want.Exact.Max {
		t.Errorf("%d values from %v to %v, want %d from %v to %v", l.Count[0], l.Min[0], l.Max[0], want.NTrain, want.Exact.Min, want.Exact.Max)
	}
	near(t, "mean", f.Params(0, 0)[0], want.Exact.Mean, 1e-13*want.Exact.Scale+4*ulp(want.Exact.Mean))
	near(t, "scale", f.Params(0, 0)[1], cmp.Or(want.Exact.Scale, 1), 1e-12*want.Exact.Scale)
	near(t, "min_", f.Params(1, 0)[0], want.MinMax["min_"], 0)
	near(t, "minmax scale_", f.Params(1, 0)[1], want.MinMax["scale_"], 0)
	checkRobust(t, f, want)
	out, _, counts := normalizeFrom(t, artifact, bytes.NewReader(data), seals(learned.Ranges()))
	if counts.Rejects() != 0 || counts.Records() != int64(want.Rows) || counts.Late != 0 {
		t.Errorf("%+v of %d rows", counts, want.Rows)
	}
	checkSample(t, f, want, strings.Split(string(out), "\n")[1:])
}

// checkRobust wants quartiles inside the bracket that the rank error allows,
// and exact ones where the sketch is exact.
func checkRobust(t *testing.T, f *frozen.Frozen, want *nabCase) {
	t.Helper()
	center, scale := f.Params(2, 0)[0], f.Params(2, 0)[1]
	if want.Distinct <= 128 {
		near(t, "center", center, want.Robust["center_"], 2*ulp(center))
		near(t, "robust scale", scale, want.Robust["scale_"], 4*ulp(want.Bracket["0.75"][1]))
		return
	}
	lo, mid, hi := want.Bracket["0.25"], want.Bracket["0.5"], want.Bracket["0.75"]
	if center < mid[0] || center > mid[1] {
		t.Errorf("median %v outside %v", center, mid)
	}
	if scale == 1 && hi[0]-lo[1] <= 0 {
		return // an IQR of 0 becomes 1
	}
	if scale < hi[0]-lo[1] || scale > hi[1]-lo[0] {
		t.Errorf("IQR %v outside [%v, %v]", scale, hi[0]-lo[1], hi[1]-lo[0])
	}
}

func checkSample(t *testing.T, f *frozen.Frozen, want *nabCase, lines []string) {
	t.Helper()
	s := &want.Sample
	for i, row := range s.Row {
		cells := strings.Split(lines[row], ",") // series, time, split, columns
		var y [4]float64
		for k := range y {
			if err := json.Unmarshal([]byte(cells[len(cells)-4+k]), &y[k]); err != nil {
				t.Fatalf("row %d: %q: %v", row, lines[row], err)
			}
		}
		near(t, "standard", y[0], s.Standard[i], 1e-12*max(1, math.Abs(s.Standard[i])))
		near(t, "minmax", y[1], s.Minmax[i], 0)
		if want.Distinct <= 128 {
			near(t, "robust", y[2], s.Robust[i], 1e-12*max(1, math.Abs(s.Robust[i])))
		}
		cdf := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
		near(t, "rank of quantile", cdf(y[3]), cdf(s.QuantileNormal[i]), 0.02+2/float64(want.NTrain))
		var back [4]float64
		f.Inverse(back[:], y[:], 0)
		for k := range 3 {
			near(t, "inverse of "+f.Columns()[k], back[k], s.Value[i], 1e-12*max(math.Abs(s.Value[i]), math.Abs(want.Exact.Mean)))
		}
	}
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: %v, want %v within %v", what, got, want, within)
	}
}

func ulp(x float64) float64 { return math.Nextafter(math.Abs(x), math.Inf(1)) - math.Abs(x) }
