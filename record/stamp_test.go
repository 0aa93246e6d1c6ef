package record

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"tare/schema"
)

func TestStampArtifact(t *testing.T) {
	f := func(stamp, want string, ok bool) {
		t.Helper()
		value := "before" + stamp + "behind"
		got, found := StampArtifact([]byte(value), Span{6, int32(6 + len(stamp))})
		if got != want || found != ok {
			t.Errorf("%s: got %q %v, want %q %v", stamp, got, found, want, ok)
		}
	}
	f(testStamp, "0123456789abcdef", true)
	f(`"`+strings.ReplaceAll(testStamp, `"`, `""`)+`"`, "0123456789abcdef", true)
	f(`{"source":{"artifact":"no"},"artifact":"\u0061\"","flags":""}`, `a"`, true)
	f(` {"artifact":"a"}`, "", false)
	f(`{"artifact":7}`, "", false)
	f(`{"artifact":"a"`, "", false)
	f(`{"artifact":"a"}x`, "", false)
	f(`{}`, "", false)
	f(`{"Artifact":"a"}`, "", false)
	f(`null`, "", false)
	f(`"artifact"`, "", false)
	f(`"`, "", false)
	f(`""`, "", false)
	f(``, "", false)
	f(`x`, "", false)
}

func TestDeadLetter(t *testing.T) {
	f := func(why, topic, value, want string) {
		t.Helper()
		m := &Message{Value: []byte(value), Partition: 2, Offset: 1 << 40, Timestamp: NoTimestamp}
		got := AppendDeadLetter([]byte("<"), why, m, topic)
		if string(got) != "<"+want {
			t.Errorf("%q:\n got %s\nwant <%s", value, got, want)
		}
		var back struct {
			Error  string  `json:"tare-error"`
			Source string  `json:"tare-source"`
			Value  *string `json:"value"`
			Base64 *string `json:"value_base64"`
		}
		if err := json.Unmarshal(got[1:], &back); err != nil {
			t.Fatal(err)
		}
		if back.Value == nil {
			raw, _ := base64.StdEncoding.DecodeString(*back.Base64)
			text := string(raw)
			back.Value = &text
		}
		if *back.Value != value || back.Error != why || utf8.ValidString(value) != (back.Base64 == nil) {
			t.Errorf("%q: read back as %+v with value %q", value, back, *back.Value)
		}
	}
	f(`type: feature "load"`, "raw", `{"load":"x"}`, `{"tare-error":"type: feature \"load\"","tare-source":"raw/2/1099511627776","value":"{\"load\":\"x\"}"}`)
	f("syntax", "a\"b", "", `{"tare-error":"syntax","tare-source":"a\"b/2/1099511627776","value":""}`)
	f("syntax", "t", "\x00\b\f\n\r\t\x1f\x7f\u2028é😀<>&", `{"tare-error":"syntax","tare-source":"t/2/1099511627776","value":"\u0000\b\f\n\r\t\u001f`+"\x7f"+`\u2028é😀<>&"}`)
	f("syntax", "t", "\ufffd", `{"tare-error":"syntax","tare-source":"t/2/1099511627776","value":"`+"\ufffd"+`"}`)
	f("syntax", "t", "a\xff", `{"tare-error":"syntax","tare-source":"t/2/1099511627776","value_base64":"Yf8="}`)
	f("syntax", "t", "\xff\xfe\xfd\x00", `{"tare-error":"syntax","tare-source":"t/2/1099511627776","value_base64":"//79AA=="}`)
}

// TestQuoted holds JSON strings against encoding/json.
func TestQuoted(t *testing.T) {
	r := random(t)
	alphabet := []rune("ab\"\\/\b\f\n\r\t\x00\x1f\x7f<>&é€\u2027\u2028\u2029\u202a\ufffd😀")
	for range rounds(20_000) {
		var s []byte
		for range r.IntN(12) {
			s = append(s, string(alphabet[r.IntN(len(alphabet))])...)
		}
		if r.IntN(4) == 0 {
			s = append(s, byte(r.Uint32()), byte(r.Uint32()))
		}
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(string(s)); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix(b.String(), "\n")
		got := appendQuoted([]byte("x"), string(s))
		if string(got) != "x"+want {
			t.Fatalf("%q: got %s, want x%s", s, got, want)
		}
		if back := unescape(nil, got[2:len(got)-1]); utf8.Valid(s) && string(back) != string(s) {
			t.Fatalf("%q: %s says %q", s, got, back)
		}
	}
}

// TestNormalizedMagnitudes reads back what a tiny scale made of ordinary values.
func TestNormalizedMagnitudes(t *testing.T) {
	s := &schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "x", Field: "x"}}}
	d, err := NewJSON(s)
	if err != nil {
		t.Fatal(err)
	}
	var row Row
	f := func(accept bool, value string, want Reason) {
		t.Helper()
		d.AnyMagnitude = accept
		if got := d.Decode(&row, inFile([]byte(value))); got != want {
			t.Errorf("%s, normalized %v: %v, want %v", value, accept, got, want)
		}
	}
	f(false, `{"x":1e290}`, BadRange)
	f(true, `{"x":1e290}`, OK)
	f(true, `{"x":-1.7976931348623157e308}`, OK)
	f(true, `{"x":1e309}`, BadRange)
}
