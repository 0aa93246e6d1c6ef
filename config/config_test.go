package config

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// goodFiles are the files of testdata/good, the pipeline of the golden vectors
// and a file of the defaults.
func goodFiles(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"defaults": complete(nil)}
	paths, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files in testdata/good", err)
	}
	for _, p := range append(paths, "../testdata/golden/pipeline/conf.yaml") {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[p] = data
	}
	return all
}

func parse(t testing.TB, name string, data []byte) *Config {
	t.Helper()
	c, err := Parse(name, data, getenv, getfile)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, data)
	}
	return c
}

// TestWritten holds that a file written from a Config reads as the same Config,
// without an environment, and that writing is stable.
func TestWritten(t *testing.T) {
	for name, data := range goodFiles(t) {
		roundTrip(t, parse(t, name, data))
	}
}

func roundTrip(t *testing.T, c *Config) {
	t.Helper()
	text := c.YAML()
	draft := c.Draft(map[string]Comment{"pipeline": {Above: "# a: b\n# c"}, "features[0]": {Beside: "# {d"}, "features": {Below: "# e\n\n# f"}})
	if len(draft) >= len(text)+20 {
		t.Errorf("a draft is longer than all that can be written:\n%s", draft)
	}
	readsAs(t, c, draft)
	again := readsAs(t, c, text)
	if second := again.YAML(); !bytes.Equal(text, second) {
		t.Fatalf("wrote\n%s\nthen\n%s", text, second)
	}
}

// readsAs wants text to be read as c.
func readsAs(t *testing.T, c *Config, text []byte) *Config {
	t.Helper()
	again, err := readAgain(c, text)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	if !reflect.DeepEqual(c, again) {
		t.Fatalf("read\n%+v\nwrote\n%s\nread again\n%+v", c, text, again)
	}
	return again
}

// readAgain reads what is written of c, with the password in its place.
func readAgain(c *Config, text []byte) (*Config, error) {
	password := ""
	if k := c.Source.Kafka; k != nil && k.SASL != nil {
		password = k.SASL.Password.Reveal()
		text = bytes.Replace(text, []byte("password: '***'"), []byte(`password: "${PASSWORD}"`), 1)
	}
	c.warnings = nil
	again, err := Parse("again.yaml", text, func(string) (string, bool) { return password, true }, nil)
	if again != nil {
		again.warnings = nil
	}
	return again, err
}

// TestWrittenByHand holds that a Config that no file may hold is written as it
// is, and refused when it is read.
func TestWrittenByHand(t *testing.T) {
	f := func(want string, change func(c *Config)) {
		t.Helper()
		c := parse(t, "defaults", complete(nil))
		change(c)
		_, err := Parse("c.yaml", c.YAML(), nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in\n%s", err, want, c.YAML())
		}
	}
	f("version: missing", func(c *Config) { *c = Config{} })
	f("version: want 1, got 2", func(c *Config) { c.Version = 2 })
	f("pipeline: missing", func(c *Config) { c.Pipeline = "" })
	f("revision: want an integer", func(c *Config) { c.Revision = -1 })
	f("features: missing", func(c *Config) { c.Features = nil })
	f("features[0].name: missing", func(c *Config) { c.Features[0] = Feature{} })
	f("got softmax", func(c *Config) { c.Features[0].Scaler.Kind = "softmax" })
	f("features[0].pre: want log", func(c *Config) { c.Features[0].Pre = []Pre{{}} })
	f("got exp", func(c *Config) { c.Features[0].Pre = []Pre{{Kind: "log"}, {Kind: "exp"}} })
	f("got mode", func(c *Config) { c.Features[0].Impute.Kind = "mode" })
	f("source.file.paths[0]: want a path", func(c *Config) { c.Source.File.Paths = []string{""} })
	f("got sensor", func(c *Config) { c.Scope = "sensor" })
	f("shape: has more than", func(c *Config) { c.Features[0].Shape = []int{1 << 24, 2} })
	f("fixed.scale: missing", func(c *Config) { c.Features[0].Fixed = &Fixed{Mean: []float64{1}} })
	f("features[0].by: missing", func(c *Config) { c.Features[0].Scaler = NewScaler("ratio") })
	f("features[0].scaler: normalizer divides an array", func(c *Config) { c.Features[0].Scaler = NewScaler("normalizer") })
	f("norms[0].norm: missing", func(c *Config) { c.Norms = []Norm{{Features: []string{"a", "b"}}} })
	f("got rows", func(c *Config) { c.Output.Value = "rows" })
	f("got event_time and end", func(c *Config) { c.Cutoff.EventTime = time.Unix(0, 0) })
	f("cutoff.records: want an integer", func(c *Config) { c.Cutoff.End, c.Cutoff.Records = false, -5 })
	f("record.limits.value: want a size", func(c *Config) { c.Record.Limits.Value = 0 })
	f("$$$$key stands twice", func(c *Config) { c.Record.Series.Fields = []string{"$$key", "$$key"} })
	f("password: want a password", func(c *Config) {
		c.Source.Kafka = &KafkaSource{Cluster{[]string{"a:1"}, "c", nil, &SASL{"plain", "u", "secret"}}, "t", Start{At: "earliest"}}
	})
}

