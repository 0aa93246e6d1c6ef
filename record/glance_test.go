package record

import (
	"testing"

	"tare/schema"
)

func TestGlance(t *testing.T) {
	f := func(value string, want int64) {
		t.Helper()
		d := newJSON(t, &schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "x", Field: "x"}}, Time: schema.Time{Field: "ts", Layout: schema.UnixMilli}})
		var row Row
		reason := d.Decode(&row, inFile([]byte(value)))
		got, ok := d.Glance(inFile([]byte(value)))
		if reason != OK || row.Time != 7*milli || ok != (want > 0) || ok && got != want*milli {
			t.Errorf("%s: %d %v at a glance, %d (%v) by Decode, want %d", value, got, ok, row.Time, reason, want)
		}
	}
	f(`{"ts":7}`, 7)
	f(`{"ts":"7"}`, 7)
	f(" {\n\"ts\": 7 \n}", 7)
	f(`{"ts":7,"x":1}`, 7)
	f(`{"x":1.5e3,"ts":7}`, 7)
	f(`{"s":"}],\"ts\":8","ts":7}`, 7)
	f(`{"s":"\\","ts":7}`, 7)
	f(`{"o":{"ts":8,"p":[{"ts":9}]},"ts":7}`, 7)
	f(`{"a":[[1,2],"]",{}],"n":null,"ts":7}`, 7)
	f(`{"ts" :7}`, 0)
	f(`{"t\u0073":7}`, 0)
	f(`{"ts":"\u0037"}`, 0)
}
