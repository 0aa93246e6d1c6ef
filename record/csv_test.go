package record

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"tare/schema"
)

const mixedHeader = `sensor,ts,load,"pay,load",é,other,_tare`

// mixedCSV is the schema of testdata/badcsv.txt and of the fuzz test.
func mixedCSV() *schema.Schema {
	return &schema.Schema{
		Format:   schema.CSV,
		Series:   schema.Series{Fields: []string{"sensor"}},
		Time:     schema.Time{Field: "ts", Layout: schema.UnixMilli},
		Features: []schema.Feature{{Name: "load", Field: "load"}, {Name: "comma", Field: "pay,load"}, {Name: "état", Field: "é"}},
		Limits:   schema.Limits{Value: 80, Series: 10},
	}
}

func newCSV(t testing.TB, s *schema.Schema, header string) *CSV {
	t.Helper()
	d, err := NewCSV(s, []byte(header))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBadCSV(t *testing.T) {
	testVerdicts(t, "testdata/badcsv.txt", newCSV(t, mixedCSV(), mixedHeader))
}

func TestCSV(t *testing.T) {
	var row Row
	f := func(d *CSV, value, want string) {
		t.Helper()
		reason := d.Decode(&row, inFile([]byte(value)))
		if got := show(&row, reason, value); got != want {
			t.Errorf("%s:\n got %s\nwant %s %s", value, got, want, d.Detail())
		}
	}
	d := newCSV(t, mixedCSV(), mixedHeader)
	f(d, `a,1,1.50,-2,3,x,`, `ok "a" @1000000 1.5=1.50 -2=-2 3=3 when=1`)
	f(d, "a,1,1.50,-2,3,x,\r", `ok "a" @1000000 1.5=1.50 -2=-2 3=3 when=1`)
	f(d, `"a,""b""", 1 ,"1.5", +2. ,.5e1,"x,y",""`, `ok "a,\"b\"" @1000000 1.5="1.5" 2= +2.  5=.5e1 when= 1 `)
	f(d, `a,1,,NaN," nan ",,`, `ok "a" @1000000 NaN= NaN=NaN NaN=" nan " when=1`)
	f(d, `a,1,-0,-0.0,0e9,,`, `ok "a" @1000000 0=-0 0=-0.0 0=0e9 when=1`)
	f(d, `a,1,x,2,3,,`, `type "a" @1000000 NaN=x 2=2 3=3 when=1`)
	f(d, `a,1,inf,2,3,,`, `range "a" @1000000 NaN=inf 2=2 3=3 when=1`)
	f(d, `,1,1,2,3,,`, `series "" @1000000 1=1 2=2 3=3 when=1`)
	f(d, `a,x,1,2,3,,`, `time "a" 1=1 2=2 3=3 when=x`)
	f(d, `a,1,1,2,3,,"{}"`, `stamped "a" 1=1 2=2 3=3 when=1 stamp="{}"`)
	f(d, `a,1,1,2`, `syntax "a" 1=1 2=2 NaN when=1`)

	d.AcceptStamped = true
	f(d, `a,1,1,2,3,,"{""artifact"":""x""}"`, `ok "a" @1000000 1=1 2=2 3=3 when=1 stamp="{""artifact"":""x""}"`)

	s := mixedCSV()
	s.BadValue = schema.Missing
	d = newCSV(t, s, "\ufeffé,ts,sensor\r")
	f(d, `1,2,c`, `ok "c" @2000000 NaN NaN 1=1 when=2`)
	f(d, `true,2,c`, `ok "c" @2000000 NaN NaN NaN=true when=2 bad=1`)
	f(d, `-inf,2,c`, `ok "c" @2000000 NaN NaN NaN=-inf when=2 bad=1`)
	f(d, `,2,c`, `ok "c" @2000000 NaN NaN NaN when=2`)
	f(d, `1,2`, `syntax "" NaN NaN 1=1 when=2`)
	if got := d.Missing(); !slices.Equal(got, []string{"load", "comma"}) {
		t.Errorf("missing: %q", got)
	}

	s = mixedCSV()
	s.Series = schema.Series{Fields: []string{"é", "sensor"}, List: true}
	s.Time = schema.Time{Field: "é", Layout: schema.RFC3339}
	s.Features = s.Features[:1]
	s.Limits = schema.Limits{}
	d = newCSV(t, s, "sensor,é,load")
	f(d, `"<a,""b>",2026-03-01,1`, `ok "[\"2026-03-01\",\"<a,\\\"b>\"]" @1772323200000000000 1=1 when=2026-03-01`)
	f(d, `"<a,""b>",,1`, `series "" 1=1 when=`)

	s = &schema.Schema{Format: schema.CSV, Features: []schema.Feature{{Name: "x", Field: "x"}, {Name: "twin", Field: "x"}}}
	d = newCSV(t, s, "x")
	f(d, `1`, `ok "" 1=1 1=1`)
	f(d, `""`, `ok "" NaN="" NaN=""`)
	f(d, ``, `syntax "" NaN NaN`)
	s.Series.Fields = []string{"x"}
	s.Time = schema.Time{Field: "x", Layout: schema.Unix}
	d = newCSV(t, s, "x,a,b,c,d,e,f,g")
	f(d, `1,a,b,c,d,e,f,g`, `ok "1" @1000000000 1=1 1=1 when=1`)
}

func TestNewCSV(t *testing.T) {
	f := func(header, want string) {
		t.Helper()
		_, err := NewCSV(mixedCSV(), []byte(header))
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", header, err, want)
		}
	}
	f("", `csv header at byte 0: the record ends, want a header that names the columns`)
	f("\ufeff\r", `csv header at byte 0: the record ends, want a header that names the columns`)
	f("a\nb", `csv header at byte 1: invalid character '\n', want one line`)
	f("sensor,\xff", `csv header at byte 7: invalid byte 0xff, want valid UTF-8`)
	f(`sensor,"ts`, `csv header at byte 10: the record ends, want the cell's closing quote`)
	f("sensor,ts,load,load", `csv header has two columns "load", want one`)
	f("sensor,ts,_tare,_tare", `csv header has two columns "_tare", want one`)
	f("ts,load", `csv header has no column "sensor", which is the series; its columns are ts, load`)
	f("Sensor ,ts,load", `csv header has no column "sensor", which is the series; its columns are Sensor , ts, load; did you mean "Sensor "?`)
	f("senser,ts,load", `csv header has no column "sensor", which is the series; its columns are senser, ts, load; did you mean "senser"?`)
	f("sensor,tz,load", `csv header has no column "ts", which is the time; its columns are sensor, tz, load; did you mean "tz"?`)
	f("sensor,time,load", `csv header has no column "ts", which is the time; its columns are sensor, time, load`)
	if _, err := NewCSV(mixedCSV(), []byte("sensor,ts,x,x")); err != nil {
		t.Errorf("two columns that are not read: %v", err)
	}
	if _, err := NewCSV(mixed(), []byte("sensor,ts")); err == nil {
		t.Error("a schema of JSON is accepted")
	}
}

