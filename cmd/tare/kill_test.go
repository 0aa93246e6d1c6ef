package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tare/internal/kafkatest"
)

// killCalls are the system calls by which a process changes anything outside of
// itself. A question mark is for those that a processor may not have.
var killCalls = []string{"write", "pwrite64", "fsync", "fdatasync", "?rename", "renameat", "renameat2", "openat", "?unlink", "unlinkat", "sendto", "connect", "close"}

// TestRunKilledAtCall kills tare run on the entry into its n-th system call of a
// kind, n and the kind at random, several times in a row on one topic, and then
// lets it finish. The artifact is that of an undisturbed run, and every record
// stands once in one of the outputs. Then another topic, until all points are
// used up.
func TestRunKilledAtCall(t *testing.T) {
	if os.Getenv("TARE_KILL") != "1" {
		t.Skip("kill -9 at system calls takes minutes and needs strace: make kill")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: make kill installs it")
	}
	k := &killing{strace: strace, r: rand.New(rand.NewPCG(seed(t), 0)), rejects: 10_000, hits: map[string]int{}, kinds: map[string]int{}}
	k.calls = make([]map[string]map[string]int, len(plantOutputs))
	if os.Getenv("TARE_LONG") == "1" {
		k.rejects = 100_000
	}
	points := 100
	if text := os.Getenv("TARE_KILLS"); text != "" {
		if points, err = strconv.Atoi(text); err != nil {
			t.Fatalf("TARE_KILLS: %v", err)
		}
	}
	for outputs := range plantOutputs {
		t.Run(fmt.Sprint("calm", outputs), func(t *testing.T) { k.calm(t, outputs) })
	}
	for round := 1; k.points() < points && !t.Failed(); round++ {
		t.Run(fmt.Sprint("topic", round), func(t *testing.T) { k.round(t, round%len(plantOutputs), min(inARow, points-k.points())) })
	}
	t.Logf("%d points: %d in fit, %d in freeze, %d in normalize; %v; %d runs had written all before their call came, and were killed then",
		k.points(), k.hits["fit"], k.hits["freeze"], k.hits["normalize"], k.kinds, k.late)
	for _, phase := range []string{"fit", "freeze", "normalize"} {
		if points >= 100 && k.hits[phase] == 0 {
			t.Errorf("no point of %d hit %s", k.points(), phase)
		}
	}
}

// inARow is how often a run on one topic is killed at most.
const inARow = 10

// A killing is a series of kills. The numbers of calls are those that one
// thread of an undisturbed run makes at most: strace counts for each thread.
type killing struct {
	strace  string
	r       *rand.Rand
	rejects int
	id      string                      // of the undisturbed run's artifact
	calls   []map[string]map[string]int // by outputs, phase and kind
	hits    map[string]int              // points by phase
	kinds   map[string]int              // points by call
	late    int
}

func (k *killing) points() int { return k.hits["fit"] + k.hits["freeze"] + k.hits["normalize"] }

const rejectBytes = 200

// topic returns a worker on a cluster of its own, with the plant's records and
// behind them, in partition 1, many that are no JSON and one that is.
func (k *killing) topic(t *testing.T, outputs int) (*worker, *kafkatest.Oracle) {
	w := newWriter(t, kafkatest.Fake(t), outputs)
	oracle := plantTopic(t, w.cluster, "raw")
	plant := w.cluster.Consume(t, "raw")[1]
	last := plant[len(plant)-1]
	var records []*kgo.Record
	for n := range k.rejects {
		records = append(records, &kgo.Record{Value: fmt.Appendf(nil, "not JSON %0*d", rejectBytes, n), Timestamp: last.Timestamp})
	}
	records = append(records, &kgo.Record{Key: last.Key, Value: last.Value, Timestamp: last.Timestamp})
	w.cluster.Produce(t, "raw", 1, records...)
	oracle.Expect(records...)
	k.slow(w.cluster.Fake)
	return w, oracle
}

// slow lets a batch take its time, by its bytes: together those that are rejected
// take longer than a run waits between two commits. So runs die with batches on
// their way and with commits behind them, and batches of a dead one arrive when
// the next has started.
func (k *killing) slow(fake *kfake.Cluster) {
	const all = 2 * time.Second
	perByte := all / time.Duration(k.rejects*rejectBytes)
	fake.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		size := len(r.AppendTo(nil))
		fake.SleepControl(func() { time.Sleep(20*time.Millisecond + time.Duration(size)*perByte) })
		return nil, nil, false
	})
}

