package kafka

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// A modelLog is a partition as a broker holds it, with what a consumer of each
// kind should read from it.
type modelLog struct {
	batches   []modelBatch
	aborts    []modelAbort
	committed []int64 // offsets of data records, without those of aborted transactions
	all       []int64
	markers   []int64
	next      int64
}

type modelBatch struct {
	first, last int64
	bytes       []byte
	txn         bool
	producer    int64
}

type modelAbort struct {
	Aborted
	last int64 // offset of the marker
}

// A modelTxn is an open transaction.
type modelTxn struct {
	open    bool
	first   int64
	offsets []int64
}

// newModelLog interleaves three transactional producers, idempotent and plain
// batches, all codecs, gaps within and between batches, empty batches, and
// markers of empty transactions.
func newModelLog(t *testing.T, r *rand.Rand) *modelLog {
	l := &modelLog{next: r.Int64N(1000)}
	txns := make([]modelTxn, 3)
	for range 60 {
		if r.IntN(4) == 0 {
			l.next += r.Int64N(50) // compacted away
		}
		p := r.IntN(5)
		if p >= len(txns) {
			l.data(t, r, r.Int64N(5)-1, nil) // plain, or idempotent by anyone
			continue
		}
		txn := &txns[p]
		if r.IntN(3) == 0 {
			l.end(t, int64(p), txn, r.IntN(2) == 0)
			continue
		}
		if !txn.open {
			*txn = modelTxn{open: true, first: l.next}
		}
		l.data(t, r, int64(p), txn)
	}
	for p := range txns {
		l.end(t, int64(p), &txns[p], p == 0)
	}
	slices.Sort(l.committed)
	return l
}

func (l *modelLog) add(t *testing.T, s spec) {
	s.base = l.next
	l.batches = append(l.batches, modelBatch{l.next, l.next + s.last, build(t, s), s.txn, s.producer.ID})
	l.next += s.last + 1
}

func (l *modelLog) data(t *testing.T, r *rand.Rand, id int64, txn *modelTxn) {
	s := spec{producer: Producer{id, 1}, txn: txn != nil, codec: Codec(r.IntN(int(numCodecs))), marker: NoMarker}
	s.last = r.Int64N(8)
	for delta := range s.last + 1 {
		if r.IntN(4) == 0 {
			continue
		}
		s.deltas = append(s.deltas, delta)
		offset := l.next + delta
		l.all = append(l.all, offset)
		if txn != nil {
			txn.offsets = append(txn.offsets, offset)
		} else {
			l.committed = append(l.committed, offset)
		}
	}
	if len(s.deltas) == 0 {
		s.codec = None
	}
	l.add(t, s)
}

func (l *modelLog) end(t *testing.T, id int64, txn *modelTxn, commit bool) {
	marker := Abort
	if commit {
		marker = Commit
		l.committed = append(l.committed, txn.offsets...)
	} else if txn.open {
		l.aborts = append(l.aborts, modelAbort{Aborted{id, txn.first}, l.next})
	}
	*txn = modelTxn{}
	l.markers = append(l.markers, l.next)
	l.add(t, spec{deltas: []int64{0}, producer: Producer{id, 1}, txn: true, marker: marker})
}

// fetch answers as a broker does: whole batches from the one that holds
// position on, cut anywhere after size bytes, and the aborted transactions that
// touch what it sends, in no particular order.
func (l *modelLog) fetch(r *rand.Rand, position int64, size int) (data []byte, aborted []Aborted) {
	upper := position
	for _, b := range l.batches {
		if b.last < position {
			continue
		}
		if len(data) >= size {
			break
		}
		data = append(data, b.bytes...)
		upper = b.last
	}
	for _, a := range l.aborts {
		if a.FirstOffset <= upper && a.last >= position {
			aborted = append(aborted, a.Aborted)
		}
	}
	r.Shuffle(len(aborted), func(i, j int) { aborted[i], aborted[j] = aborted[j], aborted[i] })
	return data[:min(size, len(data))], aborted
}

