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
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/sink"
	"tare/store"
)

// filing lets a pipeline write files into a folder: of records by split, of
// records together, or of dead letters.
var filing = map[string]func(o *Outputs, dir string){
	"files by split": func(o *Outputs, dir string) {
		o.Topics, o.Dead = nil, ""
		for _, name := range fit.Splits(nil).Names() {
			o.Files = append(o.Files, filepath.Join(dir, name+".jsonl"))
		}
		o.DeadFile = filepath.Join(dir, "dead.jsonl")
	},
	"one file": func(o *Outputs, dir string) {
		all := filepath.Join(dir, "all.jsonl")
		o.Topics, o.Files = nil, []string{all, all, all}
	},
	"file of dead letters": func(o *Outputs, dir string) {
		o.Dead, o.DeadFile = "", filepath.Join(dir, "dead.jsonl")
	},
}

// filed returns all that the pipeline has written, to topics and files.
func filed(t *testing.T, c *kafkatest.Cluster, p *Pipeline, partitions int) [][][]*kgo.Record {
	t.Helper()
	all := outputs(t, c, p)
	for _, path := range p.Outputs.paths() {
		all = append(all, kafkatest.Lines(t, path, partitions))
	}
	return all
}

// TestNormalizeFiles stops the pass at random records, with commits that are
// forgotten and bytes that were not synced, and goes on. Every record stands once
// in one of the outputs.
func TestNormalizeFiles(t *testing.T) {
	for name, file := range filing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := random(t)
			c := kafkatest.Fake(t)
			topic, oracle := spread(t, c)
			ends := c.EndOffsets(t, topic)
			dir := t.TempDir()
			if _, err := pipeline(t, c, topic, dir).Freeze(t.Context()); err != nil {
				t.Fatal(err)
			}
			for round := range 8 {
				p := writing(pipeline(t, c, topic, dir), topic)
				file(&p.Outputs, dir)
				enough := through(ends)
				if round < 6 {
					enough = after(p, r.Int64N(700))
				}
				if err := until(t, p, ends, enough); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if round == 6 || r.IntN(2) == 0 {
					forget(t, p, topic)
				}
				for _, path := range p.Outputs.paths() {
					torn(t, path)
				}
			}
			p := writing(pipeline(t, c, topic, dir), topic)
			file(&p.Outputs, dir)
			if err := oracle.Check(ends, filed(t, c, p, len(ends))...); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// after is enough when so many records have been read; from there on each takes
// its time.
func after(p *Pipeline, n int64) func(*Status) bool {
	var read atomic.Int64
	next := p.NewDecoder
	p.NewDecoder = func(header []byte) (record.Decoder, error) {
		d, err := next(header)
		return slow{d, func() {
			if read.Add(1) > n {
				time.Sleep(time.Millisecond)
			}
		}}, err
	}
	return func(*Status) bool { return read.Load() > n }
}

// forget takes back the last commits.
func forget(t *testing.T, p *Pipeline, topic string) {
	t.Helper()
	back := map[int32]broker.Position{}
	for q := range int32(3) {
		back[q] = broker.Position{Offset: 0, Metadata: "lost"}
	}
	if err := p.Client.Commit(t.Context(), "tare.test.1", topic, back); err != nil {
		t.Fatal(err)
	}
}

// torn leaves a part of a record that was never acknowledged behind a file.
func torn(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return // stopped before the normalize pass
	}
	if err == nil {
		_, err = f.WriteString(`{"torn`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// named is a memory whose partitions are those of one topic.
type named struct {
	*memory
	topic string
}

func (n named) Partitions() []string {
	return slices.Repeat([]string{n.topic}, len(n.partitions))
}

// TestFilesAreTheSame: the bytes of each record are those that the pass over
// files writes, marks and dead letters included.
func TestFilesAreTheSame(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _ := spread(t, c)
	dir := t.TempDir()
	p := writing(pipeline(t, c, topic, dir), topic)
	filing["files by split"](&p.Outputs, dir)
	ends := c.EndOffsets(t, topic)
	if err := until(t, p, ends, through(ends)); err != nil {
		t.Fatal(err)
	}
	artifact, err := store.OpenArtifact(p.ArtifactPath())
	if err != nil {
		t.Fatal(err)
	}
	source := &memory{batch: 100}
	letters := make([][]string, len(ends))
	for q, records := range c.Consume(t, topic) {
		source.partitions = append(source.partitions, nil)
		for _, r := range records {
			source.partitions[q] = append(source.partitions[q], string(r.Value))
		}
	}
	out, dead := new(shelf), new(shelf)
	n := normalizer(artifact, named{source, topic}, out, record.MetaHeaders)
	n.Output.Dead = dead
	for _, r := range artifact.Manifest.Ranges {
		n.Seals = append(n.Seals, r.Seal)
	}
	if _, err := n.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := make([][]string, len(ends))
	for _, v := range out.values {
		q := partitionIn(v, topic)
		want[q] = append(want[q], v)
	}
	got := make([][]string, len(ends))
	for _, path := range p.Outputs.Files {
		for q, records := range kafkatest.Lines(t, path, len(ends)) {
			for _, r := range records {
				got[q] = append(got[q], string(r.Value))
			}
		}
	}
	for q := range ends {
		slices.Sort(want[q])
		slices.Sort(got[q])
		if !slices.Equal(got[q], want[q]) {
			t.Errorf("partition %d: %d records of the topic and %d of the file differ, the first: %.300q and %.300q", q, len(got[q]), len(want[q]), got[q][0], want[q][0])
		}
	}
	for q, records := range kafkatest.Lines(t, p.Outputs.DeadFile, len(ends)) {
		for _, r := range records {
			letters[q] = append(letters[q], string(r.Value))
		}
	}
	if a, b := len(slices.Concat(letters...)), len(dead.values); a != b {
		t.Errorf("%d dead letters, want %d", a, b)
	}
	for _, v := range dead.values {
		q := partitionIn(v, topic)
		head := strings.TrimSuffix(v, "}") // the topic's have key and timestamp besides
		head, _, _ = strings.Cut(head, `,"value`)
		if !slices.ContainsFunc(letters[q], func(l string) bool { return strings.HasPrefix(l, head) }) {
			t.Errorf("no dead letter is %q", v)
		}
	}
}

// partitionIn finds the partition that a line came from.
func partitionIn(line, topic string) (partition int) {
	_, rest, _ := strings.Cut(line, `ource":"`+topic+"/")
	fmt.Sscanf(rest, "%d/", &partition)
	return partition
}

// TestNormalizeStream writes to a stream what comes from the committed position
// on, line by line, and all again where nothing is committed.
func TestNormalizeStream(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, oracle := spread(t, c)
	dir := t.TempDir()
	ends := c.EndOffsets(t, topic)
	for round, want := range []bool{true, false} {
		var b bytes.Buffer
		p := writing(pipeline(t, c, topic, dir), topic)
		p.Outputs.Topics, p.Outputs.Files, p.Outputs.Stream = nil, []string{Stdout, Stdout, Stdout}, &b
		if err := until(t, p, ends, through(ends)); err != nil {
			t.Fatal(err)
		}
		if (b.Len() > 0) != want {
			t.Errorf("run %d wrote %d bytes", round, b.Len())
		}
		if !want {
			continue
		}
		path := filepath.Join(dir, "stream")
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := oracle.Check(ends, kafkatest.Lines(t, path, len(ends)), c.Consume(t, p.Outputs.Dead)); err != nil {
			t.Error(err)
		}
	}
}

// TestNormalizeStreamStuck stops although nobody reads the stream.
func TestNormalizeStreamStuck(t *testing.T) {
	virtually(t, func(w *world) {
		dir := t.TempDir()
		artifact := frozenWorld(w, dir)
		pipe, stuck := io.Pipe()
		p := writing(w.pipeline(dir, 0, 0), "in")
		p.Outputs.Topics, p.Outputs.Files, p.Outputs.Stream = nil, []string{Stdout, Stdout, Stdout}, stuck
		r := w.normalize(p, artifact)
		r.goesOn(time.Minute, "stuck")
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v to stop", took)
		}
		if s := r.partition(); s.Committed > 0 {
			t.Errorf("committed up to %d, of which nothing was read", s.Committed)
		}
		pipe.Close()
		synctest.Wait()
	})
}

// TestNormalizeRefusesFiles that are not what the pipeline has written: exit
// code 4 or 5, as for topics.
func TestNormalizeRefusesFiles(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, oracle := spread(t, c)
	ends := c.EndOffsets(t, topic)
	dir := t.TempDir()
	begin := func(change func(*Outputs)) error {
		p := writing(pipeline(t, c, topic, dir), topic)
		filing["one file"](&p.Outputs, dir)
		if change != nil {
			change(&p.Outputs)
		}
		return until(t, p, ends, through(ends))
	}
	if err := begin(nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "all.jsonl")
	aside := func(paths ...string) (back func()) {
		for _, p := range paths {
			if err := os.Rename(p, p+".aside"); err != nil {
				t.Fatal(err)
			}
		}
		return func() {
			for _, p := range paths {
				if err := os.Rename(p+".aside", p); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	back := aside(path, path+".pos")
	err := begin(nil)
	if _, loss := errors.AsType[*LossError](err); !loss {
		t.Errorf("the file is gone: %T %v, want a LossError", err, err)
	}
	if err := begin(func(o *Outputs) { o.ContinueFrom = ContinueCommitted }); err != nil {
		t.Errorf("continue_from: committed: %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || len(got) > 0 {
		t.Errorf("%d bytes were written again, %v", len(got), err)
	}
	back()
	back = aside(path + ".pos")
	err = begin(nil)
	if _, refused := errors.AsType[*store.RefusedError](err); !refused {
		t.Errorf("the position is gone: %T %v, want a RefusedError", err, err)
	}
	back()
	err = begin(func(o *Outputs) {
		o.DeadFile, o.Dead, o.Files = path, "", []string{Stdout, Stdout, Stdout}
		o.Stream = io.Discard
	})
	wantErr(t, err, "train gap live, not dead letters")
	if err := begin(nil); err != nil {
		t.Fatal(err)
	}
	if err := oracle.Check(ends, kafkatest.Lines(t, path, len(ends)), c.Consume(t, topic+".dead")); err != nil {
		t.Error(err)
	}
}

// TestPipeWithoutReader can be stopped while it is opened.
func TestPipeWithoutReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := openFile(ctx, path, sink.LogOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	reader, err := os.Open(path) // lets the other end go, and its file be closed
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d bytes, %v", n, err)
	}
}