// TestWrittenLines holds that a feature is written on one line, however long.
func TestWrittenLines(t *testing.T) {
	c := parse(t, "long", complete([]byte("features: [{name: '"+strings.Repeat("a b ", 25)+"', field: '"+strings.Repeat("c d ", 100)+"'}]\n")))
	if text := string(c.YAML()); strings.Count(text, "\n") != strings.Count(string(parse(t, "short", complete(nil)).YAML()), "\n") {
		t.Errorf("got\n%s", text)
	}
}

func TestDefaults(t *testing.T) {
	c := parse(t, "defaults", complete(nil))
	want := Default()
	want.Pipeline = "p"
	want.Features = []Feature{NewFeature("a")}
	want.Cutoff.End = true
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
	f := func(got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	f(c.Version, 1)
	f(c.Revision, 1)
	f(c.Record.Format, "json")
	f(c.Record.Time, Time{Layout: "rfc3339"})
	f(c.Record.BadValue, "reject")
	f(c.Record.Limits, Limits{Value: 1048576, Series: 65536, Depth: 64})
	f(c.Scope, "series")
	f(c.Cutoff.Gap, time.Duration(0))
	f(c.Cutoff.OutOfOrderness, 5*time.Minute)
	f(c.Cutoff.Idleness, time.Minute)
	f(c.Cutoff.MaxLate, 0.1)
	f(c.Normalize, Normalize{Emit: "all", UnknownSeries: "missing", MinSamples: 2, OnError: "continue", OnGap: "stop"})
	f(c.Record.MaxFutureSkew, 24*time.Hour)
	f(c.Source.Kafka, (*KafkaSource)(nil))
	f(c.Sink.Kafka, (*KafkaSink)(nil))
	f(c.HTTP, HTTP{Listen: "127.0.0.1:8477"})
	f(c.Output, Output{Value: "replace", Dtype: "float64", Missing: "nan", Meta: "headers"})
	f(c.Sink.File.Path, "")
	f(c.DeadLetter, DeadLetter{})
	f(c.State, State{Dir: "./state", Checkpoint: 10 * time.Second, MaxSeries: 1000000})
	f(c.Features[0].Field, "a")
	f(c.Features[0].Scaler, Scaler{Kind: "standard", WithMean: true, WithStd: true})
	f(c.Features[0].Impute, Impute{})
}

func TestValues(t *testing.T) {
	all := goodFiles(t)
	f := func(got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %#v, want %#v", got, want)
		}
	}
	number := func(x float64) *float64 { return &x }
	range2 := func(a, b float64) *[2]float64 { return &[2]float64{a, b} }
	std := Scaler{Kind: "standard", WithMean: true, WithStd: true}

	c := parse(t, "everything", all["testdata/good/everything.yaml"])
	f(c.Pipeline, "plant-7.b_c")
	f(c.Revision, math.MaxInt32)
	f(c.Source.File.Paths, []string{"-", "train/[a-c]*.csv"})
	f(c.Record, Record{
		Format: "csv", Series: Series{[]string{"site", "Sensor ID"}, true},
		Time: Time{"When", "02.01.2006 15:04:05.000"}, BadValue: "missing", Limits: Limits{2097152, 1000, 3}, MaxFutureSkew: 24 * time.Hour,
	})
	f(c.Features, []Feature{
		{Name: "temperature", Field: "temperature", Scaler: std},
		{Name: "a standard", Field: "a standard", Scaler: Scaler{Kind: "standard"}},
		{Name: "b", Field: "Temp. (C)", Scaler: Scaler{Kind: "minmax", FeatureRange: range2(-1, 1.5), Clip: true}},
		{Name: "c", Field: "c", Scaler: Scaler{Kind: "maxabs", Clip: true}},
		{Name: "d", Field: "d", Scaler: Scaler{Kind: "robust", QuantileRange: range2(0, 100)}},
		{Name: "e", Field: "e", Scaler: Scaler{Kind: "robust", WithCentering: true, WithScaling: true, QuantileRange: range2(10, 90.5), UnitVariance: true}},
		{Name: "f", Field: "f", Scaler: Scaler{Kind: "quantile", NQuantiles: 10000, OutputDistribution: "normal"}},
		{Name: "p", Field: "p", Scaler: Scaler{Kind: "yeo_johnson"}},
		{Name: "q", Field: "q", Scaler: Scaler{Kind: "box_cox", Standardize: true}},
		{Name: "r", Field: "r", Scaler: Scaler{Kind: "kbins", NBins: 10000, Strategy: "kmeans"}},
		{Name: "g", Field: "g", Scaler: Scaler{Kind: "none"}},
		{Name: "h", Field: "h", Scaler: std, Pre: []Pre{{Kind: "asinh"}}},
		{Name: "i", Field: "i", Scaler: std, Pre: []Pre{{Kind: "affine", Scale: -2}}},
		{Name: "j", Field: "j", Scaler: std, Pre: []Pre{{Kind: "log"}, {Kind: "log1p"}, {Kind: "sqrt"},
			{Kind: "affine", Scale: 0.5, Offset: -1}, {Kind: "clip", Min: number(-1), Max: number(1)}}},
		{Name: "k", Field: "k", Scaler: std, Pre: []Pre{{Kind: "clip", Min: number(0)}}, Impute: Impute{Kind: "mean"}},
		{Name: "l", Field: "l", Scaler: std, Pre: []Pre{{Kind: "clip", Max: number(0)}}, Impute: Impute{Kind: "median"}},
		{Name: "m", Field: "m", Scaler: std, Impute: Impute{Kind: "constant", Constant: 0}},
		{Name: "n", Field: ".a..b", Scaler: std, Pre: []Pre{{Kind: "affine", Scale: 1, Offset: 1}}},
		{Name: "o", Field: ".a..b.c", Scaler: std},
		{Name: "größe µ", Field: "größe µ", Scaler: std},
	})
	f(math.Signbit(c.Features[13].Impute.Constant), false)
	f(c.Cutoff, Cutoff{
		EventTime: time.Date(2026, 3, 1, 6, 0, 0, 500_000_000, time.UTC),
		Gap:       36 * time.Hour, OutOfOrderness: Unbounded, Idleness: 0, MaxLate: 1,
	})
	f(c.Normalize, Normalize{"live", "dead_letter", 1, "fail", "stop"})
	f(c.Output, Output{"vector", "float32", "mask", "none"})
	f(c.Sink.File.Path, "out.f32")
	f(c.DeadLetter, DeadLetter{File{Path: "rejected.jsonl"}, nil, 1 << 53})
	f(c.State, State{"2026-03-01", 10 * time.Second, 1})

	c = parse(t, "kafka", all["testdata/good/kafka.yaml"])
	f(c.Source.Kafka, &KafkaSource{
		Cluster: Cluster{
			Brokers: []string{"kafka-1:9092", "[2001:db8::1]:9093"}, ClientID: "plant 7/tare",
			TLS:  &TLS{CA: "ca.pem", Cert: "client.pem", Key: "client.key", ServerName: "kafka.internal"},
			SASL: &SASL{"scram-sha-512", canary, "from-file"},
		},
		Topic: "sensors.raw_2-x", Start: Start{At: "offsets", Offsets: map[int32]int64{0: 42, 7: 0}},
	})
	f(c.Record.Series, Series{[]string{"site", "$key", `\$timestamp`}, true})
	f(c.Record.Time, Time{Field: "$timestamp"})
	f(c.Record.MaxFutureSkew, time.Duration(0))
	f(c.Features[0].Field, `\$key`)
	f(c.Normalize.OnGap, "record")
	f(c.Sink.Kafka, &KafkaSink{"sensors.{split}.{revision}", "zstd", 3, "0123456789abcdef"})
	f(c.DeadLetter, DeadLetter{Kafka: &KafkaSink{"rejected.{revision}", "lz4", 0, "committed"}, Limit: 5})
	f(c.State.Checkpoint, 100*time.Millisecond)
	f(c.HTTP.Listen, "")
	f(c.Warnings(), []Problem(nil))

	c = parse(t, "kafka-short", all["testdata/good/kafka-short.yaml"])
	f(c.Source.Kafka, &KafkaSource{
		Cluster: Cluster{[]string{"localhost:9092"}, "tare", &TLS{}, &SASL{"plain", "u", "from-windows"}},
		Topic:   "in", Start: Start{At: "latest"},
	})
	f(c.Record.Series, Series{Fields: []string{"$key"}})
	f(c.Cutoff.Manual, true)
	f(c.Sink.Kafka, &KafkaSink{"out", "none", 0, ""})
	f(c.HTTP.Listen, "")

	c = parse(t, "kafka-start", all["testdata/good/kafka-start.yaml"])
	f(c.Source.Kafka.Start, Start{At: "time", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	f(c.Source.Kafka.TLS, &TLS{})
	f(c.HTTP.Listen, ":0")

	c = parse(t, "json", all["testdata/good/json.yaml"])
	f(c.Cutoff.Offsets, map[int32]int64{0: 42, 1: 17})
	f(c.Features[1].Scaler, Scaler{Kind: "quantile", NQuantiles: 10, OutputDistribution: "uniform"})

	c = parse(t, "arrays", all["testdata/good/arrays.yaml"])
	f(c.Scope, "global")
	f(c.Features[0].Shape, []int{64})
	f(c.Features[1].Per, "0")
	f(c.Features[1].Scope, "global")
	f(c.Features[2].Per, "none")
	f(c.Features[4].Fixed, &Fixed{[]float64{0.485, 0.456, 0.406}, []float64{0.25}})
	f(c.Features[5].Fixed, &Fixed{[]float64{-1e150}, []float64{1, 1e-150}})
	f(c.Features[6].Fixed, &Fixed{[]float64{1}, []float64{2}})
	f(c.Features[7].Scope, "series")

	c = parse(t, "alone", all["testdata/good/alone.yaml"])
	f(c.Features[2].By, []string{"width", "height", "width", "height"})
	f(c.Features[2].Scaler, Scaler{Kind: "ratio", Clip: true})
	f(c.Features[3].By, []string{"width"})
	f(c.Features[4].Scaler, Scaler{Kind: "normalizer", Norm: "peak"})
	f(c.Features[5].Scaler.Norm, "l2")
	f(c.Norms, []Norm{{[]string{"fy", "fx"}, "standard"}, {[]string{"width", "left"}, "l1"}})

	c = parse(t, "labels", all["testdata/good/labels.yaml"])
	count := func(n int) *int { return &n }
	text := func(s string) *string { return &s }
	f(c.Features[0].Scaler, Scaler{Kind: "onehot"})
	f(c.Features[0].Encoding, Encoding{Kind: "onehot", HandleUnknown: "error", MaxTracked: 10_000})
	f(c.Features[1].Encoding, Encoding{Kind: "onehot", HandleUnknown: "infrequent_if_exist", MinFrequency: number(0.01), MaxCategories: count(20), Drop: "if_binary", MaxTracked: 1 << 20})
	f(c.Features[2].Encoding, Encoding{Kind: "onehot", Categories: []string{"", "off", "1.0", "true", canary}, HandleUnknown: "warn", DropLabel: text("off"), MaxTracked: 10_000})
	f(c.Features[3].Encoding, Encoding{Kind: "ordinal", HandleUnknown: "use_encoded_value", MinFrequency: number(5), UnknownValue: number(-1), EncodedMissingValue: number(-2), MaxTracked: 10_000})
	f(c.Features[4].Role, "target")
	f(c.Features[5].Encoding, Encoding{})
	f(strings.Contains(string(c.YAML()), "  - {name: state, scaler: onehot}\n"), true)

	c = parse(t, "splits", all["testdata/good/splits.yaml"])
	april := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	f(c.Splits, []Split{{"validation", april}, {"Test_2-x", april.Add(1)}, {Name: "3"}})
	f(c.Normalize.UnknownSeries, "pooled")

	c = parse(t, "binary", all["testdata/good/binary.yaml"])
	f(c.Record.DType, "uint8")
	f(c.Record.Limits.Value, 3<<20)
	f(c.Features[0].Field, "")

	c = parse(t, "minimal", all["testdata/good/minimal.yaml"])
	f(c.Record.Series, Series{[]string{"sensor"}, false})
	f(c.Cutoff.EventTime, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))

	c = parse(t, "plain-layout", all["testdata/good/plain-layout.yaml"])
	f(c.Record.Time, Time{"2006-01-02", "2006-01-02"})
	f(c.Features[0].Name, "2026-03-01")

	c = parse(t, "expressions", all["testdata/good/expressions.yaml"])
	f(c.Pipeline, "from-file-3")
	f(c.Revision, 3)
	f(c.Source.File.Paths, []string{"data/$x/*.jsonl", "$HOME/${y}"})
	f(c.Record.Series.Fields, []string{"${key}"})
	f(c.Record.Time, Time{"a$b", "unix_ms"})
	f(c.Record.Limits, Limits{2097152, 65536, 3})
	f(c.Features[0].Field, canary)
	f(c.Features[1].Scaler.QuantileRange, range2(10, 90))
	f(c.Features[2].Impute.Constant, -3.5e-3)
	f(c.Cutoff.Gap, 3*time.Hour)
	f(c.State.Dir, "x"+canary)
}

// TestRandomWritten writes and reads configurations made at random. TARE_SEED
// repeats a run.
func TestRandomWritten(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TARE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TARE_SEED is %q: %v", s, err)
		}
	}
	t.Logf("TARE_SEED=%d", seed)
	r := random{rand.New(rand.NewPCG(seed, 0))}
	for range 300 {
		roundTrip(t, r.config())
	}
}

