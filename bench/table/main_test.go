package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var in strings.Builder
	for _, r := range rows {
		benches := []string{r.bench}
		for _, p := range r.peers {
			benches = append(benches, p.bench)
		}
		for i, name := range benches {
			pkg, bench, _ := strings.Cut(name, ".")
			in.WriteString("goos: linux\npkg: " + pkg + "\n")
			for _, v := range []string{"1", "200", "2", "2", "4", "900"} { // median 3
				in.WriteString("Benchmark" + bench + "  \t 12\t " + v + strings.Repeat("0", i) + " " + r.metric + "\n")
			}
		}
	}
	in.WriteString("PASS\nok  \ttare\t1.2s\n")
	m, err := read(strings.NewReader(in.String()))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := m.write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| moments in blocks of 32, a value | 3.0 ns | | | <= 3.0 ns |",
		"| | | plain Welford: 30.0 ns | 0.10 | <= 0.50 |",
		"| the same, allocations | 3.00 | | | <= 0.50: **missed** |",
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("got\n%s\nwant %s", &out, want)
		}
	}
	m[rows[0].bench][rows[0].metric] = m[rows[0].bench][rows[0].metric][:5]
	if err := m.write(&out); err == nil || !strings.Contains(err.Error(), "5 values of cpu-ns, want at least 6") {
		t.Errorf("five values: error %v", err)
	}
}
