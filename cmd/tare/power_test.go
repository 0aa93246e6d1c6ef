package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// momentsOf returns mean, standard deviation and skewness.
func momentsOf(x []float64) (mean, sd, skew float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / n
		skew += math.Pow(v-mean, 3) / n
	}
	sd = math.Sqrt(sd)
	return mean, sd, skew / (sd * sd * sd)
}

// TestExampleSkewed: skewed readings of two stations come out with mean 0, deviation
// 1 and little skewness, where they had 2 and more, a load as the number of its level, each as often; inspect,
// explain, inverse and verify know the scalers.
func TestExampleSkewed(t *testing.T) {
	const example, artifact, each = "skewed.yaml", "state/stations-1.npz", 400
	atExample(t, example)
	r := rand.New(rand.NewPCG(5, 6))
	var lines []string
	for i := range 2 * each {
		station := i % 2
		raw := map[string]any{
			"station": fmt.Sprintf("s%d", station), "ts": fmt.Sprintf("2026-02-01T00:%02d:%02dZ", i/60, i%60),
			"balance": math.Exp(float64(1+station)*r.NormFloat64()/2) - 1,
			"dust":    math.Exp(3 + r.NormFloat64()),
			"load":    r.ExpFloat64(),
		}
		if i == 100 {
			raw["dust"] = 0
		}
		text, err := json.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	writeBytes(t, "station-1.jsonl", []byte(strings.Join(lines, "\n")+"\n"))
	tare(t, 0, "", "run", "-c", example)

	balance, dust, levels := map[string][]float64{}, map[string][]float64{}, map[string]int{}
	out := strings.Split(strings.TrimSpace(string(readBytes(t, "normalized.jsonl"))), "\n")
	for i, line := range out {
		var got struct {
			Station string
			Balance float64
			Dust    *float64
			Load    float64
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if (got.Dust == nil) != (i == 100) || i == 100 && !strings.Contains(line, `"out_of_range"`) {
			t.Errorf("record %d: %s", i, line)
		} else if got.Dust != nil {
			dust[got.Station] = append(dust[got.Station], *got.Dust)
		}
		balance[got.Station] = append(balance[got.Station], got.Balance)
		levels[fmt.Sprint(got.Station, got.Load)]++
	}
	for _, of := range []map[string][]float64{balance, dust} {
		for station, z := range of {
			if mean, sd, skew := momentsOf(z); math.Abs(mean) > 1e-2 || math.Abs(sd-1) > 1e-2 || math.Abs(skew) > 0.25 {
				t.Errorf("%s: mean %v, deviation %v, skewness %v", station, mean, sd, skew)
			}
		}
	}
	for level, n := range levels {
		if n < each/5-3 || n > each/5+3 || len(levels) != 10 {
			t.Errorf("%d readings of level %s of %d, want %d", n, level, len(levels), each/5)
		}
	}
	f := func(what string, args ...string) string {
		t.Helper()
		out, _ := tare(t, 0, "", args...)
		if !strings.Contains(out, what) {
			t.Errorf("%s says %s\nwant %q", args[0], out, what)
		}
		return out
	}
	f("box_cox", "inspect", artifact)
	f("6 bin_edges", "inspect", artifact, "--series", "s1")
	f("lambda", "inspect", artifact, "--series", "s1")
	writeBytes(t, "one.jsonl", []byte(lines[100]))
	said := f("outside the domain of a pre-transform or of the scaler", "explain", "-a", artifact, "one.jsonl")
	if !strings.Contains(said, "5, with the edges ") {
		t.Errorf("explain says %s", said)
	}
	f("verified: 800 records", "verify", "-a", artifact, "station-1.jsonl")

	back, _ := tare(t, 0, "", "inverse", "-a", artifact, "normalized.jsonl")
	for i, line := range strings.Split(strings.TrimSpace(back), "\n") {
		var got, want struct{ Balance, Dust, Load float64 }
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := json.Unmarshal([]byte(lines[i]), &want); err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Balance-want.Balance) > 1e-9*(1+math.Abs(want.Balance)) || math.Abs(got.Dust-want.Dust) > 1e-9*want.Dust {
			t.Errorf("record %d comes back as %+v, want %+v", i, got, want)
		}
	}
}