type random struct{ *rand.Rand }

func (r random) bool() bool { return r.IntN(2) == 0 }

func (r random) of(words ...string) string { return words[r.IntN(len(words))] }

// number is a float64 of any size up to 1e150, whole every other time.
func (r random) number() float64 {
	if r.bool() {
		return float64(r.IntN(2001) - 1000)
	}
	return math.Ldexp(r.Float64()-0.5, r.IntN(900)-450)
}

// text is a text that YAML might read as something else.
func (r random) text() string {
	words := []string{"null", "~", "true", "1", "1.10", "0x1f", "2026-03-01", "a: b", "#c", "- d", "'", `"`, "\n", "\t", " ", "é", "${x}", "$$", "$", "%", "&a", "*b", "!c", "<<", "{", "]", ",", "\\"}
	s := r.of(words...)
	for r.bool() {
		s += r.of(words...)
	}
	return s
}

func (r random) pair() *[2]float64 {
	a := float64(r.IntN(50))
	return &[2]float64{a, a + 1 + r.Float64()*49}
}

func (r random) scaler() Scaler {
	s := NewScaler(r.of("none", "standard", "minmax", "maxabs", "robust", "quantile", "yeo_johnson", "box_cox", "kbins", "ratio"))
	if r.bool() {
		return s
	}
	switch s.Kind {
	case "standard":
		s.WithMean, s.WithStd = r.bool(), r.bool()
	case "minmax":
		s.FeatureRange, s.Clip = r.pair(), r.bool()
	case "maxabs", "ratio":
		s.Clip = r.bool()
	case "robust":
		s.WithCentering, s.WithScaling, s.QuantileRange = r.bool(), r.bool(), r.pair()
		s.UnitVariance = s.QuantileRange[0] > 0 && s.QuantileRange[1] < 100
	case "quantile":
		s.NQuantiles, s.OutputDistribution = 1+r.IntN(10000), r.of("uniform", "normal")
	}
	return s
}

