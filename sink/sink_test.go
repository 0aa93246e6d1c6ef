package sink

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tare/record"
)

func messages(values ...string) (ms []record.Message) {
	for _, v := range values {
		ms = append(ms, record.Message{Value: []byte(v)})
	}
	return ms
}

func write(t *testing.T, w Writer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range [][]record.Message{messages("one", "two"), nil, messages("three")} {
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFileIsWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	w, err := Create(path, []byte("head"), "\n", false)
	write(t, w, err)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the file is there before it is closed: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "head\none\ntwo\nthree\n" {
		t.Errorf("got %q", got)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("abort after close: %v", err)
	}
	if names(t, path) != 1 {
		t.Error("something is left beside the file")
	}
}

// names counts the files beside path.
func names(t *testing.T, path string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestAbortLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	w, err := Create(path, nil, "\n", false)
	write(t, w, err)
	if err := errors.Join(w.Abort(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if names(t, path) != 0 {
		t.Error("something is left behind")
	}
}

func TestExistingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, nil, "\n", false); !errors.Is(err, ErrExists) {
		t.Fatalf("got %v, want ErrExists", err)
	}
	w, err := Create(path, nil, "\n", true)
	write(t, w, err)
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("the old file is gone before the new one is whole: %q", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "one\ntwo\nthree\n" {
		t.Errorf("got %q", got)
	}
}

func TestCompressed(t *testing.T) {
	for name, open := range map[string]func(io.Reader) (io.Reader, error){
		"out.gz":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"out.zst": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		path := filepath.Join(t.TempDir(), name)
		w, err := Create(path, nil, "\n", false)
		write(t, w, err)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := open(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "one\ntwo\nthree\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestDevice writes to what must never be replaced by a file.
func TestDevice(t *testing.T) {
	w, err := Create(os.DevNull, nil, "\n", true)
	write(t, w, err)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s is a regular file now: %v, %v", os.DevNull, info, err)
	}
}

// failing refuses everything after n bytes.
type failing struct{ n int }

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestWriteErrorIsNotLost(t *testing.T) {
	l := NewLines(&failing{5}, nil, "\n")
	if err := l.Write(messages("123")); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(messages("456")); err == nil {
		t.Error("a failed write is reported as done")
	}
	if err := l.Close(); err == nil {
		t.Error("close forgets the failed write")
	}
}
