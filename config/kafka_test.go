package config

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTopic(t *testing.T) {
	f := func(ok bool, name string, braces ...string) {
		t.Helper()
		dst := ""
		_, got := topic(&dst, braces...).scalar(value{text: name, node: scalarNode("!!str", name), expanded: true})
		if got != ok || ok != (dst == name) {
			t.Errorf("%.300q: got %v, %q", name, got, dst)
		}
	}
	both := []string{"{split}", "{revision}"}
	f(true, "a")
	f(true, "A-z_0.9")
	f(true, "...")
	f(true, "-")
	f(true, strings.Repeat("a", 249))
	f(true, "{split}", both...)
	f(true, "{revision}{split}{split}", both...)
	f(true, strings.Repeat("a", 246)+"{split}", both...)
	f(true, "a{revision}", "{revision}")
	f(false, ".")
	f(false, "..")
	f(false, " a")
	f(false, "a\n")
	f(false, "a/b")
	f(false, "a:b")
	f(false, "é")
	f(false, strings.Repeat("a", 250))
	f(false, strings.Repeat("a", 247)+"{split}", both...)
	f(false, "a{split}")
	f(false, "a{split}", "{revision}")
	f(false, "a{Split}", both...)
	f(false, "a{}", both...)
	f(false, "{{split}}", both...)
	f(false, "{sp{revision}lit}", both...)
}

// TestControlTopicFits holds that every pipeline and revision has a control
// topic that Kafka allows.
func TestControlTopicFits(t *testing.T) {
	pipeline, revision := strings.Repeat("p", 128), math.MaxInt32
	c := parse(t, "long", complete(fmt.Appendf(nil, "pipeline: %s\nrevision: %d\n", pipeline, revision)))
	name := fmt.Sprintf("tare.%s.%d", c.Pipeline, c.Revision)
	if !topicForm.MatchString(name) || len(name) > maxTopic {
		t.Errorf("%s is no topic", name)
	}
	f := func(pipeline string) {
		t.Helper()
		if _, err := Parse("c.yaml", complete([]byte("pipeline: '"+pipeline+"'\n")), nil, nil); err == nil && !topicForm.MatchString(pipeline) {
			t.Errorf("pipeline %q is no part of a topic", pipeline)
		}
	}
	f(pipeline + "p")
	for c := range rune(0x250) {
		if c >= ' ' && c != '\'' && (c < 0x7f || c > 0x9f) {
			f("p" + string(c))
		}
	}
}

func TestSplitAddress(t *testing.T) {
	f := func(s, host string, port int64) {
		t.Helper()
		if h, p, ok := splitAddress(s); !ok || h != host || p != port {
			t.Errorf("%q: got %q, %d, %v", s, h, p, ok)
		}
	}
	f("a:1", "a", 1)
	f(":0", "", 0)
	f("kafka-1.plant_7.example.com:65535", "kafka-1.plant_7.example.com", 65535)
	f("[::1]:9092", "::1", 9092)
	f("[fe80::1%eth0]:9092", "fe80::1%eth0", 9092)
	f("10.0.0.1:80", "10.0.0.1", 80)

	bad := func(s string) {
		t.Helper()
		if h, p, ok := splitAddress(s); ok {
			t.Errorf("%q: got %q, %d", s, h, p)
		}
	}
	bad("")
	bad("a")
	bad("a:")
	bad("a:b")
	bad("a:-1")
	bad("a:+1")
	bad("a:01")
	bad("a:65536")
	bad("a:99999999999999999999")
	bad("::1:1")
	bad("[::1]")
	bad("a b:1")
	bad("a\n:1")
	bad("a/b:1")
	bad("é:1")
}

// TestStart holds that a start needs no more than its own kind of value.
func TestStart(t *testing.T) {
	f := func(start string, want Start) {
		t.Helper()
		c := parse(t, start, complete([]byte("source: {kafka: {brokers: ['a:1'], topic: in, start: "+start+"}}\ncutoff: {offsets: {0: 42}}\n")))
		got := c.Source.Kafka.Start
		if got.At != want.At || !got.Time.Equal(want.Time) || len(got.Offsets) != len(want.Offsets) || got.Offsets[0] != want.Offsets[0] {
			t.Errorf("%s: got %+v", start, got)
		}
	}
	f("earliest", Start{At: "earliest"})
	f("'latest'", Start{At: "latest"})
	f("{offsets: {0: 42}}", Start{At: "offsets", Offsets: map[int32]int64{0: 42}})
	f("{offsets: {0: 41, 1: 99}}", Start{At: "offsets", Offsets: map[int32]int64{0: 41, 1: 99}})
}

// TestLatestAndPastCutoff holds that nothing is guessed of times: a start at the
// end of the topic goes with a cutoff that is past.
func TestLatestAndPastCutoff(t *testing.T) {
	parse(t, "latest", complete([]byte(`
source: {kafka: {brokers: ['a:1'], topic: in, start: latest}}
record: {time: {field: $timestamp}}
cutoff: {event_time: 2001-01-01}
`)))
}

// TestExamples holds that every file of examples/ is sound, and that the first
// configuration of docs/config.md is the one of Kafka.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("../examples/*.yaml")
	if err != nil || !slices.Contains(paths, "../examples/kafka.yaml") {
		t.Fatalf("got %v, %v", paths, err)
	}
	for _, path := range paths {
		c, err := Load(path, nil)
		if err != nil {
			t.Error(err)
		} else if len(c.Warnings()) > 0 {
			t.Error(c.Warnings())
		}
	}
	docs, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("../examples/kafka.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for bytes.HasPrefix(data, []byte("#")) {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	if n := bytes.Count(data, []byte("\n")); n < 6 || n > 10 {
		t.Errorf("the shortest configuration of Kafka has %d lines", n)
	}
	if first := fence.FindSubmatch(docs); !bytes.Equal(first[1], data) {
		t.Errorf("%s begins with\n%s\nwant\n%s", docsFile, first[1], data)
	}
}

// TestFileOfValues warns of what a file does not get of a record.
func TestFileOfValues(t *testing.T) {
	f := func(keys string, want ...string) {
		t.Helper()
		c := parse(t, keys, complete([]byte("source: {kafka: {brokers: ['a:1'], topic: in}}\n"+keys+"\n")))
		var got []string
		for _, p := range c.Warnings() {
			at, _, _ := strings.Cut(p.Message, " is not in the value")
			got = append(got, at)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", keys, got, want)
		}
	}
	const special = "record: {series: [$key, line], time: {field: $timestamp}}\n"
	f(special)
	f(special + "sink: {kafka: {topic: out}}")
	f(special+"sink: {file: {path: out.jsonl}}", "record.series[0]: $key", "record.time.field: $timestamp")
	f("record: {series: line, time: {field: ts, layout: unix}}\nsink: {file: {path: out.jsonl}}")
}
