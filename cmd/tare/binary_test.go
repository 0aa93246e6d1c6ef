package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
)

const binaryConfig = `version: 1
pipeline: plant
source: {kafka: {brokers: [%q], topic: raw}}
record: {format: binary, dtype: int16, series: $key, time: {field: $timestamp}}
features: [{name: clip, shape: [2, 8], per: 0}]
cutoff: {event_time: 2026-03-01, out_of_orderness: 0s}
output: {dtype: float32}
sink: {kafka: {topic: "normalized.{split}", replication: 1}}
dead_letter: {kafka: {topic: rejected, replication: 1}}
state: {checkpoint: 100ms}
http: {listen: off}
`

// A clip is a record of 2 channels of 8 numbers.
type clip struct {
	key     string
	numbers [16]int16
}

func (c *clip) record(at time.Time) *kgo.Record {
	value, _ := binary.Append(nil, binary.LittleEndian, c.numbers)
	return &kgo.Record{Key: []byte(c.key), Value: value, Timestamp: at}
}

// TestBinaryTopic learns packed arrays of a topic, whose series are keys and whose
// times are timestamps, by channel, and writes packed arrays with marks in their
// headers; a torn one is a dead letter. Fit and verify read the same.
func TestBinaryTopic(t *testing.T) {
	c := kafkatest.Fake(t)
	c.CreateTopic(t, "raw", 1, map[string]string{"retention.ms": "-1"})
	r := rand.New(rand.NewPCG(5, 6))
	cutoff := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var clips []clip
	var records []*kgo.Record
	sum, squares := map[string]*[2]float64{}, map[string]*[2]float64{}
	for i := range 60 {
		one := clip{key: fmt.Sprintf("m%d", i%3)}
		if sum[one.key] == nil {
			sum[one.key], squares[one.key] = new([2]float64), new([2]float64)
		}
		for k := range one.numbers {
			one.numbers[k] = int16(r.IntN(2000) - 500*(k/8))
			if i < 40 {
				sum[one.key][k/8] += float64(one.numbers[k])
				squares[one.key][k/8] += math.Pow(float64(one.numbers[k]), 2)
			}
		}
		clips = append(clips, one)
		records = append(records, one.record(cutoff.Add(time.Duration(i-40)*time.Second)))
	}
	records = append(records, &kgo.Record{Key: []byte("m0"), Value: make([]byte, 31), Timestamp: cutoff.Add(time.Hour)})
	c.Produce(t, "raw", 0, records...)
	w := workerWith(t, c, fmt.Sprintf(binaryConfig, c.Brokers[0]))
	id := w.finish(c.EndOffsets(t, "raw"))

	written := append(c.Consume(t, "normalized.train")[0], c.Consume(t, "normalized.live")[0]...)
	if len(written) != len(clips) {
		t.Fatalf("%d records are written, want %d", len(written), len(clips))
	}
	n := map[string]float64{"m0": 14 * 8, "m1": 13 * 8, "m2": 13 * 8}
	for i, got := range written {
		one := &clips[i]
		if string(got.Key) != one.key || headerOf(got, "tare-artifact") != id[:16] || headerOf(got, "tare-source") != fmt.Sprintf("raw/0/%d", i) {
			t.Fatalf("record %d has the key %s and the headers %v", i, got.Key, got.Headers)
		}
		wantFloats(t, fmt.Sprint("record ", i), got.Value, 16, func(k int) float64 {
			mean := sum[one.key][k/8] / n[one.key]
			return (float64(one.numbers[k]) - mean) / math.Sqrt(squares[one.key][k/8]/n[one.key]-mean*mean)
		})
	}
	dead := c.Consume(t, "rejected")[0]
	if len(dead) != 1 || headerOf(dead[0], "tare-error") != "shape: feature \"clip\": a value of 31 bytes, want 32 (int16 of shape [2,8])" || len(dead[0].Value) != 31 {
		t.Errorf("dead letters are %+v", dead)
	}
	w.tare("verify", "-a", filepath.Join("state", "plant-1.npz"), "-c", "plant.yaml")
	w.tare("dry-run", "-c", "plant.yaml")
}

func headerOf(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// TestBinaryTopicToFile writes the numbers of a topic to a file as they came, also
// those whose bytes would be ends of lines.
func TestBinaryTopicToFile(t *testing.T) {
	c := kafkatest.Fake(t)
	c.CreateTopic(t, "raw", 1, map[string]string{"retention.ms": "-1"})
	r := rand.New(rand.NewPCG(7, 8))
	cutoff := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var records []*kgo.Record
	var want []byte
	for i := range 60 {
		one := clip{key: "m"}
		for k := range one.numbers {
			one.numbers[k] = [...]int16{0x0a0a, 0x0d0a, 0x0a0d, 0x2020, -1}[r.IntN(5)]
		}
		records = append(records, one.record(cutoff.Add(time.Duration(i-40)*time.Second)))
		want = append(want, records[i].Value...)
	}
	c.Produce(t, "raw", 0, records...)
	config := strings.NewReplacer("per: 0}", "per: 0, scaler: none}", "{dtype: float32}", "{dtype: int16, missing: zero, meta: none}",
		`{kafka: {topic: "normalized.{split}", replication: 1}}`, "{file: {path: out.i16}}").Replace(binaryConfig)
	w := workerWith(t, c, fmt.Sprintf(config, c.Brokers[0]))
	cmd, stderr := w.start()
	var got []byte
	for end := time.Now().Add(30 * time.Second); len(got) < len(want) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got, _ = os.ReadFile(filepath.Join(w.dir, "out.i16")) // none at first
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("SIGTERM: %v, want exit 0\n%s", err, stderr)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes, want %d, those of the records", len(got), len(want))
	}
}
