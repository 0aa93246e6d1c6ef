package kafka

import (
	"cmp"
	"slices"
)

// An Aborted is an entry of a fetch response's list of aborted transactions:
// what the producer wrote from FirstOffset on, up to its next Abort marker, is
// not to be read.
type Aborted struct {
	ProducerID  int64
	FirstOffset int64
}

// A Cursor is a place in a partition. It reads data records from there on, out
// of one fetch response after the other: no markers, nothing of aborted
// transactions, and nothing below its position, which responses contain because
// brokers send whole batches. The zero value is ready for SetPosition.
//
//	c.Reset(data, aborted)
//	for c.Next() {
//		for c.Record(&r) {
//			...
//		}
//	}
//	err := c.Err()
//
// Records hold as a [Decoder]'s do: until the next call of Next or Reset.
type Cursor struct {
	// Limit is the Decoder's.
	Limit int
	// Gap, if set, is told of each run of offsets, from the first up to but not
	// including the second, that Gone counts. They are not counted again by a
	// Cursor that goes on from Position.
	Gap func(from, to int64)

	batches  Decoder
	position int64
	within   bool // the batch is being read
	gone     int64

	aborted []Aborted          // of the response, by first offset
	begun   int                // how many of them the batches have reached
	active  map[int64]struct{} // producers within an aborted transaction
}

// SetPosition makes the Cursor read from offset on. Going back takes a Reset too.
func (c *Cursor) SetPosition(offset int64) { c.position, c.within = offset, false }

// Position returns the offset to fetch from, and to go on from after a restart:
// behind the last record that Record returned, and behind a batch and all that
// is left out of it once Record or Next has come to its end. It never moves past
// a batch that is wrong.
func (c *Cursor) Position() int64 { return c.position }

// Gone returns how many offsets from the first position on were in no batch, or
// missing from theirs: compaction or retention has removed them. Markers and
// aborted records are not gone. What SetPosition jumps over is not counted, nor
// what Next does in a batch whose records were not read to its end.
func (c *Cursor) Gone() int64 { return c.gone }

// Reset starts on the next fetch response: its records field, and its list of
// aborted transactions if it was asked for with isolation level read_committed.
// The list may be nil and in any order; it is copied.
func (c *Cursor) Reset(data []byte, aborted []Aborted) {
	c.batches.Limit = c.Limit
	c.batches.Reset(data)
	c.within = false
	c.aborted = append(c.aborted[:0], aborted...)
	slices.SortFunc(c.aborted, func(a, b Aborted) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	c.begun = 0
	clear(c.active)
}

// Next goes to the next batch that has data to read, over records of this one
// that were not read. It returns false at the end of the response and at a batch
// that is wrong, which Err tells apart.
func (c *Cursor) Next() bool {
	c.leave()
	for c.batches.Next() {
		c.within = true
		b := c.batches.Batch()
		c.miss(b.BaseOffset)
		hidden := c.hidden(b)
		if !hidden && b.LastOffset >= c.position && b.Count > 0 {
			return true
		}
		if !hidden {
			c.miss(b.LastOffset + 1) // compaction kept only the header
		}
		c.leave()
	}
	return false
}

// miss moves the position to an offset that nothing stands before.
func (c *Cursor) miss(offset int64) {
	if offset <= c.position {
		return
	}
	if c.Gap != nil {
		c.Gap(c.position, offset)
	}
	c.gone += offset - c.position
	c.position = offset
}

// leave moves the position behind the batch, unless something of it was wrong.
func (c *Cursor) leave() {
	if c.within && c.batches.Err() == nil {
		c.position = max(c.position, c.batches.Batch().LastOffset+1)
	}
	c.within = false
}

// hidden reports whether b is a marker or part of an aborted transaction. It is
// the rule of Kafka's own consumer, and must see every batch of a response in
// turn.
func (c *Cursor) hidden(b *Batch) bool {
	for ; c.begun < len(c.aborted) && c.aborted[c.begun].FirstOffset <= b.LastOffset; c.begun++ {
		if c.active == nil {
			c.active = map[int64]struct{}{}
		}
		c.active[c.aborted[c.begun].ProducerID] = struct{}{}
	}
	if b.Control {
		if b.Marker.Type == Abort {
			delete(c.active, b.Producer.ID)
		}
		return true
	}
	_, aborted := c.active[b.Producer.ID]
	return b.Transactional && aborted
}

// Record reads the next record of the batch into r. It returns false at the
// batch's end and at a record that is wrong, which Err tells apart.
func (c *Cursor) Record(r *Record) bool {
	for c.batches.Record(r) {
		if r.Offset >= c.position {
			c.miss(r.Offset)
			c.position = r.Offset + 1
			return true
		}
	}
	if c.within && c.batches.Err() == nil {
		c.miss(c.batches.Batch().LastOffset + 1)
	}
	c.leave()
	return false
}

// Batch returns the header of the batch that Next went to. It is overwritten by
// the next one.
func (c *Cursor) Batch() *Batch { return c.batches.Batch() }

// Err returns the *Error that stopped Next or Record, or nil.
func (c *Cursor) Err() error { return c.batches.Err() }

// Cut returns the size of the batch that the response ends within, as
// [Decoder.Cut] does. If Next found nothing before it, only a larger fetch moves
// the position on.
func (c *Cursor) Cut() int { return c.batches.Cut() }
