package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/config"
	"tare/examples"
	"tare/internal/kafkatest"
)

// An initCase is a file, and parts of the configuration that init writes for it.
type initCase struct {
	path  string
	text  string
	wants string // one a line; a leading ! says that it is not there
}

// rows joins what is made of each number below n.
func rows(n int, row func(r *rand.Rand, i int) string) string {
	r := rand.New(rand.NewPCG(7, 8))
	var b strings.Builder
	for i := range n {
		b.WriteString(row(r, i) + "\n")
	}
	return b.String()
}

// object is a JSON object of these keys and values.
func object(pairs ...any) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		key, _ := json.Marshal(pairs[i])
		value, _ := json.Marshal(pairs[i+1])
		fmt.Fprintf(&b, ",%s:%s", key, value)
	}
	return "{" + b.String()[1:] + "}"
}

func minute(i int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)
}

// plantRow is a record with one field of each kind.
func plantRow(r *rand.Rand, i int) string {
	s := i % 4
	return object("sensor_id", fmt.Sprint("pump-", s), "site", "A", "ts", minute(i), "seq", i,
		"temperature", float64(60+20*s)+r.NormFloat64(), "vibration", float64(1-2*(i/4%2))*r.ExpFloat64(),
		"flow", math.Exp(3+1.2*r.NormFloat64()), "valve_pct", r.IntN(100), "state", []string{"ok", "warn", "fail"}[r.IntN(3)],
		"ok", true, "firmware", 7, "rated", 10*s, "status", r.IntN(3), "note", fmt.Sprint("x", i), "gone", nil, "order_id", r.IntN(1e6),
		"payload", map[string]any{"a.b": r.NormFloat64()}, "spectrum", []float64{math.Exp(r.NormFloat64()), 9 * math.Exp(r.NormFloat64())},
		"tags", []string{"a"}, "ragged", make([]float64, 1+i%3))
}

