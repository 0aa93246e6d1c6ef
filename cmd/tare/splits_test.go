package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
	"tare/record"
)

// splitTopic puts records of two sensors and one that came late onto the topic sensors.raw:
// every hour of February, and up to 20 March.
func splitTopic(t *testing.T, c *kafkatest.Cluster) {
	t.Helper()
	c.CreateTopic(t, "sensors.raw", 2, map[string]string{"retention.ms": "-1"})
	var records [2][]*kgo.Record
	from, cutoff := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for hour := range 47 * 24 {
		at := from.Add(time.Duration(hour) * time.Hour)
		for i, sensor := range []string{"press", "pump", "new"} {
			if sensor == "new" && at.Before(cutoff) {
				continue
			}
			value := fmt.Sprintf(`{"ts":%d,"temperature":%d,"vibration":%d}`, at.UnixMilli(), 20*i+hour%5, 10*i+hour%7)
			records[i%2] = append(records[i%2], &kgo.Record{Key: []byte(sensor), Value: []byte(value), Timestamp: at})
		}
	}
	for p, r := range records {
		c.Produce(t, "sensors.raw", int32(p), r...)
	}
}

// TestExampleSplits runs examples/splits.yaml: each split has its topic, a sensor
// that was not learned the numbers of all, and the other commands know both.
func TestExampleSplits(t *testing.T) {
	data, err := os.ReadFile("../../examples/splits.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := kafkatest.Fake(t)
	t.Setenv("KAFKA", c.Brokers[0])
	splitTopic(t, c)
	w := workerWith(t, c, string(data)+"http: {listen: \"127.0.0.1:0\"}\n")
	ends := c.EndOffsets(t, "sensors.raw")
	p := w.launch()
	p.until(normalized(ends[0] + ends[1]))
	p.stop()
	hours := map[string][2]int{"train": {0, 28*24 - 1}, "gap": {28*24 - 1, 28 * 24}, "validation": {28 * 24, 35 * 24}, "test": {35 * 24, 47 * 24}}
	for split, span := range hours {
		n := 0
		for _, p := range c.Consume(t, "sensors."+split) {
			for _, r := range p {
				checkSplitRecord(t, split, r)
				n++
			}
		}
		want := 2 * (span[1] - span[0])
		if span[0] >= 28*24 {
			want = 3 * (span[1] - span[0])
		}
		if n != want {
			t.Errorf("%d records in sensors.%s, want %d", n, split, want)
		}
	}
	if w.exists("sensors.live") {
		t.Error("there is a topic for live records, of which there are none")
	}
	if out := w.tare("inspect", "state/plant-7-1.npz", "--series", "new"); !strings.Contains(out, "not in the artifact: the numbers of all series together") {
		t.Errorf("inspect says %s", out)
	}
	if out := w.tare("verify", "-a", "state/plant-7-1.npz", "-c", "plant.yaml"); !strings.Contains(out, "the same bytes") {
		t.Errorf("verify says %s", out)
	}
}

// checkSplitRecord wants a record to be marked, and, of the new sensor, to have the
// numbers that all have together: temperatures of 0 to 4 and 20 to 24.
func checkSplitRecord(t *testing.T, split string, r *kgo.Record) {
	t.Helper()
	if says, _ := kafkatest.Header(r, record.HeaderSplit); says != split {
		t.Fatalf("%s in sensors.%s", says, split)
	}
	flags, _ := kafkatest.Header(r, record.HeaderFlags)
	if known := string(r.Key) != "new"; known == strings.Contains(flags, "unknown_series") {
		t.Fatalf("a record of %s has the flags %q", r.Key, flags)
	} else if known {
		return
	}
	var z struct {
		TS          int64
		Temperature float64
	}
	if err := json.Unmarshal(r.Value, &z); err != nil {
		t.Fatal(err)
	}
	hour := (z.TS/1000 - 1_769_904_000) / 3600
	x := float64(40 + hour%5)
	if want := (x - 12) / math.Sqrt(102); math.Abs(z.Temperature-want) > 1e-2 {
		t.Fatalf("%s at hour %d: %v, want %v", r.Key, hour, z.Temperature, want)
	}
}
