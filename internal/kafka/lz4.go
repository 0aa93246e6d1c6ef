package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// The LZ4 frame format, version 1.6.1. All numbers are little-endian.
// https://github.com/lz4/lz4/blob/v1.10.0/doc/lz4_Frame_format.md
const (
	lz4Magic         = 0x184D2204
	lz4Fixed         = 6    // magic, flags, block size
	lz4Version       = 0x40 // of the flags, in the two upper bits
	lz4Independent   = 0x20 // no block refers to the one before
	lz4BlockChecksum = 0x10 // 4 bytes behind each block
	lz4ContentSize   = 0x08 // 8 bytes in the header
	lz4Checksum      = 0x04 // 4 bytes behind the end mark
	lz4Dictionary    = 0x01
	lz4Stored        = 1 << 31 // of a block's length: it is not compressed
	lz4Window        = 64 << 10
	lz4Expansion     = 255 // what one more byte of a match's length adds

	// lz4Header starts a frame of independent blocks of lz4Block bytes without
	// checksums, as Kafka's own client writes it. The last byte is the header's
	// checksum.
	lz4Header = "\x04\x22\x4d\x18\x60\x40\x82"
	lz4Block  = 64 << 10
)

var errLZ4Cut = errors.New("a frame ends early")

// unlz4 decodes frames. It does not look at their own checksums, nor at the
// content size: the batch's checksum covers every byte of them.
func unlz4(dst, src []byte, limit int) (out []byte, err error) {
	for len(src) > 0 {
		if dst, src, err = unlz4Frame(dst, src, limit); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// unlz4Frame appends the content of the first frame and returns what follows it.
func unlz4Frame(dst, src []byte, limit int) (out, rest []byte, err error) {
	flags, largest, src, err := parseLZ4Header(src)
	if err != nil {
		return nil, nil, err
	}
	start := len(dst)
	for {
		if len(src) < 4 {
			return nil, nil, errLZ4Cut
		}
		length := binary.LittleEndian.Uint32(src)
		if src = src[4:]; length == 0 {
			break
		}
		n := int(length &^ lz4Stored)
		if n > len(src) || n > largest {
			return nil, nil, fmt.Errorf("block length is %d, want at most %d and the %d bytes left", n, largest, len(src))
		}
		var window []byte
		if flags&lz4Independent == 0 {
			window = dst[max(start, len(dst)-lz4Window):]
		}
		if length&lz4Stored != 0 {
			dst, err = appendStored(dst, src[:n], limit)
		} else {
			dst, err = unlz4Block(dst, src[:n], window, largest, limit)
		}
		if err != nil {
			return nil, nil, err
		}
		if src, err = skip(src[n:], flags&lz4BlockChecksum != 0); err != nil {
			return nil, nil, err
		}
	}
	src, err = skip(src, flags&lz4Checksum != 0)
	return dst, src, err
}

// parseLZ4Header returns a frame's flags, the most bytes a block holds, and
// what follows the header.
func parseLZ4Header(src []byte) (flags byte, largest int, rest []byte, err error) {
	if len(src) <= lz4Fixed {
		return 0, 0, nil, errLZ4Cut
	}
	if m := binary.LittleEndian.Uint32(src); m != lz4Magic {
		return 0, 0, nil, fmt.Errorf("a frame starts with %08x, want %08x", m, lz4Magic)
	}
	flags = src[4]
	if flags&0xC0 != lz4Version || flags&lz4Dictionary != 0 {
		return 0, 0, nil, fmt.Errorf("frame flags are %02x, want version 1 without a dictionary", flags)
	}
	code := src[5] >> 4 & 7
	if code < 4 {
		return 0, 0, nil, fmt.Errorf("block size is code %d, want 4 (64 KiB) to 7 (4 MiB)", code)
	}
	size := lz4Fixed + 1
	if flags&lz4ContentSize != 0 {
		size += 8
	}
	if len(src) < size {
		return 0, 0, nil, errLZ4Cut
	}
	return flags, 1 << (8 + 2*code), src[size:], nil
}

// skip leaves out a checksum if there is one.
func skip(src []byte, checksum bool) ([]byte, error) {
	if !checksum {
		return src, nil
	}
	if len(src) < 4 {
		return nil, errLZ4Cut
	}
	return src[4:], nil
}

func appendStored(dst, block []byte, limit int) ([]byte, error) {
	if len(block) > limit-len(dst) {
		return nil, tooLarge(limit)
	}
	return append(room(dst, len(block), limit), block...), nil
}

// unlz4Block appends what a block of at most largest bytes holds.
func unlz4Block(dst, block, window []byte, largest, limit int) ([]byte, error) {
	most := min(largest, lz4Expansion*len(block))
	n := min(most, limit-len(dst))
	dst = room(dst, n, limit)
	n, err := lz4.UncompressBlockWithDict(block, dst[len(dst):len(dst)+n], window)
	if err != nil && most > limit-len(dst) {
		return nil, tooLarge(limit)
	}
	return dst[:len(dst)+n], err
}

// appendLZ4 appends src as one frame.
func appendLZ4(dst, src []byte, c *lz4.Compressor) ([]byte, error) {
	dst = append(dst, lz4Header...)
	for block := range slices.Chunk(src, lz4Block) {
		dst = slices.Grow(dst, 4+lz4.CompressBlockBound(len(block)))
		at := len(dst) + 4
		n, err := c.CompressBlock(block, dst[at:at+lz4.CompressBlockBound(len(block))])
		if err != nil {
			return nil, err
		}
		length := uint32(n)
		if n >= len(block) {
			length = lz4Stored | uint32(len(block))
			n = copy(dst[at:at+len(block)], block)
		}
		dst = binary.LittleEndian.AppendUint32(dst, length)[:at+n]
	}
	return binary.LittleEndian.AppendUint32(dst, 0), nil
}
