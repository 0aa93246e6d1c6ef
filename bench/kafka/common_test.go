package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tare/internal/kafkatest"
)

// A job is the common work: learn from the first half of a topic, write the
// second half as z-scores to another one.
type job struct {
	cluster *kafkatest.Cluster
	in      string
	records int
	oracle  *kafkatest.Oracle
}

func (j *job) cutoff() int64 { return begin + int64(j.live()) }
func (j *job) live() int     { return j.records / 2 }

// commonWork gives the job to the plain program and to tare, with all its
// checkpoints and exactly once. With digests, tare learns and writes robust
// scores, where the plain program feeds its digests and writes z-scores.
func commonWork(t *testing.T, out io.Writer, c *kafkatest.Cluster, s size) {
	j := &job{cluster: c, in: c.Topic(t, partitions, map[string]string{"retention.ms": "-1"}), records: s.records}
	j.oracle = fillSensors(t, c, j.in, j.records, j.cutoff())
	plain := build(t, filepath.Join("..", "peers", "plain"), ".")
	tare := tareProgram(t)
	race(t, out, "common work, moments", "plain Go, keeps nothing", s.runs, []contestant{
		{"plain Go, keeps nothing", func(t *testing.T) usage { return j.plain(t, plain) }},
		{"tare run, standard", func(t *testing.T) usage { return j.tare(t, tare, "standard") }},
	})
	race(t, out, "common work, digests", "plain Go, keeps nothing", s.runs, []contestant{
		{"plain Go, keeps nothing", func(t *testing.T) usage { return j.plain(t, plain, "-digests") }},
		{"tare run, robust", func(t *testing.T) usage { return j.tare(t, tare, "robust") }},
	})
}

func (j *job) plain(t *testing.T, program string, options ...string) usage {
	out := j.cluster.Topic(t, partitions, nil)
	defer j.cluster.DeleteTopic(t, out)
	u := there(t, j.records, exec.Command(program, append(options, "-brokers", strings.Join(j.cluster.Brokers, ","),
		"-in", j.in, "-out", out, "-cutoff", strconv.FormatInt(j.cutoff(), 10))...))
	if got := j.written(t, out); got != int64(j.live()) {
		t.Errorf("the plain program wrote %d records, want %d", got, j.live())
	}
	return u
}

// written is the sum of a topic's end offsets.
func (j *job) written(t *testing.T, topic string) (sum int64) {
	for _, end := range j.cluster.EndOffsets(t, topic) {
		sum += end
	}
	return sum
}

func (j *job) tare(t *testing.T, program, scaler string) usage {
	out := j.cluster.Topic(t, partitions, map[string]string{"retention.ms": "-1"})
	defer j.cluster.DeleteTopic(t, out)
	pipeline := fmt.Sprintf("bench-%08x", rand.Uint32())
	defer j.cluster.DeleteTopic(t, "tare."+pipeline+".1")
	u := j.untilWritten(t, exec.Command(program, "run", "-c", j.configure(t, pipeline, out, scaler)), out)
	if err := j.oracle.Check(nil, j.cluster.Consume(t, out)); err != nil {
		t.Errorf("tare run, %s:\n%v", scaler, err)
	}
	return u
}

func (j *job) configure(t *testing.T, pipeline, out, scaler string) (path string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: 1\npipeline: %s\n", pipeline)
	fmt.Fprintf(&b, "source: {kafka: {brokers: [%s], topic: %s}}\n", strings.Join(j.cluster.Brokers, ", "), j.in)
	fmt.Fprintf(&b, "record: {format: json, series: sensor, time: {field: ts, layout: unix_ms}}\nfeatures:\n")
	for k := range features {
		fmt.Fprintf(&b, "  - {name: f%d, scaler: %s}\n", k, scaler)
	}
	fmt.Fprintf(&b, "cutoff: {event_time: %s, out_of_orderness: 0s}\n", time.UnixMilli(j.cutoff()).UTC().Format(time.RFC3339Nano))
	fmt.Fprintf(&b, "normalize: {emit: live}\nsink: {kafka: {topic: %s}}\n", out)
	fmt.Fprintf(&b, "state: {dir: %s}\nhttp: {listen: 127.0.0.1:0}\n", t.TempDir())
	path = filepath.Join(t.TempDir(), "bench.yaml")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// quiet is how long an output must not grow before it counts as done. Its end
// offset alone does not tell, because markers count too.
const quiet = 500 * time.Millisecond

// untilWritten runs a program that does not end by itself, and asks it to once
// the output holds everything. The wall is up to then.
func (j *job) untilWritten(t *testing.T, cmd *exec.Cmd, out string) usage {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	written, grown := int64(0), start
	for written < int64(j.live()) || time.Since(grown) < quiet {
		select {
		case err := <-ended:
			t.Fatalf("%s ended: %v\n%s", strings.Join(cmd.Args, " "), err, said.String())
		case <-time.After(50 * time.Millisecond):
		}
		if now := j.written(t, out); now > written {
			written, grown = now, time.Now()
		}
		if time.Since(grown) > 2*time.Minute {
			err := errors.Join(cmd.Process.Kill(), <-ended)
			t.Fatalf("%s: no more than %d of %d records for two minutes: %v\n%s", strings.Join(cmd.Args, " "), written, j.live(), err, said.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatalf("%s ended with %v\n%s", strings.Join(cmd.Args, " "), err, said.String())
	}
	return usageOf(cmd, j.records, grown.Sub(start))
}
