package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
)

const (
	sensors  = 1000
	features = 8
	begin    = 1_772_000_000_000 // of event time, in milliseconds
)

// value appends a JSON record of about 170 bytes: a sensor, the time, eight
// numbers.
func value(b []byte, r *rand.Rand, sensor, i int) []byte {
	b = fmt.Appendf(b, `{"sensor":"pump-%04d","ts":%d`, sensor, int64(begin+i))
	for k := range features {
		b = append(b, `,"f`...)
		b = strconv.AppendInt(b, int64(k), 10)
		b = append(b, `":`...)
		b = strconv.AppendFloat(b, 20+float64(10*k)+5*r.NormFloat64(), 'f', 5+k%5, 64)
	}
	return append(b, '}')
}

// deck is what is produced again and again where only bytes count: 179 bytes on
// average.
func deck() (values [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		values = append(values, value(nil, r, r.IntN(sensors), i))
	}
	return values
}

// fill writes n records of the deck to each partition in turn.
func fill(t *testing.T, c *kafkatest.Cluster, topic string, n int, codec kgo.CompressionCodec) {
	t.Helper()
	values := deck()
	franz(t, c, topic, codec, n, func(i int) kgo.Record {
		return kgo.Record{Partition: int32(i % partitions), Value: values[i%len(values)]}
	})
}

// fillSensors writes n records a millisecond apart, each sensor's to one
// partition. The Oracle expects those from the cutoff on.
func fillSensors(t *testing.T, c *kafkatest.Cluster, topic string, n int, cutoff int64) *kafkatest.Oracle {
	t.Helper()
	oracle := kafkatest.NewOracle(topic)
	r := rand.New(rand.NewPCG(3, 4))
	var next [partitions]int64
	franz(t, c, topic, kgo.NoCompression(), n, func(i int) kgo.Record {
		s := r.IntN(sensors)
		made := kgo.Record{Partition: int32(s % partitions), Key: fmt.Appendf(nil, "pump-%04d", s), Value: value(nil, r, s, i),
			Timestamp: time.UnixMilli(int64(begin + i))}
		if at := made; int64(begin+i) >= cutoff {
			at.Offset = next[at.Partition]
			oracle.Expect(&at)
		}
		next[made.Partition]++
		return made
	})
	return oracle
}

// franz produces n records with franz-go, idempotently and to all replicas.
func franz(t *testing.T, c *kafkatest.Cluster, topic string, codec kgo.CompressionCodec, n int, record func(i int) kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec), kgo.MaxBufferedRecords(200_000))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			t.Errorf("produce with franz-go: %v", err)
		}
	}
	for i := range n {
		r := record(i)
		client.Produce(context.Background(), &r, done)
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// warm gives a broker that was just started something to compile.
func warm(t *testing.T, c *kafkatest.Cluster, n int) {
	topic := c.Topic(t, partitions, nil)
	fill(t, c, topic, n, kgo.NoCompression())
	franzConsume(t, c, topic, n)
}
