package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tare/record"
	"tare/sink"
)

var update = flag.Bool("update", false, "write what commands say into testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tare": main})
}

// TestScripts runs testdata/script, one story a file. Besides testscript's own
// commands there are those of scriptCommands.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		UpdateScripts:      *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			examples, err := filepath.Abs("../../examples")
			env.Setenv("EXAMPLES", examples)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // under -race every process would sleep a second
			return err
		},
		Cmds: scriptCommands,
	})
}

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":    scriptExits,
	"numbers":  scriptNumbers,
	"flip":     scriptFlip,
	"compress": scriptCompress,
	"lines":    scriptLines,
	"absent":   scriptAbsent,
}

// exits CODE ARG...: tare with these arguments ends with that code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("tare", args[1:]...)
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		ts.Check(err)
		ts.Fatalf("exit code 0, want %d", want)
	}
	if got := failed.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// numbers float32|float64 FILE X...: FILE holds these numbers, little-endian,
// and nothing else.
func scriptNumbers(ts *testscript.TestScript, neg bool, args []string) {
	data := []byte(ts.ReadFile(args[1]))
	var got []string
	for len(data) > 0 {
		switch {
		case args[0] == "float32" && len(data) >= 4:
			got = append(got, fmt.Sprint(float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))))
			data = data[4:]
		case args[0] == "float64" && len(data) >= 8:
			got = append(got, fmt.Sprint(math.Float64frombits(binary.LittleEndian.Uint64(data))))
			data = data[8:]
		default:
			ts.Fatalf("%s: %d bytes behind %v are no %s", args[1], len(data), got, args[0])
		}
	}
	if want := args[2:]; strings.Join(got, " ") != strings.Join(want, " ") {
		ts.Fatalf("%s holds %v, want %v", args[1], got, want)
	}
}

// flip FILE AT: invert the bits of a byte, counted from the end where negative.
func scriptFlip(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 0xff
	ts.Check(os.WriteFile(path, data, 0o644))
}

// compress FROM TO: compress a file of lines as the name of the new one says.
func scriptCompress(ts *testscript.TestScript, neg bool, args []string) {
	w, err := sink.Create(ts.MkAbs(args[1]), nil, "\n", false)
	ts.Check(err)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		ts.Check(w.Write([]record.Message{{Value: []byte(strings.TrimSuffix(line, "\n"))}}))
	}
	ts.Check(w.Close())
}

// lines N FILE: FILE has so many lines.
func scriptLines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); got != want {
		ts.Fatalf("%s has %d lines, want %d", args[1], got, want)
	}
}

// absent PATTERN: no file matches, hidden ones neither.
func scriptAbsent(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) > 0 {
		ts.Fatalf("there is %v", found)
	}
}

// start runs this program as tare in a process of its own.
func start(t *testing.T, args ...string) (cmd *exec.Cmd, stdin io.WriteCloser, stdout *bufio.Reader) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), path)
	cmd.Args = append([]string{"tare"}, args...)
	stdin, err = cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdin, bufio.NewReader(out)
}

const (
	trainPump = `{"sensor":"pump","ts":"2026-02-01T00:00:00Z","temp":20}` + "\n" + `{"sensor":"pump","ts":"2026-02-02T00:00:00Z","temp":24}` + "\n"
	livePump  = `{"sensor":"pump","ts":"2026-03-02T00:00:00Z","temp":26}` + "\n"
)

// artifactOf learns from lines, in the current folder.
func artifactOf(t *testing.T, lines string) (path string) {
	t.Helper()
	tare(t, exitDone, lines, "fit", "-", "--series", "sensor", "--time", "ts", "--cutoff", "2026-03-01", "-o", "a.npz")
	return "a.npz"
}

// TestSignals stops a transform that waits for a pipe. What came before is out;
// the exit code tells that the work is not done.
func TestSignals(t *testing.T) {
	t.Chdir(t.TempDir())
	artifact := artifactOf(t, trainPump)
	f := func(s os.Signal, code int) {
		t.Helper()
		cmd, stdin, stdout := start(t, "transform", "-a", artifact, "--meta", "none")
		defer stdin.Close()
		io.WriteString(stdin, livePump)
		line, err := stdout.ReadString('\n')
		if want := `{"sensor":"pump","ts":"2026-03-02T00:00:00Z","temp":2}` + "\n"; line != want {
			t.Errorf("got %q, %v, want %q before standard input ends", line, err, want)
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%v: exit code %d, want %d", s, got, code)
		}
	}
	f(syscall.SIGTERM, exitInterrupted)
	f(os.Interrupt, exitInterrupted)
}

// TestInterruptedOutput leaves no half of a file behind.
func TestInterruptedOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	artifact := artifactOf(t, trainPump)
	in, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		io.WriteString(w, livePump+"{}\n")
		cancel()
		io.WriteString(w, livePump)
		w.Close()
	}()
	var stderr strings.Builder
	code := run(ctx, []string{"transform", "-a", artifact, "-o", "out.jsonl", "--dead-letter", "dead.jsonl"}, in, io.Discard, &stderr)
	in.Close() // ends the write that the interrupted pass did not read
	if code != exitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", code, exitInterrupted, stderr.String())
	}
	if names, _ := filepath.Glob("*out.jsonl*"); len(names) > 0 {
		t.Errorf("an interrupted pass leaves %v", names)
	}
	if dead := readFile(t, "dead.jsonl"); !strings.Contains(string(dead), `"value":"{}"`) {
		t.Errorf("the dead letter is lost: %q", dead)
	}
}
