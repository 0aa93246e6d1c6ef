package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// A Log is a file to which the partitions of a topic append side by side, each
// record once, whatever dies when. Beside it, at its path with .pos behind, stands
// how many of its bytes are valid and how far each partition has got. That is
// written after the bytes are durable, and before they are acknowledged; whoever
// opens the Log cuts off what stands behind.
//
// A Log on a stream, such as standard output, has no such file: what was written
// there stands, and may be written again.
type Log struct {
	path   string
	end    string // of a line; none for records of fixed width
	volume volume
	file   *os.File  // nil for a stream that was not opened here
	stream io.Writer // nil for a file
	jobs   chan *Lane
	group  []*Lane // that are written together
	done   chan struct{}
	err    error // of the first write that failed, and of all behind it

	mu       sync.Mutex
	position position
}

// LogOptions say what a Log is to hold.
type LogOptions struct {
	Origin
	End string // of a line; none for records of fixed width
	// Accept is the artifact, by its mark, whose records the file may hold already,
	// beside those of the Origin.
	Accept string
	// Fresh allows to begin a file. Without it a file that is not there, or was
	// never written, is one whose records are lost.
	Fresh bool
}

// A LogError is a file that is not to be appended to.
type LogError struct {
	Path   string
	Reason string // and what to do
	Lost   bool   // records that it held are gone; otherwise it is not the one, or damaged
}

// Error names the file.
func (e *LogError) Error() string { return e.Path + ": " + e.Reason }

// queue is how many Lanes can send without waiting for a write under way.
const queue = 256

// OpenLog opens the file at path, as far as its records are valid, and locks it.
// What is there and is no regular file, such as a pipe or /dev/null, is a stream.
// A *LogError refuses a file that is not to be appended to. Close it after use.
func OpenLog(path string, o LogOptions) (*Log, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return start(&Log{file: w, stream: w, end: o.End}), nil
	}
	return openLog(osVolume{}, path, o)
}

// NewStream returns a Log on a stream, which Close leaves open.
func NewStream(w io.Writer, end string) *Log { return start(&Log{stream: w, end: end}) }

func openLog(v volume, path string, o LogOptions) (*Log, error) {
	l := &Log{path: path, end: o.End, volume: v}
	flag := os.O_RDWR | os.O_APPEND
	if o.Fresh {
		flag |= os.O_CREATE
	}
	var err error
	l.file, err = os.OpenFile(path, flag, 0o644)
	if errors.Is(err, fs.ErrNotExist) && !o.Fresh {
		return nil, l.lost("it is not there, and records were written to it. Put it back")
	}
	if err != nil {
		return nil, err
	}
	if err := l.recover(o); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	return start(l), nil
}

func start(l *Log) *Log {
	l.jobs, l.done = make(chan *Lane, queue), make(chan struct{})
	go l.run()
	return l
}

func (l *Log) lost(format string, args ...any) error {
	return &LogError{l.path, fmt.Sprintf(format, args...) + fmt.Sprintf("; or, to go on from the committed position without them, "+
		"move it and %s away and set continue_from: committed", filepath.Base(l.beside())), true}
}

func (l *Log) refuse(format string, args ...any) error {
	return &LogError{l.path, fmt.Sprintf(format, args...), false}
}

// beside is the path of the position.
func (l *Log) beside() string { return l.path + ".pos" }

// recover locks the file, finds its position and cuts off what stands behind.
func (l *Log) recover(o LogOptions) error {
	if err := lock(l.file); err != nil {
		return fmt.Errorf("%s is written already, by another process or as another output: stop that, or name another file (%w)", l.path, err)
	}
	begun, err := l.judge(l.file.Stat, o)
	if err != nil {
		return err
	}
	if !begun {
		l.position = position{Version: positionVersion, Origin: o.Origin, Next: map[int32]int64{}}
		return writePosition(l.volume, l.beside(), &l.position)
	}
	l.position.Origin = o.Origin
	return l.file.Truncate(l.position.Bytes)
}

// CheckLog says, by the same judgement as OpenLog, whether the file at path may be
// appended to, and whether it is begun. It opens nothing for writing and locks
// nothing. An empty string in the Origin stands for any.
func CheckLog(path string, o LogOptions) (begun bool, err error) {
	l := &Log{path: path}
	return l.judge(func() (fs.FileInfo, error) { return os.Stat(path) }, o)
}

