package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tare/config"
	"tare/record"
	"tare/store"
	"tare/stream"
)

func seed(t testing.TB) uint64 {
	s, err := strconv.ParseUint(os.Getenv("TARE_SEED"), 10, 64)
	if err != nil {
		s = rand.Uint64()
	}
	t.Logf("TARE_SEED=%d", s)
	return s
}

// garbage is every kind of JSON value, and numbers of every sort.
var garbage = []string{
	`1e300`, `-1e300`, `1e309`, `0`, `-0`, `null`, `true`, `false`, `""`, `"NaN"`, `"12.5"`, `[]`, `[1,2]`, `{}`, `{"a":{"b":[]}}`,
	`5e-324`, `1e150`, `123456789012345678901234567890`, `-17.25`, `{"sensor":"x","ts":0}`, `"\ud800\"\\"`,
}

// A line is one record of the golden pipeline, taken apart.
type line struct {
	text     []byte
	readable bool // its values may be replaced and it stays readable
	time     int64
	series   string
	row      record.Row
}

// goldenLines decodes the first n lines.
func goldenLines(t testing.TB, c *config.Config, n int) []line {
	t.Helper()
	decoder, err := record.NewJSON(&planOf(c).Record)
	if err != nil {
		t.Fatal(err)
	}
	var lines []line
	for text := range bytes.Lines(readFile(t, filepath.Join(golden, "input.jsonl"))) {
		if len(lines) == n {
			break
		}
		l := line{text: bytes.Clone(bytes.TrimSuffix(text, []byte("\n")))}
		switch decoder.Decode(&l.row, &record.Message{Value: l.text, Timestamp: record.NoTimestamp}) {
		case record.OK, record.BadType, record.BadRange:
			l.readable = true
		}
		l.time = l.row.Time
		l.series = string(l.row.Series)
		l.row.Numbers = append([]float64(nil), l.row.Numbers...)
		lines = append(lines, l)
	}
	return lines
}

// replaced returns the line with its feature values replaced.
func (l *line) replaced(c *config.Config, value func() string) []byte {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(l.text, &fields); err != nil {
		panic(err)
	}
	for _, f := range c.Features {
		if _, ok := fields[f.Field]; ok {
			fields[f.Field] = json.RawMessage(value())
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return text
}

func join(lines [][]byte) []byte { return append(bytes.Join(lines, []byte("\n")), '\n') }

// idOf learns from data and returns the artifact's id.
func idOf(t testing.TB, c *config.Config, data []byte) string {
	t.Helper()
	_, artifact := frozenFrom(t, c, bytes.NewReader(data))
	return artifact.ID
}

// TestNoLeak takes 200 random cutoffs and gaps. Garbage of every valid JSON
// kind in place of every feature value at or past cutoff - gap leaves every byte
// of the artifact as it is; another last training value does not.
func TestNoLeak(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 3))
	c := parse(t, string(readFile(t, filepath.Join(golden, "conf.yaml"))))
	lines := goldenLines(t, c, 700)
	for round := range 200 {
		from := lines[100+r.IntN(len(lines)-150)].time
		c.Cutoff.EventTime = time.Unix(0, from+r.Int64N(1e12)-5e11).UTC()
		c.Cutoff.Gap = time.Duration(r.IntN(20)) * time.Minute
		c.Cutoff.OutOfOrderness = time.Duration(r.IntN(5)) * time.Minute
		until := c.Cutoff.EventTime.Add(-c.Cutoff.Gap).UnixNano()
		var plain, spoilt [][]byte
		last := -1
		for i := range lines {
			plain = append(plain, lines[i].text)
			spoilt = append(spoilt, lines[i].text)
			if !lines[i].readable {
				continue
			}
			if lines[i].time >= until {
				spoilt[i] = lines[i].replaced(c, func() string { return garbage[r.IntN(len(garbage))] })
			}
		}
		learned, artifact := frozenFrom(t, c, bytes.NewReader(join(plain)))
		if id := idOf(t, c, join(spoilt)); id != artifact.ID {
			t.Fatalf("round %d, cutoff %v, gap %v: garbage past the cutoff changes the artifact", round, c.Cutoff.EventTime, c.Cutoff.Gap)
		}
		seal := learned.Ranges()[0].Seal
		for i := range lines[:seal] {
			if lines[i].readable && lines[i].time < until && artifact.Frozen.Find([]byte(lines[i].series)) >= 0 && bytes.Contains(lines[i].text, []byte(`"valve": 0`)) {
				last = i
			}
		}
		changed := append([][]byte(nil), plain...)
		changed[last] = bytes.Replace(changed[last], []byte(`"valve": 0`), []byte(`"valve": 17`), 1)
		if id := idOf(t, c, join(changed)); id == artifact.ID {
			t.Fatalf("round %d: another last training value (line %d) leaves the artifact as it is", round, last)
		}
	}
}

