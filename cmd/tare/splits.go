package main

import (
	"fmt"

	"tare/store"
)

// splitName returns the split of a record of which only the event time is known.
func splitName(m *store.Manifest, t int64) string {
	return m.Splits.Names()[m.Splits.Place(m.Cutoff.SplitAlone(t), t)]
}

// stretchText says which times a split behind the cutoff has.
func stretchText(m *store.Manifest, i int) string {
	from := m.Cutoff.Time
	if i > 0 {
		from = *m.Splits[i-1].Until
	}
	if m.Splits[i].Until == nil {
		return fmt.Sprintf("times from %v on", from)
	}
	return fmt.Sprintf("times from %v up to %v", from, *m.Splits[i].Until)
}
