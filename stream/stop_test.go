package stream

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"tare/record"
	"tare/schema"
	"tare/sink"
)

// cancelling returns a source that cancels the context before a partition is
// read at an offset.
func cancelling(t *testing.T, partitions int, at int64) (context.Context, *memory) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &memory{batch: 10, before: func(_ int32, offset int64) error {
		if offset == at {
			cancel()
		}
		return nil
	}}
	for range partitions {
		m.partitions = append(m.partitions, good(200))
	}
	return ctx, m
}

// checkClosed wants no reader left open.
func checkClosed(t *testing.T, m *memory) {
	t.Helper()
	if n := m.open.Load(); n != 0 {
		t.Errorf("%d readers are left open", n)
	}
}

func TestCancelFit(t *testing.T) {
	p := plan()
	for _, partitions := range []int{1, 3, 50} {
		ctx, source := cancelling(t, partitions, 100)
		f := Fitter{Plan: p, Source: source, NewDecoder: newDecoder(&p.Record)}
		if _, err := f.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%d partitions: got %v, want context.Canceled", partitions, err)
		}
		checkClosed(t, source)
	}
}

// TestCancelNormalize stops in the middle: the file does not appear, and nothing
// is left of it, compressed or not.
func TestCancelNormalize(t *testing.T) {
	artifact := artifactOf(t)
	for _, name := range []string{"out.jsonl", "out.jsonl.gz", "out.jsonl.zst"} {
		dir := t.TempDir()
		ctx, source := cancelling(t, 2, 100)
		n := normalizer(artifact, source, nil, record.MetaNone)
		n.Output.Open = func(header []byte, end string) (sink.Writer, error) {
			return sink.Create(filepath.Join(dir, name), header, end, false)
		}
		counts, err := n.Run(ctx)
		if !errors.Is(err, context.Canceled) || counts.Written < 100 || counts.Written >= 200 {
			t.Errorf("%s: %v, %d written, want context.Canceled in the middle", name, err, counts.Written)
		}
		checkClosed(t, source)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

// TestCancelled says why it was cancelled, where that is said.
func TestCancelled(t *testing.T) {
	why := errors.New("taken over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	p, out := plan(), new(shelf)
	source := &memory{partitions: [][]string{good(10)}, batch: 10}
	f := Fitter{Plan: p, Source: source, NewDecoder: newDecoder(&p.Record)}
	if _, err := f.Run(ctx); !errors.Is(err, why) {
		t.Errorf("fit: %v", err)
	}
	if _, err := normalizer(artifactOf(t), source, out, record.MetaNone).Run(ctx); !errors.Is(err, why) || out.aborted != 1 || len(out.values) > 0 {
		t.Errorf("normalize: %v, %d aborted, %d written", err, out.aborted, len(out.values))
	}
}

var errDisk = errors.New("input/output error")

// failing is three records and then an error.
func failing() io.Reader {
	lines := strings.Join(good(3), "\n") + "\n"
	return io.MultiReader(strings.NewReader(lines), iotest.ErrReader(errDisk))
}

// TestFailingReader names the file and the record where reading failed, in both
// passes.
func TestFailingReader(t *testing.T) {
	files, err := NewFiles([]string{Stdin}, schema.JSON, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, out := plan(), new(shelf)
	files.stdin = failing()
	f := Fitter{Plan: p, Source: files, NewDecoder: newDecoder(&p.Record)}
	if _, err = f.Run(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("fit: %v", err)
	}
	wantErr(t, err, "stdin, record 3: input/output error")
	files.stdin = failing()
	counts, err := normalizer(artifactOf(t), files, out, record.MetaNone).Run(t.Context())
	if !errors.Is(err, errDisk) || counts.Records() != 3 || out.aborted != 1 || out.closed != 0 {
		t.Errorf("normalize: %v, %+v, aborted %d, closed %d", err, counts, out.aborted, out.closed)
	}
	wantErr(t, err, "stdin, record 3: input/output error")
}

// TestFailingPartition stops the other partitions of a fit.
func TestFailingPartition(t *testing.T) {
	var mu sync.Mutex
	reads := 0
	p := plan()
	source := &memory{batch: 1, before: func(partition int32, offset int64) error {
		mu.Lock()
		defer mu.Unlock()
		reads++
		if partition == 1 && offset == 2 {
			return errDisk
		}
		return nil
	}}
	for range 40 {
		source.partitions = append(source.partitions, good(200))
	}
	f := Fitter{Plan: p, Source: source, NewDecoder: newDecoder(&p.Record)}
	if _, err := f.Run(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	checkClosed(t, source)
	if reads >= 40*200 {
		t.Errorf("%d reads: the others were read to their ends", reads)
	}
}

// TestFailingOutput takes the output back where it, or the dead letters, cannot
// be written, and reports what fails at the end.
func TestFailingOutput(t *testing.T) {
	artifact := artifactOf(t)
	errFull := errors.New("no space left")
	f := func(out, dead *shelf, closed, aborted int) {
		t.Helper()
		n := normalizer(artifact, &memory{partitions: [][]string{{good(1)[0], "bad"}}, batch: 10}, out, record.MetaNone)
		n.Output.Dead = dead
		if _, err := n.Run(t.Context()); !errors.Is(err, errFull) {
			t.Errorf("got %v", err)
		}
		if out.closed != closed || out.aborted != aborted {
			t.Errorf("closed %d, aborted %d, want %d, %d", out.closed, out.aborted, closed, aborted)
		}
	}
	f(&shelf{writeErr: errFull}, new(shelf), 0, 1)
	f(new(shelf), &shelf{writeErr: errFull}, 0, 1)
	f(&shelf{closeErr: errFull}, new(shelf), 1, 0)
}

// TestFailingOpen leaves nothing open where a partition, or the output, cannot
// be opened.
func TestFailingOpen(t *testing.T) {
	artifact := artifactOf(t)
	dir, text := t.TempDir(), []byte(good(1)[0]+"\n")
	path, other := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "b.jsonl")
	if err := errors.Join(os.WriteFile(path, text, 0o644), os.WriteFile(other, text, 0o644)); err != nil {
		t.Fatal(err)
	}
	files, err := NewFiles([]string{path, other}, schema.JSON, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := normalizer(artifact, files, nil, record.MetaNone)
	n.Output.Open = func([]byte, string) (sink.Writer, error) { return nil, sink.ErrExists }
	if counts, err := n.Run(t.Context()); !errors.Is(err, sink.ErrExists) || counts.Records() != 0 {
		t.Errorf("got %v, %+v", err, counts)
	}
	if err := errors.Join(os.Remove(path), os.Remove(other)); err != nil {
		t.Fatal(err)
	}
	out, p := new(shelf), plan()
	if _, err := normalizer(artifact, files, out, record.MetaNone).Run(t.Context()); !errors.Is(err, os.ErrNotExist) || len(out.values) > 0 {
		t.Errorf("normalize: %v", err)
	}
	f := Fitter{Plan: p, Source: files, NewDecoder: newDecoder(&p.Record)}
	if _, err := f.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("fit: %v", err)
	}
}
