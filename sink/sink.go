// Package sink delivers records: to a file, which appears whole or not at all,
// to a stream such as standard output, or to a partition of a Kafka topic, each
// once.
package sink

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tare/record"
)

// A Writer delivers records in the order given.
type Writer interface {
	// Write takes records; their values are not kept.
	Write(ms []record.Message) error
	// Close makes what was written visible and durable.
	Close() error
	// Abort gives up: what was written is taken back where that is possible.
	Abort() error
}

// Lines writes each value and an end of line to a stream, one write for each
// call of Write.
type Lines struct {
	w   *bufio.Writer
	end string
}

// NewLines writes header and then, behind each value, end.
func NewLines(w io.Writer, header []byte, end string) *Lines {
	l := &Lines{w: bufio.NewWriterSize(w, 256<<10), end: end}
	if len(header) > 0 {
		l.w.Write(header)
		l.w.WriteString(end)
	}
	return l
}

// Write writes the values and flushes, so that whoever reads a pipe sees them.
func (l *Lines) Write(ms []record.Message) error {
	for i := range ms {
		l.w.Write(ms[i].Value)
		l.w.WriteString(l.end)
	}
	return l.w.Flush()
}

// Close flushes the header of a stream that had no records.
func (l *Lines) Close() error { return l.w.Flush() }

// Abort flushes: what a pipe has swallowed cannot be taken back.
func (l *Lines) Abort() error { return l.w.Flush() }

// ErrExists is returned for a file that stands in the way.
var ErrExists = errors.New("the file exists; --force replaces it")

// device writes lines to what is no regular file.
type device struct {
	*Lines
	file *os.File
}

func (d *device) Close() error { return errors.Join(d.Lines.Close(), d.file.Close()) }
func (d *device) Abort() error { return d.Close() }

// File writes lines to a temporary file beside its path and moves it there when
// closed. Names ending in .gz and .zst are compressed.
type File struct {
	*Lines
	path string
	temp *os.File
	z    io.WriteCloser // nil without compression
	done bool
}

// Create starts a file at path. What is there and is no regular file, such as a
// pipe or /dev/null, is written to as it is.
func Create(path string, header []byte, end string, force bool) (Writer, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &device{NewLines(w, header, end), w}, nil
	case err == nil && !force:
		return nil, fmt.Errorf("%s: %w", path, ErrExists)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, err
	}
	f := &File{path: path, temp: temp}
	var w io.Writer = temp
	if f.z, err = compressor(path, temp); err != nil {
		return nil, errors.Join(err, f.Abort())
	}
	if f.z != nil {
		w = f.z
	}
	f.Lines = NewLines(w, header, end)
	return f, nil
}

func compressor(path string, w io.Writer) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(path, ".gz"):
		return gzip.NewWriter(w), nil
	case strings.HasSuffix(path, ".zst"):
		return zstd.NewWriter(w)
	}
	return nil, nil
}

// Close makes the file durable under its path.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	if err := f.finish(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", f.path, err), f.Abort())
	}
	f.done = true
	return syncDir(filepath.Dir(f.path))
}

func (f *File) finish() error {
	if err := f.Lines.Close(); err != nil {
		return err
	}
	if f.z != nil {
		if err := f.z.Close(); err != nil {
			return err
		}
	}
	if err := f.temp.Chmod(0o644); err != nil {
		return err
	}
	if err := f.temp.Sync(); err != nil {
		return err
	}
	if err := f.temp.Close(); err != nil {
		return err
	}
	return os.Rename(f.temp.Name(), f.path)
}

// Abort removes the temporary file.
func (f *File) Abort() error {
	if f.done {
		return nil
	}
	f.done = true
	f.temp.Close()
	return os.Remove(f.temp.Name())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
