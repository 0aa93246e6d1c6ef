package kafka

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// three are batches of two, three and one records, the second compressed.
func three(t testing.TB) [][]byte {
	return [][]byte{
		build(t, spec{base: 10, deltas: []int64{0, 1}, last: 1, producer: NoProducer, marker: NoMarker}),
		build(t, spec{base: 12, deltas: []int64{0, 2, 3}, last: 5, producer: NoProducer, codec: Zstd, marker: NoMarker}),
		build(t, spec{base: 30, deltas: []int64{0}, last: 0, producer: Producer{7, 1}, marker: NoMarker}),
	}
}

// TestEveryCut reads every beginning of a response: the whole batches in it, no
// error, and the size of the batch that it is cut within.
func TestEveryCut(t *testing.T) {
	batches := three(t)
	data := slices.Concat(batches...)
	records := [][]int64{{10, 11}, {12, 14, 15}, {30}}
	positions := []int64{5, 12, 18, 31} // behind so many batches
	var c Cursor
	for n := range len(data) + 1 {
		whole, rest, cut := 0, n, 0
		var want []int64
		for whole < len(batches) && rest >= len(batches[whole]) {
			rest -= len(batches[whole])
			want = append(want, records[whole]...)
			whole++
		}
		if rest > 0 {
			cut = headerSize
		}
		if rest > magicAt {
			cut = len(batches[whole])
		}
		c.SetPosition(5)
		c.Reset(data[:n], nil)
		var got []int64
		var r Record
		for c.Next() {
			for c.Record(&r) {
				got = append(got, r.Offset)
			}
		}
		if c.Err() != nil || !slices.Equal(got, want) || c.Cut() != cut || c.Position() != positions[whole] {
			t.Fatalf("%d bytes: %v, error %v, cut %d, position %d; want %v, cut %d, position %d", n, got, c.Err(), c.Cut(), c.Position(), want, cut, positions[whole])
		}
	}
}

