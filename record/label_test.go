package record

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tare/schema"
)

// labelled is the schema of testdata/badlabel.txt and of the fuzz test: labels
// among numbers, one within an object, and one that reads the field of a number.
func labelled() *schema.Schema {
	return &schema.Schema{
		Format: schema.JSON,
		Features: []schema.Feature{
			{Name: "state", Field: "state", Label: true},
			{Name: "load", Field: "load"},
			{Name: "code", Field: "payload.code", Label: true},
			{Name: "on", Field: "on", Label: true},
			{Name: "level", Field: "level"},
			{Name: "grade", Field: "level", Label: true},
		},
		Limits: schema.Limits{Depth: 5},
	}
}

// plant is labelled without the field that is read twice.
func plant() *schema.Schema {
	s := labelled()
	s.Features = s.Features[:4]
	s.Limits = schema.Limits{}
	return s
}

// plantCSV is plant as CSV, under plantHeader.
func plantCSV() *schema.Schema {
	s := plant()
	s.Format, s.Features[2].Field = schema.CSV, "co,de"
	return s
}

const plantHeader = `load,state,on,"co,de"`

// showLabels writes what a row holds.
func showLabels(row *Row, reason Reason, value string) string {
	text := show(row, reason, value)
	for _, l := range row.Labels {
		text += fmt.Sprintf(" %s%q", [...]string{"none", "text", "number", "bool"}[l.Kind], l.Text)
	}
	return text
}

func TestBadLabel(t *testing.T) {
	testVerdicts(t, "testdata/badlabel.txt", newJSON(t, labelled()))
}

func TestLabelJSON(t *testing.T) {
	var row Row
	f := func(d *JSON, value, want string) {
		t.Helper()
		reason := d.Decode(&row, inFile([]byte(value)))
		if got := showLabels(&row, reason, value); got != want {
			t.Errorf("%s:\n got %s\nwant %s %s", value, got, want, d.Detail())
		}
	}
	const none = ` none"" none""`
	d := newJSON(t, labelled())
	f(d, `{"state":"on","load":1,"payload":{"code":17},"on":true,"level":-2.50}`,
		`ok "" 0="on" 1=1 0=17 0=true -2.5=-2.50 0=-2.50 text"on" number"17" bool"true" number"-2.50"`)
	f(d, `{}`, `ok "" NaN NaN NaN NaN NaN NaN none""`+none+` none""`)
	f(d, `{"state":null,"level":null}`, `ok "" NaN=null NaN NaN NaN NaN=null NaN=null none""`+none+` none""`)
	f(d, `{"state":"","payload":{"code":"\u00e9\"\\"},"on":false}`, `ok "" 0="" NaN 0="\u00e9\"\\" 0=false NaN NaN text"" text"é\"\\" bool"false" none""`)
	f(d, `{"on":"\ud800","payload":{"code":"😀"}}`, `ok "" NaN NaN 0="😀" 0="\ud800" NaN NaN none"" text"😀" text"�" none""`)
	f(d, `{"state":-0,"payload":{"code":1E+2},"on":1e999}`, `ok "" 0=-0 NaN 0=1E+2 0=1e999 NaN NaN number"-0" number"1E+2" number"1e999" none""`)
	f(d, `{"state":[],"on":1}`, `type "" NaN=[] NaN NaN 0=1 NaN NaN none"" none"" number"1" none""`)
	f(d, `{"level":"high"}`, `type "" NaN NaN NaN NaN NaN="high" 0="high" none"" none"" none"" text"high"`)

	s := labelled()
	s.BadValue = schema.Missing
	d = newJSON(t, s)
	f(d, `{"state":{},"payload":{"code":[1]},"level":{}}`, `ok "" NaN={} NaN NaN=[1] NaN NaN={} NaN={} bad=4 none""`+none+` none""`)
	f(d, `{"payload":7}`, `ok "" NaN NaN NaN NaN NaN NaN bad=1 none""`+none+` none""`)

	s = &schema.Schema{Format: schema.JSON, Series: schema.Series{Fields: []string{"x"}}, Time: schema.Time{Field: "x", Layout: schema.Unix},
		Features: []schema.Feature{{Name: "x", Field: "x", Label: true}}}
	d = newJSON(t, s)
	f(d, `{"x":"\u0031"}`, `ok "1" @1000000000 0="\u0031" when="\u0031" text"1"`)
	f(newJSON(t, mixed()), `{"sensor":"a","ts":1}`, `ok "a" @1000000 NaN NaN NaN NaN NaN when=1`)
}

func TestLabelCSV(t *testing.T) {
	var row Row
	f := func(d *CSV, value, want string) {
		t.Helper()
		reason := d.Decode(&row, inFile([]byte(value)))
		if got := showLabels(&row, reason, value); got != want {
			t.Errorf("%s:\n got %s\nwant %s %s", value, got, want, d.Detail())
		}
	}
	d := newCSV(t, plantCSV(), plantHeader)
	f(d, `1.5,on,7,x`, `ok "" 0=on 1.5=1.5 0=x 0=7 text"on" text"x" text"7"`)
	f(d, "1.5,on,7,x\r", `ok "" 0=on 1.5=1.5 0=x 0=7 text"on" text"x" text"7"`)
	f(d, `1,"a,""b""", on ,"x"`, `ok "" 0="a,""b""" 1=1 0="x" 0= on  text"a,\"b\"" text"x" text" on "`)
	f(d, `1,,"",`, `ok "" NaN= 1=1 NaN= NaN="" none"" none"" none""`)
	f(d, `1,NaN,null,true`, `ok "" 0=NaN 1=1 0=true 0=null text"NaN" text"true" text"null"`)
	f(d, "1,\xff,a,b", `syntax "" NaN NaN NaN NaN none"" none"" none""`)
	d = newCSV(t, plantCSV(), `state,load`)
	f(d, `on,2`, `ok "" 0=on 2=2 NaN NaN text"on" none"" none""`)
	if got := d.Missing(); strings.Join(got, " ") != "code on" {
		t.Errorf("missing are %q", got)
	}
}

