package fit

import (
	"encoding/binary"
	"math/bits"

	"tare/sketch"
)

// The binary form of a State is little-endian. The slots come in any order, as
// those that were to change are written first; their names come in the order of
// the slots. docs/format.md says what each number must be.
//
//	u8   version: 1, or 2 if the plan has an array, a feature that all series
//	     share or pool, or features that are whitened
//	u8   length of sketch.HashID, and its bytes
//	u32  features
//	u32  series
//	u64  overflow
//	     for each feature: u64 domain, of a number that is learned and of a label
//	       sketch.Distinct, for each group of all series together: group, of a
//	       label: labels
//	     for each whitening that all series share: whitening
//	     for each series:
//	       u32  slot
//	       u64  records
//	            for each feature, for each group of the series: group
//	            for each whitening of the series: whitening
//	     for each series, by slot: u32 length of its name, and its bytes
//
// A group is u64 missing, u16 length of the accumulator, and its bytes. A whitening
// is u64 rows skipped, u32 length of the covariance, and its bytes. Labels are u8
// kinds, u64 missing, u32 length of the counts, and their bytes.
const (
	stateVersion      = 1
	arrayStateVersion = 2
)

// stateVersion returns the version of the states of a plan.
func (p *Plan) stateVersion() byte {
	if len(p.Whiten) > 0 {
		return arrayStateVersion
	}
	for i := range p.Features {
		if f := &p.Features[i]; f.Shape != nil || f.Shared() || f.Pooled {
			return arrayStateVersion
		}
	}
	return stateVersion
}

// A Snapshot writes the binary form of a State as it was when the Snapshot was
// taken, while the State goes on learning. Both belong to one goroutine. Series
// that Observe is about to change are written before; until Step hands them
// out, they, one bit a series and what is of all series together are all that a
// Snapshot costs.
type Snapshot struct {
	state   *State
	series  int32
	waiting []byte   // written, not handed out
	written []uint64 // a bit for each slot
	next    int32    // all slots below are written
	names   int32    // handed out
}

// Snapshot starts a copy of s as it is now. There can be one at a time, and none
// of a state that has absorbed others: both are bugs of the caller.
func (s *State) Snapshot() *Snapshot {
	if s.snapshot != nil || s.parts != nil {
		panic("BUG: Snapshot of a State that has one already, or has absorbed another State")
	}
	n := int32(s.series.Len())
	s.snapshot = &Snapshot{state: s, series: n, waiting: s.appendHead(nil), written: make([]uint64, (n+63)/64)}
	return s.snapshot
}

func (s *State) appendHead(b []byte) []byte {
	b = append(b, s.plan.stateVersion(), byte(len(sketch.HashID)))
	b = append(b, sketch.HashID...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.features)))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.series.Len()))
	b = binary.LittleEndian.AppendUint64(b, s.overflow)
	for i := range s.features {
		f := &s.features[i]
		b = binary.LittleEndian.AppendUint64(b, f.domain)
		if f.distinct != nil {
			b, _ = f.distinct.AppendBinary(b)
		}
		b = f.appendSlots(b, 0, f.shared)
		if f.labels != nil {
			b = f.labels.append(b)
		}
	}
	for i := range s.groups {
		g := &s.groups[i]
		b = g.appendSlots(b, 0, g.shared())
	}
	return b
}

// Step appends the next bytes to dst: all of the slots that had to be written
// since the last Step, then about size bytes more. done says that these were
// the last, and ends the Snapshot; a Step after that appends nothing.
func (n *Snapshot) Step(dst []byte, size int) (out []byte, done bool) {
	if n.state.snapshot != n {
		return dst, true
	}
	end := len(dst) + len(n.waiting) + size
	dst = append(dst, n.waiting...)
	n.waiting = n.waiting[:0]
	for ; n.next < n.series && len(dst) < end; n.next++ {
		if n.mark(n.next) {
			dst = n.state.appendSlot(dst, n.next)
		}
	}
	for ; n.next == n.series && n.names < n.series && len(dst) < end; n.names++ {
		name := n.state.series.Name(n.names)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(name)))
		dst = append(dst, name...)
	}
	if n.names < n.series || n.next < n.series {
		return dst, false
	}
	n.Discard()
	return dst, true
}

// Discard gives the Snapshot up. It does nothing to one that is done.
func (n *Snapshot) Discard() {
	if n.state.snapshot == n {
		n.state.snapshot = nil
	}
}

// keep writes a slot that is about to change.
func (n *Snapshot) keep(slot int32) {
	if slot < n.series && n.mark(slot) {
		n.waiting = n.state.appendSlot(n.waiting, slot)
	}
}

// mark reports whether a slot is still to be written, and that it is not any
// more.
func (n *Snapshot) mark(slot int32) bool {
	word, bit := &n.written[slot/64], bits.RotateLeft64(1, int(slot))
	fresh := *word&bit == 0
	*word |= bit
	return fresh
}

func (s *State) appendSlot(b []byte, slot int32) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(slot))
	b = binary.LittleEndian.AppendUint64(b, s.records[slot])
	for i := range s.features {
		f := &s.features[i]
		b = f.appendSlots(b, f.first(slot), f.own)
	}
	for i := range s.groups {
		g := &s.groups[i]
		b = g.appendSlots(b, g.first(slot), g.own)
	}
	return b
}

// appendSlots appends n groups.
func (f *feature) appendSlots(b []byte, first, n int) []byte {
	for slot := first; slot < first+n; slot++ {
		b = binary.LittleEndian.AppendUint64(b, f.missing[slot])
		b = append(b, 0, 0)
		at := len(b)
		b, _ = f.At(slot).AppendBinary(b)
		binary.LittleEndian.PutUint16(b[at-2:], uint16(len(b)-at))
	}
	return b
}
