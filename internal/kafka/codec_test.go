package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// must returns v, or panics: for encoders that write into memory.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func lz4Frames(src []byte, options ...lz4.Option) []byte {
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	if err := w.Apply(options...); err != nil {
		panic(err)
	}
	must(w.Write(src))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func gzipped(src []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	must(w.Write(src))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// zstdStream does not tell its size, as Kafka's own client does not.
func zstdStream(src []byte) []byte {
	var b bytes.Buffer
	w := must(zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1)))
	must(w.Write(src[:len(src)/2]))
	if err := w.Flush(); err != nil {
		panic(err)
	}
	must(w.Write(src[len(src)/2:]))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestOtherWriters unpacks what other clients make of the same bytes, at the
// limit and one byte beyond it.
func TestOtherWriters(t *testing.T) {
	text := []byte(strings.Repeat("abcdefgh01234567", 5000) + "the end") // 80 KB: two blocks of 64 KiB
	noise := make([]byte, 200_000)
	must(rand.NewChaCha8([32]byte{}).Read(noise))
	f := func(name string, codec Codec, packed, want []byte) {
		t.Helper()
		var u unpacker
		for range 2 { // the second time into a warm buffer
			got, err := u.unpack(codec, packed, len(want))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, error %v; want %d", name, len(got), err, len(want))
			}
		}
		limit := fmt.Sprintf("more than the limit of %d bytes", len(want)-1)
		if got, err := new(unpacker).unpack(codec, packed, len(want)-1); err == nil || !strings.Contains(err.Error(), limit) {
			t.Errorf("%s, limit one below: %d bytes, error %v", name, len(got), err)
		}
		for n := range min(len(packed), 40) { // no beginning will do
			if got, err := new(unpacker).unpack(codec, packed[:len(packed)-1-n], len(want)); err == nil && len(got) == len(want) && codec != LZ4 {
				t.Errorf("%s without its last %d bytes: no error", name, n+1)
			}
		}
	}
	for name, src := range map[string][]byte{"text": text, "noise": noise} {
		f("gzip "+name, Gzip, gzipped(src), src)
		f("snappy raw "+name, Snappy, s2.EncodeSnappy(nil, src), src)
		f("snappy xerial "+name, Snappy, appendSnappy(nil, src), src)
		f("lz4 own "+name, LZ4, must(appendLZ4(nil, src, new(lz4.Compressor))), src)
		for _, size := range []lz4.BlockSize{lz4.Block64Kb, lz4.Block256Kb, lz4.Block1Mb, lz4.Block4Mb} {
			f(fmt.Sprint("lz4 ", size, name), LZ4, lz4Frames(src, lz4.BlockSizeOption(size)), src)
		}
		f("lz4 all checksums "+name, LZ4, lz4Frames(src, lz4.BlockChecksumOption(true), lz4.ChecksumOption(true), lz4.SizeOption(uint64(len(src))), lz4.BlockSizeOption(lz4.Block64Kb)), src)
		f("lz4 plain "+name, LZ4, lz4Frames(src, lz4.ChecksumOption(false)), src)
		f("zstd stream "+name, Zstd, zstdStream(src), src)
		f("zstd "+name, Zstd, must(zstd.NewWriter(nil)).EncodeAll(src, nil), src)
	}
	two := append(lz4Frames(text), lz4Frames(noise)...)
	f("two lz4 frames", LZ4, two, append(bytes.Clone(text), noise...))

	// Blocks that refer to the one before, as liblz4 makes them by default: 8
	// stored bytes, then a match of 8 at distance 8 and 5 literals.
	linked := "\x04\x22\x4d\x18\x40\x40\xc0" + "\x08\x00\x00\x80abcdefgh" + "\x09\x00\x00\x00\x04\x08\x00\x50vwxyz" + "\x00\x00\x00\x00"
	f("lz4 linked blocks", LZ4, []byte(linked), []byte("abcdefghabcdefghvwxyz"))
}

