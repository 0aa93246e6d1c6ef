package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// A fitting is the fit pass over one partition of a topic, in small.
type fitting struct {
	plan  *fit.Plan
	part  *fit.Partition
	state *fit.State
	row   record.Row
}

func checkpointPlan(t testing.TB, features int) *fit.Plan {
	t.Helper()
	plan := &fit.Plan{Cutoff: fit.Cutoff{Kind: fit.EventTime, Time: 5000, Gap: 50, OutOfOrderness: 200}, MinSamples: 1, MaxSeries: 50,
		Record: schema.Schema{Format: schema.JSON, Limits: schema.DefaultLimits()}}
	for i := range features {
		spec, err := scale.Default([]string{scale.Quantile, scale.Standard}[i%2])
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("f", i)
		plan.Features = append(plan.Features, frozen.Feature{Name: name, Scaler: spec})
		plan.Record.Features = append(plan.Record.Features, schema.Feature{Name: name, Field: name})
	}
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	return plan
}

const (
	topic     = "plant/7.raw"
	partition = 3
)

func newFitting(t testing.TB, plan *fit.Plan) *fitting {
	t.Helper()
	state, err := fit.NewState(plan)
	if err != nil {
		t.Fatal(err)
	}
	return &fitting{plan, fit.NewPartition(&plan.Cutoff, partition, 10), state, record.Row{}}
}

