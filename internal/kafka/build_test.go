package kafka

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
)

// A spec describes a batch that only a broker could have made.
type spec struct {
	base     int64
	deltas   []int64 // of the records' offsets
	last     int64   // delta of the batch's last offset
	producer Producer
	txn      bool
	codec    Codec
	marker   MarkerType // other than NoMarker makes it a control batch
}

// build writes the batch; record values name their offset.
func build(t testing.TB, s spec) []byte {
	t.Helper()
	w := BatchWriter{Codec: s.codec, Transactional: s.txn}
	w.Reset()
	for _, delta := range s.deltas {
		w.count = int(delta)
		r := Record{Timestamp: 1000 + delta, Key: bytes.Repeat([]byte("key"), 60), Value: binary.AppendVarint(nil, s.base+delta)}
		if s.marker != NoMarker {
			r.Key = []byte{0, 0, byte(s.marker >> 8), byte(s.marker)}
			r.Value = []byte{0, 0, 0, 0, 0, 17}
		}
		if !w.Append(&r) {
			t.Fatal("batch is full")
		}
	}
	w.count = max(1, len(s.deltas))
	b, err := w.Finish(s.producer, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := Codec(b[attributesAt+1] & codecBits); got != s.codec && len(s.deltas) > 0 {
		t.Fatalf("written as %s, want %s", got, s.codec)
	}
	return patch(b, func(b []byte) {
		binary.BigEndian.PutUint64(b[baseOffsetAt:], uint64(s.base))
		binary.BigEndian.PutUint32(b[lastOffsetDeltaAt:], uint32(s.last))
		binary.BigEndian.PutUint32(b[countAt:], uint32(len(s.deltas)))
		if s.marker != NoMarker {
			b[attributesAt+1] |= controlBit
		}
	})
}

// patch returns a changed copy of a batch with the right checksum.
func patch(b []byte, change func(b []byte)) []byte {
	b = slices.Clone(b)
	change(b)
	binary.BigEndian.PutUint32(b[checksumAt:], crc32.Checksum(b[attributesAt:], castagnoli))
	return b
}

// wrap returns a batch of count records that are in payload, compressed or not.
func wrap(codec Codec, count int, payload []byte) []byte {
	b := append(make([]byte, headerSize), payload...)
	return patch(b, func(b []byte) {
		binary.BigEndian.PutUint32(b[lengthAt:], uint32(len(b)-bytesBeforeLength))
		b[magicAt] = magic
		b[attributesAt+1] = byte(codec)
		binary.BigEndian.PutUint32(b[lastOffsetDeltaAt:], uint32(count-1))
		binary.BigEndian.PutUint32(b[countAt:], uint32(count))
	})
}

// drain reads all that a Decoder finds.
func drain(d *Decoder, data []byte) (offsets []int64) {
	var r Record
	d.Reset(data)
	for d.Next() {
		for d.Record(&r) {
			offsets = append(offsets, r.Offset)
		}
	}
	return offsets
}
