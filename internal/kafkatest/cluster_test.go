package kafkatest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFake(t *testing.T) { helpers(t, Fake(t)) }

func TestReal(t *testing.T) {
	c := Real(t, Options{})
	helpers(t, c)
	console(t, c)
}

// helpers writes, reads and deletes.
func helpers(t *testing.T, c *Cluster) {
	topic := c.Topic(t, 2, map[string]string{"retention.ms": "-1", "max.message.bytes": "20000"})
	if got := c.TopicConfig(t, topic); got["retention.ms"] != "-1" || got["max.message.bytes"] != "20000" || got["cleanup.policy"] != "delete" {
		t.Errorf("settings %v", got)
	}
	wrote := [][]*kgo.Record{rows(300), rows(5)}
	for p, records := range wrote {
		c.Produce(t, topic, int32(p), records...)
	}
	if got := c.EndOffsets(t, topic); !slices.Equal(got, []int64{300, 5}) {
		t.Errorf("end offsets %v, want [300 5]", got)
	}
	same(t, c.Consume(t, topic), wrote)

	c.DeleteRecords(t, topic, 0, 299)
	c.DeleteRecords(t, topic, 1, 5)
	if got := c.StartOffsets(t, topic); !slices.Equal(got, []int64{299, 5}) {
		t.Errorf("start offsets %v, want [299 5]", got)
	}
	same(t, c.Consume(t, topic), [][]*kgo.Record{wrote[0][299:], nil})

	aborted := c.Topic(t, 1, nil)
	transaction(t, c, aborted, kgo.TryAbort)
	transaction(t, c, aborted, kgo.TryCommit)
	if got := c.Consume(t, aborted); len(got[0]) != 2 || got[0][1].Offset != 2 {
		t.Errorf("consumed %d records of two transactions, want 2, at 0 and 2", len(got[0]))
	}

	for range 3 {
		c.DeleteTopic(t, topic)
		c.CreateTopic(t, topic, 1, nil)
		c.Produce(t, topic, 0, rows(1)...)
	}
	if got := c.EndOffsets(t, topic); !slices.Equal(got, []int64{1}) {
		t.Errorf("end offsets of a topic made again: %v, want [1]", got)
	}
}

// rows are records with everything that a record may have or lack.
func rows(n int) (records []*kgo.Record) {
	for i := range n {
		r := &kgo.Record{Value: fmt.Appendf(nil, `{"n":%d,"tab":"\t"}`, i), Timestamp: time.UnixMilli(int64(1e12 + i))}
		switch i % 4 {
		case 0:
			r.Key = []byte("pump\t1")
			r.Headers = []kgo.RecordHeader{{Key: "tare-source", Value: []byte("in/0/1")}, {Key: "a", Value: []byte("x:y")}}
		case 1:
			r.Value = nil
		case 2:
			r.Key = []byte{}
		}
		records = append(records, r)
	}
	return records
}

func transaction(t *testing.T, c *Cluster, topic string, end kgo.TransactionEndTry) {
	t.Helper()
	ctx, client, done := c.dial(t, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
	defer done()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(ctx, rows(1)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.EndTransaction(ctx, end); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want [][]*kgo.Record) {
	t.Helper()
	for p := range want {
		if len(got[p]) != len(want[p]) {
			t.Fatalf("partition %d has %d records, want %d", p, len(got[p]), len(want[p]))
		}
		for i, w := range want[p] {
			if g := got[p][i]; show(g) != show(w) {
				t.Errorf("partition %d, record %d:\n got %s\nwant %s", p, i, show(g), show(w))
			}
		}
	}
}

func show(r *kgo.Record) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s/%d@%d %d key %q null %v value %q null %v", r.Topic, r.Partition, r.Offset, r.Timestamp.UnixMilli(),
		r.Key, r.Key == nil, r.Value, r.Value == nil)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, " %s=%q", h.Key, h.Value)
	}
	return b.String()
}

// console wants Kafka's console consumer to say what Consume says.
func console(t *testing.T, c *Cluster) {
	topic := c.Topic(t, 2, nil)
	for p := range int32(2) {
		c.Produce(t, topic, p, rows(50)...)
	}
	same(t, c.ConsoleDump(t, topic), c.Consume(t, topic))
}

func TestParseConsole(t *testing.T) {
	line := strings.Join([]string{"CreateTime:5", "Partition:1", "Offset:7", "a:x:y" + nextHeader + "b:" + nullLiteral, nullLiteral, ""}, nextField)
	r, err := parseConsole("out", line)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(r), `out/1@7 5 key "" null true value "" null false a="x:y" b=""`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, bad := range []string{"", "CreateTime:5" + nextField + "x", strings.ReplaceAll(line, "Offset:7", "NO_OFFSET")} {
		if _, err := parseConsole("out", bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

// TestRealNodes ends a node and reads what it has after it came back.
func TestRealNodes(t *testing.T) {
	c := Real(t, Options{Own: true, SASL: true, Set: []string{"log.retention.ms=77000"}})
	authority, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	conn, err := tls.Dial("tcp", c.Secure[0], &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatalf("TLS to %s: %v", c.Secure[0], err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	topic := c.Topic(t, 1, nil)
	if got := c.TopicConfig(t, topic)["retention.ms"]; got != "77000" {
		t.Errorf("retention.ms is %s, want 77000", got)
	}
	c.Produce(t, topic, 0, rows(3)...)
	c.Term(t, 1)
	c.Resume(t, 1)
	if got := c.EndOffsets(t, topic); got[0] != 3 {
		t.Errorf("end offset %d after a restart, want 3", got[0])
	}
}

// TestRealGuard wants a cluster gone whose owner was killed.
func TestRealGuard(t *testing.T) {
	if os.Getenv("TARE_KAFKA_TEST") != "1" {
		t.Skip("needs Apache Kafka: make kafka-jars, then make kafka-test or TARE_KAFKA_TEST=1")
	}
	dir := filepath.Join(t.TempDir(), "cluster")
	cmd := exec.Command("bash", "-c", scriptPath(t)+" start --owner $$ >&2 && kill -KILL $$")
	cmd.Env = append(os.Environ(), "KAFKA_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "127.0.0.1:") {
		t.Fatalf("the owner ended with %v: %s", err, out)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster in %s outlives its owner by 20 s", dir)
		}
	}
}
