package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// drawn returns n values of one series.
func drawn(n int, value func(r *rand.Rand, i int) float64) []float64 {
	r := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, n)
	for i := range values {
		values[i] = value(r, i)
	}
	return values
}

func normal(r *rand.Rand, _ int) float64 { return r.NormFloat64() }

// TestChoose holds the scaler of each shape of distribution that docs/init.md lists.
func TestChoose(t *testing.T) {
	f := func(name string, n int, want, why string, value func(r *rand.Rand, i int) float64) {
		t.Helper()
		got := choose(name, [][]float64{drawn(n, value)})
		if kind := strings.TrimPrefix(got.pre+"+"+got.scaler, "+"); kind != want || !strings.Contains(got.why, why) {
			t.Errorf("%s: %s, want %s; because %s, want %q", name, kind, want, got.why, why)
		}
	}
	f("normal", 2000, "standard", "no long tails", normal)
	f("uniform", 2000, "standard", "no long tails", func(r *rand.Rand, _ int) float64 { return 3 + 4*r.Float64() })
	f("two modes", 2000, "standard", "no long tails", func(r *rand.Rand, i int) float64 { return float64(20*(i%2)) + r.NormFloat64() })
	f("laplace", 2000, "robust", "long tails", func(r *rand.Rand, i int) float64 { return float64(1-2*(i%2)) * r.ExpFloat64() })
	f("spikes", 2000, "robust", "is 77 interquartile ranges from the median: outliers", func(r *rand.Rand, i int) float64 {
		if i == 700 {
			return 100
		}
		return r.NormFloat64()
	})
	lognormal := func(median, sigma float64) func(r *rand.Rand, i int) float64 {
		return func(r *rand.Rand, _ int) float64 { return median * math.Exp(sigma*r.NormFloat64()) }
	}
	f("narrow log-normal", 2000, "standard", "no long tails", lognormal(1, 0.2))
	f("log-normal", 2000, "log+standard", "over decades", lognormal(1, 1))
	f("small log-normal", 2000, "log+standard", "over decades", lognormal(1e-6, 2))
	f("large log-normal", 2000, "log1p+standard", "over decades", lognormal(1000, 1.5))
	f("counts over decades", 2000, "log1p+standard", "over decades", func(r *rand.Rand, i int) float64 { return math.Floor(lognormal(20, 1.5)(r, i)) })
	f("mostly zero, else large", 2000, "log1p+standard", "half or more are 0", func(r *rand.Rand, i int) float64 { return max(0, float64(i%10-7)) * lognormal(1e6, 1.5)(r, i) })
	f("mostly zero, else small", 2000, "standard", "half or more are 0, so robust would have no scale", func(r *rand.Rand, i int) float64 { return max(0, float64(i%10-7)) * 0.01 * r.Float64() })
	f("often zero, over small decades", 2000, "robust", "long tails", func(r *rand.Rand, i int) float64 { return max(0, float64(i%10-2)/9) * lognormal(0.01, 1.5)(r, i) })
	f("both signs over decades", 2000, "robust", "long tails", func(r *rand.Rand, i int) float64 { return float64(1-2*(i%2)) * lognormal(1, 1.5)(r, i) })
	f("square wave", 2000, "minmax", "at both ends", func(_ *rand.Rand, i int) float64 { return float64(20 + 60*(i/50%2)) })
	f("stops at both ends", 2000, "minmax", "at both ends", func(r *rand.Rand, _ int) float64 { return min(55, max(12, 40+15*r.NormFloat64())) })
	f("position", 2000, "minmax", "fill 0 to 100", func(r *rand.Rand, _ int) float64 { return 100 * r.Float64() })
	f("load", 2000, "robust", "long tails", func(r *rand.Rand, i int) float64 {
		if i%40 == 0 {
			return 100 * r.Float64()
		}
		return 4 + r.Float64()
	})
	f("weight", 2000, "minmax", "fill 0 to 1", func(r *rand.Rand, _ int) float64 { return r.Float64() })
	f("humidity", 20, "minmax", "by its name a share of 100", func(r *rand.Rand, _ int) float64 { return 40 + 10*r.Float64() })
	f("score", 20, "minmax", "by its name a share of 1", func(r *rand.Rand, _ int) float64 { return r.Float64() })
	f("score", 2000, "standard", "no long tails", func(r *rand.Rand, _ int) float64 { return 200 * r.Float64() })
	f("room temperature", 2000, "standard", "no long tails", func(r *rand.Rand, _ int) float64 { return 20 + r.NormFloat64() })
	f("few", 20, "standard", "no series has 100 values", lognormal(1, 3))
	f("one value", 2000, "standard", "no series", func(*rand.Rand, int) float64 { return 3 })
}

// TestChooseBySeries holds that a scaler is told by the values of each series, not
// by what lies between them.
func TestChooseBySeries(t *testing.T) {
	var levels, some, few [][]float64
	for s := range 12 {
		at := math.Pow(10, float64(s)/3)
		levels = append(levels, drawn(500, func(r *rand.Rand, _ int) float64 { return at * (10 + r.NormFloat64()) }))
		some = append(some, drawn(500, func(r *rand.Rand, i int) float64 {
			if s%3 == 0 && i%20 == 0 {
				return 50
			}
			return r.NormFloat64()
		}))
		few = append(few, drawn(30, normal))
	}
	f := func(series [][]float64, want, why string) {
		t.Helper()
		if got := choose("x", series); got.pre+got.scaler != want || !strings.Contains(got.why, why) {
			t.Errorf("got %+v, want %s because %q", got, want, why)
		}
	}
	f(levels, "standard", "98 % span 3")
	f([][]float64{slices.Concat(levels...)}, "log1pstandard", "over decades") // as one series they are another matter
	f(some, "robust", "long tails in 33 % of the series")
	f(few, "standard", "no series has 100 values")
}

func TestWords(t *testing.T) {
	f := func(field string, want ...string) {
		t.Helper()
		if got := words(field); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", field, got, want)
		}
	}
	f("temp", "temp")
	f("sensor_id", "sensor", "id")
	f("payload.deviceId", "device", "id")
	f("EventTime", "event", "time")
	f("s21", "s", "21")
	f("@timestamp", "timestamp")
	f("UUID", "uuid")
	f("")
	f("-")
}

// TestSeriesRank holds which names may be those of a series.
func TestSeriesRank(t *testing.T) {
	for _, name := range []string{"sensor", "sensor_id", "deviceId", "host", "machine no", "unit_number", "source.tag", "id", "name"} {
		if seriesRank(name) < 0 {
			t.Errorf("%q is none", name)
		}
	}
	for _, name := range []string{"sensor_21", "device_temperature", "order_id", "user_id", "no", "temperature", "state", "", "hostility"} {
		if seriesRank(name) >= 0 {
			t.Errorf("%q is one", name)
		}
	}
	if seriesRank("sensor") > seriesRank("machine") || seriesRank("machine") > seriesRank("site") || seriesRank("site") > seriesRank("id") {
		t.Error("the smaller thing does not come first")
	}
}
