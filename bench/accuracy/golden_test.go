package main

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"tare/internal/accuracy"
	"tare/scale"
)

// A number is one of the golden files, where NaN and infinities are strings.
type number float64

func (f *number) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"NaN"`:
		*f = number(math.NaN())
	case `"Inf"`:
		*f = number(math.Inf(1))
	case `"-Inf"`:
		*f = number(math.Inf(-1))
	default:
		return json.Unmarshal(b, (*float64)(f))
	}
	return nil
}

func column(rows [][]number, i int) []float64 {
	x := make([]float64, len(rows))
	for k, row := range rows {
		x[k] = float64(row[i])
	}
	return x
}

func readGolden(t *testing.T, name string, to any) {
	t.Helper()
	data, err := os.ReadFile("../../testdata/golden/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}

func quantileStep(t *testing.T, output string) scale.Step {
	t.Helper()
	spec, err := scale.Default(scale.Quantile)
	if err != nil {
		t.Fatal(err)
	}
	spec.OutputDistribution = output
	step, err := scale.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// distance is how far got is from want, 0 if both are NaN.
func distance(got, want float64) float64 {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return 0
	}
	return math.Abs(got - want)
}

// What scikit-learn's QuantileTransformer makes of values with its landmarks.
func TestScikitLearnsLandmarks(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name   string
			Params struct {
				Output string `json:"output_distribution"`
			}
			Fitted struct {
				Quantiles [][]number `json:"quantiles_"`
			}
			Test, Transform [][]number
		}
	}
	readGolden(t, "scalers/quantile.json", &golden)
	rows := map[string]*accuracy.Row{
		scale.Uniform: accuracy.Of(t, "`quantile` to uniform with scikit-learn's landmarks"),
		scale.Normal:  accuracy.Of(t, "`quantile` to normal with scikit-learn's landmarks"),
	}
	for _, c := range golden.Cases {
		step := quantileStep(t, c.Params.Output)
		m := len(c.Fitted.Quantiles)
		for i := range c.Test[0] {
			p := make([]float64, m, 2*m)
			for k := range p {
				p[k] = float64(k) * (1 / math.Max(1, float64(m-1)))
			}
			if m > 1 {
				p[m-1] = 1
			}
			z := make([]float64, len(c.Test))
			step.Transform(z, column(c.Test, i), append(p, column(c.Fitted.Quantiles, i)...))
			for k, want := range column(c.Transform, i) {
				rows[c.Params.Output].Check(distance(z[k], want), "%s, feature %d", c.Name, i)
			}
		}
	}
}

// The quantiles of the normal distribution, at landmarks whose ranks are the
// probabilities; the scaler clips those beyond ±5.2.
func TestNormalQuantiles(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name string
			X, P []number
		}
	}
	readGolden(t, "numbers/normal.json", &golden)
	row := accuracy.Of(t, "normal quantiles from 1e-7 to 1 - 1e-7")
	step := quantileStep(t, scale.Normal)
	for _, c := range golden.Cases {
		if c.Name != "ppf" {
			continue
		}
		for i, p := range c.P {
			if p <= 1e-7 || p >= 1-1e-7 {
				continue
			}
			z := []float64{1}
			step.Transform(z, z, []float64{0, float64(p), 1, 0, 1, 2})
			row.Check(accuracy.RelativeError(z[0], float64(c.X[i])), "p = %v", float64(p))
		}
	}
}