func (r random) pre() Pre {
	p := Pre{Kind: r.of("log", "log1p", "sqrt", "asinh", "affine", "clip")}
	switch p.Kind {
	case "affine":
		p.Scale, p.Offset = 1+math.Abs(r.number()), r.number()
	case "clip":
		lo, hi := -math.Abs(r.number())-1, math.Abs(r.number())+1
		switch r.IntN(3) {
		case 0:
			p.Min = &lo
		case 1:
			p.Max = &hi
		default:
			p.Min, p.Max = &lo, &hi
		}
	}
	return p
}

func (r random) feature(i int) Feature {
	f := Feature{Name: fmt.Sprintf("%s%d", r.of("f", "null ", "$", "${x} ", "7e"), i), Scaler: r.scaler()}
	f.Field = f.Name
	if r.bool() {
		f.Field = fmt.Sprintf("%s%d", r.text(), i)
	}
	if r.IntN(4) == 0 {
		r.label(&f, "ordinal")
		return f
	}
	for r.bool() {
		f.Pre = append(f.Pre, r.pre())
	}
	if r.bool() {
		f.Impute = Impute{Kind: r.of("mean", "median", "constant")}
		if f.Impute.Kind == "constant" {
			f.Impute.Constant = r.number()
		}
	}
	if f.Scaler.Kind == "robust" && r.bool() {
		f.Exact = r.of("require", "prefer")
	}
	if f.Scaler.Kind == "ratio" {
		r.alone(&f)
		f.By = []string{"width"}
	} else if s := f.Scaler; s == NewScaler("standard") && f.Impute.Kind != "mean" && f.Impute.Kind != "median" && r.bool() {
		f.Fixed = &Fixed{[]float64{r.number()}, []float64{math.Abs(r.number()) + 1e-9}}
	} else if r.bool() {
		f.Scope = r.of("series", "global")
	}
	return f
}

