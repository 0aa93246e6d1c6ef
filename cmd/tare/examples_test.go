package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"tare/internal/accuracy"
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

// TestExampleWhiten holds the covariance of what comes out to be the identity, and
// inverse to give the axes back.
func TestExampleWhiten(t *testing.T) {
	const example, artifact = "whiten.yaml", "state/motion-1.npz"
	atExample(t, example)
	r := rand.New(rand.NewPCG(1, 2))
	var raw strings.Builder
	const n = 400
	for i := range n {
		a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
		az := fmt.Sprint(9.8 - a + b/10 + c)
		if i%40 == 7 {
			az = "null"
		}
		fmt.Fprintf(&raw, `{"motor":"m%d","ts":"2026-02-01T00:00:%02dZ","temp":%v,"imu":{"ax":%v,"ay":%v},"az":%s}`+"\n",
			i%2, i%60, 20+r.NormFloat64(), 5+2*a, a+b/2, az)
	}
	if err := os.Mkdir("motors", 0o755); err != nil {
		t.Fatal(err)
	}
	writeBytes(t, "motors/a.jsonl", []byte(raw.String()))
	if out, _ := tare(t, 0, "", "dry-run", "-c", example); !strings.Contains(out, `"imu":{},"motion":[`) {
		t.Errorf("dry-run says %s", out)
	}
	if _, says := tare(t, 0, "", "run", "-c", example); !strings.Contains(says, `group "motion": 10 training records without one of its members`) {
		t.Errorf("run says %s", says)
	}
	of, count := map[string]*[3][3]float64{}, map[string]float64{}
	for i, line := range strings.Split(strings.TrimSpace(string(readBytes(t, "normalized.jsonl"))), "\n") {
		var got struct {
			Motor  string
			Imu    map[string]float64
			Az     *float64
			Motion []float64
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || len(got.Imu) > 0 || got.Az != nil || (len(got.Motion) == 3) == (i%40 == 7) {
			t.Fatalf("%s: %v", line, err)
		}
		if got.Motion == nil {
			continue
		}
		if of[got.Motor] == nil {
			of[got.Motor] = new([3][3]float64)
		}
		count[got.Motor]++
		for a, x := range got.Motion {
			for b, y := range got.Motion {
				of[got.Motor][a][b] += x * y
			}
		}
	}
	for motor, c := range of {
		for a := range 3 {
			for b := range 3 {
				want := map[bool]float64{true: 1}[a == b]
				if got := c[a][b] / (count[motor] - 1); math.Abs(got-want) > 1e-9 {
					t.Errorf("%s: covariance of %d and %d is %v, want %v", motor, a, b, got, want)
				}
			}
		}
	}
	out, _ := tare(t, 0, "", "inverse", "-a", artifact, "normalized.jsonl")
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var got, want struct {
			Imu map[string]float64
			Az  float64
		}
		if i%40 == 7 {
			continue
		}
		source := strings.Split(raw.String(), "\n")[i]
		if err := json.Unmarshal([]byte(source), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || math.Abs(got.Az-want.Az) > 1e-12 ||
			math.Abs(got.Imu["ax"]-want.Imu["ax"]) > 1e-12 || math.Abs(got.Imu["ay"]-want.Imu["ay"]) > 1e-12 {
			t.Fatalf("%s came back as %s: %v", source, line, err)
		}
	}
	f := func(what string, args ...string) {
		t.Helper()
		if out, _ := tare(t, 0, "", args...); !strings.Contains(out, what) {
			t.Errorf("%s says %s\nwant %q", args[0], out, what)
		}
	}
	writeBytes(t, "one.jsonl", []byte(strings.Split(raw.String(), "\n")[0]))
	f("motion: zca of ax, ay, az", "inspect", artifact)
	f("motion: zca of ax, ay, az, learned from 200 records with all members", "inspect", artifact, "--series", "m0")
	f("motion_zca2", "explain", "-a", artifact, "one.jsonl")
	f("verified: 400 records", "verify", "-a", artifact, "motors/a.jsonl")
}

// TestExampleCategories holds the columns of every record against the labels in
// it, and inverse to give these back.
func TestExampleCategories(t *testing.T) {
	const example, artifact = "categories.yaml", "state/machines-1.npz"
	atExample(t, example)
	r := rand.New(rand.NewPCG(5, 6))
	states, faults := []string{"idle", "run", "stop"}, []string{"false", "true"}
	programs := map[int]int{}
	var lines []string
	type truth struct {
		state   string
		program int
		fault   string
	}
	var want []truth
	for i := range 600 {
		w := truth{states[r.IntN(3)], int(math.Exp(5 * r.Float64())), faults[r.IntN(2)]}
		programs[w.program]++
		want = append(want, w)
		lines = append(lines, fmt.Sprintf(`{"machine":"m%d","ts":"2026-02-01T00:00:%02dZ","load":%d,"state":%q,"job":{"program":%d},"fault":%s}`,
			i%3, i%60, r.IntN(9), w.state, w.program, w.fault))
	}
	lines = append(lines,
		`{"machine":"m1","ts":"2026-03-02T00:00:00Z","load":1,"state":"melting","job":{"program":-7},"fault":true}`,
		`{"machine":"m1","ts":"2026-03-02T00:00:01Z","load":1,"state":"idle","job":{"program":1},"fault":"perhaps"}`)
	if err := os.Mkdir("machines", 0o755); err != nil {
		t.Fatal(err)
	}
	writeBytes(t, "machines/a.jsonl", []byte(strings.Join(lines, "\n")))
	_, says := tare(t, 0, "", "run", "-c", example)
	if !strings.Contains(says, `msg="unknown label" feature=state label=melting source=a.jsonl/0/600`) || !strings.Contains(says, "1 rejected (label 1); 601 written (1 with an unknown label, 1 dead letters)") {
		t.Errorf("run says %s", says)
	}
	if dead := string(readBytes(t, "rejected.jsonl")); !strings.Contains(dead, `label \"perhaps\" is none of the categories`) {
		t.Errorf("the dead letter is %s", dead)
	}
	frequent := 0 // programs with a column of their own
	var columns []string
	out, _ := tare(t, 0, "", "inspect", artifact, "--columns")
	for _, name := range strings.Fields(out) {
		if strings.HasPrefix(name, "program_") {
			columns = append(columns, name)
		}
	}
	encoded := strings.Split(strings.TrimSpace(string(readBytes(t, "encoded.jsonl"))), "\n")
	for i, line := range encoded {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		w := truth{"melting", -7, "true"}
		if i < len(want) {
			w = want[i]
		}
		for _, s := range states {
			if is := got["state_"+s] == 1.0; is != (s == w.state) {
				t.Fatalf("%s: the column of %s is wrong", line, s)
			}
		}
		own := fmt.Sprintf("program_%d", w.program)
		if _, has := got[own]; !has {
			own = "program_infrequent_sklearn"
		} else if i < len(want) {
			frequent++
		}
		for _, name := range columns {
			if is := got[name] == 1.0; is != (name == own) {
				t.Fatalf("%s: %s is wrong", line, name)
			}
		}
		if is := got["fault"] == 1.0; is != (w.fault == "true") {
			t.Fatalf("%s: the fault is wrong", line)
		}
	}
	if n := mostOf(programs, 19, 3); frequent != n || len(columns) != 20 {
		t.Errorf("%d records have one of %d columns, want %d and 20", frequent, len(columns), n)
	}
	out, _ = tare(t, 0, "", "inverse", "-a", artifact, "encoded.jsonl")
	for i, line := range strings.Split(strings.TrimSpace(out), "\n")[:len(want)] {
		if text := fmt.Sprintf(`"fault":%s,"state":%q`, want[i].fault, want[i].state); !strings.Contains(line, text) {
			t.Fatalf("%s, want %s", line, text)
		}
	}
	out, _ = tare(t, 0, "", "inspect", artifact)
	if !strings.Contains(out, fmt.Sprintf("program: %d categories, %d of them infrequent: ", len(programs), len(programs)-19)) {
		t.Errorf("inspect says %s", out)
	}
	tare(t, 0, "", "verify", "-a", artifact, "machines/a.jsonl")
	tare(t, 3, "", "dry-run", "-c", example) // the outputs exist
}

// mostOf sums the n largest counts, of which each is at least least.
func mostOf(counts map[int]int, n, least int) (sum int) {
	var all []int
	for _, c := range counts {
		all = append(all, c)
	}
	slices.Sort(all)
	for _, c := range all[len(all)-n:] {
		if c < least {
			return -1
		}
		sum += c
	}
	return sum
}

// TestExampleEveryScaler holds every field to come out by its scaler and to come back,
// what is missing to be filled in where that is asked for, and a new machine to be
// normalized too.
func TestExampleEveryScaler(t *testing.T) {
	const example, artifact, n = "every-scaler.yaml", "state/machines-1.npz", 101
	atExample(t, example)
	r := rand.New(rand.NewPCG(1, 2))
	var raw strings.Builder
	for i := range n {
		machine, temperature := "m1", fmt.Sprint(20+r.NormFloat64())
		if i == n-1 {
			machine = "new"
		}
		if i == 7 {
			temperature = "null"
		}
		z := r.NormFloat64()
		fmt.Fprintf(&raw, `{"machine":%q,"ts":"2026-02-01T00:00:%02dZ","temperature":%s,"duty":%v,"torque":%v,"vibration":%v,"current":%v,"load":%v,"latency":%v,"particles":%d,"starts":%d,"drift":%v,"outside":%v}`+"\n",
			machine, i%60, temperature, r.Float64(), z, z/r.Float64(), 3+z, r.Float64(), r.ExpFloat64(), int(math.Exp(3+z)), r.IntN(50), z/r.Float64(), 10+z)
	}
	if err := os.Mkdir("machines", 0o755); err != nil {
		t.Fatal(err)
	}
	writeBytes(t, "machines/a.jsonl", []byte(raw.String()))
	tare(t, 0, "", "run", "-c", example)
	lines := strings.Split(strings.TrimSpace(string(readBytes(t, "normalized.jsonl"))), "\n")
	values := map[string][]float64{}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		for name, v := range got {
			x, number := v.(float64)
			if number && i < n-1 {
				values[name] = append(values[name], x)
			}
			if v == nil {
				t.Errorf("record %d has no %s: %s", i, name, line)
			}
		}
	}
	if !strings.Contains(lines[7], `"temperature":0,`) || !strings.Contains(lines[7], "imputed") || !strings.Contains(lines[n-1], "unknown_series") {
		t.Errorf("a filled in record is %s\nof a new machine %s", lines[7], lines[n-1])
	}
	for name, want := range map[string][2]float64{"duty": {0, 1}, "load": {0, 1}, "latency": {-5.199337582605575, 5.19933758270342}} {
		if low, high := slices.Min(values[name]), slices.Max(values[name]); math.Abs(low-want[0]) > 1e-12 || math.Abs(high-want[1]) > 1e-12 {
			t.Errorf("%s goes from %v to %v, want %v", name, low, high, want)
		}
	}
	if largest := max(slices.Max(values["torque"]), -slices.Min(values["torque"])); largest != 1 {
		t.Errorf("the largest torque is %v", largest)
	}
	for _, name := range []string{"vibration", "current"} {
		slices.Sort(values[name])
		if median, range4 := values[name][50]+values[name][49], accuracy.Linear(values[name], .75)-accuracy.Linear(values[name], .25); math.Abs(median) > 1e-9 || math.Abs(range4-1) > 1e-9 {
			t.Errorf("%s has median %v and range %v", name, median/2, range4)
		}
	}
	back, _ := tare(t, 0, "", "inverse", "-a", artifact, "normalized.jsonl")
	sameRecords(t, strings.Join(strings.Split(back, "\n")[8:n-1], "\n"), strings.Join(strings.Split(raw.String(), "\n")[8:n-1], "\n"), 1e-7)
}

