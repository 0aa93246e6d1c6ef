package kafka

import (
	"bytes"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/internal/kafkatest"
)

// A codec under the names of those who use it.
type codec struct {
	tare  kafka.Codec
	franz kgo.CompressionCodec
	gokr  kafkago.Compression
}

// codecs are those measured, by Kafka's names.
func codecs() iter.Seq2[string, codec] {
	return func(yield func(string, codec) bool) {
		_ = yield("none", codec{kafka.None, kgo.NoCompression(), 0}) &&
			yield("lz4", codec{kafka.LZ4, kgo.Lz4Compression(), kafkago.Lz4})
	}
}

func producing(t *testing.T, out io.Writer, c *kafkatest.Cluster, s size) {
	values := deck()
	payloads := filepath.Join(t.TempDir(), "payloads")
	if err := os.WriteFile(payloads, bytes.Join(values, []byte("\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, codec := range codecs() {
		// into measures a producer, which writes s.records to a topic of its own.
		into := func(produce func(t *testing.T, topic string) usage) func(t *testing.T) usage {
			return func(t *testing.T) usage {
				topic := c.Topic(t, partitions, nil)
				defer c.DeleteTopic(t, topic)
				u := produce(t, topic)
				total := int64(0)
				for _, end := range c.EndOffsets(t, topic) {
					total += end
				}
				if total != int64(s.records) {
					t.Errorf("%d records in the log, want %d", total, s.records)
				}
				return u
			}
		}
		race(t, out, "produce, 179 B a record, acks=all, "+name, "franz-go, idempotent", s.runs, []contestant{
			{"tare, idempotent", into(func(t *testing.T, topic string) usage {
				return here(t, s.records, func() { tareProduce(t, c, topic, codec.tare, s.records, values) })
			})},
			{"franz-go, idempotent", into(func(t *testing.T, topic string) usage {
				return here(t, s.records, func() {
					franz(t, c, topic, codec.franz, s.records, func(i int) kgo.Record {
						return kgo.Record{Partition: int32(i % partitions), Value: values[i%len(values)]}
					})
				})
			})},
			{"kafka-go Writer, not idempotent", into(func(t *testing.T, topic string) usage {
				return here(t, s.records, func() { writerProduce(t, c, topic, codec.gokr, s.records, values) })
			})},
			{"Kafka's ProducerPerformance", into(func(t *testing.T, topic string) usage {
				return there(t, s.records, kafkatest.Tool(t, "ProducerPerformance", "--bootstrap-server", strings.Join(c.Brokers, ","),
					"--topic", topic, "--num-records", strconv.Itoa(s.records), "--throughput", "-1", "--payload-file", payloads,
					"--command-property", "acks=all", "batch.size=262144", "linger.ms=20", "compression.type="+name))
			})},
		})
	}
}

// tareProduce writes n records, a goroutine a partition.
func tareProduce(t *testing.T, c *kafkatest.Cluster, topic string, codec kafka.Codec, n int, values [][]byte) {
	client := broker.New(broker.Config{Brokers: c.Brokers})
	defer client.Close()
	var all sync.WaitGroup
	for p := range int32(partitions) {
		all.Go(func() {
			a, err := client.NewIdempotent(t.Context(), broker.Place{Topic: topic, Partition: p})
			if err != nil {
				t.Error(err)
				return
			}
			w := kafka.BatchWriter{Max: 1_000_000, Codec: codec}
			w.Reset()
			for i := int(p); i < n; i += partitions {
				r := kafka.Record{Value: values[i%len(values)], Timestamp: begin}
				if w.Append(&r) {
					continue
				}
				if _, err := a.Append(t.Context(), &w); err != nil {
					t.Error(err)
					return
				}
				w.Reset()
				w.Append(&r)
			}
			if _, err := a.Append(t.Context(), &w); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func writerProduce(t *testing.T, c *kafkatest.Cluster, topic string, codec kafkago.Compression, n int, values [][]byte) {
	var failed atomic.Pointer[error]
	transport := &kafkago.Transport{} // the default one remembers topics that are gone
	defer transport.CloseIdleConnections()
	w := &kafkago.Writer{Addr: kafkago.TCP(c.Brokers...), Topic: topic, Transport: transport, BatchSize: 5000, BatchBytes: 1_000_000, Async: true,
		RequiredAcks: kafkago.RequireAll, Compression: codec,
		Balancer: kafkago.BalancerFunc(func(m kafkago.Message, _ ...int) int { return m.WriterData.(int) }),
		Completion: func(_ []kafkago.Message, err error) {
			if err != nil {
				failed.Store(&err)
			}
		}}
	chunk := make([]kafkago.Message, 0, 1000)
	for i := range n {
		chunk = append(chunk, kafkago.Message{Value: values[i%len(values)], WriterData: i % partitions})
		if len(chunk) == cap(chunk) || i == n-1 {
			if err := w.WriteMessages(t.Context(), chunk...); err != nil {
				t.Fatalf("kafka-go: %v", err)
			}
			chunk = chunk[:0]
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("kafka-go: %v", err)
	}
	if err := failed.Load(); err != nil {
		t.Errorf("kafka-go: %v", *err)
	}
}
