package stream

import (
	"sync"
	"time"

	"tare/fit"
)

// A Phase is where a running pipeline stands.
type Phase string

const (
	Starting    Phase = "starting"    // nothing is assigned yet
	Fitting     Phase = "fitting"     // the fit pass
	Rereading   Phase = "rereading"   // the training stretch again, for exact quantiles
	Freezing    Phase = "freezing"    // all partitions have sealed
	Normalizing Phase = "normalizing" // the normalize pass, with the artifact
	Stopped     Phase = "stopped"     // told to, or failed
)

// A Status tells how a running pipeline is doing. Counts are those of this
// process, but for Fit's, which a checkpoint carries over a restart; behind the
// freeze they stay, and of a fit that another process made they are what the
// artifact tells: learned, gone, and the seal.
type Status struct {
	Pipeline   string            `json:"pipeline"`
	Revision   int               `json:"revision"`
	Topic      string            `json:"topic"`
	Phase      Phase             `json:"phase"`
	Ready      bool              `json:"ready"` // assigned, state restored, outputs taken over
	Started    time.Time         `json:"started"`
	Artifact   string            `json:"artifact,omitempty"` // id, once frozen
	FrozenAt   time.Time         `json:"frozen_at,omitzero"` // when this process froze or loaded it
	Cutoff     time.Time         `json:"cutoff,omitzero"`    // if it is one of event time
	MaxLate    float64           `json:"max_late"`           // share of late records from which a freeze is refused
	Partitions []PartitionStatus `json:"partitions"`
	Retries    map[string]int64  `json:"retries"` // requests made again, by what they were
	Error      string            `json:"error,omitempty"`
}

// A PartitionStatus tells how one partition is doing.
type PartitionStatus struct {
	Partition   int32     `json:"partition"`
	Phase       Phase     `json:"phase"`
	Next        int64     `json:"next"`      // offset to be read next
	End         int64     `json:"end"`       // high watermark; -1 is not known yet
	LogStart    int64     `json:"log_start"` // first offset that the topic still holds
	Committed   int64     `json:"committed"` // position that a restart goes on from; -1 is none
	CommittedAt time.Time `json:"committed_at,omitzero"`
	Records     int64     `json:"records"`         // read by this process, both passes
	Bytes       int64     `json:"bytes"`           // of their values
	Newest      time.Time `json:"newest,omitzero"` // event time
	Watermark   time.Time `json:"watermark,omitzero"`

	Fit    fit.Counts `json:"fit"`
	Seal   *fit.Seal  `json:"seal,omitempty"`
	Series int        `json:"series"`   // in the state
	Over   uint64     `json:"overflow"` // records of series beyond max_series

	Checkpoints      int64         `json:"checkpoints"`
	CheckpointErrors int64         `json:"checkpoint_errors"`
	CheckpointsBad   int64         `json:"checkpoints_set_aside"`
	CheckpointAt     time.Time     `json:"checkpoint_at,omitzero"`
	CheckpointTook   time.Duration `json:"checkpoint_took_ns"`
	CheckpointBytes  int64         `json:"checkpoint_bytes"`
	Error            string        `json:"error,omitempty"` // of the last checkpoint that failed

	Normalize NormalizeCounts `json:"normalize"`
	Skipped   int64           `json:"skipped"`  // outputs that the tail of their topic held already
	Clamped   int64           `json:"clamped"`  // Kafka timestamps too far ahead for the broker
	Gaps      int64           `json:"gaps"`     // offsets that were gone (on_gap: record)
	Batches   int64           `json:"batches"`  // appended to all outputs
	Appended  int64           `json:"appended"` // their bytes
	Inflight  int64           `json:"inflight"` // records not acknowledged yet
	Fences    int64           `json:"fences"`   // takeovers and hourly repeats
}

// newStatus is that of a partition of which nothing is known.
func newStatus(partition int32) PartitionStatus {
	return PartitionStatus{Partition: partition, Phase: Starting, End: -1, Committed: -1, Fit: fit.NewCounts()}
}

// keep takes over what the fit pass of the same partition has counted.
func (p *PartitionStatus) keep(was *PartitionStatus) {
	p.Records, p.Bytes = was.Records, was.Bytes
	p.Fit, p.Seal, p.Series, p.Over = was.Fit, was.Seal, was.Series, was.Over
	p.Checkpoints, p.CheckpointErrors, p.CheckpointsBad = was.Checkpoints, was.CheckpointErrors, was.CheckpointsBad
	p.CheckpointAt, p.CheckpointTook, p.CheckpointBytes = was.CheckpointAt, was.CheckpointTook, was.CheckpointBytes
}

// fits reports whether the partition is in the fit pass.
func (p *PartitionStatus) fits() bool {
	return p.Phase == Fitting || p.Phase == Rereading || p.Phase == Freezing
}

// Late returns the late records of the pass that the partition is in.
func (p *PartitionStatus) Late() int64 {
	if p.fits() {
		return p.Fit.Late()
	}
	return p.Normalize.Late
}

// Rejected returns the rejected records of the pass that the partition is in.
func (p *PartitionStatus) Rejected() int64 {
	if p.fits() {
		return p.Fit.Rejects()
	}
	return p.Normalize.Rejects()
}

// Lag returns the offsets that are still to be read; -1 is not known yet.
func (p *PartitionStatus) Lag() int64 {
	if p.End < 0 {
		return -1
	}
	return max(0, p.End-p.Next)
}

// A Monitor holds the Status of a running pipeline, for whoever asks. The zero
// value is ready for use; it is safe for concurrent use.
type Monitor struct {
	mu     sync.Mutex
	status Status
}

// Status returns a copy.
func (m *Monitor) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	s.Partitions = append([]PartitionStatus(nil), s.Partitions...)
	s.Retries = make(map[string]int64, len(m.status.Retries))
	for k, v := range m.status.Retries {
		s.Retries[k] = v
	}
	return s
}

// Update changes the status under its lock.
func (m *Monitor) Update(change func(*Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.status)
}
