package kafka

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/internal/kafkatest"
	"tare/stream"
)

// A pipeline is one that nobody has run before, in a folder of its own.
type pipeline struct {
	cluster *kafkatest.Cluster
	in, out string
	name    string
	dir     string
}

// newPipeline writes a configuration that has one kind of scaler for all features,
// and further lines.
func newPipeline(t *testing.T, c *kafkatest.Cluster, in, out, scaler, lines string) *pipeline {
	t.Helper()
	p := &pipeline{c, in, out, fmt.Sprintf("bench-%08x", rand.Uint32()), t.TempDir()}
	t.Cleanup(func() { c.DeleteTopic(t, p.control()) })
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: 1\npipeline: %s\n", p.name)
	fmt.Fprintf(&b, "source: {kafka: {brokers: [%s], topic: %s}}\n", strings.Join(c.Brokers, ", "), in)
	fmt.Fprintf(&b, "record: {format: json, series: sensor}\nfeatures:\n")
	for k := range features {
		fmt.Fprintf(&b, "  - {name: f%d, scaler: %s}\n", k, scaler)
	}
	fmt.Fprintf(&b, "sink: {kafka: {topic: %s}}\nhttp: {listen: 127.0.0.1:0}\n%s", out, lines)
	if err := os.WriteFile(filepath.Join(p.dir, "bench.yaml"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pipeline) control() string { return "tare." + p.name + ".1" }
func (p *pipeline) checkpoints() string {
	return filepath.Join(p.dir, "state", p.name+"-1.checkpoints")
}

// A worker is tare run while it runs.
type worker struct {
	t       *testing.T
	cmd     *exec.Cmd
	said    *said
	started time.Time
	ended   chan error
}

// start runs tare by a command line in front of it, such as taskset's.
func (p *pipeline) start(t *testing.T, by ...string) *worker {
	t.Helper()
	line := append(by, "run", "-c", "bench.yaml")
	cmd := exec.Command(line[0], line[1:]...)
	w := &worker{t, cmd, &said{normalizing: make(chan struct{})}, time.Now(), make(chan error, 1)}
	cmd.Dir, cmd.Stderr = p.dir, w.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		w.ended <- cmd.Wait()
		close(gone)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // mostly it has ended
		<-gone
	})
	return w
}

// said is what a worker has said so far. It closes normalizing when that is said.
type said struct {
	mu          sync.Mutex
	text        bytes.Buffer
	normalizing chan struct{}
	once        sync.Once
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if bytes.Contains(s.text.Bytes(), []byte("; normalizing ")) {
		s.once.Do(func() { close(s.normalizing) })
	}
	return len(p), nil
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// status asks the worker how it is doing; the zero Status until it answers.
func (w *worker) status() (s stream.Status) {
	_, address, ok := strings.Cut(w.said.String(), "status and metrics: ")
	address, _, whole := strings.Cut(address, "\n")
	if !ok || !whole {
		return s
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	answer, err := client.Get(address + "/api/status")
	if err != nil {
		return s
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// until asks again and again, with a pause between, until the status is so.
func (w *worker) until(pause time.Duration, so func(s *stream.Status) bool) time.Time {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(pause) {
		select {
		case err := <-w.ended:
			w.t.Fatalf("it ended by itself: %v\n%s", err, w.said)
		default:
		}
		if s := w.status(); so(&s) {
			return time.Now()
		}
	}
	w.t.Fatalf("not after two minutes\n%s", w.said)
	return time.Time{}
}

// hasRead reports whether so many records were read in a pass.
func hasRead(phase stream.Phase, records int64) func(s *stream.Status) bool {
	return func(s *stream.Status) bool {
		n := int64(0)
		for i := range s.Partitions {
			n += s.Partitions[i].Records
		}
		return s.Phase == phase && n >= records
	}
}

// written reports whether all that came of so many records is acknowledged.
func written(records int64) func(s *stream.Status) bool {
	return func(s *stream.Status) bool {
		n := int64(0)
		for i := range s.Partitions {
			n += s.Partitions[i].Normalize.Written - s.Partitions[i].Inflight
		}
		return s.Phase == stream.Normalizing && n >= records
	}
}

// cpu returns what the worker has taken so far, to a hundredth of a second.
func (w *worker) cpu() time.Duration {
	w.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid))
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the name
	fields := strings.Fields(rest)
	ticks := 0
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(f)
		if err != nil {
			w.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// stop ends the worker with a signal and returns all that it took.
func (w *worker) stop() time.Duration {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	if err := <-w.ended; err != nil {
		w.t.Fatalf("it ended with %v\n%s", err, w.said)
	}
	return w.cmd.ProcessState.UserTime() + w.cmd.ProcessState.SystemTime()
}

// kill ends it without a word.
func (w *worker) kill() {
	w.t.Helper()
	if err := w.cmd.Process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	<-w.ended
}

// scan shows the data records of a partition from an offset on, until see has
// enough.
func scan(t *testing.T, c *kafkatest.Cluster, topic string, partition int32, from int64, see func(r *kafka.Record) (more bool)) {
	t.Helper()
	client := broker.New(broker.Config{Brokers: c.Brokers})
	defer client.Close()
	known, err := client.Topic(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	fetcher := client.NewFetcher(broker.FetchOptions{})
	defer fetcher.Close()
	feed := fetcher.Open(known, partition, from)
	defer feed.Close()
	var at kafka.Cursor
	var r kafka.Record
	at.SetPosition(from)
	deadline := time.Now().Add(time.Minute)
	for f := range feed.C() {
		at.Reset(f.Batches, f.Aborted)
		for at.Next() {
			for at.Record(&r) {
				if !see(&r) {
					return
				}
			}
		}
		if err := at.Err(); err != nil {
			t.Fatal(err)
		}
		f.Release()
		if time.Now().After(deadline) {
			t.Fatalf("%s/%d: no more than up to offset %d in a minute\n", topic, partition, at.Position())
		}
	}
	t.Fatalf("feed of %s/%d: %v", topic, partition, feed.Err())
}
