package config_test

import (
	"fmt"
	"os"
	"time"

	"tare/config"
)

func Example() {
	const file = `
version: 1
pipeline: ${PLANT:-plant-7}
source: {file: {paths: ["train/*.jsonl"]}}
record: {series: sensor, time: {field: ts}}
features: [temperature, {name: flow, pre: log1p, scaler: robust}]
cutoff: {event_time: 2026-03-01, gap: 1h}
`
	c, err := config.Parse("tare.yaml", []byte(file), os.LookupEnv, os.ReadFile)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Pipeline, c.Revision)
	fmt.Println(c.Cutoff.EventTime, c.Cutoff.Gap, c.Cutoff.OutOfOrderness)
	for _, f := range c.Features {
		fmt.Println(f.Name, f.Scaler.Kind)
	}
	// Output:
	// plant-7 1
	// 2026-03-01 00:00:00 +0000 UTC 1h0m0s 5m0s
	// temperature standard
	// flow robust
}

func ExampleParse_problems() {
	const file = `
version: 1
pipeline: Plant-7
revison: 2
record: {time: {field: ts, layout: unix_sm}}
features: [temperature, {name: flow, quantile_range: [5, 95]}]
cutoff: {event_time: "2026-03-01 00:00:00"}
`
	_, err := config.Parse("tare.yaml", []byte(file), nil, nil)
	fmt.Println(err)
	// Output:
	// tare.yaml:3:11: pipeline: want a name of lower-case letters, digits and . _ - that starts with a letter or digit, 128 at most, got Plant-7
	// tare.yaml:4:1: revison: unknown key; did you mean revision? accepted here: version, pipeline, revision, inverse, artifact, source, record, features, scope, whiten, norms, cutoff, splits, normalize, output, sink, dead_letter, state, http
	// tare.yaml:5:36: record.time.layout: want rfc3339, unix, unix_ms, unix_us, unix_ns or a layout of Go's time package such as "2006-01-02 15:04:05", got unix_sm; did you mean unix_ms?
	// tare.yaml:6:38: features[1].quantile_range: belongs to scaler robust; scaler is standard here, which has with_mean, with_std and fixed
	// tare.yaml:7:22: cutoff.event_time: want a time such as 2026-03-01T00:00:00Z, or a date such as 2026-03-01, from 1678 to 2261, got "2026-03-01 00:00:00"; did you mean 2026-03-01T00:00:00Z?
}

func ExampleConfig_Draft() {
	c := config.Default()
	c.Pipeline = "plant"
	c.Source.File.Paths = []string{"train.jsonl"}
	c.Record.Series.Fields = []string{"sensor"}
	c.Features = []config.Feature{config.NewFeature("temperature"), config.NewFeature("vibration")}
	c.Features[1].Scaler = config.NewScaler("robust")
	c.Cutoff.End = true
	os.Stdout.Write(c.Draft(map[string]config.Comment{
		"features":    {Above: "# Two of them.", Below: "# The others are text."},
		"features[1]": {Beside: "# long tails"},
		"cutoff.end":  {Above: "# All of it.", Beside: "# CHECK"},
	}))
	// Output:
	// version: 1
	// pipeline: plant
	// source:
	//   file: {paths: [train.jsonl]}
	// record:
	//   series: sensor
	// # Two of them.
	// features:
	//   - temperature
	//   - {name: vibration, scaler: robust} # long tails
	// # The others are text.
	//
	// cutoff:
	//   # All of it.
	//   end: true # CHECK
}

func ExampleConfig_YAML() {
	c := config.Default()
	c.Pipeline = "plant"
	c.Source.File.Paths = []string{"train.jsonl"}
	c.Record.Series.Fields = []string{"sensor"}
	c.Record.Time.Field = "ts"
	c.Features = []config.Feature{config.NewFeature("temperature"), config.NewFeature("vibration")}
	c.Features[1].Scaler = config.NewScaler("robust")
	c.Cutoff.EventTime = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	os.Stdout.Write(c.YAML())
	// Output:
	// version: 1
	// pipeline: plant
	// revision: 1
	// source:
	//   file: {paths: [train.jsonl]}
	// record:
	//   format: json
	//   series: sensor
	//   time: {field: ts, layout: rfc3339}
	//   bad_value: reject
	//   limits: {value: 1MiB, series: 64KiB, depth: 64}
	//   max_future_skew: 1d
	// features:
	//   - temperature
	//   - {name: vibration, scaler: robust}
	// scope: series
	// cutoff:
	//   event_time: 2026-03-01T00:00:00Z
	//   gap: 0s
	//   out_of_orderness: 5m
	//   idleness: 1m
	//   max_late: 0.1
	// normalize:
	//   emit: all
	//   unknown_series: missing
	//   min_samples: 2
	//   on_error: continue
	//   on_gap: stop
	// output:
	//   value: replace
	//   dtype: float64
	//   missing: nan
	//   meta: headers
	// state:
	//   dir: ./state
	//   checkpoint: 10s
	//   max_series: 1000000
	// http:
	//   listen: 127.0.0.1:8477
}
