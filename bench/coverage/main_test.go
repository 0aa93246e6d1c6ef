package main

import (
	"os"
	"strings"
	"testing"
)

// TestDocument holds docs/coverage.md to be what all rows give when their tests
// pass, which is what make coverage finds.
func TestDocument(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile(practices)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parse(string(text))
	if err != nil {
		t.Fatalf("%s:%v", practices, err)
	}
	passed := map[string]bool{}
	for _, proof := range proofs(rows) {
		passed[proof] = true
	}
	page, err := render(rows, passed)
	if err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(document); err != nil || string(written) != page {
		t.Errorf("%s is not that of %s; run make coverage (%v)", document, practices, err)
	}
}

// TestRender leaves a mark out where its test did not pass, and says so.
func TestRender(t *testing.T) {
	rows, err := parse("# comment\n\nstandard\nlearned fit.TestA/x\ninverse -\ngolden fit.TestB\n\nnone\nfrozen fit.TestA/x\n")
	if err != nil {
		t.Fatal(err)
	}
	if !holds(map[string]bool{"fit.TestA/x": true}, "fit.TestA/*") || holds(map[string]bool{"fit.TestB/x": true}, "fit.TestA/*") {
		t.Error("a star does not stand for what begins so")
	}
	page, err := render(rows, map[string]bool{"fit.TestA/x": true})
	if err == nil || err.Error() != "standard, golden: fit.TestB did not pass" {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"| standard | ● | | | – | | | | |", "| none | | | ● | | | | | |", "- **standard**: learned `fit.TestA/x`, golden `fit.TestB`."} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a\nfast fit.TestA": `2: "fast fit.TestA": want one of learned`,
		"a\nlearned":        `2: "learned": want`,
		"a\nlearned fit.TestA\nlearned fit.TestB": `3: "learned fit.TestB": want`,
	} {
		if _, err := parse(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestRead takes what passed, and benchmarks with a result, from what the tools
// print.
func TestRead(t *testing.T) {
	passed := map[string]bool{}
	lines := `{"Action":"run","Package":"tare/fit","Test":"TestA"}
{"Action":"pass","Package":"tare/fit","Test":"TestA/x"}
{"Action":"skip","Package":"tare/fit","Test":"TestB"}
{"Action":"fail","Package":"tare/fit","Test":"TestC"}
{"Action":"pass","Package":"tare/fit"}
{"Action":"output","Package":"tare/scale","Test":"BenchmarkD/x","Output":"       1\t 12 ns/op\n"}
`
	if err := readGo(passed, strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	report := `<testsuites><testsuite><testcase name="test_a[x]"/><testcase name="test_b"><skipped/></testcase><testcase name="test_c"><failure/></testcase></testsuite></testsuites>`
	if err := readPython(passed, strings.NewReader(report)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fit.TestA/x", "scale.BenchmarkD/x", "python.test_a[x]", "python.test_a"} {
		if !passed[name] {
			t.Errorf("%s is not among those that passed", name)
		}
		delete(passed, name)
	}
	if len(passed) > 0 {
		t.Errorf("passed are %v, too", passed)
	}
}
