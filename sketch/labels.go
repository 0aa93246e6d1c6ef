package sketch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
)

const (
	// MaxLabel is the length in bytes of the longest label that a Labels takes.
	MaxLabel = 64 << 10

	// MaxTracked is the largest number of labels that a Labels tracks.
	MaxTracked = 1 << 20

	// MaxLabelCount is the number of values that a Labels can count: beyond it a
	// count is no exact float64.
	MaxLabelCount = 1 << 53
)

var (
	// ErrLabel says that a label is longer than MaxLabel.
	ErrLabel = errors.New("label is too long: it may have up to 65536 bytes")

	// ErrLabelsFull says that a Labels would count beyond MaxLabelCount.
	ErrLabelsFull = errors.New("counts of labels are full: they count up to 9007199254740992 values")
)

// Labels counts how often each label of a stream occurs, in bounded memory:
// exactly while the distinct labels fit, and from then on within a known error
// that is small against the frequent ones. They fit while they are no more than
// the number tracked and together no longer than 256 bytes for each of these, or
// 1 MiB if that is more.
//
// It is a Misra-Gries summary ("Finding repeated elements", 1982). A new label
// that does not fit takes one off every count, and labels at 0 are forgotten;
// Agarwal and others ("Mergeable summaries", 2012) prove the same bound for the
// merge used here. No count is too high, and none lacks more than Error, which
// is at most N / (tracked + 1), or N / 17 where it is the bytes of long labels
// that do not fit. So every label that occurs more often than that is tracked.
//
// A Labels is a handful of heap objects, however many labels there are. Make one
// with NewLabels; do not copy one after use. The same labels in the same order,
// restored from a checkpoint or not, give the same bytes.
type Labels struct {
	tracked int
	n       uint64
	lost    uint64 // what any count may lack
	names   []byte // the labels, by their codes
	ends    []uint32
	counts  []uint64
	seed    maphash.Seed
	table   []uint64 // hash in the upper half, code + 1 in the lower; 0 is free
}

// NewLabels returns a Labels that has seen nothing and tracks up to that many
// labels, at least 1 and at most MaxTracked.
func NewLabels(tracked int) (*Labels, error) {
	if tracked < 1 || tracked > MaxTracked {
		return nil, fmt.Errorf("sketch: %d labels to track, want 1 to %d", tracked, MaxTracked)
	}
	return &Labels{tracked: tracked}, nil
}

// maxBytes returns the length that all labels together may have.
func (l *Labels) maxBytes() int { return max(1<<20, 256*l.tracked) }

// Add takes one label and keeps nothing of it. It returns the label's code, or
// -1 if it is not tracked. Codes number the labels from 0 in the order they
// came; while the counts are exact a code stays, later labels may move up into
// the places of forgotten ones. A label longer than MaxLabel is not taken:
// ErrLabel; nor is one beyond MaxLabelCount: ErrLabelsFull.
func (l *Labels) Add(label []byte) (code int32, err error) {
	if len(label) > MaxLabel {
		return -1, ErrLabel
	}
	if l.n >= MaxLabelCount {
		return -1, ErrLabelsFull
	}
	l.n++
	hash, at, found := l.find(label)
	switch {
	case found:
		code = int32(uint32(l.table[at])) - 1
		l.counts[code]++
		return code, nil
	case len(l.ends) < l.tracked && len(l.names)+len(label) <= l.maxBytes():
		return l.insert(label, 1, hash, at), nil
	}
	l.fade(1)
	return -1, nil
}

// find returns the place of label in the table, or the free place where it
// belongs. There is room for one more.
func (l *Labels) find(label []byte) (hash, at uint64, found bool) {
	if 4*(len(l.ends)+1) > 3*len(l.table) {
		l.grow(len(l.ends) + 1)
	}
	hash = maphash.Bytes(l.seed, label)
	mask := uint64(len(l.table) - 1)
	for at = hash & mask; ; at = (at + 1) & mask {
		word := l.table[at]
		if word == 0 {
			return hash, at, false
		}
		if word>>32 == hash>>32 && bytes.Equal(l.label(int32(uint32(word))-1), label) {
			return hash, at, true
		}
	}
}

// insert adds a label, for which find has found a place.
func (l *Labels) insert(label []byte, count, hash, at uint64) (code int32) {
	l.names = append(l.names, label...)
	l.ends = append(l.ends, uint32(len(l.names)))
	l.counts = append(l.counts, count)
	l.table[at] = hash>>32<<32 | uint64(len(l.ends))
	return int32(len(l.ends) - 1)
}