var initCases = []initCase{
	{"plant.jsonl", rows(2000, plantRow), `
pipeline: plant
paths: [plant.jsonl]
series: sensor_id
time: {field: ts, layout: rfc3339}
  - temperature #
{name: vibration, scaler: robust} #
{name: flow, pre: log1p} #
{name: valve_pct, scaler: minmax} #
{name: payload.a.b, field: payload.a\.b} #
{name: spectrum, pre: log, shape: [2]} #
# site: a label of 1 value (A)
# seq: whole numbers that only grow
# state: a label of 3 values (fail, ok, warn)
# firmware: always 7
# rated: the same in all records of a series
# status: whole numbers with the name of a code
# note: text
# gone: no value
# order_id: whole numbers with the name of an identifier
# tags: arrays that are not of numbers alone
# ragged: arrays of different shapes
event_time: 2026-01-01T23:11:00Z
out_of_orderness: unbounded`},
	{"by-sensor.jsonl", rows(12000, func(r *rand.Rand, i int) string {
		return object("device", i/3000, "time", minute(i%3000).UnixMilli(), "v", r.NormFloat64())
	}), "series: device\ntime: {field: time, layout: unix_ms}\nsample; the source goes on behind it\n10000 records of the source, the first"},
	{"long.jsonl", rows(600, func(r *rand.Rand, i int) string {
		return object("metric", []string{"temp", "flow"}[i/3%2], "device", fmt.Sprint("d", i%3), "value", r.NormFloat64(), "unit", "C", "t", minute(i).Unix())
	}), "series: [device, metric]\nlayout: unix}\n# unit: a label"},
	{"cycles.csv", "unit,cycle,s1,s2,setting\n" + rows(800, func(r *rand.Rand, i int) string {
		return fmt.Sprintf("%d,%d,%v,%d,%v", i/200, i%200, r.NormFloat64(), r.IntN(9), 0.1*float64(i/200))
	}), "format: csv\nseries: unit\n# No time\nend: true\n# cycle: whole numbers that only grow\n# setting: the same in all records of a series\n  - s1 #"},
	{"frame.csv", ",ts,machine no,temp,flow\n" + rows(500, func(r *rand.Rand, i int) string {
		flow := fmt.Sprint(r.NormFloat64())
		if i%50 == 7 {
			flow = "n/a"
		}
		return fmt.Sprintf("%d,%s,%d,%v,%s", i, minute(i).Format("02.01.2006 15:04"), i%3, r.NormFloat64(), flow)
	}), "series: machine no\ntime: {field: ts, layout: '02.01.2006 15:04'}\nbad_value: missing # some values of flow\n# \"\": a column without a name"},
	{"us.csv", "when,host,load ratio\n" + rows(500, func(r *rand.Rand, i int) string {
		return fmt.Sprintf("0%d/05/2026 10:00:%02d,h%d,%v", 1+i/100, i%60, i%2, r.Float64())
	}), "layout: '01/02/2006 15:04:05'} # CHECK: or is it \"02/01/2006 15:04:05\"?\nseries: host\n{name: load ratio, scaler: minmax}"},
	{"arrays.jsonl", rows(150, func(r *rand.Rand, i int) string {
		image := make([][][]int, 3)
		for c := range image {
			for range 10 {
				image[c] = append(image[c], []int{r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256)})
			}
		}
		return object("image", image, "window", drawn(300, normal), "zeros", []int{0, 0})
	}), "{name: image, shape: [3, 10, 10], per: 0}\n{name: window, shape: [300], per: none}\n# zeros: arrays of one and the same number"},
	{"odd names.jsonl", rows(30, func(r *rand.Rand, i int) string {
		var pairs []any
		for _, name := range []string{"a: b", "#c", "'q\"", "$d", "${e}", "ü", " s ", strings.Repeat("l", 200), "n\nl", "series", "time", "split",
			"true", "1", "a.b", "A", "- x", "*y", "CON", "x/y", "x:y", "\u202e", `e\f`, "{", "[", ""} {
			pairs = append(pairs, name, r.NormFloat64())
		}
		return object(append(pairs, "a", map[string]any{"b": r.NormFloat64()})...)
	}), "pipeline: odd-names\n- $${e}\n{name: series_value, field: series}\n{name: x_y_2, field: 'x:y'}\n{name: a.b_2, field: a.b}"},
	{"a[1]*.csv", "x,sensor\n" + rows(300, func(r *rand.Rand, i int) string { return fmt.Sprintf("%v,s%d\r", r.NormFloat64(), i%2) }), `a\[1]\*.csv`},
	{"export", "x,sensor\n" + rows(300, func(r *rand.Rand, i int) string { return fmt.Sprintf("%v,s%d", r.NormFloat64(), i%2) }), "format: csv\nseries: sensor"},
	{"one.jsonl", `{"x":1}`, "min_samples: 1 # CHECK\n  - x #"},
	{"two.jsonl", `{"x":1,"ts":"2026-01-01"}` + "\n" + `{"x":2,"ts":"2026-01-02"}`, "event_time: 2026-01-01T16:48:00Z\nmin_samples: 1"},
	{"at-once.jsonl", rows(50, func(r *rand.Rand, i int) string { return object("x", r.NormFloat64(), "ts", minute(0)) }), "end: true\nfield: ts\n!event_time"},
	{"clock.jsonl", rows(500, func(r *rand.Rand, i int) string { // some clocks are off
		at := minute(i).Unix()
		switch {
		case i == 9:
			at = 4e9
		case i%25 == 7:
			at = 0
		}
		return object("x", r.NormFloat64(), "timestamp", at, "since", 3)
	}), "event_time: 2026-01-01T05:"},
	{"measured.jsonl", rows(300, func(r *rand.Rand, i int) string { // a unit of measurement, and seconds from the start
		return object("unit", []string{"C", "bar"}[i%2], "time", 0.5*float64(i), "x", r.NormFloat64())
	}), "# No series\n# No time\n# unit: a label of 2 values (C, bar)\n  - time #"},
	{"late.jsonl", rows(100, func(r *rand.Rand, i int) string {
		if i > 80 {
			return object("x", r.NormFloat64(), "ts", minute(i), "late", i)
		}
		return object("x", r.NormFloat64(), "ts", minute(i))
	}), "# late: in no record of the sample before the cutoff\n!- late"},
	{"garbage.jsonl", "no json\n" + rows(50, func(r *rand.Rand, i int) string {
		return object("x", r.NormFloat64(), "big", 1e300, "some", 1e149*math.Pow(10, float64(i%3)))
	}),
		"# big: no value in reach of a scaler\nbad_value: missing # some values of some"},
}

