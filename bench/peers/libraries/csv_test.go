package libraries

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"testing"

	"tare/record"
	"tare/schema"
)

// BenchmarkDecodeCSV reads the series, the time and eight numbers.
func BenchmarkDecodeCSV(b *testing.B) {
	records := csvRecords()
	b.Run("tare", func(b *testing.B) {
		d, err := record.NewCSV(plant(schema.CSV), []byte("sensor,ts,f0,f1,f2,f3,f4,f5,f6,f7"))
		if err != nil {
			b.Fatal(err)
		}
		each(b, records, decode(d, new(record.Row)))
	})
	b.Run("encoding/csv", func(b *testing.B) {
		r := csv.NewReader(&repeat{text: bytes.Join(append(records, nil), []byte("\n"))})
		r.ReuseRecord = true
		var v reading
		each(b, records, func([]byte) error { return v.csv(r) })
	})
}

func (r *reading) csv(in *csv.Reader) error {
	cells, err := in.Read()
	if err != nil {
		return err
	}
	r.Sensor = cells[0]
	if r.Time, err = strconv.ParseInt(cells[1], 10, 64); err != nil {
		return err
	}
	for k, x := range r.values() {
		if *x, err = strconv.ParseFloat(cells[2+k], 64); err != nil {
			return err
		}
	}
	return nil
}

// A repeat reads its text again and again.
type repeat struct {
	text []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}
