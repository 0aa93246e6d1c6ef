package record_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tare/record"
	"tare/schema"
)

func plantSchema() *schema.Schema {
	s := &schema.Schema{
		Format: schema.JSON,
		Series: schema.Series{Fields: []string{"sensor"}},
		Time:   schema.Time{Field: "ts", Layout: schema.UnixMilli},
	}
	for _, name := range []string{"temperature", "vibration", "flow", "valve", "load", "pressure", "speed", "power"} {
		s.Features = append(s.Features, schema.Feature{Name: name, Field: name})
	}
	return s
}

// plantRecords returns n different records of 8 numbers with 4 to 7 decimals,
// or with all the digits of a float64.
func plantRecords(n int, long bool) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	records := make([][]byte, n)
	for i := range records {
		b := fmt.Appendf(nil, `{"sensor":"plant-%d/pump-%02d","ts":%d`, i%7, i%91, 1772236833170+int64(i)*137)
		for f, feature := range plantSchema().Features {
			decimals := 4
			if long {
				decimals = -1
			}
			b = fmt.Appendf(b, `,%q:`, feature.Name)
			b = strconv.AppendFloat(b, r.NormFloat64()*float64(f+1), 'f', decimals, 64)
		}
		records[i] = append(b, '}')
	}
	return records
}

func size(records [][]byte) int64 {
	n := 0
	for _, r := range records {
		n += len(r)
	}
	return int64(n / len(records))
}

func BenchmarkJSON(b *testing.B) {
	f := func(name string, records [][]byte) {
		b.Run(name, func(b *testing.B) {
			d, err := record.NewJSON(plantSchema())
			if err != nil {
				b.Fatal(err)
			}
			var row record.Row
			m := record.Message{Timestamp: record.NoTimestamp}
			b.SetBytes(size(records))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Value = records[i&1023]
				if d.Decode(&row, &m) != record.OK {
					b.Fatal(d.Detail())
				}
			}
		})
	}
	f("short", plantRecords(1024, false))
	f("17digits", plantRecords(1024, true))
}

// BenchmarkGlance finds the time of the same records, and of some where it stands
// last.
func BenchmarkGlance(b *testing.B) {
	f := func(name string, records [][]byte) {
		b.Run(name, func(b *testing.B) {
			d, err := record.NewJSON(plantSchema())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size(records))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := d.Glance(&record.Message{Value: records[i%len(records)], Timestamp: record.NoTimestamp}); !ok {
					b.Fatalf("%s", records[i%len(records)])
				}
			}
		})
	}
	records := plantRecords(1000, false)
	f("second", records)
	for i, r := range records {
		at := bytes.Index(r, []byte(`"ts"`))
		end := at + bytes.IndexByte(r[at:], ',') + 1
		records[i] = slices.Concat(r[:at], r[end:len(r)-1], []byte(","), r[at:end-1], []byte("}"))
	}
	f("last", records)
}

func BenchmarkCSV(b *testing.B) {
	header, records := plantRows(1024)
	s := plantSchema()
	s.Format = schema.CSV
	d, err := record.NewCSV(s, header)
	if err != nil {
		b.Fatal(err)
	}
	var row record.Row
	m := record.Message{Timestamp: record.NoTimestamp}
	b.SetBytes(size(records))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Value = records[i&1023]
		if d.Decode(&row, &m) != record.OK {
			b.Fatal(d.Detail())
		}
	}
}

// plantRows returns plantRecords as CSV.
func plantRows(n int) (header []byte, rows [][]byte) {
	header = []byte("sensor,ts,temperature,vibration,flow,valve,load,pressure,speed,power")
	for _, r := range plantRecords(n, false) {
		var cells []string
		for _, member := range strings.Split(strings.Trim(string(r), "{}"), ",") {
			_, value, _ := strings.Cut(member, ":")
			cells = append(cells, strings.Trim(value, `"`))
		}
		rows = append(rows, []byte(strings.Join(cells, ",")))
	}
	return header, rows
}