// TestCursorModel follows random logs through fetches of random sizes, stopping
// in the middle of batches and going on from the position.
func TestCursorModel(t *testing.T) {
	r := random(t)
	var c Cursor
	for range 40 {
		l := newModelLog(t, r)
		for _, committed := range []bool{true, false} {
			want := l.all
			if committed {
				want = l.committed
			}
			stray(r, l, &c)
			start := r.Int64N(l.next + 1)
			at, _ := slices.BinarySearch(want, start)
			c.SetPosition(start)
			var gone []int64
			c.Gap = func(from, to int64) {
				for ; from < to; from++ {
					gone = append(gone, from)
				}
			}
			if got := follow(t, r, l, &c, committed); !slices.Equal(got, want[at:]) {
				t.Fatalf("committed %v from %d:\ngot  %v\nwant %v", committed, start, got, want[at:])
			}
			c.Gap = nil
			if want := l.gone(start, committed); !slices.Equal(gone, want) {
				t.Fatalf("committed %v from %d, gone:\ngot  %v\nwant %v", committed, start, gone, want)
			}
		}
	}
}

// gone returns the offsets from start on that hold nothing, but for those in
// batches of aborted transactions.
func (l *modelLog) gone(start int64, committed bool) (offsets []int64) {
	for offset := start; offset < l.next; offset++ {
		held := slices.Contains(l.all, offset) || slices.Contains(l.markers, offset)
		if !held && !(committed && l.aborted(offset)) {
			offsets = append(offsets, offset)
		}
	}
	return offsets
}

// aborted reports whether the batch that spans an offset is to be left out.
func (l *modelLog) aborted(offset int64) bool {
	for _, b := range l.batches {
		if b.first <= offset && offset <= b.last {
			return b.txn && slices.ContainsFunc(l.aborts, func(a modelAbort) bool {
				return a.ProducerID == b.producer && a.FirstOffset <= b.last && b.first < a.last
			})
		}
	}
	return false
}

// stray reads one response somewhere, which may end within transactions.
func stray(r *rand.Rand, l *modelLog, c *Cursor) {
	c.SetPosition(r.Int64N(l.next))
	data, aborted := l.fetch(r, c.Position(), 2000)
	readAll(c, data, aborted)
}

// follow reads the log to its end.
func follow(t *testing.T, r *rand.Rand, l *modelLog, c *Cursor, committed bool) (offsets []int64) {
	t.Helper()
	var record Record
	size := 1 + r.IntN(2000)
	for c.Position() < l.next {
		before := c.Position()
		data, aborted := l.fetch(r, before, size)
		if !committed {
			aborted = nil
		}
		c.Reset(data, aborted)
		stop := r.IntN(30) // records to read of this response
		for stop > 0 && c.Next() {
			for ; stop > 0 && c.Record(&record); stop-- {
				if v, _ := binary.Varint(record.Value); v != record.Offset || c.Position() != v+1 {
					t.Fatalf("record %d has offset %d, position %d", v, record.Offset, c.Position())
				}
				offsets = append(offsets, record.Offset)
			}
		}
		if c.Err() != nil || c.Position() < before {
			t.Fatalf("from %d to %d: %v", before, c.Position(), c.Err())
		}
		size = 1 + r.IntN(2000)
		if c.Position() == before {
			size = max(size, c.Cut()) // a batch larger than the fetch
		}
	}
	return offsets
}

// TestCursorSkips goes over the rest of a batch when it is told to.
func TestCursorSkips(t *testing.T) {
	var c Cursor
	var r Record
	c.Reset(slices.Concat(three(t)...), nil)
	if !c.Next() || !c.Record(&r) || c.Position() != 11 {
		t.Fatalf("position %d, want 11", c.Position())
	}
	if !c.Next() || c.Position() != 12 || c.Batch().Codec != Zstd {
		t.Fatalf("position %d, want 12", c.Position())
	}
	c.SetPosition(15)
	if !c.Record(&r) || r.Offset != 15 || c.Record(&r) || c.Position() != 16 {
		t.Fatalf("offset %d, position %d, want 15 and 16", r.Offset, c.Position())
	}
}