// grow makes a table for n labels, at most half full.
func (l *Labels) grow(n int) {
	if len(l.table) == 0 {
		l.seed = maphash.MakeSeed()
	}
	l.table = make([]uint64, max(16, 1<<bits.Len(uint(2*n))))
	l.rehash()
}

// rehash fills the empty table.
func (l *Labels) rehash() {
	mask := uint64(len(l.table) - 1)
	for code := range l.ends {
		hash := maphash.Bytes(l.seed, l.label(int32(code)))
		at := hash & mask
		for l.table[at] != 0 {
			at = (at + 1) & mask
		}
		l.table[at] = hash>>32<<32 | uint64(code+1)
	}
}

// fade takes d off every count and forgets the labels that have nothing left.
// All that fading has taken away is shared by the labels that were counted: this
// bounds the error.
func (l *Labels) fade(d uint64) {
	l.lost += d
	kept, names, start := 0, l.names[:0], uint32(0)
	for code, end := range l.ends {
		if l.counts[code] > d {
			names = append(names, l.names[start:end]...)
			l.ends[kept], l.counts[kept] = uint32(len(names)), l.counts[code]-d
			kept++
		}
		start = end
	}
	if kept < len(l.ends) {
		l.names, l.ends, l.counts = names, l.ends[:kept], l.counts[:kept]
		clear(l.table)
		l.rehash()
	}
}

// Merge takes all labels that o has seen, those that l does not know yet in the
// order of their codes. It is exact if both are and all labels fit. Another
// order of merges gives other codes and, beyond exactness, other counts within
// their error. An error is for another number tracked, or is ErrLabelsFull; it
// leaves l as it is.
func (l *Labels) Merge(o *Labels) error {
	if l.tracked != o.tracked {
		return fmt.Errorf("sketch: merge of counts that track %d labels with those that track %d, want the same number", l.tracked, o.tracked)
	}
	if l.n+o.n > MaxLabelCount {
		return ErrLabelsFull
	}
	l.n += o.n
	l.lost += o.lost
	for code := range o.ends {
		label, count := o.At(int32(code))
		hash, at, found := l.find(label)
		if found {
			l.counts[uint32(l.table[at])-1] += count
		} else {
			l.insert(label, count, hash, at)
		}
	}
	if d := l.excess(); d > 0 {
		l.fade(d)
	}
	return nil
}

// excess returns what must be taken off every count for the labels to fit: the
// largest count that does not.
func (l *Labels) excess() uint64 {
	if len(l.ends) <= l.tracked && len(l.names) <= l.maxBytes() {
		return 0
	}
	codes := make([]int32, len(l.ends))
	for i := range codes {
		codes[i] = int32(i)
	}
	slices.SortFunc(codes, func(a, b int32) int { return cmp.Compare(l.counts[b], l.counts[a]) })
	size := 0
	for i, code := range codes {
		size += len(l.label(code))
		if i == l.tracked || size > l.maxBytes() {
			return l.counts[code]
		}
	}
	return 0
}

// Tracked returns the number of labels that are tracked at most.
func (l *Labels) Tracked() int { return l.tracked }

// N returns the number of values taken.
func (l *Labels) N() uint64 { return l.n }

// Len returns the number of labels tracked now.
func (l *Labels) Len() int { return len(l.ends) }

// Exact reports whether every count is that of all values and no label is
// missing.
func (l *Labels) Exact() bool { return l.lost == 0 }

// Error returns how many occurrences any count may lack: a label counted c
// times occurred c to c + Error times, one that is not tracked up to Error.
func (l *Labels) Error() uint64 { return l.lost }

// At returns the label with a code from 0 to Len and its count. The label is a
// view until the next Add or Merge and must not be changed.
func (l *Labels) At(code int32) (label []byte, count uint64) {
	return l.label(code), l.counts[code]
}

func (l *Labels) label(code int32) []byte {
	start := uint32(0)
	if code > 0 {
		start = l.ends[code-1]
	}
	return l.names[start:l.ends[code]:l.ends[code]]
}

// Sorted returns the labels in the order of their bytes, which for UTF-8 is that
// of code points and so scikit-learn's, and their counts. The labels are views
// until the next Add or Merge and must not be changed.
func (l *Labels) Sorted() (labels [][]byte, counts []uint64) {
	codes := make([]int32, len(l.ends))
	for i := range codes {
		codes[i] = int32(i)
	}
	slices.SortFunc(codes, func(a, b int32) int { return bytes.Compare(l.label(a), l.label(b)) })
	labels, counts = make([][]byte, len(codes)), make([]uint64, len(codes))
	for i, code := range codes {
		labels[i], counts[i] = l.At(code)
	}
	return labels, counts
}
