package fit

import (
	"fmt"
	"regexp"
	"slices"
)

// Splits name stretches behind a cutoff by event time, one after the other: the
// first goes from the cutoff to its Until, the next from there to its own. They
// change nothing that is learned; to learning all of them are Live.
type Splits []Stretch

// A Stretch of Splits ends before Until; nil, which the last one may have, is never.
type Stretch struct {
	Name  string   `json:"name"`
	Until *Instant `json:"until,omitempty"`
}

// SplitName is what the name of a Stretch must match: it may stand in the names of
// topics and files.
const SplitName = `^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$`

// MaxSplits is how many there may be: each may have a topic of its own.
const MaxSplits = 64

var splitName = regexp.MustCompile(SplitName)

// Names returns the names of all splits of a record: train, gap, those of the
// stretches in order, and live unless the last of them never ends.
func (s Splits) Names() []string {
	names := []string{Train.String(), InGap.String()}
	for i := range s {
		names = append(names, s[i].Name)
	}
	if len(s) == 0 || s[len(s)-1].Until != nil {
		names = append(names, Live.String())
	}
	return names
}

// Place returns which of Names is that of a record with the given split and event
// time.
func (s Splits) Place(split Split, t int64) int {
	if split != Live {
		return int(split)
	}
	for i := range s {
		if s[i].Until == nil || t < int64(*s[i].Until) {
			return int(Live) + i
		}
	}
	return int(Live) + len(s)
}

// Validate refuses splits that name no stretches behind the cutoff.
func (s Splits) Validate(c *Cutoff) error {
	switch {
	case len(s) == 0:
		return nil
	case c.Kind != EventTime:
		return fmt.Errorf("splits by event time behind a cutoff by %s, want one by event time", c.Kind)
	case len(s) > MaxSplits:
		return fmt.Errorf("%d splits, want at most %d", len(s), MaxSplits)
	}
	seen := []string{Train.String(), InGap.String(), Live.String()}
	after := c.Time
	for i, stretch := range s {
		switch {
		case !splitName.MatchString(stretch.Name) || slices.Contains(seen, stretch.Name):
			return fmt.Errorf("split %.80q: want up to 64 letters, digits, _ and -, starting with a letter or digit, and a name of its own, other than train, gap and live", stretch.Name)
		case stretch.Until == nil && i < len(s)-1:
			return fmt.Errorf("split %q never ends, but is not the last one", stretch.Name)
		case stretch.Until != nil && *stretch.Until <= after:
			return fmt.Errorf("split %q ends at %v, want it to end after %v", stretch.Name, *stretch.Until, after)
		}
		if seen = append(seen, stretch.Name); stretch.Until != nil {
			after = *stretch.Until
		}
	}
	return nil
}
