package kafka

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/stream"
)

// latency measures how long a record takes from one topic to the other: from the
// moment before it is appended to the source, by the producer's clock, to its
// append to the output, by the broker's, in whole milliseconds. One worker has a
// core for itself; the broker and the producer share another. The rate is half
// of what the worker gets through then, and a thousand records a second. The
// producer's own round trips stand beside it: what the machine and the broker
// take without tare.
func latency(t *testing.T, out io.Writer, s size) {
	const seconds = 5
	confine(t, "0")
	c := kafkatest.Real(t, kafkatest.Options{Own: true})
	warm(t, c, s.records)
	p := newPipeline(t, c, c.Topic(t, partitions, nil), c.Topic(t, partitions, map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}),
		"standard", "cutoff: {records: 20000}\n")
	fill(t, c, p.in, s.records, kgo.NoCompression())
	w := p.start(t, "taskset", "-c", "1", tareProgram(t))
	half := w.rate(int64(s.records)) / 2
	fmt.Fprintf(out, "\nlatency from append to append, standard, one worker on one core, broker and producer on another: %.0f records/s at most\n", 2*half)
	fmt.Fprintf(out, "%-34s %8s %8s %8s %8s %8s %11s %20s\n", "", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms", "worker CPU", "producer p99 and max")
	for _, rate := range []float64{half, 1000} {
		var best []int64
		for range s.runs {
			before := w.cpu()
			all, trips := p.latencies(t, w, rate, seconds*time.Second)
			busy := float64(w.cpu()-before) / float64(seconds*time.Second)
			fmt.Fprintf(out, "%-34s %s %10.0f%% %15d %4d\n", fmt.Sprintf("%.0f records/s", rate), percentiles(all), 100*busy, quantile(trips, 0.99), quantile(trips, 1))
			if best == nil || quantile(all, 0.99) < quantile(best, 0.99) {
				best = all
			}
		}
		fmt.Fprintf(out, "%-34s %s\n", "best of these", percentiles(best))
	}
	w.stop()
}

// confine lets this process, and those that it starts from now on, run on some
// processors only, until the test ends.
func confine(t *testing.T, processors string) {
	t.Helper()
	set := func(list string) {
		t.Helper()
		cmd := exec.Command("taskset", "-a", "-c", "-p", list, strconv.Itoa(os.Getpid()))
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("taskset, of util-linux: %v\n%s", err, text)
		}
	}
	if runtime.NumCPU() < 2 {
		t.Fatal("one processor: latency wants one for the worker and one for the broker")
	}
	t.Cleanup(func() { set(fmt.Sprint("0-", runtime.NumCPU()-1)) })
	set(processors)
}

// rate returns how many records a second the worker normalizes, from the first
// tenth of all to the last.
func (w *worker) rate(records int64) float64 {
	w.t.Helper()
	first := records / 10
	begin := w.until(5*time.Millisecond, func(s *stream.Status) bool {
		n := int64(0)
		for i := range s.Partitions {
			n += s.Partitions[i].Normalize.Written
		}
		if s.Phase == stream.Normalizing && n >= first {
			first = n
			return true
		}
		return false
	})
	end := w.until(5*time.Millisecond, written(records))
	return float64(records-first) / end.Sub(begin).Seconds()
}

// An appended is a batch that was put into a partition of the source.
type appended struct {
	base int64 // offset of its first record
	at   int64 // when it was made, in milliseconds
	took int64 // until it was acknowledged, in milliseconds
}

// latencies produces at a rate for some time, waits for the worker, and returns
// what each record and each append of the producer took, in milliseconds and
// sorted.
func (p *pipeline) latencies(t *testing.T, w *worker, rate float64, d time.Duration) (took, trips []int64) {
	t.Helper()
	before, sources := p.cluster.EndOffsets(t, p.out), p.cluster.EndOffsets(t, p.in)
	values := deck()
	var made [partitions][]appended
	var counts [partitions]int
	var all sync.WaitGroup
	for i := range int32(partitions) {
		all.Go(func() { made[i], counts[i] = p.produce(t, i, values, rate/partitions, d) })
	}
	all.Wait()
	total := int64(0)
	for i := range sources {
		total += sources[i] + int64(counts[i])
	}
	w.until(20*time.Millisecond, func(s *stream.Status) bool {
		done := int64(0)
		for i := range s.Partitions {
			done += s.Partitions[i].Next - s.Partitions[i].Inflight
		}
		return done == total
	})
	for i := range int32(partitions) {
		at := made[i]
		for _, a := range at {
			trips = append(trips, a.took)
		}
		left := counts[i]
		scan(t, p.cluster, p.out, i, before[i], func(r *kafka.Record) bool {
			text, _ := r.Headers.Last(record.HeaderSource)
			_, _, offset, _ := record.ParseSource(text)
			for len(at) > 1 && at[1].base <= offset {
				at = at[1:]
			}
			took = append(took, r.Timestamp-at[0].at)
			left--
			return left > 0
		})
	}
	slices.Sort(took)
	slices.Sort(trips)
	return took, trips
}

// produce appends to a partition what is due, every five milliseconds, and
// returns its appends and the number of their records.
func (p *pipeline) produce(t *testing.T, partition int32, values [][]byte, rate float64, d time.Duration) (made []appended, n int) {
	client := broker.New(broker.Config{Brokers: p.cluster.Brokers})
	defer client.Close()
	a, err := client.NewIdempotent(t.Context(), broker.Place{Topic: p.in, Partition: partition})
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	w := kafka.BatchWriter{Max: 1_000_000}
	begin := time.Now()
	for tick := time.NewTicker(5 * time.Millisecond); time.Since(begin) < d; <-tick.C {
		due := int(rate*time.Since(begin).Seconds()) - n
		if due <= 0 {
			continue
		}
		w.Reset()
		now := time.Now().UnixMilli()
		for range due {
			if !w.Append(&kafka.Record{Value: values[n%len(values)], Timestamp: now}) {
				break
			}
			n++
		}
		base, err := a.Append(t.Context(), &w)
		if err != nil {
			t.Error(err)
			return made, n
		}
		made = append(made, appended{base, now, time.Now().UnixMilli() - now})
	}
	return made, n
}

// quantile returns the value below which that share of sorted ones lies.
func quantile(sorted []int64, q float64) int64 {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func percentiles(sorted []int64) string {
	var text strings.Builder
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		fmt.Fprintf(&text, "%8d ", quantile(sorted, q))
	}
	return strings.TrimRight(text.String(), " ")
}