// TestEveryBitFlip flips each bit of a batch. What the checksum covers, the
// magic and the length are refused, or the batch seems cut: nothing is read and
// the position stays. What it does not cover, base offset and leader epoch, the
// broker sets: those come out as they are.
func TestEveryBitFlip(t *testing.T) {
	f := func(codec Codec, bit int, good, bad []byte) {
		t.Helper()
		var c Cursor
		c.SetPosition(3)
		got := readAll(&c, bad, nil)
		switch at := bit / 8; {
		case at < lengthAt && bit != 0:
			if c.Err() != nil || c.Batch().BaseOffset != 1<<(63-bit) || c.Batch().LastOffset != c.Batch().BaseOffset+39 {
				t.Errorf("%s, bit %d: base offset %d, error %v", codec, bit, c.Batch().BaseOffset, c.Err())
			}
		case at >= leaderEpochAt && at < magicAt:
			if want := readAll(new(Cursor), good, nil)[3:]; c.Err() != nil || !slices.Equal(got, want) {
				t.Errorf("%s, bit %d: %d records, error %v", codec, bit, len(got), c.Err())
			}
		case c.Err() == nil && c.Cut() == 0 || len(got) > 0 || c.Position() != 3:
			t.Errorf("%s, bit %d: accepted: %d records, position %d", codec, bit, len(got), c.Position())
		case c.Err() == nil && (at < lengthAt || at >= leaderEpochAt):
			t.Errorf("%s, bit %d: no error", codec, bit)
		}
	}
	for codec := range numCodecs {
		var w BatchWriter
		w.Codec = codec
		plant(&w, 40)
		good, err := w.Finish(Producer{4711, 2}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(good) {
			bad := slices.Clone(good)
			bad[bit/8] ^= 0x80 >> (bit % 8)
			f(codec, bit, good, bad)
		}
	}
}

// TestRefused changes a batch and sets the right checksum: each wrong field is
// told by name.
func TestRefused(t *testing.T) {
	good := build(t, spec{base: 100, deltas: []int64{0, 1, 2}, last: 2, producer: NoProducer, marker: NoMarker})
	f := func(want string, change func(b []byte)) {
		t.Helper()
		refused(t, patch(good, change), want)
	}
	put32 := func(at int, v int32) func(b []byte) {
		return func(b []byte) { binary.BigEndian.PutUint32(b[at:], uint32(v)) }
	}
	f("magic is 0 (message set v0), want 2", func(b []byte) { b[magicAt] = 0 })
	f("magic is 1 (message set v1), want 2", func(b []byte) { b[magicAt] = 1 })
	f("magic is -1 (unknown), want 2", func(b []byte) { b[magicAt] = 255 })
	f("length is 0, want 49 or more", put32(lengthAt, 0))
	f("length is 48, want 49 or more", put32(lengthAt, 48))
	f("length is -1, want 49 or more", put32(lengthAt, -1))
	f("length is -2147483648, want 49 or more", put32(lengthAt, math.MinInt32))
	f("CRC-32C", put32(lengthAt, 49))
	f("base offset is -1, want 0 or more", func(b []byte) { binary.BigEndian.PutUint64(b, math.MaxUint64) })
	f("last offset delta is 2, want 0 to 0", func(b []byte) { binary.BigEndian.PutUint64(b, math.MaxInt64-1) })
	f("last offset delta is -1, want 0 to 2147483647", put32(lastOffsetDeltaAt, -1))
	f("record count is 3, want 0 to 2", put32(lastOffsetDeltaAt, 1))
	f("record count is -1, want 0 to 3", put32(countAt, -1))
	f("record count is 4, want 0 to 3", put32(countAt, 4))
	f("follow the header of a batch without records", put32(countAt, 0))
	f("bytes follow its 2 records, want none", put32(countAt, 2))
	f("codec is 5, want none (0), gzip (1), snappy (2), lz4 (3) or zstd (4)", func(b []byte) { b[attributesAt+1] = 5 })
	f("codec is 7", func(b []byte) { b[attributesAt+1] = 7 })
	f("gzip: ", func(b []byte) { b[attributesAt+1] = byte(Gzip) })
	f("snappy: ", func(b []byte) { b[attributesAt+1] = byte(Snappy) })
	f("lz4: ", func(b []byte) { b[attributesAt+1] = byte(LZ4) })
	f("zstd: ", func(b []byte) { b[attributesAt+1] = byte(Zstd) })

	refused(t, append(slices.Clone(good), good...), "base offset is 100, want 103 or more: behind the batch before")
	refused(t, good, "")

	control := build(t, spec{base: 1, deltas: []int64{0}, producer: Producer{1, 1}, marker: Abort})
	refused(t, patch(control, func(b []byte) { b[len(b)-8]++ }), "value length is -7, want -1 to 7, the bytes left")
}

// TestRefusedRecords packs wrong records into a right batch.
func TestRefusedRecords(t *testing.T) {
	f := func(want string, count int, payload ...byte) {
		t.Helper()
		refused(t, wrap(None, count, payload), want)
	}
	const null = 1 // the varint of -1
	f("", 1, 12, 0, 0, 0, null, null, 0)
	f("", 2, 12, 0, 0, 0, null, null, 0, 12, 0, 0, 2, null, null, 0)
	f("record 2 of 2 at byte 7 of 7: length is 0, want 6 to 0, the bytes left", 2, 12, 0, 0, 0, null, null, 0)
	f("record 1 of 1 at byte 0 of 1: length is 6, want 6 to 0", 1, 12)
	f("length is 5, want 6 to 6", 1, 10, 0, 0, 0, null, null, 0)
	f("length is -1, want 6", 1, null, 0, 0, 0, null, null, 0)
	f("length is 0, want 6", 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01) // no int64
	f("length is 9223372036854775807, want 6", 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
	f("key length is -2, want -1 to 2", 1, 12, 0, 0, 0, 3, null, 0)
	f("key length is 3, want -1 to 2", 1, 12, 0, 0, 0, 6, null, 0)
	f("key length is 0, want -1 to 0", 1, 12, 0, 0, 0x80, 0x80, 0x80, 0x80)
	f("key length is 0, want -1 to 0", 1, 30, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1)
	f("value length is 2, want -1 to 1", 1, 12, 0, 0, 0, null, 4, 0)
	f("value length is 0, want -1 to 0", 1, 12, 0, 0, 0, 4, 'a', 'b')
	f("0 headers do not fit into the 0 bytes left", 1, 14, 0, 0, 0, null, 4, 'a', 'b')
	f("-1 headers", 1, 12, 0, 0, 0, null, null, null)
	f("1 headers do not fit into the 0 bytes left", 1, 12, 0, 0, 0, null, null, 2)
	f("1 headers do not fit into the 2 bytes left, or a header's key is null", 1, 16, 0, 0, 0, null, null, 2, null, null)
	f("4611686018427387903 headers", 1, 32, 0, 0, 0, null, null, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0)
	f("1 bytes follow its headers", 1, 14, 0, 0, 0, null, null, 0, 9)
	f("1 bytes follow its headers", 1, 18, 0, 0, 0, null, null, 2, 0, null, 9)
	f("record 2 of 2 at byte 7 of 14: its offset is not above", 2, 12, 0, 0, 0, null, null, 0, 12, 0, 0, 0, null, null, 0)
	f("its offset is not above", 1, 12, 0, 0, 2, null, null, 0)
	f("its offset is not above", 1, 12, 0, 0, null, null, null, 0)
	f("7 bytes follow its 1 records", 1, 12, 0, 0, 0, null, null, 0, 12, 0, 0, 2, null, null, 0)
}

// refused wants an *Error with want in it, or none if want is empty.
func refused(t *testing.T, data []byte, want string) {
	t.Helper()
	var d Decoder
	drain(&d, data)
	if want == "" {
		if d.Err() != nil {
			t.Error(d.Err())
		}
		return
	}
	var e *Error
	if !errors.As(d.Err(), &e) || !strings.Contains(e.Error(), want) {
		t.Errorf("got %v, want %q", d.Err(), want)
	} else if e.BaseOffset != int64(binary.BigEndian.Uint64(data[e.Byte:])) {
		t.Errorf("base offset %d, byte %d", e.BaseOffset, e.Byte)
	}
	var r Record
	if d.Next() || d.Record(&r) {
		t.Errorf("went on after %v", d.Err())
	}
}

// TestPositionStays reads up to a record that is wrong: the position is the
// first that was not read, and stays there.
func TestPositionStays(t *testing.T) {
	good := build(t, spec{base: 0, deltas: []int64{0, 1}, last: 4, producer: NoProducer, marker: NoMarker})
	bad := build(t, spec{base: 5, deltas: []int64{0, 1, 2}, last: 2, producer: NoProducer, marker: NoMarker})
	bad = patch(bad, func(b []byte) { b[len(b)-3]++ }) // length of the last value
	var c Cursor
	data := slices.Concat(good, bad)
	if got := readAll(&c, data, nil); len(got) != 4 || c.Position() != 7 {
		t.Errorf("%d records, position %d, want 4 and 7", len(got), c.Position())
	}
	var e *Error
	if !errors.As(c.Err(), &e) || e.BaseOffset != 5 || e.Byte != len(good) {
		t.Errorf("error %v, want base offset 5 at byte %d", c.Err(), len(good))
	}
	if c.Next() || c.Position() != 7 {
		t.Errorf("went on to %d", c.Position())
	}
}

// TestControl wants markers told and kept out of the data.
func TestControl(t *testing.T) {
	f := func(marker MarkerType, deltas []int64, want Marker) {
		t.Helper()
		var d Decoder
		var r Record
		d.Reset(build(t, spec{base: 9, deltas: deltas, last: 1, producer: Producer{5, 3}, txn: true, marker: marker}))
		if !d.Next() || d.Record(&r) || d.Err() != nil {
			t.Fatalf("marker %d: error %v, or it was read as a record", marker, d.Err())
		}
		if b := d.Batch(); b.Marker != want || !b.Control || !b.Transactional || b.Producer != (Producer{5, 3}) {
			t.Errorf("marker %d: got %+v, want %+v", marker, *b, want)
		}
	}
	f(Abort, []int64{0}, Marker{Abort, 17})
	f(Commit, []int64{0}, Marker{Commit, 17})
	f(Commit, []int64{0, 1}, Marker{Commit, 17})
	f(2, []int64{0}, Marker{2, -1}) // LeaderChange
	f(Abort, nil, Marker{NoMarker, -1})

	g := func(want string, key, value []byte) {
		t.Helper()
		var w BatchWriter
		w.Append(&Record{Key: key, Value: value})
		b, err := w.Finish(Producer{5, 3}, -1)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, patch(b, func(b []byte) { b[attributesAt+1] |= controlBit }), want)
	}
	g("marker has a key of 3 bytes, want 4 or more", []byte{0, 0, 0}, []byte{0, 0, 0, 0, 0, 17})
	g("marker has a key of 0 bytes, want 4 or more", nil, nil)
	g("marker has a value of 3 bytes, want 6 or more", []byte{0, 0, 0, 1}, []byte{0, 0, 0})
}
