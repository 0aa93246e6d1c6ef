package store

import (
	"bytes"
	"io"
	"testing"

	"tare/frozen"
	"tare/scale"
)

// Artifacts load in one second per 100,000 series of 8 features, hash included;
// B/s is the file's bytes.

func BenchmarkReadStandard100kx8(b *testing.B)  { benchmarkRead(b, 100_000, standard) }
func BenchmarkReadQuantile10kx8(b *testing.B)   { benchmarkRead(b, 10_000, quantile) }
func BenchmarkWriteStandard100kx8(b *testing.B) { benchmarkWrite(b, 100_000, standard) }
func BenchmarkWriteQuantile10kx8(b *testing.B)  { benchmarkWrite(b, 10_000, quantile) }

var (
	standard = scale.Spec{Kind: scale.Standard, WithMean: true, WithStd: true}
	quantile = scale.Spec{Kind: scale.Quantile, NQuantiles: 1000, OutputDistribution: scale.Uniform}
)

func benchmarkRead(b *testing.B, series int, s scale.Spec) {
	m, f := large(b, series, 8, s)
	file := written(b, m, f)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := read(file); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkWrite(b *testing.B, series int, s scale.Spec) {
	m, f := large(b, series, 8, s)
	b.SetBytes(int64(len(written(b, m, f))))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := WriteArtifact(io.Discard, m, f); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse is the cost of a file that is damaged.
func BenchmarkRefuse(b *testing.B) {
	file := sampleBytes(b)
	file[99] ^= 1
	for b.Loop() {
		if _, err := read(file); err == nil {
			b.Fatal("taken")
		}
	}
}

// BenchmarkCompanionState reads the sketch of one series.
func BenchmarkCompanionState(b *testing.B) {
	file := companionBytes(b)
	c, err := readCompanion(bytes.NewReader(file), int64(len(file)), someID)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := c.Quantiles(1, []byte("b")); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkNew is the part of loading that is not store's: checking the numbers.
func BenchmarkNew(b *testing.B) {
	_, f := large(b, 100_000, 8, standard)
	learned := make([]frozen.Learned, 8)
	for i := range learned {
		learned[i] = *f.Learned(i)
	}
	for b.Loop() {
		if _, err := frozen.New(f.Features(), f.Series(), f.Records(), learned); err != nil {
			b.Fatal(err)
		}
	}
}
