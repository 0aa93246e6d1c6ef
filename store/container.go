package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// A RefusedError is a file that is not, or no longer, what tare wrote.
type RefusedError struct {
	Path   string // empty if unknown
	Reason string
}

// Error returns the path and the reason.
func (e *RefusedError) Error() string {
	if e.Path == "" {
		return "refused: " + e.Reason
	}
	return e.Path + ": refused: " + e.Reason
}

// maxReason is the length at which a reason is cut: it may quote the file.
const maxReason = 500

func refuse(format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + " ..."
	}
	return &RefusedError{Reason: reason}
}

// A container is an open file whose hash and directory have been checked.
type container struct {
	r       io.ReaderAt
	id      string
	members []member // sorted by name
	buf     []byte
}

// openContainer checks the hash of a file of size bytes, then its directory.
func openContainer(r io.ReaderAt, size int64, l limits) (*container, error) {
	if size < endLen+idLen {
		return nil, refuse("%d bytes are too few for an artifact", size)
	}
	c := &container{r: r, buf: make([]byte, min(size, chunk))}
	if err := c.checkHash(uint64(size) - idLen); err != nil {
		return nil, err
	}
	d, err := c.readEnd(uint64(size)-idLen, l)
	if err != nil {
		return nil, err
	}
	return c, c.readDirectory(d, l)
}

// checkHash compares the hash of the first n bytes with the id behind them.
func (c *container) checkHash(n uint64) error {
	id := make([]byte, idLen)
	if err := c.read(id, n); err != nil {
		return err
	}
	if strings.Trim(string(id), "0123456789abcdef") != "" {
		return refuse("the last 64 bytes are no SHA-256: not an artifact, or a part of one")
	}
	h := sha256.New()
	if err := c.stream(0, n, func(p []byte) { h.Write(p) }); err != nil {
		return err
	}
	c.id = hex.EncodeToString(h.Sum(nil))
	if c.id != string(id) {
		return refuse("the file is damaged: its SHA-256 is %s, but it says %s", c.id, id)
	}
	return nil
}

// read fills p from the given offset.
func (c *container) read(p []byte, offset uint64) error {
	n, err := c.r.ReadAt(p, int64(offset))
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return refuse("the file ends while it is read")
	}
	return err
}

// stream hands n bytes from the given offset to fn, in chunks.
func (c *container) stream(offset, n uint64, fn func([]byte)) error {
	for n > 0 {
		p := c.buf[:min(n, uint64(len(c.buf)))]
		if err := c.read(p, offset); err != nil {
			return err
		}
		fn(p)
		offset += uint64(len(p))
		n -= uint64(len(p))
	}
	return nil
}

// readEnd returns where the directory stands in a file whose id begins at n.
func (c *container) readEnd(n uint64, l limits) (*directory, error) {
	p := make([]byte, min(n, end64Len+locatorLen+endLen))
	if err := c.read(p, n-uint64(len(p))); err != nil {
		return nil, err
	}
	end := fields(p[len(p)-endLen:])
	if end.u32(0) != endSig {
		return nil, refuse("no end of a zip directory stands before the id")
	}
	d := &directory{count: uint64(end.u16(10)), size: uint64(end.u32(12)), offset: uint64(end.u32(16))}
	if d.count == math.MaxUint16 && len(p) == end64Len+locatorLen+endLen {
		end64 := fields(p)
		*d = directory{count: end64.u64(32), size: end64.u64(40), offset: end64.u64(48)}
	}
	want := d.appendEnd(nil, l)
	if !bytes.HasSuffix(p, want) {
		return nil, refuse("the end of the zip directory is not written as tare writes it")
	}
	if d.size > n || d.offset > n || d.offset+d.size+uint64(len(want)) != n {
		return nil, refuse("the zip directory does not fill the space before its end")
	}
	if d.count > d.size/centralLen {
		return nil, refuse("%d members do not fit into a zip directory of %d bytes", d.count, d.size)
	}
	return d, nil
}

// fields reads little-endian numbers at known places.
type fields []byte

