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
	f(d, `1,12.5,null,true`, `ok "" 0=12.5 1=1 0=true 0=null text"12.5" text"true" text"null"`)
	f(d, `1,NaN,-0,x`, `ok "" 0=NaN 1=1 0=x 0=-0 text"NaN" text"x" text"-0"`)
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
		if r.IntN(8) == 0 {
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
	for range rounds(4_000) {
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

// codes are those of plant: texts, numbers with scikit-learn's name for the
// infrequent ones behind them, and booleans.
func codes() []Codes {
	return []Codes{
		{[]string{"on", `a"b`, "", "1"}, TextLabel}, {},
		{[]string{"7", "-1.5e3", "infrequent_sklearn", "007", ""}, NumberLabel},
		{[]string{"false", "true", "1"}, BoolLabel},
	}
}

// TestReplaceByLabels writes the labels of codes where codes stood.
func TestReplaceByLabels(t *testing.T) {
	coded := plant()
	for i := range coded.Features {
		coded.Features[i].Label = false
	}
	onehot := plant()
	onehot.Features[0] = schema.Feature{Name: "state", Field: "state", Shape: []int{3}}
	onehot.Features[2].Label, onehot.Features[3].Label = false, false
	f := func(from *schema.Schema, value, want string, y ...float64) {
		t.Helper()
		e, err := NewRewriter(from, plant(), Output{Meta: MetaRemove, Labels: codes()}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := newJSON(t, from)
		d.AcceptStamped = true
		var row Row
		if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		if got := string(e.Append(nil, []byte(value), &row, y, testMark())); got != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
	}
	f(coded, `{"state":0,"load":5,"payload":{"code":1},"on":1,"_tare":{}}`, `{"state":"on","load":1.5,"payload":{"code":-1.5e3},"on":true}`, 0, 1.5, 1, 1)
	f(coded, `{"on":0,"payload":{"code":0},"load":5,"state":1}`, `{"on":false,"payload":{"code":7},"load":5,"state":"a\"b"}`, 1, 5, 0, 0)
	f(coded, `{"state":2,"payload":{"code":2},"on":2}`, `{"state":"","payload":{"code":"infrequent_sklearn"},"on":"1"}`, 2, nan, 2, 2)
	f(coded, `{"state":3,"payload":{"code":3}}`, `{"state":"1","payload":{"code":"007"}}`, 3, nan, 3, nan)
	f(coded, `{"state":-1,"payload":{"code":4},"on":null}`, `{"state":null,"payload":{"code":""},"on":null}`, -1, nan, 4, nan)
	f(coded, `{"state":4,"payload":{"code":5},"on":0.5}`, `{"state":null,"payload":{"code":null},"on":null}`, 4, nan, 5, 0.5)
	f(coded, `{"load":5}`, `{"load":1.5}`, nan, 1.5, nan, nan)
	f(coded, `{"load":5}`, `{"load":1.5,"payload":{"code":7},"state":"on"}`, 0, 1.5, 0, nan)
	f(onehot, `{"state":[1,0,0],"load":5,"on":1}`, `{"state":"on","load":5,"on":true}`, 0, 5, nan, 1)
	f(onehot, `{"on":1,"state":[0,0,0],"load":5}`, `{"on":true,"state":null,"load":5}`, -1, 5, nan, 1)
	f(onehot, `{"state":null,"load":5}`, `{"state":null,"load":5}`, nan, 5, nan, nan)

	columns := &schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "state_on", Field: "state_on"}, {Name: "state_off", Field: "state_off"}, {Name: "load", Field: "load"}}}
	e, err := NewRewriter(columns, plant(), Output{Labels: codes(), Meta: MetaNone}, nil, map[string][]string{"state": {"state_on", "state_off"}})
	if err != nil {
		t.Fatal(err)
	}
	b := func(value, want string, y ...float64) {
		t.Helper()
		var row Row
		if reason := newJSON(t, columns).Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatal(reason)
		}
		if got := string(e.Append(nil, []byte(value), &row, y, nil)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
	}
	b(`{"state_on":1,"state_off":0,"load":5}`, `{"load":2,"state":"on"}`, 0, 2, nan, nan)
	b(`{"state_on":null,"state_off":null,"load":5}`, `{"load":2,"state":null}`, nan, 2, nan, nan)
	b(`{"load":5}`, `{"load":2}`, nan, 2, nan, nan)
}

