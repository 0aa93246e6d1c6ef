package record

import (
	"math"
	"strconv"
	"time"

	"tare/schema"
)

// decimals says how many decimal places of a number in that layout a
// nanosecond is.
func decimals(l schema.Layout) (places int, number bool) {
	switch l {
	case schema.Unix:
		return 9, true
	case schema.UnixMilli:
		return 6, true
	case schema.UnixMicro:
		return 3, true
	case schema.UnixNano:
		return 0, true
	}
	return 0, false
}

// ParseTime returns the nanoseconds since 1970 that text says, and whether it
// is a time in that layout and fits.
//
// The Unix layouts take a JSON number, also with a fraction or an exponent; what
// is finer than a nanosecond is cut off toward the earlier. RFC3339 takes a date
// alone as its midnight, a space or t for T, z for Z, no zone as UTC, and cuts a
// fraction off behind nine digits; a second 60 is none. All other layouts are
// those of Go's time package. Only they may allocate memory.
func ParseTime(layout schema.Layout, text []byte) (nanos int64, ok bool) {
	if places, number := decimals(layout); number {
		if m, end := digits(text, 0, 0); end == len(text) && 0 < end && end <= maxDigits && text[0] != '0' { // the usual integer
			return decimal{mant: m}.units(places)
		}
		var s scanner
		n, end := s.number(text, 0)
		if end != len(text) {
			return 0, false
		}
		return n.units(places)
	}
	if layout == schema.RFC3339 {
		return rfc3339(text)
	}
	t, err := time.ParseInLocation(string(layout), view(text), time.UTC)
	if err != nil {
		return 0, false
	}
	return join(t.Unix(), int64(t.Nanosecond()))
}

const second = 1_000_000_000 // nanoseconds

// join returns the nanoseconds of sec and nano, which is less than a second, and
// whether they fit.
func join(sec, nano int64) (int64, bool) {
	const most, least = math.MaxInt64 / second, math.MinInt64/second - 1
	switch {
	case sec > least && sec < most:
		return sec*second + nano, true
	case sec == most:
		return sec*second + nano, nano <= math.MaxInt64%second
	case sec == least: // the product alone does not fit
		return (sec+1)*second + (nano - second), nano-second >= math.MinInt64%second
	}
	return 0, false
}

// rfc3339 reads 2006-01-02, or 2006-01-02T15:04:05 with a fraction and a zone.
func rfc3339(b []byte) (int64, bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	year, month, day := two(b[0:])*100+two(b[2:]), two(b[5:]), two(b[8:])
	if year > 9999 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		return 0, false
	}
	sec := days(year, month, day) * 86400
	if len(b) == 10 {
		return join(sec, 0)
	}
	ofDay, nano, rest, ok := clock(b[10:])
	if !ok {
		return 0, false
	}
	east, ok := zone(rest)
	if !ok {
		return 0, false
	}
	return join(sec+ofDay-east, nano)
}

// two returns the number of two digits, or more than 9999 if they are none.
func two(b []byte) int64 {
	ten, unit := b[0]-'0', b[1]-'0'
	if ten > 9 || unit > 9 {
		return 1e6
	}
	return int64(ten)*10 + int64(unit)
}

func monthDays(year, month int64) int64 {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// days returns the days from 1970-01-01 to a date of the Gregorian calendar
// after year 0, by counting years from March on (Hinnant, "chrono-compatible low-level date
// algorithms").
func days(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return year*365 + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 719469
}

// clock reads T15:04:05.999 and returns what is behind it.
func clock(b []byte) (sec, nano int64, rest []byte, ok bool) {
	if len(b) < 9 || b[0]|' ' != 't' && b[0] != ' ' || b[3] != ':' || b[6] != ':' {
		return 0, 0, nil, false
	}
	h, m, s := two(b[1:]), two(b[4:]), two(b[7:])
	if h > 23 || m > 59 || s > 59 {
		return 0, 0, nil, false
	}
	rest = b[9:]
	if len(rest) > 0 && rest[0] == '.' {
		_, end := digits(rest, 1, 0)
		if end == 1 {
			return 0, 0, nil, false
		}
		kept := min(end, 10)
		n, _ := digits(rest[:kept], 1, 0)
		nano = int64(n * tens[10-kept])
		rest = rest[end:]
	}
	return h*3600 + m*60 + s, nano, rest, true
}

// zone reads Z, +15:04 or nothing as seconds east of UTC.
func zone(b []byte) (sec int64, ok bool) {
	switch {
	case len(b) == 0:
		return 0, true
	case len(b) == 1:
		return 0, b[0]|' ' == 'z'
	case len(b) != 6 || b[0] != '+' && b[0] != '-' || b[3] != ':':
		return 0, false
	}
	h, m := two(b[1:]), two(b[4:])
	sec = h*3600 + m*60
	if b[0] == '-' {
		sec = -sec
	}
	return sec, h <= 23 && m <= 59
}

// AppendTime appends t, in nanoseconds since 1970, in that layout: in UTC, with
// as many decimals as it needs, and without the quotes of a JSON string. What
// ParseTime reads back is t, if the layout can say it.
func AppendTime(dst []byte, layout schema.Layout, t int64) []byte {
	places, number := decimals(layout)
	switch {
	case layout == schema.RFC3339:
		return time.Unix(0, t).UTC().AppendFormat(dst, time.RFC3339Nano)
	case !number:
		return time.Unix(0, t).UTC().AppendFormat(dst, string(layout))
	}
	abs := uint64(t)
	if t < 0 {
		dst = append(dst, '-')
		abs = -abs
	}
	dst = strconv.AppendUint(dst, abs/tens[places], 10)
	if rest := abs % tens[places]; rest != 0 {
		dst = append(dst, '.')
		for ; rest != 0; rest = rest * 10 % tens[places] {
			dst = append(dst, '0'+byte(rest*10/tens[places]))
		}
	}
	return dst
}
