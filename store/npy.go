package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
)

const npySuffix = ".npy"

// npyHeaderLen is the length of every header: its text takes from 70 to 89
// bytes, and numpy aligns the items to 64.
const npyHeaderLen = 128

// A dtype is the type of an array's items, as numpy writes it.
type dtype string

const (
	u1 dtype = "|u1"
	u8 dtype = "<u8"
	f8 dtype = "<f8"
)

func (t dtype) size() uint64 {
	if t == u1 {
		return 1
	}
	return 8
}

// An array is a member of one dimension. put writes its n items. take reads
// them, whole ones at a time, and done, if there is one, judges them.
type array struct {
	name string // without the suffix
	t    dtype
	n    uint64
	put  func(b *blocks)
	take func(p []byte)
	done func() error
}

func (a *array) member() string { return a.name + npySuffix }

func (a *array) size() uint64 { return npyHeaderLen + a.n*a.t.size() }

// header is what stands before the items, in version 1.0 of the format that
// numpy.lib.format describes.
func (a *array) header() []byte {
	h := make([]byte, 0, npyHeaderLen)
	h = append(h, "\x93NUMPY\x01\x00"...)
	h = binary.LittleEndian.AppendUint16(h, npyHeaderLen-10)
	h = fmt.Appendf(h, "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", a.t, a.n)
	h = append(h, strings.Repeat(" ", npyHeaderLen-1-len(h))...)
	return append(h, '\n')
}

// source is the array as a member to be written.
func (a array) source() source {
	return source{name: a.member(), size: a.size(), put: func(b *blocks) {
		b.bytes(a.header())
		a.put(b)
	}}
}

// blocks collects what is to be written and hands it on in blocks. After an
// error it does nothing more.
type blocks struct {
	w   io.Writer
	buf []byte
	err error
}

// fill hands on to w what put puts.
func (b *blocks) fill(w io.Writer, put func(b *blocks)) error {
	b.w, b.err, b.buf = w, nil, b.buf[:0]
	put(b)
	b.flush()
	return b.err
}

func (b *blocks) word(x uint64) {
	if cap(b.buf)-len(b.buf) < 8 {
		b.flush()
	}
	b.buf = binary.LittleEndian.AppendUint64(b.buf, x)
}

func (b *blocks) words(xs []uint64) {
	for _, x := range xs {
		b.word(x)
	}
}

func (b *blocks) floats(xs []float64) {
	for len(xs) > 0 {
		if cap(b.buf)-len(b.buf) < 8 {
			b.flush()
		}
		k := min(len(xs), (cap(b.buf)-len(b.buf))/8)
		end := len(b.buf)
		b.buf = b.buf[:end+8*k]
		for i, x := range xs[:k] {
			binary.LittleEndian.PutUint64(b.buf[end+8*i:], math.Float64bits(x))
		}
		xs = xs[k:]
	}
}

func (b *blocks) bytes(p []byte) {
	if cap(b.buf)-len(b.buf) < len(p) {
		b.flush()
	}
	if cap(b.buf) < len(p) {
		b.send(p)
		return
	}
	b.buf = append(b.buf, p...)
}

func (b *blocks) flush() {
	b.send(b.buf)
	b.buf = b.buf[:0]
}

func (b *blocks) send(p []byte) {
	if b.err == nil {
		_, b.err = b.w.Write(p)
	}
}

// each makes a take that hands on one item of 8 bytes after the other.
func each(set func(i int, x uint64)) func([]byte) {
	i := 0
	return func(p []byte) {
		for ; len(p) >= 8; p = p[8:] {
			set(i, binary.LittleEndian.Uint64(p))
			i++
		}
	}
}

// getFloats reads as many numbers as both have and returns how many.
func getFloats(dst []float64, p []byte) int {
	n := min(len(dst), len(p)/8)
	for i := range dst[:n] {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(p[8*i:]))
	}
	return n
}

// risingOffsets is an array of n offsets for reading, which rise
// from 0 to end.
func risingOffsets(name string, n, end uint64, set func(i int, x uint64)) array {
	var last uint64
	var wrong error
	return array{name: name, t: u8, n: n,
		take: each(func(i int, x uint64) {
			if wrong == nil && (x < last || x > end || i == 0 && x > 0) {
				wrong = fmt.Errorf("offset %d is %d after %d, want them to rise from 0 to %d", i, x, last, end)
			}
			last = x
			set(i, x)
		}),
		done: func() error {
			if wrong == nil && last != end {
				wrong = fmt.Errorf("the last offset is %d, want %d", last, end)
			}
			return wrong
		},
	}
}

// find returns the member called name, or nil.
func (c *container) find(name string) *member {
	i, ok := slices.BinarySearchFunc(c.members, name, func(m member, name string) int { return strings.Compare(m.name, name) })
	if !ok {
		return nil
	}
	return &c.members[i]
}

// items returns how many items an array has by the size of its member.
func (c *container) items(name string, t dtype) (uint64, error) {
	m := c.find(name + npySuffix)
	if m == nil {
		return 0, refuse("%s is missing", name+npySuffix)
	}
	if m.size < npyHeaderLen || (m.size-npyHeaderLen)%t.size() != 0 {
		return 0, refuse("%s has %d bytes: not a header and whole items", m.name, m.size)
	}
	return (m.size - npyHeaderLen) / t.size(), nil
}

// match refuses a file whose members are not the manifest and the arrays, each
// with its type and length. Nothing has to be allocated for them by then.
func (c *container) match(arrays []array) error {
	want := make(map[string]*array, len(arrays))
	for i := range arrays {
		if c.find(arrays[i].member()) == nil {
			return refuse("%s is missing", arrays[i].member())
		}
		want[arrays[i].member()] = &arrays[i]
	}
	for i := range c.members {
		m := &c.members[i]
		if m.name == manifestName {
			continue
		}
		a := want[m.name]
		if a == nil {
			return refuse("%s is not a member of this file by its manifest", m.name)
		}
		if err := c.matchArray(m, a); err != nil {
			return err
		}
	}
	return nil
}

func (c *container) matchArray(m *member, a *array) error {
	if m.size != a.size() {
		return refuse("%s has %d bytes, want %d: a header and %d items", m.name, m.size, a.size(), a.n)
	}
	got := make([]byte, npyHeaderLen)
	if err := c.read(got, m.data); err != nil {
		return err
	}
	if want := a.header(); !bytes.Equal(got, want) {
		return refuse("%s begins with %q, want %q", m.name, bytes.TrimRight(got, " \n"), bytes.TrimRight(want, " \n"))
	}
	return nil
}

// load hands the items of an array that matches to its take.
func (c *container) load(a *array) error {
	err := c.check(c.find(a.member()), npyHeaderLen, crc32.ChecksumIEEE(a.header()), a.take)
	if err != nil || a.done == nil {
		return err
	}
	if err := a.done(); err != nil {
		return refuse("%s: %v", a.member(), err)
	}
	return nil
}
