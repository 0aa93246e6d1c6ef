package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
)

// A container is a zip file with one encoding for its members: stored, sorted by
// name, free of gaps, dated 1980-01-01, and with no field that could have been
// written in two ways. Its comment is the SHA-256, in 64 lowercase hexadecimal
// digits, of every byte before it: its id. So a reader encodes each header anew
// and compares it, instead of making sense of what it finds.

const (
	idLen   = 2 * sha256.Size
	chunk   = 64 << 10
	dosDate = 1<<5 | 1 // 1980-01-01, the zero of the format

	localSig   = 0x04034b50
	centralSig = 0x02014b50
	endSig     = 0x06054b50
	end64Sig   = 0x06064b50
	locatorSig = 0x07064b50

	centralLen = 46
	endLen     = 22
	end64Len   = 56
	locatorLen = 20

	utf8Flag  = 1 << 11
	version   = 20 // of the zip format that a reader needs
	version64 = 45
)

// limits say from which values on a field is too small, so that Zip64 has to
// hold the number. Tests lower them.
type limits struct {
	size  uint64
	count uint64
}

var zipLimits = limits{size: math.MaxUint32, count: math.MaxUint16}

// A member is a file of a container.
type member struct {
	name   string
	size   uint64
	crc    uint32
	offset uint64 // of its local header
	data   uint64 // offset of its bytes
}

func (m *member) appendLocal(dst []byte, l limits) []byte {
	big := m.size >= l.size
	dst = binary.LittleEndian.AppendUint32(dst, localSig)
	dst = m.appendCommon(dst, big, l)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(m.name)))
	if !big {
		dst = append(dst, 0, 0)
		return append(dst, m.name...)
	}
	dst = append(dst, 20, 0)
	dst = append(dst, m.name...)
	return appendExtra(dst, m.size, m.size)
}

func (m *member) appendCentral(dst []byte, l limits) []byte {
	var extra []uint64
	if m.size >= l.size {
		extra = append(extra, m.size, m.size)
	}
	if m.offset >= l.size {
		extra = append(extra, m.offset)
	}
	dst = binary.LittleEndian.AppendUint32(dst, centralSig)
	dst = binary.LittleEndian.AppendUint16(dst, version64) // made by
	dst = m.appendCommon(dst, extra != nil, l)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(m.name)))
	if extra == nil {
		dst = append(dst, 0, 0)
	} else {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(4+8*len(extra)))
	}
	dst = append(dst, make([]byte, 10)...) // comment, disk and attributes
	dst = binary.LittleEndian.AppendUint32(dst, short(m.offset, l))
	dst = append(dst, m.name...)
	if extra == nil {
		return dst
	}
	return appendExtra(dst, extra...)
}

// appendCommon appends the fields that both headers of a member have.
func (m *member) appendCommon(dst []byte, big bool, l limits) []byte {
	needed := uint16(version)
	if big {
		needed = version64
	}
	dst = binary.LittleEndian.AppendUint16(dst, needed)
	dst = binary.LittleEndian.AppendUint16(dst, utf8Flag)
	dst = append(dst, 0, 0, 0, 0) // stored, at 00:00:00
	dst = binary.LittleEndian.AppendUint16(dst, dosDate)
	dst = binary.LittleEndian.AppendUint32(dst, m.crc)
	dst = binary.LittleEndian.AppendUint32(dst, short(m.size, l))
	return binary.LittleEndian.AppendUint32(dst, short(m.size, l))
}

// short is x, or the mark that says that x stands in the Zip64 field.
func short(x uint64, l limits) uint32 {
	if x >= l.size {
		return math.MaxUint32
	}
	return uint32(x)
}

// appendExtra appends the Zip64 field of a member.
func appendExtra(dst []byte, values ...uint64) []byte {
	dst = append(dst, 1, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(8*len(values)))
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return dst
}

// A directory says where the headers of all members stand.
type directory struct{ count, offset, size uint64 }

func (d *directory) big(l limits) bool {
	return d.count >= l.count || d.offset >= l.size || d.size >= l.size
}

