package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// atExample writes an example to a new folder and goes there.
func atExample(t *testing.T, name string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	tare(t, 0, "", "init", "--preset", strings.TrimSuffix(name, ".yaml"), "-o", name)
	return name
}

func writeBytes(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// images returns n random ones of size bytes.
func images(n, size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n*size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// wantFloats wants a file to hold packed float32 numbers, within 1e-6.
func wantFloats(t *testing.T, what string, got []byte, n int, want func(i int) float64) {
	t.Helper()
	if len(got) != 4*n {
		t.Fatalf("%s: %d bytes, want %d numbers", what, len(got), n)
	}
	for i := range n {
		x := float64(math.Float32frombits(binary.LittleEndian.Uint32(got[4*i:])))
		if w := want(i); !(math.Abs(x-w) <= 1e-6) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, x, w)
		}
	}
}

func readBytes(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestExampleImageNet holds that run, and fit and transform, do what torchvision's
// ToTensor and Normalize do, and that an artifact without statistics needs no
// record.
func TestExampleImageNet(t *testing.T) {
	const example, channel = "image-imagenet.yaml", 224 * 224
	atExample(t, example)
	in := images(2, 3*channel)
	writeBytes(t, "images.u8", in)
	mean, scale := []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	want := func(i int) float64 {
		c := i / channel % 3
		return (float64(in[i])/255 - mean[c]) / scale[c]
	}
	if out, _ := tare(t, 0, "", "dry-run", "-c", example, "--records", "1"); !strings.Contains(out, "... 150528 numbers]") {
		t.Errorf("dry-run says %s", out)
	}
	tare(t, 0, "", "run", "-c", example)
	wantFloats(t, "run", readBytes(t, "images.f32"), len(in), want)

	tare(t, 0, "", "fit", "-c", example, "-o", "a.npz", "-")
	out, _ := tare(t, 0, "", "transform", "-a", "a.npz", "images.u8")
	wantFloats(t, "transform", []byte(out), len(in), want)
	tare(t, 0, "", "transform", "-a", "a.npz", "images.u8", "-o", "images.f32.gz")
	out, _ = tare(t, 0, "", "inverse", "-a", "a.npz", "images.f32.gz")
	if out != string(in) {
		t.Error("the images do not come back")
	}
	out, _ = tare(t, 0, "", "inspect", "a.npz")
	if !strings.Contains(out, "image[3,224,224]  affine  standard, per axis 0, fixed") {
		t.Errorf("inspect says %s", out)
	}
	out, _ = tare(t, 0, "", "explain", "-a", "a.npz", "images.u8")
	if !strings.Contains(out, "image[0,0,3]: standard, per axis 0, fixed\n") || strings.Count(out, "\n") > 100 {
		t.Errorf("explain says %s", out)
	}
	tare(t, 0, "", "verify", "-a", "a.npz", "-")
}

// TestExampleImagePerChannel holds the statistics of each channel against those
// of all its bytes, and a torn file against its rejection.
func TestExampleImagePerChannel(t *testing.T) {
	const example, channel, n = "image-per-channel.yaml", 32 * 32, 50
	atExample(t, example)
	in := images(n, 3*channel)
	writeBytes(t, "train.u8", append(in, 1, 2, 3))
	_, says := tare(t, 0, "", "run", "-c", example)
	if !strings.Contains(says, "1 rejected (shape 1)") {
		t.Errorf("the torn image is not told of: %s", says)
	}
	var mean, sd [3]float64
	for i, x := range in {
		mean[i/channel%3] += float64(x) / (n * channel)
	}
	for i, x := range in {
		sd[i/channel%3] += math.Pow(float64(x)-mean[i/channel%3], 2) / (n * channel)
	}
	wantFloats(t, "run", readBytes(t, "train.f32"), len(in), func(i int) float64 {
		c := i / channel % 3
		return (float64(in[i]) - mean[c]) / math.Sqrt(sd[c])
	})
	writeBytes(t, "test.u8", in)
	if out := fitted(t, example, "test.u8"); out != string(readBytes(t, "train.f32")) {
		t.Error("fit and transform write other numbers than run")
	}
	out, _ := tare(t, 0, "", "inspect", "state/images-1.npz", "--series", "", "--json")
	var report seriesReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Features) != 3 {
		t.Fatalf("inspect says %s, %v", out, err)
	}
	for c, f := range report.Features {
		if f.Count != n*channel || *f.Group != c || f.Groups != 3 || math.Abs(float64(f.Mean)-mean[c]) > 1e-9 {
			t.Errorf("channel %d: %+v, want the mean %v of %d", c, f, mean[c], n*channel)
		}
	}
	tare(t, 0, "", "verify", "-a", "state/images-1.npz", "train.u8")
}

