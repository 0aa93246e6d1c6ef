package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tare/schema"
)

var update = flag.Bool("update", false, "write the details that decoders give to testdata")

// mixed is the schema of testdata/bad.txt and of the fuzz tests: a key with a
// dot, nested features, an object that holds a time and a feature, and small
// limits.
func mixed() *schema.Schema {
	return &schema.Schema{
		Format: schema.JSON,
		Series: schema.Series{Fields: []string{"sensor"}},
		Time:   schema.Time{Field: "ts", Layout: schema.UnixMilli},
		Features: []schema.Feature{
			{Name: "load", Field: "load"},
			{Name: "vibration", Field: "payload.vib"},
			{Name: "deep", Field: "payload.deep.x"},
			{Name: "dotted", Field: `a\.b`},
			{Name: "état", Field: "é"},
		},
		Limits: schema.Limits{Value: 200, Series: 24, Depth: 5},
	}
}

func newJSON(t testing.TB, s *schema.Schema) *JSON {
	t.Helper()
	d, err := NewJSON(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// inFile returns a message as a file holds it.
func inFile(value []byte) *Message { return &Message{Value: value, Timestamp: NoTimestamp} }

// A verdict is one entry of a file of bad records.
type verdict struct {
	line           int
	name, reason   string
	record, detail string
}

// verdicts reads a file of entries of two lines: reason, name and record, parted
// by tabs, then the detail behind a tab, missing for ok. A record in backquotes
// or double quotes is a Go string; lines with # are comments.
func verdicts(t testing.TB, path string) (list []verdict, lines []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	scan := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		lines = append(lines, line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '\t':
			list[len(list)-1].detail = line[1:]
		default:
			part := strings.SplitN(line, "\t", 3)
			if len(part) != 3 || names[part[1]] {
				t.Fatalf("%s:%d: want a reason, a new name and a record parted by tabs", path, n)
			}
			names[part[1]] = true
			record := part[2]
			if record != "" && (record[0] == '"' || record[0] == '`') {
				if record, err = strconv.Unquote(record); err != nil {
					t.Fatalf("%s:%d: %v", path, n, err)
				}
			}
			list = append(list, verdict{line: n - 1, name: part[1], reason: part[0], record: record})
		}
	}
	return list, lines
}

// testVerdicts holds d against a file of bad records and near misses.
func testVerdicts(t *testing.T, path string, d Decoder) {
	list, lines := verdicts(t, path)
	var out []string
	at := 0
	var row Row
	bad := 0
	for _, v := range list {
		got := d.Decode(&row, inFile([]byte(v.record)))
		if got.String() != v.reason {
			t.Errorf("%s:%d: %s: got %s, want %s: %s", path, v.line+1, v.name, got, v.reason, d.Detail())
		}
		if got != OK {
			bad++
		}
		detail := d.Detail()
		if detail != v.detail && !*update {
			t.Errorf("%s:%d: %s: detail is\n%s, want\n%s", path, v.line+1, v.name, detail, v.detail)
		}
		out = append(out, lines[at:v.line+1]...)
		at = v.line + 1
		if at < len(lines) && strings.HasPrefix(lines[at], "\t") {
			at++
		}
		if detail != "" {
			out = append(out, "\t"+detail)
		}
	}
	t.Logf("%s: %d bad records, %d near misses", path, bad, len(list)-bad)
	if *update {
		out = append(out, lines[at:]...)
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBadJSON(t *testing.T) { testVerdicts(t, "testdata/bad.txt", newJSON(t, mixed())) }

// show writes what a row holds: numbers by feature, then what is special.
func show(row *Row, reason Reason, value string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q", reason, row.Series)
	if row.Timed {
		fmt.Fprintf(&b, " @%d", row.Time)
	}
	for i, x := range row.Numbers {
		fmt.Fprintf(&b, " %v", x)
		if s := row.Spans[i]; s != (Span{}) {
			fmt.Fprintf(&b, "=%s", value[s.Start:s.End])
		}
	}
	if row.When != (Span{}) {
		fmt.Fprintf(&b, " when=%s", value[row.When.Start:row.When.End])
	}
	if row.Stamp != (Span{}) {
		fmt.Fprintf(&b, " stamp=%s", value[row.Stamp.Start:row.Stamp.End])
	}
	if row.Bad > 0 {
		fmt.Fprintf(&b, " bad=%d", row.Bad)
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	var row Row
	f := func(d *JSON, value, want string) {
		t.Helper()
		reason := d.Decode(&row, inFile([]byte(value)))
		if got := show(&row, reason, value); got != want {
			t.Errorf("%s:\n got %s\nwant %s %s", value, got, want, d.Detail())
		}
	}
	d := newJSON(t, mixed())
	f(d, `{"sensor":"a","ts":1,"load":1.50,"payload":{"vib":-2,"deep":{"x":3}},"a.b":4,"é":5}`, `ok "a" @1000000 1.5=1.50 -2=-2 3=3 4=4 5=5 when=1`)
	f(d, `{"é":5,"a.b":4,"payload":{"deep":{"x":3},"vib":-2},"load":1.50,"ts":1,"sensor":"a"}`, `ok "a" @1000000 1.5=1.50 -2=-2 3=3 4=4 5=5 when=1`)
	f(d, " \t\r\n{ \"sensor\" : \"a\" , \"ts\" : 1 , \"load\" : 1 } \r\n", `ok "a" @1000000 1=1 NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1,"load":null,"payload":{"vib":null,"deep":{"x":null}}}`, `ok "a" @1000000 NaN=null NaN=null NaN=null NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1,"payload":null}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1,"payload":{"deep":null}}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1,"load":-0,"a.b":-0.0e5,"é":0}`, `ok "a" @1000000 0=-0 NaN NaN 0=-0.0e5 0=0 when=1`)
	f(d, `{"sensor":"a","ts":1,"a":{"b":7},"payload.vib":8,"Load":9}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"\u0073ensor":"a","t\u0073":1,"lo\u0061d":1,"payload":{"\u0076ib":2},"a\u002eb":3,"\u00e9":4}`, `ok "a" @1000000 1=1 2=2 NaN 3=3 4=4 when=1`)
	f(d, `{"sensor":"\u0061\"\\\/\b\f\n\r\t\u00e9","ts":1}`, `ok "a\"\\/\b\f\n\r\té" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"\ud83d\ude00 \ud800 \ude00\ud83d x","ts":1}`, `ok "😀 � �� x" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"\ud800\ud83d\ude00","ts":1}`, `ok "�😀" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"\ud83dxude00","ts":1}`, `ok "�xude00" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"","ts":1}`, `ok "" @1000000 NaN NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":17,"ts":"1"}`, `ok "17" @1000000 NaN NaN NaN NaN NaN when="1"`)
	f(d, `{"sensor":-0,"ts":1e3}`, `ok "0" @1000000000 NaN NaN NaN NaN NaN when=1e3`)
	f(d, `{"sensor":-123456789012345678901,"ts":"\u0031"}`, `ok "-123456789012345678901" @1000000 NaN NaN NaN NaN NaN when="\u0031"`)
	f(d, `{"sensor":"a","ts":1,"load":9.99e149,"a.b":-1e150,"é":1e-400}`, `ok "a" @1000000 9.99e+149=9.99e149 NaN NaN -1e+150=-1e150 0=1e-400 when=1`)
	f(d, `{"sensor":"a","ts":1,"load":"x"}`, `type "a" @1000000 NaN="x" NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1,"load":1e151,"a.b":2}`, `range "a" @1000000 NaN=1e151 NaN NaN 2=2 NaN when=1`)
	f(d, `{"ts":1,"load":1}`, `series "" @1000000 1=1 NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":"x","load":1}`, `time "a" 1=1 NaN NaN NaN NaN when="x"`)
	f(d, `{"sensor":"a","ts":1,"load":1,"load":2}`, `duplicate "a" 2=2 NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1,"load":1}}`, `syntax "a" 1=1 NaN NaN NaN NaN when=1`)
	f(d, `{"sensor":"a","ts":1,"_tare":{}}`, `stamped "a" NaN NaN NaN NaN NaN when=1 stamp={}`)
	f(d, `{"sensor":"a","ts":1,"payload":{"_tare":1}}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1`)

	d.AcceptStamped = true
	f(d, `{"_tare":{"a":[1]},"sensor":"a","ts":1}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1 stamp={"a":[1]}`)
	f(d, `{"_tare":null,"sensor":"a","ts":1}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1 stamp=null`)
	f(d, `{"_tare":1,"sensor":"a","ts":1,"_tare":2}`, `duplicate "a" NaN NaN NaN NaN NaN when=1 stamp=2`)

	s := mixed()
	s.BadValue = schema.Missing
	d = newJSON(t, s)
	f(d, `{"sensor":"a","ts":1,"load":"x","payload":{"vib":[1],"deep":{"x":{}}},"a.b":true,"é":1e999}`, `ok "a" @1000000 NaN="x" NaN=[1] NaN={} NaN=true NaN=1e999 when=1 bad=5`)
	f(d, `{"sensor":"a","ts":1,"load":1,"payload":[]}`, `ok "a" @1000000 1=1 NaN NaN NaN NaN when=1 bad=2`)
	f(d, `{"sensor":"a","ts":1,"load":1,"payload":{"vib":2,"deep":false}}`, `ok "a" @1000000 1=1 2=2 NaN NaN NaN when=1 bad=1`)
	f(d, `{"ts":1,"load":"x"}`, `series "" @1000000 NaN="x" NaN NaN NaN NaN when=1 bad=1`)

	d = newJSON(t, &schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "x", Field: "x"}, {Name: "twin", Field: "x"}}})
	f(d, `{"x":1}`, `ok "" 1=1 1=1`)
	f(d, `{"x":null}`, `ok "" NaN=null NaN=null`)
	f(d, `{"x":"1"}`, `type "" NaN="1" NaN="1"`)
	f(d, `{}`, `ok "" NaN NaN`)

	s = &schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"x"}}, Time: schema.Time{Field: "x", Layout: schema.Unix}, Features: []schema.Feature{{Name: "x", Field: "x"}}}
	d = newJSON(t, s)
	f(d, `{"x":1}`, `ok "1" @1000000000 1=1 when=1`)
	s.Series = schema.Series{}
	d = newJSON(t, s)
	f(d, `{"x":1}`, `ok "" @1000000000 1=1 when=1`)

	s = &schema.Schema{Format: schema.JSON, Time: schema.Time{Field: "v.t", Layout: schema.RFC3339}, Series: schema.Series{Fields: []string{"v.plant", "line", "v.n"}, List: true},
		Features: []schema.Feature{{Name: "n", Field: "v.n"}}}
	d = newJSON(t, s)
	f(d, `{"line":"<&>\u2028é\"","v":{"plant":"p\\,","n":7,"t":"2026-03-01"}}`, `ok "[\"p\\\\,\",\"<&>\\u2028é\\\"\",\"7\"]" @1772323200000000000 7=7 when="2026-03-01"`)
	f(d, `{"line":"l","v":{"plant":"p","n":"7","t":"2026-03-01"}}`, `type "[\"p\",\"l\",\"7\"]" @1772323200000000000 NaN="7" when="2026-03-01"`)
	f(d, `{"line":null,"v":{"plant":"p","n":7,"t":"2026-03-01"}}`, `series "" @1772323200000000000 7=7 when="2026-03-01"`)

	s.Time.Layout = "20060102"
	d = newJSON(t, s)
	f(d, `{"line":"l","v":{"plant":"p","n":7,"t":20260301}}`, `ok "[\"p\",\"l\",\"7\"]" @1772323200000000000 7=7 when=20260301`)
	f(d, `{"line":"l","v":{"plant":"p","n":7,"t":true}}`, `time "[\"p\",\"l\",\"7\"]" 7=7 when=true`)
}

