package metrics

import (
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"tare/stream"
)

// A Metric describes one that New collects.
type Metric struct {
	Name, Help string
	Labels     []string
}

// Table returns every metric in the order of documentation.
func Table() []Metric {
	build := buildMetric()
	all := []Metric{{build.name, build.help, build.labels}}
	for _, m := range ofPipeline() {
		all = append(all, Metric{m.name, m.help, m.labels})
	}
	for _, m := range ofPartition() {
		all = append(all, Metric{m.name, m.help, partitionLabels(m.labels)})
	}
	return all
}

func partitionLabels(labels []string) []string {
	return slices.Concat([]string{"topic", "partition"}, labels)
}

// New returns a collector that calls status once a scrape and shows what it
// says. It is safe for concurrent use if status is.
func New(status func() stream.Status) prometheus.Collector {
	return &collector{status, describe([]metric[buildInfo]{buildMetric()}, nil), describe(ofPipeline(), nil), describe(ofPartition(), partitionLabels)}
}

type collector struct {
	status    func() stream.Status
	build     []described[buildInfo]
	pipeline  []described[pipeline]
	partition []described[partition]
}

// A described metric knows what Prometheus wants to know of it.
type described[T any] struct {
	metric[T]
	desc *prometheus.Desc
}

func describe[T any](table []metric[T], labels func([]string) []string) []described[T] {
	all := make([]described[T], len(table))
	for i, m := range table {
		names := m.labels
		if labels != nil {
			names = labels(names)
		}
		all[i] = described[T]{m, prometheus.NewDesc(m.name, m.help, names, nil)}
	}
	return all
}

// Describe sends the description of every metric.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.build {
		out <- m.desc
	}
	for _, m := range c.pipeline {
		out <- m.desc
	}
	for _, m := range c.partition {
		out <- m.desc
	}
}

// Collect sends the metrics of one Status.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.status()
	build := currentBuild()
	collect(c.build, &build, out)
	collect(c.pipeline, &s, out)
	for i := range s.Partitions {
		p := &s.Partitions[i]
		collect(c.partition, p, out, s.Topic, strconv.Itoa(int(p.Partition)))
	}
}

func collect[T any](table []described[T], s *T, out chan<- prometheus.Metric, labels ...string) {
	for _, m := range table {
		m.read(s, func(value float64, more ...string) {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, value, valid(labels, more)...)
		})
	}
}

// valid joins label values, which Prometheus wants in UTF-8.
func valid(labels, more []string) []string {
	all := slices.Concat(labels, more)
	for i := range all {
		all[i] = strings.ToValidUTF8(all[i], "\uFFFD")
	}
	return all
}

// buildInfo names the program.
type buildInfo struct{ version, commit string }

func buildMetric() metric[buildInfo] {
	return metric[buildInfo]{"tare_build_info", gauge, "The program that runs; always 1.", []string{"version", "commit", "goversion"},
		func(b *buildInfo, p put) { p(1, b.version, b.commit, runtime.Version()) }}
}

// currentBuild reads what the compiler noted; version is devel and commit empty
// where it noted none.
func currentBuild() buildInfo {
	b := buildInfo{version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.commit = s.Value
		}
	}
	return b
}
