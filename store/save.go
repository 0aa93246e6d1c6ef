package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"tare/frozen"
)

// SaveArtifact writes an artifact to path, whole or not at all: to a temporary
// file in the same folder, which is synced, read back, checked and renamed. A
// file that holds the same artifact is left as it is; any other is an
// *ExistsError unless force is set.
func SaveArtifact(path string, m *Manifest, f *frozen.Frozen, force bool) (id string, err error) {
	return save(osVolume{}, path, force, func(w io.Writer) (string, error) { return WriteArtifact(w, m, f) }, verifyArtifact)
}

func verifyArtifact(r io.ReaderAt, size int64) error {
	_, err := ReadArtifact(r, size)
	return err
}

// An ExistsError is a file that holds something else than what was to be saved.
type ExistsError struct {
	Path string
	Have string // the id of what it holds; empty if that is nothing intact
	Want string // the id of what was to be saved
}

// Error names both ids.
func (e *ExistsError) Error() string {
	if e.Have == "" {
		return fmt.Sprintf("%s exists and holds nothing intact; the new one would be %s", e.Path, e.Want)
	}
	return fmt.Sprintf("%s exists and is %s; the new one would be %s", e.Path, e.Have, e.Want)
}

// A volume is what saving asks of the operating system.
type volume interface {
	Create(path string) (tempFile, error) // afresh
	Rename(from, to string) error
	Remove(path string) error
	SyncDir(path string) error
}

type tempFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
}

// save writes what write writes, whose id it returns, and verify reads back.
func save(v volume, path string, force bool, write func(io.Writer) (string, error), verify func(io.ReaderAt, int64) error) (id string, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.tmp", filepath.Base(path), os.Getpid()))
	if id, err = stage(v, temp, write, verify); err != nil {
		err = fmt.Errorf("save %s: %w", path, err)
	} else {
		err = publish(v, temp, path, id, force)
	}
	if err != nil {
		v.Remove(temp)
		return "", err
	}
	return id, nil
}

// stage writes, syncs and verifies the temporary file.
func stage(v volume, temp string, write func(io.Writer) (string, error), verify func(io.ReaderAt, int64) error) (id string, err error) {
	file, err := v.Create(temp)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := counter{w: bufio.NewWriterSize(file, chunk)}
	if id, err = write(&w); err != nil {
		return "", err
	}
	if err := w.w.Flush(); err != nil {
		return "", err
	}
	if err := file.Sync(); err != nil {
		return "", err
	}
	if err := verify(file, w.n); err != nil {
		return "", fmt.Errorf("read back: %w", err)
	}
	return id, nil
}

type counter struct {
	w *bufio.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// publish gives the temporary file its name, unless what has the name is the
// same.
func publish(v volume, temp, path, id string, force bool) error {
	have, err := idOf(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case have == id:
		return v.Remove(temp)
	case !force:
		return &ExistsError{Path: path, Have: have, Want: id}
	}
	if err := v.Rename(temp, path); err != nil {
		return err
	}
	return v.SyncDir(filepath.Dir(path))
}

// idOf returns the id of a file whose bytes have it; empty if it is no intact
// container.
func idOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file (%v): an artifact cannot take its place", path, info.Mode().Type())
	}
	file, size, err := open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	c, err := openContainer(file, size, zipLimits)
	if _, refused := errors.AsType[*RefusedError](err); refused {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return c.id, nil
}

type osVolume struct{}

func (osVolume) Create(path string) (tempFile, error) {
	os.Remove(path) // left behind by a process that died and had our number
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

func (osVolume) Rename(from, to string) error { return os.Rename(from, to) }

func (osVolume) Remove(path string) error { return os.Remove(path) }

// SyncDir makes the entries of a folder durable, where the system can.
func (osVolume) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}
