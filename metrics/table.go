// Package metrics shows a stream.Status to Prometheus. Every metric is one line
// of the two tables below; nothing is counted here.
//
// Labels are bounded: topic, partition, phase, split, reason, kind and the
// identity of what was frozen; never a series or a value. What the fit pass has
// counted is part of its state and goes back to the last checkpoint after a
// crash, so these are gauges; counters start with the process.
package metrics

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tare/fit"
	"tare/record"
	"tare/stream"
)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// A put takes one value with those of the metric's labels.
type put func(value float64, labels ...string)

// A metric says how one is read off a Status or a PartitionStatus.
type metric[T any] struct {
	name   string
	kind   prometheus.ValueType
	help   string
	labels []string
	read   func(*T, put)
}

type (
	pipeline  = stream.Status
	partition = stream.PartitionStatus
)

// ofPipeline are the metrics of the whole process.
func ofPipeline() []metric[pipeline] {
	return []metric[pipeline]{
		{"tare_pipeline_info", gauge, "What this process runs; always 1.", []string{"pipeline", "revision", "topic"}, pipelineInfo},
		{"tare_frozen_info", gauge, "The artifact that this process froze or loaded; absent before, then always 1.", []string{"artifact", "pipeline", "revision"}, frozenInfo},
		{"tare_frozen_timestamp_seconds", gauge, "When this process froze or loaded the artifact.", nil, at(func(s *pipeline) time.Time { return s.FrozenAt })},
		{"tare_start_timestamp_seconds", gauge, "When the pipeline was started.", nil, at(func(s *pipeline) time.Time { return s.Started })},
		{"tare_phase", gauge, "1 for the phase that the pipeline is in, 0 for the others.", []string{"phase"}, func(s *pipeline, p put) { phases(s.Phase, p) }},
		{"tare_ready", gauge, "1 while partitions are assigned, state is restored and outputs are taken over.", nil, truth(func(s *pipeline) bool { return s.Ready })},
		{"tare_failed", gauge, "1 once the pipeline has stopped with an error.", nil, truth(func(s *pipeline) bool { return s.Error != "" })},
		{"tare_cutoff_timestamp_seconds", gauge, "Where training ends, if that is an event time.", nil, at(func(s *pipeline) time.Time { return s.Cutoff })},
		{"tare_late_limit_ratio", gauge, "The share of late records from which a freeze is refused (cutoff.max_late).", nil, number(func(s *pipeline) float64 { return s.MaxLate })},
		{"tare_retries_total", counter, "Requests to Kafka that failed and were made again.", []string{"kind"}, retries},
	}
}

