package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tare/fit"
)

// A Checkpoint is the fit pass over one partition as it was stored.
type Checkpoint struct {
	Meta  CheckpointMeta
	State *fit.State
	Path  string
}

// ErrSkip is returned by the accept function of NewestCheckpoint for a
// checkpoint that is whole but must not be used; an older one may.
var ErrSkip = errors.New("checkpoint skipped")

// NewestCheckpoint returns the newest checkpoint of a topic-partition in dir
// that is whole and accepted, nil if there is none to be had.
//
// A file that does not verify is renamed to *.bad, which aside names, and the
// one before is tried. accept is asked before the state is read: with ErrSkip
// the one before is tried; any other error is returned as it is. If none is
// taken, and a damaged one is there, set aside now or earlier, that is a
// *RefusedError: an unreadable state is not an empty one. A file that cannot be
// read at all, for want of permission or by a fault of the disk, is an error and
// stays where it is.
func NewestCheckpoint(dir, topic string, partition int32, plan *fit.Plan, accept func(*CheckpointMeta) error) (c *Checkpoint, aside []string, err error) {
	slot := slotOf(topic, partition)
	l, err := slot.list(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("checkpoints: %w", err)
	}
	var reasons []string
	for _, next := range l.whole {
		path := filepath.Join(dir, slot.file(next))
		c, err := readCheckpoint(path, plan, asNamed(topic, partition, next, accept))
		if err == nil {
			return c, aside, nil
		}
		if no, ok := errors.AsType[unaccepted](err); ok {
			if errors.Is(no.error, ErrSkip) {
				continue
			}
			return nil, aside, no.error
		}
		if err := setAside(path, err); err != nil {
			return nil, aside, err
		}
		aside, reasons = append(aside, path+badSuffix), append(reasons, err.Error())
	}
	return nil, aside, unreadable(dir, l.bad, reasons)
}

// unaccepted is what the caller's accept says, as opposed to damage.
type unaccepted struct{ error }

// asNamed refuses a checkpoint that is not what its name says, then asks accept.
func asNamed(topic string, partition int32, next int64, accept func(*CheckpointMeta) error) func(*CheckpointMeta) error {
	return func(m *CheckpointMeta) error {
		if m.Topic != topic || m.Progress.Partition != partition || m.Progress.Next != next {
			return refuse("it is of offset %d of partition %d of %q, unlike its name", m.Progress.Next, m.Progress.Partition, m.Topic)
		}
		if err := accept(m); err != nil {
			return unaccepted{err}
		}
		return nil
	}
}

// setAside renames a file that was refused; it returns any other error.
func setAside(path string, reason error) error {
	if _, refused := errors.AsType[*RefusedError](reason); !refused {
		return reason
	}
	if err := os.Rename(path, path+badSuffix); err != nil {
		return fmt.Errorf("%w; it cannot be set aside: %w", reason, err)
	}
	return nil
}

// unreadable refuses where no checkpoint was taken: for the reasons of those set
// aside now, or for bad, those set aside earlier.
func unreadable(dir string, bad, reasons []string) error {
	switch {
	case len(reasons) > 0:
		return &RefusedError{Path: dir, Reason: fmt.Sprintf("no checkpoint can be used, and damaged ones are there: %s; "+
			"move the files *%s%s away to learn from the start", strings.Join(reasons, "; "), checkpointSuffix, badSuffix)}
	case len(bad) > 0:
		return &RefusedError{Path: dir, Reason: fmt.Sprintf("no checkpoint can be used, and damaged ones are there, set aside earlier: %s; "+
			"move them away to learn from the start", strings.Join(bad, ", "))}
	}
	return nil
}

// readCheckpoint goes over a file twice: to verify all of it, and to build the
// state. In between it asks about what has been verified.
func readCheckpoint(path string, plan *fit.Plan, ask func(*CheckpointMeta) error) (*Checkpoint, error) {
	file, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c, err := parseCheckpoint(file, size, plan, ask)
	if err != nil {
		return nil, at(path, err)
	}
	c.Path = path
	return c, nil
}

func parseCheckpoint(file io.ReaderAt, size int64, plan *fit.Plan, ask func(*CheckpointMeta) error) (*Checkpoint, error) {
	c := new(Checkpoint)
	verify, err := newSections(file, size, sha256.New(), &c.Meta)
	if err != nil {
		return nil, err
	}
	length, err := io.Copy(io.Discard, verify)
	if err != nil {
		return nil, err
	}
	if err := ask(&c.Meta); err != nil {
		return nil, err
	}
	again, err := newSections(file, size, nil, new(CheckpointMeta))
	if err != nil {
		return nil, err
	}
	if c.State, err = fit.RestoreState(plan, again, length); err != nil {
		if again.err != nil {
			return nil, again.err
		}
		return nil, refuse("%v", err)
	}
	return c, c.check(plan)
}

// check holds the state and the progress against each other and the plan.
func (c *Checkpoint) check(plan *fit.Plan) error {
	if _, err := fit.ResumePartition(&plan.Cutoff, c.Meta.Progress); err != nil {
		return refuse("%v", err)
	}
	if have, want := c.State.Records(), c.Meta.Progress.Counts.Train; have != uint64(want) {
		return refuse("the state has learned %d records, but the progress beside it counts %d", have, want)
	}
	return nil
}