func (f fields) u16(at int) uint16 { return binary.LittleEndian.Uint16(f[at:]) }
func (f fields) u32(at int) uint32 { return binary.LittleEndian.Uint32(f[at:]) }
func (f fields) u64(at int) uint64 { return binary.LittleEndian.Uint64(f[at:]) }

func (c *container) readDirectory(d *directory, l limits) error {
	p := make([]byte, d.size)
	if err := c.read(p, d.offset); err != nil {
		return err
	}
	c.members = make([]member, 0, d.count)
	var last string
	var end uint64 // of the members so far
	for i := range d.count {
		m, n, err := parseCentral(p, l)
		if err != nil {
			return refuse("member %d: %v", i, err)
		}
		if err := c.checkMember(m, last, end, d.offset, l); err != nil {
			return err
		}
		c.members = append(c.members, *m)
		last, end, p = m.name, m.data+m.size, p[n:]
	}
	if len(p) > 0 || end != d.offset {
		return refuse("bytes that belong to no member")
	}
	return nil
}

// parseCentral reads the header at the start of p, which is n bytes long.
func parseCentral(p []byte, l limits) (m *member, n int, err error) {
	if len(p) < centralLen {
		return nil, 0, errors.New("the zip directory ends within its header")
	}
	f := fields(p)
	nameLen, extraLen := int(f.u16(28)), int(f.u16(30))
	if n = centralLen + nameLen + extraLen; n > len(p) {
		return nil, 0, errors.New("the zip directory ends within its header")
	}
	m = &member{name: string(p[centralLen : centralLen+nameLen]), crc: f.u32(16), size: uint64(f.u32(24)), offset: uint64(f.u32(42))}
	if err := checkName(m.name); err != nil {
		return nil, 0, err
	}
	if method := f.u16(10); method != 0 {
		return nil, 0, fmt.Errorf("%q is compressed (method %d), want stored", m.name, method)
	}
	m.expand(fields(p[centralLen+nameLen : n]))
	if !bytes.Equal(m.appendCentral(nil, l), p[:n]) {
		return nil, 0, fmt.Errorf("the header of %q in the zip directory is not written as tare writes it", m.name)
	}
	return m, n, nil
}

// expand takes the numbers of a Zip64 field, of whatever length it is: the
// header is compared as a whole afterwards.
func (m *member) expand(extra fields) {
	if m.size == math.MaxUint32 && len(extra) >= 20 {
		m.size = extra.u64(4)
		extra = extra[16:]
	}
	if m.offset == math.MaxUint32 && len(extra) >= 12 {
		m.offset = extra.u64(4)
	}
}

// checkName refuses names that no member has, those that would leave a folder
// when unpacked among them.
func checkName(name string) error {
	if name == manifestName {
		return nil
	}
	if len(name) > 256 || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\\x00") || !strings.HasSuffix(name, npySuffix) {
		return fmt.Errorf("a member called %.256q, want %s or NAME%s", name, manifestName, npySuffix)
	}
	return nil
}

// checkMember checks that m follows the members before it, which end at offset
// end, stands before offset limit, and has the right local header.
func (c *container) checkMember(m *member, last string, end, limit uint64, l limits) error {
	if m.name == last {
		return refuse("%s stands twice in the file", m.name)
	}
	if m.name < last {
		return refuse("%s stands after %s, but sorts before it", m.name, last)
	}
	want := m.appendLocal(nil, l)
	m.data = m.offset + uint64(len(want))
	if m.offset != end || limit < m.data || limit-m.data < m.size {
		return refuse("%s does not lie between its neighbours", m.name)
	}
	got := make([]byte, len(want))
	if err := c.read(got, m.offset); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return refuse("the two headers of %s differ", m.name)
	}
	return nil
}

// check streams a member through fn, whose CRC over the first skip bytes is
// given, and refuses it if its CRC is not the one in its header.
func (c *container) check(m *member, skip uint64, crc uint32, fn func([]byte)) error {
	err := c.stream(m.data+skip, m.size-skip, func(p []byte) {
		crc = crc32.Update(crc, crc32.IEEETable, p)
		fn(p)
	})
	if err == nil && crc != m.crc {
		return refuse("%s: its CRC is %08x, but its header says %08x", m.name, crc, m.crc)
	}
	return err
}
