package stream

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tare/internal/broker"
	"tare/internal/kafkatest"
	"tare/store"
)

// TestAbortedTransactions: of ten thousand records, in transactions every other
// one of which was aborted, the committed half is learned and written. What
// comes after the topic was opened is not read.
func TestAbortedTransactions(t *testing.T) {
	const inEach = 100
	c := kafkatest.Fake(t, kfake.NumBrokers(1))
	topic, values := c.Topic(t, 1, nil), good(5000)
	oracle := kafkatest.NewOracle(topic)
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.TransactionalID("upstream"), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i := range 10_000 / inEach {
		aborted := i%2 == 1
		var records []*kgo.Record
		for _, v := range values[i/2*inEach:][:inEach] {
			if aborted {
				v = strings.Replace(v, `"load":`, `"load":7777`, 1)
			}
			records = append(records, &kgo.Record{Topic: topic, Value: []byte(v)})
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
		if !aborted {
			oracle.Expect(records...)
		}
	}
	p, ends := writing(pipeline(t, c, topic, t.TempDir()), topic), c.EndOffsets(t, topic)
	if err := until(t, p, ends, through(ends)); err != nil {
		t.Fatal(err)
	}
	if err := oracle.Check(ends, outputs(t, c, p)...); err != nil {
		t.Error(err)
	}
	source, err := OpenTopic(t.Context(), p.Client, topic, Start{At: AtEarliest})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	// Only markers and aborted records stand between the last one and these.
	c.Produce(t, topic, 0, kgo.StringRecord(values[0]), kgo.StringRecord(values[1]))
	learned, got := learn(t, source)
	if counts := learned.Counts(); counts.Records() != 5000 {
		t.Errorf("%d records are counted, want 5000", counts.Records())
	}
	_, want := learn(t, &memory{partitions: [][]string{values}, batch: 100})
	checkStates(t, got, want)
	if n := p.Monitor.Status().Partitions[0].Normalize.Records(); n != 5000 {
		t.Errorf("%d records went through, want 5000", n)
	}
}

// TestForeignTimestamps: a Kafka timestamp years back goes out as it came; one
// that the broker of the output would refuse is clamped and counted. Each record
// is written once.
func TestForeignTimestamps(t *testing.T) {
	virtually(t, func(w *world) {
		w.cluster.ControlKey(int16(kmsg.DescribeConfigs), w.allowAnHour)
		dir := t.TempDir()
		artifact := frozenWorld(w, dir)
		now, year := time.Now(), 365*24*time.Hour
		var want []int64
		records := w.records(8)
		for i, at := range []time.Time{time.UnixMilli(0), now.Add(-20 * year), now.Add(-year), now, now.Add(58 * time.Minute), now.Add(2 * time.Hour), now.Add(30 * year), now} {
			records[i].Timestamp = at
			want = append(want, at.UnixMilli())
		}
		limit := now.Add(59 * time.Minute).UnixMilli()
		w.send(records)
		r := w.normalize(writing(w.pipeline(dir, 0, 0), "in"), artifact)
		r.goesOn(time.Minute, "following")
		r.stop()
		if n := r.partition().Clamped; n != 2 {
			t.Errorf("%d timestamps are clamped, want 2", n)
		}
		written := w.written(r.Pipeline)
		if err := w.oracle.Check([]int64{w.sent}, written...); err != nil {
			t.Error(err)
		}
		var got []int64
		for _, m := range slices.Concat(written[0][0], written[1][0], written[2][0]) {
			got = append(got, m.Timestamp.UnixMilli())
		}
		got = got[len(got)-len(want):]
		for i := range want {
			clamped := i == 5 || i == 6
			if !clamped && got[i] != want[i] || clamped && (got[i] < limit || got[i] > limit+time.Minute.Milliseconds()) {
				t.Errorf("record %d, of %v, is written with %v", i, records[i].Timestamp.UTC(), time.UnixMilli(got[i]).UTC())
			}
		}
	})
}

// allowAnHour lets output topics refuse timestamps more than an hour ahead.
func (w *world) allowAnHour(r kmsg.Request) (kmsg.Response, error, bool) {
	w.cluster.KeepControl()
	asked := r.(*kmsg.DescribeConfigsRequest).Resources[0]
	if !strings.HasPrefix(asked.ResourceName, "in.") {
		return nil, nil, false
	}
	answer := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
	resource := kmsg.NewDescribeConfigsResponseResource()
	resource.ResourceType, resource.ResourceName = asked.ResourceType, asked.ResourceName
	for name, value := range map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "message.timestamp.after.max.ms": "3600000"} {
		setting := kmsg.NewDescribeConfigsResponseResourceConfig()
		setting.Name, setting.Value = name, &value
		resource.Configs = append(resource.Configs, setting)
	}
	answer.Resources = append(answer.Resources, resource)
	return answer, nil, true
}

