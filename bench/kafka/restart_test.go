package kafka

import (
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafka"
	"tare/internal/kafkatest"
	"tare/store"
	"tare/stream"
)

// restart kills tare run in the middle of each pass and measures from the next
// start of the process to the first new record: learned, with the reading of the
// checkpoints beside it, and appended to the output, by the broker's clock.
func restart(t *testing.T, out io.Writer, c *kafkatest.Cluster, s size) {
	in := c.Topic(t, partitions, nil)
	fill(t, c, in, s.records, kgo.NoCompression())
	program := tareProgram(t)
	fmt.Fprintf(out, "\nrestart after kill -9, robust, %d sensors in each of %d partitions\n%-34s %10s %12s %16s\n", sensors, partitions,
		"from the start of the process", "first ms", "all parts ms", "checkpoints ms")
	for range s.runs {
		p := newPipeline(t, c, in, c.Topic(t, partitions, map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}),
			"robust", "cutoff: {end: true}\nstate: {dir: state, checkpoint: 200ms}\n")
		w := p.start(t, program)
		w.until(time.Millisecond, func(s *stream.Status) bool {
			for i := range s.Partitions {
				if s.Partitions[i].Checkpoints == 0 {
					return false
				}
			}
			return s.Phase == stream.Fitting
		})
		w.kill()
		reading := p.readCheckpoints(t)
		w = p.start(t, program)
		first := w.until(time.Millisecond, hasRead(stream.Fitting, 1)).Sub(w.started)
		all := w.until(time.Millisecond, everywhere(stream.Fitting)).Sub(w.started)
		fmt.Fprintf(out, "%-34s %10d %12d %16d\n", "fit: first record learned", first.Milliseconds(), all.Milliseconds(), reading.Milliseconds())

		w.until(time.Millisecond, hasRead(stream.Normalizing, int64(s.records/4)))
		w.kill()
		ends := settled(t, c, p.out)
		w = p.start(t, program)
		first, all = p.firstAppended(t, w, ends)
		fmt.Fprintf(out, "%-34s %10d %12d\n", "normalize: first record appended", first.Milliseconds(), all.Milliseconds())
		w.stop()
	}
}

// everywhere reports whether each partition has read something in a pass.
func everywhere(phase stream.Phase) func(s *stream.Status) bool {
	return func(s *stream.Status) bool {
		for i := range s.Partitions {
			if s.Partitions[i].Records == 0 {
				return false
			}
		}
		return s.Phase == phase
	}
}

// readCheckpoints measures the reading of the newest checkpoint of each
// partition, one after the other.
func (p *pipeline) readCheckpoints(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	for i := range int32(partitions) {
		c, _, err := store.NewestCheckpoint(p.checkpoints(), p.in, i, planOf(t, "robust"), func(*store.CheckpointMeta) error { return nil })
		if err != nil || c == nil {
			files, _ := filepath.Glob(filepath.Join(p.checkpoints(), "*"))
			t.Fatalf("partition %d: checkpoint %v, %v, want one of %v", i, c, err, files)
		}
	}
	return time.Since(begin)
}

// settled returns the end offsets of a topic once they stay as they are.
func settled(t *testing.T, c *kafkatest.Cluster, topic string) []int64 {
	t.Helper()
	for ends := c.EndOffsets(t, topic); ; {
		time.Sleep(quiet)
		now := c.EndOffsets(t, topic)
		if fmt.Sprint(now) == fmt.Sprint(ends) {
			return ends
		}
		ends = now
	}
}

// firstAppended returns when the first record behind the ends was appended, and
// when there was one in each partition, both from the start of the worker on.
func (p *pipeline) firstAppended(t *testing.T, w *worker, ends []int64) (first, all time.Duration) {
	t.Helper()
	first = time.Hour
	for i, end := range ends {
		scan(t, p.cluster, p.out, int32(i), end, func(r *kafka.Record) bool {
			after := time.UnixMilli(r.Timestamp).Sub(w.started)
			first, all = min(first, after), max(all, after)
			return false
		})
	}
	return first, all
}
