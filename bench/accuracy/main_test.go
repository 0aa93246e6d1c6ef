package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tare/internal/accuracy"
)

// cells returns a column of all rows of the tables of a page.
func cells(page string, column int) (all []string) {
	for line := range strings.Lines(page) {
		if cell := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| what ") {
			all = append(all, strings.TrimPrefix(cell[column], "| "))
		}
	}
	return all
}

// The page has the rows and the bars of the table, in its order, and no other
// text.
func TestDocument(t *testing.T) {
	page, err := os.ReadFile("../../" + document)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := render(accuracy.Bars, nil)
	for column, what := range []string{"rows", "bars"} {
		if got, want := cells(string(page), column), cells(want, column); !slices.Equal(got, want) {
			t.Errorf("the %s of %s are\n%q\nand those of internal/accuracy/bars.go\n%q\nmake accuracy writes the page anew", what, document, got, want)
		}
	}
	if !strings.HasPrefix(string(page), head) || !strings.HasSuffix(string(page), notes(accuracy.Bars)) {
		t.Errorf("%s begins or ends otherwise than make accuracy writes it", document)
	}
}

// Every row stands once.
func TestBars(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range accuracy.Bars {
		if seen[b.Name] {
			t.Errorf("%s: two bars", b.Name)
		}
		seen[b.Name] = true
		if strings.ContainsAny(b.Name, "|\n") || !(b.Limit >= 0) {
			t.Errorf("%s: bar %v", b.Name, b.Limit)
		}
	}
}

func TestRender(t *testing.T) {
	bars := []accuracy.Bar{
		{Section: "A", Name: "kept", Limit: .01, Unit: accuracy.Percent, Peer: "peer", Note: "why"},
		{Section: "A", Name: "beyond", Limit: 4, Unit: accuracy.ULP},
		{Section: "B", Name: "unseen", Limit: 4, Unit: accuracy.ULP},
		{Section: "B", Name: "as well", Unit: accuracy.Count, Note: "why"},
		{Section: "B", Name: "free", Limit: math.Inf(1), Unit: accuracy.Relative},
	}
	path := filepath.Join(t.TempDir(), "results")
	for _, res := range []accuracy.Result{
		{Name: "kept", Worst: .005, Where: "normal", PeerWorst: .02, Answers: 2},
		{Name: "beyond", Worst: 5, Where: "sine", Answers: 1},
		{Name: "kept", Worst: .007, Where: "uniform", PeerWorst: .01, Answers: 3},
		{Name: "as well", Answers: 1},
		{Name: "free", Worst: math.NaN(), Where: "300 decades", Answers: 1},
	} {
		if err := res.AppendTo(path); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	measured, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	page, missed := render(bars, measured)
	for _, row := range []string{
		"| kept | 1 % | 0.7 % | uniform | 5 | 2 % | kept |\n",
		"| beyond | 4 ulp | 5 ulp | sine | 1 |  | **missed** |\n",
		"| unseen | 4 ulp | 0 ulp |  | 0 |  | not measured |\n",
		"| free | none | ∞ | 300 decades | 1 |  | no bar |\n",
		"| as well | 0 | 0 |  | 1 |  | kept |\n",
		"\n- kept; as well: why.\n",
	} {
		if !strings.Contains(page, row) {
			t.Errorf("no %q in\n%s", row, page)
		}
	}
	const want = "beyond: 5 ulp on sine, want up to 4 ulp\nunseen: not measured"
	if missed == nil || missed.Error() != want {
		t.Errorf("the error is %v, want %s", missed, want)
	}
}