// sections reads the state of a checkpoint, and checks all the rest on the way.
// It hands out no byte of a section that is damaged. Every error but io.EOF
// stays.
type sections struct {
	r     *bufio.Reader
	at    int64 // bytes read
	end   int64 // where the hash stands
	sum   hash.Hash
	buf   []byte // of one payload
	piece []byte // of the state, not handed out
	state uint64
	done  bool
	err   error
}

// newSections reads the header and meta. Without sum it does not check the hash
// of the file.
func newSections(file io.ReaderAt, size int64, sum hash.Hash, meta *CheckpointMeta) (*sections, error) {
	end := size - sha256.Size
	if end < int64(checkpointHeader) {
		return nil, refuse("%d bytes are too few for a checkpoint", size)
	}
	s := &sections{r: bufio.NewReaderSize(io.NewSectionReader(file, 0, size), chunk), end: end, sum: sum, buf: make([]byte, min(maxSection, size))}
	head := s.buf[:checkpointHeader]
	if err := s.read(head); err != nil {
		return nil, err
	}
	if string(head[:len(checkpointMagic)]) != checkpointMagic {
		return nil, refuse("it does not begin as a checkpoint")
	}
	if v := fields(head).u32(len(checkpointMagic)); v != CheckpointFormat {
		return nil, refuse("version %d, want %d", v, CheckpointFormat)
	}
	kind, text, err := s.section()
	if err != nil {
		return nil, err
	}
	if kind != sectionMeta {
		return nil, refuse("section %d at byte %d, want %d", kind, checkpointHeader, sectionMeta)
	}
	return s, meta.parse(text)
}

// parse reads what json.Marshal wrote, and nothing else.
func (m *CheckpointMeta) parse(text []byte) error {
	if err := json.Unmarshal(text, m); err != nil {
		return refuse("meta: %v", err)
	}
	again, err := json.Marshal(m)
	if err != nil || !bytes.Equal(again, text) {
		return refuse("meta is not written as tare writes it, or by another version: %s", text)
	}
	if m.Format != CheckpointFormat {
		return refuse("meta: format %d, want %d", m.Format, CheckpointFormat)
	}
	return nil
}

// read fills p, and hashes it: all but payloads.
func (s *sections) read(p []byte) error {
	err := s.fill(p)
	if s.sum != nil && err == nil {
		s.sum.Write(p)
	}
	return err
}

func (s *sections) fill(p []byte) error {
	n, err := io.ReadFull(s.r, p)
	s.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("the file ends while it is read")
	}
	return err
}

// section reads the next section. The payload is a view until the next one.
func (s *sections) section() (kind byte, payload []byte, err error) {
	start := s.at
	if s.end-start < sectionHeader+sectionCRC {
		return 0, nil, refuse("the file ends at byte %d without an end section", start)
	}
	var head [sectionHeader]byte
	if err := s.read(head[:]); err != nil {
		return 0, nil, err
	}
	n := int64(binary.LittleEndian.Uint32(head[1:]))
	if n > min(maxSection, s.end-s.at-sectionCRC) {
		return 0, nil, refuse("the section at byte %d claims %d bytes, beyond the file or %d", start, n, maxSection)
	}
	payload = s.buf[:n]
	if err := s.fill(payload); err != nil {
		return 0, nil, err
	}
	var says [sectionCRC]byte
	if err := s.read(says[:]); err != nil {
		return 0, nil, err
	}
	crc := crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, payload)
	if want := binary.LittleEndian.Uint32(says[:]); crc != want {
		return 0, nil, refuse("the section of %d bytes at byte %d is damaged: its CRC is %08x, but it says %08x", n, start, crc, want)
	}
	return head[0], payload, nil
}

// Read returns the next bytes of the state; io.EOF only if all of the file is
// as it should be.
func (s *sections) Read(p []byte) (int, error) {
	for s.err == nil && !s.done && len(s.piece) == 0 {
		s.err = s.next()
	}
	if s.err != nil {
		return 0, s.err
	}
	if s.done {
		return 0, io.EOF
	}
	n := copy(p, s.piece)
	s.piece = s.piece[n:]
	return n, nil
}

func (s *sections) next() error {
	start := s.at
	kind, payload, err := s.section()
	switch {
	case err != nil:
		return err
	case kind == sectionState && len(payload) > 0:
		s.piece = payload
		s.state += uint64(len(payload))
		return nil
	case kind == sectionEnd && bytes.Equal(payload, binary.LittleEndian.AppendUint64(nil, s.state)) && s.at == s.end:
		s.done = true
		return s.checkHash()
	case kind == sectionEnd:
		return refuse("the end at byte %d is not that of a state of %d bytes in a file of %d", start, s.state, s.end+sha256.Size)
	}
	return refuse("section %d of %d bytes at byte %d, want the state (%d) or the end (%d)", kind, len(payload), start, sectionState, sectionEnd)
}

func (s *sections) checkHash() error {
	if s.sum == nil {
		return nil
	}
	have := s.sum.Sum(nil)
	var says [sha256.Size]byte
	if err := s.read(says[:]); err != nil {
		return err
	}
	if !bytes.Equal(have, says[:]) {
		return refuse("the file is damaged: its SHA-256 is %x, but it says %x", have, says)
	}
	return nil
}