// alone leaves f nothing that is learned.
func (r random) alone(f *Feature) {
	f.Scope, f.Fixed, f.Exact = "", nil, ""
	if f.Impute.Kind != "constant" {
		f.Impute = Impute{}
	}
}

// label makes a label of f.
func (r random) label(f *Feature, encoder string) {
	f.Scaler, f.Encoding = NewScaler(encoder), NewEncoding(encoder)
	e := &f.Encoding
	if r.bool() {
		e.Categories = []string{"", "1", "true", r.text() + "."}
	}
	if r.bool() {
		e.HandleUnknown, e.MaxTracked = r.of(handlings[encoder]...), 4+r.IntN(maxTracked-4)
	}
	number := func(from int) *float64 { x := float64(from - r.IntN(100)); return &x }
	if r.bool() {
		e.MinFrequency = number(101)
	} else if r.bool() {
		share := math.Nextafter(r.Float64(), 1)
		e.MinFrequency = &share
	}
	if r.bool() {
		most := 1 + r.IntN(100)
		e.MaxCategories = &most
	}
	switch {
	case encoder == "ordinal" && e.HandleUnknown == "use_encoded_value" && r.bool():
		e.UnknownValue = number(-1)
		fallthrough
	case encoder == "ordinal" && r.bool():
		e.EncodedMissingValue = number(-1)
	case encoder == "onehot" && r.bool():
		e.Drop = r.of("first", "if_binary")
	case encoder == "onehot" && e.Categories != nil:
		e.DropLabel = &e.Categories[r.IntN(4)]
	}
}