// TestOpenTopic: a topic as a bounded source gives what memory gives, to the
// byte, and the same again when the ranges are replayed; what comes after it was
// opened is not read.
func TestOpenTopic(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, want, id := plant(t, c)
	client := broker.New(broker.Config{Brokers: c.Brokers, ClientID: "test"})
	t.Cleanup(client.Close)
	source, err := OpenTopic(t.Context(), client, topic, Start{At: AtEarliest})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	c.Produce(t, topic, 1, kgo.StringRecord(good(1)[0]), kgo.StringRecord("bad"))
	learned, got := learn(t, source)
	if counts := learned.Counts(); counts.Records() != 2200 || counts.Rejects() != 0 {
		t.Errorf("%d records, %d rejected, want 2200 and none", counts.Records(), counts.Rejects())
	}
	checkArtifact(t, got, id)
	checkStates(t, got, want)
	if done, total := source.Progress(); done != 2200 || total != 2200 {
		t.Errorf("progress is %d of %d, want 2200 of 2200", done, total)
	}
	checkReplay(t, client, topic, got, id)
}

// checkArtifact wants a result of these bytes.
func checkArtifact(t *testing.T, r *Result, id string) {
	t.Helper()
	if have, err := store.WriteArtifact(io.Discard, &r.Manifest, r.Frozen); err != nil || have != id {
		t.Errorf("artifact %s, %v, want %s", have, err, id)
	}
}

// checkReplay learns the recorded ranges again, as verify does.
func checkReplay(t *testing.T, client *broker.Client, topic string, was *Result, id string) {
	t.Helper()
	source, err := OpenTopic(t.Context(), client, topic, Start{At: AtEarliest})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	p := plan()
	replay := Fitter{Plan: p, Source: source, NewDecoder: newDecoder(&p.Record), Ranges: was.Manifest.Ranges}
	learned, err := replay.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := &was.Manifest
	result, err := learned.Freeze(Identity{Pipeline: m.Pipeline, Revision: m.Revision, Normalize: m.Normalize, Output: m.Output})
	if err != nil {
		t.Fatal(err)
	}
	checkArtifact(t, result, id)
	sealed := int64(0)
	for _, r := range was.Manifest.Ranges {
		sealed += r.Seal - r.Start
	}
	if n := learned.Counts(); n.Records() != sealed {
		t.Errorf("the replay counts %d records, want the %d below the seals", n.Records(), sealed)
	}
}

// TestOpenTopicStops with the context's cause where no records come.
func TestOpenTopicStops(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(10)
		p := w.pipeline(t.TempDir(), time.Hour, 0)
		source, err := OpenTopic(w.Context(), p.Client, "in", Start{At: AtEarliest})
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		w.network.fail(true)
		ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
		defer cancel()
		f := Fitter{Plan: p.Plan, Source: source, NewDecoder: p.NewDecoder}
		began := time.Now()
		if _, err := f.Run(ctx); err != context.DeadlineExceeded || time.Since(began) > time.Hour+time.Minute {
			t.Errorf("after %v: %v, want the context's cause after an hour", time.Since(began), err)
		}
	})
}
