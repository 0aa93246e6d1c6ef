package record

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// A decimal is the number ±mant·10^exp. Where more than 19 significant digits
// were written, mant holds the first 19 and cut tells whether one behind them
// is not 0.
type decimal struct {
	mant     uint64
	exp      int
	neg, cut bool
}

// maxDigits significant digits fit a uint64 whatever they are.
const maxDigits = 19

// A word of eight bytes that are all 1, and one with all highest bits.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// digits appends the decimal digits at b[i:] to m, modulo 2^64, and returns the
// index behind them.
func digits(b []byte, i int, m uint64) (uint64, int) {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:]) ^ '0'*ones
		n := run(w)
		m = m*tens[n/8] + eight(w<<(64-n))
		i += n / 8
		if n < 64 {
			return m, i
		}
	}
	for i < len(b) && b[i]-'0' <= 9 {
		m = m*10 + uint64(b[i]-'0')
		i++
	}
	return m, i
}

// eight returns the number whose digits are the bytes of w, the first one
// lowest: neighbours are joined to pairs, then to fours, then to eight.
func eight(w uint64) uint64 {
	const mask = 0x000000ff000000ff
	w = w*10 + w>>8
	return (w&mask*(100+1000000<<32) + w>>16&mask*(1+10000<<32)) >> 32
}

// usual reads a number without a sign that is written as most are: one to fifteen
// digits, or up to seven, a point and a fraction. It returns an end of 0 for any
// other, also for what is no number, and where b has fewer than eight bytes.
//
// What follows the number cannot be looked at before its end is known: so that is
// found first, from both words at once, by the places of what are no digits.
func usual(b []byte, i int) (mant uint64, exp, end int) {
	if len(b) < 8 {
		return 0, 0, 0
	}
	w, v := word(b, i)^'0'*ones, word(b, i+8)^'0'*ones
	stops := others(w)
	whole := bits.TrailingZeros64(stops) &^ 7
	if whole == 0 || w&0xff == 0 && whole > 8 {
		return 0, 0, 0
	}
	n := whole // eight times the digits
	switch {
	case whole == 64:
		whole += bits.TrailingZeros64(others(v)) &^ 7
		n, end = whole, i+whole/8
		if end == i+16 || end < len(b) && b[end] == '.' {
			return 0, 0, 0
		}
	case byte(w>>whole) == '.'^'0':
		if stops &= stops - 1; stops != 0 {
			n = bits.TrailingZeros64(stops)&^7 - 8
		} else {
			n = bits.TrailingZeros64(others(v))&^7 + 56
		}
		end = i + n/8 + 1
		before := uint64(1)<<whole - 1
		w, v = w&before|w>>8&^before|v<<56, v>>8 // without the point
	default:
		end = i + n/8
	}
	if mant = eight(w << ((64 - n) & 63)); n > 64 {
		mant = eight(w)*tens[n/8-8] + eight(v<<((128-n)&63))
	}
	if end == i+16 { // all of w and v was used
		mant, end = digits(b, end, mant)
		n = 8 * (end - i - 1)
	}
	if n > 8*maxDigits || b[end-1] == '.' || end < len(b) && b[end]|' ' == 'e' {
		return 0, 0, 0
	}
	return mant, (whole - n) / 8, end
}

// word returns eight bytes from b[i] on, with zeros behind the end of b, which
// has eight at least.
func word(b []byte, i int) uint64 {
	if i+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[i:])
	}
	return binary.LittleEndian.Uint64(b[len(b)-8:]) >> (8 * uint(i+8-len(b)))
}

// others sets the highest bit of bytes of w that are not 0 to 9, which were no
// digits before '0' was taken off. It is right up to the first one, and up to the
// second where that was a point; what it says of bytes behind means nothing.
func others(w uint64) uint64 { return (w + 0x76*ones | w) & highs }

// run returns eight times the number of bytes at the low end of w that are 0 to
// 9, which were digits before '0' was taken off.
func run(w uint64) int { return bits.TrailingZeros64(others(w)) &^ 7 }

// fraction reads what may follow the whole digits b[start:i] of a number, a
// fraction and an exponent, and returns the index behind it, or the one's
// complement of the index where a digit is missing. bare allows a point without
// digits on one side.
func (n *decimal) fraction(b []byte, start, i int, bare bool) int {
	count := i - start
	if i < len(b) && b[i] == '.' {
		point := i + 1
		n.mant, i = digits(b, point, n.mant)
		n.exp = point - i
		count += i - point
		if i == point && (!bare || count == 0) {
			return ^i
		}
	}
	if count > maxDigits {
		n.shorten(b[start:i])
	}
	if i < len(b) && b[i]|' ' == 'e' {
		return n.exponent(b, i+1)
	}
	return i
}