// TestExampleSpectrogram holds the numbers of every bin of every series, and what
// inspect, explain and inverse make of them.
func TestExampleSpectrogram(t *testing.T) {
	const example, bins = "spectrogram.yaml", 64
	atExample(t, example)
	r := rand.New(rand.NewPCG(3, 4))
	var train, live []string
	logs := map[string][][]float64{} // by series, one row a record
	for i := range 60 {
		mic := fmt.Sprintf("m%d", i%3)
		power, row := make([]float64, bins), make([]float64, bins)
		for k := range power {
			power[k] = math.Exp(r.NormFloat64()) * float64(1+k)
			row[k] = math.Log(power[k])
		}
		text, err := json.Marshal(map[string]any{"mic": mic, "ts": fmt.Sprintf("2026-02-01T00:00:%02dZ", i), "power": power})
		if err != nil {
			t.Fatal(err)
		}
		train, logs[mic] = append(train, string(text)), append(logs[mic], row)
	}
	live = append(live, strings.Replace(train[0], "2026-02", "2026-03", 1), strings.Replace(train[1], `"power":[`, `"power":[0,`, 1))
	if err := os.Mkdir("spectra", 0o755); err != nil {
		t.Fatal(err)
	}
	writeBytes(t, "spectra/a.jsonl", []byte(strings.Join(append(train, live...), "\n")))
	if out, _ := tare(t, 0, "", "dry-run", "-c", example); !strings.Contains(out, "shape 1") {
		t.Errorf("dry-run says %s", out)
	}
	_, says := tare(t, 0, "", "run", "-c", example)
	if !strings.Contains(says, "1 rejected (shape 1)") {
		t.Errorf("65 bins are not told of: %s", says)
	}
	lines := strings.Split(strings.TrimSpace(string(readBytes(t, "normalized.jsonl"))), "\n")
	if len(lines) != len(train)+1 {
		t.Fatalf("%d records, want %d", len(lines), len(train)+1)
	}
	for i, line := range lines[:len(train)] {
		var got struct {
			Mic   string
			Power []float64
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || len(got.Power) != bins {
			t.Fatalf("%s: %v", line, err)
		}
		for k, z := range got.Power {
			rows := logs[got.Mic]
			mean, variance := 0.0, 0.0
			for _, row := range rows {
				mean += row[k] / float64(len(rows))
			}
			for _, row := range rows {
				variance += math.Pow(row[k]-mean, 2) / float64(len(rows))
			}
			if want := (rows[i/3][k] - mean) / math.Sqrt(variance); math.Abs(z-want) > 1e-9 {
				t.Fatalf("record %d, bin %d: %v, want %v", i, k, z, want)
			}
		}
	}
	if out := fitted(t, example, "spectra/a.jsonl"); out != string(readBytes(t, "normalized.jsonl")) {
		t.Error("fit and transform write other numbers than run")
	}
	const artifact = "state/spectrogram-1.npz"
	f := func(what string, args ...string) {
		t.Helper()
		if out, _ := tare(t, 0, "", args...); !strings.Contains(out, what) || strings.Count(out, "\n") > 120 {
			t.Errorf("%s says %s\nwant %q in few lines", args[0], out, what)
		}
	}
	f("power[64]  log  standard", "inspect", artifact)
	f("power: 56 more of 64 sets of statistics", "inspect", artifact, "--series", "m1")
	f("power[7]", "inspect", artifact, "--series", "m1")
	writeBytes(t, "one.jsonl", []byte(train[0]))
	f("power[3]: standard, learned from 20 values (0 missing)", "explain", "-a", artifact, "one.jsonl")
	f("power[64]: 60 more numbers", "explain", "-a", artifact, "one.jsonl")
	f("verified: 60 records", "verify", "-a", artifact, "spectra/a.jsonl")
	f("a series takes about 21.1 kB while learning, 4136 B in the artifact\n", "lint", example)
}
