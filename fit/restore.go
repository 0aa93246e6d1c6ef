package fit

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"tare/scale"
	"tare/sketch"
)

// RestoreState reads the binary form of a State, size bytes of r, that a
// Snapshot wrote under the same plan, which it keeps. The State goes on as if it
// had never stopped. It refuses what no training under this plan can have left
// behind; memory is bounded by size, whatever the bytes say.
func RestoreState(plan *Plan, r io.Reader, size int64) (*State, error) {
	s, err := NewState(plan)
	if err != nil {
		return nil, err
	}
	in := &stateReader{r: bufio.NewReaderSize(r, 1<<16), left: size}
	if err := in.state(s); err != nil {
		return nil, fmt.Errorf("state, %d bytes before its end: %w", in.left, err)
	}
	return s, nil
}

// A stateReader reads numbers and bytes from a stream of known length. The
// first error stays; after it, all numbers are 0 and all bytes nil.
type stateReader struct {
	r    *bufio.Reader
	left int64
	buf  []byte
	err  error
}

// take returns the next n bytes, a view until the next take. It allocates as
// the bytes arrive.
func (in *stateReader) take(n int64) []byte {
	if in.err == nil && n > in.left {
		in.err = fmt.Errorf("%d bytes wanted: %w", n, io.ErrUnexpectedEOF)
	}
	in.buf = in.buf[:0]
	for in.err == nil && int64(len(in.buf)) < n {
		at := len(in.buf)
		in.buf = append(in.buf, make([]byte, min(n-int64(at), 1<<16))...)
		got, err := io.ReadFull(in.r, in.buf[at:])
		in.left -= int64(got)
		in.err = err
	}
	if in.err != nil {
		return nil
	}
	return in.buf
}

// uint reads an integer of n bytes.
func (in *stateReader) uint(n int64) uint64 {
	var word [8]byte
	copy(word[:], in.take(n))
	return binary.LittleEndian.Uint64(word[:])
}

func (in *stateReader) state(s *State) error {
	n, domains, err := in.head(s)
	if err != nil {
		return err
	}
	for range n {
		s.addSlot()
	}
	seen := make([]bool, n)
	for range n {
		if err := in.slot(s, seen); err != nil {
			return err
		}
	}
	if err := cmp.Or(s.checkShared(), s.checkDomains(domains)); err != nil {
		return err
	}
	for range n {
		if err := in.name(s); err != nil {
			return err
		}
	}
	if in.left != 0 {
		return errors.New("bytes behind the last name")
	}
	return nil
}

// head reads all before the first slot. It returns the number of series, for
// which there are bytes enough, and the domain counter of each feature.
func (in *stateReader) head(s *State) (n int, domains []uint64, err error) {
	version := in.uint(1)
	if want := uint64(s.plan.stateVersion()); in.err == nil && version != want {
		return 0, nil, fmt.Errorf("version %d, want %d", version, want)
	}
	hash := string(in.take(int64(in.uint(1))))
	features, series := in.uint(4), in.uint(4)
	s.overflow = in.uint(8)
	// An entry and its name take so many bytes if nothing was learned.
	least := int64(16)
	for i := range s.features {
		least += int64(s.features[i].own) * (8 + 2 + 3)
	}
	for i := range s.groups {
		least += int64(s.groups[i].own) * leastGroup
	}
	switch {
	case in.err != nil:
		return 0, nil, in.err
	case hash != sketch.HashID:
		return 0, nil, fmt.Errorf("counters with the hash %q, want %q", hash, sketch.HashID)
	case features != uint64(len(s.features)):
		return 0, nil, fmt.Errorf("%d features, want %d", features, len(s.features))
	case series > uint64(s.plan.MaxSeries) || s.overflow > 0 && series < uint64(s.plan.MaxSeries):
		return 0, nil, fmt.Errorf("%d series, and %d records of others, with max_series at %d", series, s.overflow, s.plan.MaxSeries)
	case int64(series) > in.left/least:
		return 0, nil, fmt.Errorf("%d series: %w", series, io.ErrUnexpectedEOF)
	}
	for i := range s.features {
		domains = append(domains, in.uint(8))
		if err := in.common(&s.features[i], s.plan.Features[i].Encoding); err != nil {
			return 0, nil, fmt.Errorf("feature %q: %w", s.plan.Features[i].Name, err)
		}
	}
	for i := range s.groups {
		if err := in.slots(&s.groups[i], 0, s.groups[i].shared()); err != nil {
			return 0, nil, fmt.Errorf("group %q: %w", s.plan.Whiten[i].Name, err)
		}
	}
	return int(series), domains, nil
}

