package kafka

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/internal/kafkatest"
)

func consuming(t *testing.T, out io.Writer, c *kafkatest.Cluster, s size) {
	for name, codec := range codecs() {
		topic := c.Topic(t, partitions, nil)
		fill(t, c, topic, s.records, codec.franz)
		race(t, out, "consume, 179 B a record, "+name, "franz-go PollFetches", s.runs, []contestant{
			{"tare", func(t *testing.T) usage {
				return here(t, s.records, func() { tareConsume(t, c, topic, s.records) })
			}},
			{"franz-go PollFetches", func(t *testing.T) usage {
				return here(t, s.records, func() { franzConsume(t, c, topic, s.records) })
			}},
			{"kafka-go Reader", func(t *testing.T) usage {
				return here(t, s.records, func() { readerConsume(t, c, topic) })
			}},
			{"Kafka's ConsumerPerformance", func(t *testing.T) usage {
				return there(t, s.records, kafkatest.Tool(t, "ConsumerPerformance", "--bootstrap-server", strings.Join(c.Brokers, ","),
					"--topic", topic, "--num-records", strconv.Itoa(s.records)))
			}},
		})
	}
}

// read is what every consumer does with a record: it looks at its last byte.
func read(sum *byte, value []byte) { *sum += value[len(value)-1] }

// tareConsume reads a topic to its end, a goroutine a partition.
func tareConsume(t *testing.T, c *kafkatest.Cluster, topic string, want int) {
	client := broker.New(broker.Config{Brokers: c.Brokers})
	defer client.Close()
	known, err := client.Topic(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	f := client.NewFetcher(broker.FetchOptions{})
	defer f.Close()
	var got atomic.Int64
	var all sync.WaitGroup
	for p := range known.Partitions() {
		all.Go(func() { got.Add(int64(drain(t, f.Open(known, p, 0), int64(want/partitions)))) })
	}
	all.Wait()
	if got.Load() != int64(want) {
		t.Errorf("tare read %d records of %d", got.Load(), want)
	}
}

// drain reads a partition up to an offset.
func drain(t *testing.T, feed *broker.Feed, end int64) (n int) {
	defer feed.Close()
	var at kafka.Cursor
	var r kafka.Record
	var sum byte
	for at.Position() < end {
		f, ok := <-feed.C()
		if !ok {
			t.Errorf("feed: %v", feed.Err())
			return n
		}
		at.Reset(f.Batches, f.Aborted)
		for at.Next() {
			for at.Record(&r) {
				read(&sum, r.Value)
				n++
			}
		}
		if err := at.Err(); err != nil {
			t.Error(err)
			return n
		}
		f.Release()
	}
	return n
}

func franzConsume(t *testing.T, c *kafkatest.Cluster, topic string, want int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var sum byte
	for n := 0; n < want; {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read(&sum, r.Value)
			n++
		})
	}
}

// readerConsume reads with a kafka.Reader for each partition.
func readerConsume(t *testing.T, c *kafkatest.Cluster, topic string) {
	ends := c.EndOffsets(t, topic)
	var all sync.WaitGroup
	for p, end := range ends {
		all.Go(func() {
			r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: c.Brokers, Topic: topic, Partition: p, MaxBytes: 1 << 20, QueueCapacity: 10_000,
				MaxWait: 100 * time.Millisecond}) // Close waits for a fetch that waits
			var sum byte
			for range end {
				m, err := r.ReadMessage(t.Context())
				if err != nil {
					t.Errorf("kafka-go: %v", err)
					break
				}
				read(&sum, m.Value)
			}
			if err := r.Close(); err != nil {
				t.Errorf("kafka-go: %v", err)
			}
		})
	}
	all.Wait()
}
