package record

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"testing"
	"time"

	"tare/schema"
)

// headers encodes keys and values in turn; a value "null" is null.
func headers(pairs ...string) Headers {
	h := Headers{Count: len(pairs) / 2}
	for i, text := range pairs {
		if i%2 == 1 && text == "null" {
			h.Bytes = binary.AppendVarint(h.Bytes, -1)
			continue
		}
		h.Bytes = append(binary.AppendVarint(h.Bytes, int64(len(text))), text...)
	}
	return h
}

// onTopic is a schema whose series is the key of a record.
func onTopic() *schema.Schema {
	return &schema.Schema{
		Format:   schema.JSON,
		Series:   schema.Series{Fields: []string{schema.Key}},
		Time:     schema.Time{Field: "ts", Layout: schema.UnixMilli},
		Features: []schema.Feature{{Name: "load", Field: "load"}},
		Limits:   schema.Limits{Series: 16},
	}
}

// testMessage decodes a message and compares the row, and the detail if it is
// rejected.
func testMessage(t *testing.T, d Decoder, m *Message, want string) {
	t.Helper()
	var row Row
	reason := d.Decode(&row, m)
	got := show(&row, reason, string(m.Value))
	if reason != OK {
		got += ": " + d.Detail()
	}
	if got != want {
		t.Errorf("%+v:\n got %s\nwant %s", m, got, want)
	}
}

func TestKey(t *testing.T) {
	value := []byte(`{"ts":1,"load":2,"$key":"member","line":7}`)
	f := func(s *schema.Schema, key []byte, want string) {
		t.Helper()
		testMessage(t, newJSON(t, s), &Message{Key: key, Value: value}, want)
	}
	s := onTopic()
	f(s, []byte("pump-17"), `ok "pump-17" @1000000 2=2 when=1`)
	f(s, []byte(`a"\é😀`+"\n"), `ok "a\"\\é😀\n" @1000000 2=2 when=1`)
	f(s, []byte{}, `ok "" @1000000 2=2 when=1`)
	f(s, nil, `series "" @1000000 2=2 when=1: series (field $key): the record's key is null, as it is in all files, want text in UTF-8`)
	f(s, []byte("é\xff"), `series "" @1000000 2=2 when=1: series (field $key): the record's key at byte 2: invalid byte 0xff, want text in UTF-8`)
	f(s, []byte{0xed, 0xa0, 0x80}, `series "" @1000000 2=2 when=1: series (field $key): the record's key at byte 0: invalid byte 0xed, want text in UTF-8`)
	f(s, []byte("0123456789abcdef"), `ok "0123456789abcdef" @1000000 2=2 when=1`)
	f(s, []byte("0123456789abcdefg"), `too_large "0123456789abcdefg" 2=2 when=1: the series name has 17 bytes, want at most 16`)

	s.Series.List = true
	f(s, []byte("p"), `ok "[\"p\"]" @1000000 2=2 when=1`)
	s.Series.Fields = []string{"line", schema.Key}
	f(s, []byte(`p"`), `ok "[\"7\",\"p\\\"\"]" @1000000 2=2 when=1`)
	f(s, nil, `series "" @1000000 2=2 when=1: series (field $key): the record's key is null, as it is in all files, want text in UTF-8`)
	f(s, []byte("0123456789"), `too_large "[\"7\",\"0123456789\"]" 2=2 when=1: the series name has 18 bytes, want at most 16`)
	s.Series.Fields = []string{schema.Key, `\$key`}
	f(s, []byte("p"), `ok "[\"p\",\"member\"]" @1000000 2=2 when=1`)
	s.Series.Fields = []string{schema.Key, "none"}
	f(s, []byte("p"), `series "" @1000000 2=2 when=1: series (field none): absent, want a string or an integer`)
	s.Series = schema.Series{Fields: []string{`\$key`}}
	f(s, []byte("p"), `ok "member" @1000000 2=2 when=1`)

	s = onTopic()
	s.Features[0].Field = schema.Key
	f(s, []byte("p"), `type "p" @1000000 NaN="member" when=1: feature "load" (field $key) at byte 24: a string, want a number or null`)

	s = onTopic()
	s.Format = schema.CSV
	d := newCSV(t, s, "load,ts")
	testMessage(t, d, &Message{Key: []byte("p"), Value: []byte("2,1")}, `ok "p" @1000000 2=2 when=1`)
	testMessage(t, d, &Message{Value: []byte("2,1")}, `series "" @1000000 2=2 when=1: series (field $key): the record's key is null, as it is in all files, want text in UTF-8`)
}

