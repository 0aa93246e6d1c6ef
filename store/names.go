package store

import (
	"bytes"
	"math"

	"tare/frozen"
)

// Names of the arrays that hold the names of the series, in byte order. No
// feature can be called series.
const (
	seriesName    = "series"
	seriesOffsets = seriesName + ".offsets" // of each name in the bytes, and their length
	seriesBytes   = seriesName + ".bytes"   // the names one behind the other
)

// putNames are the arrays for writing n names of size bytes together.
func putNames(n, size int, name func(i int) []byte) []array {
	return []array{
		{name: seriesOffsets, t: u8, n: uint64(n) + 1, put: func(b *blocks) {
			end := uint64(0)
			b.word(end)
			for i := range n {
				end += uint64(len(name(i)))
				b.word(end)
			}
		}},
		{name: seriesBytes, t: u1, n: uint64(size), put: func(b *blocks) {
			for i := range n {
				b.bytes(name(i))
			}
		}},
	}
}

// names are the arrays for reading. Their slices are made when both are known
// to be there.
type names struct {
	series  int
	size    uint64
	offsets []uint64
	bytes   []byte
}

// measureNames reads how many names there are.
func (c *container) measureNames() (*names, error) {
	n, err := c.items(seriesOffsets, u8)
	if err != nil {
		return nil, err
	}
	if n == 0 || n > math.MaxInt32 {
		return nil, refuse("%s has %d items, want 1 to 2^31-1", seriesOffsets, n)
	}
	size, err := c.items(seriesBytes, u1)
	return &names{series: int(n - 1), size: size}, err
}

func (n *names) arrays() []array {
	return []array{
		risingOffsets(seriesOffsets, uint64(n.series)+1, n.size, func(i int, x uint64) { n.offsets[i] = x }),
		{name: seriesBytes, t: u1, n: n.size, take: func(p []byte) { n.bytes = append(n.bytes, p...) }},
	}
}

// readNames reads the names.
func (c *container) readNames(n *names) (*frozen.Series, error) {
	n.offsets = make([]uint64, n.series+1)
	n.bytes = make([]byte, 0, n.size)
	for _, a := range n.arrays() {
		if err := c.load(&a); err != nil {
			return nil, err
		}
	}
	s := new(frozen.Series)
	var last []byte
	for i := range n.series {
		name := n.bytes[n.offsets[i]:n.offsets[i+1]]
		if i > 0 && bytes.Compare(last, name) >= 0 {
			return nil, refuse("%s: %q does not sort after %q", seriesBytes, name, last)
		}
		s.Add(name)
		last = name
	}
	return s, nil
}