// ofPartition are the metrics of each partition, whose labels topic and
// partition stand before those listed.
func ofPartition() []metric[partition] {
	return []metric[partition]{
		{"tare_partition_phase", gauge, "1 for the phase that the partition is in, 0 for the others.", []string{"phase"}, func(s *partition, p put) { phases(s.Phase, p) }},
		{"tare_next_offset", gauge, "Offset to be read next.", nil, number(func(s *partition) int64 { return s.Next })},
		{"tare_end_offset", gauge, "High watermark of the partition, once known.", nil, known(func(s *partition) int64 { return s.End })},
		{"tare_log_start_offset", gauge, "First offset that the topic still holds.", nil, number(func(s *partition) int64 { return s.LogStart })},
		{"tare_committed_offset", gauge, "Offset that a restart goes on from, once there is one.", nil, known(func(s *partition) int64 { return s.Committed })},
		{"tare_committed_timestamp_seconds", gauge, "When this position was committed.", nil, at(func(s *partition) time.Time { return s.CommittedAt })},
		{"tare_seal_offset", gauge, "First offset that is not learned, once sealed.", nil, sealOffset},
		{"tare_lag_records", gauge, "Offsets between the next one to be read and the end, once known.", nil, known((*partition).Lag)},
		{"tare_read_records_total", counter, "Records read, in both passes.", nil, number(func(s *partition) int64 { return s.Records })},
		{"tare_read_bytes_total", counter, "Bytes of the values read, in both passes.", nil, number(func(s *partition) int64 { return s.Bytes })},
		{"tare_newest_event_timestamp_seconds", gauge, "Newest event time seen.", nil, at(func(s *partition) time.Time { return s.Newest })},
		{"tare_watermark_timestamp_seconds", gauge, "Newest event time less cutoff.out_of_orderness.", nil, at(func(s *partition) time.Time { return s.Watermark })},

		{"tare_fit_records", gauge, "Accepted records of the fit pass that were not late; split train is what was learned.", []string{"split"}, fitRecords},
		{"tare_fit_late_records", gauge, "Records of the fit pass before the cutoff that came after the seal; never learned.", []string{"split"}, fitLate},
		{"tare_fit_rejected_records", gauge, "Rejected records of the fit pass.", []string{"reason"}, func(s *partition, p put) { reasons(&s.Fit.Rejected, p) }},
		{"tare_fit_rejected_training_records", gauge, "Those of them that the training stretch would have held.", []string{"reason"}, func(s *partition, p put) { reasons(&s.Fit.Before, p) }},
		{"tare_fit_gone_offsets", gauge, "Offsets of the training stretch that were gone (normalize.on_gap); above 0 the artifact says complete: false.", nil, number(func(s *partition) int64 { return s.Fit.Gone })},
		{"tare_fit_oldest_event_timestamp_seconds", gauge, "Oldest event time that the fit pass has seen.", nil, fitOldest},
		{"tare_fit_series", gauge, "Series in the state.", nil, number(func(s *partition) int { return s.Series })},
		{"tare_fit_overflow_records", gauge, "Training records of series beyond state.max_series; not learned.", nil, number(func(s *partition) uint64 { return s.Over })},

		{"tare_checkpoints_total", counter, "Checkpoints written.", nil, number(func(s *partition) int64 { return s.Checkpoints })},
		{"tare_checkpoint_errors_total", counter, "Checkpoints that could not be written.", nil, number(func(s *partition) int64 { return s.CheckpointErrors })},
		{"tare_checkpoints_set_aside_total", counter, "Checkpoints that did not verify and were renamed to *.bad.", nil, number(func(s *partition) int64 { return s.CheckpointsBad })},
		{"tare_checkpoint_timestamp_seconds", gauge, "When the last checkpoint was written.", nil, at(func(s *partition) time.Time { return s.CheckpointAt })},
		{"tare_checkpoint_duration_seconds", gauge, "How long the last checkpoint took.", nil, number(func(s *partition) float64 { return s.CheckpointTook.Seconds() })},
		{"tare_checkpoint_size_bytes", gauge, "Size of the last checkpoint.", nil, number(func(s *partition) int64 { return s.CheckpointBytes })},

		{"tare_normalize_records_total", counter, "Accepted records of the normalize pass that were not late.", []string{"split"}, normalizeRecords},
		{"tare_normalize_late_records_total", counter, "Records of the normalize pass before the cutoff and after the seal.", nil, number(func(s *partition) int64 { return s.Normalize.Late })},
		{"tare_normalize_rejected_records_total", counter, "Rejected records of the normalize pass.", []string{"reason"}, func(s *partition, p put) { reasons(&s.Normalize.Rejected, p) }},
		{"tare_unknown_series_total", counter, "Records of series that were not learned.", nil, number(func(s *partition) int64 { return s.Normalize.Unknown })},
		{"tare_out_of_range_total", counter, "Records with a value outside of its training range.", nil, number(func(s *partition) int64 { return s.Normalize.OutOfRange })},
		{"tare_unknown_label_total", counter, "Records written with a label that is none of the categories (handle_unknown).", nil, number(func(s *partition) int64 { return s.Normalize.UnknownLabel })},
		{"tare_imputed_total", counter, "Records with an imputed value.", nil, number(func(s *partition) int64 { return s.Normalize.Imputed })},
		{"tare_bad_values_total", counter, "Values that were taken as missing (record.bad_value).", nil, number(func(s *partition) int64 { return s.Normalize.Bad })},
		{"tare_written_records_total", counter, "Records written to the output.", nil, number(func(s *partition) int64 { return s.Normalize.Written })},
		{"tare_dead_letters_total", counter, "Records written as dead letters.", nil, number(func(s *partition) int64 { return s.Normalize.Buried })},
		{"tare_dropped_records_total", counter, "Records of unknown series that were dropped (normalize.unknown_series).", nil, number(func(s *partition) int64 { return s.Normalize.Dropped })},
		{"tare_not_live_records_total", counter, "Records before the cutoff that normalize.emit leaves out.", nil, number(func(s *partition) int64 { return s.Normalize.NotLive })},
		{"tare_too_large_out_total", counter, "Records that were dead-lettered because what they became fits into no batch.", nil, number(func(s *partition) int64 { return s.Normalize.TooLarge })},
		{"tare_lost_records_total", counter, "Records that fit into no batch even as dead letters: only counted and logged.", nil, number(func(s *partition) int64 { return s.Normalize.Lost })},
		{"tare_skipped_records_total", counter, "Output records not written again, because their topic held them already.", nil, number(func(s *partition) int64 { return s.Skipped })},
		{"tare_clamped_timestamps_total", counter, "Kafka timestamps too far ahead for the broker, set back.", nil, number(func(s *partition) int64 { return s.Clamped })},
		{"tare_gap_offsets_total", counter, "Offsets that were gone before they were read (normalize.on_gap).", nil, number(func(s *partition) int64 { return s.Gaps })},

		{"tare_appended_batches_total", counter, "Batches appended to all outputs.", nil, number(func(s *partition) int64 { return s.Batches })},
		{"tare_appended_bytes_total", counter, "Bytes of these batches.", nil, number(func(s *partition) int64 { return s.Appended })},
		{"tare_inflight_records", gauge, "Records appended and not acknowledged yet.", nil, number(func(s *partition) int64 { return s.Inflight })},
		{"tare_fences_total", counter, "Times that the outputs were taken over, with the hourly repeats.", nil, number(func(s *partition) int64 { return s.Fences })},
	}
}

