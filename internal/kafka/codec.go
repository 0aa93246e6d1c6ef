package kafka

import "fmt"

// A Codec compresses the records of a batch.
type Codec uint8

// The codecs, by their numbers in a batch's attributes.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
	numCodecs
)

var codecs = [numCodecs]string{"none", "gzip", "snappy", "lz4", "zstd"}

// String returns Kafka's name of the codec.
func (c Codec) String() string {
	if c >= numCodecs {
		return fmt.Sprintf("codec %d", uint8(c))
	}
	return codecs[c]
}

// ParseCodec returns the codec of that name, as compression.type spells it.
func ParseCodec(name string) (Codec, error) {
	for c, s := range codecs {
		if s == name {
			return Codec(c), nil
		}
	}
	return None, fmt.Errorf("codec %q, want one of %q", name, codecs)
}

func (c Codec) check() error {
	if c >= numCodecs {
		return fmt.Errorf("codec is %d, want none (0), gzip (1), snappy (2), lz4 (3) or zstd (4)", uint8(c))
	}
	return nil
}
