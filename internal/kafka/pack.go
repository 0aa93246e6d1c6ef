package kafka

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A packer compresses into a buffer that it keeps. The compressors are made at
// the first batch that needs them.
type packer struct {
	out  appender
	gzip *gzip.Writer
	lz4  *lz4.Compressor
	zstd *zstd.Encoder
}

// An appender is a slice to write to.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// pack returns the batch b with its records compressed, or b itself where that
// would not be smaller, and the codec of what it returns. The header's bytes
// are yet to be set.
func (p *packer) pack(c Codec, b []byte) ([]byte, Codec, error) {
	if c == None {
		return b, None, nil
	}
	p.out = slices.Grow(p.out[:0], headerSize)[:headerSize]
	if err := p.compress(c, b[headerSize:]); err != nil {
		return nil, c, fmt.Errorf("record batch: %w", err)
	}
	if len(p.out) >= len(b) {
		return b, None, nil
	}
	return p.out, c, nil
}

func (p *packer) compress(c Codec, records []byte) (err error) {
	switch c {
	case Gzip:
		return p.appendGzip(records)
	case Snappy:
		p.out = appendSnappy(p.out, records)
	case LZ4:
		if p.lz4 == nil {
			p.lz4 = new(lz4.Compressor)
		}
		p.out, err = appendLZ4(p.out, records, p.lz4)
	case Zstd:
		if p.zstd == nil {
			p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
			if err != nil {
				return err
			}
		}
		p.out = p.zstd.EncodeAll(records, p.out)
	default:
		return c.check()
	}
	return err
}

func (p *packer) appendGzip(records []byte) error {
	if p.gzip == nil {
		p.gzip = gzip.NewWriter(&p.out)
	}
	p.gzip.Reset(&p.out)
	if _, err := p.gzip.Write(records); err != nil {
		return err
	}
	return p.gzip.Close()
}
