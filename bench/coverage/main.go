// Command coverage runs the tests that practices.txt names and writes
// docs/coverage.md: which practice of data normalization is learned, merged,
// frozen, inverted and so on. A mark stands there because its test passed in this
// run. It exits with 1 if one did not.
//
//	make coverage
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	practices = "bench/coverage/practices.txt"
	document  = "docs/coverage.md"
)

// columns are what a practice may have, in the order of the document.
var columns = []string{"learned", "mergeable", "frozen", "inverse", "golden", "example", "benchmark", "Python"}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: coverage PYTHON, an interpreter that has pytest and numpy")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatalf("coverage: %v", err)
	}
}

func run(python string) error {
	text, err := os.ReadFile(practices)
	if err != nil {
		return err
	}
	rows, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s:%w", practices, err)
	}
	passed, failed := prove(proofs(rows), python)
	page, missing := render(rows, passed)
	return errors.Join(failed, missing, os.WriteFile(document, []byte(page), 0o644))
}

// A row is a practice, and the test that proves each column: empty where it is not
// so, none where it means nothing.
type row struct {
	name  string
	proof [8]string
}

// none stands for a column that a practice cannot have.
const none = "-"

// parse reads paragraphs of a practice's name and lines of "column proof". Lines
// that begin with # are comments. Its error begins with the line.
func parse(text string) (rows []row, err error) {
	fresh := true
	for i, line := range strings.Split(text, "\n") {
		name, proof, _ := strings.Cut(strings.TrimSpace(line), " ")
		at := slices.Index(columns, name)
		switch {
		case strings.HasPrefix(line, "#"):
		case name == "":
			fresh = true
		case fresh:
			rows, fresh = append(rows, row{name: strings.TrimSpace(line)}), false
		case at < 0 || strings.TrimSpace(proof) == "" || rows[len(rows)-1].proof[at] != "":
			return nil, fmt.Errorf("%d: %q: want one of %s, each once, and its test", i+1, line, strings.Join(columns, ", "))
		default:
			rows[len(rows)-1].proof[at] = strings.TrimSpace(proof)
		}
	}
	return rows, nil
}

// proofs returns the tests that rows name, each once.
func proofs(rows []row) (list []string) {
	for _, r := range rows {
		for _, proof := range r.proof {
			if proof != "" && proof != none && !slices.Contains(list, proof) {
				list = append(list, proof)
			}
		}
	}
	return list
}

// prove runs tests and returns those that passed. A proof is PACKAGE.TestNAME or
// PACKAGE.BenchmarkNAME, with a subtest behind a slash, or python.NAME, which may
// be several: see holds.
func prove(list []string, python string) (passed map[string]bool, err error) {
	passed = map[string]bool{}
	var tests, benchmarks, packages, cases []string
	for _, proof := range list {
		pkg, name, _ := strings.Cut(proof, ".")
		top, _, _ := strings.Cut(strings.TrimSuffix(name, "*"), "/")
		switch {
		case pkg == "python":
			cases = append(cases, name)
			continue
		case strings.HasPrefix(top, "Benchmark"):
			benchmarks = append(benchmarks, top)
		default:
			tests = append(tests, top)
		}
		packages = append(packages, "./"+pkg)
	}
	return passed, errors.Join(
		goTests(passed, unique(tests), unique(benchmarks), unique(packages)),
		pythonTests(passed, cases, python))
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// goTests runs tests, and benchmarks once.
func goTests(passed map[string]bool, tests, benchmarks, packages []string) error {
	args := []string{"test", "-json", "-count=1", "-run", anyOf(tests), "-bench", anyOf(benchmarks), "-benchtime", "1x"}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return errors.Join(err, readGo(passed, bytes.NewReader(out)))
}

func anyOf(names []string) string { return "^(" + strings.Join(names, "|") + ")$" }

// readGo takes the passed tests, and the benchmarks that have a result, from what
// go test -json prints.
func readGo(passed map[string]bool, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("go test -json: %w", err)
		}
		pkg := strings.TrimPrefix(e.Package, "tare/")
		switch {
		case e.Action == "pass" && e.Test != "":
			passed[pkg+"."+e.Test] = true
		case e.Action == "output" && e.Test != "" && strings.Contains(e.Output, "ns/op") || strings.Contains(e.Output, "cpu-ns"):
			passed[pkg+"."+e.Test] = true
		}
		if e.Action == "fail" && e.Test != "" {
			fmt.Fprintf(os.Stderr, "failed: %s.%s\n", pkg, e.Test)
		}
	}
	return lines.Err()
}

// pythonTests runs tests of the reader.
func pythonTests(passed map[string]bool, cases []string, python string) error {
	if len(cases) == 0 {
		return nil
	}
	report, err := os.CreateTemp("", "coverage*.xml")
	if err != nil {
		return err
	}
	defer os.Remove(report.Name())
	defer report.Close()
	var names []string
	for _, c := range cases {
		name, _, _ := strings.Cut(c, "[")
		names = append(names, name)
	}
	cmd := exec.Command(python, "-m", "pytest", "-q", "python", "--junitxml", report.Name(), "-k", strings.Join(unique(names), " or "))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	failed := cmd.Run()
	return errors.Join(failed, readPython(passed, report))
}

// readPython takes the passed tests from a report in JUnit's form.
func readPython(passed map[string]bool, r io.Reader) error {
	var report struct {
		Cases []struct {
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.NewDecoder(r).Decode(&report); err != nil {
		return fmt.Errorf("report of pytest: %w", err)
	}
	for _, c := range report.Cases {
		if c.Failure != nil || c.Error != nil || c.Skipped != nil {
			continue
		}
		name, _, _ := strings.Cut(c.Name, "[")
		passed["python."+c.Name], passed["python."+name] = true, true
	}
	return nil
}

// holds reports whether a proof passed. One that ends with a star stands for all
// tests that begin so, of which there is one.
func holds(passed map[string]bool, proof string) bool {
	begin, all := strings.CutSuffix(proof, "*")
	if !all {
		return passed[proof]
	}
	for name := range passed {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// render returns the document, and an error that names the proofs that did not
// pass.
func render(rows []row, passed map[string]bool) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `# Coverage

What of data normalization tare does on a stream, and whether it is learned there, can be merged, is frozen into the artifact, goes back, equals the answers of scikit-learn or torchvision (golden), has an example and a benchmark, and is done alike in Python. Written by %s: a ● stands where the test behind it passed in that run, – where the practice cannot have it, and nothing where tare has it not.

| practice | %s |
|---|%s
`, "`make coverage`", strings.Join(columns, " | "), strings.Repeat(":-:|", len(columns)))
	var missing []error
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |", r.name)
		for i, proof := range r.proof {
			mark := " ● |"
			switch {
			case proof == none:
				mark = " – |"
			case proof == "":
				mark = " |"
			case !holds(passed, proof):
				mark = " |"
				missing = append(missing, fmt.Errorf("%s, %s: %s did not pass", r.name, columns[i], proof))
			}
			b.WriteString(mark)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## The tests\n\n")
	for _, r := range rows {
		var list []string
		for i, proof := range r.proof {
			if proof != "" && proof != none {
				list = append(list, fmt.Sprintf("%s `%s`", columns[i], proof))
			}
		}
		fmt.Fprintf(&b, "- **%s**: %s.\n", r.name, strings.Join(list, ", "))
	}
	return b.String(), errors.Join(missing...)
}
