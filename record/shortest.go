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
	return appendFixed(dst, int(math.Float64bits(x)>>63), digits, places)
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
// which is not an integer and between 1e-6 and 2^53. digits may end in zeros.
//
// x = c·2^q, and all numbers less than 2^q/2 away from it read back as x; exactly
// that far away is none with few enough decimal places. For 10^-k < 2^q < 10^(1-k)
// there is at least one multiple of 10^-k among them, and at most one of
// 10^(1-k), which then is the shortest; otherwise it is the multiple of 10^-k
// nearest to x (Giulietti, "The Schubfach way to render doubles", 2020). A power
// of two has nearer neighbours below, but is itself a multiple of 10^(1-k). Here
// 5^k is small enough to do all this exactly, in units of 10^-k/2^shift: x is
// 2c·5^k of them, and 2^q/2 is 5^k.
//
// Both are computed and one is taken, without a branch: no processor can foretell
// which it will be. That, here and in appendFixed, takes a quarter off the time.
func shortest(x float64) (digits uint64, places int) {
	b := math.Float64bits(x)
	c, q := b&(1<<52-1)|1<<52, int(b>>52)-1075
	k := (4095 - 1233*q) >> 12 // -q·log10(2), rounded up
	shift := uint(1 - q - k)
	hi, lo := bits.Mul64(2*c, fives[k])
	floor := hi<<(64-shift) | lo>>shift
	step := uint64(1) << shift
	below := lo & (step - 1)                         // from floor to x
	digits = floor + (below+step/2-1+floor&1)>>shift // the nearest, ties to even

	last := floor % 10
	above := last*step + below // from a multiple of ten up to x
	if min(above, 10*step-above) < fives[k] {
		digits = floor - last + (last+3)>>3*10 // from 5 on it is the next one
	}
	return digits, k
}

// appendFixed appends minus signs, one or none, and digits·10^-places without the
// zeros at its end. That is no integer and has at most 17 digits; 0 < places < 23,
// and more than 16 only below 1.
func appendFixed(dst []byte, minus int, digits uint64, places int) []byte {
	dst = slices.Grow(dst, 48) // room for all of it, and for what is written behind it
	n := len(dst)
	dst[:n+1][n] = '-'
	n += minus
	if places < 16 {
		whole := digits / tens[places]
		dst = append(strconv.AppendUint(dst[:n], whole, 10), '.')
		n = len(dst)
		digits = (digits - whole*tens[places]) * tens[16-places]
	} else { // 0.00, more of the zeros or none, then a digit; or that digit and a point
		head := digits / 1e16
		digits -= head * 1e16
		at := places - 16
		if at > 0 {
			at++
		}
		const zeros = '0'*ones ^ ('0'^'.')<<8 // 0.000000
		binary.LittleEndian.PutUint64(dst[n:n+8], zeros+head<<(8*at))
		n += 2 + places - 16
	}
	high, low := text8(digits/1e8), text8(digits%1e8)
	binary.LittleEndian.PutUint64(dst[n:n+8], high|'0'*ones)
	binary.LittleEndian.PutUint64(dst[n+8:n+16], low|'0'*ones)
	if low == 0 {
		return dst[:n+8-bits.LeadingZeros64(high)/8]
	}
	return dst[:n+16-bits.LeadingZeros64(low)/8]
}

// text8 returns the eight digits of n as bytes from 0 to 9, the first one lowest:
// fours are parted to pairs, then to single digits. It is the inverse of eight.
func text8(n uint64) uint64 {
	w := n/10000 | n%10000<<32
	hundred := w * 10486 >> 20 & 0x0000007f0000007f
	w = hundred | (w-hundred*100)<<16
	ten := w * 103 >> 10 & 0x000f000f000f000f
	return ten | (w-ten*10)<<8
}