// appendEnd appends what stands between the directory and the id.
func (d *directory) appendEnd(dst []byte, l limits) []byte {
	count, size, offset := uint16(d.count), uint32(d.size), uint32(d.offset)
	if d.big(l) {
		count, size, offset = math.MaxUint16, math.MaxUint32, math.MaxUint32
		dst = binary.LittleEndian.AppendUint32(dst, end64Sig)
		dst = binary.LittleEndian.AppendUint64(dst, end64Len-12)
		dst = append(dst, version64, 0, version64, 0)
		dst = append(dst, make([]byte, 8)...) // disks
		dst = binary.LittleEndian.AppendUint64(dst, d.count)
		dst = binary.LittleEndian.AppendUint64(dst, d.count)
		dst = binary.LittleEndian.AppendUint64(dst, d.size)
		dst = binary.LittleEndian.AppendUint64(dst, d.offset)
		dst = binary.LittleEndian.AppendUint32(dst, locatorSig)
		dst = append(dst, 0, 0, 0, 0)
		dst = binary.LittleEndian.AppendUint64(dst, d.offset+d.size)
		dst = append(dst, 1, 0, 0, 0)
	}
	dst = binary.LittleEndian.AppendUint32(dst, endSig)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint16(dst, count)
	dst = binary.LittleEndian.AppendUint16(dst, count)
	dst = binary.LittleEndian.AppendUint32(dst, size)
	dst = binary.LittleEndian.AppendUint32(dst, offset)
	return append(dst, idLen, 0)
}

// A source is a member to be written. put puts its size bytes, the same ones
// each time: unless the CRC is known it is called twice, since the CRC stands
// before the bytes.
type source struct {
	name string
	size uint64
	put  func(b *blocks)
	crc  *uint32
}

// A writer writes a container as a stream.
type writer struct {
	w         io.Writer // the file and the hash
	file      io.Writer
	hash      hash.Hash
	limits    limits
	blocks    blocks
	n         uint64
	crc       uint32 // of what was written since the last header
	directory []byte
	count     uint64
}

func newWriter(file io.Writer, l limits) *writer {
	h := sha256.New()
	return &writer{w: io.MultiWriter(file, h), file: file, hash: h, limits: l, blocks: blocks{buf: make([]byte, 0, chunk)}}
}

// Write takes the bytes of the current member.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.n += uint64(n)
	w.crc = crc32.Update(w.crc, crc32.IEEETable, p[:n])
	return n, err
}

// add writes one member.
func (w *writer) add(s *source) error {
	crc, err := w.sum(s)
	if err != nil {
		return err
	}
	m := member{name: s.name, size: s.size, crc: crc, offset: w.n}
	if _, err := w.Write(m.appendLocal(nil, w.limits)); err != nil {
		return err
	}
	start := w.n
	w.crc = 0
	if err := w.blocks.fill(w, s.put); err != nil {
		return err
	}
	if w.n-start != m.size || w.crc != m.crc {
		return fmt.Errorf("it changed while it was written: %d bytes with CRC %08x, want %d with %08x", w.n-start, w.crc, m.size, m.crc)
	}
	w.directory = m.appendCentral(w.directory, w.limits)
	w.count++
	return nil
}

// sum returns the CRC of a source.
func (w *writer) sum(s *source) (uint32, error) {
	if s.crc != nil {
		return *s.crc, nil
	}
	crc := crc32.NewIEEE()
	err := w.blocks.fill(crc, s.put)
	return crc.Sum32(), err
}

// close writes the directory and returns the id.
func (w *writer) close() (id string, err error) {
	d := directory{count: w.count, offset: w.n, size: uint64(len(w.directory))}
	if _, err := w.Write(d.appendEnd(w.directory, w.limits)); err != nil {
		return "", fmt.Errorf("directory: %w", err)
	}
	id = hex.EncodeToString(w.hash.Sum(nil))
	if _, err := io.WriteString(w.file, id); err != nil {
		return "", fmt.Errorf("id: %w", err)
	}
	return id, nil
}

// writeContainer writes the sources in the order of their names and returns the
// id.
func writeContainer(file io.Writer, sources []source, l limits) (id string, err error) {
	slices.SortFunc(sources, func(a, b source) int { return strings.Compare(a.name, b.name) })
	w := newWriter(file, l)
	for i := range sources {
		if i > 0 && sources[i].name == sources[i-1].name {
			return "", fmt.Errorf("%s: it stands twice in one file", sources[i].name)
		}
		if err := w.add(&sources[i]); err != nil {
			return "", fmt.Errorf("%s: %w", sources[i].name, err)
		}
	}
	return w.close()
}
