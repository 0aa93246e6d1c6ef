package config

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestExpand(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		// A quote in a text of YAML is written twice.
		c, err := Parse("c.yaml", complete([]byte("state: {dir: '"+strings.ReplaceAll(text, "'", "''")+"'}\n")), getenv, getfile)
		if err != nil || c.State.Dir != want {
			t.Errorf("%s: got %+v, %v, want %q", text, c, err, want)
		}
	}
	f("a", "a")
	f("$", "$")
	f("$a", "$a")
	f("a$", "a$")
	f("$$", "$")
	f("$$$", "$$")
	f("$$$$", "$$")
	f("$${REV}", "${REV}")
	f("$$${REV}", "$3")
	f("{REV}", "{REV}")
	f("${REV}", "3")
	f("a${REV}b${REV}c", "a3b3c")
	f("${REV}}", "3}")
	f("${NOT_SET:-}x", "x")
	f("${NOT_SET:-a b: c}", "a b: c")
	f("${NOT_SET:-$$}", "$$")
	f("${NOT_SET:-:?}", ":?")
	f("${EMPTY:-x}", "x")
	f("${EMPTY}x", "x")
	f("${REV:-x}", "3")
	f("${REV:?not used}", "3")
	f("${file:name}", "from-file")
	f("${file:windows}", "from-windows")
	f("${file:twice}", "two-ends\n")
	f("${file:lines}", "plant\n7")
	f("${file:name}${file:name}", "from-filefrom-file")
}

// TestExpandIsNoStructure holds that a value cannot become a key, a list, a
// comment or another expression.
func TestExpandIsNoStructure(t *testing.T) {
	f := func(value string) {
		t.Helper()
		env := func(string) (string, bool) { return value, true }
		c, err := Parse("c.yaml", complete([]byte("state:\n  dir: ${X}\n  max_series: 5\n")), env, nil)
		if err != nil || c.State != (State{value, 10 * time.Second, 5}) {
			t.Errorf("%q: got %+v, %v", value, c, err)
		}
	}
	f("a\n  max_series: 7")
	f("a # b")
	f("[a, b]")
	f("{a: b}")
	f("${X}")
	f("$$")
	f("null")
	f("1")
	f("true")
	f("*a")
	f(" a ")
}

func TestFilesAreReadOnce(t *testing.T) {
	reads := 0
	readFile := func(string) ([]byte, error) { reads++; return []byte("x"), nil }
	c, err := Parse("c.yaml", complete([]byte("state: {dir: '${file:a}${file:a}'}\npipeline: ${file:a}\n")), nil, readFile)
	if err != nil || c.State.Dir != "xx" || reads != 1 {
		t.Errorf("got %+v, %v after %d reads", c, err, reads)
	}
}

func TestNothingIsRead(t *testing.T) {
	_, err := Parse("c.yaml", complete([]byte("state: {dir: '${A}${file:a}'}\n")), nil, nil)
	const want = "c.yaml:1:14: state.dir: environment variable A is not set; ${A:-default} gives a default\n" +
		"c.yaml:1:14: state.dir: ${file:a}: cannot read: file does not exist"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	f := func(s string, want time.Duration) {
		t.Helper()
		d, err := ParseDuration(s)
		if err != nil || d != want {
			t.Errorf("%q: got %v, %v, want %v", s, d, err, want)
		}
		if again, err := ParseDuration(formatDuration(d)); err != nil || again != d {
			t.Errorf("%v: written %q, read %v, %v", d, formatDuration(d), again, err)
		}
	}
	f("0", 0)
	f("0s", 0)
	f("1ns", 1)
	f("90s", 90*time.Second)
	f("1h30m", 90*time.Minute)
	f("1.5h", 90*time.Minute)
	f("1d", day)
	f("2d", 2*day)
	f("0d", 0)
	f("1.5d", 36*time.Hour)
	f("1d12h", 36*time.Hour)
	f("1d0s", day)
	f("10d1ms", 10*day+time.Millisecond)
	f("106751d23h47m16s854ms775us806ns", math.MaxInt64-1)

	bad := func(s string) {
		t.Helper()
		if d, err := ParseDuration(s); err != errDuration {
			t.Errorf("%q: got %v, %v", s, d, err)
		}
	}
	bad("")
	bad("d")
	bad("1")
	bad("1w")
	bad("1 d")
	bad("-1s")
	bad("+1s")
	bad("-1d")
	bad("1d-1h")
	bad("1h1d")
	bad("1h2d")
	bad("1d1d")
	bad("1dd")
	bad("1e3s")
	bad("106751d23h47m16s854ms775us807ns") // Unbounded
	bad("106752d")
	bad("213504d") // would wrap around
	bad("99999999999999999999d")
	bad("2562048h")
}

