package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
	"tare/record"
)

const labelsConfig = `version: 1
pipeline: %s
source: {kafka: {brokers: [%q], topic: %s}}
sink: {kafka: {topic: %s, replication: 1}}
dead_letter: {kafka: {topic: %[1]s.rejected, replication: 1}}
http: {listen: "127.0.0.1:0"}
`

// TestLabelsOfTopic: the partitions of a topic share the categories, which stand in
// one order whoever saw them first; an unknown label is a dead letter, or flagged,
// and counted; what was encoded comes back.
func TestLabelsOfTopic(t *testing.T) {
	c := kafkatest.Fake(t)
	c.CreateTopic(t, "raw", 2, map[string]string{"retention.ms": "-1"})
	produce := func(topic string, p int32, values ...string) {
		for _, v := range values {
			c.Produce(t, topic, p, &kgo.Record{Key: []byte("m"), Value: []byte(v)})
		}
	}
	produce("raw", 0, `{"state":"run","grade":10}`, `{"state":"idle","grade":9}`, `{"state":"odd","grade":9}`)
	produce("raw", 1, `{"state":"stop","grade":2}`, `{"state":"idle","grade":10}`, `{"grade":11}`)
	w := workerWith(t, c, fmt.Sprintf(labelsConfig, "there", c.Brokers[0], "raw", "encoded")+`record: {series: $key}
features:
  - {name: state, scaler: onehot, handle_unknown: warn}
  - {name: grade, scaler: ordinal}
cutoff: {records: 2}
`)
	p := w.launch()
	s := p.until(normalized(6))
	p.stop()
	var unknown, rejected int64
	for i := range s.Partitions {
		unknown += s.Partitions[i].Normalize.UnknownLabel
		rejected += s.Partitions[i].Normalize.Rejected[record.BadLabel]
	}
	if unknown != 1 || rejected != 1 {
		t.Errorf("%d records with an unknown label and %d rejected, want 1 each", unknown, rejected)
	}
	holds(t, c, "encoded", `{"state":[0,1,0],"grade":2} {"state":[1,0,0],"grade":1} {"state":[0,0,0],"grade":1}`, `{"state":[0,0,1],"grade":0} {"state":[1,0,0],"grade":2}`)
	if flags, _ := kafkatest.Header(c.Consume(t, "encoded")[0][2], record.HeaderFlags); flags != "unknown_label" {
		t.Errorf("the flags are %q", flags)
	}
	holds(t, c, "there.rejected", "", `{"grade":11}`)
	if why, _ := kafkatest.Header(c.Consume(t, "there.rejected")[1][0], record.HeaderError); !strings.HasPrefix(why, `label: feature "grade": label "11" is none of the categories`) {
		t.Errorf("the dead letter says %q", why)
	}
	if out := w.tare("verify", "-a", "state/there-1.npz", "-c", "plant.yaml"); !strings.Contains(out, "the same bytes") {
		t.Errorf("verify says %s", out)
	}
	w.configure(fmt.Sprintf(labelsConfig, "back", c.Brokers[0], "encoded", "decoded") + "inverse: true\nartifact: state/there-1.npz\n")
	p = w.launch()
	p.until(normalized(5))
	p.stop()
	holds(t, c, "decoded", `{"state":"run","grade":10} {"state":"idle","grade":9} {"state":null,"grade":9}`, `{"state":"stop","grade":2} {"state":"idle","grade":10}`)
}

// holds wants the values of each partition of a topic.
func holds(t *testing.T, c *kafkatest.Cluster, topic string, want ...string) {
	t.Helper()
	for p, records := range c.Consume(t, topic) {
		var values []string
		for _, r := range records {
			values = append(values, string(r.Value))
		}
		if got := strings.Join(values, " "); got != want[p] {
			t.Errorf("partition %d of %s holds %s, want %s", p, topic, got, want[p])
		}
	}
}
