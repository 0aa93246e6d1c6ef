package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tare/internal/kafkatest"
	"tare/stream"
)

// workerWith returns a worker with a configuration of its own.
func workerWith(t *testing.T, c *kafkatest.Cluster, config string) *worker {
	t.Helper()
	w := &worker{t, tareBinary(t), t.TempDir(), c}
	w.configure(config)
	return w
}

func (w *worker) configure(config string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "plant.yaml"), []byte(config), 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *worker) path(name string) string { return filepath.Join(w.dir, name) }

// kafkaSource is a topic as a configuration's source.
func kafkaSource(c *kafkatest.Cluster, topic string) string {
	return fmt.Sprintf("{kafka: {brokers: [%q], topic: %s}}", c.Brokers[0], topic)
}

// A process is a worker's tare run while it runs.
type process struct {
	*worker
	cmd    *exec.Cmd
	stderr *talk
	ended  chan error
}

// launch starts tare run. It is killed at the end of the test if it still runs.
func (w *worker) launch() *process {
	w.Helper()
	cmd, stderr := w.start()
	p := &process{w, cmd, stderr, make(chan error, 1)}
	gone := make(chan struct{})
	go func() {
		p.ended <- cmd.Wait()
		close(gone)
	}()
	w.Cleanup(func() {
		_ = cmd.Process.Kill() // mostly it has ended
		<-gone
	})
	return p
}

// status asks the process how it is doing; the zero Status until it answers.
func (p *process) status() (s stream.Status) {
	p.Helper()
	_, address, ok := strings.Cut(p.stderr.String(), "status and metrics: ")
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
		p.Fatal(err)
	}
	return s
}

// until asks until the status is so, and returns that status.
func (p *process) until(so func(s *stream.Status) bool) stream.Status {
	p.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-p.ended:
			p.Fatalf("it ended by itself: %v\n%s", err, p.stderr)
		default:
		}
		if s := p.status(); so(&s) {
			return s
		}
		if time.Now().After(deadline) {
			p.Fatalf("not after a minute\n%s", p.stderr)
		}
	}
}

// normalized reports whether so many records went through the normalize pass and
// all that came of them is acknowledged.
func normalized(records int64) func(s *stream.Status) bool {
	return func(s *stream.Status) bool {
		left := records
		for i := range s.Partitions {
			p := &s.Partitions[i]
			left -= p.Normalize.Records()
			if p.Inflight > 0 {
				return false
			}
		}
		return s.Phase == stream.Normalizing && left == 0
	}
}

// stop sends SIGTERM and wants the process to end well in time.
func (p *process) stop() {
	p.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
	if err := <-p.ended; err != nil || time.Since(began) > 10*time.Second {
		p.Fatalf("SIGTERM: %v after %v, want exit 0 within 10 s\n%s", err, time.Since(began), p.stderr)
	}
}
