package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSaveArtifact(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "plant.npz")
	m, f := sample(t)
	id, err := SaveArtifact(path, m, f, false)
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenArtifact(path)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != id {
		t.Errorf("id %s, want %s", a.ID, id)
	}
	only(t, dir, "plant.npz")

	// The same again is a success and touches nothing.
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := SaveArtifact(path, m, f, false)
	if after, _ := os.Stat(path); err != nil || again != id || !os.SameFile(before, after) {
		t.Errorf("saved again: id %s, error %v", again, err)
	}

	// Another one is refused, with both ids, unless it is forced.
	m2, f2 := small(t)
	_, err = SaveArtifact(path, m2, f2, false)
	exists, ok := errors.AsType[*ExistsError](err)
	if !ok {
		t.Fatalf("error %v, want an *ExistsError", err)
	}
	other, err := SaveArtifact(filepath.Join(t.TempDir(), "o.npz"), m2, f2, false)
	if err != nil || exists.Path != path || exists.Have != id || exists.Want != other {
		t.Errorf("%+v, want path %s, ids %s and %s, error %v", exists, path, id, other, err)
	}
	if text := exists.Error(); !strings.Contains(text, path) || !strings.Contains(text, id) || !strings.Contains(text, other) {
		t.Errorf("%q does not name %s, %s and %s", text, path, id, other)
	}
	if kept, _ := OpenArtifact(path); kept == nil || kept.ID != id {
		t.Error("the file was not left as it was")
	}
	if forced, err := SaveArtifact(path, m2, f2, true); err != nil || forced != other {
		t.Errorf("forced: id %s, error %v", forced, err)
	}
	only(t, dir, "plant.npz")
}

// TestSaveOverAnything: whatever has the name is only replaced by force.
func TestSaveOverAnything(t *testing.T) {
	m, z := small(t)
	f := func(name string, content []byte) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "plant.npz")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := SaveArtifact(path, m, z, false)
		exists, ok := errors.AsType[*ExistsError](err)
		if !ok || exists.Have != "" || !strings.Contains(err.Error(), "exists and holds nothing intact") {
			t.Errorf("%s: error %v", name, err)
		}
		if b, _ := os.ReadFile(path); !bytes.Equal(b, content) {
			t.Errorf("%s: replaced", name)
		}
		if _, err := SaveArtifact(path, m, z, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := smallBytes(t)
	f("empty", nil)
	f("text", []byte("hello\n"))
	f("half", b[:len(b)/2])
	flipped := bytes.Clone(b)
	flipped[50] ^= 1
	f("damaged", flipped)

	folder := t.TempDir()
	socket := filepath.Join(folder, "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SaveArtifact(socket, m, z, true); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("over a socket: error %v", err)
	}
	listener.Close()
	if _, err := SaveArtifact(folder, m, z, true); err == nil {
		t.Error("a folder was replaced")
	}
	if _, err := SaveArtifact(filepath.Join(folder, "none", "plant.npz"), m, z, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that does not exist: error %v", err)
	}
	only(t, folder)
}

// TestSaveThroughLink: what a link points to is written, the link stays.
func TestSaveThroughLink(t *testing.T) {
	dir, links := t.TempDir(), t.TempDir()
	target, link := filepath.Join(dir, "plant.npz"), filepath.Join(links, "latest.npz")
	m, f := sample(t)
	if _, err := SaveArtifact(target, m, f, false); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	m, f = small(t)
	if _, err := SaveArtifact(link, m, f, true); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(target); !bytes.Equal(b, written(t, m, f)) {
		t.Error("the target of the link was not written")
	}
	if to, err := os.Readlink(link); err != nil || to != target {
		t.Errorf("the link points to %q, error %v", to, err)
	}
	only(t, dir, "plant.npz")
	only(t, links, "latest.npz")
}

// TestSaveInvalid: what cannot be written leaves nothing behind.
func TestSaveInvalid(t *testing.T) {
	dir := t.TempDir()
	m, f := small(t)
	m.Examples[0].Normalized[0] = 7
	_, err := SaveArtifact(filepath.Join(dir, "plant.npz"), m, f, false)
	if err == nil || !strings.Contains(err.Error(), `read back: refused: example of series "a"`) {
		t.Errorf("error %v", err)
	}
	only(t, dir)
}

// only checks that a folder holds the named files and no other.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, names) {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}