// array makes an array of f.
func (r random) array(f *Feature) {
	for range 1 + r.IntN(8) {
		f.Shape = append(f.Shape, 1+r.IntN(3))
	}
	if f.Scaler.Kind == "ratio" {
		return
	}
	if f.Per = r.of("", "none", fmt.Sprint(r.IntN(len(f.Shape)))); r.IntN(4) == 0 {
		f.Scaler = Scaler{Kind: "normalizer", Norm: r.of(norms...)}
		r.alone(f)
	}
	if n := groups(f); f.Fixed != nil && r.bool() {
		f.Fixed.Mean = slices.Repeat(f.Fixed.Mean, n)
	}
}

// binary makes packed arrays of the records of a topic.
func (r random) binary(c *Config) {
	c.Record.Format, c.Record.DType = "binary", r.of(dtypes...)
	c.Features, c.Norms = c.Features[:1], nil
	if f := &c.Features[0]; f.By != nil {
		f.By, f.Scaler = nil, NewScaler("none")
	}
	c.Features[0].Field = ""
	c.Record.Limits.Value = max(c.Record.Limits.Value, frame(c))
	if c.Output.Dtype = r.of(append(dtypes, "float64")...); c.Output.Dtype == "uint8" || c.Output.Dtype == "int16" {
		c.Output.Missing = "zero"
	}
}

func (r random) config() *Config {
	c := Default()
	c.Pipeline, c.Revision = r.of("p", "1", "null", "1.10", "2026-03-01", "a_b-c.d"), 1+r.IntN(9)
	c.Record.Format = "csv" // its fields are any text
	if r.bool() {
		c.Source.File.Paths = []string{"-", "a b/*.jsonl", "null"}
	}
	switch r.IntN(3) {
	case 0:
		c.Record.Series = Series{Fields: []string{r.text() + "s"}}
	case 1:
		c.Record.Series = Series{Fields: []string{r.text() + "s", "$$key"}, List: true}
	}
	c.Scope = r.of(scopes...)
	c.Record.Limits = Limits{1 + r.IntN(1<<30), 1 << r.IntN(31), 1 + r.IntN(100)}
	for i := range 1 + r.IntN(5) {
		c.Features = append(c.Features, r.feature(i))
	}
	for i := range r.IntN(3) {
		members := []string{fmt.Sprintf("x%d", i), fmt.Sprintf("$y%d", i)}
		c.Features = append(c.Features, NewFeature(members[0]), NewFeature(members[1]))
		c.Norms = append(c.Norms, Norm{members, r.of(norms...)})
	}
	c.Features = append(c.Features, NewFeature("width"))
	switch r.IntN(4) {
	case 0:
		c.Record.Time = Time{Field: r.text() + "t", Layout: r.of("rfc3339", "unix_ns", "2006-01-02", "20060102", "Jan _2 06, 3:04PM")}
		c.Cutoff = Cutoff{
			EventTime: time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).UTC(),
			Gap:       time.Duration(r.Int64N(1e15)), OutOfOrderness: time.Duration(r.Int64N(1e6)) * time.Minute,
			Idleness: time.Duration(r.IntN(100)) * 24 * time.Hour, MaxLate: r.Float64(),
		}
		for i, until := 0, c.Cutoff.EventTime; i < r.IntN(4); i++ {
			until = until.Add(time.Duration(1 + r.Int64N(1e15)))
			c.Splits = append(c.Splits, Split{fmt.Sprintf("s-%d_", i), until})
		}
		if n := len(c.Splits); n > 0 && r.bool() {
			c.Splits[n-1].Until = time.Time{}
		}
	case 1:
		c.Cutoff.Offsets = map[int32]int64{int32(r.IntN(9)): r.Int64(), math.MaxInt32: 0}
	case 2:
		c.Cutoff.Records = 1 + r.Int64N(1<<53)
	default:
		c.Cutoff.End = true
	}
	c.State = State{Dir: r.text(), Checkpoint: time.Duration(100+r.IntN(1e6)) * time.Millisecond, MaxSeries: 1 + r.IntN(1e6)}
	c.HTTP.Listen = r.of("", ":1", "0.0.0.0:8477", "[::1]:0")
	if len(c.Source.File.Paths) == 0 && r.bool() {
		r.kafka(c)
	}
	return c
}