// TestOrder decodes records whose keys come, go and change places: what the
// decoder expects next must never change what it finds.
func TestOrder(t *testing.T) {
	r := random(t)
	d := newJSON(t, mixed())
	members := []string{`"sensor":"a"`, `"ts":1`, `"load":2`, `"payload":{"vib":3,"deep":{"x":4}}`, `"payload":{"deep":{"y":1},"vib":3}`, `"a.b":5`, `"é":6`, `"loa":7`, `"loads":8`, `"l\u006fad":9`, `"other":{"load":1}`}
	var row Row
	for range rounds(20_000) {
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		value := []byte("{" + strings.Join(members[:r.IntN(len(members)+1)], ",") + "}")
		compare(t, d, &row, value)
	}
}

// compare holds what d finds in value against the oracle.
func compare(t testing.TB, d *JSON, row *Row, value []byte) {
	t.Helper()
	want := consult(d.schema, value)
	d.AcceptStamped = true
	got := decodeWithin(t, d, row, inFile(value))
	if got != want.reason {
		t.Fatalf("%q: got %s (%s), want %s", value, got, d.Detail(), want.reason)
	}
	if (got == OK) != (d.Detail() == "") {
		t.Fatalf("%q: %s with detail %q", value, got, d.Detail())
	}
	if got == Syntax || got == Duplicate {
		return
	}
	if row.Timed != want.timed || row.Timed && row.Time != want.time {
		t.Fatalf("%q: time %d %v, want %d %v", value, row.Time, row.Timed, want.time, want.timed)
	}
	if at, ok := d.Glance(inFile(value)); ok && got == OK && at != row.Time {
		t.Fatalf("%q: time %d at a glance, want %d", value, at, row.Time)
	}
	if got != BadSeries && string(row.Series) != want.series {
		t.Fatalf("%q: series %q, want %q", value, row.Series, want.series)
	}
	if row.Bad != want.bad || (row.Stamp != (Span{})) != want.stamped {
		t.Fatalf("%q: bad %d, stamp %v, want %d, %v", value, row.Bad, row.Stamp, want.bad, want.stamped)
	}
	for i, x := range row.Numbers {
		if math.Float64bits(x) != math.Float64bits(want.numbers[i]) && !(x != x && want.numbers[i] != want.numbers[i]) {
			t.Fatalf("%q: number %d is %v, want %v", value, i, x, want.numbers[i])
		}
	}
	for i, l := range row.Labels {
		if w := want.labels[i]; l.Kind != w.Kind || string(l.Text) != string(w.Text) {
			t.Fatalf("%q: label %d is %q (%d), want %q (%d)", value, i, l.Text, l.Kind, w.Text, w.Kind)
		}
	}
	d.AcceptStamped = false
	if want.stamped && d.Decode(row, inFile(value)) != Stamped {
		t.Fatalf("%q: not refused for its stamp", value)
	}
}

