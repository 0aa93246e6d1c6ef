package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
)

const (
	xerialMagic      = "\x82SNAPPY\x00"
	xerialHeader     = xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01" // version, oldest version that can read it
	xerialBlock      = 32 << 10                                         // uncompressed bytes in a block, as snappy-java cuts them
	snappyExpansion  = 64                                               // a tag, one byte or more, makes at most 64
	blockLengthBytes = 4                                                // int32, big-endian
)

// unsnappy decodes the framing of snappy-java, which Kafka's own client writes,
// or a raw block, as librdkafka writes it. No raw block starts with the magic:
// that would copy from before its beginning.
func unsnappy(dst, src []byte, limit int) (out []byte, err error) {
	if !bytes.HasPrefix(src, []byte(xerialMagic)) {
		return unsnappyBlock(dst, src, limit)
	}
	if len(src) < len(xerialHeader) {
		return nil, fmt.Errorf("%d bytes are too few for the header of snappy-java", len(src))
	}
	for src = src[len(xerialHeader):]; len(src) > 0; {
		if len(src) < blockLengthBytes {
			return nil, fmt.Errorf("%d bytes follow the last block, want none", len(src))
		}
		n := binary.BigEndian.Uint32(src)
		src = src[blockLengthBytes:]
		if uint64(n) > uint64(len(src)) {
			return nil, fmt.Errorf("block length is %d, want at most %d, the bytes left", n, len(src))
		}
		if dst, err = unsnappyBlock(dst, src[:n], limit); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return dst, nil
}

func unsnappyBlock(dst, src []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if n > snappyExpansion*len(src) {
		return nil, fmt.Errorf("a block of %d bytes claims to hold %d", len(src), n)
	}
	if n > limit-len(dst) {
		return nil, tooLarge(limit)
	}
	dst = room(dst, n, limit)
	end := len(dst) + n
	if _, err := s2.Decode(dst[len(dst):end], src); err != nil {
		return nil, err
	}
	return dst[:end], nil
}

// appendSnappy appends src in the framing of snappy-java.
func appendSnappy(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	for block := range slices.Chunk(src, xerialBlock) {
		dst = slices.Grow(dst, blockLengthBytes+s2.MaxEncodedLen(len(block)))
		at := len(dst) + blockLengthBytes
		n := len(s2.EncodeSnappy(dst[at:cap(dst)], block))
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))[:at+n]
	}
	return dst
}