func TestTimestamp(t *testing.T) {
	s := onTopic()
	s.Time = schema.Time{Field: schema.Timestamp, MaxFutureSkew: 1}
	d := newJSON(t, s)
	f := func(timestamp int64, value, want string) {
		t.Helper()
		testMessage(t, d, &Message{Key: []byte("p"), Value: []byte(value), Timestamp: timestamp}, want)
	}
	f(1772236833170, `{"load":2,"$timestamp":7}`, `ok "p" @1772236833170000000 2=2`)
	f(0, `{}`, `ok "p" @0 NaN`)
	f(math.MaxInt64/1_000_000, `{}`, `ok "p" @9223372036854000000 NaN`)
	const wanted = `want milliseconds since 1970 between the years 1678 and 2261`
	f(math.MaxInt64/1_000_000+1, `{}`, `time "p" NaN: time (field $timestamp): the record's timestamp is 9223372036855, `+wanted)
	f(NoTimestamp, `{}`, `time "p" NaN: time (field $timestamp): the record has no timestamp, as it is in all files, `+wanted)
	f(-2, `{}`, `time "p" NaN: time (field $timestamp): the record's timestamp is -2, `+wanted)
	f(1, `{"load":"x"}`, `type "p" @1000000 NaN="x": feature "load" (field load) at byte 8: a string, want a number or null`)
	f(1, `{`, `syntax "p" NaN: at byte 1: the record ends, want a string or }`)

	s.Time = schema.Time{Field: `\$timestamp`, Layout: schema.UnixMilli}
	d = newJSON(t, s)
	f(1, `{"load":2,"$timestamp":7}`, `ok "p" @7000000 2=2 when=7`)
}

func TestSkew(t *testing.T) {
	s := onTopic()
	s.Time = schema.Time{Field: "ts", Layout: schema.UnixNano, MaxFutureSkew: time.Second}
	d := newJSON(t, s)
	f := func(at, timestamp int64, rest, want string) {
		t.Helper()
		value := `{"ts":` + strconv.FormatInt(at, 10) + rest + `}`
		testMessage(t, d, &Message{Key: []byte("p"), Value: []byte(value), Timestamp: timestamp}, want)
	}
	f(3_000_000_000, 2000, "", `ok "p" @3000000000 NaN when=3000000000`)
	f(3_000_000_001, 2000, "", `skew "p" NaN when=3000000001: time (field ts) at byte 6: 3000000001 is 1.000000001s ahead of the record's timestamp 1970-01-01T00:00:02Z, want at most 1s (max_future_skew)`)
	f(3_000_000_001, 2000, `,"load":"x"`, `skew "p" NaN="x" when=3000000001: time (field ts) at byte 6: 3000000001 is 1.000000001s ahead of the record's timestamp 1970-01-01T00:00:02Z, want at most 1s (max_future_skew)`)
	f(3_000_000_001, NoTimestamp, "", `ok "p" @3000000001 NaN when=3000000001`)
	f(3_000_000_001, -2, "", `ok "p" @3000000001 NaN when=3000000001`)
	f(1_000_000_001, 0, "", `skew "p" NaN when=1000000001: time (field ts) at byte 6: 1000000001 is 1.000000001s ahead of the record's timestamp 1970-01-01T00:00:00Z, want at most 1s (max_future_skew)`)
	f(math.MinInt64, 2000, "", `ok "p" @-9223372036854775808 NaN when=-9223372036854775808`)
	f(math.MinInt64, math.MaxInt64, "", `ok "p" @-9223372036854775808 NaN when=-9223372036854775808`)
	f(3_000_000_000, math.MaxInt64, "", `ok "p" @3000000000 NaN when=3000000000`)
	f(math.MaxInt64, math.MaxInt64, "", `ok "p" @9223372036854775807 NaN when=9223372036854775807`)
	f(math.MaxInt64, math.MaxInt64/1_000_000, "", `ok "p" @9223372036854775807 NaN when=9223372036854775807`)
	f(1, 2000, "", `ok "p" @1 NaN when=1`)

	// What is wrong first is named; a time too far ahead is none in any case.
	testMessage(t, d, &Message{Value: []byte(`{"ts":3000000001}`), Timestamp: 2000},
		`series "" NaN when=3000000001: series (field $key): the record's key is null, as it is in all files, want text in UTF-8`)

	d.AcceptStamped = true
	f(3_000_000_001, 2000, "", `ok "p" @3000000001 NaN when=3000000001`)

	s.Time.MaxFutureSkew = 0
	d = newJSON(t, s)
	f(math.MaxInt64, 0, "", `ok "p" @9223372036854775807 NaN when=9223372036854775807`)
}