// TestPriority decodes records with every pair of faults.
func TestPriority(t *testing.T) {
	s := mixed()
	s.Features = append(s.Features, schema.Feature{Name: "pair", Field: "pair", Shape: []int{2}})
	s.Limits = schema.Limits{Series: 10}
	s.Time.MaxFutureSkew = time.Second
	d := newJSON(t, s)
	faults := map[Reason]struct{ sensor, ts, rest string }{
		TooLarge:  {sensor: `"more than ten"`},
		Stamped:   {rest: `,"_tare":{}`},
		Syntax:    {rest: `,"other":NaN`},
		Duplicate: {rest: `,"a.b":1,"a.b":1`},
		BadSeries: {sensor: `true`},
		BadTime:   {ts: `"soon"`},
		Skew:      {ts: "2001"},
		BadType:   {rest: `,"load":"x"`},
		BadShape:  {rest: `,"pair":[1]`},
		BadRange:  {rest: `,"é":1e999`},
	}
	var row Row
	for first := TooLarge; first <= BadRange; first++ {
		for second := first; second <= BadRange; second++ {
			if first == TooLarge && second == BadSeries || first == BadTime && second == Skew {
				continue // a series, or a time, is not both
			}
			a, b := faults[first], faults[second]
			if first == second {
				b.rest = ""
			}
			pick := func(text ...string) string {
				return text[slices.IndexFunc(text, func(s string) bool { return s != "" })]
			}
			// The later reason stands first where they can stand apart; a fault
			// of syntax ends the search, so it stands last.
			rest := b.rest + a.rest
			if second == Syntax {
				rest = a.rest + b.rest
			}
			value := `{"sensor":` + pick(a.sensor, b.sensor, `"a"`) + `,"ts":` + pick(a.ts, b.ts, "1") + rest + "}"
			if got := d.Decode(&row, &Message{Value: []byte(value), Timestamp: 1000}); got != first {
				t.Errorf("%s: got %s, want %s", value, got, first)
			}
			untimed := []Reason{BadTime, Skew}
			if timed := first >= BadSeries && !slices.Contains(untimed, first) && !slices.Contains(untimed, second); row.Timed != timed {
				t.Errorf("%s: timed is %v", value, row.Timed)
			}
		}
	}
	big := bytes.Repeat([]byte(" "), schema.DefaultLimits().Value+1)
	if got := d.Decode(&row, inFile(big)); got != TooLarge || row.Timed {
		t.Errorf("a record of %d bytes: got %s", len(big), got)
	}
	copy(big, `{"sensor":"a","ts":1}`)
	if got := d.Decode(&row, inFile(big[:len(big)-1])); got != OK {
		t.Errorf("a record of %d bytes: got %s", len(big)-1, got)
	}
}

