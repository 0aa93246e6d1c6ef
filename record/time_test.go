package record

import (
	"math"
	"strconv"
	"testing"
	"time"

	"tare/schema"
)

func TestParseTime(t *testing.T) {
	f := func(layout schema.Layout, text, want string) {
		t.Helper()
		got := "no"
		if nanos, ok := ParseTime(layout, []byte(text)); ok {
			got = strconv.FormatInt(nanos, 10)
		}
		if got != want {
			t.Errorf("%s %q: got %s, want %s", layout, text, got, want)
		}
	}
	f(schema.RFC3339, "1970-01-01", "0")
	f(schema.RFC3339, "2026-03-01", "1772323200000000000")
	f(schema.RFC3339, "2026-03-01T06:00:00Z", "1772344800000000000")
	f(schema.RFC3339, "2026-03-01t06:00:00z", "1772344800000000000")
	f(schema.RFC3339, "2026-03-01 06:00:00", "1772344800000000000")
	f(schema.RFC3339, "2026-03-01 06:00:00Z", "1772344800000000000")
	f(schema.RFC3339, "2026-03-01T07:30:00+01:30", "1772344800000000000")
	f(schema.RFC3339, "2026-02-28T23:00:00-07:00", "1772344800000000000")
	f(schema.RFC3339, "2026-03-01T06:00:00-00:00", "1772344800000000000")
	f(schema.RFC3339, "2026-03-01T06:00:00.5Z", "1772344800500000000")
	f(schema.RFC3339, "2026-03-01T06:00:00.123456789Z", "1772344800123456789")
	f(schema.RFC3339, "2026-03-01T06:00:00.1234567899999Z", "1772344800123456789")
	f(schema.RFC3339, "2026-03-01T06:00:00.000000001", "1772344800000000001")
	f(schema.RFC3339, "2024-02-29", "1709164800000000000")
	f(schema.RFC3339, "2000-02-29", "951782400000000000")
	f(schema.RFC3339, "1969-12-31T23:59:59.999999999Z", "-1")
	f(schema.RFC3339, "2262-04-11T23:47:16.854775807Z", "9223372036854775807")
	f(schema.RFC3339, "1677-09-21T00:12:43.145224192Z", "-9223372036854775808")
	f(schema.RFC3339, "2262-04-11T23:47:16.854775808Z", "no")
	f(schema.RFC3339, "1677-09-21T00:12:43.145224191Z", "no")
	f(schema.RFC3339, "2262-04-11T23:47:17Z", "no")
	f(schema.RFC3339, "1677-09-21T00:12:42Z", "no")
	f(schema.RFC3339, "0000-01-01", "no")
	f(schema.RFC3339, "9999-12-31", "no")
	f(schema.RFC3339, "", "no")
	f(schema.RFC3339, "soon", "no")
	f(schema.RFC3339, "2026", "no")
	f(schema.RFC3339, "2026-03", "no")
	f(schema.RFC3339, "2026-3-01", "no")
	f(schema.RFC3339, "2026-00-01", "no")
	f(schema.RFC3339, "2026-13-01", "no")
	f(schema.RFC3339, "2026-03-00", "no")
	f(schema.RFC3339, "2026-03-32", "no")
	f(schema.RFC3339, "2026-04-31", "no")
	f(schema.RFC3339, "2026-02-29", "no")
	f(schema.RFC3339, "2100-02-29", "no")
	f(schema.RFC3339, "2026/03/01", "no")
	f(schema.RFC3339, "2026-03-01T", "no")
	f(schema.RFC3339, "2026-03-01Z", "no")
	f(schema.RFC3339, "2026-03-01T06:00", "no")
	f(schema.RFC3339, "2026-03-01T06:00Z", "no")
	f(schema.RFC3339, "2026-03-01x06:00:00Z", "no")
	f(schema.RFC3339, "2026-03-01T24:00:00Z", "no")
	f(schema.RFC3339, "2026-03-01T06:60:00Z", "no")
	f(schema.RFC3339, "2026-03-01T06:00:60Z", "no")
	f(schema.RFC3339, "2026-03-01T06:00:0xZ", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00.Z", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00,5Z", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00ZZ", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00Z ", "no")
	f(schema.RFC3339, " 2026-03-01T06:00:00Z", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00+0100", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00+24:00", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00+01:60", "no")
	f(schema.RFC3339, "2026-03-01T06:00:00 01:00", "no")

	f(schema.Unix, "1772344800", "1772344800000000000")
	f(schema.Unix, "1772344800.25", "1772344800250000000")
	f(schema.Unix, "-0.0000000001", "-1")
	f(schema.Unix, "1.7723448e9", "1772344800000000000")
	f(schema.UnixMilli, "1772344800000", "1772344800000000000")
	f(schema.UnixMilli, "1772344800000.0000019", "1772344800000000001")
	f(schema.UnixMicro, "1772344800000001", "1772344800000001000")
	f(schema.UnixNano, "1772344800000000001", "1772344800000000001")
	f(schema.UnixNano, "-1", "-1")
	f(schema.UnixNano, "9223372036854775808", "no")
	f(schema.UnixNano, "18446744073709551617", "no")
	f(schema.UnixMilli, "9223372036855", "no")
	f(schema.UnixMilli, "", "no")
	f(schema.UnixMilli, "-", "no")
	f(schema.UnixMilli, "+1", "no")
	f(schema.UnixMilli, "01", "no")
	f(schema.UnixMilli, "1_000", "no")
	f(schema.UnixMilli, "1 ", "no")
	f(schema.UnixMilli, " 1", "no")
	f(schema.UnixMilli, "0x10", "no")
	f(schema.UnixMilli, "NaN", "no")
	f(schema.UnixMilli, "2026-03-01", "no")

	f("2006-01-02 15:04", "2026-03-01 06:00", "1772344800000000000")
	f("02.01.2006", "01.03.2026", "1772323200000000000")
	f("2006-01-02T15:04:05-0700", "2026-03-01T07:00:00+0100", "1772344800000000000")
	f("20060102150405", "20260301060000", "1772344800000000000")
	f("2006-01-02 15:04", "2026-03-01", "no")
	f("2006-01-02", "2300-01-01", "no")
}

// TestTimeRandom holds dates against Go's time package, over all that fits.
func TestTimeRandom(t *testing.T) {
	r := random(t)
	for range rounds(100_000) {
		nanos := int64(r.Uint64()) >> r.IntN(40)
		at := time.Unix(0, nanos).In(time.FixedZone("", 60*(r.IntN(2*1440-1)-1439)))
		text := at.Format(time.RFC3339Nano)
		if got, ok := ParseTime(schema.RFC3339, []byte(text)); !ok || got != nanos {
			t.Fatalf("%s: got %d %v, want %d", text, got, ok, nanos)
		}
	}
}

// TestDates tries every month end and the days around it, of every year.
func TestDates(t *testing.T) {
	for year := 1678; year <= 2261; year++ {
		for month := 1; month <= 12; month++ {
			for day := 27; day <= 32; day++ {
				text := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC).Format("2006-01-") + strconv.Itoa(day)
				want, err := time.Parse(time.DateOnly, text)
				got, ok := ParseTime(schema.RFC3339, []byte(text))
				if ok != (err == nil) || ok && got != want.UnixNano() {
					t.Fatalf("%s: got %d %v, want %v %v", text, got, ok, want, err)
				}
			}
		}
	}
}

