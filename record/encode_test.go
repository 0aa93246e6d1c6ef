package record

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tare/schema"
)

var nan = math.NaN()

func newEncoder(t testing.TB, s *schema.Schema, o Output, header string) Encoder {
	t.Helper()
	e, err := NewEncoder(s, o, []byte(header))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testMark() *Mark {
	return &Mark{Artifact: "0123456789abcdef", Topic: `raw "x"`, Partition: 3, Offset: 42, Split: "train", Flags: Late | Imputed}
}

const testStamp = `{"artifact":"0123456789abcdef","source":"raw \"x\"/3/42","split":"train","flags":"late,imputed"}`

// unlimited is mixed without limits and with bad values taken as missing.
func unlimited() *schema.Schema {
	s := mixed()
	s.Limits = schema.Limits{}
	s.BadValue = schema.Missing
	return s
}

func TestReplaceJSON(t *testing.T) {
	s := unlimited()
	d := newJSON(t, s)
	d.AcceptStamped = true
	f := func(e Encoder, value string, y []float64, want string) {
		t.Helper()
		var row Row
		if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		if got := string(e.Append(nil, []byte(value), &row, y, testMark())); got != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
	}
	none := []float64{nan, nan, nan, nan, nan}
	all := []float64{0.1, -0.2, 3, 1e-7, 1e21}

	e := newEncoder(t, s, Output{Meta: MetaNone}, "")
	f(e, `{"sensor":"a","ts":1,"load":1.50,"payload":{"vib":-2,"deep":{"x":3}},"a.b":4,"é":5}`, all, `{"sensor":"a","ts":1,"load":0.1,"payload":{"vib":-0.2,"deep":{"x":3}},"a.b":1e-7,"é":1e+21}`)
	f(e, ` { "é" : 5 , "a.b":4,"payload":{"deep":{"x":7}, "vib":-2},"load":1.50,"ts":1,"sensor":"a" } `, all, ` { "é" : 1e+21 , "a.b":1e-7,"payload":{"deep":{"x":3}, "vib":-0.2},"load":0.1,"ts":1,"sensor":"a" } `)
	f(e, `{"sensor":"a","ts":1,"load":1.50,"other":1.50}`, none, `{"sensor":"a","ts":1,"load":null,"other":1.50}`)
	f(e, `{"sensor":"a","ts":1,"load":null,"payload":{"vib":null}}`, none, `{"sensor":"a","ts":1,"load":null,"payload":{"vib":null}}`)
	f(e, `{"sensor":"a","ts":1,"load":"hot","a.b":[1,2],"é":1e999}`, none, `{"sensor":"a","ts":1,"load":null,"a.b":null,"é":null}`)
	f(e, `{"sensor":"a","ts":1,"load":null}`, []float64{1, nan, nan, nan, nan}, `{"sensor":"a","ts":1,"load":1}`)
	f(e, `{"sensor":"a","ts":1,"load":2}`, []float64{math.Inf(1), math.Inf(-1), nan, nan, nan}, `{"sensor":"a","ts":1,"load":null}`)
	f(e, `{"sensor":"a","ts":1,"load":2}`, []float64{math.Copysign(0, -1), nan, nan, nan, nan}, `{"sensor":"a","ts":1,"load":-0}`)
	// A number that stays the same stays as it is written.
	f(e, `{"sensor":"a","ts":1,"load":1.50e0,"a.b":-0,"é":3.0}`, []float64{1.5, nan, nan, 0, 4}, `{"sensor":"a","ts":1,"load":1.50e0,"a.b":-0,"é":4}`)
	// Absent and imputed.
	f(e, `{"sensor":"a","ts":1}`, []float64{1, nan, nan, 4, 5}, `{"sensor":"a","ts":1,"load":1,"a.b":4,"é":5}`)
	f(e, `{"sensor":"a","ts":1 }`+"\r\n", []float64{1, nan, nan, nan, nan}, `{"sensor":"a","ts":1 ,"load":1}`+"\r\n")
	f(e, `{"sensor":"a","ts":1,"payload":{"vib":0}}`, all, `{"sensor":"a","ts":1,"payload":{"vib":-0.2,"deep":{"x":3}},"load":0.1,"a.b":1e-7,"é":1e+21}`)
	f(e, `{"sensor":"a","payload":{"o":[{}] , "deep" : {"y":1} },"ts":1}`, []float64{nan, 2, 3, nan, nan}, `{"sensor":"a","payload":{"o":[{}] , "deep" : {"y":1,"x":3} ,"vib":2},"ts":1}`)
	f(e, `{"payload":{"deep":{}},"sensor":"a","ts":1}`, []float64{nan, 2, 3, nan, nan}, `{"payload":{"deep":{"x":3},"vib":2},"sensor":"a","ts":1}`)
	f(e, `{"payload":{ },"sensor":"a","ts":1}`, []float64{nan, 2, 3, nan, nan}, `{"payload":{ "vib":2,"deep":{"x":3}},"sensor":"a","ts":1}`)
	f(e, `{"sensor":"a","ts":1}`, []float64{nan, 2, 3, nan, nan}, `{"sensor":"a","ts":1,"payload":{"vib":2,"deep":{"x":3}}}`)
	f(e, `{"sensor":"a","ts":1}`, []float64{nan, nan, 3, nan, nan}, `{"sensor":"a","ts":1,"payload":{"deep":{"x":3}}}`)
	f(e, `{"sensor":"a","payload":null,"ts":1}`, []float64{nan, 2, nan, nan, nan}, `{"sensor":"a","payload":{"vib":2},"ts":1}`)
	f(e, `{"sensor":"a","payload":null,"ts":1}`, []float64{7, nan, nan, nan, nan}, `{"sensor":"a","payload":null,"ts":1,"load":7}`)
	f(e, `{"sensor":"a","payload":[1,{"vib":2}],"ts":1}`, []float64{nan, 2, nan, nan, nan}, `{"sensor":"a","payload":{"vib":2},"ts":1}`)
	f(e, `{"sensor":"a","payload":{"deep":true},"ts":1}`, []float64{nan, nan, 3, nan, nan}, `{"sensor":"a","payload":{"deep":{"x":3}},"ts":1}`)
	f(e, `{"sensor":"a","p\u0061yload":{"d\u0065ep":{}},"ts":1,"load":7}`, []float64{8, nan, 3, nan, nan}, `{"sensor":"a","p\u0061yload":{"d\u0065ep":{"x":3}},"ts":1,"load":8}`)
	f(e, ` {"sensor":"a","ts":1} `, []float64{nan, 2, nan, nan, nan}, ` {"sensor":"a","ts":1,"payload":{"vib":2}} `)
	f(e, `{"sensor":"a","ts":1,"_tare":{"x":1}}`, none, `{"sensor":"a","ts":1,"_tare":{"x":1}}`)

	for _, meta := range []Meta{"", MetaHeaders, MetaField} {
		e = newEncoder(t, s, Output{Meta: meta}, "")
		f(e, `{"sensor":"a","ts":1,"load":1}`, all[:5:5], `{"sensor":"a","ts":1,"load":0.1,"payload":{"vib":-0.2,"deep":{"x":3}},"a.b":1e-7,"é":1e+21,"_tare":`+testStamp+`}`)
		f(e, `{"sensor":"a","ts":1}`, none, `{"sensor":"a","ts":1,"_tare":`+testStamp+`}`)
		f(e, `{"sensor":"a","ts":1} `, none, `{"sensor":"a","ts":1,"_tare":`+testStamp+`} `)
		// A mark that was let pass gives way to the new one.
		f(e, `{"sensor":"a","_tare":{"x":1},"ts":1,"load":2}`, none, `{"sensor":"a","_tare":`+testStamp+`,"ts":1,"load":null}`)
	}

	e = newEncoder(t, s, Output{Meta: MetaRemove}, "")
	f(e, `{"sensor":"a","ts":1,"load":2,"_tare":{"x":1}}`, all[:5:5], `{"sensor":"a","ts":1,"load":0.1,"payload":{"vib":-0.2,"deep":{"x":3}},"a.b":1e-7,"é":1e+21}`)
	f(e, `{"sensor":"a","ts":1,"load":2,"_tare":{"x":1}}`, none, `{"sensor":"a","ts":1,"load":null}`)
	f(e, `{"_tare":{"x":1},"sensor":"a","ts":1,"load":2}`, none, `{"sensor":"a","ts":1,"load":null}`)
	f(e, `{ "_tare" : {"x":1} , "sensor":"a","ts":1,"load":2}`, none, `{ "sensor":"a","ts":1,"load":null}`)
	f(e, `{"load":2 , "\u005ftare" : ":,\"}" , "sensor":"a","ts":1}`, none, `{"load":null  , "sensor":"a","ts":1}`)
	f(e, `{"load":2,"_tare":null,"a.b":3,"sensor":"a","ts":1}`, []float64{1, nan, nan, 7, nan}, `{"load":1,"a.b":7,"sensor":"a","ts":1}`)
	f(e, `{"sensor":"a","ts":1,"load":2}`, none, `{"sensor":"a","ts":1,"load":null}`)

	e = newEncoder(t, s, Output{Meta: MetaNone, Dtype: Float32}, "")
	f(e, `{"sensor":"a","ts":1,"load":0.1,"a.b":1,"é":2}`, []float64{0.1, nan, nan, 1.00000001, 1e300}, `{"sensor":"a","ts":1,"load":0.1,"a.b":1,"é":null}`)
	f(e, `{"sensor":"a","ts":1,"load":0.10000000000000001,"a.b":1,"é":2}`, []float64{0.1, nan, nan, 1e-7, 16777217}, `{"sensor":"a","ts":1,"load":0.1,"a.b":1e-7,"é":16777216}`)

	plain := &schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "x", Field: "x"}, {Name: `"y"`, Field: `"y"`}}}
	d = newJSON(t, plain)
	d.AcceptStamped = true
	e = newEncoder(t, plain, Output{}, "")
	f(e, `{}`, []float64{nan, nan}, `{"_tare":`+testStamp+`}`)
	f(e, "{ \n}\t", []float64{1, 2}, "{ \n"+`"x":1,"\"y\"":2,"_tare":`+testStamp+"}\t")
	e = newEncoder(t, plain, Output{Meta: MetaRemove}, "")
	f(e, `{"_tare":1}`, []float64{nan, nan}, `{}`)
	f(e, `{"_tare":1}`, []float64{nan, 2}, `{"\"y\"":2}`)
	f(e, `{"_tare":{} }`, []float64{nan, nan}, `{ }`)
}

