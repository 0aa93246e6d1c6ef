package metrics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tare/fit"
	"tare/record"
	"tare/stream"
)

var update = flag.Bool("update", false, "write testdata")

// scrape returns what one scrape of a status gives: name{label="value",...} to
// value.
func scrape(t *testing.T, s stream.Status) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	exposition(t, s, func(line string, value float64) { samples[line] = value })
	return samples
}

// exposition returns the same in the text form of Prometheus, and shows each
// sample.
func exposition(t *testing.T, s stream.Status, show func(sample string, value float64)) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(func() stream.Status { return s }))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range families {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", f.GetName(), f.GetHelp(), strings.ToLower(f.GetType().String()))
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			sample := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			show(sample, value)
			fmt.Fprintln(&text, sample, value)
		}
	}
	return text.String()
}

// plain returns a status in which every metric but the artifact's is there.
func plain() stream.Status {
	p := stream.PartitionStatus{Partition: 3, Phase: stream.Fitting, Seal: &fit.Seal{}, Committed: 1, Next: 2, End: 5}
	p.Fit.Train, p.Fit.Oldest, p.Fit.Newest = 1, 1, 1<<40
	return stream.Status{Topic: "sensors.raw", Phase: stream.Fitting, Partitions: []stream.PartitionStatus{p}, Retries: map[string]int64{"fetch t/3": 1}}
}

// unread are the fields that no metric shows, and why.
var unread = map[string]string{
	"Partitions[0].Fit.Newest":            "PartitionStatus.Newest says the same",
	"Partitions[0].Fit.Rejected[0]":       "record.OK is no reason",
	"Partitions[0].Fit.Before[0]":         "record.OK is no reason",
	"Partitions[0].Normalize.Rejected[0]": "record.OK is no reason",
	"Partitions[0].Error":                 "a text; tare_checkpoint_errors_total counts them",
	"Partitions[0].Seal.Reason":           "a word that is in the artifact and in /api/status",
}

// TestEveryField changes each field of a Status by itself and wants the scrape
// to change with it.
func TestEveryField(t *testing.T) {
	s := plain()
	before := scrape(t, s)
	fields := 0
	each(reflect.ValueOf(&s).Elem(), "", func(path string) {
		fields++
		changed := !maps.Equal(before, scrape(t, s))
		switch _, listed := unread[path]; {
		case !changed && !listed:
			t.Errorf("no metric shows %s", path)
		case changed && listed:
			t.Errorf("%s is shown: it does not belong into unread", path)
		}
	})
	if fields < 80 {
		t.Errorf("only %d fields were tried", fields)
	}
}

// each gives every field below v another value, calls f, and takes it back.
func each(v reflect.Value, path string, f func(path string)) {
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	defer v.Set(was)
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1234, 5e8)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), f)
		}
		return
	case v.Kind() == reflect.Array || v.Kind() == reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), fmt.Sprintf("%s[%d]", path, i), f)
		}
		return
	case v.Kind() == reflect.Pointer:
		each(v.Elem(), path, f)
		return
	case v.Kind() == reflect.Map:
		v.Set(reflect.ValueOf(map[string]int64{"fetch t/3": 1001}))
	case v.CanInt():
		v.SetInt(v.Int() + 1000)
	case v.CanUint():
		v.SetUint(v.Uint() + 1000)
	case v.CanFloat():
		v.SetFloat(v.Float() + 1000)
	case v.Kind() == reflect.String:
		v.SetString("other")
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		panic("each: " + v.Type().String())
	}
	f(path)
}

