package stream

import (
	"time"

	"tare/fit"
	"tare/store"
)

// stepBytes is how much of a state is copied between two reads of the source:
// well below a millisecond.
const stepBytes = 64 << 10

// A saver writes checkpoints of one partition while it is being learned from.
// All but its writing belongs to the goroutine that learns.
type saver struct {
	dir         string
	topic       string
	topicID     string
	fingerprint string
	every       time.Duration

	snapshot *fit.Snapshot
	meta     store.CheckpointMeta
	pieces   chan []byte // to the goroutine that writes; closed behind the last
	spare    chan []byte
	result   chan saved
	began    time.Time
	due      time.Time // no sooner is the next one begun

	last   int64 // offset that the newest checkpoint goes on from; -1 is none
	status PartitionStatus
}

// saved is how the writing of a checkpoint has ended.
type saved struct {
	bytes int64
	err   error
}

// step begins a checkpoint when one is due, or copies the next piece of the one
// under way. It never waits for the disk.
func (s *saver) step(part *fit.Partition, state *fit.State) {
	if s.snapshot == nil && s.result == nil {
		if time.Now().Before(s.due) || part.Next() == s.last {
			return
		}
		s.begin(part, state)
	}
	s.copy()
	s.settle()
}

func (s *saver) begin(part *fit.Partition, state *fit.State) {
	s.meta = store.CheckpointMeta{Format: store.CheckpointFormat, Fingerprint: s.fingerprint, Topic: s.topic, TopicID: s.topicID, Progress: part.Progress()}
	s.snapshot, s.began = state.Snapshot(), time.Now()
	s.pieces, s.spare, s.result = make(chan []byte, 3), make(chan []byte, 2), make(chan saved, 1) // two pieces, and the end
	s.spare <- nil
	s.spare <- nil
	go write(s.dir, s.meta, s.pieces, s.spare, s.result)
}

// write takes a checkpoint's pieces to the disk.
func write(dir string, meta store.CheckpointMeta, pieces <-chan []byte, spare chan<- []byte, result chan<- saved) {
	w, err := store.CreateCheckpoint(dir, &meta)
	whole := false
	for piece := range pieces {
		if whole = piece == nil; err == nil && !whole {
			_, err = w.Write(piece)
		}
		if !whole {
			spare <- piece[:0]
		}
	}
	var n int64
	switch {
	case err == nil && whole:
		n, err = w.Commit()
	case w != nil:
		w.Abort()
	}
	result <- saved{n, err}
}

// copy hands the next piece over, if there is a buffer for it.
func (s *saver) copy() {
	if s.snapshot == nil {
		return
	}
	select {
	case buf := <-s.spare:
		piece, done := s.snapshot.Step(buf[:0], stepBytes)
		if len(piece) > 0 {
			s.pieces <- piece
		}
		if done {
			s.snapshot = nil
			s.end(true)
		}
	default:
	}
}

// end lets the writing goroutine finish, or give up.
func (s *saver) end(whole bool) {
	if whole {
		s.pieces <- nil
	}
	close(s.pieces)
}

// settle takes the result of a checkpoint that has been written.
func (s *saver) settle() {
	select {
	case r := <-s.result:
		s.take(r)
	default:
	}
}

// take notes how a checkpoint has ended. The next one waits its turn, and long
// enough for checkpoints to cost a tenth of the time at most.
func (s *saver) take(r saved) {
	s.result = nil
	took := time.Since(s.began)
	s.due = time.Now().Add(max(s.every, 9*took))
	if r.err != nil {
		s.status.CheckpointErrors++
		s.status.Error = r.err.Error()
		return
	}
	s.last = s.meta.Progress.Next
	s.status.Checkpoints++
	s.status.CheckpointAt, s.status.CheckpointTook, s.status.CheckpointBytes = time.Now(), took, r.bytes
}

// stop ends with one last checkpoint, if it can be written before the deadline;
// else the newest that is there stands.
func (s *saver) stop(part *fit.Partition, state *fit.State, deadline time.Time) {
	for s.result != nil && time.Now().Before(deadline) {
		s.advance(deadline)
	}
	if s.result == nil && part.Next() != s.last {
		s.begin(part, state)
		for s.result != nil && time.Now().Before(deadline) {
			s.advance(deadline)
		}
	}
	s.quit()
}

// quit gives up a snapshot under way, and waits for the goroutine that writes.
func (s *saver) quit() {
	if s.snapshot != nil {
		s.snapshot.Discard()
		s.snapshot = nil
		s.end(false)
	}
	if s.result != nil {
		s.take(<-s.result)
	}
}

// advance waits for the writing goroutine, which has either a buffer for the
// next piece or a result.
func (s *saver) advance(deadline time.Time) {
	if s.snapshot != nil && len(s.spare) > 0 {
		s.copy()
		return
	}
	spare := s.spare
	if s.snapshot == nil {
		spare = nil
	}
	timeout := time.NewTimer(time.Until(deadline))
	defer timeout.Stop()
	select {
	case buf := <-spare:
		s.spare <- buf
	case r := <-s.result:
		s.take(r)
	case <-timeout.C:
	}
}