// rest writes all of a record that is neither a feature nor the mark, to see
// that it stays as it is.
func rest(n *node, at *branch) string {
	var b strings.Builder
	for i, key := range n.keys {
		m := n.members[i]
		switch k := at.byName[key]; {
		case k == nil || k.series >= 0 || k.time:
			fmt.Fprintf(&b, "%q:%s,", key, whole(m))
		case k.below != nil && m.kind == '{':
			if inner := rest(m, k.below); inner != "" {
				fmt.Fprintf(&b, "%q:{%s},", key, inner)
			}
		}
	}
	return b.String()
}

func whole(n *node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%c%s(", n.kind, n.text)
	for i, m := range n.members {
		if n.kind == '{' {
			fmt.Fprintf(&b, "%q:", n.keys[i])
		}
		b.WriteString(whole(m) + ",")
	}
	return b.String() + ")"
}

// roundTrip encodes a decoded record, decodes that, and looks for y.
func roundTrip(t *testing.T, d *JSON, e *replaceJSON, value []byte, row *Row, y []float64) {
	t.Helper()
	out := e.Append(nil, value, row, y, testMark())
	if !json.Valid(out) {
		t.Fatalf("%q: %q is not valid", value, out)
	}
	var back Row
	if reason := d.Decode(&back, inFile(out)); reason != OK || back.Bad > row.Bad {
		t.Fatalf("%q: %q is read as %s, %d bad: %s", value, out, reason, back.Bad, d.Detail())
	}
	for i, got := range back.Numbers {
		want := y[i]
		if math.IsInf(want, 0) {
			want = nan
		}
		if got != want && !(got != got && want != want) {
			t.Fatalf("%q: %q: number %d is %v, want %v", value, out, i, got, want)
		}
	}
	for f := range row.Spans {
		had, has := row.Spans[f] != (Span{}), back.Spans[f] != (Span{})
		if has != (had || e.any(f, y)) {
			t.Fatalf("%q: %q: feature %d was there %v, is there %v", value, out, f, had, has)
		}
	}
	if string(back.Series) != string(row.Series) || back.Time != row.Time {
		t.Fatalf("%q: %q: series %q at %d, want %q at %d", value, out, back.Series, back.Time, row.Series, row.Time)
	}
	marked := back.Stamp != (Span{})
	if want := e.meta.writes() || e.meta == MetaNone && row.Stamp != (Span{}); marked != want {
		t.Fatalf("%q: %q: marked %v, want %v", value, out, marked, want)
	}
	if artifact, _ := StampArtifact(out, back.Stamp); marked && e.meta.writes() && artifact != testMark().Artifact {
		t.Fatalf("%q: %q: artifact %q", value, out, artifact)
	}
	if got, want := rest(parse(out), d.root), rest(parse(value), d.root); got != want {
		t.Fatalf("%q: %q: beside the features\n got %s\nwant %s", value, out, got, want)
	}
}

// randomY returns numbers to write, of which some are missing.
func randomY(r *rand.Rand, n int) []float64 {
	y := make([]float64, n)
	for i := range y {
		switch r.IntN(4) {
		case 0:
			y[i] = nan
		case 1:
			y[i] = float64(r.IntN(3))
		default:
			y[i] = r.NormFloat64()
		}
	}
	return y
}

func replacers(t testing.TB, s *schema.Schema) (all []*replaceJSON) {
	for _, meta := range []Meta{MetaHeaders, MetaNone, MetaRemove} {
		all = append(all, newEncoder(t, s, Output{Meta: meta}, "").(*replaceJSON))
	}
	return all
}

// TestReplaceRandom writes records whose keys come, go and change places.
func TestReplaceRandom(t *testing.T) {
	r := random(t)
	s := unlimited()
	d := newJSON(t, s)
	d.AcceptStamped = true
	encoders := replacers(t, s)
	members := []string{`"load":2`, `"a.b":null`, `"é" : "x"`, `"_tare":{"a":"}"}`, `"other":{"load":1}`, `"l":[]`}
	payloads := []string{`"payload":{"vib":3,"deep":{"x":4}}`, `"payload":{"deep":{"y":1},"vib":3}`, `"payload":{}`, `"payload":null`, `"payload":{"deep":0}`, `"payload":7`, `"pay":7`}
	for range rounds(20_000) {
		list := slices.Clone(members[r.IntN(len(members)):])
		list = append(list, payloads[r.IntN(len(payloads))], `"sensor":"a"`, `"ts":1`)
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		value := []byte("{" + strings.Join(list, []string{",", " , "}[r.IntN(2)]) + "}")
		for _, e := range encoders {
			var row Row
			if reason := d.Decode(&row, inFile(value)); reason != OK {
				t.Fatalf("%q: %s", value, d.Detail())
			}
			roundTrip(t, d, e, value, &row, randomY(r, 5))
		}
	}
}

func FuzzReplace(f *testing.F) {
	list, _ := verdicts(f, "testdata/bad.txt")
	for i, v := range list {
		f.Add([]byte(v.record), uint64(i))
	}
	s := unlimited()
	d := newJSON(f, s)
	d.AcceptStamped = true
	encoders := replacers(f, s)
	f.Fuzz(func(t *testing.T, value []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, e := range encoders {
			var row Row
			if d.Decode(&row, inFile(value)) == OK {
				roundTrip(t, d, e, value, &row, randomY(r, 5))
			}
		}
	})
}

func TestReplaceCSV(t *testing.T) {
	s := mixedCSV()
	s.Limits = schema.Limits{}
	s.BadValue = schema.Missing
	f := func(o Output, header, value string, y []float64, wantHeader, want string) {
		t.Helper()
		d := newCSV(t, s, header)
		d.AcceptStamped = true
		var row Row
		if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		e := newEncoder(t, s, o, header)
		if got := string(e.Header(nil)); got != wantHeader {
			t.Errorf("%s:\n got %s\nwant %s", header, got, wantHeader)
		}
		got := e.Append(nil, []byte(value), &row, y, testMark())
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
		var back Row
		d = newCSV(t, s, wantHeader)
		d.AcceptStamped = true
		if reason := d.Decode(&back, inFile(got)); reason != OK {
			t.Errorf("%s: read back: %s", got, d.Detail())
		}
	}
	cell := `"` + strings.ReplaceAll(testStamp, `"`, `""`) + `"`
	y := []float64{0.1, -2, nan}
	none := []float64{nan, nan, nan}

	o := Output{Meta: MetaNone}
	f(o, `sensor,ts,load,"pay,load",é,other`, `a,1,5,"6", 7 ,x`, y, `sensor,ts,load,"pay,load",é,other`, `a,1,0.1,-2,,x`)
	f(o, `other,é,"pay,load",load,ts,sensor`, `x,7,6,5,1,"a,b"`, y, `other,é,"pay,load",load,ts,sensor`, `x,,-2,0.1,1,"a,b"`)
	f(o, `load,sensor,ts`, `,a,1`, y, `load,sensor,ts`, `0.1,a,1`)
	f(o, `load,sensor,ts`, `,a,1`, none, `load,sensor,ts`, `,a,1`)
	f(o, `load,sensor,ts`, `x,a,1`, none, `load,sensor,ts`, `,a,1`)
	f(o, `load,sensor,ts`, `NaN,a,1`, none, `load,sensor,ts`, `,a,1`)
	f(o, "\ufeffload,sensor,ts\r", "3,a,1\r", y, "\ufeffload,sensor,ts\r", "0.1,a,1\r")
	f(o, `sensor,ts,load`, `a,1,"1.50"`, []float64{1.5, nan, nan}, `sensor,ts,load`, `a,1,"1.50"`)
	f(o, `sensor,ts,load,_tare`, `a,1,2,x`, none, `sensor,ts,load,_tare`, `a,1,,x`)
	f(Output{Meta: MetaNone, Dtype: Float32}, `sensor,ts,load`, `a,1,0.10000000000000001`, []float64{0.1, nan, nan}, `sensor,ts,load`, `a,1,0.1`)
	f(Output{Meta: MetaNone, Imputed: []bool{true, true, false}}, `sensor,ts`, `a,1`, []float64{nan, 2, 3}, `sensor,ts,load,"pay,load"`, `a,1,,2`)

	o = Output{}
	f(o, `sensor,ts,load`, `a,1,5`, y, `sensor,ts,load,_tare`, `a,1,0.1,`+cell)
	f(o, "sensor,ts,load\r", "a,1,5\r", y, "sensor,ts,load,_tare\r", `a,1,0.1,`+cell+"\r")
	f(o, `sensor,_tare,ts,load`, `a,,1,5`, y, `sensor,_tare,ts,load`, `a,`+cell+`,1,0.1`)
	f(o, `_tare,sensor,ts,load`, `,a,1,5`, y, `_tare,sensor,ts,load`, cell+`,a,1,0.1`)
	f(o, `_tare,sensor,ts,load`, `"x,y",a,1,5`, y, `_tare,sensor,ts,load`, cell+`,a,1,0.1`)
	f(Output{Imputed: []bool{true, true, true}}, `ts,é,sensor`, `1,,a`, []float64{1, 2, 3}, `ts,é,sensor,load,"pay,load",_tare`, `1,3,a,1,2,`+cell)

	o = Output{Meta: MetaRemove}
	f(o, `sensor,ts,load,_tare`, `a,1,5,`+cell, y, `sensor,ts,load`, `a,1,0.1`)
	f(o, `sensor,ts,load,_tare`, `a,1,5,`, y, `sensor,ts,load`, `a,1,0.1`)
	f(o, `sensor,_tare,ts,load`, `a,`+cell+`,1,5`, y, `sensor,ts,load`, `a,1,0.1`)
	f(o, `"_tare",load,sensor,ts`, cell+`,5,a,1`, y, `load,sensor,ts`, `0.1,a,1`)
	f(o, `_tare,load,sensor,ts`, `,5,a,1`, y, `load,sensor,ts`, `0.1,a,1`)
	f(o, `load,sensor,ts`, `5,a,1`, y, `load,sensor,ts`, `0.1,a,1`)

	s = &schema.Schema{Format: schema.CSV, Features: []schema.Feature{{Name: "x", Field: "x"}}}
	f(Output{Meta: MetaNone}, `x`, `5`, []float64{nan}, `x`, `""`)
	f(Output{Meta: MetaNone}, `x`, "5\r", []float64{nan}, `x`, "\"\"\r")
	f(Output{Meta: MetaRemove}, `x,_tare`, "5,\r", []float64{nan}, `x`, "\"\"\r")
}

// TestReplaceCSVRandom writes rows under headers whose columns come, go and
// change places.
func TestReplaceCSVRandom(t *testing.T) {
	r := random(t)
	s := mixedCSV()
	s.Limits = schema.Limits{}
	s.BadValue = schema.Missing
	pools := map[string][]string{
		"sensor": {`a`, `"a,b"`, `"""x"""`}, "ts": {`1`, `" 2 "`, `3.5`}, "other": {`x`, `"x,""y"`, ``}, "_tare": {``, `x`, `"{""a"":1}"`},
		"load": {`1.50`, ``, `NaN`, `hot`, `"2"`, ` 3 `}, `"pay,load"`: {`1`, `inf`, ``}, "é": {`-1e3`, `""`},
	}
	for range rounds(5_000) {
		names := []string{"load", `"pay,load"`, "é", "other", "_tare"}
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = append(names[:r.IntN(len(names)+1)], "sensor", "ts")
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		cells := make([]string, len(names))
		for i, name := range names {
			cells[i] = pools[name][r.IntN(len(pools[name]))]
		}
		header, value := strings.Join(names, ","), strings.Join(cells, ",")
		for _, meta := range []Meta{MetaHeaders, MetaNone, MetaRemove} {
			o := Output{Meta: meta, Imputed: []bool{r.IntN(2) == 0, r.IntN(2) == 0, false}}
			roundTripCSV(t, s, o, header, value, randomY(r, 3))
		}
	}
}

func roundTripCSV(t *testing.T, s *schema.Schema, o Output, header, value string, y []float64) {
	t.Helper()
	var row, back Row
	d := newCSV(t, s, header)
	d.AcceptStamped = true
	if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
		t.Fatalf("%s: %s: %s", header, value, d.Detail())
	}
	e := newEncoder(t, s, o, header)
	newHeader := string(e.Header(nil))
	out := e.Append(nil, []byte(value), &row, y, testMark())
	again := newCSV(t, s, newHeader)
	again.AcceptStamped = true
	if reason := again.Decode(&back, inFile(out)); reason != OK || back.Bad > 0 {
		t.Fatalf("%s: %s: %q under %q: %s", header, value, out, newHeader, again.Detail())
	}
	for f, got := range back.Numbers {
		want := y[f]
		if slices.Contains(d.missing(), f) && !o.Imputed[f] {
			want = nan
		}
		if got != want && !(got != got && want != want) {
			t.Fatalf("%s: %s: %q under %q: feature %d is %v, want %v", header, value, out, newHeader, f, got, want)
		}
	}
	if string(back.Series) != string(row.Series) || back.Time != row.Time {
		t.Fatalf("%s: %s: %q: series %q at %d", header, value, out, back.Series, back.Time)
	}
	if marked := back.Stamp != (Span{}); marked != (o.Meta.writes() || o.Meta == MetaNone && row.Stamp != (Span{})) {
		t.Fatalf("%s: %s: %q: marked %v", header, value, out, marked)
	}
	other := func(header, value string) string {
		names, err := columnNames([]byte(header))
		if err != nil {
			t.Fatal(err)
		}
		cells, err := columnNames([]byte(value)) // a row has the form of a header
		if err != nil || len(cells) != len(names) {
			t.Fatalf("%q under %q: %v", value, header, err)
		}
		if i := slices.Index(names, "other"); i >= 0 {
			return cells[i]
		}
		return "none"
	}
	if got, want := other(newHeader, string(out)), other(header, value); got != want {
		t.Fatalf("%s: %s: %q: other is %q, want %q", header, value, out, got, want)
	}
}