// BenchmarkEncoder writes decoded records, whose numbers become z-scores.
func BenchmarkEncoder(b *testing.B) {
	f := func(name string, format schema.Format, o record.Output) {
		b.Run(name, func(b *testing.B) {
			s := plantSchema()
			s.Format = format
			records := plantRecords(1024, false)
			var header []byte
			decoder := func() (record.Decoder, error) { return record.NewJSON(s) }
			if format == schema.CSV {
				header, records = plantRows(1024)
				decoder = func() (record.Decoder, error) { return record.NewCSV(s, header) }
			}
			d, err := decoder()
			if err != nil {
				b.Fatal(err)
			}
			e, err := record.NewEncoder(s, o, header)
			if err != nil {
				b.Fatal(err)
			}
			rows, y := decodeAll(b, d, records)
			m := &record.Mark{Artifact: "0123456789abcdef", Topic: "sensors.raw", Partition: 3, Offset: 123456789, Split: "live"}
			var dst []byte
			b.SetBytes(size(records))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst = e.Append(dst[:0], records[i&1023], &rows[i&1023], y[i&1023], m)
			}
		})
	}
	f("replace", schema.JSON, record.Output{Meta: record.MetaNone})
	f("replace,mark", schema.JSON, record.Output{})
	f("replace,float32", schema.JSON, record.Output{Meta: record.MetaNone, Dtype: record.Float32})
	f("features", schema.JSON, record.Output{Value: record.Features, Meta: record.MetaNone})
	f("vector", schema.JSON, record.Output{Value: record.Vector, Meta: record.MetaNone})
	f("csv", schema.CSV, record.Output{Meta: record.MetaNone})
}

// BenchmarkLabel reads and writes records of 8 numbers, and the same with two
// labels more, a string and a number.
func BenchmarkLabel(b *testing.B) {
	f := func(name string, labels int) {
		from, to := plantSchema(), plantSchema()
		records := plantRecords(1024, false)
		states := []string{`"on"`, `"off"`, `"standby"`, `"fault"`}
		for _, field := range []string{"state", "code"}[:labels] {
			from.Features = append(from.Features, schema.Feature{Name: field, Field: field, Label: true})
			to.Features = append(to.Features, schema.Feature{Name: field, Field: field})
		}
		if labels > 0 {
			to.Features[8].Shape = []int{4}
			for i, r := range records {
				records[i] = fmt.Appendf(r[:len(r)-1], `,"state":%s,"code":%d}`, states[i%4], i%13)
			}
		}
		d, err := record.NewJSON(from)
		if err != nil {
			b.Fatal(err)
		}
		e, err := record.NewRewriter(from, to, record.Output{Meta: record.MetaNone}, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		rows, y := decodeAll(b, d, records)
		for i := range y {
			y[i] = append(y[i], []float64{0, 0, 1, 0, float64(i % 13)}[:to.Width()-8]...)
		}
		var row record.Row
		var dst []byte
		m := record.Message{Timestamp: record.NoTimestamp}
		b.Run("decode,"+name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Value = records[i&1023]
				if d.Decode(&row, &m) != record.OK {
					b.Fatal(d.Detail())
				}
			}
		})
		b.Run("replace,"+name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst = e.Append(dst[:0], records[i&1023], &rows[i&1023], y[i&1023], nil)
			}
		})
	}
	f("without", 0)
	f("two", 2)
}

func decodeAll(b *testing.B, d record.Decoder, records [][]byte) (rows []record.Row, y [][]float64) {
	r := rand.New(rand.NewPCG(5, 6))
	rows, y = make([]record.Row, len(records)), make([][]float64, len(records))
	for i := range rows {
		if d.Decode(&rows[i], &record.Message{Value: records[i], Timestamp: record.NoTimestamp}) != record.OK {
			b.Fatal(d.Detail())
		}
		for range 8 {
			y[i] = append(y[i], r.NormFloat64())
		}
	}
	return rows, y
}