// number reads a value that is always there.
func number[T any, N int | int64 | uint64 | float64](of func(*T) N) func(*T, put) {
	return func(s *T, p put) { p(float64(of(s))) }
}

// known reads an offset or a lag; -1 is not known yet.
func known(of func(*partition) int64) func(*partition, put) {
	return func(s *partition, p put) {
		if v := of(s); v >= 0 {
			p(float64(v))
		}
	}
}

// at reads a time in seconds since 1970; the zero time is none.
func at[T any](of func(*T) time.Time) func(*T, put) {
	return func(s *T, p put) {
		if t := of(s); !t.IsZero() {
			p(seconds(t))
		}
	}
}

func seconds(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }

func truth[T any](of func(*T) bool) func(*T, put) {
	return func(s *T, p put) { p(one(of(s))) }
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func phases(is stream.Phase, p put) {
	for _, phase := range []stream.Phase{stream.Starting, stream.Fitting, stream.Rereading, stream.Freezing, stream.Normalizing, stream.Stopped} {
		p(one(phase == is), string(phase))
	}
}

func reasons(n *[record.NumReasons]int64, p put) {
	for r := record.OK + 1; r < record.NumReasons; r++ {
		p(float64(n[r]), r.String())
	}
}

func pipelineInfo(s *pipeline, p put) { p(1, s.Pipeline, strconv.Itoa(s.Revision), s.Topic) }

func frozenInfo(s *pipeline, p put) {
	if s.Artifact != "" {
		p(1, s.Artifact, s.Pipeline, strconv.Itoa(s.Revision))
	}
}

// retries sums the requests made again by the verb that their names begin with:
// what follows it may be any topic or broker, which no label may be.
func retries(s *pipeline, p put) {
	kinds := map[string]int64{}
	for what, n := range s.Retries {
		verb, _, _ := strings.Cut(what, " ")
		kinds[verb] += n
	}
	for kind, n := range kinds {
		p(float64(n), kind)
	}
}

func sealOffset(s *partition, p put) {
	if s.Seal != nil {
		p(float64(s.Seal.Offset))
	}
}

func fitRecords(s *partition, p put) {
	p(float64(s.Fit.Train), fit.Train.String())
	p(float64(s.Fit.Gap), fit.InGap.String())
	p(float64(s.Fit.Live), fit.Live.String())
}

func fitLate(s *partition, p put) {
	p(float64(s.Fit.LateTrain), fit.Train.String())
	p(float64(s.Fit.LateGap), fit.InGap.String())
}

func fitOldest(s *partition, p put) {
	if s.Fit.Records() > 0 && s.Fit.Oldest <= s.Fit.Newest {
		p(seconds(time.Unix(0, s.Fit.Oldest)))
	}
}

func normalizeRecords(s *partition, p put) {
	p(float64(s.Normalize.Train), fit.Train.String())
	p(float64(s.Normalize.Gap), fit.InGap.String())
	p(float64(s.Normalize.Live), fit.Live.String())
}