func TestTombstone(t *testing.T) {
	s := onTopic()
	d := newJSON(t, s)
	testMessage(t, d, &Message{Key: []byte("p")}, `syntax "p" NaN: the value is null (a tombstone), want json`)
	testMessage(t, d, &Message{Key: []byte("p"), Value: []byte{}}, `syntax "p" NaN: at byte 0: the record ends, want {`)
	testMessage(t, d, &Message{Key: []byte("p"), Headers: headers(HeaderArtifact, "a")}, `stamped "p" NaN: header tare-artifact: the record has been normalized already`)
	s.Format = schema.CSV
	c := newCSV(t, s, "load,ts")
	testMessage(t, c, &Message{Key: []byte("p")}, `syntax "p" NaN: the value is null (a tombstone), want csv`)
}

// TestStampedHeader decodes records whose headers may hold a mark.
func TestStampedHeader(t *testing.T) {
	f := func(h Headers, value, artifact string, want string) {
		t.Helper()
		m := &Message{Key: []byte("p"), Value: []byte(value), Headers: h}
		testMessage(t, newJSON(t, onTopic()), m, want)

		d, row := newJSON(t, onTopic()), Row{}
		d.AcceptStamped = true
		if reason := d.Decode(&row, m); reason != OK {
			t.Errorf("%q: %v when stamps are accepted", h.Bytes, reason)
		}
		if (row.Artifact == nil) != (artifact == "none") || row.Artifact != nil && string(row.Artifact) != artifact {
			t.Errorf("%q: artifact %q, want %s", h.Bytes, row.Artifact, artifact)
		}
	}
	const plain, stamped = `{"ts":1}`, `stamped "p" NaN when=1: header tare-artifact: the record has been normalized already`
	f(Headers{}, plain, "none", `ok "p" @1000000 NaN when=1`)
	f(headers("trace", "x", "Tare-Artifact", "y", HeaderSource, "z"), plain, "none", `ok "p" @1000000 NaN when=1`)
	f(headers("trace", "x", HeaderArtifact, "0123456789abcdef", HeaderSplit, "live"), plain, "0123456789abcdef", stamped)
	f(headers(HeaderArtifact, "first", HeaderArtifact, "last"), plain, "last", stamped)
	f(headers(HeaderArtifact, "null"), plain, "", stamped)
	f(headers(HeaderArtifact, ""), plain, "", stamped)
	f(headers(HeaderArtifact, "a"), `{"ts":1,"_tare":2}`, "a", `stamped "p" NaN when=1 stamp=2: header tare-artifact: the record has been normalized already`)
	f(headers(), `{"ts":1,"_tare":2}`, "none", `stamped "p" NaN when=1 stamp=2: _tare at byte 16: the record has been normalized already`)
}

