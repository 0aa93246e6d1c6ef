package kafka

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A golden is a file of testdata/java: a log, and what Kafka's consumer read.
type golden struct {
	log   []byte
	reads []reading
}

type reading struct {
	from    int64
	start   int // byte in the log
	aborted []Aborted
	want    []string // record lines and a position line
}

func loadGolden(t testing.TB, name string) (g golden) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "bytes":
			b, err := hex.DecodeString(rest)
			if err != nil {
				t.Fatal(err)
			}
			g.log = append(g.log, b...)
			continue
		case "read":
			var r reading
			var isolation string
			scan(t, rest, &r.from, &isolation, &r.start)
			g.reads = append(g.reads, r)
			continue
		}
		r := &g.reads[len(g.reads)-1]
		if verb == "aborted" {
			var a Aborted
			scan(t, rest, &a.ProducerID, &a.FirstOffset)
			r.aborted = append(r.aborted, a)
		} else {
			r.want = append(r.want, line)
		}
	}
	return g
}

func scan(t testing.TB, s string, v ...any) {
	t.Helper()
	if _, err := fmt.Sscan(s, v...); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
}

// goldenLine writes a record as the golden files do.
func goldenLine(r *Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "record %d %d %s %s", r.Offset, r.Timestamp, goldenText(r.Key), goldenText(r.Value))
	for k, v := range r.Headers.All() {
		fmt.Fprintf(&b, " %s=%s", k, goldenText(v))
	}
	return b.String()
}

func goldenText(b []byte) string {
	if b == nil {
		return "null"
	}
	if len(b) > 40 {
		return fmt.Sprintf("%d:%x", len(b), sha256.Sum256(b))[:len(fmt.Sprint(len(b)))+9]
	}
	return "'" + strings.ReplaceAll(string(b), " ", "_") + "'"
}

// readAll reads a response to its end.
func readAll(c *Cursor, data []byte, aborted []Aborted) (lines []string) {
	var r Record
	c.Reset(data, aborted)
	for c.Next() {
		for c.Record(&r) {
			lines = append(lines, goldenLine(&r))
		}
	}
	return lines
}

// TestReadsAsJava holds the Cursor against what Kafka's own consumer reads from
// the same bytes.
func TestReadsAsJava(t *testing.T) {
	names, _ := filepath.Glob("testdata/java/*.txt")
	if len(names) < 11 {
		t.Fatalf("%d golden files, want 11 or more", len(names))
	}
	var c Cursor
	for _, name := range names {
		g := loadGolden(t, name)
		for i, r := range g.reads {
			c.SetPosition(r.from)
			got := readAll(&c, g.log[r.start:], r.aborted)
			got = append(got, fmt.Sprint("position ", c.Position()))
			if c.Err() != nil || strings.Join(got, "\n") != strings.Join(r.want, "\n") {
				t.Errorf("%s, reading %d: error %v\ngot\n%s\nwant\n%s", name, i, c.Err(), strings.Join(got, "\n"), strings.Join(r.want, "\n"))
			}
		}
	}
}

// small are the records of Golden.java's small.
func small() ([]Record, [][]Header) {
	const t0 = 1772236833170
	return []Record{
			{Timestamp: t0, Value: []byte("no key")},
			{Timestamp: t0 - 70, Key: []byte("no-value")},
			{Timestamp: t0 + 5, Key: []byte{}, Value: []byte{}},
			{Timestamp: t0 + 70000, Key: []byte("k"), Value: []byte(`{"load":1.5}`)},
			{Timestamp: t0 + 1, Key: bytes.Repeat([]byte("k"), 63), Value: bytes.Repeat([]byte("v"), 64)},
		}, [][]Header{3: {
			{"tare-source", []byte("in/3/4711")}, {"empty", []byte{}}, {"null", nil}, {"tare-source", []byte("again")},
		}, 4: nil}
}

// TestWritesAsJava wants the bytes that Kafka's own client writes for the same
// records.
func TestWritesAsJava(t *testing.T) {
	f := func(name string, p Producer, sequence int32) {
		t.Helper()
		want := loadGolden(t, "testdata/java/"+name+".txt").log
		var w BatchWriter
		records, headers := small()
		for i := range records {
			w.Append(&records[i], headers[i]...)
		}
		if w.Size() != len(want) {
			t.Errorf("%s: size %d, want %d", name, w.Size(), len(want))
		}
		got, err := w.Finish(p, sequence)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\ngot  %x\nwant %x", name, err, got, want)
		}
	}
	f("plain", NoProducer, -1)
	f("idempotent", Producer{ID: 4711, Epoch: 7}, 42)
}

// TestForJava writes batches of every codec with what is in them, into
// TARE_KAFKA_OUT if that is set, for Golden.java to read.
func TestForJava(t *testing.T) {
	dir := os.Getenv("TARE_KAFKA_OUT")
	if dir == "" {
		dir = t.TempDir()
	}
	for codec := range numCodecs {
		name := filepath.Join(dir, codec.String()+".txt")
		batch, want := forJava(t, codec)
		text := fmt.Sprintf("bytes %x\nread 0 read_uncommitted 0\n%s\nposition %d\n", batch, strings.Join(want, "\n"), len(want))
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var c Cursor
		got := readAll(&c, loadGolden(t, name).log, nil)
		if c.Err() != nil || strings.Join(got, "\n") != strings.Join(want, "\n") || c.Position() != int64(len(want)) {
			t.Errorf("%s: error %v, position %d", codec, c.Err(), c.Position())
		}
		if c.Batch().Codec != codec {
			t.Errorf("%s: written as %s", codec, c.Batch().Codec)
		}
	}
}

func forJava(t *testing.T, codec Codec) (batch []byte, lines []string) {
	w := BatchWriter{Codec: codec}
	for i := range 3000 {
		r := Record{Offset: int64(i), Timestamp: 1772236833170 + int64(i%7*1000-i%3)}
		if i%5 != 0 {
			r.Key = fmt.Append(nil, "k", i)
		}
		if i%11 != 0 {
			r.Value = fmt.Append(nil, "v", i, strings.Repeat("abcdefgh", i%97))
		}
		if !w.Append(&r, Header{"tare-source", fmt.Append(nil, "in/3/", i)}, Header{"null", nil}) {
			t.Fatal("batch is full")
		}
		lines = append(lines, fmt.Sprintf("%s tare-source='in/3/%d' null=null", goldenLine(&r), i))
	}
	batch, err := w.Finish(Producer{ID: 9, Epoch: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return batch, lines
}
