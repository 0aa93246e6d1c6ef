package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tare/internal/kafka"
)

var options = LogOptions{Origin: Origin{Artifact: "0123456789abcdef", Topic: "in", TopicID: "aa", Content: "train gap live", Form: "replace"}, End: "\n", Fresh: true}

// again are the options of a later start, when a position is committed.
func again() LogOptions {
	o := options
	o.Fresh = false
	return o
}

// random returns a generator whose seed is printed when the test fails, and is
// taken from TARE_SEED if that is set.
func random(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv("TARE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TARE_SEED: %v, want an unsigned integer", err)
		}
	}
	t.Logf("TARE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// put sends values of a partition from an offset on through a new Lane, and
// waits until they are durable.
func put(l *Log, partition int32, offset int64, values ...string) error {
	acks := make(chan Ack, 1)
	lane := l.Lane(partition, 7, acks)
	for i, v := range values {
		lane.Add(&kafka.Record{Value: []byte(v), Offset: offset + int64(i)})
	}
	lane.Send()
	ack := <-acks
	if ack.Output != 7 {
		return fmt.Errorf("an ack for output %d, want 7", ack.Output)
	}
	return ack.Err
}

func closed(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// written returns a Log that has been closed, with three records of partition 0
// and one of partition 2.
func written(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "out.jsonl")
	l, err := OpenLog(path, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(l, 0, 4, "a", "b", "c"), put(l, 2, 9, "d")); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	return path
}

const wrote = "a\nb\nc\nd\n"

func TestLog(t *testing.T) {
	path := written(t)
	if err := appendTo(path, "half of a rec"); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLog(path, again())
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range []int64{7, 0, 10} {
		if got := l.Next(int32(p)); got != want {
			t.Errorf("partition %d goes on at %d, want %d", p, got, want)
		}
	}
	if err := put(l, 1, 0, "{\n\"x\": 1\r\n}", ""); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	if got, want := read(t, path), wrote+"{ \"x\": 1  }\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := names(t, path); n != 2 {
		t.Errorf("%d files, want it and its position", n)
	}
}

