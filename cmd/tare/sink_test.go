package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tare/internal/kafkatest"
)

// TestRunToStdout writes each record as a line as it comes, and after an orderly
// stop goes on behind it.
func TestRunToStdout(t *testing.T) {
	c := kafkatest.Fake(t)
	w := workerWith(t, c, fmt.Sprintf(topicConfig, c.Brokers[0])+"dead_letter: {file: {path: rejected.jsonl}}\n")
	plantTopic(t, c, "raw")
	all := int64(0)
	for _, end := range c.EndOffsets(t, "raw") {
		all += end
	}
	run := func(enough func(stdout, stderr string) bool) string {
		t.Helper()
		stdout, stderr := new(talk), new(talk)
		cmd := exec.Command(w.binary, "run", "-c", "plant.yaml")
		cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, stdout, stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); !enough(stdout.String(), stderr.String()) && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		return stdout.String()
	}
	out := run(func(stdout, _ string) bool {
		_, rejected := w.written()
		return int64(strings.Count(stdout, "\n"))+rejected >= all
	})
	if n := int64(strings.Count(out, `"_tare":{"artifact":`)); n == 0 || n != int64(strings.Count(out, "\n")) {
		t.Errorf("%d marks in %d lines", n, strings.Count(out, "\n"))
	}
	if again := run(func(_, stderr string) bool { return strings.Contains(stderr, "normalizing") }); again != "" {
		t.Errorf("written again: %.300q", again)
	}
}

// TestRunRefusesFiles: each way in which a file is not the one it was has an exit
// code and says what to do.
func TestRunRefusesFiles(t *testing.T) {
	w := newWriter(t, kafkatest.Fake(t), 1)
	plantTopic(t, w.cluster, "raw")
	ends := w.cluster.EndOffsets(t, "raw")
	w.finish(ends)
	refused := func(code int, says string) {
		t.Helper()
		cmd := exec.Command(w.binary, "run", "-c", "plant.yaml")
		cmd.Dir = w.dir
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), says) {
			t.Errorf("exit code %d, want %d and %q\n%s", got, code, says, out)
		}
	}
	file := w.path("normalized-live.jsonl")
	pos := readFile(t, file+".pos")
	damaged := bytes.Replace(pos, []byte(`"bytes":`), []byte(`"bytes":1`), 1)
	if err := os.WriteFile(file+".pos", damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(exitRefused, "normalized-live.jsonl.pos: refused: it is damaged")
	if err := os.WriteFile(file+".pos", pos, 0o644); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(file)
	if err == nil {
		err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(exitFailure, "normalized-live.jsonl is written already")
	held.Close()
	if err := os.Truncate(file, 10); err != nil {
		t.Fatal(err)
	}
	refused(exitDataLoss, "it has 10 bytes, of ")
}