// TestInitFits holds that what init writes for a file works with lint, fit and
// transform on that file as it stands, and says what is to be said.
func TestInitFits(t *testing.T) {
	for _, c := range initCases {
		t.Run(c.path, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeBytes(t, c.path, []byte(c.text))
			tare(t, 0, "", "init", c.path, "-o", "c.yaml")
			text := string(readBytes(t, "c.yaml"))
			for want := range strings.SplitSeq(strings.Trim(c.wants, "\n"), "\n") {
				if without, not := strings.CutPrefix(want, "!"); strings.Contains(text, without) == not {
					t.Errorf("it says not as wanted: %q", want)
				}
			}
			fitsAtOnce(t, "c.yaml", c.path)
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

// fitsAtOnce takes a file through lint, fit and transform.
func fitsAtOnce(t *testing.T, config, path string) {
	t.Helper()
	tare(t, 0, "", "lint", config)
	tare(t, 0, "", "fit", "-c", config, "-o", "a.npz", "--force")
	if out, _ := tare(t, 0, "", "transform", "-a", "a.npz", path); out == "" {
		t.Error("transform writes nothing")
	}
}

// TestInitLooksNotAhead holds that the scalers and fields are those of the records
// before the cutoff, whatever stands behind it.
func TestInitLooksNotAhead(t *testing.T) {
	t.Chdir(t.TempDir())
	text := func(behind func(r *rand.Rand) any) string {
		return rows(1000, func(r *rand.Rand, i int) string {
			x := any(r.NormFloat64())
			if i >= 695 {
				x = behind(r)
			}
			return object("x", x, "y", r.NormFloat64(), "ts", minute(i))
		})
	}
	writeBytes(t, "a.jsonl", []byte(text(func(r *rand.Rand) any { return r.NormFloat64() })))
	want, _ := tare(t, 0, "", "init", "a.jsonl")
	for _, behind := range []any{1e9, "text", nil, 0} {
		writeBytes(t, "a.jsonl", []byte(text(func(*rand.Rand) any { return behind })))
		got, _ := tare(t, 0, "", "init", "a.jsonl")
		if got != want {
			t.Errorf("with %v behind the cutoff init writes\n%s\nwant\n%s", behind, got, want)
		}
	}
}

// TestInitTopic looks at a topic: its keys are the series, times come late, and
// the records of all partitions count.
func TestInitTopic(t *testing.T) {
	t.Chdir(t.TempDir())
	c := kafkatest.Fake(t)
	c.CreateTopic(t, "plant.raw", 2, nil)
	r := rand.New(rand.NewPCG(9, 10))
	for p := range int32(2) {
		var records []*kgo.Record
		for i := range 400 {
			at := minute(i)
			if i%100 == 50 {
				at = at.Add(-40 * time.Minute)
			}
			records = append(records, &kgo.Record{Key: fmt.Appendf(nil, "s%d-%d", p, i%3), Timestamp: at,
				Value: fmt.Appendf(nil, `{"ts":%d,"temp":%v}`, at.UnixMilli(), r.NormFloat64())})
		}
		c.Produce(t, "plant.raw", p, records...)
	}
	tare(t, 0, "", "init", "--kafka", c.Brokers[0], "--topic", "plant.raw", "-o", "c.yaml")
	text := string(readBytes(t, "c.yaml"))
	for _, want := range []string{"pipeline: plant", "topic: plant.raw", "series: $key", "time: {field: ts, layout: unix_ms}", "800 records", "  - temp #",
		"out_of_orderness: 1h # CHECK: records of the sample come up to 39m0s late", "# sink: {kafka: {topic: plant.raw.normalized}}"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	tare(t, 0, "", "lint", "c.yaml")
	_, says := tare(t, 0, "", "fit", "-c", "c.yaml", "-o", "a.npz")
	if !strings.Contains(says, "6 series of 1 feature frozen") {
		t.Errorf("fit says %s", says)
	}
	tare(t, 1, "", "init", "--kafka", c.Brokers[0], "--topic", "nosuch")
}

// TestInitNAB holds what is chosen for real series of each kind.
func TestInitNAB(t *testing.T) {
	if _, err := os.Stat(nabFiles); err != nil {
		t.Skip("the NAB series do not lie beside the project")
	}
	folder, err := filepath.Abs(nabFiles)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, want := range map[string]string{
		"ambient_temperature_system_failure":   "- value #",
		"nyc_taxi":                             "- value #",
		"art_daily_perfect_square_wave":        "{name: value, scaler: minmax}",
		"cpu_utilization_asg_misconfiguration": "{name: value, scaler: robust}",
		"ec2_request_latency_system_failure":   "- value #",
		"ec2_disk_write_bytes_1ef3de":          "{name: value, pre: log1p}",
		"ec2_network_in_5abac7":                "{name: value, pre: log1p, scaler: robust}",
		"elb_request_count_8c0756":             "{name: value, pre: log1p}",
	} {
		path := filepath.Join(folder, name+".csv")
		tare(t, 0, "", "init", path, "-o", "c.yaml", "--force")
		if text := string(readBytes(t, "c.yaml")); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", name, want, text)
		}
		fitsAtOnce(t, "c.yaml", path)
	}
	_, says := tare(t, exitUsage, "", "init", filepath.Join(folder, "art_flatline.csv"))
	if !strings.Contains(says, "value: always 45") {
		t.Errorf("init says %s", says)
	}
}

// TestPresets holds that each preset is an example, byte for byte, sound, and told
// of in one line.
func TestPresets(t *testing.T) {
	names, err := presets()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"audio-waveform", "image-imagenet", "image-per-channel", "sensors", "spectrogram", "tabular", "text"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no preset %s", name)
		}
	}
	list, _ := tare(t, 0, "", "init", "--preset")
	lines := strings.Split(strings.TrimSpace(list), "\n")
	if len(lines) != len(names) {
		t.Errorf("%d lines for %d presets", len(lines), len(names))
	}
	for i, name := range names {
		text, err := fs.ReadFile(examples.Files, name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if out, _ := tare(t, 0, "", "init", "--preset", name); out != string(text) {
			t.Errorf("%s is not its example but\n%s", name, out)
		}
		if out, _ := tare(t, 0, "", "init", "--preset="+name); out != string(text) {
			t.Errorf("--preset=%s is not its example but\n%s", name, out)
		}
		if _, err := config.Parse(name, text, nil, nil); err != nil {
			t.Error(err)
		}
		if said := purpose(text); len(said) < 20 || len(said) > 90 || !strings.HasSuffix(said, ".") || !strings.HasPrefix(lines[i], name+" ") || !strings.HasSuffix(lines[i], said) {
			t.Errorf("%s is told of as %q, in the list as %q", name, said, lines[i])
		}
	}
}

// fitted learns with a preset and returns what it makes of a file.
func fitted(t *testing.T, preset, path string) string {
	t.Helper()
	tare(t, 0, "", "fit", "-c", preset, "-o", "a.npz")
	out, _ := tare(t, 0, "", "transform", "-a", "a.npz", path)
	return out
}

// TestPresetAudio holds the samples of all clips to mean 0 and deviation 1, and a
// louder clip louder than the others.
func TestPresetAudio(t *testing.T) {
	preset := atExample(t, "audio-waveform.yaml")
	const clips, samples = 4, 16000
	r := rand.New(rand.NewPCG(11, 12))
	var packed []byte
	var values []float64
	for i := range clips * samples {
		x := int16(1000 * float64(1+i/samples) * math.Sin(float64(i)/20) * r.Float64())
		packed, values = append(packed, byte(x), byte(uint16(x)>>8)), append(values, float64(x))
	}
	writeBytes(t, "train.s16", packed)
	mean, sd := moments(values)
	wantFloats(t, preset, []byte(fitted(t, preset, "train.s16")), len(values), func(i int) float64 { return (values[i] - mean) / sd })
}

func moments(values []float64) (mean, sd float64) {
	for _, x := range values {
		mean += x / float64(len(values))
	}
	for _, x := range values {
		sd += (x - mean) * (x - mean) / float64(len(values))
	}
	return mean, math.Sqrt(sd)
}

// column returns the numbers of a field of JSON records; NaN is null.
func column(t *testing.T, lines, name string) (values []float64) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		x, ok := record[name].(float64)
		if !ok {
			x = math.NaN()
		}
		values = append(values, x)
	}
	return values
}

