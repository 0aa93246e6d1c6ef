package config

import (
	"bytes"
	"errors"
	"reflect"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// FuzzParse holds for any file: no panic, problems in order and within the file,
// no value of the environment in a message, and what is accepted is written and
// read again as the same, unless what the environment adds made it too large.
func FuzzParse(f *testing.F) {
	for _, data := range goodFiles(f) {
		f.Add(data)
	}
	for _, files := range badFiles(f) {
		for _, b := range files {
			f.Add(b.data)
		}
	}
	f.Add(aliasBomb()[:400])
	f.Fuzz(func(t *testing.T, data []byte) {
		before := allocated()
		c, err := Parse("f.yaml", data, getenv, getfile)
		if grown := allocated() - before; grown > 4<<20+1024*uint64(len(data)) {
			t.Fatalf("%d bytes allocated for a file of %d", grown, len(data))
		}
		if err != nil {
			checkProblems(t, data, err)
			return
		}
		if len(c.YAML()) > MaxFile {
			return
		}
		again, err := readAgain(c, c.YAML())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("read\n%+v\nwrote\n%s\nread again\n%+v\n%v", c, c.YAML(), again, err)
		}
	})
}

// allocated returns the bytes allocated so far. Small ones are seen late, by up
// to a span of each size.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func checkProblems(t *testing.T, data []byte, err error) {
	ps, ok := errors.AsType[*Problems](err)
	if !ok || len(*ps) == 0 || len(*ps) > maxProblems {
		t.Fatalf("got %T %v", err, err)
	}
	lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) +
		strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 2
	for _, p := range *ps {
		if p.Line < 0 || p.Line > lines || p.Line > 0 && p.Col < 1 || p.File != "f.yaml" || p.Message == "" {
			t.Fatalf("got %+v", p)
		}
		if strings.ContainsAny(p.Message, "\n\x1b") {
			t.Fatalf("a message of several lines: %q", p.Message)
		}
	}
	if !slices.IsSortedFunc(*ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	}) {
		t.Fatalf("out of order:\n%v", err)
	}
	if strings.Contains(err.Error(), canary) && !bytes.Contains(data, []byte("canary")) {
		t.Fatalf("a message shows a value of the environment: %v", err)
	}
}