func TestFormatDuration(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := formatDuration(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(0, "0s")
	f(5*time.Minute, "5m")
	f(time.Hour, "1h")
	f(90*time.Minute, "1h30m")
	f(10*time.Minute, "10m")
	f(10*time.Second, "10s")
	f(20*time.Hour, "20h")
	f(48*time.Hour, "2d")
	f(36*time.Hour, "36h")
	f(time.Hour+time.Second, "1h0m1s")
	f(1500*time.Millisecond, "1.5s")
}

func TestParseSize(t *testing.T) {
	f := func(s string, want int64) {
		t.Helper()
		n, err := ParseSize(s)
		if err != nil || n != want {
			t.Errorf("%q: got %d, %v, want %d", s, n, err, want)
		}
		if again, err := ParseSize(formatSize(n)); err != nil || again != n {
			t.Errorf("%d: written %q, read %d, %v", n, formatSize(n), again, err)
		}
	}
	f("0", 0)
	f("1", 1)
	f("512B", 512)
	f("64KiB", 65536)
	f("1MiB", 1<<20)
	f("3GiB", 3<<30)
	f("1025", 1025)
	f("9223372036854775807", math.MaxInt64)
	f("8589934591GiB", 8589934591<<30)

	bad := func(s string) {
		t.Helper()
		if n, err := ParseSize(s); err != errSize {
			t.Errorf("%q: got %d, %v", s, n, err)
		}
	}
	bad("")
	bad("B")
	bad("-1")
	bad("+1")
	bad("01")
	bad("1.5MiB")
	bad("1 MiB")
	bad("1MB")
	bad("1mib")
	bad("1KiBB")
	bad("8589934592GiB")
	bad("9223372036854775808")
}

func TestParseTime(t *testing.T) {
	f := func(s string, want time.Time) {
		t.Helper()
		got, err := ParseTime(s)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", s, got, err, want)
		}
	}
	f("2026-03-01", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	f("2024-02-29", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC))
	f("2026-03-01T06:07:08Z", time.Date(2026, 3, 1, 6, 7, 8, 0, time.UTC))
	f("2026-03-01T06:07:08.123456789Z", time.Date(2026, 3, 1, 6, 7, 8, 123456789, time.UTC))
	f("2026-03-01T06:07:08+05:30", time.Date(2026, 3, 1, 0, 37, 8, 0, time.UTC))
	f("1678-01-01", time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC))
	f("2261-12-31T23:59:59.999999999Z", time.Date(2261, 12, 31, 23, 59, 59, 999999999, time.UTC))

	bad := func(s string) {
		t.Helper()
		if got, err := ParseTime(s); err != errTime {
			t.Errorf("%q: got %v, %v", s, got, err)
		}
	}
	bad("")
	bad("2026")
	bad("2026-3-1")
	bad("2026-02-29")
	bad("2026-03-01T06:07Z")
	bad("2026-03-01T06:07:08")
	bad("2026-03-01 06:07:08Z")
	bad("2026-03-01t06:07:08z")
	bad("2026-03-01T6:07:08Z")
	bad("2026-03-01T06:07:08,5Z")
	bad("2026-03-01T24:00:00Z")
	bad("2026-03-01T23:59:60Z")
	bad("2026-03-01T06:07:08+0100")
	bad("1677-12-31T23:59:59Z")
	bad("1678-01-01T00:00:00+01:00")
	bad("2262-01-01")
	bad("12026-03-01")
}

func TestCheckLayout(t *testing.T) {
	f := func(layout, want string) {
		t.Helper()
		if got := checkLayout(layout); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q: got %q, want %q", layout, got, want)
		}
	}
	for _, layout := range []string{
		time.ANSIC, time.UnixDate[:20] + "2006", time.RubyDate, time.RFC822Z, time.RFC1123Z, time.RFC3339, time.RFC3339Nano,
		time.DateTime, time.DateOnly, "20060102", "060102", "2006-002", "2006 Jan _2", "January 2, 2006 at 3:04 pm",
		"2006-01-02 15:04:05 UTC", "2.1.2006 15h04", "2006-01-02 03 PM",
	} {
		f(layout, "")
	}
	f("", "year")
	f("15:04:05", "year")
	f(time.StampNano, "year")
	f("2006", "month")
	f("2006-01", "day")
	f("2006-01 Monday", "day")
	f("2006 02", "month")
	f("01/02", "year")
	f("2006-01-02 03:04", "PM")
	f("2006-01-02 3:04", "PM")
	f(time.RFC1123, "MST")
	f(time.RFC850, "MST")
}

func TestNear(t *testing.T) {
	among := []string{"gap", "series", "scaler", "time", "min", "max", "unix_ms", "unix_us"}
	f := func(word, want string) {
		t.Helper()
		if got, _ := Near(word, among); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
	f("gap", "gap")
	f("Gap", "gap")
	f("gpa", "gap")
	f("gp", "gap")
	f("ga p", "gap")
	f("pag", "")
	f("serie", "series")
	f("seires", "series")
	f("scalar", "scaler")
	f("scale", "scaler")
	f("sclaar", "scaler")
	f("tims", "time")
	f("timing", "")
	f("mix", "min") // the first of those with as few edits
	f("unix_sm", "unix_ms")
	f("", "")
	f("zzzzzz", "")
	f(strings.Repeat("s", 1000), "")
}

func TestEdits(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := edits(a, b, 9); got != want {
			t.Errorf("%s, %s: got %d, want %d", a, b, got, want)
		}
		if got := edits(b, a, 9); got != want {
			t.Errorf("%s, %s: got %d, want %d", b, a, got, want)
		}
	}
	f("", "", 0)
	f("", "abc", 3)
	f("abc", "abc", 0)
	f("abc", "acb", 1)
	f("abc", "cab", 2)
	f("ca", "abc", 3) // each letter is touched once
	f("kitten", "sitting", 3)
	f("abcdef", "badcfe", 3)
}

func TestWords(t *testing.T) {
	f := func(want string, list ...string) {
		t.Helper()
		if got := words("or", list); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("")
	f("a", "a")
	f("a or b", "a", "b")
	f("a, b or c", "a", "b", "c")
}

func TestBrief(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := brief(s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("", "")
	f("a b", "a b")
	f("é", "é")
	f("a\nb\"", `a\nb\"`)
	f("\x1b[0m", `\x1b[0m`)
	f(strings.Repeat("a", 80), strings.Repeat("a", 80))
	f(strings.Repeat("a", 81), strings.Repeat("a", 80)+"...")
	f("a"+strings.Repeat("é", 50), "a"+strings.Repeat("é", 39)+"...")
}
