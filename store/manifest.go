// Package store keeps artifacts, their companions and checkpoints on disk, whole
// or not at all. An artifact is a zip of .npy arrays and a manifest that
// numpy.load opens; its last 64 bytes are the SHA-256 of all before them, and its
// identity. A checkpoint is a fit pass over one partition, to be gone on with.
// Loading trusts nothing. docs/format.md describes every byte.
package store

import (
	"encoding/json"
	"slices"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/sketch"
)

// Format is the newest version of the artifact's format. An artifact that has no
// array, no label, nothing of all series together or of a record alone, no exact
// quantiles, no target, no scaler that version 1 does not know, nothing whitened and no
// splits behind the cutoff is written in version 1, which every tare reads.
const Format = 2

// A Manifest is what an artifact says about itself, in manifest.json. No time
// of day, path, host or random number is in it, and no feature value at or past
// cutoff - gap has touched it: the same log, plan and seals give the same bytes.
type Manifest struct {
	Format   int    `json:"format"`
	Pipeline string `json:"pipeline"`
	Revision int    `json:"revision"`
	fit.Plan
	Columns    []string         `json:"columns"`          // what Frozen.Transform writes
	Widths     []int            `json:"widths,omitempty"` // how many of them each feature has: Frozen.Widths
	Ranges     []fit.Range      `json:"ranges"`           // the training stretch, by partition
	Incomplete Incomplete       `json:"complete,omitzero"`
	Records    RecordCounts     `json:"records"`
	Series     fit.SeriesCounts `json:"series"`
	Pooled     []fit.Pooled     `json:"pooled"` // by feature, over all series
	Algorithms Algorithms       `json:"algorithms"`
	Normalize  Normalize        `json:"normalize"`
	Splits     fit.Splits       `json:"splits,omitempty"`
	Output     record.Output    `json:"output"`
	Examples   []frozen.Example `json:"examples"`
}

// Incomplete tells that offsets of the ranges were gone before they could be
// learned from; each range counts its own. It is written as complete: false, and
// left out of the manifest of an artifact that is complete.
type Incomplete bool

// MarshalJSON writes whether the artifact is complete.
func (i Incomplete) MarshalJSON() ([]byte, error) { return json.Marshal(!bool(i)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (i *Incomplete) UnmarshalJSON(text []byte) error {
	var complete bool
	err := json.Unmarshal(text, &complete)
	*i = Incomplete(!complete)
	return err
}

// format returns the version that the artifact is written in.
func (m *Manifest) format() int {
	if len(m.Whiten) > 0 || len(m.Norms) > 0 || m.Record.Format == schema.Binary || len(m.Splits) > 0 || m.Normalize.UnknownSeries == UnknownPooled || m.Output.Dtype == record.UInt8 || m.Output.Dtype == record.Int16 {
		return Format
	}
	for i := range m.Features {
		if f := &m.Features[i]; f.Shape != nil || f.Shared() || f.Pooled || f.Exact != "" || f.Role != "" || newScaler(f.Scaler.Kind) {
			return Format
		}
	}
	return 1
}

// newScaler reports whether version 1 does not know a scaler.
func newScaler(kind string) bool {
	return kind == scale.YeoJohnson || kind == scale.BoxCox || kind == scale.KBins
}

// Pools reports whether every feature has numbers for series that were not learned.
func (m *Manifest) Pools() bool {
	return !slices.ContainsFunc(m.Features, func(f frozen.Feature) bool { return !f.Shared() && !f.Pooled }) &&
		!slices.ContainsFunc(m.Whiten, func(g frozen.Group) bool { return !g.Shared() })
}

// Gone returns how many offsets of the ranges were gone.
func (m *Manifest) Gone() (n int64) {
	for i := range m.Ranges {
		n += m.Ranges[i].Gone
	}
	return n
}

// RecordCounts tell what became of the records of the training stretch.
type RecordCounts struct {
	Learned uint64 `json:"learned"` // by the series that are in the artifact
	Train   int64  `json:"train"`   // of all series
	// Rejected counts by reason those with a time before cutoff - gap, and
	// unreadable ones before the seal.
	Rejected map[string]int64 `json:"rejected"`
}

// Algorithms name what the numbers were computed with.
type Algorithms struct {
	Moments   string `json:"moments"`
	Quantiles string `json:"quantiles"`
	Distinct  string `json:"distinct"`
}

// CurrentAlgorithms are those of this version.
func CurrentAlgorithms() Algorithms {
	return Algorithms{
		Moments:   "blocks of 32, two passes, compensated merge, ddof 0",
		Quantiles: "t-digest, 128 centroids, compression 100, k1, exact to 128 distinct values",
		Distinct:  "HyperLogLog p=14, " + sketch.HashID,
	}
}

// Normalize holds the policies of the normalize pass. None of them changes what
// was learned, but pooled needs features that are; flags override them.
type Normalize struct {
	Emit          string `json:"emit"`           // all or live
	UnknownSeries string `json:"unknown_series"` // missing, pooled, dead_letter, drop, passthrough or fail
	OnError       string `json:"on_error"`       // continue or fail
}

// Find returns the number of a series that was learned; of another frozen.Pooled, if
// that is the policy, else frozen.Unknown.
func (n *Normalize) Find(f *frozen.Frozen, series []byte) int32 {
	id := f.Find(series)
	if id == frozen.Unknown && n.UnknownSeries == UnknownPooled {
		return frozen.Pooled
	}
	return id
}

// Accepted values of Normalize.
const (
	EmitAll  = "all"
	EmitLive = "live"

	UnknownMissing     = "missing"
	UnknownPooled      = "pooled"
	UnknownDeadLetter  = "dead_letter"
	UnknownDrop        = "drop"
	UnknownPassthrough = "passthrough"
	UnknownFail        = "fail"

	OnErrorContinue = "continue"
	OnErrorFail     = "fail"
)