// TestLogOfVectors adds nothing to records of fixed width, and changes no byte.
func TestLogOfVectors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.f64")
	o := options
	o.End = ""
	l, err := OpenLog(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(l, 0, 0, "\n\r12", "\n\n34"); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	if got := read(t, path); got != "\n\r12\n\n34" {
		t.Errorf("got %q", got)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// TestLogRefuses what is not the file that it would go on with, and leaves it as
// it is.
func TestLogRefuses(t *testing.T) {
	foreign := func(change func(*Origin)) func(string) (LogOptions, error) {
		return func(string) (LogOptions, error) {
			o := again()
			change(&o.Origin)
			return o, nil
		}
	}
	for _, v := range []struct {
		name  string
		spoil func(path string) (LogOptions, error)
		lost  bool
		says  string
	}{
		{"shorter", func(path string) (LogOptions, error) { return again(), os.Truncate(path, 7) }, true, "it has 7 bytes, of 8 that were written"},
		{"gone", func(path string) (LogOptions, error) { return again(), os.Remove(path) }, true, "it is not there"},
		{"gone, begun anew", func(path string) (LogOptions, error) { return options, os.Remove(path) }, true, "move it and out.jsonl.pos away"},
		{"both gone", func(path string) (LogOptions, error) {
			return again(), errors.Join(os.Remove(path), os.Remove(path+".pos"))
		}, true, "continue_from: committed"},
		{"emptied without position", func(path string) (LogOptions, error) {
			return again(), errors.Join(os.Truncate(path, 0), os.Remove(path+".pos"))
		}, true, "it is empty"},
		{"without position", func(path string) (LogOptions, error) { return options, os.Remove(path + ".pos") }, false, "tare run has not written them: move it away"},
		{"artifact", foreign(func(o *Origin) { o.Artifact = "fedcba9876543210" }), false, "continue_from: 0123456789abcdef"},
		{"topic", foreign(func(o *Origin) { o.Topic = "other" }), false, "records of the topic in, not other"},
		{"topic made anew", foreign(func(o *Origin) { o.TopicID = "bb" }), false, "made anew"},
		{"content", foreign(func(o *Origin) { o.Content = "dead letters" }), false, "kind train gap live, not dead letters"},
		{"form", foreign(func(o *Origin) { o.Form = "vector" }), false, "form replace, not vector"},
		{"version", func(path string) (LogOptions, error) {
			text, err := os.ReadFile(path + ".pos")
			return again(), errors.Join(err, os.WriteFile(path+".pos", bytes.Replace(text, []byte(`"version":1`), []byte(`"version":2`), 1), 0o644))
		}, false, "version 2, want 1"},
	} {
		path := written(t)
		o, err := v.spoil(path)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		_, err = OpenLog(path, o)
		refused, ok := errors.AsType[*LogError](err)
		if !ok || refused.Lost != v.lost || !strings.Contains(err.Error(), v.says) {
			t.Errorf("%s: got %v, want a LogError, lost %v, that says %q", v.name, err, v.lost, v.says)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed", v.name)
		}
	}
}

// TestLogAccepts the records of an artifact that is named.
func TestLogAccepts(t *testing.T) {
	path := written(t)
	o := again()
	o.Artifact, o.Accept = "fedcba9876543210", o.Artifact
	for range 2 {
		l, err := OpenLog(path, o)
		if err != nil {
			t.Fatal(err)
		}
		if next := l.Next(0); next != 7 {
			t.Errorf("it goes on at %d, want 7", next)
		}
		closed(t, l)
	}
	l, err := OpenLog(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(l, 0, 7, "e"); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	o.Accept = ""
	if l, err = OpenLog(path, o); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
}

// TestDamagedPosition flips each bit and cuts each length: no damage is read as
// anything, least of all as the beginning.
func TestDamagedPosition(t *testing.T) {
	path := written(t)
	sound := []byte(read(t, path+".pos"))
	f := func(b []byte, what string, n int) {
		t.Helper()
		if err := os.WriteFile(path+".pos", b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := OpenLog(path, again())
		if _, ok := errors.AsType[*LogError](err); !ok {
			t.Fatalf("%s %d: %q: got %v, want a LogError", what, n, b, err)
		}
	}
	for bit := range 8 * len(sound) {
		b := bytes.Clone(sound)
		b[bit/8] ^= 1 << (bit % 8)
		f(b, "bit", bit)
	}
	for n := range sound {
		f(sound[:n], "cut to", n)
	}
	f(append(bytes.Clone(sound), '\n'), "longer by", 1)
	f([]byte("null\n"), "null", 0)
	if got := read(t, path); got != wrote {
		t.Errorf("the file was changed: %q", got)
	}
}

// TestLogIsLocked until it is closed.
func TestLogIsLocked(t *testing.T) {
	path := written(t)
	l, err := OpenLog(path, again())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLog(path, again()); err == nil || !strings.Contains(err.Error(), "is written already") {
		t.Errorf("opened twice: %v", err)
	}
	if err := put(l, 0, 7, "e"); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	if l, err = OpenLog(path, again()); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
}

// A crashing volume stops everything at a step, counted from 1, as a loss of
// power does: a write that fails writes a part, and what was not synced by then
// may be lost from any byte on.
type crashing struct {
	osVolume
	r     *rand.Rand
	left  int            // steps until it stops; 0 is never
	steps int            // so far
	names map[string]int // bytes that are synced, by file
	undo  []func() error
}

var errCrash = errors.New("the power is gone")

// step reports whether the step is done.
func (c *crashing) step() bool {
	c.steps++
	return c.left == 0 || c.steps < c.left
}

func (c *crashing) size(f *os.File) int {
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	return int(info.Size())
}

func (c *crashing) Write(f *os.File, b []byte) error {
	if _, ok := c.names[f.Name()]; !ok {
		c.names[f.Name()] = c.size(f)
	}
	if !c.step() {
		if c.steps == c.left {
			f.Write(b[:c.r.IntN(len(b)+1)])
		}
		return errCrash
	}
	return c.osVolume.Write(f, b)
}

func (c *crashing) Sync(f *os.File) error {
	if !c.step() {
		return errCrash
	}
	c.names[f.Name()] = c.size(f)
	return nil
}

// Rename has two steps: the name changes, and that is durable.
func (c *crashing) Rename(from, to string) error {
	if !c.step() {
		return errCrash
	}
	old, err := os.ReadFile(to)
	had := err == nil
	if err := os.Rename(from, to); err != nil {
		return err
	}
	c.names[to] = c.names[from] // what was not synced may still be lost
	delete(c.names, from)
	if c.step() {
		return nil
	}
	if c.r.IntN(2) == 0 {
		c.undo = append(c.undo, func() error {
			if !had {
				return os.Remove(to)
			}
			return os.WriteFile(to, old, 0o644)
		})
	}
	return errCrash
}

// lose takes back what was not durable.
func (c *crashing) lose(t *testing.T) {
	t.Helper()
	for name, synced := range c.names {
		info, err := os.Stat(name)
		if err == nil {
			err = os.Truncate(name, int64(synced+c.r.IntN(int(info.Size())-synced+1)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, undo := range c.undo {
		if err := undo(); err != nil {
			t.Fatal(err)
		}
	}
}

// A model is a source of three partitions, and what is known of its output.
type model struct {
	*testing.T
	r         *rand.Rand
	path      string
	acked     [3]int64 // offset behind the newest record that was acknowledged
	committed bool
}

// life opens the file and writes for a while, to its crash if that comes first.
func (m *model) life(v *crashing) error {
	v.names = map[string]int{}
	o := options
	o.Fresh = !m.committed
	l, err := openLog(v, m.path, o)
	if err != nil {
		return err
	}
	defer closed(m.T, l)
	m.committed = true
	acks := make(chan Ack, 3)
	var lanes [3]*Lane
	var next, sent [3]int64
	for p := range lanes {
		lanes[p] = l.Lane(int32(p), p, acks)
		next[p] = l.Next(int32(p))
		if next[p] < m.acked[p] {
			m.Fatalf("partition %d goes on at %d, but was acknowledged up to %d", p, next[p], m.acked[p])
		}
	}
	for range 1 + m.r.IntN(6) {
		flying := 0
		for p, lane := range lanes {
			for range m.r.IntN(4) {
				lane.Add(&kafka.Record{Value: fmt.Appendf(nil, "%d/%d", p, next[p]), Offset: next[p]})
				next[p] += 1 + m.r.Int64N(2) // some go elsewhere
			}
			if n, _ := lane.Gathered(); n > 0 {
				sent[p] = lane.gather.next
				lane.Send()
				flying++
			}
		}
		for range flying {
			ack := <-acks
			if ack.Err != nil {
				err = ack.Err
				continue
			}
			m.acked[ack.Output] = sent[ack.Output]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// check wants all that was acknowledged, once and in order, and nothing broken
// within what the position counts.
func (m *model) check() {
	l, err := openLog(quick{}, m.path, options)
	if err != nil {
		m.Fatal(err)
	}
	defer closed(m.T, l)
	last := [3]int64{-1, -1, -1}
	for line := range strings.Lines(read(m.T, m.path)) {
		var p, offset int64
		if _, err := fmt.Sscanf(line, "%d/%d\n", &p, &offset); err != nil {
			m.Fatalf("line %q: %v", line, err)
		}
		if offset <= last[p] {
			m.Fatalf("%d/%d behind %d", p, offset, last[p])
		}
		last[p] = offset
	}
	for p, n := range last {
		if n+1 < m.acked[p] || l.Next(int32(p)) != n+1 {
			m.Fatalf("partition %d ends at %d, goes on at %d, was acknowledged up to %d", p, n, l.Next(int32(p)), m.acked[p])
		}
	}
}

// TestLogCrashes lets the power go at every step of a life, and some steps into
// the next, and wants of each what was acknowledged, once.
func TestLogCrashes(t *testing.T) {
	r := random(t)
	for left := 1; left <= 30; left++ {
		for range 5 {
			m := &model{T: t, r: r, path: filepath.Join(t.TempDir(), "out.jsonl")}
			for _, at := range []int{left, 1 + r.IntN(20), 0} {
				v := &crashing{r: rand.New(rand.NewPCG(r.Uint64(), 0)), left: at}
				err := m.life(v)
				if err != nil && !errors.Is(err, errCrash) {
					t.Fatalf("crash at step %d: %v", left, err)
				}
				if at > 0 && err != nil {
					v.lose(t)
				}
				m.check()
			}
		}
	}
}

// quick is a volume that does not wait for the disk.
type quick struct{ osVolume }

func (quick) Sync(*os.File) error { return nil }

func (quick) Rename(from, to string) error { return os.Rename(from, to) }

// full is a volume without room for more bytes.
type full struct {
	quick
	room int
}

var errFull = errors.New("no space left on device")

func (f *full) Write(file *os.File, b []byte) error {
	n := min(len(b), f.room)
	f.room -= n
	if err := f.quick.Write(file, b[:n]); err != nil {
		return err
	}
	if n < len(b) {
		return &os.PathError{Op: "write", Path: file.Name(), Err: errFull}
	}
	return nil
}

// TestLogDiskFull acknowledges nothing that is not durable, nor anything behind
// it, and goes on exactly when there is room again.
func TestLogDiskFull(t *testing.T) {
	r := random(t)
	for room := 180; room < 1200; room += 1 + r.IntN(25) {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		disk := &full{room: room}
		l, err := openLog(disk, path, options)
		if err != nil {
			if !errors.Is(err, errFull) {
				t.Fatal(err)
			}
			continue
		}
		acked := int64(0)
		for ; acked < 5; acked++ {
			if err = put(l, 0, acked, fmt.Sprint(acked)); err != nil {
				break
			}
		}
		if acked < 5 && (!errors.Is(err, errFull) || !strings.Contains(err.Error(), "out.jsonl")) {
			t.Fatalf("%d bytes: %v, want an error that names the file", room, err)
		}
		if disk.room = 1000; acked < 5 && put(l, 1, 0, "x") == nil {
			t.Fatalf("%d bytes: written behind what failed", room)
		}
		closed(t, l)
		if l, err = openLog(quick{}, path, again()); err != nil {
			t.Fatal(err)
		}
		if next := l.Next(0); next != acked {
			t.Fatalf("%d bytes: it goes on at %d, want %d", room, next, acked)
		}
		for ; acked < 5; acked++ {
			if err := put(l, 0, acked, fmt.Sprint(acked)); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, l)
		if got := read(t, path); got != "0\n1\n2\n3\n4\n" {
			t.Fatalf("%d bytes: got %q", room, got)
		}
	}
}

// TestLaneIsCut where a batch is full; a record alone never is too large.
func TestLaneIsCut(t *testing.T) {
	l := NewStream(io.Discard, "\n")
	defer closed(t, l)
	lane := l.Lane(0, 0, make(chan Ack, 1))
	large := &kafka.Record{Value: make([]byte, 3*laneBytes)}
	if !lane.Add(large) || lane.Add(&kafka.Record{}) {
		t.Error("a large record alone is a batch, and no other fits")
	}
	lane.Send()
	half := &kafka.Record{Value: make([]byte, laneBytes/2-1)}
	for i, want := range []bool{true, true, false} {
		if lane.Add(half) != want {
			t.Errorf("half number %d fits: %v, want %v", i+1, !want, want)
		}
	}
	if n, size := lane.Gathered(); n != 2 || size != laneBytes {
		t.Errorf("%d records of %d bytes", n, size)
	}
}

// TestLogTogether writes what has come meanwhile at once.
func TestLogTogether(t *testing.T) {
	pipe, w := io.Pipe()
	l := NewStream(w, "\n")
	acks := make(chan Ack, 5)
	for p := range int32(5) {
		lane := l.Lane(p, int(p), acks)
		lane.Add(&kafka.Record{Value: fmt.Append(nil, p)})
		lane.Send()
	}
	b := make([]byte, 10)
	if _, err := io.ReadFull(pipe, b); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if ack := <-acks; ack.Err != nil || ack.Bytes != 2 {
			t.Errorf("%+v", ack)
		}
	}
	closed(t, l)
	for p := range 5 {
		if !bytes.Contains(b, fmt.Appendf(nil, "%d\n", p)) {
			t.Errorf("%q lacks %d", b, p)
		}
	}
}

// TestStreamStuck ends although nobody reads.
func TestStreamStuck(t *testing.T) {
	pipe, w := io.Pipe()
	l := NewStream(w, "\n")
	lane := l.Lane(0, 0, make(chan Ack, 1))
	lane.Add(&kafka.Record{})
	lane.Send()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	pipe.Close()
	<-l.done
}

// TestLogDevice writes to what is no file as to a stream.
func TestLogDevice(t *testing.T) {
	l, err := OpenLog(os.DevNull, again())
	if err != nil {
		t.Fatal(err)
	}
	if err := put(l, 0, 5, "a"); err != nil || l.Next(0) != 0 {
		t.Errorf("%v, next %d", err, l.Next(0))
	}
	closed(t, l)
	if l, err = OpenLog("/dev/full", again()); err != nil {
		t.Skipf("this system has no /dev/full: %v", err)
	}
	if err := put(l, 0, 5, "a"); err == nil || !strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("a full device: %v", err)
	}
	closed(t, l)
}

// TestLaneAllocates nothing for a record.
func TestLaneAllocates(t *testing.T) {
	l := NewStream(io.Discard, "\n")
	defer closed(t, l)
	acks := make(chan Ack, 1)
	lane := l.Lane(0, 0, acks)
	r := &kafka.Record{Value: []byte(`{"x":1}`)}
	send := func() {
		for range 1000 {
			lane.Add(r)
		}
		lane.Send()
		<-acks
	}
	send()
	send()
	if n := testing.AllocsPerRun(20, send); n > 5 {
		t.Errorf("%v allocations for 1,000 records", n)
	}
}