func wantMoments(t *testing.T, what string, values []float64, wantMean, wantSD float64) {
	t.Helper()
	if mean, sd := moments(values); math.Abs(mean-wantMean) > 1e-9 || math.Abs(sd-wantSD) > 1e-9 {
		t.Errorf("%s has mean %v and deviation %v, want %v and %v", what, mean, sd, wantMean, wantSD)
	}
}

// TestPresetSensors holds the numbers of each sensor.
func TestPresetSensors(t *testing.T) {
	preset := atExample(t, "sensors.yaml")
	text := rows(900, func(r *rand.Rand, i int) string {
		s := float64(i % 3)
		return object("sensor", fmt.Sprint("pump-", s), "ts", minute(i), "temperature", 20*s+r.NormFloat64(), "vibration", s+r.NormFloat64(), "flow", math.Exp(s+r.NormFloat64()), "valve", r.IntN(101))
	})
	writeBytes(t, "readings-1.jsonl", []byte(text))
	out := fitted(t, preset, "readings-1.jsonl")
	for s := range 3 {
		of := func(name string) (values []float64) {
			for i, x := range column(t, out, name) {
				if i%3 == s {
					values = append(values, x)
				}
			}
			return values
		}
		wantMoments(t, "temperature", of("temperature"), 0, 1)
		wantMoments(t, "flow", of("flow"), 0, 1)
		vibration, valve := of("vibration"), of("valve")
		slices.Sort(vibration)
		if median := (vibration[149] + vibration[150]) / 2; math.Abs(median) > 0.02 {
			t.Errorf("the median of vibration is %v", median)
		}
		if slices.Min(valve) != 0 || slices.Max(valve) != 1 {
			t.Errorf("valve goes from %v to %v", slices.Min(valve), slices.Max(valve))
		}
	}
}

