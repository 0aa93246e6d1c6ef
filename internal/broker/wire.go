package broker

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// A source is where a frame is read from: a connection.
type source interface {
	io.Reader
	Discard(n int) (int, error)
	SetReadDeadline(t time.Time) error
}

// A frame reads one response in the protocol's flexible encoding. The first
// error stays; after it everything read is zero. Nothing is allocated that the
// bytes left of the frame could not fill.
//
// https://kafka.apache.org/protocol#protocol_types
type frame struct {
	source  source
	left    int // bytes of the response not read yet
	err     error
	scratch [16]byte
}

// begin reads the response's header. A response is at most limit bytes and
// answers the request of that correlation id.
func (f *frame) begin(correlation int32, limit int) {
	f.left, f.err = 4, nil
	size := int(f.int32())
	if f.err == nil && (size < 5 || size > limit) {
		f.fail("a response of %d bytes, want 5 to %d", size, limit)
	}
	f.left = size
	if got := f.int32(); f.err == nil && got != correlation {
		f.fail("a response to request %d, want %d", got, correlation)
	}
	f.tags()
}

// end returns the frame's error; bytes left over are one.
func (f *frame) end() error {
	if f.err == nil && f.left > 0 {
		f.fail("%d bytes behind the response, want none", f.left)
	}
	return f.err
}

func (f *frame) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("broker sent "+format, args...)
	}
}

// claim takes n bytes off what is left and reports whether there were as many.
func (f *frame) claim(n int) bool {
	if f.err != nil {
		return false
	}
	if n < 0 || n > f.left {
		f.fail("a field of %d bytes with %d left in the response", n, f.left)
		return false
	}
	f.left -= n
	return true
}

// bytes reads n bytes, at most 16. They hold until the next read.
func (f *frame) bytes(n int) []byte {
	b := f.scratch[:n]
	if f.claim(n) {
		_, f.err = io.ReadFull(f.source, b)
	}
	if f.err != nil {
		clear(b)
	}
	return b
}

func (f *frame) int16() int16 { return int16(binary.BigEndian.Uint16(f.bytes(2))) }
func (f *frame) int32() int32 { return int32(binary.BigEndian.Uint32(f.bytes(4))) }
func (f *frame) int64() int64 { return int64(binary.BigEndian.Uint64(f.bytes(8))) }
func (f *frame) uuid() (id [16]byte) {
	copy(id[:], f.bytes(16))
	return id
}

// uvarint reads a number of at most 32 bits.
func (f *frame) uvarint() int {
	v := 0
	for shift := 0; shift < 35; shift += 7 {
		b := f.bytes(1)[0]
		v |= int(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	f.fail("a varint of more than 5 bytes")
	return 0
}

// count reads the number of items of an array, none if it is null. Each takes
// at least smallest bytes.
func (f *frame) count(smallest int) int {
	n := max(f.uvarint()-1, 0)
	if n > f.left/smallest {
		f.fail("an array of %d items with %d bytes left in the response", n, f.left)
		return 0
	}
	return n
}

// length reads the length of a string or of bytes, 0 if they are null.
func (f *frame) length() int {
	n := max(f.uvarint()-1, 0)
	if n > f.left {
		f.fail("a field of %d bytes with %d left in the response", n, f.left)
		return 0
	}
	return n
}

func (f *frame) string() string {
	b := make([]byte, f.length())
	f.fill(b)
	return string(b)
}

func (f *frame) skip(n int) {
	if f.claim(n) {
		_, f.err = f.source.Discard(n)
	}
}

// tags skips the tagged fields that end a structure.
func (f *frame) tags() {
	for n := f.uvarint(); n > 0 && f.err == nil; n-- {
		f.uvarint()
		f.skip(f.uvarint())
	}
}

// fill reads len(b) bytes into b. A broker that keeps on sending has the time it
// takes: each piece has its own deadline.
func (f *frame) fill(b []byte) {
	const piece = 1 << 20
	if !f.claim(len(b)) {
		return
	}
	for len(b) > 0 && f.err == nil {
		n := min(len(b), piece)
		if f.err = f.source.SetReadDeadline(time.Now().Add(patience)); f.err == nil {
			_, f.err = io.ReadFull(f.source, b[:n])
		}
		b = b[n:]
	}
}

// appendHeader appends a request's header in the flexible encoding, with its
// size left open for finish.
func appendHeader(b []byte, key, version int16, correlation int32, clientID string) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	b = binary.BigEndian.AppendUint16(b, uint16(len(clientID)))
	b = append(b, clientID...)
	return append(b, 0) // no tags
}

// finish writes the request's size into its header.
func finish(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// appendCount appends the number of items of an array, or of bytes in a string.
func appendCount(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)+1) }
