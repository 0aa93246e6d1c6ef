// Package kafka measures tare beside other clients on a real Apache Kafka, all in
// turn in one run: client CPU and wall for each record, and allocations. Then it
// measures tare run alone: end to end beside its parts, how soon it is back after
// a kill, and how late a record comes out.
//
//	make bench-kafka
//	make bench-kafka BENCH='-run TestKafka/latency'
//
// The broker shares the machine with the clients, so that CPU, which is the
// client's alone, is the sturdier column. Ratios hold between machines; figures
// do not.
package kafka

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tare/internal/kafkatest"
)

var (
	quick   = flag.Bool("quick", false, "a tenth of the records, and two runs")
	runs    = flag.Int("runs", 3, "how often everything is measured")
	save    = flag.String("save", "", "file for the report, besides standard output")
	program = flag.String("tare", "", "tare to measure the common work with; empty builds it")
)

// size says how much is measured.
type size struct{ records, runs int }

func sizeOf() size {
	if *quick {
		return size{200_000, 2}
	}
	return size{2_000_000, *runs}
}

const partitions = 4

// A usage is what one client took for some records.
type usage struct {
	records   int
	wall, cpu time.Duration
	allocs    uint64 // 0 for another process
}

// A contestant does the same as others.
type contestant struct {
	name string
	run  func(t *testing.T) usage
}

// here measures f, in this process.
func here(t *testing.T, records int, f func()) usage {
	t.Helper()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(t), time.Now()
	f()
	u := usage{records: records, wall: time.Since(start), cpu: cpuTime(t) - cpu}
	runtime.ReadMemStats(&after)
	u.allocs = after.Mallocs - before.Mallocs
	return u
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// there measures a process from its start to its end.
func there(t *testing.T, records int, cmd *exec.Cmd) usage {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out.String())
	}
	return usageOf(cmd, records, time.Since(start))
}

func usageOf(cmd *exec.Cmd, records int, wall time.Duration) usage {
	s := cmd.ProcessState
	return usage{records: records, wall: wall, cpu: s.UserTime() + s.SystemTime()}
}

// race lets everyone run in turn, again and again, and prints a table: the best
// run of each, and ratios to the one named reference.
func race(t *testing.T, out io.Writer, title, reference string, n int, all []contestant) {
	t.Helper()
	fmt.Fprintf(out, "\n%s\n%-34s %10s %8s %8s %8s %11s %8s\n", title,
		"", "records/s", "CPU ns", "x CPU", "x wall", "wall spread", "allocs")
	taken := map[string][]usage{}
	for range n {
		for _, c := range all {
			taken[c.name] = append(taken[c.name], c.run(t))
		}
	}
	base := best(taken[reference])
	for _, c := range all {
		u := best(taken[c.name])
		fmt.Fprintf(out, "%-34s %10.0f %8.0f %8.2f %8.2f %11.2f %8s\n", c.name,
			float64(u.records)/u.wall.Seconds(), float64(u.cpu.Nanoseconds())/float64(u.records),
			float64(u.cpu)/float64(base.cpu), float64(u.wall)/float64(base.wall), spread(taken[c.name]),
			allocations(u))
	}
}

// best returns the least of each measure.
func best(all []usage) usage {
	b := all[0]
	for _, u := range all[1:] {
		b.wall, b.cpu, b.allocs = min(b.wall, u.wall), min(b.cpu, u.cpu), min(b.allocs, u.allocs)
	}
	return b
}

// spread is the slowest run over the fastest.
func spread(all []usage) float64 {
	slowest := slices.MaxFunc(all, func(a, b usage) int { return int(a.wall - b.wall) })
	return float64(slowest.wall) / float64(best(all).wall)
}

// allocations are those of a record, as text.
func allocations(u usage) string {
	if u.allocs == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f", float64(u.allocs)/float64(u.records))
}

func TestKafka(t *testing.T) {
	c := kafkatest.Real(t, kafkatest.Options{})
	out, s := report(t), sizeOf()
	heading(t, out, s)
	warm(t, c, s.records)
	t.Run("consume", func(t *testing.T) { consuming(t, out, c, s) })
	t.Run("produce", func(t *testing.T) { producing(t, out, c, s) })
	t.Run("common", func(t *testing.T) { commonWork(t, out, c, s) })
	t.Run("whole", func(t *testing.T) { whole(t, out, c, s) })
	t.Run("restart", func(t *testing.T) { restart(t, out, c, s) })
	t.Run("latency", func(t *testing.T) { latency(t, out, s) })
}

func report(t *testing.T) io.Writer {
	t.Helper()
	if *save == "" {
		return os.Stdout
	}
	f, err := os.Create(*save)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return io.MultiWriter(os.Stdout, f)
}

func heading(t *testing.T, out io.Writer, s size) {
	t.Helper()
	fmt.Fprintf(out, "%s\n%s %s/%s\n%d cores of %s, shared by broker and client\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor())
	if at := os.Getenv("TARE_KAFKA"); at != "" {
		fmt.Fprintf(out, "the cluster at %s\n", at)
	}
	for _, m := range jars(t) {
		fmt.Fprintf(out, "%s %s\n", m[1], m[2])
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if strings.Contains(m.Path, "kafka-go") || strings.HasSuffix(m.Path, "/franz-go") {
				fmt.Fprintf(out, "%s %s\n", m.Path, m.Version)
			}
		}
	}
	fmt.Fprintf(out, "%d records, %d partitions, best of %d\n", s.records, partitions, s.runs)
}

var jar = regexp.MustCompile(`<artifactId>(kafka[_-]\S+)</artifactId>\s+<version>(\S+)</version>`)

// jars returns names and versions of the broker and the tools that kafka.sh runs.
func jars(t *testing.T) [][]string {
	t.Helper()
	list, err := os.ReadFile(filepath.Join("..", "..", "kafkatest", "pom.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return jar.FindAllStringSubmatch(string(list), -1)
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown make"
	}
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "unknown make"
}

// tareProgram returns the program to measure.
func tareProgram(t *testing.T) string {
	t.Helper()
	if *program != "" {
		return *program
	}
	return build(t, filepath.Join("..", ".."), "./cmd/tare")
}

// build compiles a program of the tree.
func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-o", program, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	return program
}