// TestPresetTabular holds the numbers of each column, and that the others stay.
func TestPresetTabular(t *testing.T) {
	preset := atExample(t, "tabular.yaml")
	var logs []float64
	writeBytes(t, "train.csv", []byte("customer,age,income,balance,active\n"+rows(400, func(r *rand.Rand, i int) string {
		age := fmt.Sprint(20 + r.IntN(60))
		if i == 5 {
			age = ""
		}
		income := math.Exp(10 + r.NormFloat64())
		logs = append(logs, math.Log1p(income))
		return fmt.Sprintf("c%d,%s,%v,%v,%v", i, age, income, 1000*r.NormFloat64(), r.Float64())
	})))
	mean, sd := moments(logs)
	out := fitted(t, preset, "train.csv")
	var columns [5][]float64
	for i, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
		cells := strings.Split(line, ",")
		if want := fmt.Sprint("c", i); len(cells) != 5 || cells[0] != want {
			t.Fatalf("row %d is %s", i, line)
		}
		for k := 1; k < 5; k++ {
			var x float64
			if _, err := fmt.Sscan(cells[k], &x); err != nil {
				t.Fatalf("row %d is %s: %v", i, line, err)
			}
			columns[k] = append(columns[k], x)
		}
	}
	for i, z := range columns[2] {
		if want := (logs[i] - mean) / sd; math.Abs(z-want) > 1e-9 {
			t.Fatalf("income of row %d is %v, want %v", i, z, want)
		}
	}
	wantMoments(t, "age", slices.Delete(columns[1], 5, 6), 0, 1)
	if slices.Min(columns[4]) != 0 || slices.Max(columns[4]) != 1 {
		t.Errorf("active goes from %v to %v", slices.Min(columns[4]), slices.Max(columns[4]))
	}
}

