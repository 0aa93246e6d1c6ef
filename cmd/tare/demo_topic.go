package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"sync"
	"time"

	"tare/config"
	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/record"
	"tare/stream"
)

const (
	plantTopicName  = "sensors.raw"
	plantPartitions = 4
	plantRate       = 50        // live records a second
	plantBatch      = 256 << 10 // bytes
)

// A feeder writes the plant's records to its topic: those of a sensor to one
// partition, in the order of arrival.
type feeder struct {
	partitions []feederPartition
}

type feederPartition struct {
	appender *broker.Appender
	batch    *kafka.BatchWriter
	written  int64 // offset behind the last record
}

// openFeeder makes the topic if there is none. Its records outlive the training:
// nothing is deleted.
func openFeeder(ctx context.Context, client *broker.Client) (*feeder, error) {
	_, err := client.CreateTopic(ctx, broker.TopicSpec{Name: plantTopicName, Partitions: plantPartitions, Replication: -1,
		Config: map[string]string{"retention.ms": "-1"}})
	if err != nil {
		return nil, err
	}
	topic, err := client.Topic(ctx, plantTopicName)
	if err != nil {
		return nil, err
	}
	f := new(feeder)
	for p := range topic.Partitions() {
		appender, err := client.NewIdempotent(ctx, broker.Place{Topic: plantTopicName, Partition: p})
		if err != nil {
			return nil, err
		}
		ends, err := client.Offsets(ctx, plantTopicName, []int32{p}, broker.Latest)
		if err != nil {
			return nil, err
		}
		batch := &kafka.BatchWriter{Max: plantBatch}
		batch.Reset()
		f.partitions = append(f.partitions, feederPartition{appender, batch, ends[0]})
	}
	return f, nil
}

func (f *feeder) partitionOf(sensor string) int {
	h := fnv.New32a()
	io.WriteString(h, sensor)
	return int(h.Sum32() % uint32(len(f.partitions)))
}

// written returns how many records the topic has got so far.
func (f *feeder) written() (n int64) {
	for i := range f.partitions {
		n += f.partitions[i].written
	}
	return n
}

