package record

import (
	"runtime/metrics"
	"testing"

	"tare/schema"
)

// TestNoAllocations decodes and encodes every kind of record that is no fault
// of its producer's software, and some that are.
func TestNoAllocations(t *testing.T) {
	f := func(name string, run func()) {
		t.Helper()
		run() // buffers grow once
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	var row Row
	var dst []byte
	m := testMark()

	s := unlimited()
	s.Series = schema.Series{Fields: []string{"sensor", "plant"}, List: true}
	d := newJSON(t, s)
	d.AcceptStamped = true
	nested := newEncoder(t, s, Output{}, "")
	remove := newEncoder(t, s, Output{Meta: MetaRemove}, "")
	features := newEncoder(t, s, Output{Value: Features, Dtype: Float32}, "")
	vector := newEncoder(t, s, Output{Value: Vector, Meta: MetaNone, Missing: MissingMask}, "")
	for _, text := range []string{
		`{"sensor":"a","plant":7,"ts":1772236833170,"load":1.50,"payload":{"vib":-2,"deep":{"x":3.141592653589793}},"a.b":4e-9,"é":null}`,
		`{"\u0073ensor":"\"a\"","plant":"\ud83d\ude00","ts":"1772236833170.5","load":123456789012345678901234567890}`,
		`{"sensor":"a","plant":7,"ts":1,"payload":[],"load":"x","a.b":1e999,"_tare":{"artifact":"x"},"other":[{"a":"\u00e9é"}]}`,
	} {
		value := []byte(text)
		in := inFile(value)
		f("decode "+text, func() {
			if d.Decode(&row, in) != OK {
				t.Fatal(d.Detail())
			}
		})
		y := []float64{0.1, nan, 3, 4, 5}
		f("replace "+text, func() { dst = nested.Append(dst[:0], value, &row, y, m) })
		f("remove "+text, func() { dst = remove.Append(dst[:0], value, &row, y, m) })
		f("features "+text, func() { dst = features.Append(dst[:0], value, &row, y, m) })
		f("vector "+text, func() { dst = vector.Append(dst[:0], value, &row, y, m) })
	}
	strict := newJSON(t, mixed())
	for _, v := range []string{`{`, `{"sensor":"a","ts":1,"load":1,"load":2}`, `{"ts":1}`, `{"sensor":"a"}`, `{"sensor":"a","ts":1,"load":"x"}`, `{"_tare":1}`} {
		in := inFile([]byte(v))
		f("reject "+v, func() { strict.Decode(&row, in) })
	}

	s = onTopic()
	s.Series = schema.Series{Fields: []string{"line", schema.Key}, List: true}
	s.Time.MaxFutureSkew = 1
	topic := newJSON(t, s)
	in := &Message{Key: []byte("p"), Value: []byte(`{"line":1,"ts":7,"load":2}`), Timestamp: 7, Headers: headers("trace", "x", "more", "null")}
	f("of Kafka", func() {
		if topic.Decode(&row, in) != OK {
			t.Fatal(topic.Detail())
		}
	})
	for _, m := range []*Message{{Value: in.Value}, {Key: in.Key}, {Key: in.Key, Value: in.Value}, {Key: []byte("\xff"), Value: in.Value},
		{Key: in.Key, Value: in.Value, Headers: headers("trace", "x", HeaderArtifact, "null")}} {
		f("reject of Kafka", func() {
			if topic.Decode(&row, m) == OK {
				t.Fatalf("%+v is accepted", m)
			}
		})
	}
	letter := &Message{Key: in.Key, Timestamp: 7, Headers: in.Headers}
	f("dead letter", func() { dst = AppendDeadLetter(dst[:0], "syntax", letter, "raw") })
	f("source", func() { dst = m.AppendSource(dst[:0]) })

	s = mixedCSV()
	s.Limits = schema.Limits{}
	s.BadValue = schema.Missing
	s.Time.Layout = schema.RFC3339
	c := newCSV(t, s, mixedHeader)
	c.AcceptStamped = true
	replace := newEncoder(t, s, Output{}, mixedHeader)
	features = newEncoder(t, s, Output{Value: Features}, "")
	for _, text := range []string{
		`a,2026-03-01T06:00:00.123Z,1.50,-2,3.141592653589793,x,`,
		`"a,""b""","2026-03-01",inf,hot," NaN ","x""y","{}"`,
	} {
		value := []byte(text)
		in := inFile(value)
		f("decode "+text, func() {
			if c.Decode(&row, in) != OK {
				t.Fatal(c.Detail())
			}
		})
		y := []float64{0.1, nan, 3}
		f("replace "+text, func() { dst = replace.Append(dst[:0], value, &row, y, m) })
		f("features "+text, func() { dst = features.Append(dst[:0], value, &row, y, m) })
	}
	for _, layout := range []schema.Layout{schema.RFC3339, schema.Unix, "2006-01-02 15:04:05"} {
		f("write time "+string(layout), func() { dst = AppendTime(dst[:0], layout, 1772236833170000000) })
	}
}

// TestNoAllocationsOfArrays decodes and encodes arrays, whole and broken.
func TestNoAllocationsOfArrays(t *testing.T) {
	f := func(name string, run func()) {
		t.Helper()
		run() // buffers grow once
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	var row Row
	var dst []byte
	m := testMark()
	s := grids()
	for _, d := range gridDecoders(t) {
		for _, text := range []string{
			`{"load":1,"list":[1.5, null, -2e3,12345678901234567890],"in":{"grid":[[1,2,3],[4,5,6]]},"cube":[[[1,2]],[[3,4]]],"twin":null}`,
			`{"list":[1,2,3],"in":{"grid":[[1,2,3],null]},"twin":[1,2]}`,
			`{"list":["x",1e999,[1],4],"in":{"grid":[1,{}]}}`,
			`{"list":[1,2`,
		} {
			in := inFile([]byte(text))
			f("decode "+text, func() { d.Decode(&row, in) })
		}
	}
	s.Features = s.Features[:5]
	value := []byte(`{"load":1,"list":[1,2,3,4],"in":{}}`)
	newJSON(t, s).Decode(&row, inFile(value))
	y := []float64{1, 2, nan, 4, 5, 6, 7, 8, 9, 10, 11, 12, nan, nan, nan, nan}
	for _, o := range []Output{{Meta: MetaNone}, {Value: Features}, {Value: Vector, Dtype: Int16, Missing: MissingMask, Meta: MetaNone}} {
		e := newEncoder(t, s, o, "")
		f("encode "+string(o.Value), func() { dst = e.Append(dst[:0], value, &row, y, m) })
	}
	for _, dtype := range dtypes {
		s := packed(dtype, 2, 8)
		d := newBinary(t, s)
		e := newEncoder(t, s, Output{Dtype: dtype, Missing: MissingZero, Meta: MetaNone}, "")
		dst = e.Append(dst[:0], nil, &Row{Spans: []Span{{0, 1}}}, y, nil)
		in := &Message{Key: []byte("a"), Value: append([]byte(nil), dst...), Timestamp: 7}
		f("decode "+string(dtype), func() {
			if d.Decode(&row, in) != OK {
				t.Fatal(d.Detail())
			}
		})
		f("encode "+string(dtype), func() { dst = e.Append(dst[:0], nil, &row, y, nil) })
		short := &Message{Key: in.Key, Value: in.Value[1:], Timestamp: 7}
		f("reject "+string(dtype), func() { d.Decode(&row, short) })
	}
}

// TestNoAllocationsOfLabels decodes and encodes labels, also such that are none.
func TestNoAllocationsOfLabels(t *testing.T) {
	f := func(name string, run func()) {
		t.Helper()
		run() // buffers grow once
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	var row Row
	var dst []byte
	m := testMark()
	to := plant()
	to.Features[0] = schema.Feature{Name: "state", Field: "state", Shape: []int{2}}
	to.Features[2].Label, to.Features[3].Label = false, false
	there, err := NewRewriter(plant(), to, Output{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	features := newEncoder(t, plant(), Output{Value: Features, Labels: codes()}, "")
	for _, d := range labelDecoders(t) {
		for _, text := range []string{
			`{"state":"\u00e9\"","load":5,"payload":{"code":"x"},"on":true,"level":1.5}`,
			`{"state":null,"payload":{"code":17},"on":""}`,
			`{"state":{},"payload":7,"on":[]}`,
		} {
			in := inFile([]byte(text))
			f("decode "+text, func() { d.Decode(&row, in) })
		}
	}
	value := []byte(`{"state":"on","load":5,"on":true}`)
	newJSON(t, plant()).Decode(&row, inFile(value))
	wide, nested, y := []float64{0, 1, 2, nan, 1}, []float64{0, 1, 2, -1, 1}, []float64{1, 2, nan, 0}
	f("replace", func() { dst = there.Append(dst[:0], value, &row, wide, m) })
	f("replace, nested", func() { dst = there.Append(dst[:0], value, &row, nested, m) })
	f("features", func() { dst = features.Append(dst[:0], value, &row, y, m) })

	line := inFile([]byte(`1,"a""b",on,`))
	d := newCSV(t, plantCSV(), plantHeader)
	replace := newEncoder(t, plantCSV(), Output{Labels: codes()}, plantHeader)
	f("decode csv", func() {
		if d.Decode(&row, line) != OK {
			t.Fatal(d.Detail())
		}
	})
	f("replace csv", func() { dst = replace.Append(dst[:0], line.Value, &row, y, m) })
}

// decodeWithin decodes, and fails where that allocates more than the value's
// length justifies.
func decodeWithin(t testing.TB, d Decoder, row *Row, m *Message) Reason {
	t.Helper()
	before := allocated()
	reason := d.Decode(row, m)
	if grown := allocated() - before; grown > 1<<20+64*uint64(len(m.Value)) {
		t.Fatalf("%d bytes allocated for a value of %d: %q", grown, len(m.Value), m.Value)
	}
	return reason
}

// allocated returns the bytes allocated so far. Small ones are seen late, by up
// to a span of each size.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
