package stream

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tare/record"
)

// logged returns a RejectLog and what it has said since the last look.
func logged() (l *RejectLog, said func() string) {
	var b bytes.Buffer
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey {
			return slog.Attr{}
		}
		return a
	}
	return &RejectLog{Logger: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: noTime}))}, func() string {
		defer b.Reset()
		return b.String()
	}
}

// TestRejectLog tells of each reason once in ten seconds, and how many it kept
// to itself.
func TestRejectLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, said := logged()
		offset := int64(0)
		f := func(wait time.Duration, reason record.Reason, want string) {
			t.Helper()
			time.Sleep(wait)
			l.Add("in.jsonl", &record.Message{Partition: 2, Offset: offset}, reason, "why")
			if want != "" {
				want = fmt.Sprintf("reason=%s source=in.jsonl/2/%d detail=why more_since_last=%s\n", reason, offset, want)
			}
			offset++
			if got := said(); got != want {
				t.Errorf("record %d: said %q, want %q", offset-1, got, want)
			}
		}
		f(0, record.Syntax, "0")
		f(0, record.Syntax, "")
		f(time.Second, record.Syntax, "")
		f(0, record.BadTime, "0")
		f(9*time.Second-1, record.Syntax, "")
		f(1, record.Syntax, "3")
		f(0, record.Syntax, "")
		f(time.Second-1, record.BadTime, "")
		f(1, record.BadTime, "1")
		f(time.Hour, record.Syntax, "1")
		f(time.Hour, record.Syntax, "0")
	})
}

// TestRejectLogOfMany adds from several goroutines; none is lost.
func TestRejectLogOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, said := logged()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					l.Add("in.jsonl", new(record.Message), record.BadType, "why")
				}
			})
		}
		wg.Wait()
		if got := said(); strings.Count(got, "\n") != 1 {
			t.Errorf("said %q", got)
		}
		time.Sleep(logEvery)
		l.Add("in.jsonl", new(record.Message), record.BadType, "why")
		if got := said(); !strings.Contains(got, "more_since_last=799\n") {
			t.Errorf("said %q, want 799 kept", got)
		}
	})
}

// TestSilentRejectLog says nothing, and does not fail.
func TestSilentRejectLog(t *testing.T) {
	for _, l := range []*RejectLog{nil, {}} {
		l.Add("in.jsonl", new(record.Message), record.Syntax, "why")
	}
}

// TestPassesLog tells of the rejections of both passes.
func TestPassesLog(t *testing.T) {
	p := plan()
	source := &memory{partitions: [][]string{{"bad", good(1)[0], "bad"}}, batch: 1}
	const want = "reason=syntax source=memory-0/0/0 detail=\"at byte 0: invalid character 'b', want {\" more_since_last=0\n"
	l, said := logged()
	f := Fitter{Plan: p, Source: source, NewDecoder: newDecoder(&p.Record), Rejects: l}
	if _, err := f.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := said(); got != want {
		t.Errorf("fit says %q, want %q", got, want)
	}
	l, said = logged()
	n := normalizer(artifactOf(t), source, new(shelf), record.MetaNone)
	n.Output.Rejects = l
	if _, err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := said(); got != want {
		t.Errorf("normalize says %q, want %q", got, want)
	}
}
