package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
	"tare/record"
	"tare/store"
	"tare/stream"
)

// TestGoldenReal: through four partitions of Apache Kafka the golden records
// give the artifact that four files give, and in each partition the same records
// and dead letters, as Kafka's own consumer reads them. Each record holds what
// the reference made of it, and all are counted as the reference counts them.
func TestGoldenReal(t *testing.T) {
	c, g := kafkatest.Real(t, kafkatest.Options{}), splitGolden(t)
	keep := map[string]string{"retention.ms": "-1"}
	in, out, dead := c.Topic(t, partitions, keep), c.Topic(t, partitions, keep), c.Topic(t, partitions, keep)
	g.produce(t, c, in)
	w := workerWith(t, c, goldenConfig(t, kafkaSource(c, in), fmt.Sprintf("{kafka: {topic: %s}}", out), fmt.Sprintf("{kafka: {topic: %s}}", dead)))
	t.Cleanup(func() { c.DeleteTopic(t, "tare.golden.1") })
	run := w.launch()
	status := run.until(normalized(5000))
	run.stop()

	files := g.files(t)
	ours, theirs := w.path("state/golden-1.npz"), files.path("state/golden-1.npz")
	sameArrays(t, ours, theirs)
	sameArrays(t, store.CompanionPath(ours), store.CompanionPath(theirs))
	sameManifest(t, ours, theirs)
	written, letters := linesOf(t, c.ConsoleDump(t, out), ours, outputLine), linesOf(t, c.ConsoleDump(t, dead), ours, letterLine)
	sameLines(t, "output", written, fileLines(t, files.path("out.jsonl")))
	sameLines(t, "dead letters", letters, fileLines(t, files.path("dead.jsonl")))
	g.check(t, written, letters)
	checkStatus(t, &status)
}

const partitions = 4

// goldenTopic is the golden input, split over the partitions of a topic.
type goldenTopic struct {
	values [partitions][][]byte
	lines  [partitions][]int // of each value: its line in the input
}

var sensorName = regexp.MustCompile(`"sensor": ?"((?:[^"\\]|\\.)*)"`)

// splitGolden puts each series into one partition, and lines without one
// anywhere. Some partitions then seal a few records later than all in one would;
// the same records are late.
func splitGolden(t *testing.T) (g goldenTopic) {
	t.Helper()
	input := bytes.TrimSuffix(readFile(t, filepath.Join(golden, "input.jsonl")), []byte("\n"))
	for n, line := range bytes.Split(input, []byte("\n")) {
		p := n % partitions
		if m := sensorName.FindSubmatch(line); m != nil {
			h := fnv.New32a()
			h.Write(m[1])
			p = int(h.Sum32() % partitions)
		}
		g.values[p] = append(g.values[p], line)
		g.lines[p] = append(g.lines[p], n)
	}
	return g
}

func (g *goldenTopic) produce(t *testing.T, c *kafkatest.Cluster, topic string) {
	t.Helper()
	for p, values := range g.values {
		var records []*kgo.Record
		for _, v := range values {
			records = append(records, &kgo.Record{Value: v})
		}
		c.Produce(t, topic, int32(p), records...)
	}
}