// TestCrash lets each thing that saving asks for fail, alone or with all that
// follow, as they do when the process is killed or the power goes. Then the file
// is the old one or the new one, whole, and the new one only if saving had
// synced it.
func TestCrash(t *testing.T) {
	m, f := small(t)
	write := func(w io.Writer) (string, error) { return WriteArtifact(w, m, f) }
	old, fresh := sampleBytes(t), smallBytes(t)
	for _, dead := range []bool{false, true} {
		for _, had := range []bool{false, true} {
			steps := 0
			for at := 0; at <= steps; at++ {
				name := fmt.Sprintf("step %d, dead %v, had %v", at, dead, had)
				dir := t.TempDir()
				path := filepath.Join(dir, "plant.npz")
				if had {
					if err := os.WriteFile(path, old, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				v := &crashing{at: at, dead: dead}
				id, err := save(v, path, true, write, verifyArtifact)
				if at == 0 {
					steps = v.steps
					if got, want := strings.Join(v.log, ", "), "create, write, sync, read, close, rename, sync the folder"; got != want {
						t.Errorf("saving is %s, want %s", got, want)
					}
				}
				if failed := at > 0; failed != (err != nil) || failed == (id != "") {
					t.Errorf("%s: id %q, error %v", name, id, err)
				}
				v.loseUnsynced(t)
				got, err := os.ReadFile(path)
				switch {
				case err == nil && bytes.Equal(got, fresh):
				case err == nil && had && bytes.Equal(got, old):
				case errors.Is(err, fs.ErrNotExist) && !had:
				default:
					t.Errorf("%s: %d bytes, error %v: neither the old nor the new file", name, len(got), err)
				}
				if left := leftovers(t, dir); !dead && len(left) > 0 {
					t.Errorf("%s: %q left behind", name, left)
				}
			}
		}
	}
}

func leftovers(t *testing.T, dir string) []string {
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

var errCrash = errors.New("crash")

// crashing is a volume of which step at, counted from 1, fails: alone, or, if
// dead, with all that follow. A write that fails writes half.
type crashing struct {
	os       osVolume
	steps    int
	at       int
	dead     bool
	log      []string
	unsynced []string // files
}

func (v *crashing) step(name string) error {
	v.steps++
	v.log = append(v.log, name)
	if v.at > 0 && (v.steps == v.at || v.dead && v.steps > v.at) {
		return errCrash
	}
	return nil
}

// loseUnsynced is what a loss of power does to files that were not synced.
func (v *crashing) loseUnsynced(t *testing.T) {
	for _, path := range v.unsynced {
		if info, err := os.Stat(path); err == nil {
			if err := os.Truncate(path, info.Size()/2); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (v *crashing) Create(path string) (tempFile, error) {
	if err := v.step("create"); err != nil {
		return nil, err
	}
	f, err := v.os.Create(path)
	v.unsynced = append(v.unsynced, path)
	return &crashingFile{f, v}, err
}

func (v *crashing) Rename(from, to string) error {
	if err := v.step("rename"); err != nil {
		return err
	}
	if i := slices.Index(v.unsynced, from); i >= 0 {
		v.unsynced[i] = to
	}
	return v.os.Rename(from, to)
}

func (v *crashing) Remove(path string) error {
	// What fails here is only tidying up: it does not count as a step.
	if v.dead && v.at > 0 && v.steps >= v.at {
		return errCrash
	}
	return v.os.Remove(path)
}

func (v *crashing) SyncDir(path string) error {
	if err := v.step("sync the folder"); err != nil {
		return err
	}
	return v.os.SyncDir(path)
}

type crashingFile struct {
	tempFile
	v *crashing
}

func (f *crashingFile) Write(p []byte) (int, error) {
	if err := f.v.step("write"); err != nil {
		n, _ := f.tempFile.Write(p[:len(p)/2])
		return n, err
	}
	return f.tempFile.Write(p)
}

func (f *crashingFile) ReadAt(p []byte, off int64) (int, error) {
	if len(f.v.log) == 0 || f.v.log[len(f.v.log)-1] != "read" {
		if err := f.v.step("read"); err != nil {
			return 0, err
		}
	} else if f.v.dead && f.v.at > 0 && f.v.steps >= f.v.at {
		return 0, errCrash
	}
	return f.tempFile.ReadAt(p, off)
}

func (f *crashingFile) Sync() error {
	if err := f.v.step("sync"); err != nil {
		return err
	}
	f.v.unsynced = nil
	return f.tempFile.Sync()
}

func (f *crashingFile) Close() error {
	if err := f.v.step("close"); err != nil {
		f.tempFile.Close()
		return err
	}
	return f.tempFile.Close()
}