// common reads what is not of one series.
func (in *stateReader) common(f *feature, e *scale.Encoding) error {
	if f.distinct != nil {
		if err := in.distinct(f.distinct); err != nil {
			return err
		}
	}
	for slot := range f.shared {
		if err := in.accumulator(f, slot); err != nil {
			return err
		}
	}
	if f.labels != nil {
		return in.labels(f.labels, e)
	}
	return nil
}

func (in *stateReader) distinct(d *sketch.Distinct) error {
	data := in.take(sketch.DistinctSize)
	if in.err != nil {
		return in.err
	}
	return d.UnmarshalBinary(data)
}

// slot reads one slot, which must not have been seen.
func (in *stateReader) slot(s *State, seen []bool) error {
	slot, records := in.uint(4), in.uint(8)
	switch {
	case in.err != nil:
		return in.err
	case slot >= uint64(len(seen)) || seen[slot]:
		return fmt.Errorf("slot %d of %d is out of range, or comes twice", slot, len(seen))
	case records == 0:
		return fmt.Errorf("slot %d without a record", slot)
	}
	seen[slot] = true
	s.records[slot] = records
	for i := range s.features {
		if err := in.groups(&s.features[i], int32(slot), records); err != nil {
			return fmt.Errorf("slot %d, feature %q: %w", slot, s.plan.Features[i].Name, err)
		}
	}
	for i := range s.groups {
		if err := in.whitening(&s.groups[i], int32(slot), records); err != nil {
			return fmt.Errorf("slot %d, group %q: %w", slot, s.plan.Whiten[i].Name, err)
		}
	}
	return nil
}

// groups reads the groups of one series, which are of all its records.
func (in *stateReader) groups(f *feature, series int32, records uint64) error {
	first := f.first(series)
	for slot := first; slot < first+f.own; slot++ {
		if err := in.accumulator(f, slot); err != nil {
			return err
		}
		if err := f.checkSlot(slot, records); err != nil {
			return err
		}
	}
	return nil
}

func (in *stateReader) accumulator(f *feature, slot int) error {
	missing := in.uint(8)
	data := in.take(int64(in.uint(2)))
	if in.err != nil {
		return in.err
	}
	f.missing[slot] = missing
	return f.Restore(slot, data)
}

// checkSlot holds the values of a group against the records that it was learned
// from.
func (f *feature) checkSlot(slot int, records uint64) error {
	values, missing := f.At(slot).Moments().N, f.missing[slot]
	over, want := bits.Mul64(records, uint64(f.layout.Share()))
	if over != 0 || missing > want || values != want-missing {
		return fmt.Errorf("%d values and %d missing in %d records", values, missing, records)
	}
	return nil
}

// checkShared holds what is of all series together against the records of all, and
// what is pooled against each.
func (s *State) checkShared() error {
	records := s.Records() - s.overflow
	for i := range s.features {
		f := &s.features[i]
		if f.labels != nil {
			if err := f.labels.check(records); err != nil {
				return fmt.Errorf("feature %q: %w", s.plan.Features[i].Name, err)
			}
		}
		for slot := range f.shared {
			err := f.checkSlot(slot, records)
			if own := f.missingOf(slot); err == nil && f.pools() && own != f.missing[slot] {
				err = fmt.Errorf("%d missing of all series together, and %d of each", f.missing[slot], own)
			}
			if err != nil {
				return fmt.Errorf("feature %q: %w", s.plan.Features[i].Name, err)
			}
		}
	}
	for i := range s.groups {
		for slot := range s.groups[i].shared() {
			if err := s.groups[i].checkSlot(slot, records); err != nil {
				return fmt.Errorf("group %q: %w", s.plan.Whiten[i].Name, err)
			}
		}
	}
	return nil
}

// missingOf adds up the missing values of a group over the slots of each series.
func (f *feature) missingOf(group int) (n uint64) {
	for slot := f.shared + group; slot < len(f.missing); slot += f.own {
		n += f.missing[slot]
	}
	return n
}

// checkDomains takes the values outside of the domains of pre-transforms, which
// are among the missing.
func (s *State) checkDomains(domains []uint64) error {
	for i, domain := range domains {
		f := &s.features[i]
		left := domain
		from := f.shared
		if f.own == 0 {
			from = 0
		}
		for _, missing := range f.missing[from:] {
			left -= min(left, missing)
		}
		if left > 0 {
			return fmt.Errorf("feature %q: %d values outside of the domain are more than those missing", s.plan.Features[i].Name, domain)
		}
		f.domain = domain
	}
	return nil
}

// name reads the name of the next slot.
func (in *stateReader) name(s *State) error {
	name := in.take(int64(in.uint(4)))
	if in.err != nil {
		return in.err
	}
	if _, added := s.series.Add(name); !added {
		return fmt.Errorf("series %.64q comes twice", name)
	}
	s.distinct.AddBytes(name)
	return nil
}
