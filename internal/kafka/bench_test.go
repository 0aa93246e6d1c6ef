package kafka

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// plant fills w with n records of 180 bytes on average, value alone, as sensors
// send them.
func plant(w *BatchWriter, n int) {
	r := rand.New(rand.NewPCG(1, 2))
	records := plantRecords(r, n)
	for i := range records {
		w.Append(&records[i])
	}
}

func plantRecords(r *rand.Rand, n int) []Record {
	records := make([]Record, n)
	for i := range records {
		value := fmt.Appendf(nil, `{"sensor":"pump-%04d","ts":%d`, r.IntN(1000), 1_772_000_000_000+int64(i)*1000)
		for k := range 8 {
			value = fmt.Appendf(value, `,"feat%d":%.*f`, k, 4+k%4, 20+float64(10*k)+5*r.NormFloat64())
		}
		records[i] = Record{
			Timestamp: 1_772_000_000_000 + int64(i),
			Key:       fmt.Appendf(nil, "%04d", i%1000),
			Value:     append(value, '}'),
		}
	}
	return records
}

const benchRecords = 5000 // 0.95 MB, as much as a broker takes at once

func benchBatch(tb testing.TB, codec Codec) (batch []byte, size int) {
	w := BatchWriter{Codec: codec}
	plant(&w, benchRecords)
	b, err := w.Finish(NoProducer, -1)
	if err != nil {
		tb.Fatal(err)
	}
	return b, w.Size()
}

func forCodecs(b *testing.B, f func(b *testing.B, codec Codec)) {
	for codec := range numCodecs {
		b.Run(codec.String(), func(b *testing.B) { f(b, codec) })
	}
}

// BenchmarkRead reads batches with a Cursor: header, checksum, decompression,
// records.
func BenchmarkRead(b *testing.B) {
	forCodecs(b, func(b *testing.B, codec Codec) {
		batch, size := benchBatch(b, codec)
		b.SetBytes(int64(size))
		b.ReportAllocs()
		var c Cursor
		var r Record
		n := 0
		for b.Loop() {
			c.SetPosition(0)
			c.Reset(batch, nil)
			for c.Next() {
				for c.Record(&r) {
					n += len(r.Value)
				}
			}
		}
		if c.Position() != benchRecords {
			b.Fatal(c.Err())
		}
		perRecord(b, n)
	})
}

// BenchmarkWrite builds batches: records, compression, checksum.
func BenchmarkWrite(b *testing.B) {
	forCodecs(b, func(b *testing.B, codec Codec) {
		records := plantRecords(rand.New(rand.NewPCG(1, 2)), benchRecords)
		w := BatchWriter{Codec: codec}
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			w.Reset()
			for i := range records {
				w.Append(&records[i])
			}
			batch, err := w.Finish(NoProducer, -1)
			if err != nil {
				b.Fatal(err)
			}
			n += len(batch)
		}
		b.SetBytes(int64(w.Size()))
		b.ReportMetric(float64(n)/float64(b.N)/benchRecords, "B/record")
		perRecord(b, n)
	})
}

// BenchmarkHeaders looks a header up that every record has.
func BenchmarkHeaders(b *testing.B) {
	var w BatchWriter
	records := plantRecords(rand.New(rand.NewPCG(1, 2)), benchRecords)
	for i := range records {
		w.Append(&records[i], Header{"tare-artifact", []byte("0123456789abcdef")}, Header{"tare-source", []byte("plant/3/123456789")})
	}
	batch, err := w.Finish(NoProducer, -1)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var d Decoder
	var r Record
	n := 0
	for b.Loop() {
		d.Reset(batch)
		for d.Next() {
			for d.Record(&r) {
				source, _ := r.Headers.Last("tare-source")
				n += len(source)
			}
		}
	}
	perRecord(b, n)
}

func perRecord(b *testing.B, n int) {
	if n == 0 {
		b.Fatal("no bytes")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
}