// TestSameBytes learns from the same log with other read sizes, numbers of
// processors and garbage collections.
func TestSameBytes(t *testing.T) {
	c := parse(t, string(readFile(t, filepath.Join(golden, "conf.yaml"))))
	data := readFile(t, filepath.Join(golden, "input.jsonl"))
	want := idOf(t, c, data)
	check := func(what string, id string) {
		t.Helper()
		if id != want {
			t.Errorf("%s gives artifact %s, not %s", what, id, want)
		}
	}
	_, a := frozenFrom(t, c, iotest.HalfReader(bytes.NewReader(data)))
	check("half reads", a.ID)
	_, a = frozenFrom(t, c, &randomReader{data, rand.New(rand.NewPCG(seed(t), 4))})
	check("random reads", a.ID)
	for _, procs := range []int{1, 2, 7} {
		was := runtime.GOMAXPROCS(procs)
		check(fmt.Sprint("GOMAXPROCS=", procs), idOf(t, c, data))
		runtime.GOMAXPROCS(was)
	}
	for _, percent := range []int{1, 1000} {
		was := debug.SetGCPercent(percent)
		check(fmt.Sprint("GOGC=", percent), idOf(t, c, data))
		debug.SetGCPercent(was)
	}
}

type randomReader struct {
	data []byte
	r    *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 1+r.r.IntN(5000))], r.data)
	r.data = r.data[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestGuessDoesNotLeak learns without a configuration: which fields are features
// is told from records before the cutoff alone.
func TestGuessDoesNotLeak(t *testing.T) {
	t.Chdir(t.TempDir())
	log := func(x string) string {
		var b strings.Builder
		for day := range 20 {
			if day < 10 {
				fmt.Fprintf(&b, `{"s":"a","ts":"2026-02-%02d","x":%d,"y":2}`+"\n", day+1, day)
			} else {
				fmt.Fprintf(&b, `{"s":"a","ts":"2026-03-%02d","x":%s,"y":2,"z":1}`+"\n", day+1, x)
			}
		}
		return b.String()
	}
	var first string
	for _, x := range []string{"1.5", `"garbage"`, "null", "[1]"} {
		tare(t, 0, log(x), "fit", "-", "--series", "s", "--time", "ts", "--cutoff", "2026-03-01", "-o", "a.npz", "--force")
		a, err := store.OpenArtifact("a.npz")
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = a.ID
		}
		if a.ID != first || fmt.Sprint(a.Manifest.Columns) != "[x y]" {
			t.Errorf("x is %s past the cutoff: features %v, artifact %s, not %s", x, a.Manifest.Columns, a.ID, first)
		}
	}
}

// TestCounts holds what the normalize pass counts beside the splits.
func TestCounts(t *testing.T) {
	c := parse(t, `
version: 1
pipeline: p
record: {series: s, time: {field: ts, layout: unix}}
features: [{name: x, impute: mean}, y]
cutoff: {event_time: 1970-01-01T00:01:40Z, gap: 10s, out_of_orderness: 0s}
normalize: {emit: live}
`)
	data := `{"s":"a","ts":1,"x":1,"y":1}
{"s":"a","ts":2,"x":3,"y":1}
{"s":"a","ts":95,"x":2,"y":1}
{"s":"a","ts":100,"y":1}
{"s":"a","ts":101,"x":null}
{"s":"a","ts":3,"x":1,"y":1}
{"s":"a","ts":102,"x":9,"y":1}
{"s":"b","ts":103,"x":9,"y":1}
`
	learned, artifact := frozenFrom(t, c, strings.NewReader(data))
	out, _, counts := normalizeFrom(t, artifact, strings.NewReader(data), seals(learned.Ranges()))
	want := stream.NormalizeCounts{Train: 2, Gap: 1, Live: 4, Late: 1, Unknown: 1, OutOfRange: 1, Imputed: 2, Written: 4, NotLive: 4}
	if counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	if n := bytes.Count(out, []byte("\n")); n != 4 || bytes.Contains(out, []byte(`"ts":95`)) {
		t.Errorf("%d live records: %s", n, out)
	}
}

// TestFiles splits a log over several files, which are partitions learned side
// by side: the same bytes come out every time, and verify finds them again.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := string(readFile(t, goldenPath(t, "conf.yaml")))
	if err := os.WriteFile("c.yaml", []byte(strings.ReplaceAll(c, `paths: ["-"]`, `paths: ["part-*.jsonl"]`)), 0o644); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(readFile(t, goldenPath(t, "input.jsonl")), []byte("\n"))
	for i := range 4 {
		if err := os.WriteFile(fmt.Sprintf("part-%d.jsonl", i), bytes.Join(lines[i*1200:(i+1)*1200], nil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The bytes hang on the order of partitions and of series in every sum: a
	// change here is a change of the format.
	const want = "ce83ef885377b89b76de44b0f7fc86405bd6244110df2f0b92693c82702b6e70"
	for _, procs := range []int{1, 2, 4, 8} {
		was := runtime.GOMAXPROCS(procs)
		tare(t, 0, "", "fit", "-c", "c.yaml", "-o", "a.npz", "--force")
		a, err := store.OpenArtifact("a.npz")
		if err != nil {
			t.Fatal(err)
		}
		if a.ID != want || len(a.Manifest.Ranges) != 4 {
			t.Fatalf("GOMAXPROCS=%d: artifact %s, not %s", procs, a.ID, want)
		}
		runtime.GOMAXPROCS(was)
	}
	if out, _ := tare(t, 0, "", "verify", "-a", "a.npz", "-c", "c.yaml"); !strings.Contains(out, want) {
		t.Errorf("verify says %s", out)
	}
}

// goldenPath returns a file's absolute path, for tests that change the folder.
func goldenPath(t testing.TB, name string) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), golden, name)
}

// tare runs one command line in this process and wants its exit code.
func tare(t testing.TB, code int, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), args, strings.NewReader(stdin), &out, &errs); got != code {
		t.Fatalf("tare %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, errs.String())
	}
	return out.String(), errs.String()
}
