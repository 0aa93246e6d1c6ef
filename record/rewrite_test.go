package record

import (
	"math"
	"strings"
	"testing"

	"tare/schema"
)

// TestRewriter cuts members out of records, wherever they stand, puts a group in
// their place, and takes it back.
func TestRewriter(t *testing.T) {
	raw := &schema.Schema{Format: schema.JSON, Features: []schema.Feature{
		{Name: "t", Field: "t"}, {Name: "x", Field: "imu.x"}, {Name: "y", Field: `y\"`}, {Name: "z", Field: "z"}}}
	raw.Features[2].Field = `y"`
	written := &schema.Schema{Format: schema.JSON, Features: []schema.Feature{
		{Name: "t", Field: "t"}, {Name: "g", Field: "g", Shape: []int{2}}}}
	there, err := NewRewriter(raw, written, Output{Meta: MetaNone}, nil, map[string][]string{"g": {"x", "y", "z"}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := NewRewriter(written, raw, Output{Meta: MetaRemove}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	run := func(e Encoder, s *schema.Schema, in string, y ...float64) string {
		t.Helper()
		d, err := NewJSON(s)
		if err != nil {
			t.Fatal(err)
		}
		d.AcceptStamped = true
		var row Row
		if reason := d.Decode(&row, &Message{Value: []byte(in)}); reason != OK {
			t.Fatalf("%s: %v", in, reason)
		}
		out := string(e.Append([]byte(">"), []byte(in), &row, y, &Mark{}))
		var again Row
		if reason := d.Decode(&again, &Message{Value: []byte(out[1:])}); out[0] != '>' || reason != OK && reason != Stamped {
			t.Errorf("%s became %s: %v", in, out, reason)
		}
		return out[1:]
	}
	nan := math.NaN()
	f := func(in, want string, y ...float64) {
		t.Helper()
		if got := run(there, raw, in, y...); got != want {
			t.Errorf("%s became\n%s, want\n%s", in, got, want)
		}
	}
	f(`{"t":1,"imu":{"x":2},"y\"":3,"z":4}`, `{"t":5,"imu":{},"g":[6,7]}`, 5, 6, 7)
	f(`{"y\"":3,"z":4,"t":1}`, `{"t":5,"g":[6,7]}`, 5, 6, 7)
	f(`{ "z" : 4 , "y\"" : 3 }`+"\n", `{  "g":[6,7]}`+"\n", nan, 6, 7)
	f(`{"z":4}`, `{"g":null}`, nan, nan, nan)
	f(`{"z":null,"a":[1,2]}`, `{"a":[1,2],"g":null}`, nan, nan, nan)
	f(`{"imu":{"a":1,"x":2,"b":3},"t":null}`, `{"imu":{"a":1,"b":3},"t":null,"g":[6,null]}`, nan, 6, nan)
	f(`{"a":1}`, `{"a":1}`, nan, nan, nan)
	f(`{"g":"old","z":4}`, `{"g":[6,7]}`, nan, 6, 7)

	var row Row
	untouched := `{"t":1,"imu":{"x":2},"y"":3,"z":4}`
	newJSON(t, raw).Decode(&row, inFile([]byte(untouched)))
	row.Spans = make([]Span, 4)
	if got := there.Append(nil, []byte(untouched), &row, []float64{nan, nan, nan}, &Mark{}); string(got) != untouched {
		t.Errorf("a row of nothing: got %s, want it as it came", got)
	}

	b := func(in, want string, y ...float64) {
		t.Helper()
		if got := run(back, written, in, y...); got != want {
			t.Errorf("%s came back as\n%s, want\n%s", in, got, want)
		}
	}
	b(`{"t":5,"imu":{},"g":[6,7]}`, `{"t":1,"imu":{"x":2},"y\"":3,"z":4}`, 1, 2, 3, 4)
	b(`{"g":[6,7],"t":5,"_tare":{"artifact":"0"}}`, `{"t":1,"imu":{"x":2},"y\"":3,"z":4}`, 1, 2, 3, 4)
	b(`{"t":5,"g":null}`, `{"t":1}`, 1, nan, nan, nan)

	if _, err := NewRewriter(&schema.Schema{Format: schema.CSV}, written, Output{}, nil, nil); err == nil || !strings.Contains(err.Error(), "want features or vector") {
		t.Errorf("csv: %v", err)
	}
}
