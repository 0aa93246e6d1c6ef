package fit

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"testing"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/welford"
)

// A learnedCase is what scikit-learn learned of values that are made from a seed.
type learnedCase struct {
	Data     string
	N        int
	Kind     string
	Strategy string
	Params   []float64
}

// uniforms yields the numbers of SplitMix64, in (0, 1), as stream in
// scale/testdata/goldens.py does.
func uniforms(seed uint64) func() float64 {
	return func() float64 {
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		return (float64(z>>11) + 0.5) * 0x1p-53
	}
}

// values makes those of the data set of a name, as data in goldens.py does.
func values(name string, n int) []float64 {
	next := uniforms(1)
	x := make([]float64, n)
	for i := range x {
		u, v, w := next(), next(), next()
		normal := math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
		switch name {
		case "lognormal":
			x[i] = math.Exp(normal)
		case "gamma":
			x[i] = -math.Log(u * v)
		case "uniform":
			x[i] = 1 + u
		case "bimodal":
			x[i] = 50 + 5*normal
			if w < 0.3 {
				x[i] = 20 + 2*normal
			}
		case "left":
			x[i] = 10 * math.Exp(math.Log(u)/5)
		case "signed":
			x[i] = 1 - math.Exp(0.7*normal)
		}
	}
	return x
}

func learnedCases(t *testing.T) (cases []learnedCase) {
	t.Helper()
	b, err := os.ReadFile("../scale/testdata/learned.json")
	if err != nil {
		t.Fatal(err)
	}
	file := struct{ Cases *[]learnedCase }{&cases}
	if err := json.Unmarshal(b, &file); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	return cases
}

// learnOne learns the values of one feature and freezes.
func learnOne(t *testing.T, spec scale.Spec, x []float64) []float64 {
	t.Helper()
	plan := &Plan{Cutoff: Cutoff{Kind: End}, MinSamples: 2, MaxSeries: 1,
		Record:   schema.Schema{Format: schema.JSON, BadValue: schema.Reject, Limits: schema.DefaultLimits(), Features: []schema.Feature{{Name: "x", Field: "x"}}},
		Features: []frozen.Feature{{Name: "x", Scaler: spec}}}
	s := newState(t, plan)
	row := &record.Row{Numbers: make([]float64, 1)}
	for _, v := range x {
		row.Numbers[0] = v
		if err := s.Observe(row); err != nil {
			t.Fatal(err)
		}
	}
	_, f := freeze(t, plan, s)
	return f.Params(0, 0)
}

// TestLearnedPower holds lambda, and what it makes of every value, against
// scikit-learn, which has all values where we have 128 centroids. docs/scalers.md
// states the bars.
func TestLearnedPower(t *testing.T) {
	for _, c := range learnedCases(t) {
		if c.Kind == scale.KBins {
			continue
		}
		t.Run(fmt.Sprint(c.Kind, " ", c.Data, " ", c.N), func(t *testing.T) {
			spec := must(scale.Default(c.Kind))
			x := values(c.Data, c.N)
			p := learnOne(t, spec, x)
			step, err := scale.New(spec)
			if err != nil {
				t.Fatal(err)
			}
			got, want := make([]float64, len(x)), make([]float64, len(x))
			step.Transform(got, x, p)
			step.Transform(want, x, c.Params)
			far := 0.0
			for i := range got {
				far = max(far, math.Abs(got[i]-want[i]))
			}
			lambda := math.Abs(p[0] - c.Params[0])
			t.Logf("lambda %.6f, %.1e from scikit-learn's; z %.1e", p[0], lambda, far)
			bars := [2]float64{5e-3, 1.5e-2}
			if c.N <= 128 {
				bars = [2]float64{1e-6, 1e-6}
			}
			if !(lambda <= bars[0] && far <= bars[1]) {
				t.Errorf("lambda is %v, %.1e from scikit-learn's %v; z up to %.1e, want at most %v", p[0], lambda, c.Params[0], far, bars)
			}
		})
	}
}

// TestLearnedBins holds the edges of bins against scikit-learn's: those of quantiles
// by rank, those of clusters by how far their values are spread. Clusters are a local
// optimum, and which one it is can hang on the rounding of scikit-learn.
func TestLearnedBins(t *testing.T) {
	for _, c := range learnedCases(t) {
		if c.Kind != scale.KBins {
			continue
		}
		t.Run(fmt.Sprint(c.Strategy, " ", c.Data, " ", c.N), func(t *testing.T) {
			x := values(c.Data, c.N)
			p := learnOne(t, scale.Spec{Kind: scale.KBins, NBins: 5, Strategy: c.Strategy}, x)
			if len(p) != len(c.Params) {
				t.Fatalf("edges %v, want %v", p, c.Params)
			}
			far, share := edgesApart(p, c.Params, x)
			spread := math.Sqrt(within(p, x) / within(c.Params, x))
			t.Logf("an edge is up to %.1e of the range, and %.1e of the values, away; bins are %.4f times as wide", far, share, spread)
			switch {
			case c.N <= 128 && !(far <= 1e-12 && share == 0):
			case c.Strategy == scale.QuantileBins && !(share <= 3e-3):
			case c.Strategy == scale.KMeansBins && !(spread <= 1.1):
			default:
				return
			}
			t.Errorf("edges %v, want %v", p, c.Params)
		})
	}
}

// edgesApart returns how far an edge is away at most: as a part of the range, and in
// values as a part of all.
func edgesApart(got, want, x []float64) (far, share float64) {
	for i := range got {
		far = max(far, math.Abs(got[i]-want[i])/(got[len(got)-1]-got[0]))
		n := 0
		for _, v := range x {
			if (v < got[i]) != (v < want[i]) {
				n++
			}
		}
		share = max(share, float64(n)/float64(len(x)))
	}
	return far, share
}

// within returns the variance of the values within their bins.
func within(edges, x []float64) (sum float64) {
	lower := edges[1 : len(edges)-1]
	bins := make([]welford.Running, len(edges)-1)
	for _, v := range x {
		b := 0
		for b < len(lower) && lower[b] <= v {
			b++
		}
		bins[b].AddAll([]float64{v})
	}
	for i := range bins {
		if m := bins[i].Moments(); m.N > 0 {
			sum += float64(m.N) * m.Variance()
		}
	}
	return sum / float64(len(x))
}

// TestLearnedBits pins what the scalers learn from a sketch to its bits.
func TestLearnedBits(t *testing.T) {
	h := fnv.New64a()
	for _, n := range []int{100, 3000} {
		for _, kind := range []string{scale.YeoJohnson, scale.BoxCox, scale.KBins} {
			spec := must(scale.Default(kind))
			x := values("uniform", n)
			binary.Write(h, binary.LittleEndian, learnOne(t, spec, x))
			if kind == scale.KBins {
				spec.Strategy = scale.KMeansBins
				binary.Write(h, binary.LittleEndian, learnOne(t, spec, x))
			}
		}
	}
	if got, want := h.Sum64(), uint64(0xf0372a30eded29fc); got != want {
		t.Errorf("the numbers hash to %#x, want %#x", got, want)
	}
}
