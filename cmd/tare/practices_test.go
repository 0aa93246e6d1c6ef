package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// A practice is a way of normalizing, as a configuration writes it.
type practice struct {
	name string
	// features are those of the file, and what else it needs, in YAML. Records have
	// x and y, normal with y following x; p and q, above 0 with heavy tails; share,
	// from 0 to 1; array, 2 rows of 3 numbers; and kind, one of a few texts.
	features, rest string
	stateless      bool // nothing is learned
	oneWay         bool // there is no way back
	lossy          bool // the way back is to a near value
}

var practicesOfAll = []practice{
	{name: "onehot", features: "{name: kind, scaler: onehot, handle_unknown: ignore}"},
	{name: "ordinal", features: "{name: kind, scaler: ordinal, handle_unknown: use_encoded_value, unknown_value: -1}"},
	{name: "normalizer, l1", features: "{name: array, shape: [2, 3], scaler: normalizer, norm: l1}", stateless: true, oneWay: true},
	{name: "normalizer, l2", features: "{name: array, shape: [2, 3], scaler: normalizer}", stateless: true, oneWay: true},
	{name: "normalizer, max", features: "{name: array, shape: [2, 3], per: 0, scaler: normalizer, norm: max}", stateless: true, oneWay: true},
	{name: "normalizer, peak", features: "{name: array, shape: [2, 3], per: 0, scaler: normalizer, norm: peak}", stateless: true, oneWay: true},
	{name: "normalizer, standard", features: "{name: array, shape: [2, 3], per: 0, scaler: normalizer, norm: standard}", stateless: true, oneWay: true},
	{name: "norms", features: "x, y", rest: "norms: [{features: [x, y], norm: l2}]", oneWay: true},
	{name: "ratio", features: "{name: p, scaler: none}, {name: q, scaler: none}, {name: share, scaler: ratio, by: p}", stateless: true},
	{name: "none", features: "{name: x, scaler: none}", stateless: true},
	{name: "standard", features: "x"},
	{name: "minmax", features: "{name: x, scaler: minmax}"},
	{name: "maxabs", features: "{name: x, scaler: maxabs}"},
	{name: "robust", features: "{name: x, scaler: robust}"},
	{name: "robust, exact quantiles", features: "{name: x, scaler: robust, sketch: exact}"},
	{name: "quantile, uniform", features: "{name: x, scaler: quantile}"},
	{name: "quantile, normal", features: "{name: x, scaler: quantile, output_distribution: normal}"},
	{name: "yeo_johnson", features: "{name: x, scaler: yeo_johnson}"},
	{name: "box_cox", features: "{name: p, scaler: box_cox}"},
	{name: "kbins", features: "{name: x, scaler: kbins, n_bins: 30}", lossy: true},
	{name: "log", features: "{name: p, pre: log}"},
	{name: "log1p", features: "{name: p, pre: log1p}"},
	{name: "sqrt", features: "{name: p, pre: sqrt}"},
	{name: "asinh", features: "{name: x, pre: asinh}"},
	{name: "affine", features: "{name: x, pre: {affine: {scale: 1.8, offset: 32}}}"},
	{name: "clip", features: "{name: share, pre: {clip: {min: -1, max: 2}}}"},
	{name: "impute, mean", features: "{name: x, impute: mean}"},
	{name: "impute, median", features: "{name: x, impute: median}"},
	{name: "impute, constant", features: "{name: x, impute: {constant: 1}}"},
	{name: "array, each number", features: "{name: array, shape: [2, 3]}"},
	{name: "array, an axis", features: "{name: array, shape: [2, 3], per: 0}"},
	{name: "array, pooled", features: "{name: array, shape: [2, 3], per: none}"},
	{name: "fixed", features: "{name: x, fixed: {mean: 1, scale: 2}}", stateless: true},
	{name: "scope global", features: "{name: x, scope: global}"},
	{name: "unknown_series pooled", features: "x", rest: "normalize: {unknown_series: pooled}"},
	{name: "target", features: "x, {name: y, role: target, scaler: minmax}"},
	{name: "pca", features: "x, y", rest: "whiten: [{name: g, features: [x, y], method: pca}]"},
	{name: "zca", features: "x, y", rest: "whiten: [{name: g, features: [x, y], method: zca}]"},
	{name: "zca_cor", features: "x, y", rest: "whiten: [{name: g, features: [x, y], method: zca_cor}]"},
	{name: "cholesky", features: "x, y", rest: "whiten: [{name: g, features: [x, y], method: cholesky}]"},
}