// files runs both passes over the same partitions as files.
func (g *goldenTopic) files(t *testing.T) *worker {
	t.Helper()
	w := workerWith(t, nil, goldenConfig(t, `{file: {paths: [named-below]}}`, "{file: {path: out.jsonl}}", "{file: {path: dead.jsonl}}"))
	args := []string{"run", "-c", "plant.yaml"}
	for p, values := range g.values {
		name := fmt.Sprint("p", p)
		if err := os.WriteFile(w.path(name), append(bytes.Join(values, []byte("\n")), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	w.tare(args...)
	return w
}

// goldenConfig is the golden configuration with another source and other sinks.
func goldenConfig(t *testing.T, source, sink, dead string) string {
	t.Helper()
	text := string(readFile(t, filepath.Join(golden, "conf.yaml")))
	head, rest, ok := strings.Cut(text, "source:\n  file: {paths: [\"-\"]}\n")
	body, _, found := strings.Cut(rest, "sink:\n")
	if !ok || !found {
		t.Fatalf("conf.yaml is not of the form that this test replaces parts of:\n%s", text)
	}
	return fmt.Sprintf("%ssource: %s\n%ssink: %s\ndead_letter: %s\nstate: {dir: ./state}\nhttp: {listen: 127.0.0.1:0}\n", head, source, body, sink, dead)
}

// sameArrays wants two files of arrays to hold the same, byte for byte.
func sameArrays(t *testing.T, got, want string) {
	t.Helper()
	a, b := arrays(t, got), arrays(t, want)
	if len(a) != len(b) || len(b) < 10 {
		t.Errorf("%s: %d arrays, want the %d that files give, 10 or more", filepath.Base(got), len(a), len(b))
	}
	for name, data := range b {
		if !bytes.Equal(a[name], data) {
			t.Errorf("%s: %s is not what files give", filepath.Base(got), name)
		}
	}
}

func arrays(t *testing.T, name string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string][]byte{}
	for _, f := range z.File {
		if filepath.Ext(f.Name) != ".npy" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if all[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// sameManifest wants the same manifest, ranges and examples included, but for
// the limit that only records with a Kafka timestamp are held to.
func sameManifest(t *testing.T, got, want string) {
	t.Helper()
	var texts []string
	for _, path := range []string{got, want} {
		a := artifactAt(t, path)
		a.Manifest.Record.Time.MaxFutureSkew = 0
		text, err := json.Marshal(a.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Errorf("manifest:\n%s\nwant\n%s", texts[0], texts[1])
	}
}

func artifactAt(t *testing.T, path string) *store.Artifact {
	t.Helper()
	a, err := store.OpenArtifact(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// linesOf returns, for each partition, the lines that files would hold in place
// of its records, all of which must be marked with the artifact.
func linesOf(t *testing.T, dump [][]*kgo.Record, artifact string, line func(t *testing.T, r *kgo.Record) string) (lines [partitions][]string) {
	t.Helper()
	mark := artifactAt(t, artifact).Mark()
	for p, records := range dump {
		for _, r := range records {
			if got, _ := kafkatest.Header(r, record.HeaderArtifact); got != mark {
				t.Errorf("%s/%d@%d: %s is %q, want %q", r.Topic, p, r.Offset, record.HeaderArtifact, got, mark)
			}
			lines[p] = append(lines[p], line(t, r))
		}
	}
	return lines
}

func outputLine(t *testing.T, r *kgo.Record) string {
	split, _ := kafkatest.Header(r, record.HeaderSplit)
	flags, _ := kafkatest.Header(r, record.HeaderFlags)
	p, offset := sourceOf(t, r)
	head, ok := bytes.CutSuffix(r.Value, []byte("}"))
	if !ok {
		t.Errorf("%s/%d@%d: the value is %q, want an object", r.Topic, r.Partition, r.Offset, r.Value)
	}
	return fmt.Sprintf(`%s,"_tare":{"source":"p%d/%d/%d","split":"%s","flags":"%s"}}`, head, p, p, offset, split, flags)
}

func letterLine(t *testing.T, r *kgo.Record) string {
	why, _ := kafkatest.Header(r, record.HeaderError)
	p, offset := sourceOf(t, r)
	m := record.Message{Value: r.Value, Partition: p, Offset: offset, Timestamp: record.NoTimestamp}
	return string(record.AppendDeadLetter(nil, why, &m, fmt.Sprint("p", p)))
}

func sourceOf(t *testing.T, r *kgo.Record) (partition int32, offset int64) {
	t.Helper()
	text, _ := kafkatest.Header(r, record.HeaderSource)
	_, partition, offset, ok := record.ParseSource([]byte(text))
	if !ok || partition != r.Partition {
		t.Fatalf("%s/%d@%d: %s is %q", r.Topic, r.Partition, r.Offset, record.HeaderSource, text)
	}
	return partition, offset
}

var (
	artifactMember = regexp.MustCompile(`("_tare":\{)"artifact":"[0-9a-f]{16}",`)
	partitionName  = regexp.MustCompile(`"source":"p(\d)/|"tare-source":"p(\d)/`)
)

// fileLines returns the lines of a file by their partition, without the mark of
// the artifact.
func fileLines(t *testing.T, path string) (lines [partitions][]string) {
	t.Helper()
	for line := range strings.Lines(string(readFile(t, path))) {
		line = artifactMember.ReplaceAllString(strings.TrimSuffix(line, "\n"), "$1")
		m := partitionName.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s: no partition in %s", path, line)
		}
		p := (m[1] + m[2])[0] - '0'
		lines[p] = append(lines[p], line)
	}
	return lines
}

func sameLines(t *testing.T, what string, got, want [partitions][]string) {
	t.Helper()
	for p := range want {
		if len(got[p]) != len(want[p]) || len(want[p]) == 0 {
			t.Fatalf("%s, partition %d: %d records, want the %d that files give", what, p, len(got[p]), len(want[p]))
		}
		for i := range want[p] {
			if got[p][i] != want[p][i] {
				t.Errorf("%s, partition %d, record %d:\n got %s\nwant %s", what, p, i, got[p][i], want[p][i])
			}
		}
	}
}

// check holds every record and dead letter against the reference's.
func (g *goldenTopic) check(t *testing.T, written, letters [partitions][]string) {
	t.Helper()
	reference, tolerances := readLines[expectation](t, filepath.Join(golden, "expected.jsonl")), goldenTolerances(t)
	for p, lines := range g.lines {
		for offset, line := range lines {
			want, source := reference[line], fmt.Sprintf("p%d/%d/%d", p, p, offset)
			list := &written[p]
			if want.Rejected != "" {
				list = &letters[p]
			}
			if len(*list) == 0 {
				t.Fatalf("%s, line %d of the input: nothing came of it", source, line)
			}
			got := (*list)[0]
			*list = (*list)[1:]
			if want.Rejected != "" {
				checkLetter(t, want, source, got, string(g.values[p][offset]))
			} else {
				checkRecord(t, want, source, got, tolerances)
			}
		}
	}
}

// checkStatus holds what the process counts against the reference's counts.
func checkStatus(t *testing.T, s *stream.Status) {
	t.Helper()
	var sum stream.NormalizeCounts
	for i := range s.Partitions {
		n := &s.Partitions[i].Normalize
		sum.Train, sum.Gap, sum.Live, sum.Late = sum.Train+n.Train, sum.Gap+n.Gap, sum.Live+n.Live, sum.Late+n.Late
		sum.Unknown, sum.Written, sum.Buried = sum.Unknown+n.Unknown, sum.Written+n.Written, sum.Buried+n.Buried
		for reason, k := range n.Rejected {
			sum.Rejected[reason] += k
		}
	}
	var want struct{ Whole goldenCounts }
	if err := json.Unmarshal(readFile(t, filepath.Join(golden, "counters.json")), &want); err != nil {
		t.Fatal(err)
	}
	w := &want.Whole
	got := goldenCounts{sum.Records(), sum.Train, sum.Gap, sum.Late, sum.Live, sum.Unknown, rejectedBy(sum.Rejected)}
	if fmt.Sprint(got) != fmt.Sprint(*w) {
		t.Errorf("counts %+v, want %+v", got, *w)
	}
	if rejects := sum.Rejects(); sum.Written != w.Records-rejects || sum.Buried != rejects {
		t.Errorf("%d written and %d dead letters, want %d and %d", sum.Written, sum.Buried, w.Records-rejects, rejects)
	}
}