// TestExampleClips holds each channel of each clip against its own largest sample,
// silence against 0, and that nothing needs to be learned.
func TestExampleClips(t *testing.T) {
	const example, samples, clips = "clips.yaml", 16000, 3
	atExample(t, example)
	r := rand.New(rand.NewPCG(5, 6))
	in, x := make([]byte, 2*2*samples*clips), make([]float64, 2*samples*clips)
	var loudest [2 * clips]float64
	for i := range x {
		channel := i / samples
		sample := int16(r.IntN(100<<channel)) - int16(50<<channel)
		if channel == 3 {
			sample = 0
		}
		binary.LittleEndian.PutUint16(in[2*i:], uint16(sample))
		x[i], loudest[channel] = float64(sample), max(loudest[channel], math.Abs(float64(sample)))
	}
	writeBytes(t, "clips.s16", append(in, 1, 2, 3))
	want := func(i int) float64 {
		if loudest[i/samples] == 0 {
			return 0
		}
		return x[i] / loudest[i/samples]
	}
	if _, says := tare(t, 0, "", "run", "-c", example); !strings.Contains(says, "1 rejected (shape 1)") {
		t.Errorf("the torn clip is not told of: %s", says)
	}
	wantFloats(t, "run", readBytes(t, "clips.f32"), len(x), want)

	tare(t, 0, "", "fit", "-c", example, "-o", "a.npz", "-")
	out, _ := tare(t, 0, "", "transform", "-a", "a.npz", "clips.s16")
	wantFloats(t, "transform", []byte(out), len(x), want)
	if out, _ = tare(t, 0, "", "inspect", "a.npz"); !strings.Contains(out, "clip[2,16000]    -  normalizer peak, per axis 0") {
		t.Errorf("inspect says %s", out)
	}
	if out, _ = tare(t, 0, "", "explain", "-a", "a.npz", "clips.s16"); !strings.Contains(out, fmt.Sprintf("norm        %v, of this record\n", loudest[0])) {
		t.Errorf("explain says %s", out)
	}
	tare(t, 0, "", "verify", "-a", "a.npz", "-")
}

