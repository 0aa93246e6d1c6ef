package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/config"
	"tare/internal/kafkatest"
	"tare/store"
)

// tareBinary returns a command that is this test's own binary by the name of
// tare, which TestMain runs as the program.
func tareBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tare")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// plantTopic puts the first records of the demo's plant on a topic of four
// partitions, a sensor in one of them, then some that carry the cutoff past.
func plantTopic(t *testing.T, c *kafkatest.Cluster, topic string) *kafkatest.Oracle {
	t.Helper()
	var log bytes.Buffer
	if _, err := newPlant(1).write(&log); err != nil {
		t.Fatal(err)
	}
	c.CreateTopic(t, topic, 4, map[string]string{"retention.ms": "-1"})
	partitions := make([][]*kgo.Record, 4)
	lines := bufio.NewScanner(&log)
	for n := 0; lines.Scan(); n++ {
		if n%8 == 0 { // spread over all of the six days
			p := (n / 8) % 4
			partitions[p] = append(partitions[p], &kgo.Record{Key: []byte(strconv.Itoa(n)), Value: bytes.Clone(lines.Bytes()), Timestamp: time.UnixMilli(1_772_600_000_000 + int64(n))})
		}
	}
	oracle := kafkatest.NewOracle(topic)
	for p, records := range partitions {
		c.Produce(t, topic, int32(p), records...)
		oracle.Expect(records...)
	}
	return oracle
}

const topicConfig = `version: 1
pipeline: plant
source: {kafka: {brokers: [%q], topic: raw}}
record: {series: sensor, time: {field: ts, layout: rfc3339}}
features:
  - temperature
  - {name: vibration, scaler: robust}
  - {name: flow, pre: log1p, scaler: standard}
  - {name: valve, scaler: minmax}
cutoff: {event_time: 2026-03-01T00:00:00Z, gap: 1h, out_of_orderness: 2m}
state: {checkpoint: 100ms}
http: {listen: off}
`

// A worker is tare run, in a folder of its own.
type worker struct {
	*testing.T
	binary, dir string
	cluster     *kafkatest.Cluster
}

// plantOutputs are ways to write the plant: to topics, to a file for each split
// and a topic, to topics and a file, to files.
var plantOutputs = []string{`
sink: {kafka: {topic: "normalized.{split}", replication: 1}}
dead_letter: {kafka: {topic: rejected, replication: 1}}
`, `
sink: {file: {path: "normalized-{split}.jsonl"}}
dead_letter: {kafka: {topic: rejected, replication: 1}}
`, `
sink: {kafka: {topic: "normalized.{split}", replication: 1}}
dead_letter: {file: {path: rejected.jsonl}}
`, `
sink: {file: {path: all.jsonl}}
dead_letter: {file: {path: rejected.jsonl}}
`}

// plantTopics are the topics among them.
var plantTopics = []string{"normalized.train", "normalized.gap", "normalized.live", "rejected"}

func newWorker(t *testing.T, c *kafkatest.Cluster) *worker {
	t.Helper()
	return newWriter(t, c, 0)
}

// newWriter returns a worker that writes one of plantOutputs.
func newWriter(t *testing.T, c *kafkatest.Cluster, outputs int) *worker {
	t.Helper()
	return workerWith(t, c, fmt.Sprintf(topicConfig, c.Brokers[0])+plantOutputs[outputs])
}

// A talk is what a process has said so far.
type talk struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *talk) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// start runs tare run, by way of another program if one is named.
func (w *worker) start(by ...string) (cmd *exec.Cmd, stderr *talk) {
	w.Helper()
	line := append(by, w.binary, "run", "-c", "plant.yaml")
	cmd, stderr = exec.Command(line[0], line[1:]...), new(talk)
	cmd.Dir, cmd.Stderr = w.dir, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a kill of the group reaches both programs
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	return cmd, stderr
}

// written returns what the outputs hold, of those that exist: they are made at
// different moments.
func (w *worker) written() (all [][][]*kgo.Record, n int64) {
	w.Helper()
	for _, topic := range plantTopics {
		if w.exists(topic) {
			all = append(all, w.cluster.Consume(w.T, topic))
		}
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "*.jsonl"))
	if err != nil {
		w.Fatal(err)
	}
	for _, file := range files {
		all = append(all, kafkatest.Lines(w.T, file, 4))
	}
	for _, records := range all {
		for _, p := range records {
			n += int64(len(p))
		}
	}
	return all, n
}