// write returns once all of the records are acknowledged.
func (f *feeder) write(ctx context.Context, log []plantRecord) error {
	for i := range log {
		r := kafka.Record{Timestamp: log[i].arrival.UnixMilli(), Key: []byte(log[i].sensor), Value: log[i].line}
		p := &f.partitions[f.partitionOf(log[i].sensor)]
		if p.batch.Append(&r) {
			continue
		}
		if err := p.flush(ctx); err != nil {
			return err
		}
		if !p.batch.Append(&r) {
			return fmt.Errorf("a record of %d bytes does not fit into a batch of %d", len(r.Value), plantBatch)
		}
	}
	for i := range f.partitions {
		if err := f.partitions[i].flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *feederPartition) flush(ctx context.Context) error {
	if p.batch.Len() == 0 {
		return nil
	}
	base, err := p.appender.Append(ctx, p.batch)
	if err != nil {
		return err
	}
	p.written = base + int64(p.batch.Len())
	p.batch.Reset()
	return nil
}

// live writes what the sensors send after the log, at the pace of the clock,
// until ctx ends.
func (f *feeder) live(ctx context.Context, p *plant) error {
	start := time.Now()
	tick := time.NewTicker(time.Second / plantRate)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		r := p.record(&p.sensors[n%len(p.sensors)], plantEnd.Add(time.Since(start)))
		if err := f.write(ctx, []plantRecord{r}); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// producePlant writes the plant's records to a cluster, then live ones until a
// signal comes. A topic that holds records gets the live ones alone.
func (a *app) producePlant(ctx context.Context, brokers []string, p *plant) error {
	client, err := clientOf(&config.Cluster{Brokers: brokers, ClientID: "tare-demo"}, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	err = a.produceTo(ctx, client, p)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (a *app) produceTo(ctx context.Context, client *broker.Client, p *plant) error {
	f, err := openFeeder(ctx, client)
	if err != nil {
		return err
	}
	if n := f.written(); n > 0 {
		a.say("%s holds %d records: the plant's log is not written again", plantTopicName, n)
	} else {
		log := p.log()
		if err := f.write(ctx, log); err != nil {
			return err
		}
		a.say("%d records in %s, %s", len(log), plantTopicName, plural(len(f.partitions), "partition", "partitions"))
	}
	a.say("live records, %d a second; a signal ends it", plantRate)
	return f.live(ctx, p)
}

// collect reads the outputs back into files, and holds the sources of their
// records against what the topic has got.
func (d *demo) collect(ctx context.Context) error {
	c := newCensus(d.feeder)
	out, dead := d.pipeline.Outputs.Topics[0], d.pipeline.Outputs.Dead
	normalized, err := d.read(ctx, out, c, func(dst []byte, m *record.Message) []byte { return append(dst, m.Value...) })
	if err != nil {
		return err
	}
	rejected, err := d.read(ctx, dead, c, appendRejected)
	if err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	d.say("  %d records once each: %d in %s, %d in %s", d.feeder.written(), bytes.Count(normalized, []byte("\n")), out, bytes.Count(rejected, []byte("\n")), dead)
	return errors.Join(os.WriteFile(d.path("normalized.jsonl"), normalized, 0o644), os.WriteFile(d.path("rejected.jsonl"), rejected, 0o644))
}

// appendRejected appends a dead letter as a file of dead letters tells it.
func appendRejected(dst []byte, m *record.Message) []byte {
	why, _ := m.Headers.Last(record.HeaderError)
	source, _ := m.Headers.Last(record.HeaderSource)
	topic, partition, offset, _ := record.ParseSource(source)
	rejected := record.Message{Key: m.Key, Value: m.Value, Partition: partition, Offset: offset, Timestamp: m.Timestamp}
	return record.AppendDeadLetter(dst, string(why), &rejected, topic)
}

// read counts every record of an output in c and returns a line for each, partition
// after partition.
func (d *demo) read(ctx context.Context, topic string, c *census, appendLine func(dst []byte, m *record.Message) []byte) ([]byte, error) {
	source, err := stream.OpenTopic(ctx, d.pipeline.Client, topic, stream.Start{At: stream.AtEarliest})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	lines := make([][]byte, len(source.Partitions()))
	errs := make([]error, len(lines))
	var wg sync.WaitGroup
	for p := range lines {
		wg.Go(func() {
			last := int64(-1)
			errs[p] = readPartition(ctx, source, int32(p), func(m *record.Message) error {
				lines[p] = append(appendLine(lines[p], m), '\n')
				return c.count(topic, m, &last)
			})
		})
	}
	wg.Wait()
	return bytes.Join(lines, nil), errors.Join(errs...)
}

func readPartition(ctx context.Context, source stream.Source, partition int32, each func(*record.Message) error) error {
	r, err := source.Open(ctx, partition)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		messages, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range messages {
			if err := each(&messages[i]); err != nil {
				return err
			}
		}
	}
}

// A census tells which offsets of the plant's topic the outputs hold. Partitions
// may be counted side by side.
type census struct {
	seen [][]bool // by partition and offset
}

func newCensus(f *feeder) *census {
	c := new(census)
	for i := range f.partitions {
		c.seen = append(c.seen, make([]bool, f.partitions[i].written))
	}
	return c
}

// count counts a record of an output. last is the source offset of the one
// before it in the same partition.
func (c *census) count(output string, m *record.Message, last *int64) error {
	text, _ := m.Headers.Last(record.HeaderSource)
	topic, partition, offset, ok := record.ParseSource(text)
	where := fmt.Sprintf("%s/%d/%d", output, m.Partition, m.Offset)
	switch {
	case !ok || topic != plantTopicName || partition != m.Partition || int(partition) >= len(c.seen) || offset >= int64(len(c.seen[partition])):
		return fmt.Errorf("%s says it is of %q, want a record of %s/%d", where, text, plantTopicName, m.Partition)
	case c.seen[partition][offset]:
		return fmt.Errorf("%s is of %s, which has come out before", where, text)
	case offset <= *last:
		return fmt.Errorf("%s is of %s, behind offset %d: out of order", where, text, *last)
	}
	c.seen[partition][offset] = true
	*last = offset
	return nil
}

// complete returns an error that names the first record that did not come out.
func (c *census) complete() error {
	for p := range c.seen {
		for offset, seen := range c.seen[p] {
			if !seen {
				return fmt.Errorf("%s/%d/%d is in no output", plantTopicName, p, offset)
			}
		}
	}
	return nil
}