func TestAppendTime(t *testing.T) {
	f := func(layout schema.Layout, nanos int64, want string) {
		t.Helper()
		if got := string(AppendTime(nil, layout, nanos)); got != want {
			t.Errorf("%s %d: got %s, want %s", layout, nanos, got, want)
		}
	}
	f(schema.RFC3339, 1772344800000000000, "2026-03-01T06:00:00Z")
	f(schema.RFC3339, 1772344800120000000, "2026-03-01T06:00:00.12Z")
	f(schema.Unix, 1772344800000000000, "1772344800")
	f(schema.Unix, 1772344800000000001, "1772344800.000000001")
	f(schema.Unix, -1, "-0.000000001")
	f(schema.Unix, math.MinInt64, "-9223372036.854775808")
	f(schema.UnixMilli, 1772344800123000000, "1772344800123")
	f(schema.UnixMilli, 1772344800123450000, "1772344800123.45")
	f(schema.UnixMicro, 1772344800123456789, "1772344800123456.789")
	f(schema.UnixNano, 1772344800123456789, "1772344800123456789")
	f(schema.UnixNano, 0, "0")
	f("02.01.2006", 1772344800123456789, "01.03.2026")

	r := random(t)
	for range rounds(20_000) {
		nanos := int64(r.Uint64()) >> r.IntN(64)
		for _, l := range []schema.Layout{schema.RFC3339, schema.Unix, schema.UnixMilli, schema.UnixMicro, schema.UnixNano, "02/01/2006 15h04m05.999999999 -0700"} {
			text := AppendTime(nil, l, nanos)
			if got, ok := ParseTime(l, text); !ok || got != nanos {
				t.Fatalf("%s: %d is written %s and read %d, %v", l, nanos, text, got, ok)
			}
		}
	}
}

func BenchmarkParseTime(b *testing.B) {
	f := func(layout schema.Layout, text string) {
		b.Run(string(layout), func(b *testing.B) {
			for b.Loop() {
				if _, ok := ParseTime(layout, []byte(text)); !ok {
					b.Fatal(text)
				}
			}
		})
	}
	f(schema.RFC3339, "2026-03-01T06:00:00.123Z")
	f(schema.UnixMilli, "1772344800123")
	f(time.RFC1123Z, "Sun, 01 Mar 2026 06:00:00 +0000")
}

// TestTicks holds the time that is read as a number against the same one in quotes.
func TestTicks(t *testing.T) {
	r := random(t)
	for _, layout := range []schema.Layout{schema.Unix, schema.UnixMilli, schema.UnixMicro, schema.UnixNano} {
		d, err := NewJSON(&schema.Schema{Format: schema.JSON, Time: schema.Time{Field: "ts", Layout: layout},
			Features: []schema.Feature{{Name: "x", Field: "x"}}})
		if err != nil {
			t.Fatal(err)
		}
		for range rounds(20_000) {
			text := strconv.FormatInt(r.Int64()>>r.IntN(64)*int64(1-2*r.IntN(2)), 10)
			if r.IntN(3) == 0 {
				text += "." + strconv.Itoa(r.IntN(1e6))
			}
			if r.IntN(3) == 0 {
				text += "e" + strconv.Itoa(r.IntN(20)-10)
			}
			var bare, quoted Row
			got := d.Decode(&bare, &Message{Value: []byte(`{"ts":` + text + `}`), Timestamp: NoTimestamp})
			want := d.Decode(&quoted, &Message{Value: []byte(`{"ts":"` + text + `"}`), Timestamp: NoTimestamp})
			if got != want || bare.Time != quoted.Time || bare.Timed != quoted.Timed || bare.When.Len() != len(text) {
				t.Fatalf("%s %s: got %v %d %v at %v, want %v %d %v", layout, text, got, bare.Time, bare.Timed, bare.When, want, quoted.Time, quoted.Timed)
			}
		}
	}
}