// TestRefusedFrames wants each wrong field of a frame told.
func TestRefusedFrames(t *testing.T) {
	f := func(codec Codec, packed, want string) {
		t.Helper()
		got, err := new(unpacker).unpack(codec, []byte(packed), 1<<20)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %q: %q, error %v, want %q", codec, packed, got, err, want)
		}
	}
	f(5, "", "codec is 5, want none (0)")
	f(Gzip, "", "EOF")
	f(Gzip, "hello, world", "invalid header")

	f(Snappy, "", "corrupt")
	f(Snappy, xerialMagic+"\x00", "9 bytes are too few for the header of snappy-java")
	f(Snappy, xerialHeader+"\x00\x00", "2 bytes follow the last block, want none")
	f(Snappy, xerialHeader+"\x00\x00\x00\x05\x00", "block length is 5, want at most 1")
	f(Snappy, xerialHeader+"\xff\xff\xff\xff\x00", "block length is 4294967295, want at most 1")
	f(Snappy, "\xff\xff\xff\xff\x0f", "a block of 5 bytes claims to hold 4294967295")
	f(Snappy, "\x05\x00a", "corrupt")

	const head = "\x04\x22\x4d\x18"
	f(LZ4, head+"\x60\x40", "a frame ends early")
	f(LZ4, "\x02\x21\x4c\x18\x60\x40\x82", "a frame starts with 184c2102, want 184d2204") // legacy
	f(LZ4, head+"\x20\x40\x82", "frame flags are 20, want version 1 without a dictionary")
	f(LZ4, head+"\x61\x40\x82", "frame flags are 61, want version 1 without a dictionary")
	f(LZ4, head+"\x60\x30\x82", "block size is code 3, want 4 (64 KiB) to 7 (4 MiB)")
	f(LZ4, head+"\x68\x40\x82", "a frame ends early")
	f(LZ4, lz4Header, "a frame ends early")
	f(LZ4, lz4Header+"\x05\x00\x00\x00abcd", "block length is 5, want at most 65536 and the 4 bytes left")
	f(LZ4, lz4Header+"\xff\xff\xff\xffabcd", "block length is 2147483647, want at most 65536")
	f(LZ4, lz4Header+"\x01\x00\x01\x80"+strings.Repeat("x", 65537), "block length is 65537, want at most 65536")
	f(LZ4, lz4Header+"\x04\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00", "invalid")
	f(LZ4, lz4Header+"\x04\x00\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00", "invalid") // before the start
	f(LZ4, head+"\x70\x40\xad"+"\x01\x00\x00\x80a", "a frame ends early")           // its checksum
	f(LZ4, head+"\x64\x40\xa7"+"\x00\x00\x00\x00", "a frame ends early")

	f(Zstd, "hello, world", "magic")
	f(Zstd, "\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f", "more than the limit of 1048576 bytes") // claims 2^63-1
}

// TestBombs wants bytes that decompress to a thousand times their size refused
// at the limit, with no more memory taken than that.
func TestBombs(t *testing.T) {
	const limit = 1 << 20
	zeros := make([]byte, 64<<20)
	f := func(name string, codec Codec, packed []byte, bound uint64) {
		t.Helper()
		d := Decoder{Limit: limit}
		batch := wrap(codec, 1, packed)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		drain(&d, batch)
		runtime.ReadMemStats(&after)
		if d.Err() == nil || !strings.Contains(d.Err().Error(), "more than the limit of 1048576 bytes") {
			t.Errorf("%s: error %v", name, d.Err())
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > bound {
			t.Errorf("%s: took %d bytes, want at most %d", name, got, bound)
		}
	}
	// A buffer that grows by doubling takes twice the limit in all.
	f("gzip", Gzip, gzipped(zeros), 4*limit)
	f("snappy", Snappy, s2.EncodeSnappy(nil, zeros), 3*limit)
	f("snappy xerial", Snappy, appendSnappy(nil, zeros), 3*limit)
	f("lz4", LZ4, lz4Frames(zeros), 3*limit)
	f("lz4, 64 KiB", LZ4, lz4Frames(zeros, lz4.BlockSizeOption(lz4.Block64Kb)), 3*limit)
	f("zstd that tells", Zstd, must(zstd.NewWriter(nil)).EncodeAll(zeros, nil), 3*limit)
	f("zstd that does not", Zstd, zstdStream(zeros[:smallestWindow-1]), 8*smallestWindow)
}

func TestCodecNames(t *testing.T) {
	f := func(name string, want Codec, text string) {
		t.Helper()
		got, err := ParseCodec(name)
		if got != want || (err != nil) != (text != "") || err != nil && err.Error() != text {
			t.Errorf("%q: %v, error %v", name, got, err)
		}
	}
	f("none", None, "")
	f("gzip", Gzip, "")
	f("snappy", Snappy, "")
	f("lz4", LZ4, "")
	f("zstd", Zstd, "")
	f("LZ4", None, `codec "LZ4", want one of ["none" "gzip" "snappy" "lz4" "zstd"]`)
	if s := Codec(6).String(); s != "codec 6" {
		t.Error(s)
	}
	if n := binary.LittleEndian.Uint32([]byte(lz4Header)); n != lz4Magic {
		t.Errorf("%08x", n)
	}
}
