package kafka

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func randomBytes(r *rand.Rand, most int) []byte {
	if r.IntN(5) == 0 {
		return nil
	}
	n := r.IntN(most)
	if r.IntN(3) == 0 {
		n = r.IntN(4)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(4))
	}
	return b
}

func randomTime(r *rand.Rand) int64 {
	switch r.IntN(20) {
	case 0:
		return -1
	case 1:
		return int64(r.Uint64())
	}
	return 1_772_000_000_000 + r.Int64N(200_000) - 100_000
}

// TestRoundTrip writes random records with every codec and reads them back:
// fields, null or empty, order, header of the batch. What was read is written
// again and comes out as the same bytes.
func TestRoundTrip(t *testing.T) {
	r := random(t)
	var w, again BatchWriter
	var d Decoder
	for round := range 200 {
		w.Codec = Codec(r.IntN(int(numCodecs)))
		w.Transactional = r.IntN(2) == 0
		again.Codec, again.Transactional = w.Codec, w.Transactional
		p, sequence := Producer{int64(r.Uint64()), int16(r.Uint32())}, int32(r.Uint32())
		w.Reset()
		var want []string
		first, most := int64(0), int64(math.MinInt64)
		for i := range 1 + r.IntN(200) {
			record := Record{Timestamp: randomTime(r), Key: randomBytes(r, 20), Value: randomBytes(r, 400)}
			var headers []Header
			for range r.IntN(4) {
				headers = append(headers, Header{string(randomBytes(r, 9)), randomBytes(r, 90)})
			}
			if !w.Append(&record, headers...) {
				t.Fatal("batch is full")
			}
			if i == 0 {
				first = record.Timestamp
			}
			most = max(most, record.Timestamp)
			record.Offset = int64(i)
			line := goldenLine(&record)
			for _, h := range headers {
				line += fmt.Sprintf(" %s=%s", h.Key, goldenText(h.Value))
			}
			want = append(want, line)
		}
		batch, err := w.Finish(p, sequence)
		if err != nil || len(batch) > w.Size() {
			t.Fatalf("round %d: %d bytes of %d, error %v", round, len(batch), w.Size(), err)
		}

		var got []string
		var record Record
		again.Reset()
		d.Reset(batch)
		if !d.Next() {
			t.Fatal(d.Err())
		}
		for d.Record(&record) {
			got = append(got, goldenLine(&record))
			if cap(record.Key) != len(record.Key) || cap(record.Value) != len(record.Value) {
				t.Fatal("an append to a view would overwrite what follows it")
			}
			again.Append(&record)
		}
		if d.Err() != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("round %d, %s: error %v\ngot\n%s\nwant\n%s", round, w.Codec, d.Err(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		b := *d.Batch()
		if b.Codec != w.Codec && b.Codec != None {
			t.Errorf("codec %s, want %s", b.Codec, w.Codec)
		}
		wantBatch := Batch{
			LastOffset: int64(len(want)) - 1, LeaderEpoch: -1, BaseTimestamp: first, MaxTimestamp: most, Producer: p, Sequence: sequence,
			Count: len(want), Codec: b.Codec, Transactional: w.Transactional, Marker: Marker{NoMarker, -1}, Size: len(batch),
		}
		if b != wantBatch {
			t.Errorf("got %+v, want %+v", b, wantBatch)
		}
		if second, err := again.Finish(p, sequence); err != nil || !bytes.Equal(batch, second) {
			t.Errorf("round %d: written again it is another, error %v", round, err)
		}
	}
}

// TestMax fills batches up to every size: the size is known before, the record
// that does not fit leaves no trace.
func TestMax(t *testing.T) {
	records, headers := small()
	var whole BatchWriter
	sizes := []int{headerSize}
	for i := range records {
		whole.Append(&records[i], headers[i]...)
		sizes = append(sizes, whole.Size())
	}
	for limit := 1; limit <= whole.Size()+1; limit++ {
		w := BatchWriter{Max: limit}
		n := 0
		for n < len(records) && w.Append(&records[n], headers[n]...) {
			n++
		}
		if w.Len() != n || w.Size() != sizes[n] || n > 0 && sizes[n] > limit || n < len(records) && sizes[n+1] <= limit {
			t.Fatalf("limit %d: %d records, size %d; sizes are %v", limit, w.Len(), w.Size(), sizes)
		}
		if n == 0 {
			continue
		}
		b, err := w.Finish(NoProducer, -1)
		if got := readAll(new(Cursor), b, nil); err != nil || len(b) != sizes[n] || len(got) != n {
			t.Fatalf("limit %d: %d bytes, %d records, error %v", limit, len(b), len(got), err)
		}
	}
}

// TestNeverLarger packs bytes that cannot be compressed: written as they are.
func TestNeverLarger(t *testing.T) {
	noise := make([]byte, 100_000)
	must(rand.NewChaCha8([32]byte{1}).Read(noise))
	for codec := range numCodecs {
		w := BatchWriter{Codec: codec}
		w.Append(&Record{Value: noise})
		b, err := w.Finish(NoProducer, -1)
		var c Cursor
		if got := readAll(&c, b, nil); err != nil || len(b) != w.Size() || len(got) != 1 || c.Batch().Codec != None {
			t.Errorf("%s: %d bytes as %s, error %v", codec, len(b), c.Batch().Codec, err)
		}
	}
}

// TestFinishAgain finishes a batch as another producer, and goes on after that.
func TestFinishAgain(t *testing.T) {
	for codec := range numCodecs {
		w := BatchWriter{Codec: codec}
		plant(&w, 10)
		first := bytes.Clone(must(w.Finish(Producer{1, 1}, 0)))
		must(w.Finish(Producer{2, 1}, 0))
		if got := must(w.Finish(Producer{1, 1}, 0)); !bytes.Equal(got, first) {
			t.Errorf("%s: another batch the second time", codec)
		}
		plant(&w, 1)
		if got := readAll(new(Cursor), must(w.Finish(Producer{1, 1}, 0)), nil); len(got) != 11 {
			t.Errorf("%s: %d records, want 11", codec, len(got))
		}
	}
}

func TestFinishRefuses(t *testing.T) {
	f := func(w BatchWriter, records int, want string) {
		t.Helper()
		plant(&w, records)
		if b, err := w.Finish(NoProducer, -1); err == nil || err.Error() != want {
			t.Errorf("%d bytes, error %v, want %q", len(b), err, want)
		}
	}
	f(BatchWriter{}, 0, "record batch has no records, want one or more")
	f(BatchWriter{Codec: 5}, 1, "record batch: codec is 5, want none (0), gzip (1), snappy (2), lz4 (3) or zstd (4)")
}