// learn reads the records below offset end. What a record holds depends on its
// offset alone.
func (f *fitting) learn(t testing.TB, end int64) {
	t.Helper()
	for offset := f.part.Next(); offset < end; offset++ {
		r := rand.New(rand.NewPCG(uint64(offset), 1))
		f.row = record.Row{Series: fmt.Appendf(nil, "s%d", r.IntN(60)), Time: 2*offset + r.Int64N(100), Timed: true}
		for range f.plan.Features {
			f.row.Numbers = append(f.row.Numbers, r.NormFloat64())
		}
		reason := record.OK
		if r.IntN(20) == 0 {
			reason = record.BadType
		}
		if f.part.Observe(offset, &f.row, reason) {
			if err := f.state.Observe(&f.row); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (f *fitting) meta() *CheckpointMeta {
	return &CheckpointMeta{Fingerprint: "abc", Topic: topic, TopicID: "00ff", Progress: f.part.Progress()}
}

// checkpoint writes the state as it is, in steps.
func (f *fitting) checkpoint(v volume, dir string, m *CheckpointMeta) error {
	w, err := createCheckpoint(v, dir, m)
	if err != nil {
		return err
	}
	n := f.state.Snapshot()
	defer n.Discard()
	for done := false; !done; {
		var b []byte
		b, done = n.Step(nil, 1000)
		if _, err := w.Write(b); err != nil {
			w.Abort()
			return err
		}
	}
	_, err = w.Commit()
	return err
}

func (f *fitting) mustCheckpoint(t testing.TB, dir string) (path string) {
	t.Helper()
	if err := f.checkpoint(osVolume{}, dir, f.meta()); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, slotOf(topic, partition).file(f.part.Next()))
}

// frozen returns the numbers that the pass freezes to.
func (f *fitting) frozen(t testing.TB) string {
	t.Helper()
	z, err := fit.Merge(f.plan, []*fit.State{f.state}).Freeze()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v %+v %d", f.part.Range(), *f.part.Counts(), z.Records())
	for i := range f.plan.Features {
		text += fmt.Sprintf(" %+v", *z.Learned(i))
	}
	return text
}

func acceptAll(*CheckpointMeta) error { return nil }

func newest(dir string, plan *fit.Plan) (*Checkpoint, []string, error) {
	return NewestCheckpoint(dir, topic, partition, plan, acceptAll)
}

// mustNewest returns the newest checkpoint, which must be the one before offset
// next, with nothing set aside.
func mustNewest(t testing.TB, dir string, plan *fit.Plan, next int64) *Checkpoint {
	t.Helper()
	c, aside, err := newest(dir, plan)
	if err != nil || len(aside) > 0 || c == nil || c.Meta.Progress.Next != next {
		t.Fatalf("%+v, set aside %q, error %v; want one at %d", c, aside, err, next)
	}
	return c
}

func (f *fitting) resume(t testing.TB, c *Checkpoint) {
	t.Helper()
	var err error
	if f.part, err = fit.ResumePartition(&f.plan.Cutoff, c.Meta.Progress); err != nil {
		t.Fatal(err)
	}
	f.state = c.State
}

// checkpointBytes is a checkpoint of exactly the given size, or of what it has
// if size is 0.
func checkpointBytes(t testing.TB, features int, size int) ([]byte, *fit.Plan) {
	t.Helper()
	dir := t.TempDir()
	f := newFitting(t, checkpointPlan(t, features))
	f.learn(t, 400)
	m := f.meta()
	path := filepath.Join(dir, slotOf(topic, partition).file(400))
	for range 2 {
		if err := f.checkpoint(osVolume{}, dir, m); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if size == 0 || len(b) == size {
			return b, f.plan
		}
		m.Fingerprint += strings.Repeat("f", size-len(b))
	}
	t.Fatalf("no checkpoint of %d bytes", size)
	return nil, nil
}

func parse(b []byte, plan *fit.Plan) (*Checkpoint, error) {
	return parseCheckpoint(bytes.NewReader(b), int64(len(b)), plan, acceptAll)
}

// TestCheckpoint stops and continues a pass at random, with a crash of the
// writer now and then, and ends with the numbers of a pass that never stopped.
func TestCheckpoint(t *testing.T) {
	r := random(t)
	plan := checkpointPlan(t, 3)
	want := newFitting(t, plan)
	want.learn(t, 4000)
	want.part.Finish()
	for range 5 {
		dir, f := t.TempDir(), newFitting(t, plan)
		last := int64(-1)
		for f.part.Next() < 4000 {
			f.learn(t, min(4000, f.part.Next()+r.Int64N(500)))
			if next := f.part.Next(); r.IntN(2) == 0 {
				f.mustCheckpoint(t, dir)
				last = next
			} else if err := f.checkpoint(&crashing{at: 1 + r.IntN(4)}, dir, f.meta()); err == nil {
				t.Fatal("a crash is not told")
			}
			if f = newFitting(t, plan); last < 0 {
				if c, _, err := newest(dir, plan); c != nil || err != nil {
					t.Fatal(c, err)
				}
				continue
			}
			f.resume(t, mustNewest(t, dir, plan, last))
		}
		f.part.Finish()
		if got := f.frozen(t); got != want.frozen(t) {
			t.Fatalf("got %s, want %s", got, want.frozen(t))
		}
	}
}

// TestCheckpointKeepsTwo also holds the names, and that what writers left behind
// goes, but nothing of others does.
func TestCheckpointKeepsTwo(t *testing.T) {
	dir := t.TempDir()
	f := newFitting(t, checkpointPlan(t, 1))
	others := []string{".other.tmp", "plant%2F7.raw-33-00000000000000000100.ckpt", "plant%2F7.raw-3-00000000000000000100.ckpt.bad",
		"plant%2F7.raw-3-100.ckpt", "plant%2F7.raw-3-5-00000000000000000100.ckpt", "plant-7-1.npz"}
	for _, name := range append(others, ".plant%2F7.raw-3-00000000000000000050.ckpt.QWERTY.tmp") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, next := range []int64{100, 200, 300, 300} {
		f.learn(t, next)
		f.mustCheckpoint(t, dir)
	}
	names := append(others, "plant%2F7.raw-3-00000000000000000200.ckpt", "plant%2F7.raw-3-00000000000000000300.ckpt")
	slices.Sort(names)
	only(t, dir, names...)
	c := mustNewest(t, dir, f.plan, 300)
	if c.Path != filepath.Join(dir, "plant%2F7.raw-3-00000000000000000300.ckpt") || c.Meta.Format != CheckpointFormat ||
		c.Meta.Fingerprint != "abc" || c.Meta.TopicID != "00ff" || c.Meta.Progress != f.part.Progress() {
		t.Errorf("%s: %+v", c.Path, c.Meta)
	}
}

func TestCheckpointNames(t *testing.T) {
	seen := map[slotName]string{}
	long := strings.Repeat("t", 249)
	for _, topic := range []string{"a", "a-0", "a.b", ".a", "..", "a/b", "a%2Fb", "ä", "", long, long[:248] + "u"} {
		for _, partition := range []int32{0, 1, 10} {
			s := slotOf(topic, partition)
			name := s.file(1<<63 - 1)
			if was, ok := seen[s]; ok || len(name) > 200 || filepath.Base(name) != name || name[0] == '.' {
				t.Errorf("topic %q, partition %d: %s, as %q", topic, partition, name, was)
			}
			seen[s] = topic
			if next, rest, ok := s.next(name + ".x"); next != 1<<63-1 || rest != ".x" || !ok {
				t.Errorf("%s reads as %d, %q, %v", name, next, rest, ok)
			}
			if _, _, ok := s.next(string(s) + "+9223372036854775807.ckpt"); ok {
				t.Errorf("an offset of +9223372036854775807 is taken")
			}
			for other := range seen {
				if _, _, ok := other.next(name); ok && other != s {
					t.Errorf("%s is taken for one of %s", name, other)
				}
			}
		}
	}
}

// TestNewestCheckpoint goes through what may be wrong with two files.
func TestNewestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	f := newFitting(t, checkpointPlan(t, 1))
	if c, aside, err := newest(filepath.Join(dir, "none"), f.plan); c != nil || aside != nil || err != nil {
		t.Fatalf("no folder: %v, %q, %v", c, aside, err)
	}
	if c, aside, err := newest(dir, f.plan); c != nil || aside != nil || err != nil {
		t.Fatalf("no checkpoint: %v, %q, %v", c, aside, err)
	}
	f.learn(t, 100)
	older := f.mustCheckpoint(t, dir)
	f.learn(t, 200)
	newer := f.mustCheckpoint(t, dir)

	skip := func(want int64) func(*CheckpointMeta) error {
		return func(m *CheckpointMeta) error {
			if m.Progress.Next > want {
				return fmt.Errorf("too new: %w", ErrSkip)
			}
			return nil
		}
	}
	if c, aside, err := NewestCheckpoint(dir, topic, partition, f.plan, skip(150)); c == nil || c.Path != older || aside != nil || err != nil {
		t.Fatalf("the newer one skipped: %v, %q, %v", c, aside, err)
	}
	if c, aside, err := NewestCheckpoint(dir, topic, partition, f.plan, skip(50)); c != nil || aside != nil || err != nil {
		t.Fatalf("both skipped: %v, %q, %v", c, aside, err)
	}
	changed := &RefusedError{Reason: "another configuration"}
	if c, aside, err := NewestCheckpoint(dir, topic, partition, f.plan, func(*CheckpointMeta) error { return changed }); c != nil || aside != nil || err != error(changed) {
		t.Fatalf("not accepted: %v, %q, %v", c, aside, err)
	}

	flip(t, newer, 5000)
	c, aside, err := newest(dir, f.plan)
	if c == nil || c.Path != older || !slices.Equal(aside, []string{newer + ".bad"}) || err != nil {
		t.Fatalf("the newer one damaged: %v, %q, %v", c, aside, err)
	}
	only(t, dir, filepath.Base(older), filepath.Base(newer)+".bad")
	mustNewest(t, dir, f.plan, 100)
	if c, _, err := NewestCheckpoint(dir, topic, partition, f.plan, skip(50)); c != nil || !isRefused(err) {
		t.Fatalf("one damaged, the other skipped: %v, %v", c, err)
	}

	flip(t, older, 6000)
	for _, want := range [][]string{{"a CRC", "older"}, nil} {
		c, aside, err = newest(dir, f.plan)
		if c != nil || !isRefused(err) || (len(aside) > 0) != (want != nil) || !strings.Contains(err.Error(), filepath.Base(older)) {
			t.Fatalf("both damaged: %v, %q, %v", c, aside, err)
		}
	}
	f.learn(t, 300)
	f.mustCheckpoint(t, dir)
	mustNewest(t, dir, f.plan, 300)
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 4
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestCheckpointMixedUp: whole files that are not what their place says, or do
// not go together, are refused; a file that cannot be read stays in its place.
func TestCheckpointMixedUp(t *testing.T) {
	plan := checkpointPlan(t, 1)
	f := func(want string, prepare func(f *fitting, dir string)) {
		t.Helper()
		dir, pass := t.TempDir(), newFitting(t, plan)
		pass.learn(t, 100)
		prepare(pass, dir)
		if c, aside, err := newest(dir, plan); c != nil || len(aside) != 1 || !isRefused(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %q, %v; want %q", c, aside, err, want)
		}
	}
	write := func(pass *fitting, dir string, m *CheckpointMeta) {
		t.Helper()
		if err := pass.checkpoint(osVolume{}, dir, m); err != nil {
			t.Fatal(err)
		}
	}
	f("it is of offset 100 of partition 3 of", func(pass *fitting, dir string) {
		path := pass.mustCheckpoint(t, dir)
		if err := os.Rename(path, filepath.Join(dir, slotOf(topic, partition).file(120))); err != nil {
			t.Fatal(err)
		}
	})
	f("records, but the progress beside it counts", func(pass *fitting, dir string) {
		m := pass.meta()
		pass.learn(t, 150) // the state has gone on
		write(pass, dir, m)
	})
	f("progress of partition 3: ", func(pass *fitting, dir string) {
		m := pass.meta()
		m.Progress.Counts.Live = 5000
		write(pass, dir, m)
	})
	f("2 features, want 1", func(pass *fitting, dir string) {
		other := newFitting(t, checkpointPlan(t, 2))
		other.learn(t, 100)
		write(other, dir, other.meta())
	})

	dir := t.TempDir()
	path := filepath.Join(dir, slotOf(topic, partition).file(5))
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if c, aside, err := newest(dir, plan); c != nil || aside != nil || err == nil || isRefused(err) {
		t.Errorf("a folder: %v, %q, %v", c, aside, err)
	}
	only(t, dir, filepath.Base(path))
}

// TestCheckpointEveryBit flips bits of a checkpoint of 64 KiB: every 97th, or
// with TARE_ALL=1 all 524,288.
func TestCheckpointEveryBit(t *testing.T) {
	t.Parallel()
	good, plan := checkpointBytes(t, 3, 64<<10)
	if _, err := parse(good, plan); err != nil {
		t.Fatal(err)
	}
	step := 97
	if os.Getenv("TARE_ALL") != "" {
		step = 1
	}
	workers := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			b := bytes.Clone(good)
			for i := w * step; i < 8*len(b); i += workers * step {
				b[i/8] ^= 1 << (i % 8)
				if _, err := parse(b, plan); !isRefused(err) {
					t.Errorf("bit %d of byte %d flipped: error %v", i%8, i/8, err)
					return
				}
				b[i/8] ^= 1 << (i % 8)
			}
		})
	}
	all.Wait()
}

