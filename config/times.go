package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// duration is a time span that is not negative; 0 needs no unit.
func duration(dst *time.Duration) kind {
	return kind{
		name: "a duration such as 90s, 1h30m or 2d",
		scalar: func(v value) (string, bool) {
			if n, whole := digits(v.text); whole && n != 0 {
				return "it has no unit", false
			}
			d, err := ParseDuration(v.text)
			if err == nil {
				*dst = d
			}
			return "", err == nil
		},
		write: func() *yaml.Node { return scalarNode("!!str", formatDuration(*dst)) },
		schema: func() dict {
			return dict{"anyOf": []dict{
				{"type": "string", "pattern": `^0$|^[0-9.]+(ns|us|µs|μs|ms|s|m|h|d)([0-9.]+(ns|us|µs|μs|ms|s|m|h))*$`},
				{"const": 0},
				expression(),
			}}
		},
	}
}

// durationFrom is a duration of at least lo.
func durationFrom(dst *time.Duration, lo time.Duration) kind {
	k := duration(dst)
	k.name += ", at least " + formatDuration(lo)
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		return hint, ok && *dst >= lo
	}
	return k
}

// durationOrUnbounded is a duration, or unbounded.
func durationOrUnbounded(dst *time.Duration) kind {
	k := duration(dst)
	k.name += ", or unbounded"
	read, write, schema := k.scalar, k.write, k.schema
	k.scalar = func(v value) (string, bool) {
		if v.text == "unbounded" {
			*dst = Unbounded
			return "", true
		}
		hint, ok := read(v)
		if hint == "" && !v.expanded {
			hint = didYouMean(v.text, []string{"unbounded"})
		}
		return hint, ok
	}
	k.write = func() *yaml.Node {
		if *dst == Unbounded {
			return scalarNode("!!str", "unbounded")
		}
		return write()
	}
	k.schema = func() dict { return dict{"anyOf": []dict{{"const": "unbounded"}, schema()}} }
	return k
}

// instant is a point in time; the zero time is none.
func instant(dst *time.Time) kind {
	return kind{
		name: "a time such as 2026-03-01T00:00:00Z, or a date such as 2026-03-01, from 1678 to 2261",
		scalar: func(v value) (string, bool) {
			t, err := ParseTime(v.text)
			switch {
			case err == nil:
				*dst = t
			case !v.expanded:
				return timeHint(v.text), false
			}
			return "", err == nil
		},
		write: func() *yaml.Node {
			if dst.IsZero() {
				return nil
			}
			return scalarNode("!!timestamp", dst.UTC().Format(time.RFC3339Nano))
		},
		schema: func() dict {
			return orExpression(dict{"type": "string", "pattern": timePattern})
		},
	}
}

// layout is a way to write times.
func layout(dst *string) kind {
	name := strings.Join(namedLayouts, ", ") + ` or a layout of Go's time package such as "2006-01-02 15:04:05"`
	return text(dst, name, func(v value) (string, bool) {
		if slices.Contains(namedLayouts, v.text) {
			return "", true
		}
		wrong := checkLayout(v.text)
		if hint := didYouMean(v.text, namedLayouts); wrong != "" && hint != "" && !v.expanded {
			return hint, false
		}
		return wrong, wrong == ""
	})
}

// Errors of the parsers below. They never hold the text that was refused.
var (
	errDuration = errors.New("want a duration such as 90s, 1h30m or 2d")
	errTime     = errors.New("want a time such as 2026-03-01T00:00:00Z, or a date such as 2026-03-01")
)

// ParseDuration reads a duration that is not negative, in the syntax of
// time.ParseDuration with days (24h) before the rest, such as 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	var days time.Duration
	rest := s
	if before, after, ok := strings.Cut(s, "d"); ok {
		d, err := time.ParseDuration(before + "h")
		if err != nil || d > math.MaxInt64/24 || strings.Trim(before, "0123456789.") != "" {
			return 0, errDuration
		}
		days, rest = 24*d, after
		if rest == "" {
			rest = "0"
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || strings.ContainsAny(s, "+-") || d > math.MaxInt64-1-days {
		return 0, errDuration
	}
	return days + d, nil
}

// formatDuration writes what ParseDuration reads, without units that are zero.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// timePattern is the form of a time; package time alone takes 6:00 for 06:00.
const timePattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2}))?$`

// The first and the last year that nanoseconds since 1970 hold whole.
const firstYear, lastYear = 1678, 2261

var strictTime = regexp.MustCompile(timePattern)

// ParseTime reads RFC 3339, or a date alone, which is 00:00 UTC of that day.
// The time is in UTC and in the years that nanoseconds since 1970 hold whole.
func ParseTime(s string) (time.Time, error) {
	layout := time.RFC3339
	if len(s) == len(time.DateOnly) {
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, s)
	if t = t.UTC(); err != nil || !strictTime.MatchString(s) || t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, errTime
	}
	return t, nil
}

// timeHint says what a text lacks that is nearly a time.
func timeHint(s string) string {
	t := strings.ToUpper(strings.Replace(s, " ", "T", 1))
	for _, zone := range []string{"", "Z"} {
		if _, err := ParseTime(t + zone); err == nil {
			return fmt.Sprintf("did you mean %s?", t+zone)
		}
	}
	return ""
}

var namedLayouts = []string{"rfc3339", "unix", "unix_ms", "unix_us", "unix_ns"}

// checkLayout refuses a layout of package time that cannot tell the day, or
// that reads some times as others. It never parses: it writes pairs of times
// that differ in one thing and looks whether the layout shows it.
func checkLayout(layout string) string {
	show := func(year int, month time.Month, day, hour int, zone string) string {
		return time.Date(year, month, day, hour, 4, 5, 0, time.FixedZone(zone, 0)).Format(layout)
	}
	base := show(2025, 2, 1, 3, "QQQ")
	switch { // 2014 has the weekdays of 2025, and so has March those of February and the 8th that of the 1st
	case base == show(2014, 2, 1, 3, "QQQ"):
		return "it has no year (2006)"
	case base == show(2025, 3, 1, 3, "QQQ"):
		return "it has no month (01)"
	case base == show(2025, 2, 8, 3, "QQQ"):
		return "it has no day (02)"
	case base != show(2025, 2, 1, 4, "QQQ") && base == show(2025, 2, 1, 15, "QQQ"):
		return "its hour (03) leaves out PM; write 15 for a 24-hour clock"
	case base != show(2025, 2, 1, 3, "RRR"):
		return "MST reads zones by names that have no fixed offset; use -0700, or the zone's letters if they are always the same"
	}
	return ""
}