func TestHeaders(t *testing.T) {
	f := func(h Headers, want ...string) {
		t.Helper()
		var got []string
		for key, value := range h.All() {
			if value == nil {
				value = []byte("null")
			}
			got = append(got, string(key), string(value))
		}
		if len(got) != len(want) {
			t.Fatalf("%q: got %q, want %q", h.Bytes, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%q: got %q, want %q", h.Bytes, got, want)
			}
		}
	}
	f(Headers{})
	f(headers("a", "1", "", "", "a", "null", "é", "\xff"), "a", "1", "", "", "a", "null", "é", "\xff")
	long := string(bytes.Repeat([]byte("x"), 300))
	f(headers(long, long, "b", "2"), long, long, "b", "2")
	// Bytes that are not what headers hold.
	f(Headers{Count: 2, Bytes: headers("a", "1").Bytes}, "a", "1")
	f(Headers{Count: math.MaxInt, Bytes: headers("a", "1").Bytes}, "a", "1")
	f(Headers{Count: -1, Bytes: headers("a", "1").Bytes})
	f(Headers{Count: 1, Bytes: []byte{1, 2, 'a'}})                            // a null key
	f(Headers{Count: 1, Bytes: []byte{2, 'a', 3}})                            // a value of length -2
	f(Headers{Count: 1, Bytes: []byte{2, 'a', 4, 'b'}})                       // one byte of two
	f(Headers{Count: 1, Bytes: []byte{2, 'a', 0x80}})                         // half a varint
	f(Headers{Count: 1, Bytes: bytes.Repeat([]byte{0xff}, 11)})               // no varint
	f(Headers{Count: 1, Bytes: binary.AppendVarint(nil, math.MaxInt64)})      // a size that is not there
	f(Headers{Count: 1, Bytes: binary.AppendVarint(nil, math.MinInt64)})      // nor that
	f(Headers{Count: 1, Bytes: append(headers("a", "1").Bytes, 2)}, "a", "1") // bytes behind the last

	last := func(h Headers, key, want string, found bool) {
		t.Helper()
		if got, ok := h.Last(key); string(got) != want || ok != found {
			t.Errorf("%q: last %s is %q %v, want %q %v", h.Bytes, key, got, ok, want, found)
		}
	}
	h := headers("a", "1", "b", "2", "a", "3", "c", "null")
	last(h, "a", "3", true)
	last(h, "b", "2", true)
	last(h, "c", "", true)
	last(h, "d", "", false)
	last(h, "", "", false)
}

func FuzzHeaders(f *testing.F) {
	f.Add(0, []byte(nil))
	f.Add(2, headers("a", "1", HeaderArtifact, "null").Bytes)
	f.Add(1, []byte{2, 'a', 4, 'b'})
	f.Add(1<<40, bytes.Repeat([]byte{0xff}, 11))
	f.Add(-1, []byte{0, 0})
	f.Fuzz(func(t *testing.T, count int, b []byte) {
		h := Headers{count, b}
		var again []byte
		for key, value := range h.All() {
			again = append(binary.AppendVarint(again, int64(len(key))), key...)
			if value == nil {
				again = binary.AppendVarint(again, -1)
				continue
			}
			again = append(binary.AppendVarint(again, int64(len(value))), value...)
			if last, ok := h.Last(string(key)); !ok || len(last) > len(b) {
				t.Errorf("%q: last %q is %q", b, key, last)
			}
		}
		if len(again) > len(b) {
			t.Errorf("%q: %d bytes of headers in %d", b, len(again), len(b))
		}
		AppendDeadLetter(nil, "", &Message{Headers: h}, "")
	})
}

func TestSource(t *testing.T) {
	f := func(topic string, partition int32, offset int64, want string) {
		t.Helper()
		m := Mark{Topic: topic, Partition: partition, Offset: offset}
		got := m.AppendSource([]byte("<"))
		if string(got) != "<"+want {
			t.Errorf("got %s, want <%s", got, want)
		}
		back, p, o, ok := ParseSource(got[1:])
		if back != topic || p != partition || o != offset || !ok {
			t.Errorf("%s: read back as %q %d %d %v", got, back, p, o, ok)
		}
	}
	f("sensors.raw", 0, 0, "sensors.raw/0/0")
	f("sensors.raw", 17, 1234567890123, "sensors.raw/17/1234567890123")
	f("data/2026/a.jsonl", 1, 2, "data/2026/a.jsonl/1/2")
	f("/", math.MaxInt32, math.MaxInt64, "//2147483647/9223372036854775807")
	f("a/1/2", 3, 4, "a/1/2/3/4")
	f("é\"\xff", 3, 4, "é\"\xff/3/4")

	for _, text := range []string{"", "/", "//", "1/2", "/1/2", "t/1", "t/1/", "t//2", "t/1/2/", "t/-1/2", "t/1/-2", "t/+1/2",
		"t/01/2", "t/1/02", "t/1/2 ", "t/1/0x2", "t/1/1_0", "t/2147483648/2", "t/1/9223372036854775808", "t/a/2", "t/1/b", "t/1/２"} {
		if topic, p, o, ok := ParseSource([]byte(text)); ok || topic != "" || p != 0 || o != 0 {
			t.Errorf("%q: got %q %d %d %v, want nothing", text, topic, p, o, ok)
		}
	}
}

