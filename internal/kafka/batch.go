// Package kafka speaks Kafka's wire format. It reads and writes record batches
// of format v2, the bytes that brokers store and move, and knows no client: it
// takes the records field of a fetch response and gives the one of a produce
// request.
//
// A [Decoder] walks over batches as they lie in the log, markers of
// transactions included. A [Cursor] follows one partition on top of it: it
// keeps the position and leaves out what a consumer must not see. A
// [BatchWriter] builds one batch. None of them allocates per record, reads the
// clock, starts a goroutine or is safe for concurrent use.
//
// Every batch is checked against its CRC-32C before anything else of it is
// believed. The checksum starts at the attributes. Outside of it lie the base
// offset and the leader epoch, which the broker sets: no reader can tell a
// wrong one from a right one, so whoever moves these bytes has to be reliable.
//
// Format: https://kafka.apache.org/documentation/#recordbatch
package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Where the fields of a batch start. All are big-endian.
const (
	baseOffsetAt      = 0  // int64
	lengthAt          = 8  // int32: bytes that follow it
	leaderEpochAt     = 12 // int32
	magicAt           = 16 // int8: 2
	checksumAt        = 17 // uint32: CRC-32C of what follows it
	attributesAt      = 21 // int16
	lastOffsetDeltaAt = 23 // int32
	baseTimestampAt   = 27 // int64: milliseconds since 1970
	maxTimestampAt    = 35 // int64
	producerIDAt      = 43 // int64
	producerEpochAt   = 51 // int16
	sequenceAt        = 53 // int32
	countAt           = 57 // int32: records
	headerSize        = 61

	magic = 2
)

// The bits of a batch's attributes.
const (
	codecBits         = 0x07
	logAppendTimeBit  = 0x08
	transactionalBit  = 0x10
	controlBit        = 0x20
	noLeaderEpoch     = -1
	markerKeySize     = 4 // int16 version, int16 type
	markerValueSize   = 6 // int16 version, int32 coordinator epoch
	smallestRecord    = 6 // attributes, two deltas, two null fields, no headers
	bytesBeforeLength = leaderEpochAt
)

// castagnoli is the polynomial of CRC-32C, for which processors have an
// instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Producer names who wrote a batch.
type Producer struct {
	ID    int64
	Epoch int16
}

// NoProducer is the producer of batches that are not idempotent. Their sequence
// is -1.
var NoProducer = Producer{ID: -1, Epoch: -1}

// A Batch is what the header of a record batch says.
type Batch struct {
	BaseOffset    int64 // of the first record as it was written; compaction may have removed it
	LastOffset    int64 // of the last record as it was written; the next batch starts behind it
	LeaderEpoch   int32 // of the leader that appended the batch; -1 is unknown
	BaseTimestamp int64 // milliseconds since 1970
	MaxTimestamp  int64 // milliseconds since 1970
	Producer      Producer
	Sequence      int32 // of the first record; -1 if not idempotent
	Count         int   // records left in the batch; 0 where compaction kept only the header
	Codec         Codec
	LogAppendTime bool   // the broker's clock set the timestamps, else the producer did
	Transactional bool   // part of a transaction
	Control       bool   // a marker, no data
	Marker        Marker // of a control batch that has one
	Start, Size   int    // the batch's bytes within the records field
}

// A Marker is the record of a control batch: the end of a transaction.
type Marker struct {
	Type             MarkerType
	CoordinatorEpoch int32 // of the transaction coordinator, for Abort and Commit
}

// A MarkerType tells what a control batch says.
type MarkerType int16

// The marker types that end a transaction. Others concern only brokers.
const (
	NoMarker MarkerType = -1 // not a control batch, or an empty one
	Abort    MarkerType = 0
	Commit   MarkerType = 1
)

// An Error tells what is wrong with a batch. Nothing behind it can be read.
type Error struct {
	BaseOffset int64 // of the batch, as it claims
	Byte       int   // where the batch starts within the records field
	Err        error
}

// Error says where and what.
func (e *Error) Error() string {
	return fmt.Sprintf("record batch with base offset %d at byte %d: %v", e.BaseOffset, e.Byte, e.Err)
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// verify reports what speaks against believing the header of b, a whole batch
// that starts at offset from or behind it.
func verify(b []byte, from int64) error {
	want := binary.BigEndian.Uint32(b[checksumAt:])
	if got := crc32.Checksum(b[attributesAt:], castagnoli); got != want {
		return fmt.Errorf("CRC-32C of its %d bytes is %08x, want %08x", len(b), got, want)
	}
	base := int64(binary.BigEndian.Uint64(b[baseOffsetAt:]))
	delta := int64(int32(binary.BigEndian.Uint32(b[lastOffsetDeltaAt:])))
	count := int64(int32(binary.BigEndian.Uint32(b[countAt:])))
	switch {
	case base < from:
		return fmt.Errorf("base offset is %d, want %d or more: behind the batch before", base, from)
	case delta < 0 || base >= math.MaxInt64-delta:
		return fmt.Errorf("last offset delta is %d, want 0 to %d", delta, min(math.MaxInt32, math.MaxInt64-base-1))
	case count < 0 || count > delta+1:
		return fmt.Errorf("record count is %d, want 0 to %d, one an offset", count, delta+1)
	case count == 0 && len(b) > headerSize:
		return fmt.Errorf("%d bytes follow the header of a batch without records, want none", len(b)-headerSize)
	}
	return Codec(b[attributesAt+1] & codecBits).check()
}

// parse overwrites h with the header of b, which verify has passed.
func (h *Batch) parse(b []byte, start int) {
	attributes := b[attributesAt+1] // the upper half is unused
	base := int64(binary.BigEndian.Uint64(b[baseOffsetAt:]))
	*h = Batch{
		BaseOffset:    base,
		LastOffset:    base + int64(binary.BigEndian.Uint32(b[lastOffsetDeltaAt:])),
		LeaderEpoch:   int32(binary.BigEndian.Uint32(b[leaderEpochAt:])),
		BaseTimestamp: int64(binary.BigEndian.Uint64(b[baseTimestampAt:])),
		MaxTimestamp:  int64(binary.BigEndian.Uint64(b[maxTimestampAt:])),
		Producer: Producer{
			ID:    int64(binary.BigEndian.Uint64(b[producerIDAt:])),
			Epoch: int16(binary.BigEndian.Uint16(b[producerEpochAt:])),
		},
		Sequence:      int32(binary.BigEndian.Uint32(b[sequenceAt:])),
		Count:         int(binary.BigEndian.Uint32(b[countAt:])),
		Codec:         Codec(attributes & codecBits),
		LogAppendTime: attributes&logAppendTimeBit != 0,
		Transactional: attributes&transactionalBit != 0,
		Control:       attributes&controlBit != 0,
		Marker:        Marker{Type: NoMarker, CoordinatorEpoch: -1},
		Start:         start,
		Size:          len(b),
	}
}

// parseMarker reads the record of a control batch.
func parseMarker(key, value []byte) (Marker, error) {
	m := Marker{CoordinatorEpoch: -1}
	if len(key) < markerKeySize {
		return m, fmt.Errorf("marker has a key of %d bytes, want %d or more", len(key), markerKeySize)
	}
	m.Type = MarkerType(binary.BigEndian.Uint16(key[2:]))
	if m.Type != Abort && m.Type != Commit {
		return m, nil
	}
	if len(value) < markerValueSize {
		return m, fmt.Errorf("marker has a value of %d bytes, want %d or more", len(value), markerValueSize)
	}
	m.CoordinatorEpoch = int32(binary.BigEndian.Uint32(value[2:]))
	return m, nil
}