// calm runs without a kill, twice: for the artifact, and for the calls.
func (k *killing) calm(t *testing.T, outputs int) {
	w, oracle := k.topic(t, outputs)
	ends := w.cluster.EndOffsets(t, "raw")
	if id := w.finish(ends); k.id == "" {
		k.id = id
	} else if id != k.id {
		t.Errorf("artifact %s, want %s, wherever its records go", id, k.id)
	}
	all, _ := w.written()
	if err := oracle.Check(ends, all...); err != nil {
		t.Error(err)
	}
	w, _ = k.topic(t, outputs)
	log := filepath.Join(w.dir, "calls")
	cmd, stderr := w.start(k.strace, "-f", "-o", log, "-e", "trace="+strings.Join(killCalls, ","))
	ended := w.untilWritten(cmd, stderr, ends)
	w.killTraced(cmd)
	<-ended
	before, behind := countCalls(readFile(t, log))
	if len(before) == 0 || len(behind) == 0 {
		t.Fatalf("calls until the checkpoints are removed: %v, and behind: %v, want some", before, behind)
	}
	t.Logf("calls of a thread at most: %v until the checkpoints are removed, %v behind", before, behind)
	k.calls[outputs] = map[string]map[string]int{"fit": before, "freeze": before, "normalize": behind}
}

var (
	aCall    = regexp.MustCompile(`^(\d+) +(\w+)\(`)
	aRemoval = regexp.MustCompile(` unlink\w*\(.*plant-1\.checkpoints"`)
)

// countCalls reads strace's output: by kind, the calls of the thread that makes
// the most of them, until the checkpoints are removed and behind.
func countCalls(log []byte) (before, behind map[string]int) {
	type place struct{ thread, call string }
	counts := map[place]int{}
	most := func() map[string]int {
		calls := map[string]int{}
		for at, n := range counts {
			calls[at.call] = max(calls[at.call], n)
		}
		return calls
	}
	for line := range bytes.Lines(log) {
		if m := aCall.FindSubmatch(line); m != nil {
			counts[place{string(m[1]), string(m[2])}]++
		}
		if before == nil && aRemoval.Match(line) {
			before = most()
			clear(counts)
		}
	}
	return before, most()
}

// round kills a run on a new topic some times, fewer if it gets to the end, and
// checks what comes of it.
func (k *killing) round(t *testing.T, outputs, kills int) {
	w, oracle := k.topic(t, outputs)
	ends := w.cluster.EndOffsets(t, "raw")
	var points []string
	defer func() {
		if t.Failed() {
			t.Logf("it was killed at %s", strings.Join(points, ", "))
		}
	}()
	phase := "fit"
	if k.r.IntN(2) == 0 {
		phase = w.begun()
	}
	for range kills {
		call, n := k.draw(k.calls[outputs][phase])
		points = append(points, fmt.Sprintf("%s %d", call, n))
		if phase = k.kill(w, call, n); phase == "" {
			break
		}
	}
	if got := w.finish(ends); got != k.id {
		t.Errorf("artifact %s, want %s", got, k.id)
	}
	all, _ := w.written()
	if err := oracle.Check(ends, all...); err != nil {
		t.Error(err)
	}
}

// begun lets a run get to the normalize pass and kills it there.
func (w *worker) begun() (phase string) {
	w.Helper()
	cmd, stderr := w.start()
	for end := time.Now().Add(patience); !strings.Contains(stderr.String(), "normalizing"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("it does not normalize after %v\n%s", patience, stderr)
		}
	}
	w.killTraced(cmd)
	_ = cmd.Wait() // killed
	return "normalize"
}

// draw returns a call and a number of it that the next run may come to, of those
// that follow where the one before has died: now one of all calls, now one of a
// kind, so that rare kinds have their turn and what follows many calls too.
func (k *killing) draw(calls map[string]int) (call string, n int) {
	kinds := slices.Sorted(maps.Keys(calls))
	call = kinds[k.r.IntN(len(kinds))]
	if k.r.IntN(2) == 0 {
		var all []string
		for _, kind := range kinds {
			all = append(all, slices.Repeat([]string{kind}, calls[kind])...)
		}
		call = all[k.r.IntN(len(all))]
	}
	return call, 1 + k.r.IntN(calls[call])
}

// patience is how long a run may take to its call; it has written all in half of
// that.
const patience = 6 * time.Second

// kill lets the n-th call kill a run, and returns the phase that it died in;
// nothing for a run that did not come to the call.
func (k *killing) kill(w *worker, call string, n int) (phase string) {
	cmd, stderr := w.start(k.strace, "-f", "-o", os.DevNull, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n))
	slow := time.AfterFunc(patience, func() { w.killTraced(cmd) })
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		w.Fatalf("%s %d: it ended by itself: %v, want a kill\n%s", call, n, err, stderr)
	}
	if !slow.Stop() {
		k.late++
		return ""
	}
	phase = w.phase(stderr.String())
	k.hits[phase]++
	k.kinds[call]++
	return phase
}

// killTraced kills strace and what it runs.
func (w *worker) killTraced(cmd *exec.Cmd) {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		w.Error(err)
	}
}

// phase tells from what a killed run has left what it was doing: it freezes from
// the first byte of the artifact until the checkpoints are removed.
func (w *worker) phase(said string) string {
	begun, err := filepath.Glob(filepath.Join(w.dir, "state", "*plant-1.*npz*"))
	if err != nil {
		w.Fatal(err)
	}
	_, err = os.Stat(filepath.Join(w.dir, "state", "plant-1.checkpoints"))
	switch {
	case strings.Contains(said, "normalizing"), len(begun) > 0 && err != nil:
		return "normalize"
	case len(begun) > 0:
		return "freeze"
	}
	return "fit"
}
