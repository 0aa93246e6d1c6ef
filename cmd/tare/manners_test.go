package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tare/fit"
	"tare/internal/kafkatest"
	"tare/stream"
)

const fileConfig = `version: 1
pipeline: pump
source: {file: {paths: [in.jsonl]}}
record: {series: sensor, time: {field: ts}}
features: [temp]
cutoff: {event_time: 2026-03-01T00:00:00Z}
sink: {file: {path: out.jsonl}}
state: {dir: state}
http: {listen: off}
`

// filePipeline goes to a folder with fileConfig and its records.
func filePipeline(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	err := errors.Join(os.WriteFile("pump.yaml", []byte(fileConfig), 0o644), os.WriteFile("in.jsonl", []byte(trainPump+livePump), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

// TestPipes: what takes more than one pass refuses a pipe, and does not wait for it.
func TestPipes(t *testing.T) {
	filePipeline(t)
	artifact := artifactOf(t, trainPump)
	if err := syscall.Mkfifo("pipe", 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "-c", "pump.yaml", "pipe"}, {"fit", "pipe"}} {
		if _, stderr := tare(t, exitUsage, "", args...); !strings.Contains(stderr, "pipe is no regular file: it can be read only once") {
			t.Errorf("%v says %s", args, stderr)
		}
	}
	if stdout, _ := tare(t, exitDifference, "", "dry-run", "-c", "pump.yaml", "pipe"); !strings.Contains(stdout, "pipe is no regular file") {
		t.Errorf("dry-run says %s", stdout)
	}
	tare(t, exitDone, trainPump, "verify", "-a", artifact, "-") // one pass
	exact := strings.Replace(fileConfig, "[temp]", "[{name: temp, scaler: robust, sketch: exact, exact: require}]", 1)
	if err := os.WriteFile("exact.yaml", []byte(exact), 0o644); err != nil {
		t.Fatal(err)
	}
	tare(t, exitDone, "", "fit", "-c", "exact.yaml", "-o", "exact.npz")
	tare(t, exitUsage, trainPump, "verify", "-a", "exact.npz", "-")
}

// TestDamagedArtifact: a file in the artifact's place that is none stops a run
// before it learns, and a dry run says the same.
func TestDamagedArtifact(t *testing.T) {
	filePipeline(t)
	if err := errors.Join(os.Mkdir("state", 0o755), os.WriteFile("state/pump-1.npz", []byte("damaged"), 0o644)); err != nil {
		t.Fatal(err)
	}
	const says = "restore it, or remove the file to learn anew"
	if _, stderr := tare(t, exitRefused, "", "run", "-c", "pump.yaml"); !strings.Contains(stderr, says) || strings.Contains(stderr, "learned") {
		t.Errorf("run says %s", stderr)
	}
	if stdout, _ := tare(t, exitDifference, "", "dry-run", "-c", "pump.yaml"); !strings.Contains(stdout, says) {
		t.Errorf("dry-run says %s", stdout)
	}
}

// TestDryRunMarks: before the freeze the marks hold the split that a run would
// find, and no artifact.
func TestDryRunMarks(t *testing.T) {
	filePipeline(t)
	stdout, _ := tare(t, exitDone, "", "dry-run", "-c", "pump.yaml")
	if want := `{"artifact":"(not frozen yet)","source":"in.jsonl/0/2","split":"live"`; strings.Count(stdout, want) != 1 {
		t.Errorf("%s not once in\n%s", want, stdout)
	}
	if text := cutoffText(&fit.Cutoff{Kind: fit.Manual}); !strings.HasPrefix(text, "manual") {
		t.Errorf("a manual cutoff is %q", text)
	}
}

// noRoom is a device without room.
type noRoom struct{}

func (noRoom) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestFullOutput: no verb ends well whose output is lost.
func TestFullOutput(t *testing.T) {
	filePipeline(t)
	artifact := artifactOf(t, trainPump)
	for _, args := range [][]string{
		{"version"}, {"--help"}, {"schema"}, {"lint", "pump.yaml"}, {"inspect", artifact}, {"dry-run", "-c", "pump.yaml"},
		{"explain", "-a", artifact, "in.jsonl"}, {"verify", "-a", artifact, "in.jsonl"}, {"transform", "-a", artifact, "in.jsonl"},
	} {
		var stderr bytes.Buffer
		if got := run(t.Context(), args, strings.NewReader(""), noRoom{}, &stderr); got != exitFailure || !strings.Contains(stderr.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%v: exit code %d, want %d\n%s", args, got, exitFailure, stderr.String())
		}
	}
}

// TestNoBroker: a verb that ends does not wait for ever for a cluster.
func TestNoBroker(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	config := strings.Replace(dryConfig, "%q", address, 1)
	if err := os.WriteFile("pumps.yaml", []byte(strings.Replace(config, "%s", "", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	tried := func(ctx context.Context, args ...string) (*app, error) {
		a := &app{stdin: strings.NewReader(""), stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), patience: 200 * time.Millisecond}
		root := a.root()
		root.SetArgs(args)
		return a, root.ExecuteContext(ctx)
	}
	artifact := artifactOf(t, trainPump)
	for _, args := range [][]string{{"freeze", "-c", "pumps.yaml"}, {"fit", "-c", "pumps.yaml"}, {"verify", "-a", artifact, "-c", "pumps.yaml"}} {
		a, err := tried(t.Context(), args...)
		if err == nil || a.exitCode(err) != exitFailure || !strings.Contains(err.Error(), "no answer within 200ms from "+address) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v: exit code %d: %v", args, a.exitCode(err), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if got := run(ctx, []string{"freeze", "-c", "pumps.yaml"}, strings.NewReader(""), new(bytes.Buffer), &stderr); got != exitInterrupted || !strings.HasSuffix(stderr.String(), "tare: interrupted\n") {
		t.Errorf("an interrupted freeze: exit code %d, %s", got, stderr.String())
	}
}

// TestFreezeBeforeRun says what is missing, and not to make it by hand.
func TestFreezeBeforeRun(t *testing.T) {
	d := newDry(t).fill(1, 3, nil)
	d.run(exitDone) // makes pumps.yaml
	_, stderr := tare(t, exitFailure, "", "freeze", "-c", "pumps.yaml")
	if !strings.HasSuffix(stderr, "of pipeline pumps revision 1: has tare run been started?\n") || strings.Contains(stderr, "create it") {
		t.Errorf("freeze says %s", stderr)
	}
}

// TestDryRunJudgesFiles: a file that a run would refuse fails the dry run, which
// leaves it as it is.
func TestDryRunJudgesFiles(t *testing.T) {
	w := newWriter(t, kafkatest.Fake(t), 1)
	plantTopic(t, w.cluster, "raw")
	w.finish(w.cluster.EndOffsets(t, "raw"))
	t.Chdir(w.dir)
	const file = "normalized-live.jsonl"
	says := func(level stream.Level, want string) {
		t.Helper()
		var out, errs bytes.Buffer
		run(t.Context(), []string{"dry-run", "-c", "plant.yaml"}, strings.NewReader(""), &out, &errs)
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, string(level)) && strings.Contains(line, file) && strings.Contains(line, want) {
				return
			}
		}
		t.Errorf("no check %s of %s says %q\n%s%s", level, file, want, out.String(), errs.String())
	}
	says(stream.CheckOK, "a run goes on behind what it holds")
	text, pos, config := readFile(t, file), readFile(t, file+".pos"), readFile(t, "plant.yaml")
	restore := func() {
		t.Helper()
		if err := errors.Join(os.WriteFile(file, text, 0o644), os.WriteFile(file+".pos", pos, 0o644), os.WriteFile("plant.yaml", config, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		breaks func() error
		says   string
	}{
		{func() error { return os.Truncate(file, int64(len(text)-100)) }, "records are gone"},
		{func() error { return os.WriteFile(file+".pos", []byte("garbage"), 0o644) }, "it is damaged"},
		{func() error { return os.Remove(file) }, "it has 0 bytes, of"},
		{func() error { return os.Remove(file + ".pos") }, "so tare run has not written them"},
		{func() error {
			return os.WriteFile("plant.yaml", append(config, "output: {value: features}\n"...), 0o644)
		}, "it holds records in the form"},
	} {
		if err := c.breaks(); err != nil {
			t.Fatal(err)
		}
		says(stream.CheckFail, c.says)
		restore()
	}
	says(stream.CheckOK, "a run goes on behind what it holds")
}
