// Package libraries measures the parts of tare beside the libraries that a Go
// program would take for the same work, in one run. It is a module of its own, so
// that none of them is a requirement of tare.
//
//	make bench
package libraries

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"

	"tare/record"
	"tare/schema"
)

const (
	features = 8
	distinct = 1024 // records; they stay in the second-level cache
)

// A reading is a record as a typed program declares it.
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

func (r *reading) values() [features]*float64 {
	return [features]*float64{&r.F0, &r.F1, &r.F2, &r.F3, &r.F4, &r.F5, &r.F6, &r.F7}
}

// jsonRecords returns records of a thousand sensors with eight numbers each, 167
// bytes on average.
func jsonRecords() [][]byte {
	return sensors(`{"sensor":"pump-%04d","ts":%d`, func(b []byte, k int, number string) []byte {
		return fmt.Appendf(b, `,"f%d":%s`, k, number)
	}, "}")
}

// csvRecords returns the same as rows.
func csvRecords() [][]byte {
	return sensors("pump-%04d,%d", func(b []byte, _ int, number string) []byte {
		return append(append(b, ','), number...)
	}, "")
}

func sensors(head string, feature func(b []byte, k int, number string) []byte, tail string) (records [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range distinct {
		b := fmt.Appendf(nil, head, r.IntN(1000), 1_772_000_000_000+int64(i)*1000)
		for k := range features {
			b = feature(b, k, strconv.FormatFloat(20+float64(10*k)+5*r.NormFloat64(), 'f', 5+k%5, 64))
		}
		records = append(records, append(b, tail...))
	}
	return records
}

func plant(format schema.Format) *schema.Schema {
	s := &schema.Schema{Format: format, Series: schema.Series{Fields: []string{"sensor"}},
		Time: schema.Time{Field: "ts", Layout: schema.UnixMilli}, BadValue: schema.Reject, Limits: schema.DefaultLimits()}
	for k := range features {
		name := fmt.Sprint("f", k)
		s.Features = append(s.Features, schema.Feature{Name: name, Field: name})
	}
	return s
}

// each calls do with each of the records in turn, which it must not change.
func each(b *testing.B, records [][]byte, do func(record []byte) error) {
	n := 0
	for _, r := range records {
		n += len(r)
	}
	b.SetBytes(int64(n / len(records)))
	loop(b, 1, func(i int) error { return do(records[i%distinct]) })
}

// loop calls do with 0, 1, ... and reports, beside what testing does, the
// processor's time for each of the items that a call takes. Other programs on the
// machine disturb it less.
func loop(b *testing.B, items int, do func(i int) error) {
	b.ReportAllocs()
	start := cpu()
	for i := 0; b.Loop(); i++ {
		if err := do(i); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N*items), "cpu-ns")
}

// cpu returns the time that this process has had, in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// decode returns what decodes a record with tare.
func decode(d record.Decoder, row *record.Row) func([]byte) error {
	m := record.Message{Timestamp: record.NoTimestamp}
	return func(value []byte) error {
		m.Value = value
		if reason := d.Decode(row, &m); reason != record.OK {
			return fmt.Errorf("%s: %s", value, d.Detail())
		}
		return nil
	}
}