// kafka makes a topic the source of c.
func (r random) kafka(c *Config) {
	k := &KafkaSource{Topic: r.of("in", "null", "1.5"), Start: Start{At: r.of("earliest", "latest")}}
	k.Cluster = Cluster{Brokers: []string{"a:1", "[::1]:9092"}[:1+r.IntN(2)], ClientID: r.of("tare", "a b", "$$", "~")}
	switch r.IntN(4) {
	case 0:
		k.Start = Start{At: "time", Time: time.Unix(r.Int64N(1<<32), 0).UTC()}
	case 1:
		k.Start = Start{At: "offsets", Offsets: map[int32]int64{10: 0, 11: r.Int64()}}
	}
	switch r.IntN(3) {
	case 0:
		k.TLS = &TLS{}
	case 1:
		k.TLS = &TLS{CA: r.text(), Cert: r.text(), Key: r.text(), ServerName: r.text(), InsecureSkipVerify: r.bool()}
	}
	if r.bool() {
		k.SASL = &SASL{Mechanism: r.of("plain", "scram-sha-256", "scram-sha-512"), Username: r.text(), Password: Secret(r.of("1", "${x}", " a ", "null"))}
	}
	c.Record.Format, c.Record.Series, c.Record.MaxFutureSkew = "json", Series{Fields: []string{KeyField}}, time.Duration(r.IntN(9))*time.Hour
	for i := range c.Features { // a field of JSON has a form
		c.Features[i].Field = fmt.Sprintf("f%d", i)
		name := c.Features[i].Name
		switch label := c.Features[i].Encoding.Kind != ""; {
		case label && r.bool():
			r.label(&c.Features[i], "onehot")
		case !label && r.bool() && name != "width" && !strings.ContainsAny(name, "xy"):
			r.array(&c.Features[i])
		}
	}
	c.Record.Limits.Value = 1 << 20
	if c.Features[0].Encoding.Kind == "" && r.IntN(3) == 0 {
		r.binary(c)
	}
	if c.Record.Time.Field != "" {
		c.Record.Time = Time{Field: TimestampField}
	}
	if c.Cutoff.End {
		c.Cutoff.End, c.Cutoff.Manual = false, r.bool()
		c.Cutoff.End = !c.Cutoff.Manual
	}
	c.Source.Kafka, c.Normalize.OnGap = k, r.of("stop", "record")
	c.Sink.Kafka = &KafkaSink{r.of("out.{split}", "out-{revision}", "1"), r.of("none", "lz4"), r.IntN(4), r.of("", "committed", "0123456789012345")}
	if r.bool() {
		c.DeadLetter.Kafka = &KafkaSink{"bad.{revision}", "zstd", 0, ""}
	}
}