// TestReplaceLabels writes numbers where labels stood, also one that equals the
// number which stands for a label in a row.
func TestReplaceLabels(t *testing.T) {
	to := plant()
	to.Features[0] = schema.Feature{Name: "state", Field: "state", Shape: []int{2}}
	to.Features[2].Label, to.Features[3].Label = false, false
	d := newJSON(t, plant())
	f := func(o Output, to *schema.Schema, value, want string, y ...float64) {
		t.Helper()
		e, err := NewRewriter(plant(), to, o, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var row Row
		if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		if got := string(e.Append(nil, []byte(value), &row, y, testMark())); got != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
	}
	o := Output{Meta: MetaNone}
	f(o, to, `{"state":"on","load":5,"payload":{"code":"x"},"on":true}`, `{"state":[0,1],"load":2,"payload":{"code":0},"on":1}`, 0, 1, 2, 0, 1)
	f(o, to, `{"on":0,"payload":{"code":"x"},"load":5}`, `{"on":0,"payload":{"code":7},"load":5}`, nan, nan, 5, 7, 0)
	f(o, to, `{"state":null,"on":null}`, `{"state":null,"on":-1}`, nan, nan, nan, nan, -1)
	f(o, to, `{"load":5.0}`, `{"load":5.0,"payload":{"code":3},"on":-1}`, nan, nan, 5, 3, -1)
	f(Output{}, to, `{"state":"on"}`, `{"state":[1,0],"_tare":`+testStamp+`}`, 1, 0, nan, nan, nan)
	whole := plant()
	f(o, whole, `{"state":"\u006fn","load":5,"payload":{"code":1.50},"on":true}`, `{"state":"\u006fn","load":2,"payload":{"code":1.50},"on":true}`, nan, 2, nan, nan)
	f(Output{Dtype: Float32, Meta: MetaNone}, whole, `{"on":true,"load":5}`, `{"on":true,"load":0.1}`, nan, 0.1, nan, nan)

	var row Row
	value := `{"state":"on","load":5,"on":true}`
	d.Decode(&row, inFile([]byte(value)))
	e, err := NewRewriter(plant(), to, o, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	row.Spans = make([]Span, 4)
	if got := string(e.Append(nil, []byte(value), &row, []float64{nan, nan, nan, nan, nan}, nil)); got != value {
		t.Errorf("a row of nothing: got %s, want it as it came", got)
	}
}

func TestReplaceLabelsCSV(t *testing.T) {
	numbers := plantCSV()
	for i := range numbers.Features {
		numbers.Features[i].Label = false
	}
	f := func(from, to *schema.Schema, o Output, header, value, wantHeader, want string, y ...float64) {
		t.Helper()
		e, err := NewRewriter(from, to, o, []byte(header), nil)
		if err != nil {
			t.Fatal(err)
		}
		var row Row
		d := newCSV(t, from, header)
		if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		if got := string(e.Header(nil)); got != wantHeader {
			t.Errorf("%s:\n got %s\nwant %s", header, got, wantHeader)
		}
		if got := string(e.Append(nil, []byte(value), &row, y, testMark())); got != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
	}
	o := Output{Meta: MetaNone}
	f(plantCSV(), numbers, o, plantHeader, `5,on,"x,y",z`, plantHeader, `2,0,1,3`, 0, 2, 3, 1)
	f(plantCSV(), numbers, o, plantHeader, `5,,0,0`, plantHeader, `2,,-1,0`, nan, 2, 0, -1)
	f(plantCSV(), numbers, Output{Meta: MetaNone, Imputed: []bool{true, false, true, false}}, `load,on`, `5,x`, `load,on,state,"co,de"`, `5,,-1,4`, -1, 5, 4, nan)
	o.Labels = codes()
	f(numbers, plantCSV(), o, plantHeader, `5,0,1,1`, plantHeader, `2,on,true,-1.5e3`, 0, 2, 1, 1)
	f(numbers, plantCSV(), o, plantHeader, `5,1,,9`, plantHeader, `2,"a""b",,`, 1, 2, 9, nan)
	f(numbers, plantCSV(), o, plantHeader, `5,2,0,2`, plantHeader, `2,,false,infrequent_sklearn`, 2, 2, 2, 0)
	o.Labels = nil
	f(plantCSV(), plantCSV(), o, plantHeader, `5,on,"x,y",`, plantHeader, `2,on,"x,y",`, nan, 2, nan, nan)

	rows := plantCSV()
	rows.Features = rows.Features[:1]
	if _, err := NewRewriter(plantCSV(), rows, o, []byte(plantHeader), nil); err == nil || !strings.Contains(err.Error(), "want features or vector") {
		t.Errorf("other features: %v", err)
	}
}

// TestFeaturesOfLabels writes labels by their codes, and as they came.
func TestFeaturesOfLabels(t *testing.T) {
	f := func(s *schema.Schema, labels []Codes, value, want string, y ...float64) {
		t.Helper()
		var d Decoder
		if s.Format == schema.CSV {
			d = newCSV(t, s, plantHeader)
		} else {
			d = newJSON(t, s)
		}
		var row Row
		if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		e := newEncoder(t, s, Output{Value: Features, Meta: MetaNone, Labels: labels}, "")
		if got := string(e.Append(nil, []byte(value), &row, y, testMark())); got != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
	}
	value := `{"state":"\u006fn","load":5,"payload":{"code":7.0},"on":null}`
	f(plant(), nil, value, `{"split":"train","state":"\u006fn","load":2,"code":7.0,"on":null}`, nan, 2, nan, nan)
	f(plant(), nil, `{}`, `{"split":"train","state":null,"load":2,"code":null,"on":null}`, nan, 2, nan, nan)
	f(plant(), codes(), value, `{"split":"train","state":"a\"b","load":2,"code":-1.5e3,"on":null}`, 1, 2, 1, -1)
	f(plantCSV(), nil, `5,on,"x,y",`, `train,on,2,,"x,y"`, nan, 2, nan, nan)
	f(plantCSV(), codes(), `5,on,"x,y",`, `train,"a""b",2,-1.5e3,`, 1, 2, 1, nan)
}

func TestNewEncoderOfLabels(t *testing.T) {
	f := func(s *schema.Schema, o Output, want string) {
		t.Helper()
		o.Meta = MetaNone
		_, err := NewEncoder(s, o, nil)
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	f(plant(), Output{Value: Vector}, `output value vector of feature "state", which is a label: want value replace or features`)
	f(plant(), Output{Labels: make([]Codes, 3)}, `output with labels for 3 of 4 features, want one each`)
	f(plant(), Output{Labels: []Codes{{}, {Labels: []string{"x"}}, {}, {}}}, `output with labels for feature "load", which is a number: want none`)
	if _, err := NewRewriter(plant(), plant(), Output{Value: Features}, nil, nil); err == nil || err.Error() != "output value features, want replace" {
		t.Errorf("a rewriter of features: %v", err)
	}
}

// TestReplaceLabelsRandom takes labels to codes and back: the record says what it
// said, whatever is missing, and in whatever order.
func TestReplaceLabelsRandom(t *testing.T) {
	r := random(t)
	coded := plant()
	for i := range coded.Features {
		coded.Features[i].Label = false
	}
	there, err := NewRewriter(plant(), coded, Output{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	labels, numbers := newJSON(t, plant()), newJSON(t, coded)
	numbers.AcceptStamped = true
	values := []string{`"on"`, `"a\"b"`, `""`, "1.50", "-0", "true", "null"}
	var row, back Row
	for range rounds(1_000) {
		pick := func() string { return values[r.IntN(len(values))] }
		members := []string{`"state":` + pick(), `"load":2`, `"on":` + pick(), `"payload":{"x":1,"code":` + pick() + `}`, `"other":[1]`}
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		value := []byte("{" + strings.Join(members[r.IntN(len(members)):], ",") + "}")
		if reason := labels.Decode(&row, inFile(value)); reason != OK {
			t.Fatalf("%q: %s", value, labels.Detail())
		}
		y, o := []float64{nan, row.Numbers[1], nan, nan}, Output{Meta: MetaRemove, Labels: make([]Codes, 4)}
		for l, f := range []int{0, 2, 3} {
			if label := row.Labels[l]; label.Kind != NoLabel {
				y[f] = float64(r.IntN(3))
				o.Labels[f] = Codes{[]string{"", "", ""}, label.Kind}
				o.Labels[f].Labels[int(y[f])] = string(label.Text)
			}
		}
		coded := there.Append(nil, value, &row, y, testMark())
		if reason := numbers.Decode(&back, inFile(coded)); reason != OK {
			t.Fatalf("%q: %s: %s", value, coded, numbers.Detail())
		}
		for f, x := range back.Numbers {
			if x != y[f] && !(x != x && y[f] != y[f]) {
				t.Fatalf("%q: %s: number %d is %v, want %v", value, coded, f, x, y[f])
			}
		}
		home, err := NewRewriter(numbers.schema, plant(), o, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := home.Append(nil, coded, &back, y, nil); string(got) != string(value) {
			t.Fatalf("%q: %s: came back as %q", value, coded, got)
		}
	}
}