// TestLongLabel tries labels around schema.MaxLabel, which counts what they say.
func TestLongLabel(t *testing.T) {
	long := strings.Repeat("x", schema.MaxLabel-1)
	f := func(s *schema.Schema, value, detail string) {
		t.Helper()
		decoder := func() Decoder {
			if s.Format == schema.CSV {
				return newCSV(t, s, plantHeader)
			}
			return newJSON(t, s)
		}
		want := OK
		if detail != "" {
			want = BadRange
		}
		var row Row
		d := decoder()
		if got := d.Decode(&row, inFile([]byte(value))); got != want || d.Detail() != detail {
			t.Errorf("%.20s...: %s, %s, want %s", value, got, d.Detail(), detail)
		}
		if there := row.Labels[0].Kind != NoLabel; there != (want == OK) || there != (row.Numbers[0] == 0) || there && len(row.Labels[0].Text) != schema.MaxLabel {
			t.Errorf("%.20s...: a label of kind %d, number %v", value, row.Labels[0].Kind, row.Numbers[0])
		}
		s.BadValue = schema.Missing
		if got := decoder().Decode(&row, inFile([]byte(value))); got != OK || row.Bad != int(want)/int(BadRange) {
			t.Errorf("%.20s...: %s with %d bad", value, got, row.Bad)
		}
		s.BadValue = schema.Reject
	}
	const at = `feature "state" (field state) at byte %d: a label of 65537 bytes, want at most 65536`
	f(plant(), `{"state":"`+long+`y"}`, "")
	f(plant(), `{"state":"`+long+`\u0061"}`, "")
	f(plant(), `{"state":1`+strings.Repeat("0", schema.MaxLabel-1)+`}`, "")
	f(plant(), `{"state":"`+long+`yz"}`, fmt.Sprintf(at, 9))
	f(plant(), `{"state":"`+long+`\u00e9"}`, fmt.Sprintf(at, 9))
	f(plant(), `{"state":1`+strings.Repeat("0", schema.MaxLabel)+`}`, fmt.Sprintf(at, 9))
	f(plantCSV(), `,`+long+`y,,`, "")
	f(plantCSV(), `,"`+long+`""",,`, "")
	f(plantCSV(), `,`+long+`yz,,`, fmt.Sprintf(at, 1))
	f(plantCSV(), `,"`+long+`""z",,`, fmt.Sprintf(at, 1))

	var row Row
	d := newJSON(t, plant())
	if got := d.Decode(&row, inFile([]byte(`{"state":"`+strings.Repeat("x", 1<<20)+`"}`))); got != TooLarge {
		t.Errorf("a label of 1 MiB: %s", got)
	}
}

// randomLabelled returns a record of labelled in which much is as it should be.
func randomLabelled(r *rand.Rand) []byte {
	values := []string{`"on"`, `"off"`, `""`, `"\u00e9"`, `"a\"b"`, `"\ud800"`, "17", "-0", "1.50e3", "1e999", "true", "false", "null", "[1]", "{}", `{"code":1}`}
	pick := func(usual int) string { return values[r.IntN(usual+r.IntN(60)/58*(len(values)-usual))] }
	number := func() string {
		if r.IntN(40) == 0 {
			return pick(len(values))
		}
		return []string{"0", "1.5", "null"}[r.IntN(3)]
	}
	members := []string{`"state":` + pick(13), `"load":` + number(), `"on":` + pick(13), `"level":` + number(),
		`"payload":{"code":` + pick(13) + `}`, `"payload":{"other":` + pick(16) + `}`, `"payload":` + number()}
	members = members[:5+r.IntN(3)]
	members = append(members[:4], members[4+r.IntN(len(members)-4)])
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return []byte("{" + strings.Join(members[r.IntN(4):], []string{",", " , "}[r.IntN(2)]) + "}")
}

// labelDecoders returns a decoder of labelled that rejects bad values and one
// that takes them as missing.
func labelDecoders(t testing.TB) (all []*JSON) {
	for _, bad := range []schema.BadValue{schema.Reject, schema.Missing} {
		s := labelled()
		s.BadValue = bad
		all = append(all, newJSON(t, s))
	}
	return all
}

// TestLabelRandom holds labels against encoding/json.
func TestLabelRandom(t *testing.T) {
	r := random(t)
	decoders := labelDecoders(t)
	var row Row
	reasons := map[Reason]int{}
	for range rounds(10_000) {
		value := randomLabelled(r)
		for _, d := range decoders {
			compare(t, d, &row, value)
			reasons[d.first()]++
		}
	}
	for _, reason := range []Reason{OK, BadType, BadRange} {
		if reasons[reason] < 10 {
			t.Errorf("%s: %d records, want more", reason, reasons[reason])
		}
	}
}

func FuzzLabel(f *testing.F) {
	list, _ := verdicts(f, "testdata/badlabel.txt")
	for _, v := range list {
		f.Add([]byte(v.record))
	}
	decoders := labelDecoders(f)
	var row Row
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, d := range decoders {
			compare(t, d, &row, value)
		}
	})
}
