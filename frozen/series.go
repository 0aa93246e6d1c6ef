package frozen

import (
	"hash/maphash"
	"math/bits"
)

// A Series is a set of series names, numbered from 0 in the order they were
// added. The zero value is empty. Reads are safe for concurrent use once
// nothing is added any more.
//
// Names lie in one array and are found through an open-addressing table of
// (hash, id) words, so that a million of them are four heap objects.
type Series struct {
	seed  maphash.Seed
	names []byte
	ends  []uint64 // of each name in names
	table []uint64 // hash in the upper half, id + 1 in the lower; 0 is free
}

// Len returns the number of names.
func (s *Series) Len() int { return len(s.ends) }

// Bytes returns the length of all names together.
func (s *Series) Bytes() int { return len(s.names) }

// Name returns the name with the given number, a view that must not be changed.
func (s *Series) Name(id int32) []byte {
	start := uint64(0)
	if id > 0 {
		start = s.ends[id-1]
	}
	return s.names[start:s.ends[id]:s.ends[id]]
}

// Find returns the number of a name.
func (s *Series) Find(name []byte) (id int32, ok bool) {
	if len(s.table) == 0 {
		return 0, false
	}
	hash := maphash.Bytes(s.seed, name)
	at, found := s.probe(hash, name)
	if !found {
		return 0, false
	}
	return int32(uint32(s.table[at])) - 1, true
}

// Add returns the number of a name and whether it is new.
func (s *Series) Add(name []byte) (id int32, added bool) {
	if 4*(len(s.ends)+1) > 3*len(s.table) {
		s.grow()
	}
	hash := maphash.Bytes(s.seed, name)
	at, found := s.probe(hash, name)
	if found {
		return int32(uint32(s.table[at])) - 1, false
	}
	s.names = append(s.names, name...)
	s.ends = append(s.ends, uint64(len(s.names)))
	s.table[at] = hash>>32<<32 | uint64(len(s.ends))
	return int32(len(s.ends) - 1), true
}

// probe returns the place of name in the table, or the free place where it
// belongs.
func (s *Series) probe(hash uint64, name []byte) (at uint64, found bool) {
	mask := uint64(len(s.table) - 1)
	for at = hash & mask; ; at = (at + 1) & mask {
		word := s.table[at]
		if word == 0 {
			return at, false
		}
		if word>>32 == hash>>32 && string(s.Name(int32(uint32(word))-1)) == string(name) {
			return at, true
		}
	}
}

func (s *Series) grow() {
	if len(s.table) == 0 {
		s.seed = maphash.MakeSeed()
	}
	size := max(16, 1<<bits.Len(uint(2*len(s.ends))))
	s.table = make([]uint64, size)
	for id := range s.ends {
		name := s.Name(int32(id))
		hash := maphash.Bytes(s.seed, name)
		at, _ := s.probe(hash, name)
		s.table[at] = hash>>32<<32 | uint64(id+1)
	}
}
