package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// smallestWindow is what zstd frames may ask for whatever the limit: RFC 8878
// recommends that every decoder supports it, and encoders use it for less data.
const smallestWindow = 8 << 20

// An unpacker decompresses into a buffer that it keeps.
type unpacker struct {
	buf    []byte
	source bytes.Reader
	gzip   gzip.Reader
	zstd   *zstd.Decoder // made at the first batch that needs it
}

// unpack returns src decompressed, which holds until the next call. Where that
// would be more than limit bytes it fails without having taken more memory.
func (u *unpacker) unpack(c Codec, src []byte, limit int) (out []byte, err error) {
	dst := u.buf[:0]
	switch c {
	case Gzip:
		out, err = u.gunzip(dst, src, limit)
	case Snappy:
		out, err = unsnappy(dst, src, limit)
	case LZ4:
		out, err = unlz4(dst, src, limit)
	case Zstd:
		out, err = u.unzstd(dst, src, limit)
	default:
		err = c.check()
	}
	if err != nil {
		return nil, err
	}
	u.buf = out
	return out, nil
}

func tooLarge(limit int) error {
	return fmt.Errorf("the records decompress to more than the limit of %d bytes", limit)
}

// room returns dst with space for n more bytes, which stay within limit. It
// grows by doubling, up to limit.
func room(dst []byte, n, limit int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	size := min(max(len(dst)+n, 2*cap(dst)), limit)
	return append(make([]byte, 0, size), dst...)
}

func (u *unpacker) gunzip(dst, src []byte, limit int) ([]byte, error) {
	u.source.Reset(src)
	if err := u.gzip.Reset(&u.source); err != nil {
		return nil, err
	}
	for len(dst) <= limit {
		if len(dst) == cap(dst) {
			dst = room(dst, min(4096, limit+1-len(dst)), limit+1) // one more tells the limit from its excess
		}
		n, err := u.gzip.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF && len(dst) <= limit {
			return dst, nil
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
	}
	return nil, tooLarge(limit)
}

func (u *unpacker) unzstd(dst, src []byte, limit int) (out []byte, err error) {
	if u.zstd == nil {
		u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max(limit, smallestWindow))))
		if err != nil {
			return nil, err
		}
	}
	out, err = u.zstd.DecodeAll(src, dst)
	if len(out) > limit || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return nil, tooLarge(limit)
	}
	return out, err
}
