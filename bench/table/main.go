// Table reads what go test -bench has printed and prints the figures to hold, as
// Markdown: medians, ratios to the peers of the same run, and the bars.
//
//	go run ./bench/table < bench/results/FILE.txt
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A row is a line of the table: a benchmark of tare, the metric that counts, and
// what it must not exceed, alone or as a ratio to a peer. A bar of 0 is none.
type row struct {
	what, bench, metric string
	bar                 float64
	peers               []peer
}

type peer struct {
	name, bench string
	bar         float64 // of the ratio
}

const (
	passes    = "tare/bench."
	libraries = "tare/bench/peers/libraries."
	cpu       = "cpu-ns"
)

var rows = []row{
	{"JSON record of 8 numbers, 167 B, to a row", libraries + "DecodeJSON/tare", cpu, 250, []peer{
		{"encoding/json", libraries + "DecodeJSON/encoding/json", 0}, {"goccy/go-json", libraries + "DecodeJSON/goccy", 0},
		{"bytedance/sonic", libraries + "DecodeJSON/sonic", 0}, {"sonic, fastest settings", libraries + "DecodeJSON/sonic-fastest", 0},
		{"valyala/fastjson", libraries + "DecodeJSON/fastjson", 0}, {"minio/simdjson-go", libraries + "DecodeJSON/simdjson", 0}}},
	{"the same, allocations", libraries + "DecodeJSON/tare", "allocs/op", 0.5, nil},
	{"CSV record of 8 numbers to a row", libraries + "DecodeCSV/tare", cpu, 250, []peer{
		{"encoding/csv, strconv", libraries + "DecodeCSV/encoding/csv", 0}}},
	{"record, z-scores, record", libraries + "Transform/tare", cpu, 0, []peer{
		{"encoding/json", libraries + "Transform/encoding/json", 0}, {"goccy/go-json", libraries + "Transform/goccy", 0},
		{"bytedance/sonic", libraries + "Transform/sonic", 0}, {"sonic, fastest settings", libraries + "Transform/sonic-fastest", 0}}},
	{"fit pass, moments, a record", passes + "Fit/tare/standard", cpu, 500, nil},
	{"fit pass, digests on all 8, a record", passes + "Fit/tare/robust", cpu, 1111, []peer{
		{"plain Go program", passes + "Fit/plain/robust", 0}}},
	{"normalize pass, `standard`, a record", passes + "Transform/tare/standard", cpu, 833, []peer{
		{"plain Go program", passes + "Transform/plain/standard", 0}}},
	{"normalize pass, `quantile`, a record", passes + "Transform/tare/quantile", cpu, 0, nil},
	{"array, `standard`, a value", passes + "Array/standard", cpu, 5, nil},
	{"array, `quantile` to normal, a value", passes + "Array/quantile-normal", cpu, 50, nil},
	{"spectrum of 64 packed float32 to its standardized logarithms, a number", passes + "Packed/transform/spectra", cpu, 25, nil},
	{"image of 3 x 224 x 224 bytes to float32, by channel, a number", passes + "Packed/transform/images", cpu, 2.5, nil},
	{"the same learned, a number of spectra", passes + "Packed/fit/spectra", cpu, 0, nil},
	{"of images", passes + "Packed/fit/images", cpu, 0, nil},
	{"group of 64 whitened, a record learned", passes + "Whiten/learn/pca", cpu, 3333, nil},
	{"the same applied, by `pca`", passes + "Whiten/apply/pca", cpu, 2000, nil},
	{"by `zca`", passes + "Whiten/apply/zca", cpu, 2000, nil},
	{"moments in blocks of 32, a value", libraries + "Moments/tare-blocks", cpu, 3, []peer{
		{"plain Welford", libraries + "Moments/plain-welford", 0.5}, {"gonum, all values at once", libraries + "Moments/gonum-batch", 0}}},
	{"a stream's moments, minimum and maximum, a value", libraries + "Moments/tare", cpu, 0, []peer{
		{"plain Welford", libraries + "Moments/plain-welford", 0}}},
	{"the same of eight streams in turn", libraries + "Moments/tare-in-turn", cpu, 0, []peer{
		{"plain Welford", libraries + "Moments/plain-welford-in-turn", 0}}},
	{"digest, a value", libraries + "Digest/tare", cpu, 60, []peer{
		{"influxdata/tdigest", libraries + "Digest/influxdata", 0.5}, {"caio/go-tdigest", libraries + "Digest/caio", 0},
		{"DataDog/sketches-go, DDSketch", libraries + "Digest/ddsketch", 0}}},
	{"100,000 digests in turn, a value", libraries + "DigestsInTurn/tare", cpu, 0, []peer{
		{"influxdata/tdigest", libraries + "DigestsInTurn/influxdata", 1}}},
	{"checkpoint of 64 MB, times a plain write and fsync", passes + "Checkpoint", "x-plain", 1.3, nil},
	{"the same, processor time", passes + "Checkpoint", "x-plain-cpu", 0, nil},
	{"longest pause for a checkpoint of 10,000 series with 8 digests, ms", passes + "Pause", "longest-ms", 50, nil},
}

func main() {
	log.SetFlags(0)
	m, err := read(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	if err := m.write(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// measured holds every value of a metric, by benchmark and metric.
type measured map[string]map[string][]float64

// read takes the lines that benchmarks print, and those that name a package.
func read(r io.Reader) (measured, error) {
	m := measured{}
	pkg := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 2 && fields[0] == "pkg:" {
			pkg = fields[1]
		}
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := pkg + "." + strings.TrimPrefix(fields[0], "Benchmark")
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", fields[0], lines.Text(), err)
			}
			if m[name] == nil {
				m[name] = map[string][]float64{}
			}
			m[name][fields[i+1]] = append(m[name][fields[i+1]], v)
		}
	}
	return m, lines.Err()
}

func (m measured) write(w io.Writer) error {
	fmt.Fprint(w, "| what | tare | peer | tare / peer | bar |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		x, err := m.median(r.bench, r.metric)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %s | | | %s |\n", r.what, format(x, r.metric), bar(x, r.bar, r.metric))
		for _, p := range r.peers {
			y, err := m.median(p.bench, r.metric)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "| | | %s: %s | %.2f | %s |\n", p.name, format(y, r.metric), x/y, bar(x/y, p.bar, ""))
		}
	}
	return nil
}

// median wants six values at least: fewer say nothing on a shared machine.
func (m measured) median(bench, metric string) (float64, error) {
	const enough = 6
	x := slices.Sorted(slices.Values(m[bench][metric]))
	if len(x) < enough {
		return 0, fmt.Errorf("%s: %d values of %s, want at least %d: run make bench", bench, len(x), metric, enough)
	}
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2, nil
}

func format(x float64, metric string) string {
	switch {
	case metric != cpu:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 100:
		return strconv.FormatFloat(x, 'f', 1, 64) + " ns"
	}
	return strconv.FormatFloat(x, 'f', 0, 64) + " ns"
}

func bar(x, bar float64, metric string) string {
	switch {
	case bar == 0:
		return ""
	case x <= bar:
		return "<= " + format(bar, metric)
	}
	return "<= " + format(bar, metric) + ": **missed**"
}