// exponent reads the digits of an exponent and their sign. Beyond 10^8 all
// exponents are alike.
func (n *decimal) exponent(b []byte, i int) int {
	sign := 1
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		if b[i] == '-' {
			sign = -1
		}
		i++
	}
	start, e := i, 0
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		e = min(e*10+int(b[i]-'0'), 1e8)
	}
	if i == start {
		return ^i
	}
	n.exp += sign * e
	return i
}

// shorten reads the digits of text, of which there are more than maxDigits,
// leading zeros aside.
func (n *decimal) shorten(text []byte) {
	*n = decimal{neg: n.neg}
	kept, behind := 0, 0
	for _, c := range text {
		switch {
		case c == '.':
			behind = 1
			continue
		case kept == maxDigits:
			n.cut = n.cut || c != '0'
			n.exp += 1 - behind
			continue
		case kept > 0 || c != '0':
			kept++
		}
		n.mant = n.mant*10 + uint64(c-'0')
		n.exp -= behind
	}
}

var (
	tens  = [20]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}
	exact = [23]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
	fives = [28]uint64{1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125,
		6103515625, 30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125, 95367431640625, 476837158203125,
		2384185791015625, 11920928955078125, 59604644775390625, 298023223876953125, 1490116119384765625, 7450580596923828125}
)

// float returns the float64 nearest to n, ties to even, as strconv.ParseFloat
// does, with -0 as 0. text is what n was read from.
//
// A mantissa below 2^53 and a power of ten up to 10^22 are floats, so that their
// quotient, rounded once, is the answer (Clinger, "How to read floating point
// numbers accurately", 1990).
func (n decimal) float(text []byte) float64 {
	var f float64
	if n.mant>>53 == 0 && -22 <= n.exp && n.exp <= 0 {
		f = float64(int64(n.mant)) / exact[-n.exp]
	} else {
		f = n.wide(text)
	}
	if n.neg {
		return 0 - f // unlike -f never -0
	}
	return f
}

// wide returns the float64 nearest to |n|. Powers of five up to 5^27 fit a
// uint64: the product with one, and the quotient, are exact integers whose
// lowest bit stands for all that is cut off behind them; as they have at least
// 62 bits, rounding them to 53 rounds n.
func (n decimal) wide(text []byte) float64 {
	if n.mant == 0 {
		return 0
	}
	if n.cut || n.exp < -27 || n.exp > 27 {
		return n.rare(text)
	}
	lead := bits.LeadingZeros64(n.mant)
	m := n.mant << lead
	if n.exp >= 0 {
		hi, lo := bits.Mul64(m, fives[n.exp])
		shift := bits.LeadingZeros64(hi)
		m, lo = hi<<shift|lo>>(64-shift), lo<<shift
		return scaled(m, lo, 64-shift-lead+n.exp)
	}
	five := fives[-n.exp]
	shift := bits.LeadingZeros64(five)
	quo, rem := bits.Div64(m>>1, m<<63, five<<shift)
	return scaled(quo, rem, shift-lead-63+n.exp)
}

// rare leaves |n| to strconv, except from 1e309 on: there an error would cost
// memory.
func (n decimal) rare(text []byte) float64 {
	log2 := bits.Len64(n.mant) - 1
	if log2*1233>>12+n.exp >= 309 { // log10(2) is a bit more than 1233/2^12
		return math.Inf(1)
	}
	f, _ := strconv.ParseFloat(view(text), 64) // the text is a number: an error is an infinity
	return math.Abs(f)
}

// scaled returns (m + rest)·2^e, where rest is in [0, 1) and above 0 unless
// sticky is 0. The result must be a normal number.
func scaled(m, sticky uint64, e int) float64 {
	if sticky != 0 {
		m |= 1
	}
	return float64(m) * math.Float64frombits(uint64(1023+e)<<52)
}

// units returns n·10^scale as an integer, rounded down, and whether it fits.
func (n decimal) units(scale int) (int64, bool) {
	m, e, cut := n.mant, n.exp+scale, n.cut
	switch {
	case m == 0:
		return 0, true
	case e > maxDigits:
		return 0, false
	case e >= 0:
		hi, lo := bits.Mul64(m, tens[e])
		if hi != 0 {
			return 0, false
		}
		m = lo
	case e < -maxDigits:
		m, cut = 0, true
	default:
		cut = cut || m%tens[-e] != 0
		m /= tens[-e]
	}
	if n.neg {
		if cut {
			m++
		}
		return -int64(m), m <= 1<<63
	}
	return int64(m), m < 1<<63
}

// view returns b as a string that must not outlive b's content.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
