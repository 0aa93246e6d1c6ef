package stream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"tare/record"
	"tare/schema"
	"tare/sink"
)

// read returns the values of a partition, and its header.
func read(t *testing.T, f *Files, partition int32) (header string, values []string, err error) {
	t.Helper()
	r, err := f.Open(t.Context(), partition)
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	for {
		ms, err := r.Read()
		if err == io.EOF {
			return string(r.Header()), values, nil
		}
		if err != nil {
			return string(r.Header()), values, err
		}
		for _, m := range ms {
			if m.Offset != int64(len(values)) || m.Partition != partition {
				t.Fatalf("record %d of partition %d is called %d of %d", len(values), partition, m.Offset, m.Partition)
			}
			values = append(values, string(m.Value))
		}
	}
}

func TestLines(t *testing.T) {
	f := func(in string, format schema.Format, header string, want ...string) {
		t.Helper()
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader,
			"halves": iotest.HalfReader, "eof with data": iotest.DataErrReader,
		} {
			files, err := NewFiles([]string{Stdin}, format, wrap(strings.NewReader(in)))
			if err != nil {
				t.Fatal(err)
			}
			h, got, err := read(t, files, 0)
			if err != nil || h != header || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("%q by %s: header %q, records %q, %v; want %q, %q", in, name, h, got, err, header, want)
			}
		}
	}
	f("", schema.JSON, "")
	f("a", schema.JSON, "", "a")
	f("a\n", schema.JSON, "", "a")
	f("a\n\nb\r\n", schema.JSON, "", "a", "", "b\r")
	f("\n", schema.JSON, "", "")
	f("x,y\n1,2\n3,4", schema.CSV, "x,y", "1,2", "3,4")
	f("x,y", schema.CSV, "x,y")
	f("\ufeffa\n\ufeffb\n", schema.JSON, "", "a", "\ufeffb")
	long := strings.Repeat("z", 3*startBuffer)
	f("a\n"+long+"\nb\n", schema.JSON, "", "a", long, "b")
}

