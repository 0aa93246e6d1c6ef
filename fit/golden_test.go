package fit

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// A float reads the golden files' numbers; null, a missing value, is NaN.
type float float64

func (f *float) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"NaN"`, "null":
		*f = float(math.NaN())
	case `"Inf"`:
		*f = float(math.Inf(1))
	case `"-Inf"`:
		*f = float(math.Inf(-1))
	default:
		return json.Unmarshal(b, (*float64)(f))
	}
	return nil
}

type goldenCase struct {
	Name     string
	Params   map[string]json.RawMessage
	Train    [][]float
	Fitted   map[string]json.RawMessage
	Exact    struct{ Mean, Scale []float }
	FitRel   float64 `json:"fit_rel"`
	ExactFit *bool   `json:"exact_fit"`
}

func goldenCases(t *testing.T, kind string) []goldenCase {
	t.Helper()
	data, err := os.ReadFile("../testdata/golden/scalers/" + kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// eachWay learns the cases of a test as one series; and as many, in two partitions,
// none of which has enough records: then a series that was not learned gets what
// scikit-learn makes of all rows.
func eachWay(t *testing.T, test func(t *testing.T, id int32)) {
	t.Run("series", func(t *testing.T) { test(t, 0) })
	t.Run("pooled", func(t *testing.T) { test(t, frozen.Pooled) })
}

// learnCase feeds the training rows of a case, in order, and freezes: there are
// numbers for the id, which eachWay has given.
func learnCase(t *testing.T, kind string, c *goldenCase, id int32) *frozen.Frozen {
	t.Helper()
	spec, err := scale.Default(kind)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c.Params)
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"with_mean", "with_std", "clip", "with_centering", "with_scaling", "unit_variance"} {
		if string(c.Params[option]) == "false" {
			disable(&spec, option)
		}
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	plan := &Plan{Cutoff: Cutoff{Kind: End}, MinSamples: 1, MaxSeries: 7, Record: schema.Schema{Format: schema.JSON, BadValue: schema.Reject, Limits: schema.DefaultLimits()}}
	if id == frozen.Pooled {
		plan.MinSamples = 1 << 30
	}
	for k := range c.Train[0] {
		name := fmt.Sprint("f", k)
		plan.Features = append(plan.Features, frozen.Feature{Name: name, Scaler: spec, Pooled: id == frozen.Pooled})
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: name, Field: name})
	}
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	states := []*State{newState(t, plan), newState(t, plan)}
	row := record.Row{Numbers: make([]float64, len(plan.Features))}
	for i, values := range c.Train {
		for k, x := range values {
			row.Numbers[k] = float64(x)
		}
		of := states[0]
		if id == frozen.Pooled {
			row.Series, of = []byte{"abcdefg"[i%7]}, states[2*i/len(c.Train)]
		}
		if err := of.Observe(&row); err != nil {
			t.Fatal(err)
		}
	}
	_, f := freeze(t, plan, states...)
	return f
}

func disable(s *scale.Spec, option string) {
	switch option {
	case "with_mean":
		s.WithMean = false
	case "with_std":
		s.WithStd = false
	case "with_centering":
		s.WithCentering = false
	case "with_scaling":
		s.WithScaling = false
	}
}

func attribute(t *testing.T, c *goldenCase, name string) (v []float) {
	t.Helper()
	if err := json.Unmarshal(c.Fitted[name], &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func ulps(a, b float64) float64 {
	if a == b || a != a && b != b {
		return 0
	}
	return math.Abs(a-b) / (math.Nextafter(math.Abs(b), math.Inf(1)) - math.Abs(b))
}

// column returns the training values of a feature, sorted, without NaN.
func (c *goldenCase) column(k int) (x []float64) {
	for _, row := range c.Train {
		if v := float64(row[k]); v == v {
			x = append(x, v)
		}
	}
	slices.Sort(x)
	return x
}

func TestGoldenStandard(t *testing.T) {
	eachWay(t, testGoldenStandard)
}

func testGoldenStandard(t *testing.T, id int32) {
	for _, c := range goldenCases(t, "standard") {
		f := learnCase(t, "standard", &c, id)
		for k := range c.Train[0] {
			mean, scale := f.Params(k, id)[0], f.Params(k, id)[1]
			wantMean, wantScale := float64(c.Exact.Mean[k]), float64(c.Exact.Scale[k])
			if string(c.Params["with_mean"]) == "false" {
				wantMean = 0
			}
			if fitted := attribute(t, &c, "scale_"); fitted == nil {
				wantScale = 1
			} else if fitted[k] == 1 {
				wantScale = 1
			}
			if !(ulps(mean, wantMean) <= 4 || math.Abs(mean-wantMean) <= 1e-13*wantScale) {
				t.Errorf("%s, feature %d: mean %v, want %v", c.Name, k, mean, wantMean)
			}
			if !(scale == wantScale || math.Abs(scale-wantScale) <= c.FitRel*wantScale || scale != scale && wantScale != wantScale) {
				t.Errorf("%s, feature %d: scale %v, want %v within %v", c.Name, k, scale, wantScale, c.FitRel)
			}
		}
	}
}

func TestGoldenRanges(t *testing.T) {
	eachWay(t, testGoldenRanges)
}

func testGoldenRanges(t *testing.T, id int32) {
	for kind, names := range map[string][]string{"minmax": {"min_", "scale_"}, "maxabs": {"scale_"}} {
		for _, c := range goldenCases(t, kind) {
			f := learnCase(t, kind, &c, id)
			for i, name := range names {
				for k, want := range attribute(t, &c, name) {
					if got := f.Params(k, id)[i]; ulps(got, float64(want)) != 0 {
						t.Errorf("%s %s, feature %d: %s is %v, want %v", kind, c.Name, k, name, got, want)
					}
				}
			}
		}
	}
}

// rankError is how far v is from the quantile q of sorted data, less 1/n.
func rankError(x []float64, v, q float64) float64 {
	n := float64(len(x))
	lo := float64(sort.SearchFloat64s(x, v)) / n
	hi := float64(sort.SearchFloat64s(x, math.Nextafter(v, math.Inf(1)))) / n
	return max(0, lo-q, q-hi) - 1/n
}

func TestGoldenRobust(t *testing.T) {
	eachWay(t, testGoldenRobust)
}

func testGoldenRobust(t *testing.T, id int32) {
	for _, c := range goldenCases(t, "robust") {
		f := learnCase(t, "robust", &c, id)
		center, scaled := attribute(t, &c, "center_"), attribute(t, &c, "scale_")
		for k := range c.Train[0] {
			p, x := f.Params(k, id), c.column(k)
			if !*c.ExactFit {
				if e := rankError(x, p[0], 0.5); center != nil && e > 0.006 {
					t.Errorf("%s, feature %d: median %v is %.4f off in rank", c.Name, k, p[0], e)
				}
				continue
			}
			largest := 0.0
			if len(x) > 0 {
				largest = max(math.Abs(x[0]), math.Abs(x[len(x)-1]))
			}
			slack := 2 * (math.Nextafter(largest, math.Inf(1)) - largest)
			if center != nil && !(math.Abs(p[0]-float64(center[k])) <= slack) && ulps(p[0], float64(center[k])) != 0 {
				t.Errorf("%s, feature %d: center %v, want %v", c.Name, k, p[0], center[k])
			}
			if scaled != nil && !(math.Abs(p[1]-float64(scaled[k])) <= slack) && ulps(p[1], float64(scaled[k])) > 4 {
				t.Errorf("%s, feature %d: scale %v, want %v", c.Name, k, p[1], scaled[k])
			}
		}
	}
}

// TestGoldenQuantile compares landmarks where the sketch is exact, after runs of
// equal ones have lost their middles, and their ranks where it is not.
func TestGoldenQuantile(t *testing.T) {
	eachWay(t, testGoldenQuantile)
}

func testGoldenQuantile(t *testing.T, id int32) {
	for _, c := range goldenCases(t, "quantile") {
		f := learnCase(t, "quantile", &c, id)
		var want [][]float
		if err := json.Unmarshal(c.Fitted["quantiles_"], &want); err != nil {
			t.Fatal(err)
		}
		for k := range c.Train[0] {
			p, x := f.Params(k, id), c.column(k)
			m := len(p) / 2
			for i, v := range p[m:] {
				if !*c.ExactFit {
					if e := rankError(x, v, p[i]); e > 0.006 {
						t.Errorf("%s, feature %d: landmark %v at %v is %.4f off in rank", c.Name, k, v, p[i], e)
					}
					continue
				}
				at := 0
				if len(want) > 1 {
					at = int(math.Round(p[i] * float64(len(want)-1)))
				}
				if ulps(v, float64(want[at][k])) > 2 {
					t.Errorf("%s, feature %d: landmark %v at %v, want %v", c.Name, k, v, p[i], want[at][k])
				}
			}
			if m == 0 && len(x) > 0 {
				t.Errorf("%s, feature %d: no landmarks", c.Name, k)
			}
		}
	}
}
