package record

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// appendNumber appends the shortest decimal number that reads back as x, the
// nearest one to x among those, in the form of encoding/json: without exponent
// from 1e-6 up to 1e21. x must be finite.
func appendNumber(dst []byte, x float64) []byte {
	abs := math.Abs(x)
	switch {
	case abs >= 1<<53 || abs < 1e-6:
		return appendAny(dst, x, 64)
	case x == math.Trunc(x): // below 2^53 every digit counts
		return strconv.AppendInt(dst, int64(x), 10)
	}
	digits, places := shortest(abs)
	return appendFixed(dst, x < 0, digits, places)
}

// appendAny appends x, which is a float of so many bits, by the rules of
// encoding/json.
func appendAny(dst []byte, x float64, bits int) []byte {
	abs := math.Abs(x)
	low, high := 1e-6, 1e21
	if bits == 32 {
		low, high = float64(float32(low)), float64(float32(high))
	}
	if x == 0 || low <= abs && abs < high {
		return strconv.AppendFloat(dst, x, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, x, 'e', -1, bits)
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' { // e-09 is e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// shortest returns the shortest decimal digits·10^-places that reads back as x,
// which is not an integer and between 1e-6 and 2^53.
//
// x = c·2^q, and all numbers less than 2^q/2 away from it read back as x; exactly
// that far away is none with few enough decimal places. For 10^-k < 2^q < 10^(1-k)
// there is at least one multiple of 10^-k among them, and at most one of
// 10^(1-k), which then is the shortest; otherwise it is the multiple of 10^-k
// nearest to x (Giulietti, "The Schubfach way to render doubles", 2020). A power
// of two has nearer neighbours below, but is itself a multiple of 10^(1-k). Here
// 5^k is small enough to do all this exactly, in units of 10^-k/2^shift: x is
// 2c·5^k of them, and 2^q/2 is 5^k.
func shortest(x float64) (digits uint64, places int) {
	b := math.Float64bits(x)
	c, q := b&(1<<52-1)|1<<52, int(b>>52)-1075
	k := (4095 - 1233*q) >> 12 // -q·log10(2), rounded up
	shift := uint(1 - q - k)
	hi, lo := bits.Mul64(2*c, fives[k])
	digits = hi<<(64-shift) | lo>>shift
	step := uint64(1) << shift
	below := lo & (step - 1) // from digits to x

	last := digits % 10
	under := last*step + below
	switch {
	case under < fives[k]:
		return trim(digits-last, k)
	case 10*step-under < fives[k]:
		return trim(digits-last+10, k)
	case below > step-below || below == step-below && digits&1 != 0:
		digits++
	}
	return digits, k
}

// trim takes the zeros off the end of digits.
func trim(digits uint64, places int) (uint64, int) {
	if digits%1e8 == 0 {
		digits, places = digits/1e8, places-8
	}
	for digits%10 == 0 {
		digits, places = digits/10, places-1
	}
	return digits, places
}

// appendFixed appends ±digits·10^-places, where digits has at most 17 of them and
// 0 < places < 24.
func appendFixed(dst []byte, neg bool, digits uint64, places int) []byte {
	dst = slices.Grow(dst, 48) // room for all of it, and for what is written behind it
	if neg {
		dst = append(dst, '-')
	}
	kept := min(places, 16)
	whole := digits / tens[kept]
	digits -= whole * tens[kept]
	if places > kept { // whole stands behind the point, too
		n := len(dst)
		copy(dst[n:n+8], "0.000000")
		dst = append(dst[:n+2+places-17], byte('0'+whole))
	} else {
		dst = append(appendWhole(dst, whole), '.')
	}
	n := len(dst)
	digits *= tens[16-kept]
	binary.LittleEndian.PutUint64(dst[n:n+8], text8(digits/1e8))
	binary.LittleEndian.PutUint64(dst[n+8:n+16], text8(digits%1e8))
	return dst[:n+kept]
}

func appendWhole(dst []byte, n uint64) []byte {
	if n < 10 {
		return append(dst, byte('0'+n))
	}
	return strconv.AppendUint(dst, n, 10)
}

// text8 returns the eight digits of n, the first one in the lowest byte: fours
// are parted to pairs, then to single digits. It is the inverse of eight.
func text8(n uint64) uint64 {
	w := n/10000 | n%10000<<32
	hundred := w * 10486 >> 20 & 0x0000007f0000007f
	w = hundred | (w-hundred*100)<<16
	ten := w * 103 >> 10 & 0x000f000f000f000f
	return ten | (w-ten*10)<<8 | '0'*ones
}
