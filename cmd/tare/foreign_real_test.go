package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
)

// foreignConfig learns from what was measured before 2020.
const foreignConfig = `version: 1
pipeline: foreign
source: %s
record: {series: sensor, time: {field: ts, layout: unix_ms}}
features: [{name: level, scaler: standard}, {name: load, scaler: robust}]
cutoff: {event_time: 2020-01-01T00:00:00Z, out_of_orderness: 0s}
sink: %s
state: {dir: ./state}
http: {listen: 127.0.0.1:0}
`

const (
	foreignRecords = 100_000
	inTransaction  = 500
)

// foreignTopic is what a producer with transactions has written: every other one
// is aborted, and holds values that nobody must learn. Timestamps, which are the
// event times too, begin in 1999 and end in 2053.
type foreignTopic struct {
	committed [partitions][]*kgo.Record
	oracle    *kafkatest.Oracle
	ahead     int // committed records that are ahead of any clock
}

// foreignTime returns the time of a record: the first half before the cutoff, then some
// behind it, the last quarter in decades to come.
func foreignTime(i int) time.Time {
	switch begin := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC); {
	case i < foreignRecords/2:
		return begin.Add(time.Duration(i) * 3 * time.Hour)
	case i < foreignRecords*3/4:
		return begin.AddDate(22, 0, 0).Add(time.Duration(i-foreignRecords/2) * time.Hour)
	default:
		return begin.AddDate(44, 0, 0).Add(time.Duration(i-foreignRecords*3/4) * 4 * time.Hour)
	}
}

func (f *foreignTopic) produce(t *testing.T, c *kafkatest.Cluster, topic string) {
	t.Helper()
	f.oracle = kafkatest.NewOracle(topic)
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.TransactionalID(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for first := 0; first < foreignRecords; first += inTransaction {
		aborted := first/inTransaction%2 == 1
		var records []*kgo.Record
		for i := first; i < first+inTransaction; i++ {
			level := float64(i%97) / 7
			if aborted {
				level = 1e9
			}
			at := foreignTime(i)
			records = append(records, &kgo.Record{Topic: topic, Partition: int32(i % partitions), Timestamp: at,
				Value: fmt.Appendf(nil, `{"sensor":"s%d","ts":%d,"level":%v,"load":%d}`, i%20, at.UnixMilli(), level, i%1013)})
		}
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(t.Context(), kgo.TransactionEndTry(!aborted)); err != nil {
			t.Fatal(err)
		}
		if aborted {
			continue
		}
		f.oracle.Expect(records...)
		for _, r := range records {
			f.committed[r.Partition] = append(f.committed[r.Partition], r)
			if r.Timestamp.After(time.Now()) {
				f.ahead++
			}
		}
	}
}

// TestForeignReal: of 100,000 records in transactions, every other one of which
// is aborted, tare learns what files of the committed half give, and writes that
// half, each record once. Kafka timestamps decades back go out as they came;
// those ahead, which the output's broker would refuse, as near as it takes them.
func TestForeignReal(t *testing.T) {
	c := kafkatest.Real(t, kafkatest.Options{})
	in := c.Topic(t, partitions, map[string]string{"retention.ms": "-1", "message.timestamp.after.max.ms": "9223372036854775807"})
	out := "out-of-" + in // made by tare
	t.Cleanup(func() { c.DeleteTopic(t, out); c.DeleteTopic(t, "tare.foreign.1") })
	var f foreignTopic
	f.produce(t, c, in)
	w := workerWith(t, c, fmt.Sprintf(foreignConfig, kafkaSource(c, in), fmt.Sprintf("{kafka: {topic: %s}}", out)))
	run := w.launch()
	status := run.until(normalized(foreignRecords / 2))
	run.stop()
	clamped := int64(0)
	for _, p := range status.Partitions {
		clamped += p.Clamped
	}
	if clamped != int64(f.ahead) || f.ahead != foreignRecords/8 {
		t.Errorf("%d timestamps are clamped, want the %d that are ahead, %d", clamped, f.ahead, foreignRecords/8)
	}
	written := c.Consume(t, out)
	if err := f.oracle.Check(nil, written); err != nil {
		t.Fatal(err)
	}
	f.checkTimes(t, written)
	files := f.files(t)
	sameArrays(t, w.path("state/foreign-1.npz"), files.path("state/foreign-1.npz"))
}

// checkTimes wants the timestamps of the committed records in what was written,
// those ahead an hour from now at most.
func (f *foreignTopic) checkTimes(t *testing.T, written [][]*kgo.Record) {
	t.Helper()
	now := time.Now()
	for p, records := range f.committed {
		for i, r := range records {
			got := written[p][i].Timestamp
			ahead := r.Timestamp.After(now)
			if !ahead && !got.Equal(r.Timestamp) || ahead && (got.Before(now) || got.After(now.Add(time.Hour))) {
				t.Fatalf("%s/%d@%d: it came with %v and is written with %v", r.Topic, p, r.Offset, r.Timestamp, got)
			}
		}
	}
}

// files runs both passes over files of the committed records.
func (f *foreignTopic) files(t *testing.T) *worker {
	t.Helper()
	w := workerWith(t, nil, fmt.Sprintf(foreignConfig, "{file: {paths: [named-below]}}", "{file: {path: out.jsonl}}"))
	args := []string{"run", "-c", "plant.yaml"}
	for p, records := range f.committed {
		var b bytes.Buffer
		for _, r := range records {
			b.Write(append(r.Value, '\n'))
		}
		name := fmt.Sprint("p", p)
		if err := os.WriteFile(w.path(name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	w.tare(args...)
	return w
}