// judge reads the position and holds it against the file, which may be about to be
// made. It reports whether there is one.
func (l *Log) judge(stat func() (fs.FileInfo, error), o LogOptions) (begun bool, err error) {
	l.position, err = readPosition(l.beside()) // before the size, which a writer lets grow first
	begun = !errors.Is(err, fs.ErrNotExist)
	if err != nil && begun {
		return false, err
	}
	size := int64(0)
	info, err := stat()
	switch {
	case err == nil:
		size = info.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if !begun {
		return false, l.beginnable(size, o)
	}
	if err := l.compare(o); err != nil {
		return false, err
	}
	if size < l.position.Bytes {
		return false, l.lost("it has %d bytes, of %d that were written: records are gone. Put it back as it was", size, l.position.Bytes)
	}
	return true, nil
}

// beginnable refuses to begin a file of size bytes that has no position.
func (l *Log) beginnable(size int64, o LogOptions) error {
	if size > 0 {
		return l.refuse("it holds %d bytes and there is no %s, so tare run has not written them: move it away, or name another file", size, filepath.Base(l.beside()))
	}
	if !o.Fresh {
		return l.lost("it is empty, and records were written to it. Put it back with its %s", filepath.Base(l.beside()))
	}
	return nil
}

// compare refuses a file that holds other records.
func (l *Log) compare(o LogOptions) error {
	have := l.position.Origin
	for _, c := range []struct{ what, have, want string }{
		{"records of the topic", have.Topic, o.Topic},
		{"records of a topic that was deleted and made anew since, by id", have.TopicID, o.TopicID},
		{"records of the kind", have.Content, o.Content},
		{"records in the form", have.Form, o.Form},
	} {
		if c.want != "" && c.have != c.want {
			return l.refuse("it holds %s %s, not %s: name another file, or move this one and %s away", c.what, c.have, c.want, filepath.Base(l.beside()))
		}
	}
	if o.Artifact != "" && have.Artifact != o.Artifact && have.Artifact != o.Accept {
		return l.refuse("it was written with artifact %s, not %s: name another file, or set continue_from: %s", have.Artifact, o.Artifact, have.Artifact)
	}
	return nil
}

// Next returns the source offset of a partition behind the last record that the
// file holds; 0 for none.
func (l *Log) Next(partition int32) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.position.Next[partition]
}

// run writes what the Lanes send, all that has come at a time.
func (l *Log) run() {
	defer close(l.done)
	for lane := range l.jobs {
		l.gather(lane)
		if l.err == nil {
			l.err = l.write()
		}
		for _, lane := range l.group {
			lane.acks <- Ack{lane.output, len(lane.sent.bytes), l.err}
		}
	}
}

// gather makes a group of a Lane and of those that wait behind it.
func (l *Log) gather(first *Lane) {
	l.group = append(l.group[:0], first)
	for {
		select {
		case lane, ok := <-l.jobs:
			if !ok {
				return
			}
			l.group = append(l.group, lane)
		default:
			return
		}
	}
}

// write writes the group, and makes it durable where that is possible.
func (l *Log) write() error {
	if l.stream != nil {
		for _, lane := range l.group {
			if _, err := l.stream.Write(lane.sent.bytes); err != nil {
				return err
			}
		}
		return nil
	}
	if err := l.append(); err != nil {
		return fmt.Errorf("%w; nothing that was acknowledged is lost: the next start cuts off what stands behind it and goes on from there", err)
	}
	return nil
}

// append writes the bytes of the group, and then the position behind them.
func (l *Log) append() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lane := range l.group {
		if err := l.volume.Write(l.file, lane.sent.bytes); err != nil {
			return err
		}
		l.position.Bytes += int64(len(lane.sent.bytes))
		l.position.Next[lane.partition] = lane.sent.next
	}
	if err := l.volume.Sync(l.file); err != nil {
		return err
	}
	return writePosition(l.volume, l.beside(), &l.position)
}

// Close waits for the batches on their way and closes the file. A write to a
// stream that nobody reads is left to itself when ctx ends.
func (l *Log) Close(ctx context.Context) error {
	close(l.jobs)
	select {
	case <-l.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
