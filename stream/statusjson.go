package stream

import (
	"encoding/json"
	"time"

	"tare/fit"
	"tare/record"
)

// The JSON of a Status is a contract: names are added, never changed. It names
// reasons instead of numbering them and shows the lag, which is computed.

// MarshalJSON writes what UnmarshalJSON reads.
func (p PartitionStatus) MarshalJSON() ([]byte, error) {
	return json.Marshal(partitionJSON{
		partitionFields: partitionFields(p),
		Lag:             p.Lag(),
		Fit:             fitJSON{p.Fit, p.Fit.Rejected, p.Fit.Before, instant(&p.Fit, p.Fit.Oldest), instant(&p.Fit, p.Fit.Newest)},
		Normalize:       normalizeJSON{p.Normalize, p.Normalize.Rejected},
	})
}

// UnmarshalJSON reads what MarshalJSON writes; names and reasons that it does
// not know are left out.
func (p *PartitionStatus) UnmarshalJSON(text []byte) error {
	var j partitionJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*p = PartitionStatus(j.partitionFields)
	p.Fit, p.Fit.Rejected, p.Fit.Before = j.Fit.Counts, j.Fit.Rejected, j.Fit.Before
	none := fit.NewCounts()
	p.Fit.Oldest, p.Fit.Newest = nanoseconds(j.Fit.Oldest, none.Oldest), nanoseconds(j.Fit.Newest, none.Newest)
	p.Normalize, p.Normalize.Rejected = j.Normalize.NormalizeCounts, j.Normalize.Rejected
	return nil
}

// A partitionJSON is a PartitionStatus as JSON shows it. Its own fields hide
// those of the same name in what it embeds; so do those of the types below.
type partitionJSON struct {
	partitionFields
	Lag       int64         `json:"lag"`
	Fit       fitJSON       `json:"fit"`
	Normalize normalizeJSON `json:"normalize"`
}

// partitionFields are a PartitionStatus without its methods.
type partitionFields PartitionStatus

type fitJSON struct {
	fit.Counts
	Rejected reasonCounts `json:"rejected"`
	Before   reasonCounts `json:"before"`
	Oldest   time.Time    `json:"oldest,omitzero"`
	Newest   time.Time    `json:"newest,omitzero"`
}

type normalizeJSON struct {
	NormalizeCounts
	Rejected reasonCounts `json:"rejected"`
}

// reasonCounts counts records by the names of reasons.
type reasonCounts [record.NumReasons]int64

// MarshalJSON writes every reason, also those that never occurred.
func (b reasonCounts) MarshalJSON() ([]byte, error) {
	named := map[string]int64{}
	for r := record.OK + 1; r < record.NumReasons; r++ {
		named[r.String()] = b[r]
	}
	return json.Marshal(named)
}

// UnmarshalJSON reads the reasons that it knows.
func (b *reasonCounts) UnmarshalJSON(text []byte) error {
	var named map[string]int64
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	for r := record.OK + 1; r < record.NumReasons; r++ {
		b[r] = named[r.String()]
	}
	return nil
}

// instant returns a time that c has seen; zero if it has seen none.
func instant(c *fit.Counts, ns int64) time.Time {
	if c.Records() == 0 || c.Oldest > c.Newest {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// nanoseconds returns t since 1970, or none.
func nanoseconds(t time.Time, none int64) int64 {
	if t.IsZero() {
		return none
	}
	return t.UnixNano()
}