// BenchmarkImputed writes records that lack the two features of an object.
func BenchmarkImputed(b *testing.B) {
	s := plantSchema()
	s.Features[2].Field, s.Features[5].Field = "axis.x", "axis.y"
	d, err := record.NewJSON(s)
	if err != nil {
		b.Fatal(err)
	}
	e, err := record.NewEncoder(s, record.Output{Meta: record.MetaNone}, nil)
	if err != nil {
		b.Fatal(err)
	}
	records := plantRecords(1024, false)
	rows, y := decodeAll(b, d, records)
	var dst []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		dst = e.Append(dst[:0], records[i&1023], &rows[i&1023], y[i&1023], nil)
	}
}

// BenchmarkArray reads records of one array of 64 numbers with 4 to 7 decimals,
// or with all the digits of a float64.
func BenchmarkArray(b *testing.B) {
	f := func(name string, decimals int, comma string) {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			records := make([][]byte, 256)
			for i := range records {
				t := fmt.Appendf(nil, `{"sensor":"plant-%d","ts":%d,"spectrum":[`, i%7, 1772236833170+int64(i)*137)
				for k := range 64 {
					t = strconv.AppendFloat(t, r.NormFloat64()*float64(k%8+1), 'f', decimals, 64)
					t = append(t, comma...)
				}
				records[i] = append(t[:len(t)-len(comma)], "]}"...)
			}
			s := plantSchema()
			s.Features = []schema.Feature{{Name: "spectrum", Field: "spectrum", Shape: []int{64}}}
			d, err := record.NewJSON(s)
			if err != nil {
				b.Fatal(err)
			}
			var row record.Row
			m := record.Message{Timestamp: record.NoTimestamp}
			b.SetBytes(size(records))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Value = records[i&255]
				if d.Decode(&row, &m) != record.OK {
					b.Fatal(d.Detail())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(64*b.N), "ns/number")
		})
	}
	f("short", 4, ",")
	f("blanks", 4, ", ")
	f("17digits", -1, ",")
}

// BenchmarkImage reads and writes images of 3x224x224 numbers. SetBytes counts
// numbers: MB/s are millions of them a second.
func BenchmarkImage(b *testing.B) {
	const width = 3 * 224 * 224
	y := make([]float64, width)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range y {
		y[i] = r.NormFloat64() * 50
	}
	var dst []byte
	run := func(name string, once func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(width)
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
	for _, dtype := range []schema.DType{schema.UInt8, schema.Int16, schema.Float32, schema.Float64} {
		s := &schema.Schema{Format: schema.Binary, DType: dtype, Limits: schema.Limits{Value: 8 * width},
			Features: []schema.Feature{{Name: "image", Shape: []int{3, 224, 224}}}}
		missing := record.MissingNaN
		if dtype.Size() < 4 {
			missing = record.MissingZero
		}
		d, err := record.NewBinary(s)
		if err != nil {
			b.Fatal(err)
		}
		e, err := record.NewEncoder(s, record.Output{Value: record.Vector, Dtype: dtype, Missing: missing, Meta: record.MetaNone}, nil)
		if err != nil {
			b.Fatal(err)
		}
		value := e.Append(nil, nil, nil, y, nil)
		var row record.Row
		m := &record.Message{Value: value, Timestamp: record.NoTimestamp}
		run("decode,"+string(dtype), func() { d.Decode(&row, m) })
		run("encode,"+string(dtype), func() { dst = e.Append(dst[:0], nil, &row, y, nil) })
		if dtype == schema.UInt8 {
			floats, err := record.NewEncoder(s, record.Output{Value: record.Vector, Dtype: record.Float32, Meta: record.MetaNone}, nil)
			if err != nil {
				b.Fatal(err)
			}
			run("uint8,float32", func() {
				d.Decode(&row, m)
				dst = floats.Append(dst[:0], value, &row, row.Numbers, nil)
			})
		}
	}
	bytes, numbers := make([]byte, width), make([]float64, width)
	run("plain,copy", func() { copy(numbers, y) })
	run("plain,loop", func() {
		for i, c := range bytes {
			numbers[i] = float64(c)
		}
	})
}