// TestCheckpointEveryCut cuts a checkpoint at every byte, and appends.
func TestCheckpointEveryCut(t *testing.T) {
	t.Parallel()
	good, plan := checkpointBytes(t, 1, 0)
	for n := range good {
		if _, err := parse(good[:n], plan); !isRefused(err) {
			t.Fatalf("cut to %d bytes: error %v", n, err)
		}
	}
	for _, more := range [][]byte{{0}, good[:1], make([]byte, 100), good} {
		if _, err := parse(slices.Concat(good, more), plan); !isRefused(err) {
			t.Fatalf("%d bytes appended: error %v", len(more), err)
		}
	}
}

// TestCheckpointSections leaves out, repeats and swaps sections, with the hash
// set right.
func TestCheckpointSections(t *testing.T) {
	good, plan := checkpointBytes(t, 1, 0)
	head, parts := cutSections(good)
	join := func(parts ...[]byte) []byte {
		return sealed(head, parts...)
	}
	if !bytes.Equal(join(parts...), good) || len(parts) < 5 {
		t.Fatalf("%d sections", len(parts))
	}
	f := func(want string, b []byte) {
		t.Helper()
		if _, err := parse(b, plan); !isRefused(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	last := len(parts) - 1
	state := func(b []byte) []byte { return rawSection(sectionState, b) }
	f("section 2 at byte 12, want 1", join(parts[1:]...))
	f("section 1 of", join(append(slices.Clone(parts[:1]), parts...)...))
	f("section 9 of", join(append(slices.Clone(parts[:1]), rawSection(9, nil))...))
	f("section 2 of 0 bytes", join(append(slices.Clone(parts[:1]), state(nil))...))
	damaged := bytes.Clone(parts[1])
	damaged[100] ^= 1
	f(fmt.Sprintf("the section of %d bytes at byte %d is damaged: its CRC is", len(damaged)-sectionHeader-sectionCRC, len(head)+len(parts[0])),
		join(append([][]byte{parts[0], damaged}, parts[2:]...)...))
	other := state(damaged[sectionHeader : len(damaged)-sectionCRC])
	f("its SHA-256 is", slices.Concat(head, parts[0], other, slices.Concat(parts[2:]...), good[len(good)-sha256.Size:]))
	f("without an end section", join(parts[:last]...))
	f("is not that of a state of", join(slices.Delete(slices.Clone(parts), 2, 3)...))
	f("is not that of a state of", join(append(slices.Clone(parts), parts[last])...))
	f("claims 1048577 bytes", join(append(slices.Clone(parts[:1]), state(make([]byte, maxSection+1)))...))
	f("state, ", join(append([][]byte{parts[0], parts[2], parts[1]}, parts[3:]...)...))
	f("bytes are too few", good[:43])
	f("does not begin as a checkpoint", append([]byte("x"), good[1:]...))
	f("version 1, want 2", slices.Concat([]byte(checkpointMagic), []byte{1, 0, 0, 0}, good[12:]))
	meta := string(parts[0][sectionHeader : len(parts[0])-sectionCRC])
	for _, m := range []string{"", "{}", " " + meta, strings.Replace(meta, `"format":2`, `"format":1`, 1),
		strings.Replace(meta, `"format":2`, `"format":2,"format":2`, 1), strings.Replace(meta, `"rejected":[0,`, `"rejected":[0,0,0,0,0,0,0,0,0,0,0,`, 1)} {
		f("meta", join(append([][]byte{rawSection(sectionMeta, []byte(m))}, parts[1:]...)...))
	}
}

// sealed is a header and sections with the hash behind them.
func sealed(head []byte, parts ...[]byte) []byte {
	sum := sha256.New()
	sum.Write(head)
	for _, p := range parts {
		sum.Write(p[:sectionHeader])
		sum.Write(p[len(p)-sectionCRC:])
	}
	return sum.Sum(slices.Concat(head, slices.Concat(parts...)))
}

func rawSection(kind byte, payload []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(payload))), payload...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// cutSections cuts a checkpoint at the borders of its sections, as far as these
// lie within it.
func cutSections(b []byte) (head []byte, parts [][]byte) {
	head, b = b[:checkpointHeader], b[checkpointHeader:max(checkpointHeader, len(b)-sha256.Size)]
	for len(b) >= sectionHeader+sectionCRC {
		n := min(sectionHeader+sectionCRC+int64(binary.LittleEndian.Uint32(b[1:])), int64(len(b)))
		parts, b = append(parts, b[:n]), b[n:]
	}
	return head, parts
}

// TestCheckpointCrash lets each thing that writing asks for fail, alone or with
// all that follow: a full disk, a bad one, a kill, a loss of power. Then the new
// checkpoint is there and whole, or nothing is, and the old ones still load.
func TestCheckpointCrash(t *testing.T) {
	plan := checkpointPlan(t, 8)
	for _, dead := range []bool{false, true} {
		steps := 0
		for at := 0; at <= steps; at++ {
			name := fmt.Sprintf("step %d, dead %v", at, dead)
			dir, f := t.TempDir(), newFitting(t, plan)
			for _, next := range []int64{100, 200} {
				f.learn(t, next)
				f.mustCheckpoint(t, dir)
			}
			f.learn(t, 300)
			v := &crashing{at: at, dead: dead}
			err := f.checkpoint(v, dir, f.meta())
			if at == 0 {
				steps = v.steps
				if got, want := strings.Join(v.log, ", "), "create, write, write, write, sync, close, rename, sync the folder"; got != want {
					t.Errorf("writing is %s, want %s", got, want)
				}
			}
			if failed := at > 0; failed != (err != nil) || failed && !errors.Is(err, errCrash) {
				t.Errorf("%s: error %v", name, err)
			}
			v.loseUnsynced(t)
			if left := leftovers(t, dir); !dead && len(left) > 0 {
				t.Errorf("%s: %q left behind", name, left)
			}
			c, aside, err := newest(dir, plan)
			if err != nil || len(aside) > 0 || c.Meta.Progress.Next < 200 || at == 0 && c.Meta.Progress.Next != 300 {
				t.Errorf("%s: %+v, set aside %q, error %v", name, c, aside, err)
			}
			if names, _ := filepath.Glob(filepath.Join(dir, "*.ckpt")); len(names) < 2 {
				t.Errorf("%s: only %q are left", name, names)
			}
			f.mustCheckpoint(t, dir) // the disk is well again
			mustNewest(t, dir, plan, 300)
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("%s: %q left behind for good", name, left)
			}
		}
	}
}