// TestFrames cuts a file into records of a fixed size; what is torn at its end is
// one too, and nothing in the bytes means anything.
func TestFrames(t *testing.T) {
	f := func(in string, frame int, want ...string) {
		t.Helper()
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader,
			"halves": iotest.HalfReader, "eof with data": iotest.DataErrReader,
		} {
			files, err := NewFiles([]string{Stdin}, schema.Binary, wrap(strings.NewReader(in)))
			if err != nil {
				t.Fatal(err)
			}
			files.Frame = frame
			_, got, err := read(t, files, 0)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%.20q in frames of %d by %s: %.100q, %v; want %.100q", in, frame, name, got, err, want)
			}
		}
	}
	f("", 3)
	f("abc", 3, "abc")
	f("abcdef", 3, "abc", "def")
	f("abcdefg", 3, "abc", "def", "g")
	f("ab", 3, "ab")
	f("\n\n\ufeff", 1, "\n", "\n", "\xef", "\xbb", "\xbf")
	f("\ufeffa\r\n", 3, "\ufeff", "a\r\n")
	long := strings.Repeat("z", 3*startBuffer)
	f(long+long+"y", 3*startBuffer, long, long, "y")
	dir := t.TempDir()
	gz, zst := compressed(t, "abcdefg")
	for name, data := range map[string][]byte{"a.u8": []byte("abcdefg"), "b.u8.gz": gz, "c.u8.zst": zst} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		files, err := NewFiles([]string{path}, schema.Binary, nil)
		if err != nil {
			t.Fatal(err)
		}
		files.Frame = 3
		if _, got, err := read(t, files, 0); err != nil || !slices.Equal(got, []string{"abc", "def", "g"}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestNoHeader(t *testing.T) {
	files, err := NewFiles([]string{Stdin}, schema.CSV, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, files, 0); err == nil || !strings.Contains(err.Error(), "no header line") {
		t.Errorf("got %v", err)
	}
}

// TestEndlessLine bounds what a line without an end costs; its neighbours come
// through.
func TestEndlessLine(t *testing.T) {
	in := io.MultiReader(strings.NewReader("a\n"), io.LimitReader(zeros{}, 5<<20), strings.NewReader("\nb\n"))
	files, err := NewFiles([]string{Stdin}, schema.JSON, in)
	if err != nil {
		t.Fatal(err)
	}
	files.long = 1 << 20
	_, values, err := read(t, files, 0)
	if err != nil || len(values) != 3 || values[0] != "a" || len(values[1]) != 1<<20 || values[2] != "b" {
		t.Errorf("%d records, %v", len(values), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func compressed(t *testing.T, data string) (gz, zst []byte) {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, data)
	w.Close()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), z.EncodeAll([]byte(data), nil)
}

func TestCompressedFiles(t *testing.T) {
	dir := t.TempDir()
	want := strings.Repeat("some record\n", 10_000)
	gz, zst := compressed(t, want)
	paths := []string{filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "b.jsonl.gz"), filepath.Join(dir, "c.jsonl.zst")}
	for i, data := range [][]byte{[]byte(want), gz, zst} {
		if err := os.WriteFile(paths[i], data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := NewFiles(paths, schema.JSON, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range paths {
		if _, values, err := read(t, files, int32(i)); err != nil || len(values) != 10_000 || values[9999] != "some record" {
			t.Errorf("%s: %d records, %v", paths[i], len(values), err)
		}
	}
	if done, total := files.Progress(); done != total || total == 0 {
		t.Errorf("progress is %d of %d", done, total)
	}
	// A file cut off in the middle is an error, not an end.
	for i, data := range [][]byte{nil, gz, zst} {
		if data == nil {
			continue
		}
		if err := os.WriteFile(paths[i], data[:len(data)/2], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(t, files, int32(i)); err == nil {
			t.Errorf("%s cut in half: no error", paths[i])
		}
		if err := os.WriteFile(paths[i], []byte("no archive"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(t, files, int32(i)); err == nil || !strings.Contains(err.Error(), filepath.Base(paths[i])) {
			t.Errorf("%s is no archive: %v", paths[i], err)
		}
	}
}

func TestNewFiles(t *testing.T) {
	dir := t.TempDir()
	f := func(want string, paths ...string) {
		t.Helper()
		if _, err := NewFiles(paths, schema.JSON, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", paths, err, want)
		}
	}
	f("no input")
	f("no such file", filepath.Join(dir, "absent"))
	f("is a folder", dir)
	f("named twice", Stdin, Stdin)
	file, link, pipe := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(file, []byte("{}\n"), 0o644), os.Symlink(file, link), syscall.Mkfifo(pipe, 0o644)); err != nil {
		t.Fatal(err)
	}
	f("the same file", file, file)
	f("the same file", file, link)
	if fifo, err := NewFiles([]string{file, pipe}, schema.JSON, nil); err != nil || fifo.Rereadable() == nil || !strings.Contains(fifo.Rereadable().Error(), pipe) {
		t.Errorf("a pipe can be read again? %v", err)
	}
	files, err := NewFiles([]string{Stdin}, schema.JSON, nil)
	if err != nil || files.Rereadable() == nil {
		t.Errorf("standard input can be read again? %v", err)
	}
}

// TestCompressedUnnamed: compressed lines are known by how they begin, whatever the
// name; records of fixed width may begin like that.
func TestCompressedUnnamed(t *testing.T) {
	dir := t.TempDir()
	for _, end := range []string{".gz", ".zst"} {
		path := filepath.Join(dir, "x"+end)
		w, err := sink.Create(path, nil, "\n", false)
		if err == nil {
			err = errors.Join(w.Write([]record.Message{{Value: []byte(`{"a":1}`)}}), w.Close())
		}
		bare := path + ".jsonl"
		if err = errors.Join(err, os.Rename(path, bare)); err != nil {
			t.Fatal(err)
		}
		for format, want := range map[schema.Format]bool{schema.JSON: true, schema.Binary: false} {
			files, err := NewFiles([]string{bare}, format, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, values, err := read(t, files, 0)
			if got := err == nil && len(values) == 1 && values[0] == `{"a":1}`; got != want {
				t.Errorf("%s as %s: %q, %v; decompressed %v, want %v", bare, format, values, err, got, want)
			}
		}
	}
}
