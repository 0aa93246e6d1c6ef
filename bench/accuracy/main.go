// Command accuracy measures every bar of internal/accuracy in full and writes
// docs/accuracy.md. It exits with 1 if a bar is missed or was not measured.
//
//	make accuracy
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tare/internal/accuracy"
)

// document is the file that is written.
const document = "docs/accuracy.md"

func main() {
	log.SetFlags(0)
	if err := run(os.Stderr); err != nil {
		log.Fatalf("accuracy: %v", err)
	}
}

// run measures, writes the document even where a bar is missed, and returns what
// was wrong.
func run(progress io.Writer) error {
	dir, err := os.MkdirTemp("", "accuracy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	results := filepath.Join(dir, "results")
	failed := measure(progress, results)
	text, err := os.ReadFile(results)
	if err != nil {
		return errors.Join(failed, err)
	}
	measured, err := read(bytes.NewReader(text))
	if err != nil {
		return errors.Join(failed, err)
	}
	page, missed := render(accuracy.Bars, measured)
	return errors.Join(failed, missed, os.WriteFile(document, []byte(page), 0o644))
}

// measure runs the tests that measure, in full, and those of other processors.
func measure(progress io.Writer, results string) error {
	tests := exec.Command("go", "test", "-count=1", "-timeout=60m", "-skip=^TestDocument$", "./welford", "./sketch", "./bench/accuracy")
	tests.Env = append(os.Environ(), "TARE_LONG=1", "TARE_SEED=1", accuracy.Env+"="+results)
	tests.Stdout, tests.Stderr = progress, progress
	failed := tests.Run()
	var out bytes.Buffer
	bits := exec.Command("make", "pinned")
	bits.Stdout, bits.Stderr = io.MultiWriter(progress, &out), progress
	res := accuracy.Result{Name: accuracy.Builds, Answers: 1}
	if err := bits.Run(); err != nil {
		failed, res.Worst = errors.Join(failed, fmt.Errorf("make pinned: %w", err)), 1
	}
	res.Where = builds(&out)
	return errors.Join(failed, res.AppendTo(results))
}

// complete reports whether the files beside the repository are there.
func complete() bool {
	_, err := os.Stat("../shared/data")
	return err == nil
}

// builds lists what make pinned says it has compared.
func builds(out io.Reader) string {
	var names []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "same bits: "); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, "; ")
}

// read joins the results of all tests by their rows: the worst of each.
func read(r io.Reader) (map[string]accuracy.Result, error) {
	all := map[string]accuracy.Result{}
	for d := json.NewDecoder(r); ; {
		var res accuracy.Result
		if err := d.Decode(&res); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if was, ok := all[res.Name]; ok {
			res = worse(was, res)
		}
		all[res.Name] = res
	}
}

func worse(a, b accuracy.Result) accuracy.Result {
	if b.Worst > a.Worst {
		a.Worst, a.Where = b.Worst, b.Where
	}
	a.PeerWorst = max(a.PeerWorst, b.PeerWorst)
	a.Answers += b.Answers
	return a
}

const head = `# Accuracy

Each row is the worst that was measured over all the data, sizes and seeds of its test, beside the bar that it must keep; a row beyond its bar, or without a measurement, fails the command.
Truth is exact arithmetic (math/big) for moments, the sorted values for quantiles, and files that scikit-learn, numpy and NIST gave; the peer, where there is one, got the same values in the same run: influxdata/tdigest at the compression of our digest (100), or Welford's plain update.
` + "`make accuracy`" + ` measures, with seeds from 0 and TARE_SEED=1, and writes this page, ` + "`go test ./welford ./sketch ./bench/accuracy`" + ` holds the same bars with fewer seeds, and internal/accuracy/bars.go is where they stand.

The error of a quantile q is one of rank: how far q lies from the ranks that the answer takes among the sorted values, less 1/n. Ordinary data are normal, uniform, lognormal (σ 2), Pareto (α 1.1), ascending, descending, with a drift, and a sine. Figures of speed stand in [benchmarks.md](benchmarks.md).
`

// render makes the page of the bars, and an error that names every bar that was
// missed or not measured.
func render(bars []accuracy.Bar, measured map[string]accuracy.Result) (page string, missed error) {
	var b strings.Builder
	b.WriteString(head)
	section := ""
	for _, bar := range bars {
		if bar.Section != section {
			section = bar.Section
			fmt.Fprintf(&b, "\n## %s\n\n| what | bar | worst measured | on | answers | peer | verdict |\n|---|---|---|---|---|---|---|\n", section)
		}
		res, ok := measured[bar.Name]
		verdict := "kept"
		switch {
		case !ok && bar.Beside() && !complete():
			verdict = "not measured: no ../shared"
		case !ok:
			verdict = "not measured"
			missed = errors.Join(missed, fmt.Errorf("%s: not measured", bar.Name))
		case res.Worst > bar.Limit:
			verdict = "**missed**"
			missed = errors.Join(missed, fmt.Errorf("%s: %s on %s, want up to %s", bar.Name, bar.Unit.Text(res.Worst), res.Where, bar.Unit.Text(bar.Limit)))
		case math.IsInf(bar.Limit, 1):
			verdict = "no bar"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %s | %s |\n", bar.Name, bar.Unit.Text(bar.Limit), bar.Unit.Text(res.Worst), res.Where, res.Answers, peer(&bar, &res), verdict)
	}
	b.WriteString(notes(bars))
	return b.String(), missed
}

func peer(bar *accuracy.Bar, res *accuracy.Result) string {
	if bar.Peer == "" {
		return ""
	}
	return bar.Unit.Text(res.PeerWorst)
}

// notes lists what there is to say on single rows, those with the same note
// together.
func notes(bars []accuracy.Bar) string {
	var order []string
	rows := map[string][]string{}
	for _, bar := range bars {
		if bar.Note == "" {
			continue
		}
		if rows[bar.Note] == nil {
			order = append(order, bar.Note)
		}
		rows[bar.Note] = append(rows[bar.Note], bar.Name)
	}
	var b strings.Builder
	b.WriteString("\n## Notes\n\n")
	for _, note := range order {
		fmt.Fprintf(&b, "- %s: %s.\n", strings.Join(rows[note], "; "), note)
	}
	return b.String()
}
