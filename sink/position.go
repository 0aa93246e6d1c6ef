package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// An Origin is what the records of a file were made from, and how.
type Origin struct {
	Artifact string `json:"artifact"` // its mark
	Topic    string `json:"topic"`    // the source
	TopicID  string `json:"topic_id"` // in hexadecimal: a topic made anew counts its offsets anew
	Content  string `json:"content"`  // which of its records: splits, or dead letters
	Form     string `json:"form"`     // how they are written
}

// A position says how far a file is valid.
type position struct {
	Version int `json:"version"`
	Origin
	Bytes    int64           `json:"bytes"`  // the file's length; what stands behind is not valid
	Next     map[int32]int64 `json:"next"`   // by partition, the source offset behind the last record
	Checksum string          `json:"crc32c"` // in hexadecimal, of the same text with an empty checksum
}

const positionVersion = 1

// maxPosition is how long a position may be, in bytes: ten thousand partitions
// have a tenth of it.
const maxPosition = 4 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// text returns the position as it stands in its file.
func (p *position) text() ([]byte, error) {
	q := *p
	q.Checksum = ""
	b, err := json.Marshal(&q)
	if err != nil {
		return nil, err
	}
	q.Checksum = fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli))
	b, err = json.Marshal(&q)
	return append(b, '\n'), err
}

// readPosition reads the position at path. A *LogError refuses what is not, byte
// for byte, what was written.
func readPosition(path string) (p position, err error) {
	f, err := os.Open(path)
	if err != nil {
		return p, err
	}
	defer f.Close()
	have, err := io.ReadAll(io.LimitReader(f, maxPosition))
	if err != nil {
		return p, err
	}
	if json.Unmarshal(have, &p) == nil && p.Version != positionVersion && p.Version > 0 {
		return p, &LogError{path, fmt.Sprintf("it has version %d, want %d: a newer tare has written it", p.Version, positionVersion), false}
	}
	if want, err := p.text(); err != nil || !bytes.Equal(have, want) || p.Next == nil {
		return p, &LogError{path, "it is damaged, so that it cannot be told which bytes of " + filepath.Base(path[:len(path)-len(".pos")]) +
			" are valid: restore both from a copy, or move both away and set continue_from: committed", false}
	}
	return p, nil
}

// writePosition puts the position in the place of the one before, whole or not
// at all.
func writePosition(v volume, path string, p *position) error {
	text, err := p.text()
	if err != nil {
		return err
	}
	temp := path + ".tmp"
	if err := writeTemp(v, temp, text); err != nil {
		return err
	}
	return v.Rename(temp, path)
}

func writeTemp(v volume, path string, text []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := v.Write(f, text); err != nil {
		return err
	}
	return v.Sync(f)
}

// A volume is all by which a Log makes records durable.
type volume interface {
	Write(f *os.File, b []byte) error
	Sync(f *os.File) error
	// Rename is durable when it returns.
	Rename(from, to string) error
}

type osVolume struct{}

func (osVolume) Write(f *os.File, b []byte) error {
	_, err := f.Write(b)
	return err
}

func (osVolume) Sync(f *os.File) error { return f.Sync() }

func (osVolume) Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}