func TestFeatures(t *testing.T) {
	m := testMark()
	f := func(s *schema.Schema, o Output, header, value string, y []float64, wantHeader, want string) {
		t.Helper()
		var d Decoder
		if s.Format == schema.CSV {
			d = newCSV(t, s, header)
		} else {
			d = newJSON(t, s)
		}
		var row, back Row
		if reason := d.Decode(&row, inFile([]byte(value))); reason != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		o.Value = Features
		e := newEncoder(t, s, o, "")
		if got := string(e.Header(nil)); got != wantHeader || !e.Lines() {
			t.Errorf("header is %s, want %s", got, wantHeader)
		}
		got := e.Append(nil, []byte(value), &row, y, m)
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
		columns := o.Columns
		if columns == nil {
			for _, f := range s.Features {
				columns = append(columns, f.Name)
			}
		}
		out := s.Output(columns)
		if s.Format == schema.CSV {
			c := newCSV(t, out, wantHeader)
			c.AcceptStamped = true
			d = c
		} else {
			j := newJSON(t, out)
			j.AcceptStamped = true
			d = j
		}
		if reason := d.Decode(&back, inFile(got)); reason != OK {
			t.Fatalf("%s: %s", got, d.Detail())
		}
		if string(back.Series) != string(row.Series) || back.Time != row.Time || back.Timed != row.Timed {
			t.Errorf("%s: series %q at %d, want %q at %d", got, back.Series, back.Time, row.Series, row.Time)
		}
		for i, x := range back.Numbers {
			if x != y[i] && !(x != x && y[i] != y[i]) {
				t.Errorf("%s: number %d is %v, want %v", got, i, x, y[i])
			}
		}
	}
	y := []float64{0.1, nan, -3, 4, 5}
	f(mixed(), Output{Meta: MetaNone}, "", `{"sensor":"\"a\"","ts":"1","load":1}`, y, "", `{"series":"\"a\"","time":"1","split":"train","load":0.1,"vibration":null,"deep":-3,"dotted":4,"état":5}`)
	f(mixed(), Output{Columns: []string{"a.b", `c\d`, `"e"`, "series.f", "g"}}, "", `{"sensor":7,"ts":1.5,"load":1}`, y, "",
		`{"series":"7","time":1.5,"split":"train","a.b":0.1,"c\\d":null,"\"e\"":-3,"series.f":4,"g":5,"_tare":`+testStamp+`}`)
	s := mixed()
	s.Series = schema.Series{Fields: []string{"sensor", "plant"}, List: true}
	s.Time = schema.Time{}
	s.Features = s.Features[:1]
	f(s, Output{Meta: MetaNone}, "", `{"sensor":"é\u2028","plant":"<"}`, y[:1], "", `{"series":"[\"é\\u2028\",\"<\"]","split":"train","load":0.1}`)
	s.Series = schema.Series{}
	f(s, Output{Meta: MetaNone}, "", `{}`, y[:1], "", `{"split":"train","load":0.1}`)

	cell := `"` + strings.ReplaceAll(testStamp, `"`, `""`) + `"`
	c := mixedCSV()
	c.Limits = schema.Limits{}
	f(c, Output{}, mixedHeader, `"a,""b""", 1 ,1,2,3,,`, y[:3], `series,time,split,load,comma,état,_tare`, `"a,""b""", 1 ,train,0.1,,-3,`+cell)
	f(c, Output{Meta: MetaNone, Columns: []string{"a,b", "c", `"d"`}}, mixedHeader, `a,1,1,2,3,,`, y[:3], `series,time,split,"a,b",c,"""d"""`, `a,1,train,0.1,,-3`)
	c = &schema.Schema{Format: schema.CSV, Features: []schema.Feature{{Name: "x", Field: "x"}}}
	f(c, Output{Meta: MetaNone}, "x", `5`, y[:1], `split,x`, `train,0.1`)
}

