package record

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// readNumber reads text as the value of a member, and as the last of the text.
func readNumber(t testing.TB, text string) float64 {
	t.Helper()
	var s scanner
	b := []byte(text + ",        ")
	n, end := s.number(b, 0)
	if end != len(text) {
		t.Fatalf("%s: read up to %d: %s", text, end, s.want)
	}
	alone, end := s.number([]byte(text), 0)
	if end != len(text) || alone != n {
		t.Fatalf("%s: read as %v, at the end of the text as %v", text, n, alone)
	}
	return n.float(b[:end])
}

// wantNumber is the oracle: what strconv makes of text, with -0 as 0.
func wantNumber(text string) float64 {
	x, _ := strconv.ParseFloat(text, 64)
	if x == 0 {
		return 0
	}
	return x
}

func TestNumberEdges(t *testing.T) {
	f := func(text string) {
		t.Helper()
		got, want := readNumber(t, text), wantNumber(text)
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	f("0")
	f("-0")
	f("0.0")
	f("-0.000")
	f("-0e5")
	f("0e999999999999")
	f("1e-999999999999")
	f("-1e-400")
	f("1e309")
	f("-1e400")
	f("1e999999999999")
	f("1.7976931348623157e308")
	f("1.7976931348623158e308")
	f("1.7976931348623159e308")
	f("5e-324")
	f("2.4703282292062327208e-324") // just below half of it
	f("2.4703282292062328e-324")
	f("2.2250738585072011e-308") // the number that hung others
	f("2.2250738585072014e-308")
	f("9007199254740991")
	f("9007199254740992")
	f("9007199254740993") // half way: to even
	f("9007199254740994")
	f("9007199254740995")
	f("9007199254740993.0000000000000000000000000000001")
	f("9007199254740992.9999999999999999999999999999999")
	f("9999999999999999999")
	f("18446744073709551615")
	f("18446744073709551616")
	f("99999999999999999999")
	f("1234567")
	f("1234567.8")
	f("12345678.9")
	f("1234567.12345678")
	f("1234567.123456789012")
	f("1234567.1234567890123")
	f("0.1234567890123456789")
	f("0.12345678901234567890")
	f("0.00000000000000000000000000000000000000000001")
	f("0.000000000000000000012345678901234567890123456789")
	f("100000000000000000000000000000000000000000000000000.5")
	f("1e22")
	f("1e23")
	f("1e27")
	f("1e28")
	f("123456789012345678e-27")
	f("123456789012345678e-28")
	f("9223372036854775807e27")
	f("9223372036854775807e-27")
	f("1E5")
	f("1E+5")
	f("1.5e-5")
	f("1e0005")
	f("1e18446744073709551617") // 2^64 + 1
	f("1e-18446744073709551617")
}

func TestNumberSyntax(t *testing.T) {
	f := func(text string, at int, want string) {
		t.Helper()
		for _, after := range []string{"", "        "} {
			var s scanner
			if _, end := s.number([]byte(text+after), 0); end != -1 || s.at != at || s.want != want {
				t.Errorf("%q: end %d, at %d want %q, expected at %d want %q", text+after, end, s.at, s.want, at, want)
			}
		}
	}
	f("", 0, "a value")
	f("-", 1, "a digit")
	f("--1", 1, "a digit")
	f("+1", 0, "a value")
	f(".5", 0, "a value")
	f("-.5", 1, "a digit")
	f("01", 1, "no digit after a leading 0")
	f("-01", 2, "no digit after a leading 0")
	f("00", 1, "no digit after a leading 0")
	f("00.5", 1, "no digit after a leading 0")
	f("0123456789", 1, "no digit after a leading 0")
	f("1.", 2, "a digit")
	f("1.e5", 2, "a digit")
	f("1234567.", 8, "a digit")
	f("1234567.x", 8, "a digit")
	f("1e", 2, "a digit")
	f("1e+", 3, "a digit")
	f("1e-x", 3, "a digit")
	f("1.5E", 4, "a digit")
}

// TestNumberRandom compares with strconv on a million numbers, ten million with
// TARE_LONG.
func TestNumberRandom(t *testing.T) {
	r := random(t)
	n := rounds(1_000_000)
	for i := range n {
		text := shapes[i%len(shapes)](r)
		got, want := readNumber(t, text), wantNumber(text)
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s: got %v (%x), want %v (%x)", text, got, math.Float64bits(got), want, math.Float64bits(want))
		}
	}
}