// TestDeadLetterOfKafka adds what files have not.
func TestDeadLetterOfKafka(t *testing.T) {
	f := func(m Message, want string) {
		t.Helper()
		if got := AppendDeadLetter(nil, "syntax", &m, "raw"); string(got) != `{"tare-error":"syntax","tare-source":"raw/0/0",`+want+"}" {
			t.Errorf("got %s\nwant the end %s", got, want)
		}
	}
	f(Message{Value: []byte("{"), Timestamp: NoTimestamp}, `"value":"{"`)
	f(Message{Timestamp: NoTimestamp}, `"value":null`)
	f(Message{Timestamp: 0}, `"value":null,"timestamp":0`)
	f(Message{Key: []byte{}, Value: []byte{}, Timestamp: 1772236833170}, `"key":"","value":"","timestamp":1772236833170`)
	f(Message{Key: []byte("a\"\xff"), Value: []byte("\xff"), Timestamp: NoTimestamp}, `"key_base64":"YSL/","value_base64":"/w=="`)
	f(Message{Key: []byte("p\"1"), Value: []byte("{"), Timestamp: 1, Headers: headers("trace", "a\"", "trace", "\xff", "n\xff", "null", "", "")},
		`"key":"p\"1","value":"{","timestamp":1,"headers":[{"key":"trace","value":"a\""},{"key":"trace","value_base64":"/w=="},{"key_base64":"bv8=","value":null},{"key":"","value":""}]`)
	f(Message{Timestamp: NoTimestamp, Headers: Headers{Count: 1}}, `"value":null,"headers":[]`)
}

// TestFeaturesOfKafka writes and reads back what is not in the value.
func TestFeaturesOfKafka(t *testing.T) {
	f := func(s *schema.Schema, value, want, wantCSV string) {
		t.Helper()
		for format, want := range map[schema.Format]string{schema.JSON: want, schema.CSV: wantCSV} {
			header, in := "", value
			if s.Format = format; format == schema.CSV {
				header, in = "line,ts,load", "7,1,2"
			}
			o := Output{Value: Features, Meta: MetaNone}
			e, err := NewEncoder(s, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			decoder := func(s *schema.Schema, header string) Decoder {
				if format == schema.CSV {
					return newCSV(t, s, header)
				}
				return newJSON(t, s)
			}
			m := &Message{Key: []byte("p"), Value: []byte(in), Timestamp: 5}
			var row, back Row
			if d := decoder(s, header); d.Decode(&row, m) != OK {
				t.Fatal(d.Detail())
			}
			out := e.Append(nil, m.Value, &row, []float64{-1.5}, &Mark{Split: "live"})
			head := string(e.Header(nil))
			if got := head + string(out); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			d := decoder(s.Output([]string{"load"}), head)
			if reason := d.Decode(&back, &Message{Key: m.Key, Value: out, Timestamp: m.Timestamp}); reason != OK {
				t.Fatalf("%s: %s", out, d.Detail())
			}
			if !bytes.Equal(back.Series, row.Series) || back.Time != row.Time || back.Numbers[0] != -1.5 {
				t.Errorf("%s: read back as %+v, want %+v", out, back, row)
			}
		}
	}
	const value = `{"line":7,"ts":1,"load":2}`
	s := onTopic()
	f(s, value, `{"time":1,"split":"live","load":-1.5}`, `time,split,load1,live,-1.5`)
	s.Time = schema.Time{Field: schema.Timestamp}
	f(s, value, `{"split":"live","load":-1.5}`, `split,loadlive,-1.5`)
	s.Series.List = true
	f(s, value, `{"split":"live","load":-1.5}`, `split,loadlive,-1.5`)
	s.Series.Fields = []string{schema.Key, "line"}
	f(s, value, `{"series":"[\"p\",\"7\"]","split":"live","load":-1.5}`, `series,split,load"[""p"",""7""]",live,-1.5`)
}
