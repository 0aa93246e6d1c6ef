package kafka

import (
	"encoding/binary"
	"fmt"
)

// DefaultLimit is the most bytes the records of one batch may decompress to
// where a Decoder says nothing else: 128 MiB.
const DefaultLimit = 128 << 20

// A Decoder walks over the record batches in the records field of a fetch
// response. The zero value is ready for Reset.
//
//	d.Reset(data)
//	for d.Next() {
//		for d.Record(&r) {
//			...
//		}
//	}
//	err := d.Err()
//
// Records point into data, or into the Decoder's own buffer if the batch was
// compressed: they hold until Next or Reset is called or data is overwritten.
// The buffer grows to the largest batch met and is kept.
type Decoder struct {
	// Limit is the most bytes the records of one batch may decompress to; 0 is
	// DefaultLimit. The buffer for them grows to no more, or to 8 MiB if zstd
	// wants it and Limit is less. It is set before the first batch.
	Limit int

	data  []byte
	start int // where the batch starts in data
	next  int // and the next one
	cut   int
	batch Batch
	err   error

	records []byte // of the batch, decompressed
	at      int    // where the next record starts in records
	left    int    // records not read yet
	delta   int64  // of the last record's offset
	packed  bool   // the records are still compressed
	unpacker
}

// Reset starts on the records field of another response, which may be empty.
func (d *Decoder) Reset(data []byte) {
	d.data, d.start, d.next, d.cut, d.err = data, 0, 0, 0, nil
	d.batch = Batch{LastOffset: -1}
	d.records, d.left, d.packed = nil, 0, false
}

// Next goes to the next whole batch, over records of this one that were not
// read, and checks it. It returns false behind the last one and at one that is
// wrong, which Err tells apart.
func (d *Decoder) Next() bool {
	d.left = 0
	if d.err != nil {
		return false
	}
	d.start = d.next
	size, whole := d.whole()
	if !whole {
		return false
	}
	b := d.data[d.start:][:size:size]
	if err := verify(b, d.batch.LastOffset+1); err != nil {
		return d.refuse(err)
	}
	d.batch.parse(b, d.start)
	d.records, d.at, d.delta = b[headerSize:], 0, -1
	d.packed = d.batch.Codec != None
	d.left = d.batch.Count
	if d.batch.Control && !d.marker() {
		return false
	}
	d.next += size
	return true
}

// whole returns the size of the next batch if all of it is there.
func (d *Decoder) whole() (size int, ok bool) {
	b := d.data[d.start:]
	if len(b) == 0 {
		return 0, false
	}
	if len(b) <= magicAt {
		d.cut = headerSize
		return 0, false
	}
	if b[magicAt] != magic {
		return 0, d.refuse(fmt.Errorf("magic is %d (%s), want %d: batches of Kafka 0.11 and newer", int8(b[magicAt]), formatName(b[magicAt]), magic))
	}
	length := int(int32(binary.BigEndian.Uint32(b[lengthAt:])))
	size = length + bytesBeforeLength
	if size < headerSize {
		return 0, d.refuse(fmt.Errorf("length is %d, want %d or more", length, headerSize-bytesBeforeLength))
	}
	if size > len(b) {
		d.cut = size
		return 0, false
	}
	return size, true
}

func formatName(magic byte) string {
	switch magic {
	case 0:
		return "message set v0"
	case 1:
		return "message set v1"
	}
	return "unknown"
}

// marker reads the control batch's record, which is no data.
func (d *Decoder) marker() bool {
	var r Record
	if d.left > 0 && d.Record(&r) {
		m, err := parseMarker(r.Key, r.Value)
		if err != nil {
			return d.refuse(err)
		}
		d.batch.Marker = m
	}
	d.left = 0
	return d.err == nil
}

// Record reads the next record of the batch into r. It returns false behind the
// last one, at one that is wrong, which Err tells apart, and for a control
// batch, whose record is its Marker.
func (d *Decoder) Record(r *Record) bool {
	if d.left == 0 || d.packed && !d.unpack() {
		return false
	}
	b := d.records
	size, at := varint(b, d.at)
	if at > len(b) || size < smallestRecord || size > int64(len(b)-at) {
		return d.refuseRecord()
	}
	b = b[:at+int(size)]
	at++ // attributes, of which none is defined
	timestamp, at := varint(b, at)
	delta, at := varint(b, at)
	key, at := field(b, at)
	value, at := field(b, at)
	headers, at := varint(b, at)
	end := at
	if headers != 0 {
		end = headersEnd(b, at, headers)
	}
	if end != len(b) || headers < 0 || delta <= d.delta || delta > d.batch.LastOffset-d.batch.BaseOffset {
		return d.refuseRecord()
	}
	if d.left == 1 && end != len(d.records) {
		return d.refuse(fmt.Errorf("%d bytes follow its %d records, want none", len(d.records)-end, d.batch.Count))
	}
	d.left--
	d.at, d.delta = end, delta
	r.Offset = d.batch.BaseOffset + delta
	r.Timestamp = d.batch.BaseTimestamp + timestamp
	if d.batch.LogAppendTime {
		r.Timestamp = d.batch.MaxTimestamp
	}
	r.Key, r.Value = key, value
	r.Headers = Headers{int(headers), b[at:end:end]}
	return true
}

// unpack decompresses the batch's records.
func (d *Decoder) unpack() bool {
	limit := d.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	records, err := d.unpacker.unpack(d.batch.Codec, d.records, limit)
	if err != nil {
		return d.refuse(fmt.Errorf("%s: %w", d.batch.Codec, err))
	}
	d.records, d.packed = records, false
	return true
}

// Batch returns the header of the batch that Next went to. It is overwritten by
// the next one.
func (d *Decoder) Batch() *Batch { return &d.batch }

// Err returns the *Error that stopped Next or Record, or nil.
func (d *Decoder) Err() error { return d.err }

// Cut returns the size of the batch that data ends within, or 0 if it ends
// between two batches, once Next has returned false. A fetch for that many bytes
// gets it whole. Where not even the size was there, it is the smallest possible.
func (d *Decoder) Cut() int { return d.cut }

func (d *Decoder) refuse(reason error) bool {
	base := int64(binary.BigEndian.Uint64(d.data[d.start+baseOffsetAt:]))
	d.err = &Error{BaseOffset: base, Byte: d.start, Err: reason}
	d.left = 0
	return false
}

func (d *Decoder) refuseRecord() bool {
	n := d.batch.Count - d.left + 1
	return d.refuse(fmt.Errorf("record %d of %d at byte %d of %d: %w", n, d.batch.Count, d.at, len(d.records), explain(d.records, d.at)))
}