var shapes = []func(*rand.Rand) string{
	func(r *rand.Rand) string { // any float, all its digits
		return strconv.FormatFloat(anyFloat(r), 'e', -1, 64)
	},
	func(r *rand.Rand) string { // as sensors send them
		return strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(9))), 'f', r.IntN(8), 64)
	},
	func(r *rand.Rand) string { // as programs print them
		return strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(40)-20)), 'f', -1, 64)
	},
	func(r *rand.Rand) string { // more or fewer digits than needed
		return strconv.FormatFloat(r.ExpFloat64()*math.Pow(10, float64(r.IntN(60)-30)), 'e', r.IntN(25), 64)
	},
	func(r *rand.Rand) string { // digits and points anywhere
		return fmt.Sprintf("%d.%0*d", r.Uint64()>>r.IntN(64), 1+r.IntN(22), r.Uint64()>>r.IntN(64))
	},
	func(r *rand.Rand) string { // with an exponent
		return fmt.Sprintf("-%d.%de%d", r.Uint64()>>r.IntN(64), r.Uint64()>>r.IntN(64), r.IntN(700)-350)
	},
	func(r *rand.Rand) string { // around powers of ten that are exact
		return fmt.Sprintf("%de%d", r.Uint64()>>r.IntN(64), r.IntN(64)-32)
	},
	func(r *rand.Rand) string { // half way between two floats, and next to it
		x := math.Abs(r.NormFloat64()) * math.Pow(2, float64(r.IntN(80)-40))
		half := new(big.Float).SetPrec(60).SetFloat64(x)
		half.Add(half, new(big.Float).SetFloat64((math.Nextafter(x, math.Inf(1))-x)/2))
		text := half.Text('f', 120)
		text = strings.TrimRight(text, "0")
		return text + []string{"", "0", "1", "0000001"}[r.IntN(4)] + "0"
	},
}

// anyFloat returns a finite float of any magnitude.
func anyFloat(r *rand.Rand) float64 {
	for {
		if x := math.Float64frombits(r.Uint64()); !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x
		}
	}
}

func TestUnits(t *testing.T) {
	f := func(text string, scale int, want string) {
		t.Helper()
		var s scanner
		n, _ := s.number([]byte(text), 0)
		got := "no"
		if u, ok := n.units(scale); ok {
			got = strconv.FormatInt(u, 10)
		}
		if got != want {
			t.Errorf("%s·10^%d: got %s, want %s", text, scale, got, want)
		}
	}
	f("0", 9, "0")
	f("-0.0", 9, "0")
	f("1", 9, "1000000000")
	f("1.5", 0, "1")
	f("-1.5", 0, "-2")
	f("-1.0", 0, "-1")
	f("-0.1", 0, "-1")
	f("1e-30", 0, "0")
	f("-1e-30", 0, "-1")
	f("9223372036854775807", 0, "9223372036854775807")
	f("9223372036854775807.9", 0, "9223372036854775807")
	f("9223372036854775808", 0, "no")
	f("-9223372036854775808", 0, "-9223372036854775808")
	f("-9223372036854775808.1", 0, "no")
	f("-9223372036854775809", 0, "no")
	f("9223372036.854775807", 9, "9223372036854775807")
	f("9223372036.854775807999999999999", 9, "9223372036854775807")
	f("9223372036.854775808", 9, "no")
	f("-9223372036.8547758080000000000", 9, "-9223372036854775808")
	f("-9223372036.85477580800000000001", 9, "no")
	f("1772236833.17045600000000000000000000", 9, "1772236833170456000")
	f("-1772236833.17045600000000000000000001", 9, "-1772236833170456001")
	f("1.772236833170e12", 6, "1772236833170000000")
	f("1e300", 0, "no")
	f("18446744073709551616", 0, "no")
	f("99999999999999999999999", 0, "no")
	f("1844674407370955161.6", 1, "no")
	f("1844674407370955162", 1, "no")
	f("1e11", 9, "no")
	f("1e20", 0, "no")
}

// TestDigits holds the eight-at-once reading against single digits.
func TestDigits(t *testing.T) {
	r := random(t)
	for range rounds(100_000) {
		text := strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		stop := byte(r.Uint32())
		if stop-'0' <= 9 {
			stop = '/'
		}
		b := append([]byte(text), stop)
		b = append(b, bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(9))...)
		got, end := digits(b, 0, 0)
		want, _ := strconv.ParseUint(text, 10, 64)
		if got != want || end != len(text) {
			t.Fatalf("%q: got %d up to %d", b, got, end)
		}
	}
}

// TestUsual holds the reading of usual numbers against that of any, whatever stands
// behind them.
func TestUsual(t *testing.T) {
	const bytes = "00123456789999..eE-+,} \x80\xff"
	r := random(t)
	read := 0
	for range rounds(300_000) {
		b := make([]byte, r.IntN(28))
		for i := range b {
			b[i] = bytes[r.IntN(len(bytes))]
			if r.IntN(4) > 0 {
				b[i] = '0' + byte(r.IntN(10))
			}
		}
		i := r.IntN(len(b) + 1)
		mant, exp, end := usual(b, i)
		if end == 0 {
			continue
		}
		read++
		var s scanner
		want, wantEnd := s.anyNumber(b, i, false)
		if got := (decimal{mant: mant, exp: exp}); got != want || end != wantEnd {
			t.Fatalf("%q from %d: got %v up to %d, want %v up to %d (%s)", b, i, got, end, want, wantEnd, s.want)
		}
	}
	if read < 100_000 {
		t.Errorf("only %d were read", read)
	}
}

func BenchmarkParse(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	texts := make([][]byte, 1024)
	for i := range texts {
		texts[i] = append(strconv.AppendFloat(nil, r.NormFloat64(), 'f', -1, 64), "          "...)
	}
	b.Run("own", func(b *testing.B) {
		var s scanner
		for i := 0; b.Loop(); i++ {
			text := texts[i&1023]
			n, end := s.number(text, 0)
			n.float(text[:end])
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			text := texts[i&1023]
			if _, err := strconv.ParseFloat(view(text[:len(text)-10]), 64); err != nil {
				b.Fatal(err)
			}
		}
	})
}
