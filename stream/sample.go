package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"tare/internal/broker"
	"tare/record"
)

// Bounds of a Sample besides the number of its records.
const (
	sampleBytes  = 32 << 20 // of all values
	newestOfEach = 5        // newest records of a topic's partition
)

// A Sample is some records of a source, in memory: a Source itself, with the
// same partitions and offsets.
type Sample struct {
	parts []samplePart
	bytes int // of all values so far
}

type samplePart struct {
	name     string
	header   []byte
	first    int64 // where reading began
	messages []record.Message
}

// TakeSample copies the first records of each partition of a source: most in
// all, shared evenly.
func TakeSample(ctx context.Context, source Source, most int) (*Sample, error) {
	names := source.Partitions()
	s := newSample(names)
	for p := range names {
		if err := s.open(ctx, source, int32(p), share(most, len(names))); err != nil {
			return s, err
		}
	}
	return s, nil
}

func newSample(names []string) *Sample {
	s := &Sample{parts: make([]samplePart, len(names))}
	for i, name := range names {
		s.parts[i].name = name
	}
	return s
}

// share is what each of n partitions gives of most records.
func share(most, n int) int { return (most + n - 1) / max(n, 1) }

func (s *Sample) open(ctx context.Context, source Source, partition int32, most int) (err error) {
	r, err := source.Open(ctx, partition)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	part := &s.parts[partition]
	part.header, part.first = bytes.Clone(r.Header()), r.Next()
	part.messages, err = s.read(r, most)
	return err
}

// read copies up to most records.
func (s *Sample) read(r Reader, most int) (messages []record.Message, err error) {
	for len(messages) < most && s.bytes < sampleBytes {
		ms, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return messages, err
		}
		for _, m := range ms[:min(len(ms), most-len(messages))] {
			m.Key, m.Value, m.Headers.Bytes = bytes.Clone(m.Key), bytes.Clone(m.Value), bytes.Clone(m.Headers.Bytes)
			s.bytes += len(m.Key) + len(m.Value) + len(m.Headers.Bytes)
			messages = append(messages, m)
		}
	}
	return messages, nil
}

// topic copies the first records of a partition from its start on, and some of
// the newest. gone tells how many offsets among them are missing.
func (s *Sample) topic(ctx context.Context, f *broker.Fetcher, t *broker.Topic, b *Bounds, most int) (gone int64, err error) {
	part := &s.parts[b.Partition]
	part.first = b.Start
	open := func(from int64) *bounded {
		return &bounded{reading: newReading(f, t, b.Partition, from, RecordOnGap), ctx: ctx, end: b.End, done: new(atomic.Int64)}
	}
	head := open(max(b.Start, b.First))
	defer head.close()
	if part.messages, err = s.read(head, most); err != nil {
		return 0, err
	}
	keep, next := most, b.First // a start at the end gives none
	if n := len(part.messages); n > 0 {
		keep, next = newestOfEach, part.messages[n-1].Offset+1
	}
	tail := open(max(next, b.End-2*int64(keep))) // half of them may be markers
	defer tail.close()
	newest, err := s.read(tail, 2*keep)
	part.messages = append(part.messages, newest[max(0, len(newest)-keep):]...)
	return head.gone + tail.gone, err
}

// Partitions returns the names of the partitions.
func (s *Sample) Partitions() []string {
	names := make([]string, len(s.parts))
	for i := range s.parts {
		names[i] = s.parts[i].name
	}
	return names
}

// Records returns how many records there are.
func (s *Sample) Records() (n int) {
	for i := range s.parts {
		n += len(s.parts[i].messages)
	}
	return n
}

// Messages returns the records of a partition, which are not to be changed.
func (s *Sample) Messages(partition int32) []record.Message { return s.parts[partition].messages }

// Open reads the records of a partition.
func (s *Sample) Open(_ context.Context, partition int32) (Reader, error) {
	return &sampleReader{part: &s.parts[partition]}, nil
}

type sampleReader struct {
	part *samplePart
	done bool
}

func (r *sampleReader) Header() []byte { return r.part.header }

func (r *sampleReader) Read() ([]record.Message, error) {
	if r.done || len(r.part.messages) == 0 {
		return nil, io.EOF
	}
	r.done = true
	return slices.Clone(r.part.messages), nil
}

func (r *sampleReader) Next() int64 {
	if n := len(r.part.messages); r.done && n > 0 {
		return r.part.messages[n-1].Offset + 1
	}
	return r.part.first
}

func (r *sampleReader) Close() error { return nil }