// TestScrape holds every metric to the field it shows: each field has another
// number. make metrics-test gives the file to promtool.
func TestScrape(t *testing.T) {
	got := exposition(t, numbered(), func(string, float64) {})
	got = regexp.MustCompile(`tare_build_info\{.*\}`).ReplaceAllString(got, `tare_build_info{commit="",goversion="go",version="devel"}`)
	if *update {
		if err := os.WriteFile("testdata/scrape.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/scrape.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func numbered() stream.Status {
	second := func(n int64) time.Time { return time.Unix(n, 0) }
	p := stream.PartitionStatus{
		Partition: 3, Phase: stream.Normalizing,
		Next: 101, End: 151, LogStart: 102, Committed: 103, CommittedAt: second(104),
		Records: 105, Bytes: 106, Newest: second(107), Watermark: second(108),
		Fit:  fit.Counts{Train: 201, Gap: 202, Live: 203, LateTrain: 204, LateGap: 205, Gone: 211, Oldest: 206e9, Newest: 207e9},
		Seal: &fit.Seal{Offset: 208, Reason: fit.ByWatermark}, Series: 209, Over: 210,
		Checkpoints: 301, CheckpointErrors: 302, CheckpointsBad: 303, CheckpointAt: second(304),
		CheckpointTook: 305 * time.Millisecond, CheckpointBytes: 306,
		Normalize: stream.NormalizeCounts{Train: 401, Gap: 402, Live: 403, Late: 404, Unknown: 405, OutOfRange: 406, Imputed: 407,
			Bad: 408, Written: 409, Buried: 410, Dropped: 411, NotLive: 412, TooLarge: 413, Lost: 414, UnknownLabel: 415},
		Skipped: 501, Clamped: 502, Gaps: 503, Batches: 504, Appended: 505, Inflight: 506, Fences: 507,
	}
	p.Fit.Rejected[record.Syntax], p.Fit.Before[record.BadTime], p.Normalize.Rejected[record.BadRange] = 601, 602, 603
	return stream.Status{
		Pipeline: "plant-7", Revision: 2, Topic: "sensors.raw", Phase: stream.Normalizing, Ready: true,
		Started: second(701), Artifact: "9308ca895f829df8", FrozenAt: second(702), Cutoff: second(703), MaxLate: 0.1,
		Partitions: []stream.PartitionStatus{p},
		Retries:    map[string]int64{"fetch sensors.raw/3": 704, "fetch from broker a:9092": 1000, "commit": 705},
		Error:      "stopped",
	}
}

// TestUnknown leaves out what is not known, instead of showing a number for it.
func TestUnknown(t *testing.T) {
	s := stream.Status{Topic: "t", Partitions: []stream.PartitionStatus{{End: -1, Committed: -1, Fit: fit.NewCounts()}}}
	for name := range scrape(t, s) {
		for _, absent := range []string{"tare_end_offset", "tare_lag", "tare_committed_", "tare_seal", "tare_frozen", "_timestamp_seconds"} {
			if strings.Contains(name, absent) {
				t.Errorf("%s is shown", name)
			}
		}
	}
}

func TestNames(t *testing.T) {
	allowed := strings.Fields("topic partition phase split reason kind artifact pipeline revision version commit goversion")
	kinds := map[string]prometheus.ValueType{}
	for _, m := range ofPipeline() {
		kinds[m.name] = m.kind
	}
	for _, m := range ofPartition() {
		kinds[m.name] = m.kind
	}
	seen := map[string]bool{}
	for _, m := range Table() {
		if seen[m.Name] {
			t.Errorf("%s stands twice", m.Name)
		}
		seen[m.Name] = true
		if !strings.HasPrefix(m.Name, "tare_") || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: %q: want the name to begin with tare_ and the help to be a sentence", m.Name, m.Help)
		}
		if strings.HasSuffix(m.Name, "_total") != (kinds[m.Name] == counter) {
			t.Errorf("%s: counters, and only they, end in _total", m.Name)
		}
		for _, l := range m.Labels {
			if !slices.Contains(allowed, l) {
				t.Errorf("%s has label %s, want one of %v", m.Name, l, allowed)
			}
		}
	}
}

// TestOneSnapshot takes one Status a scrape, so that its numbers belong together.
func TestOneSnapshot(t *testing.T) {
	calls := 0
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(func() stream.Status { calls++; return numbered() }))
	for n := 1; n <= 3; n++ {
		if _, err := registry.Gather(); err != nil {
			t.Fatal(err)
		}
		if calls != n {
			t.Fatalf("%d snapshots in %d scrapes", calls, n)
		}
	}
}

func TestNotUTF8(t *testing.T) {
	s := plain()
	s.Topic = "caf\xe9"
	if n := scrape(t, s)[`tare_next_offset{partition="3",topic="caf`+"\uFFFD"+`"}`]; n != 2 {
		t.Errorf("got %v, want 2", n)
	}
}
