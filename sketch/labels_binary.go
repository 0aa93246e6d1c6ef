package sketch

import (
	"encoding/binary"
	"fmt"
)

// The binary form of Labels is little-endian. Equal states have equal bytes:
//
//	 0  u8  version, 1
//	 1  u32 number of labels that may be tracked
//	 5  u64 number of values
//	13  u64 error
//	21  u32 c, the number of labels tracked
//	25  c x (u64 count, u32 length of the label), by code
//	    the labels
const (
	labelsHeader = 25
	labelEntry   = 12
)

// AppendBinary appends the binary form of l to b: 25 bytes, and 12 besides its
// own for each label tracked. The error is nil.
func (l *Labels) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, version)
	b = binary.LittleEndian.AppendUint32(b, uint32(l.tracked))
	b = binary.LittleEndian.AppendUint64(b, l.n)
	b = binary.LittleEndian.AppendUint64(b, l.lost)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(l.ends)))
	start := uint32(0)
	for code, end := range l.ends {
		b = binary.LittleEndian.AppendUint64(b, l.counts[code])
		b = binary.LittleEndian.AppendUint32(b, end-start)
		start = end
	}
	return append(b, l.names...), nil
}

// UnmarshalBinary sets l to what AppendBinary wrote, or returns an error and
// leaves l as it is. It keeps nothing of data and allocates no more than a small
// multiple of its length. The restored stream continues with the same bytes.
func (l *Labels) UnmarshalBinary(data []byte) error {
	if len(data) < labelsHeader || data[0] != version {
		return fmt.Errorf("sketch: counts of labels of %d bytes and version % x, want at least %d bytes and version %d",
			len(data), data[:min(len(data), 1)], labelsHeader, version)
	}
	tracked := binary.LittleEndian.Uint32(data[1:])
	size := uint64(binary.LittleEndian.Uint32(data[21:]))
	if tracked < 1 || tracked > MaxTracked || size > uint64(tracked) || labelEntry*size > uint64(len(data)-labelsHeader) {
		return fmt.Errorf("sketch: %d labels of %d tracked in %d bytes, want 1 to %d tracked, no more labels than that, and %d bytes for each",
			size, tracked, len(data), MaxTracked, labelEntry)
	}
	read := Labels{
		tracked: int(tracked),
		n:       binary.LittleEndian.Uint64(data[5:]),
		lost:    binary.LittleEndian.Uint64(data[13:]),
	}
	names := labelsHeader + labelEntry*int(size)
	if err := read.readLabels(data[labelsHeader:names], data[names:]); err != nil {
		return err
	}
	if err := read.checkLost(); err != nil {
		return err
	}
	*l = read
	return nil
}

// readLabels refuses labels that would not have been taken, or not together, and
// one that comes twice.
func (l *Labels) readLabels(entries, names []byte) error {
	if len(names) > l.maxBytes() {
		return fmt.Errorf("sketch: labels of %d bytes, want at most %d", len(names), l.maxBytes())
	}
	for ; len(entries) > 0; entries = entries[labelEntry:] {
		count, n := binary.LittleEndian.Uint64(entries), int(binary.LittleEndian.Uint32(entries[8:]))
		if count == 0 || n > MaxLabel || n > len(names) {
			return fmt.Errorf("sketch: label %d has %d bytes and is counted %d times, want at most %d, %d bytes are left, and at least once",
				len(l.ends), n, count, MaxLabel, len(names))
		}
		hash, at, found := l.find(names[:n])
		if found {
			return fmt.Errorf("sketch: label %d is %q again, want each label once", len(l.ends), names[:n])
		}
		l.insert(names[:n], count, hash, at)
		names = names[n:]
	}
	if len(names) > 0 {
		return fmt.Errorf("sketch: %d bytes after the last label, want none", len(names))
	}
	return nil
}

// checkLost refuses an error that does not fit the values that are not counted:
// each 1 of it took one away from every label that did not fit together, and a
// merge at most from twice as many as are tracked.
func (l *Labels) checkLost() error {
	left := l.n
	for _, count := range l.counts {
		if count > left {
			return fmt.Errorf("sketch: labels are counted more often than there are values, %d", l.n)
		}
		left -= count
	}
	least, most := uint64(min(l.tracked, l.maxBytes()/MaxLabel)+1), 2*uint64(l.tracked)
	if l.n > MaxLabelCount || l.lost > left/least || l.lost < (left+most-1)/most {
		return fmt.Errorf("sketch: an error of %d where %d of %d values are not counted, want at most %d values and an error of %d to %d",
			l.lost, left, l.n, uint64(MaxLabelCount), (left+most-1)/most, left/least)
	}
	return nil
}
