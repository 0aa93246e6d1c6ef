package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tare/config"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/stream"
)

// write writes the plant's log as lines, and returns their number.
func (p *plant) write(w io.Writer) (int, error) {
	log := p.log()
	out := bufio.NewWriter(w)
	for i := range log {
		out.Write(log[i].line)
		out.WriteByte('\n')
	}
	return len(log), out.Flush()
}

// TestDemo runs a demo that goes on until live records are normalized too. What
// it leaves is what the artifact was learned from.
func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr talk
	dir := t.TempDir()
	d := &demo{app: &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}, dir: dir, seed: 1, keepRunning: true, listen: "127.0.0.1:0"}
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	waitFor(t, func() bool { return len(ended) > 0 || strings.Contains(stderr.String(), "Ctrl-C ends it") }, &stderr)
	if len(ended) > 0 {
		t.Fatalf("%v\n%s", <-ended, &stderr)
	}
	shownInREADME(t, stdout.String())
	_, address, _ := strings.Cut(stderr.String(), "status and metrics: ")
	address, _, _ = strings.Cut(address, "\n")
	logged := len(newPlant(1).log())
	waitFor(t, func() bool { return normalizedRecords(t, address) > int64(logged) }, &stderr)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("after the signal: %v, want nil", err)
	}
	args := []string{"verify", "-a", d.path("plant.npz")}
	for _, name := range d.rawFiles() {
		args = append(args, d.path(name))
	}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitDone {
		t.Errorf("verify: exit %d\n%s", code, &stderr)
	}
}

// shownInREADME holds the table in the README against the demo's.
func shownInREADME(t *testing.T, stdout string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(stdout, "\nDone in")
	var lines []string
	for line := range strings.Lines(table) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	if table := strings.TrimSpace(strings.Join(lines, "\n")); !strings.Contains(string(text), table) {
		t.Errorf("the README does not show what the demo says:\n%s", table)
	}
}

// normalizedRecords asks a running demo how many records it has normalized.
func normalizedRecords(t *testing.T, address string) (n int64) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(address + "/api/status")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var status stream.Status
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	for _, p := range status.Partitions {
		n += p.Normalize.Records()
	}
	return n
}

func waitFor(t *testing.T, what func() bool, stderr *talk) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !what(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after a minute\n%s", stderr)
		}
	}
}

// TestDemoProduces holds what --produce writes against the plant's log, twice:
// the second start adds live records alone.
func TestDemoProduces(t *testing.T) {
	c := kafkatest.Fake(t)
	client, err := clientOf(&config.Cluster{Brokers: c.Brokers, ClientID: "test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	log := newPlant(1).log()
	want := len(log)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr talk
		ended := make(chan int)
		go func() {
			ended <- run(ctx, []string{"demo", "--produce", "--brokers", c.Brokers[0]}, strings.NewReader(""), &stdout, &stderr)
		}()
		waitFor(t, func() bool { return strings.Contains(stderr.String(), "a signal ends it") }, &stderr)
		waitFor(t, func() bool { return total(c.EndOffsets(t, plantTopicName)) > want }, &stderr)
		cancel()
		if code := <-ended; code != exitDone {
			t.Errorf("exit %d, want 0\n%s", code, &stderr)
		}
		want = total(c.EndOffsets(t, plantTopicName))
		if want > len(log)+5*plantRate {
			t.Errorf("%d records, %d of them the log: too many live ones", want, len(log))
		}
	}
	next := make([]int, plantPartitions)
	produced := c.Consume(t, plantTopicName)
	f := &feeder{partitions: make([]feederPartition, plantPartitions)}
	for i := range log {
		p := f.partitionOf(log[i].sensor)
		r := produced[p][next[p]]
		if string(r.Key) != log[i].sensor || !bytes.Equal(r.Value, log[i].line) || r.Timestamp.UnixMilli() != log[i].arrival.UnixMilli() {
			t.Fatalf("record %d of partition %d is %s %s %v, want %v", next[p], p, r.Key, r.Value, r.Timestamp, log[i])
		}
		next[p]++
	}
}

func total(offsets []int64) (n int) {
	for _, o := range offsets {
		n += int(o)
	}
	return n
}

// TestCensus gives a record twice, out of order, of another topic, and not at all.
func TestCensus(t *testing.T) {
	for _, c := range []struct{ sources, want string }{
		{"sensors.raw/0/0 sensors.raw/0/1 sensors.raw/0/2", ""},
		{"sensors.raw/0/0 sensors.raw/0/1 sensors.raw/0/1", "before"},
		{"sensors.raw/0/0 sensors.raw/0/2 sensors.raw/0/1", "out of order"},
		{"sensors.raw/0/0 sensors.raw/0/2", "sensors.raw/0/1 is in no output"},
		{"sensors.raw/0/0 sensors.raw/0/3", "want a record of sensors.raw/0"},
		{"other/0/0", "want a record of sensors.raw/0"},
	} {
		got := ""
		if err := countAll(strings.Fields(c.sources)); err != nil {
			got = err.Error()
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.sources, got, c.want)
		}
	}
}

func countAll(sources []string) error {
	census := newCensus(&feeder{partitions: []feederPartition{{written: 3}}})
	last := int64(-1)
	for _, source := range sources {
		if err := census.count("out", &record.Message{Headers: header(record.HeaderSource, source)}, &last); err != nil {
			return err
		}
	}
	return census.complete()
}

// header returns a single header.
func header(key, value string) record.Headers {
	text := append(binary.AppendVarint(nil, int64(len(key))), key...)
	text = append(binary.AppendVarint(text, int64(len(value))), value...)
	return record.Headers{Count: 1, Bytes: text}
}
