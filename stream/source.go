// Package stream carries records through the two passes over a source: the
// Fitter learns from the training stretch and seals it, the Normalizer applies
// what was frozen, and the Inverter takes it back. It owns the goroutines, the
// clock and the files; everything below it works on bytes and numbers.
package stream

import (
	"context"

	"tare/record"
)

// A Source is a bounded set of partitions that can be read again and again.
type Source interface {
	// Partitions returns the names of the partitions, which are numbered from 0.
	Partitions() []string
	// Open reads a partition from its first record.
	Open(ctx context.Context, partition int32) (Reader, error)
}

// A Reader reads one partition in offset order.
type Reader interface {
	// Header returns what stands before the first record, such as the line that
	// names the columns of a CSV file; nil for nothing.
	Header() []byte
	// Read returns the next messages, at least one, or io.EOF behind the last.
	// They are valid until the next call.
	Read() ([]record.Message, error)
	// Next returns the offset behind all that Read has returned and left out.
	Next() int64
	Close() error
}