// TestPresetText holds the numbers beside a text, and the text as it came.
func TestPresetText(t *testing.T) {
	preset := atExample(t, "text.yaml")
	text := rows(200, func(r *rand.Rand, i int) string {
		return object("text", fmt.Sprintf("the %d. text: \"é\"", i), "length", 1+r.IntN(1000), "links", r.IntN(4), "score", r.Float64())
	})
	writeBytes(t, "train.jsonl", []byte(text))
	out := fitted(t, preset, "train.jsonl")
	wantMoments(t, "length", column(t, out, "length"), 0, 1)
	wantMoments(t, "links", column(t, out, "links"), 0, 1)
	if !strings.Contains(out, `"text":"the 199. text: \"é\""`) {
		t.Errorf("the text is another:\n%s", out)
	}
}

// TestPresetKafka holds that each sensor of the topic is learned by itself.
func TestPresetKafka(t *testing.T) {
	preset := atExample(t, "kafka.yaml")
	c := kafkatest.Fake(t)
	writeBytes(t, preset, []byte(strings.Replace(string(readBytes(t, preset)), "localhost:9092", c.Brokers[0], 1)))
	c.CreateTopic(t, "sensors.raw", 1, nil)
	var records []*kgo.Record
	for i := range 200 {
		at := minute(i)
		records = append(records, &kgo.Record{Key: fmt.Appendf(nil, "s%d", i%2), Timestamp: at,
			Value: fmt.Appendf(nil, `{"ts":%d,"temperature":%d,"vibration":%d}`, at.UnixMilli(), 100*(i%2)+i%7, i%5)})
	}
	c.Produce(t, "sensors.raw", 0, records...)
	tare(t, 0, "", "fit", "-c", preset, "-o", "a.npz")
	said, _ := tare(t, 0, "", "inspect", "a.npz", "--series", "s1")
	if !strings.Contains(said, `series "s1": 100 training records`) || !strings.Contains(said, "mean 10") {
		t.Errorf("inspect says %s", said)
	}
}

// TestTimeLayouts holds that each layout that is tried is told from the others and
// accepted in a configuration.
func TestTimeLayouts(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, layout := range timeLayouts {
		path := fmt.Sprintf("%d.jsonl", i)
		writeBytes(t, path, []byte(rows(60, func(r *rand.Rand, i int) string {
			return object("x", r.NormFloat64(), "written", minute(13*24*60+1500*i).Format(string(layout)))
		})))
		out, _ := tare(t, 0, "", "init", path)
		if !strings.Contains(out, "field: written, layout: '"+string(layout)+"'}") && !strings.Contains(out, "field: written, layout: "+string(layout)+"}") {
			t.Errorf("%s is taken for\n%s", layout, out)
		}
	}
}
