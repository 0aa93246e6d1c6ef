package store

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tare/fit"
)

// CheckpointFormat is the version of the checkpoint's format that this package
// writes.
const CheckpointFormat = 2

// A CheckpointMeta says where the fit pass over one partition stands, and of
// what. The state beside it has learned exactly the records that Progress
// counts as Train.
type CheckpointMeta struct {
	Format      int          `json:"format"`
	Fingerprint string       `json:"fingerprint"` // of the semantic configuration
	Topic       string       `json:"topic"`
	TopicID     string       `json:"topic_id"` // hexadecimal; a topic that was made again has another
	Progress    fit.Progress `json:"progress"`
}

// A checkpoint is a header, sections and a SHA-256. A section is its kind (u8),
// the length of its payload (u32), the payload, and the CRC-32C of these. The
// SHA-256 is that of all before it but the payloads, for which their CRCs stand:
// hashing all of a large state would take as long as writing it. All numbers are
// little-endian.
const (
	checkpointMagic  = "tareckpt" // then u32 CheckpointFormat
	checkpointHeader = len(checkpointMagic) + 4

	sectionMeta  = 1 // JSON of the CheckpointMeta, first and once
	sectionState = 2 // the next bytes of the state
	sectionEnd   = 3 // u64 length of the state

	sectionHeader = 5
	sectionCRC    = 4
	maxSection    = 1 << 20 // bytes of a payload

	checkpointsKept = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A CheckpointWriter writes one checkpoint beside those that are there. Nothing
// is to be seen of it before Commit. It is not safe for concurrent use, but
// shares nothing with the state whose bytes it is given.
type CheckpointWriter struct {
	v     volume
	dir   string
	slot  slotName
	path  string
	temp  string // empty once it is gone
	file  tempFile
	out   *bufio.Writer
	sum   hash.Hash
	state uint64
	size  int64
}

// CreateCheckpoint starts a checkpoint in dir, which must exist and belong to
// one pipeline and revision. It sets Format. Commit or Abort must follow.
func CreateCheckpoint(dir string, m *CheckpointMeta) (*CheckpointWriter, error) {
	return createCheckpoint(osVolume{}, dir, m)
}

func createCheckpoint(v volume, dir string, m *CheckpointMeta) (*CheckpointWriter, error) {
	meta := *m
	meta.Format = CheckpointFormat
	text, err := json.Marshal(&meta)
	if err != nil {
		return nil, fmt.Errorf("checkpoint of %s: %w", m.Topic, err)
	}
	w := &CheckpointWriter{v: v, dir: dir, slot: slotOf(m.Topic, m.Progress.Partition), sum: sha256.New()}
	name := w.slot.file(m.Progress.Next)
	w.path, w.temp = filepath.Join(dir, name), filepath.Join(dir, "."+name+"."+rand.Text()+tempSuffix)
	if w.file, err = v.Create(w.temp); err != nil {
		return nil, w.failed(err)
	}
	w.out = bufio.NewWriterSize(w.file, chunk)
	w.put(binary.LittleEndian.AppendUint32([]byte(checkpointMagic), CheckpointFormat))
	if err := w.section(sectionMeta, text); err != nil {
		w.Abort()
		return nil, w.failed(err)
	}
	return w, nil
}

func (w *CheckpointWriter) failed(err error) error {
	return fmt.Errorf("write checkpoint %s: %w", w.path, err)
}

// put writes and hashes all but payloads.
func (w *CheckpointWriter) put(b []byte) error {
	w.sum.Write(b)
	return w.write(b)
}

// write writes. An error stays in w.out.
func (w *CheckpointWriter) write(b []byte) error {
	w.size += int64(len(b))
	_, err := w.out.Write(b)
	return err
}

func (w *CheckpointWriter) section(kind byte, payload []byte) error {
	if len(payload) > maxSection {
		return fmt.Errorf("section %d has %d bytes, want at most %d", kind, len(payload), maxSection)
	}
	head := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	crc := crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
	w.put(head)
	w.write(payload)
	return w.put(binary.LittleEndian.AppendUint32(nil, crc))
}

// Write takes the next bytes of the state.
func (w *CheckpointWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		piece := p[n:min(len(p), n+maxSection)]
		if err := w.section(sectionState, piece); err != nil {
			return n, w.failed(err)
		}
		w.state += uint64(len(piece))
		n += len(piece)
	}
	return n, nil
}