func TestDistance(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := distance(a, b); got != want || distance(b, a) != want {
			t.Errorf("%q to %q: got %d, want %d", a, b, got, want)
		}
	}
	f("", "", 0)
	f("", "abc", 3)
	f("abc", "abc", 0)
	f("abc", "abd", 1)
	f("abc", "ab", 1)
	f("kitten", "sitting", 3)
	f("ab", "ba", 2)
}

// FuzzCSV holds rows against encoding/csv and strconv.
func FuzzCSV(f *testing.F) {
	list, _ := verdicts(f, "testdata/badcsv.txt")
	for _, v := range list {
		f.Add([]byte(v.record))
	}
	s := mixedCSV()
	s.Limits = schema.Limits{}
	d := newCSV(f, s, mixedHeader)
	d.AcceptStamped = true
	var row Row
	f.Fuzz(func(t *testing.T, value []byte) {
		if bytes.Contains(value, []byte(standIn)) {
			t.Skip()
		}
		got := decodeWithin(t, d, &row, inFile(value))
		cells, err := splitCSV(value)
		if (got == Syntax) != (err != nil) {
			t.Fatalf("%q: got %s (%s), encoding/csv says %v", value, got, d.Detail(), err)
		}
		if got == Syntax {
			return
		}
		want := OK
		for i, x := range row.Numbers {
			number, reason := cellOracle(cells[2+i])
			if reason != OK && (want == OK || reason < want) {
				want = reason
			}
			if math.Float64bits(x) != math.Float64bits(number) && !(x != x && number != number) {
				t.Fatalf("%q: number %d is %v, want %v", value, i, x, number)
			}
		}
		if _, ok := ParseTime(schema.UnixMilli, []byte(strings.Trim(cells[1], " \t"))); !ok {
			want = BadTime
		}
		if cells[0] == "" {
			want = BadSeries
		} else if string(row.Series) != cells[0] {
			t.Fatalf("%q: series %q, want %q", value, row.Series, cells[0])
		}
		if got != want {
			t.Fatalf("%q: got %s (%s), want %s", value, got, d.Detail(), want)
		}
	})
}

const standIn = "\U0010ffff"

// splitCSV returns the seven cells of a row.
func splitCSV(value []byte) ([]string, error) {
	line := bytes.TrimSuffix(value, []byte("\r"))
	switch {
	case !utf8.Valid(line):
		return nil, errors.New("invalid UTF-8")
	case len(line) == 0:
		return nil, io.EOF
	case bytes.ContainsAny(line, "\n"):
		return nil, errors.New("two lines")
	}
	// encoding/csv takes a carriage return at the end for a part of the line's
	// end, even a second one: hide them behind another character.
	line = bytes.ReplaceAll(line, []byte("\r"), []byte(standIn))
	r := csv.NewReader(bytes.NewReader(line))
	r.FieldsPerRecord = 7
	cells, err := r.Read()
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], standIn, "\r")
	}
	return cells, err
}

func cellOracle(cell string) (float64, Reason) {
	cell = strings.Trim(cell, " \t")
	if cell == "" || strings.EqualFold(cell, "nan") {
		return math.NaN(), OK
	}
	if strings.ContainsAny(cell, "xX_pP") {
		return math.NaN(), BadType
	}
	x, err := strconv.ParseFloat(cell, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return math.NaN(), BadType
	case math.Abs(x) > schema.MaxMagnitude:
		return math.NaN(), BadRange
	case x == 0:
		return 0, OK
	}
	return x, OK
}