// TestDepth tries every level of nesting around the limit, in what is read and
// in what is not.
func TestDepth(t *testing.T) {
	d := newJSON(t, mixed())
	f := func(open, inner, end string) {
		t.Helper()
		for level := range 8 {
			value := strings.Repeat(open, level) + inner + strings.Repeat(end, level)
			value = `{"sensor":"a","ts":1,"o":` + value + `}`
			want := OK
			if level+1 > d.limits.Depth {
				want = Syntax
			}
			if got := d.Decode(new(Row), inFile([]byte(value))); got != want {
				t.Errorf("%s: got %s, want %s", value, got, want)
			}
		}
	}
	f("[", "1", "]")
	f("[0,", "1", "]")
	f(`{"a":`, "1", "}")
	f(`{"a":1,"b":`, "null", "}")

	s := &schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "x", Field: "a.b.c"}}, Limits: schema.Limits{Depth: 2}}
	d = newJSON(t, s)
	if got := d.Decode(new(Row), inFile([]byte(`{"a":{"b":1}}`))); got != BadType {
		t.Errorf("two levels: got %s", got)
	}
	if got := d.Decode(new(Row), inFile([]byte(`{"a":{"b":{"c":1}}}`))); got != Syntax {
		t.Errorf("three levels: got %s", got)
	}
}