// TestExampleBoxes holds boxes against the size of their images, the way back of a
// prediction, and that nothing needs to be learned.
func TestExampleBoxes(t *testing.T) {
	const example = "boxes.yaml"
	atExample(t, example)
	if err := os.Mkdir("images", 0o755); err != nil {
		t.Fatal(err)
	}
	writeBytes(t, "images/a.jsonl", []byte(`{"width":640,"height":480,"box":[64,48,320,240]}
{"width":640,"height":480,"box":[-64,48,1280,480]}
{"width":0,"height":480,"box":[64,48,320,240]}
`))
	if _, says := tare(t, 0, "", "run", "-c", example); !strings.Contains(says, "3 written (2 out of range)") {
		t.Errorf("run says %s", says)
	}
	out := string(readBytes(t, "boxes.jsonl"))
	for i, want := range []string{`"box":[0.1,0.1,0.5,0.5]`, `"box":[0,0.1,1,1]`, `"box":[null,0.1,null,0.5]`} {
		if line := strings.Split(out, "\n")[i]; !strings.Contains(line, want) {
			t.Errorf("%s, want %s", line, want)
		}
	}
	tare(t, 0, "", "fit", "-c", example, "-o", "a.npz", "-")
	out, _ = tare(t, 0, `{"width":1000,"height":500,"box":[0.25,0.5,0.75,1]}`, "inverse", "-a", "a.npz")
	if !strings.Contains(out, `"box":[250,250,750,500]`) {
		t.Errorf("inverse says %s", out)
	}
	tare(t, 0, "", "verify", "-a", "a.npz", "-")
}