// practiceRecords are n of one series. Another seed has another distribution.
func practiceRecords(n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	kinds := []string{"on", "off", "idle", "fault"}
	lines := make([]string, n)
	for i := range lines {
		x := float64(seed) + r.NormFloat64()*float64(1+seed)
		array := make([][]float64, 2)
		for row := range array {
			for range 3 {
				array[row] = append(array[row], x+r.NormFloat64())
			}
		}
		text, err := json.Marshal(map[string]any{"s": "a", "x": x, "y": x/2 + r.NormFloat64(), "p": math.Exp(x / 4), "q": math.Exp(r.NormFloat64()),
			"share": r.Float64() / float64(seed), "array": array, "kind": kinds[r.IntN(2+int(seed)%3)]})
		if err != nil {
			panic(err)
		}
		lines[i] = string(text)
	}
	return lines
}

// TestPractices holds every practice to be learned from the training stretch, to be
// the same in one partition and in several of any order, to be frozen in one file
// that is the same each time, and to go back. docs/coverage.md names its parts.
func TestPractices(t *testing.T) {
	first, second, other := practiceRecords(60, 1), practiceRecords(60, 2), practiceRecords(120, 3)
	probe := strings.Join(second[:20], "\n")
	for _, p := range practicesOfAll {
		t.Run(p.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeBytes(t, "c.yaml", fmt.Appendf(nil, "version: 1\npipeline: p\nrecord: {series: s}\nfeatures: [%s]\n%s\ncutoff: {end: true}\noutput: {meta: none}\n", p.features, p.rest))
			writeBytes(t, "probe.jsonl", []byte(probe))
			normalized := func(t *testing.T, name string, parts ...[]string) string {
				args := []string{"fit", "-c", "c.yaml", "-o", name + ".npz"}
				for i, part := range parts {
					source := fmt.Sprintf("%s%d.jsonl", name, i)
					writeBytes(t, source, []byte(strings.Join(part, "\n")))
					args = append(args, source)
				}
				tare(t, 0, "", args...)
				out, _ := tare(t, 0, "", "transform", "-a", name+".npz", "probe.jsonl")
				return out
			}
			whole := normalized(t, "whole", append(append([]string{}, first...), second...))
			if !p.stateless {
				t.Run("learned", func(t *testing.T) {
					if strange := normalized(t, "other", other); strange == whole {
						t.Errorf("other training records give the same: %.200s", whole)
					}
				})
			}
			t.Run("mergeable", func(t *testing.T) {
				sameRecords(t, normalized(t, "two", first, second), whole, 1e-9)
				sameRecords(t, normalized(t, "owt", second, first), whole, 1e-9)
			})
			t.Run("frozen", func(t *testing.T) {
				again := normalized(t, "again", append(append([]string{}, first...), second...))
				if again != whole {
					t.Error("another fit on the same records normalizes otherwise")
				}
				if out, _ := tare(t, 0, "", "verify", "-a", "whole.npz", "whole0.jsonl"); !strings.Contains(out, "verified: 120 records") {
					t.Errorf("verify says %s", out)
				}
			})
			if p.oneWay {
				return
			}
			t.Run("inverse", func(t *testing.T) {
				writeBytes(t, "z.jsonl", []byte(whole))
				back, _ := tare(t, 0, "", "inverse", "-a", "whole.npz", "z.jsonl")
				within := 1e-9
				if p.lossy {
					within = 1
				}
				sameRecords(t, back, probe, within)
			})
		})
	}
}

// sameRecords wants lines of JSON to hold the same, but for numbers that differ by
// no more than within, relative to 1 or to what they are.
func sameRecords(t *testing.T, got, want string, within float64) {
	t.Helper()
	a, b := strings.Split(strings.TrimSpace(got), "\n"), strings.Split(strings.TrimSpace(want), "\n")
	if len(a) != len(b) {
		t.Fatalf("%d records, want %d", len(a), len(b))
	}
	for i := range a {
		var x, y any
		if err := json.NewDecoder(bytes.NewReader([]byte(a[i]))).Decode(&x); err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(bytes.NewReader([]byte(b[i]))).Decode(&y); err != nil {
			t.Fatal(err)
		}
		if !alike(x, y, within) {
			t.Fatalf("record %d: %s\nwant %s", i, a[i], b[i])
		}
	}
}

func alike(x, y any, within float64) bool {
	switch a := x.(type) {
	case float64:
		b, ok := y.(float64)
		return ok && math.Abs(a-b) <= within*max(1, math.Abs(b))
	case []any:
		b, ok := y.([]any)
		for i := range a {
			ok = ok && len(a) == len(b) && alike(a[i], b[i], within)
		}
		return ok && len(a) == len(b)
	case map[string]any:
		b, ok := y.(map[string]any)
		for key := range a {
			ok = ok && alike(a[key], b[key], within)
		}
		return ok && len(a) == len(b)
	}
	return x == y
}
