package store

import "hash/crc32"

// joinCRC returns the CRC-32 of a followed by b, given those of both and the
// length of b: crc(a)·x^(8n) + crc(b) modulo the polynomial of the CRC, which
// zlib calls crc32_combine.
func joinCRC(a, b uint32, n uint64) uint32 {
	shift, square := uint32(1)<<31, uint32(1)<<23 // x^0, x^8
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			shift = multiply(shift, square)
		}
		square = multiply(square, square)
	}
	return multiply(shift, a) ^ b
}

// multiply multiplies polynomials over GF(2) whose highest power stands in the
// lowest bit, modulo crc32.IEEE.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ carry*crc32.IEEE
	}
	return product
}
