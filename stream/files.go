package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tare/record"
	"tare/schema"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Files is a Source of files, a partition each in the order given; a record's
// offset is its number in its file. Names ending in .gz and .zst are decompressed,
// and so are lines of any other file that begins as gzip or zstd. Standard input,
// and what is no regular file, can be read once.
type Files struct {
	// Frame is the bytes of each record where they follow each other without
	// anything between them, as record.FrameOf tells; 0 where they are lines. What
	// is left at the end of a file is a record too, however short.
	Frame int

	paths  []string
	format schema.Format
	stdin  io.Reader
	long   int    // longestLine
	once   string // what can be read only once; empty for nothing
	total  int64
	done   atomic.Int64
}

// NewFiles checks that all paths but Stdin are files, and each another one.
func NewFiles(paths []string, format schema.Format, stdin io.Reader) (*Files, error) {
	f := &Files{paths: paths, format: format, stdin: stdin, long: longestLine}
	if len(paths) == 0 {
		return nil, errors.New("no input: name files, or - for standard input")
	}
	seen := map[int64][]seenFile{} // by size
	for i, path := range paths {
		if path == Stdin {
			if slices.Contains(paths[:i], Stdin) {
				return nil, errors.New("standard input (-) is named twice")
			}
			f.once = "standard input"
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			return nil, fmt.Errorf("%s is a folder; name files or a glob such as %s", path, filepath.Join(path, "*.jsonl"))
		}
		if !info.Mode().IsRegular() {
			f.once = path + " is no regular file: it"
			continue
		}
		for _, other := range seen[info.Size()] {
			if os.SameFile(other.info, info) {
				return nil, fmt.Errorf("%s and %s are the same file: its records would count twice; name it once", other.path, path)
			}
		}
		seen[info.Size()] = append(seen[info.Size()], seenFile{path, info})
		f.total += info.Size()
	}
	return f, nil
}

// A seenFile is a regular file among the paths.
type seenFile struct {
	path string
	info os.FileInfo
}

// Partitions returns the base names of the files.
func (f *Files) Partitions() []string {
	names := make([]string, len(f.paths))
	for i, path := range f.paths {
		names[i] = filepath.Base(path)
		if path == Stdin {
			names[i] = "stdin"
		}
	}
	return names
}

// Paths returns the paths of the files.
func (f *Files) Paths() []string { return slices.Clone(f.paths) }

// Rereadable returns an error if a second pass over the source is impossible.
func (f *Files) Rereadable() error {
	if f.once == "" {
		return nil
	}
	return fmt.Errorf("%s can be read only once, and this takes more than one pass: name regular files, or use fit and then transform", f.once)
}

// Progress returns how many bytes of all files have been read, in all passes,
// and how many there are; standard input counts as none.
func (f *Files) Progress() (done, total int64) { return f.done.Load(), f.total }

