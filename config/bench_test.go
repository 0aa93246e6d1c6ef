package config

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

func benchmarkParse(b *testing.B, data []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Parse("b.yaml", data, nil, nil)
	}
}

// BenchmarkParse reads files as users write them.
func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"minimal", "everything"} {
		data, err := os.ReadFile("testdata/good/" + name + ".yaml")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) { benchmarkParse(b, data) })
	}
	b.Run("1000 features", func(b *testing.B) { benchmarkParse(b, complete(manyFeatures(1000))) })
}

func manyFeatures(n int) []byte {
	var b bytes.Buffer
	b.WriteString("features:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: f%d, field: payload.f%d, scaler: robust, quantile_range: [5, 95]}\n", i, i)
	}
	return b.Bytes()
}

// BenchmarkHostile reads files that were made to cost time.
func BenchmarkHostile(b *testing.B) {
	for _, file := range []struct {
		name string
		data []byte
	}{
		{"200,000 deep in flow style", bytes.Repeat([]byte("["), 200_000)},
		{"100,000 deep in block style", bytes.Repeat([]byte("- "), 100_000)},
		{"aliases of 9^400 elements", aliasBomb()},
		{"1 MiB of bare features", []byte("features:\n" + strings.Repeat("- a\n", 260_000))},
		{"1 MiB of unknown keys", []byte("features:\n" + strings.Repeat("- {name: a, nam: b}\n", 52_000))},
		{"1 MiB of one key", bytes.Repeat([]byte("a: 1\n"), 209_000)},
		{"1 MiB of expressions", []byte("pipeline: " + strings.Repeat("${A:-b}", 149_000))},
	} {
		b.Run(file.name, func(b *testing.B) { benchmarkParse(b, file.data) })
	}
}

func BenchmarkYAML(b *testing.B) {
	c, err := Parse("b.yaml", complete(manyFeatures(1000)), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.YAML()
	}
}

func BenchmarkSchema(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Schema()
	}
}