func TestVector(t *testing.T) {
	f := func(o Output, y []float64, want string) {
		t.Helper()
		s := &schema.Schema{Format: schema.JSON}
		for i := range y {
			s.Features = append(s.Features, schema.Feature{Name: fmt.Sprint(i), Field: "x"})
		}
		o.Value, o.Meta = Vector, MetaNone
		e := newEncoder(t, s, o, "")
		if e.Lines() || e.Header(nil) != nil {
			t.Error("a vector has lines")
		}
		got := e.Append([]byte("<"), nil, nil, y, nil)
		if text := fmt.Sprintf("%x", got[1:]); text != want || got[0] != '<' {
			t.Errorf("%v: got %s, want %s", y, text, want)
		}
	}
	hex := func(x float64) string {
		return fmt.Sprintf("%x", binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
	}
	f(Output{}, []float64{1.5, -0.1}, "000000000000f83f"+hex(-0.1))
	f(Output{}, []float64{nan, math.Inf(1), 2}, "000000000000f87f"+"000000000000f87f"+hex(2))
	f(Output{Missing: MissingZero}, []float64{nan, math.Inf(-1), 2}, hex(0)+hex(0)+hex(2))
	f(Output{Missing: MissingMask}, []float64{nan, 3, 2}, hex(0)+hex(3)+hex(2)+hex(1)+hex(0)+hex(0))
	f(Output{Dtype: Float32}, []float64{1.5, nan, 1e300}, "0000c03f"+"0000c07f"+"0000c07f")
	f(Output{Dtype: Float32, Missing: MissingZero}, []float64{1.5, nan, 1e300}, "0000c03f"+"00000000"+"00000000")
	f(Output{Dtype: Float32, Missing: MissingMask}, []float64{1.5, -1e300}, "0000c03f"+"00000000"+"00000000"+"0000803f")
}

func TestNewEncoder(t *testing.T) {
	f := func(s *schema.Schema, o Output, header, want string) {
		t.Helper()
		_, err := NewEncoder(s, o, []byte(header))
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	f(mixed(), Output{Value: "csv"}, "", `output value "csv", want replace, features, vector`)
	f(mixed(), Output{Dtype: "int8"}, "", `output dtype "int8", want float64, float32, int16, uint8`)
	f(mixed(), Output{Missing: "mean"}, "", `output missing "mean", want nan, zero, mask`)
	f(mixed(), Output{Meta: "yes"}, "", `output meta "yes", want headers, field, none, remove`)
	f(mixed(), Output{Value: Vector}, "", `output value vector has no place for meta headers, want none`)
	f(mixed(), Output{Missing: MissingMask}, "", `output missing mask needs value vector: replace writes null or an empty cell`)
	f(mixed(), Output{Value: Features, Meta: MetaRemove}, "", `output meta remove needs value replace`)
	f(mixed(), Output{Columns: []string{"a"}}, "", `output of 1 columns for 5 features, want one each`)
	f(mixed(), Output{Imputed: []bool{true}}, "", `output with imputed for 1 of 5 features, want one each`)
	f(mixed(), Output{Value: Features, Columns: []string{"a", "b", "time", "c", "d"}}, "", `column "time" has the name of another field of output value features (series, time, split, _tare): want another name`)
	f(mixed(), Output{Value: Features, Columns: []string{"a", "b", "c", "a", "d"}}, "", `two columns have the name "a"`)
	twin := mixed()
	twin.Features[4].Field = "load"
	f(twin, Output{}, "", `features "load" and "état" both read field "load", which output value replace can replace only once: want value features or vector`)
	f(mixedCSV(), Output{}, "", `csv header at byte 0: the record ends, want a header that names the columns`)
	f(mixedCSV(), Output{}, "sensor,ts,load,load", `csv header has two columns "load", want one`)
	broken := mixed()
	broken.Features = nil
	f(broken, Output{}, "", `no features, want at least one`)
	broken = mixed()
	broken.Features[4].Field = "load.x"
	f(broken, Output{}, "", `field "load.x" lies within field "load", which is read as a value: want one of them`)
	for _, value := range []Value{Features, Vector} {
		if _, err := NewEncoder(twin, Output{Value: value, Meta: MetaNone}, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestOutputJSON(t *testing.T) {
	o := Output{Value: Vector, Dtype: Float32, Missing: MissingMask, Meta: MetaNone, Columns: []string{"a"}, Imputed: []bool{true}}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"value":"vector","dtype":"float32","missing":"mask","meta":"none","columns":["a"],"imputed":[true]}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}