// TestPlain holds the search in strings, eight bytes at once, against a plain
// one: each byte at each place, alone and before another.
func TestPlain(t *testing.T) {
	stops := func(c byte) bool { return c < ' ' || c >= 0x80 || c == '"' || c == '\\' }
	for n := 1; n <= 24; n++ {
		for at := range n {
			for c := range 256 {
				b := bytes.Repeat([]byte("x"), n)
				b[at] = byte(c)
				b[n-1] = []byte{'x', ' ', '"', 0xff}[c%4]
				want := slices.IndexFunc(b, stops)
				if want < 0 {
					want = n
				}
				if got := plain(b, 0); got != want {
					t.Fatalf("%q: got %d, want %d", b, got, want)
				}
			}
		}
	}
}

func TestNewJSON(t *testing.T) {
	f := func(change func(*schema.Schema), want string) {
		t.Helper()
		s := mixed()
		change(s)
		_, err := NewJSON(s)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	field := func(name string) func(*schema.Schema) {
		return func(s *schema.Schema) { s.Features[4].Field = name }
	}
	f(func(s *schema.Schema) { s.Format = schema.CSV }, `record format "csv", want json`)
	f(func(s *schema.Schema) { s.Features = nil }, `no features, want at least one`)
	f(field("payload"), `field "payload" holds other fields that are read: want one of them`)
	f(field("load.x"), `field "load.x" lies within field "load", which is read as a value: want one of them`)
	f(field("ts.x"), `field "ts" holds other fields that are read: want one of them`)
	f(field("a..b"), `field "a..b": an empty key, want keys parted by single dots, with \. for a dot within a key`)
	f(field(`a\b`), `field "a\\b": a backslash before byte 2, want \. for a dot, \\ for a backslash or \$ for a dollar`)
	f(field("_tare"), `field "_tare" is reserved for the mark of tare, want another`)
	f(field("_tare.x"), `field "_tare.x" is reserved for the mark of tare, want another`)
}

func TestGoldenPipeline(t *testing.T) {
	s := &schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"sensor"}}, Time: schema.Time{Field: "ts", Layout: schema.UnixMilli}}
	for _, name := range []string{"temperature", "vibration", "flow", "valve", "load", "pressure", "speed", "power"} {
		s.Features = append(s.Features, schema.Feature{Name: name, Field: name})
	}
	records := goldenLines(t, "input.jsonl")
	d := newJSON(t, s)
	var row Row
	rejected := map[Reason]int{}
	for i, line := range goldenLines(t, "expected.jsonl") {
		var want struct {
			Rejected string
			Values   map[string]*float64
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		reason := d.Decode(&row, inFile(records[i]))
		if want.Rejected == "" {
			want.Rejected = "ok"
		}
		if reason.String() != want.Rejected {
			t.Errorf("line %d: got %s, want %s: %s", i, reason, want.Rejected, records[i])
		}
		rejected[reason]++
		compare(t, d, &row, records[i])
		if _, ok := d.Glance(inFile(records[i])); reason == OK && !ok {
			t.Errorf("line %d: no time at a glance: %s", i, records[i])
		}
	}
	if rejected[OK] != 4858 || rejected[Syntax] != 47 || rejected[BadType] != 55 {
		t.Errorf("counted %v", rejected)
	}
}

func goldenLines(t *testing.T, name string) [][]byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/golden/pipeline/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

func FuzzJSON(f *testing.F) {
	list, _ := verdicts(f, "testdata/bad.txt")
	for _, v := range list {
		f.Add([]byte(v.record))
	}
	s := mixed()
	s.Limits = schema.Limits{Depth: 5}
	strict := newJSON(f, s)
	lenient := *s
	lenient.BadValue = schema.Missing
	lenient.Series = schema.Series{Fields: []string{"sensor", "payload.name"}, List: true}
	lenient.Time.Layout = schema.RFC3339
	list2 := newJSON(f, &lenient)
	var row Row
	f.Fuzz(func(t *testing.T, value []byte) {
		compare(t, strict, &row, value)
		compare(t, list2, &row, value)
	})
}
