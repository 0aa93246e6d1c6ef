// Plain is the program that a good Go team writes in an afternoon, with the
// libraries it would take: it learns mean and standard deviation of each sensor
// and feature from the records before a cutoff, and writes those after it to
// another topic, as z-scores. It keeps nothing and survives nothing: no
// artifact, no checkpoint, no dead letters, and a second run writes everything
// again.
//
//	plain -brokers localhost:9092 -in raw -out scaled -cutoff 1772000000000
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/goccy/go-json"
	"github.com/influxdata/tdigest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type reading struct {
	Sensor string  `json:"sensor"`
	Time   int64   `json:"ts"` // milliseconds
	F0     float64 `json:"f0"`
	F1     float64 `json:"f1"`
	F2     float64 `json:"f2"`
	F3     float64 `json:"f3"`
	F4     float64 `json:"f4"`
	F5     float64 `json:"f5"`
	F6     float64 `json:"f6"`
	F7     float64 `json:"f7"`
}

func (r *reading) values() [8]*float64 {
	return [8]*float64{&r.F0, &r.F1, &r.F2, &r.F3, &r.F4, &r.F5, &r.F6, &r.F7}
}

// stats is Welford's running mean and variance, and perhaps a digest.
type stats struct {
	n, mean, m2 float64
	digest      *tdigest.TDigest
}

func (s *stats) add(x float64) {
	s.n++
	d := x - s.mean
	s.mean += d / s.n
	s.m2 += d * (x - s.mean)
	if s.digest != nil {
		s.digest.Add(x, 1)
	}
}

func (s *stats) z(x float64) float64 {
	sd := math.Sqrt(s.m2 / s.n)
	if !(sd > 0) { // constant, or never seen
		sd = 1
	}
	return (x - s.mean) / sd
}

// worker owns the sensors of one partition: records are keyed by sensor.
type worker struct {
	client  *kgo.Client
	out     string
	cutoff  int64
	digests bool
	sensors map[string]*[8]stats
	in      chan []*kgo.Record
	written atomic.Int64
}

func (w *worker) run(ctx context.Context) {
	for records := range w.in {
		for _, r := range records {
			w.handle(ctx, r)
		}
	}
}

func (w *worker) handle(ctx context.Context, r *kgo.Record) {
	var v reading
	if err := json.Unmarshal(r.Value, &v); err != nil {
		log.Printf("%s/%d/%d: %v", r.Topic, r.Partition, r.Offset, err)
		return
	}
	s := w.sensors[v.Sensor]
	if s == nil {
		s = w.newSensor()
		w.sensors[v.Sensor] = s
	}
	if v.Time < w.cutoff {
		for i, x := range v.values() {
			s[i].add(*x)
		}
		return
	}
	for i, x := range v.values() {
		*x = s[i].z(*x)
	}
	value, err := json.Marshal(&v)
	if err != nil {
		log.Fatal(err)
	}
	w.client.Produce(ctx, &kgo.Record{Topic: w.out, Key: r.Key, Value: value, Timestamp: r.Timestamp}, func(_ *kgo.Record, err error) {
		if err != nil {
			log.Fatal(err)
		}
		w.written.Add(1)
	})
}

func (w *worker) newSensor() *[8]stats {
	s := new([8]stats)
	for i := range s {
		if w.digests {
			s[i].digest = tdigest.NewWithCompression(100)
		}
	}
	return s
}

func main() {
	brokers := flag.String("brokers", "localhost:9092", "host:port,...")
	in := flag.String("in", "", "topic to read to its end")
	out := flag.String("out", "", "topic to write to")
	cutoff := flag.Int64("cutoff", 0, "milliseconds since 1970: learn before, write from there on")
	digests := flag.Bool("digests", false, "feed a t-digest for each sensor and feature too")
	flag.Parse()

	start := time.Now()
	ctx := context.Background()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(*brokers, ",")...), kgo.ConsumeTopics(*in),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(200_000))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, *in)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		log.Fatal(err)
	}

	var running sync.WaitGroup
	workers := map[int32]*worker{}
	total := int64(0)
	ends.Each(func(end kadm.ListedOffset) {
		w := &worker{client: client, out: *out, cutoff: *cutoff, digests: *digests,
			sensors: map[string]*[8]stats{}, in: make(chan []*kgo.Record, 2)}
		workers[end.Partition] = w
		total += end.Offset
		running.Go(func() { w.run(ctx) })
	})
	feed(ctx, client, workers, total)
	running.Wait()
	if err := client.Flush(ctx); err != nil {
		log.Fatal(err)
	}
	written := int64(0)
	for _, w := range workers {
		written += w.written.Load()
	}
	fmt.Printf("{\"records\":%d,\"written\":%d,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n", total, written, time.Since(start).Seconds(), cpu())
}

// feed hands total records to the workers of their partitions.
func feed(ctx context.Context, client *kgo.Client, workers map[int32]*worker, total int64) {
	for total > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			log.Fatal(err)
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			workers[p.Partition].in <- p.Records
			total -= int64(len(p.Records))
		})
	}
	for _, w := range workers {
		close(w.in)
	}
}

// cpu returns the seconds that this process has taken of all cores.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