// stuck is a volume that removes nothing.
type stuck struct{ osVolume }

func (stuck) Remove(string) error { return errCrash }

// TestCheckpointStays: what cannot be removed is told, and the new one counts.
func TestCheckpointStays(t *testing.T) {
	dir, f := t.TempDir(), newFitting(t, checkpointPlan(t, 1))
	for _, next := range []int64{100, 200} {
		f.learn(t, next)
		f.mustCheckpoint(t, dir)
	}
	f.learn(t, 300)
	if err := f.checkpoint(stuck{}, dir, f.meta()); !errors.Is(err, errCrash) || !strings.Contains(err.Error(), "is written, but") {
		t.Errorf("error %v", err)
	}
	mustNewest(t, dir, f.plan, 300)
}

// TestCheckpointTwoWriters: an owner that was replaced and does not know harms
// nothing, and its own write fails at most.
func TestCheckpointTwoWriters(t *testing.T) {
	dir, f := t.TempDir(), newFitting(t, checkpointPlan(t, 1))
	f.learn(t, 100)
	old, err := CreateCheckpoint(dir, f.meta())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Write(make([]byte, 2*maxSection)); err != nil {
		t.Fatal(err)
	}
	f.mustCheckpoint(t, dir)
	if _, err := old.Commit(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	mustNewest(t, dir, f.plan, 100)
	only(t, dir, slotOf(topic, partition).file(100))

	aborted, err := CreateCheckpoint(dir, f.meta())
	if err != nil {
		t.Fatal(err)
	}
	aborted.Abort()
	aborted.Abort()
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("%q left behind", left)
	}
	large := f.meta()
	large.Fingerprint = strings.Repeat("f", maxSection)
	if _, err := CreateCheckpoint(dir, large); err == nil || !strings.Contains(err.Error(), "want at most 1048576") || len(leftovers(t, dir)) > 0 {
		t.Errorf("a large meta: %v", err)
	}
	if _, err := CreateCheckpoint(filepath.Join(dir, "none"), f.meta()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestCheckpointMeta holds the meta, which is a contract, byte for byte.
func TestCheckpointMeta(t *testing.T) {
	f := newFitting(t, checkpointPlan(t, 1))
	f.learn(t, 12)
	m := f.meta()
	m.Format = CheckpointFormat
	text, err := json.Marshal(m)
	zeros := strings.Repeat(",0", int(record.NumReasons))[1:]
	want := `{"format":2,"fingerprint":"abc","topic":"plant/7.raw","topic_id":"00ff","progress":{"partition":3,"start":10,"next":12,` +
		`"seal":{"offset":9223372036854775807,"reason":""},"counts":{"train":2,"gap":0,"live":0,"late_train":0,"late_gap":0,` +
		`"rejected":[` + zeros + `],"before":[` + zeros + `],"oldest":45,"newest":82},"live":9223372036854775807,"from":45,"to":82,"timed":true}}`
	if string(text) != want || err != nil {
		t.Errorf("%v\n got %s\nwant %s", err, text, want)
	}
}

// FuzzCheckpoint reads any bytes, with CRCs and hash set right. What is taken is
// written with the same state.
func FuzzCheckpoint(f *testing.F) {
	good, plan := checkpointBytes(f, 1, 0)
	head, parts := cutSections(good)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(head)
	f.Add(slices.Concat(head, parts[0], parts[len(parts)-1], good[:sha256.Size]))
	f.Add(slices.Concat(head, parts[0], rawSection(sectionState, nil), parts[len(parts)-1], good[:sha256.Size]))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parse(repairCheckpoint(b), plan)
		if err != nil {
			if !isRefused(err) {
				t.Fatal(err)
			}
			return
		}
		dir := t.TempDir()
		again := &fitting{plan: plan, state: c.State}
		if err := again.checkpoint(osVolume{}, dir, &c.Meta); err != nil {
			t.Fatal(err)
		}
		d, _, err := NewestCheckpoint(dir, c.Meta.Topic, c.Meta.Progress.Partition, plan, acceptAll)
		if err != nil || d.Meta != c.Meta || !bytes.Equal(stateBytes(d.State), stateBytes(c.State)) {
			t.Fatalf("taken, but written as something else: %v", err)
		}
	})
}

func stateBytes(s *fit.State) []byte {
	b, _ := s.Snapshot().Step(nil, 1<<30)
	return b
}

// repairCheckpoint sets CRCs and the hash right.
func repairCheckpoint(b []byte) []byte {
	if len(b) < checkpointHeader+sha256.Size {
		return b
	}
	head, parts := cutSections(bytes.Clone(b))
	for i, p := range parts {
		parts[i] = rawSection(p[0], p[sectionHeader:max(sectionHeader, len(p)-sectionCRC)])
	}
	return sealed(head, parts...)
}