func TestProblems(t *testing.T) {
	_, err := Parse("c.yaml", []byte("version: 2\n"), nil, nil)
	ps, ok := errors.AsType[*Problems](err)
	if !ok {
		t.Fatalf("got %T", err)
	}
	if want := (Problem{"c.yaml", 1, 10, "version: want 1, got 2"}); (*ps)[len(*ps)-1] != want {
		t.Errorf("got %+v, want %+v", (*ps)[len(*ps)-1], want)
	}
	if strings.Count(err.Error(), "\n") != len(*ps)-1 {
		t.Errorf("not one problem a line:\n%v", err)
	}

	_, err = Parse("c.yaml", []byte(strings.Repeat("x: 1\n", 5000)), nil, nil)
	ps, _ = errors.AsType[*Problems](err)
	if len(*ps) != maxProblems {
		t.Fatalf("%d problems, want %d", len(*ps), maxProblems)
	}
	if got, want := (*ps)[maxProblems-1].Message, "and 4005 more problems from here on"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestText holds what can be wrong with the bytes of a file.
func TestText(t *testing.T) {
	f := func(data, want string) {
		t.Helper()
		if got := messages(t, "c.yaml", []byte(data)); got != want+"\n" {
			t.Errorf("got  %swant %s", got, want)
		}
	}
	f("version: 1\npipeline: é\xff\n", "c.yaml:2:12: byte 0xff is not UTF-8")
	f("version: 1\r\n  \x00", "c.yaml:2:3: character U+0000 is not allowed")
	f("a: \x1b[0m", "c.yaml:1:4: character U+001B is not allowed")
	f("a: \u0080", "c.yaml:1:4: character U+0080 is not allowed")
	f("a: \uffff", "c.yaml:1:4: character U+FFFF is not allowed")
	f("\xff\xfea\x00:\x00", "c.yaml:1:1: byte 0xff is not UTF-8")
	f(strings.Repeat("#", MaxFile+1), "c.yaml: larger than 1MiB")
	f(strings.Repeat("[", 200_000), "c.yaml:1:33: YAML: nested more than 32 deep")
	f("a: "+strings.Repeat("{a: ", 200_000), "c.yaml:1:132: YAML: nested more than 32 deep")
	f(strings.Repeat("- ", 100_000), "c.yaml:1:65: YAML: nested more than 32 deep")

	parse(t, "byte order mark", append([]byte("\ufeff"), complete([]byte("revision: 2\n"))...))
	parse(t, "carriage returns", bytes.ReplaceAll(complete(nil), []byte("\n"), []byte("\r\n")))
	parse(t, "no newline at the end", bytes.TrimSpace(complete(nil)))
	parse(t, "the largest file", append(complete(nil), strings.Repeat("#", MaxFile-len(complete(nil)))...))
}

// TestAliasBomb holds that aliases cost nothing: none is followed.
func TestAliasBomb(t *testing.T) {
	_, err := Parse("c.yaml", aliasBomb(), nil, nil)
	ps, ok := errors.AsType[*Problems](err)
	if !ok || len(*ps) != maxProblems {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "an alias (*a0) is not allowed") {
		t.Errorf("got %.500v", err)
	}
}

// aliasBomb is a list that would have 9^400 elements.
func aliasBomb() []byte {
	var b strings.Builder
	b.WriteString("features:\n  - &a0 [x]\n")
	for i := range 400 {
		alias := fmt.Sprintf("*a%d", i)
		fmt.Fprintf(&b, "  - &a%d [%s]\n", i+1, strings.Join([]string{alias, alias, alias, alias, alias, alias, alias, alias, alias}, ", "))
	}
	return []byte(b.String())
}

// TestCanary replaces every value of the good files in turn by a variable that
// holds a secret: no message may show it.
func TestCanary(t *testing.T) {
	n := 0
	for name, data := range goodFiles(t) {
		for _, secret := range []string{canary, canary + "\n", "../" + canary, "0x" + canary} {
			env := func(string) (string, bool) { return secret, true }
			for _, leaked := range withCanary(t, data) {
				n++
				_, err := Parse(name, leaked, env, func(string) ([]byte, error) { return []byte(secret), nil })
				if err != nil && strings.Contains(strings.ToLower(err.Error()), canary) {
					t.Errorf("a message shows the value of a variable: %v\nin\n%s", err, leaked)
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d files", n)
	}
}

// withCanary returns files in which one value, or all, is ${X} or ${file:x}.
func withCanary(t *testing.T, data []byte) [][]byte {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	var values []*yaml.Node
	scalars(&root, &values)
	var files [][]byte
	dump := func() {
		out, err := yaml.Dump(&root)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, out)
	}
	for i, v := range values {
		was := *v
		v.Value, v.Tag, v.Style = "${X}", "!!str", yaml.DoubleQuotedStyle
		if i%2 == 1 {
			v.Value = "${file:x}"
		}
		dump()
		*v = was
	}
	for _, v := range values {
		v.Value, v.Tag, v.Style = "${X}", "!!str", yaml.DoubleQuotedStyle
	}
	dump()
	return files
}

// scalars collects the scalars that are values.
func scalars(n *yaml.Node, list *[]*yaml.Node) {
	for i, c := range n.Content {
		if key := n.Kind == yaml.MappingNode && i%2 == 0; key {
			continue
		}
		if c.Kind == yaml.ScalarNode {
			*list = append(*list, c)
		}
		scalars(c, list)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := write("secret", []byte("from-file\n"))
	c, err := Load(write("c.yaml", complete([]byte("pipeline: ${file:"+secret+"}\n"))), nil)
	if err != nil || c.Pipeline != "from-file" {
		t.Errorf("got %+v, %v", c, err)
	}
	f := func(path, want string) {
		t.Helper()
		_, err := Load(path, nil)
		if _, ok := errors.AsType[*Problems](err); !ok || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	none := filepath.Join(dir, "none.yaml")
	f(none, none+": cannot read: ")
	f(dir, dir+": cannot read: ")
	large := write("large.yaml", bytes.Repeat([]byte("#"), 2*MaxFile))
	f(large, large+": larger than 1MiB")
	secrets := write("secrets.yaml", complete([]byte("pipeline: ${file:"+none+"}\n")))
	f(secrets, secrets+":1:11: pipeline: ${file:")
}