// finish runs until all of the topic is written, then stops with a signal, and
// returns the artifact's id.
func (w *worker) finish(ends []int64) string {
	w.Helper()
	cmd, stderr := w.start()
	ended := w.untilWritten(cmd, stderr, ends)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.Fatal(err)
	}
	if err := <-ended; err != nil {
		w.Fatalf("SIGTERM: %v, want exit 0\n%s", err, stderr)
	}
	artifact, err := store.OpenArtifact(w.artifact())
	if err != nil {
		w.Fatal(err)
	}
	return artifact.ID
}

func (w *worker) artifact() string { return filepath.Join(w.dir, "state", "plant-1.npz") }

// untilWritten waits until all of the topic is written. The channel then tells
// how the process ends.
func (w *worker) untilWritten(cmd *exec.Cmd, stderr *talk, ends []int64) <-chan error {
	w.Helper()
	want := int64(0)
	for _, e := range ends {
		want += e
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-ended:
			w.Fatalf("it ended by itself: %v\n%s", err, stderr)
		default:
		}
		if time.Now().After(deadline) {
			w.Fatalf("not all is written after a minute\n%s", stderr)
		}
		if _, err := os.Stat(w.artifact()); err == nil && strings.Contains(stderr.String(), "normalizing") {
			if _, n := w.written(); n >= want {
				return ended
			}
		}
	}
}

// exists reports whether the cluster has the topic.
func (w *worker) exists(topic string) bool {
	client, err := clientOf(&config.Cluster{Brokers: w.cluster.Brokers, ClientID: "test"}, nil)
	if err != nil {
		w.Fatal(err)
	}
	defer client.Close()
	_, err = client.Topic(w.Context(), topic)
	return err == nil
}

// TestRunKilled kills tare run without a word at random moments of its life,
// again and again. In the end the artifact is that of an undisturbed run, byte
// for byte, and every record stands once in one of the outputs.
func TestRunKilled(t *testing.T) {
	for outputs := range plantOutputs {
		t.Run(fmt.Sprint("outputs", outputs), func(t *testing.T) { runKilled(t, kafkatest.Fake(t), 400*time.Millisecond, outputs) })
	}
}

// TestRunKilledReal does so on Apache Kafka.
func TestRunKilledReal(t *testing.T) {
	runKilled(t, kafkatest.Real(t, kafkatest.Options{Own: true}), 1500*time.Millisecond, 1)
}

func runKilled(t *testing.T, c *kafkatest.Cluster, within time.Duration, outputs int) {
	kills := 6
	if text := os.Getenv("TARE_KILLS"); text != "" {
		kills, _ = strconv.Atoi(text)
	}
	seed := rand.Uint64()
	if text := os.Getenv("TARE_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("TARE_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))

	calm := newWorker(t, kafkatest.Fake(t))
	plantTopic(t, calm.cluster, "raw")
	want := calm.finish(calm.cluster.EndOffsets(t, "raw"))

	w := newWriter(t, c, outputs)
	oracle := plantTopic(t, w.cluster, "raw")
	for range kills {
		cmd, stderr := w.start()
		time.Sleep(time.Duration(r.Int64N(int64(within))))
		cmd.Process.Kill()
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("ended by itself: %v\n%s", err, stderr)
		}
	}
	ends := w.cluster.EndOffsets(t, "raw")
	if got := w.finish(ends); got != want {
		t.Errorf("artifact %s, want %s", got, want)
	}
	all, _ := w.written()
	if err := oracle.Check(ends, all...); err != nil {
		t.Error(err)
	}
	w.tare("verify", "-a", "state/plant-1.npz", "-c", "plant.yaml")
	w.tare("fit", "-c", "plant.yaml", "-o", "again.npz")
	again, err := store.OpenArtifact(filepath.Join(w.dir, "again.npz"))
	if err != nil || again.ID != want {
		t.Errorf("tare fit on the topic: %v, %v, want %s", again, err, want)
	}
}

// tare runs a command that must succeed.
func (w *worker) tare(args ...string) string {
	w.Helper()
	cmd := exec.Command(w.binary, args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Errorf("tare %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