// Open opens a file and reads its header line, if its format has one.
func (f *Files) Open(_ context.Context, partition int32) (Reader, error) {
	path := f.paths[partition]
	l := &lines{name: f.Partitions()[partition], partition: partition, long: f.long, frame: f.Frame, buf: make([]byte, startBuffer)}
	if path == Stdin {
		l.in = f.stdin
	} else {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		l.closers = append(l.closers, file.Close)
		l.in = &counter{file, &f.done}
	}
	if err := l.decompress(path, f.format); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", l.name, err), l.Close())
	}
	if f.format == schema.CSV {
		if err := l.readHeader(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// A counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

const (
	startBuffer = 256 << 10
	// longestLine bounds what one line may cost. A longer one is cut there, and
	// what follows up to its end is skipped: it is too_large whatever the limits.
	longestLine = 64 << 20
)

// lines reads a file line by line, or frame by frame. Messages are views into its
// buffer.
type lines struct {
	name      string
	partition int32
	long      int
	frame     int // bytes of a record; 0 for lines
	in        io.Reader
	closers   []func() error

	buf        []byte
	start, end int // of what is read and not yet delivered
	seen       int // bytes behind start that hold no end of a line
	skip       bool
	eof        bool
	header     []byte
	offset     int64
	ms         []record.Message
}

func (l *lines) decompress(path string, format schema.Format) error {
	var head []byte
	if path != Stdin && format != schema.Binary { // which may begin with any bytes
		var err error
		if head, err = l.peek(); err != nil {
			return err
		}
	}
	switch {
	case strings.HasSuffix(path, ".gz") || bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(l.in)
		if err != nil {
			return err
		}
		l.in = z
	case strings.HasSuffix(path, ".zst") || bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(l.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return err
		}
		l.closers = append(l.closers, func() error { z.Close(); return nil })
		l.in = z
	}
	return nil
}

// How compressed files begin: RFC 1952, section 2.3.1; RFC 8878, section 3.1.1. No
// line of JSON or CSV in UTF-8 does.
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// peek returns the first bytes of a file, which are read again; fewer where it is
// shorter.
func (l *lines) peek() ([]byte, error) {
	head := make([]byte, len(zstdMagic))
	n, err := io.ReadFull(l.in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	l.in = io.MultiReader(bytes.NewReader(head[:n]), l.in)
	return head[:n], nil
}

// Header returns the CSV header, nil for other formats.
func (l *lines) Header() []byte { return l.header }

func (l *lines) readHeader() error {
	for {
		if i := bytes.IndexByte(l.buf[l.start:l.end], '\n'); i >= 0 || l.eof && l.end > 0 {
			if i < 0 {
				i = l.end
			}
			l.header = bytes.Clone(l.buf[:i])
			l.start = min(i+1, l.end)
			return nil
		}
		if l.eof || l.end >= 1<<20 {
			return fmt.Errorf("%s: no header line that names the columns", l.name)
		}
		if err := l.fill(); err != nil {
			return err
		}
	}
}

// Next returns the number of records read.
func (l *lines) Next() int64 { return l.offset }

// Read returns the records that the next read of the file completes.
func (l *lines) Read() ([]record.Message, error) {
	l.ms = l.ms[:0]
	for {
		if l.frame > 0 {
			l.cut()
		} else {
			l.split()
		}
		if len(l.ms) > 0 {
			return l.ms, nil
		}
		if l.eof {
			return nil, io.EOF
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads once, into a buffer that starts with what is left.
func (l *lines) fill() error {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	n, err := l.in.Read(l.buf[l.end:])
	l.end += n
	if err == io.EOF {
		l.eof = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s, record %d: %w", l.name, l.offset, err)
	}
	return nil
}

// cut makes messages of the complete frames in the buffer, and of what is left at
// the end of the file.
func (l *lines) cut() {
	for l.end-l.start >= l.frame || l.eof && l.end > l.start {
		end := min(l.start+l.frame, l.end)
		l.add(l.buf[l.start:end:end])
		l.start = end
	}
}

// split makes messages of the complete lines in the buffer, and of what is left
// at the end of the file.
func (l *lines) split() {
	for {
		i := bytes.IndexByte(l.buf[l.start+l.seen:l.end], '\n')
		if i < 0 {
			break
		}
		i += l.start + l.seen
		l.deliver(l.buf[l.start:i:i])
		l.start, l.seen = i+1, 0
	}
	l.seen = l.end - l.start
	rest := l.buf[l.start:l.end:l.end]
	switch {
	case l.skip:
		l.start, l.seen = l.end, 0
	case len(rest) > 0 && (l.eof || len(rest) >= l.long):
		l.deliver(rest)
		l.skip = !l.eof
		l.start, l.seen = l.end, 0
	}
}

func (l *lines) deliver(line []byte) {
	if l.skip {
		l.skip = false
		return
	}
	if l.offset == 0 {
		line = bytes.TrimPrefix(line, []byte("\ufeff")) // it marks the file, not the record
	}
	l.add(line)
}

func (l *lines) add(value []byte) {
	l.ms = append(l.ms, record.Message{Value: value, Partition: l.partition, Offset: l.offset, Timestamp: record.NoTimestamp})
	l.offset++
}

// Close closes the file.
func (l *lines) Close() error {
	var errs []error
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i]())
	}
	return errors.Join(errs...)
}