// Commit makes the checkpoint durable and gives it its name, whole or not at
// all; then it removes all but the two newest of the topic-partition, and what
// writers that died have left behind. It returns the size of the file.
func (w *CheckpointWriter) Commit() (bytes int64, err error) {
	defer w.Abort()
	if err := w.finish(); err != nil {
		return 0, w.failed(err)
	}
	if err := w.v.Rename(w.temp, w.path); err != nil {
		return 0, w.failed(err)
	}
	w.temp = ""
	if err := w.v.SyncDir(w.dir); err != nil {
		return 0, w.failed(err)
	}
	if err := w.prune(); err != nil {
		return 0, fmt.Errorf("%s is written, but what it replaces stays: %w", w.path, err)
	}
	return w.size, nil
}

// finish writes the end and closes the file.
func (w *CheckpointWriter) finish() error {
	w.section(sectionEnd, binary.LittleEndian.AppendUint64(nil, w.state))
	w.put(w.sum.Sum(nil))
	if err := w.out.Flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	file := w.file
	w.file = nil
	return file.Close()
}

// Abort removes what has been written. It does nothing after Commit.
func (w *CheckpointWriter) Abort() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
	if w.temp != "" {
		w.v.Remove(w.temp)
		w.temp = ""
	}
}

// prune removes older checkpoints and temporary files. It is no error if
// another process was faster.
func (w *CheckpointWriter) prune() error {
	l, err := w.slot.list(w.dir)
	if err != nil {
		return err
	}
	gone := l.temps
	for _, next := range l.whole[min(len(l.whole), checkpointsKept):] {
		gone = append(gone, w.slot.file(next))
	}
	for _, name := range gone {
		if err := w.v.Remove(filepath.Join(w.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Names of files, by what has become of them.
const (
	checkpointSuffix = ".ckpt"
	badSuffix        = ".bad" // behind the name of a checkpoint
	tempSuffix       = ".tmp" // behind the name, a dot and something random; a dot before

	nextDigits = 20
)

// A slotName begins the names of all checkpoints of a topic-partition.
type slotName string

// slotOf writes all but letters, digits, dots, hyphens and underscores of the
// topic, and a dot in front, as % and two hexadecimal digits. A long topic is
// cut, and its SHA-256 follows.
func slotOf(topic string, partition int32) slotName {
	const longest = 120
	var b strings.Builder
	for i := range len(topic) {
		c := topic[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	name := b.String()
	if len(name) > longest {
		sum := sha256.Sum256([]byte(topic))
		name = name[:longest-33] + "~" + hex.EncodeToString(sum[:16])
	}
	return slotName(fmt.Sprintf("%s-%d-", name, partition))
}

func (s slotName) file(next int64) string {
	return fmt.Sprintf("%s%0*d%s", s, nextDigits, next, checkpointSuffix)
}

// next returns the offset in the name of a checkpoint, and what follows the name.
func (s slotName) next(name string) (next int64, rest string, ok bool) {
	rest, ok = strings.CutPrefix(name, string(s))
	if !ok || len(rest) < nextDigits {
		return 0, "", false
	}
	next, err := strconv.ParseInt(rest[:nextDigits], 10, 64)
	rest, ok = strings.CutPrefix(rest[nextDigits:], checkpointSuffix)
	return next, rest, ok && err == nil && s.file(next)+rest == name
}

// A listing tells what a folder holds of one topic-partition.
type listing struct {
	whole []int64  // offsets of the checkpoints, newest first
	bad   []string // names of those set aside
	temps []string
}

// list reads a folder; one that does not exist is empty.
func (s slotName) list(dir string) (l listing, err error) {
	entries, err := os.ReadDir(dir) // sorted by name, and so by offset
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	for _, e := range entries {
		name := e.Name()
		hidden, temp := strings.CutPrefix(name, ".")
		next, rest, ok := s.next(hidden)
		switch {
		case !ok:
		case temp && strings.HasSuffix(rest, tempSuffix):
			l.temps = append(l.temps, name)
		case !temp && rest == "":
			l.whole = append([]int64{next}, l.whole...)
		case !temp && rest == badSuffix:
			l.bad = append(l.bad, name)
		}
	}
	return l, nil
}
