package kafka

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// A BatchWriter builds record batches, one after the other, in buffers that it
// keeps. The zero value is ready for use.
//
//	w.Reset()
//	for w.Append(&r) {
//		...
//	}
//	batch, err := w.Finish(producer, sequence)
type BatchWriter struct {
	// Max is the most bytes a batch may have, its header included: the topic's
	// max.message.bytes. 0 is 2 GiB - 1.
	Max int
	// Codec compresses the records. A batch that it would not make smaller is
	// written without. Gzip and lz4 have their usual level, zstd its fastest.
	Codec Codec
	// Transactional marks the batch as part of its producer's transaction.
	Transactional bool

	buf   []byte // header and records
	count int
	base  int64 // timestamp of the first record
	max   int64 // largest timestamp
	packer
}

// Reset starts another batch.
func (w *BatchWriter) Reset() {
	if w.buf == nil {
		w.buf = make([]byte, headerSize)
	}
	w.buf, w.count = w.buf[:headerSize], 0
}

// Append adds a copy of the record, with more headers behind its own, and
// reports true; or it leaves the batch as it is and reports false, because it
// would become larger than Max. Offsets count from 0 within the batch, whatever
// r says: the broker assigns them.
func (w *BatchWriter) Append(r *Record, more ...Header) bool {
	if w.buf == nil {
		w.Reset()
	}
	if w.count == 0 {
		w.base, w.max = r.Timestamp, r.Timestamp
	}
	size := w.recordSize(r, more)
	if len(w.buf)+varintSize(int64(size))+size > w.limit() {
		return false
	}
	b := binary.AppendVarint(w.buf, int64(size))
	b = append(b, 0) // attributes, of which none is defined
	b = binary.AppendVarint(b, r.Timestamp-w.base)
	b = binary.AppendVarint(b, int64(w.count))
	b = appendField(b, r.Key)
	b = appendField(b, r.Value)
	b = binary.AppendVarint(b, int64(r.Headers.n+len(more)))
	b = append(b, r.Headers.bytes...)
	for i := range more {
		b = binary.AppendVarint(b, int64(len(more[i].Key)))
		b = append(b, more[i].Key...)
		b = appendField(b, more[i].Value)
	}
	w.buf = b
	w.count++
	w.max = max(w.max, r.Timestamp)
	return true
}

func (w *BatchWriter) limit() int {
	if w.Max == 0 {
		return math.MaxInt32
	}
	return min(w.Max, math.MaxInt32)
}

// recordSize returns the bytes of the record that follow its length.
func (w *BatchWriter) recordSize(r *Record, more []Header) int {
	n := 1 + varintSize(r.Timestamp-w.base) + varintSize(int64(w.count)) + fieldSize(r.Key) + fieldSize(r.Value)
	n += varintSize(int64(r.Headers.n+len(more))) + len(r.Headers.bytes)
	for i := range more {
		n += varintSize(int64(len(more[i].Key))) + len(more[i].Key) + fieldSize(more[i].Value)
	}
	return n
}

// Len returns the number of records.
func (w *BatchWriter) Len() int { return w.count }

// Size returns the bytes of the batch before compression, and so the most that
// Finish returns.
func (w *BatchWriter) Size() int { return max(len(w.buf), headerSize) }

// Finish returns the batch as it goes into a produce request. It holds until
// Reset, Append or Finish is called. sequence is that of the first record; for
// NoProducer it is -1.
func (w *BatchWriter) Finish(p Producer, sequence int32) ([]byte, error) {
	if w.count == 0 {
		return nil, errors.New("record batch has no records, want one or more")
	}
	b, codec, err := w.pack(w.Codec, w.buf)
	if err != nil {
		return nil, err
	}
	attributes := uint16(codec)
	if w.Transactional {
		attributes |= transactionalBit
	}
	binary.BigEndian.PutUint64(b[baseOffsetAt:], 0)
	binary.BigEndian.PutUint32(b[lengthAt:], uint32(len(b)-bytesBeforeLength))
	binary.BigEndian.PutUint32(b[leaderEpochAt:], math.MaxUint32) // -1
	b[magicAt] = magic
	binary.BigEndian.PutUint16(b[attributesAt:], attributes)
	binary.BigEndian.PutUint32(b[lastOffsetDeltaAt:], uint32(w.count-1))
	binary.BigEndian.PutUint64(b[baseTimestampAt:], uint64(w.base))
	binary.BigEndian.PutUint64(b[maxTimestampAt:], uint64(w.max))
	binary.BigEndian.PutUint64(b[producerIDAt:], uint64(p.ID))
	binary.BigEndian.PutUint16(b[producerEpochAt:], uint16(p.Epoch))
	binary.BigEndian.PutUint32(b[sequenceAt:], uint32(sequence))
	binary.BigEndian.PutUint32(b[countAt:], uint32(w.count))
	binary.BigEndian.PutUint32(b[checksumAt:], crc32.Checksum(b[attributesAt:], castagnoli))
	return b, nil
}
