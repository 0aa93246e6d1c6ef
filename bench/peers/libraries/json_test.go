package libraries

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/bytedance/sonic"
	goccy "github.com/goccy/go-json"
	"github.com/minio/simdjson-go"
	"github.com/valyala/fastjson"

	"tare/record"
	"tare/schema"
)

// BenchmarkDecodeJSON reads the series, the time and eight numbers. tare also
// checks UTF-8, duplicate keys, depth and range; the peers do not, or in part.
func BenchmarkDecodeJSON(b *testing.B) {
	records := jsonRecords()
	b.Run("tare", func(b *testing.B) {
		d, err := record.NewJSON(plant(schema.JSON))
		if err != nil {
			b.Fatal(err)
		}
		each(b, records, decode(d, new(record.Row)))
	})
	typed := func(name string, unmarshal func([]byte, any) error) {
		b.Run(name, func(b *testing.B) {
			var r reading
			each(b, records, func(value []byte) error { return unmarshal(value, &r) })
		})
	}
	typed("encoding/json", json.Unmarshal)
	typed("goccy", goccy.Unmarshal)
	typed("sonic", sonic.ConfigDefault.Unmarshal)
	typed("sonic-fastest", sonic.ConfigFastest.Unmarshal)
	b.Run("fastjson", func(b *testing.B) {
		var p fastjson.Parser
		var r reading
		each(b, records, func(value []byte) error { return r.fastjson(&p, value) })
	})
	b.Run("simdjson", func(b *testing.B) {
		if !simdjson.SupportedCPU() {
			b.Skip("simdjson-go needs AVX2 and CLMUL")
		}
		var r reading
		var p *simdjson.ParsedJson
		each(b, records, func(value []byte) (err error) {
			p, err = r.simdjson(p, value)
			return err
		})
	})
}

func (r *reading) fastjson(p *fastjson.Parser, value []byte) error {
	v, err := p.ParseBytes(value)
	if err != nil {
		return err
	}
	r.Sensor, r.Time = string(v.GetStringBytes("sensor")), v.GetInt64("ts")
	for k, x := range r.values() {
		*x = v.GetFloat64(names[k])
	}
	return nil
}

var names = [features]string{"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"}

// simdjson walks the members once. The tape is reused.
func (r *reading) simdjson(p *simdjson.ParsedJson, value []byte) (*simdjson.ParsedJson, error) {
	p, err := simdjson.Parse(value, p, simdjson.WithCopyStrings(false))
	if err != nil {
		return p, err
	}
	root := p.Iter()
	root.AdvanceInto()
	_, member, err := root.Root(nil)
	if err != nil {
		return p, err
	}
	object, err := member.Object(nil)
	if err != nil {
		return p, err
	}
	values := r.values()
	var at simdjson.Iter
	for {
		name, kind, err := object.NextElementBytes(&at)
		if err != nil || kind == simdjson.TypeNone {
			return p, err
		}
		switch {
		case string(name) == "sensor":
			r.Sensor, err = at.String()
		case string(name) == "ts":
			r.Time, err = at.Int()
		case len(name) == 2 && name[0] == 'f' && name[1]-'0' < features:
			*values[name[1]-'0'], err = at.Float()
		default:
			err = fmt.Errorf("member %q", name)
		}
		if err != nil {
			return p, err
		}
	}
}

// TestReading holds the peers to the same work: all read the same.
func TestReading(t *testing.T) {
	d, err := record.NewJSON(plant(schema.JSON))
	if err != nil {
		t.Fatal(err)
	}
	var row record.Row
	var p fastjson.Parser
	var tape *simdjson.ParsedJson
	for _, value := range jsonRecords() {
		if d.Decode(&row, &record.Message{Value: value, Timestamp: record.NoTimestamp}) != record.OK {
			t.Fatal(d.Detail())
		}
		want := reading{Sensor: string(row.Series), Time: row.Time / 1_000_000}
		for k, x := range want.values() {
			*x = row.Numbers[k]
		}
		f := func(name string, read func(*reading) error) {
			t.Helper()
			var got reading
			if err := read(&got); err != nil || got != want {
				t.Errorf("%s: %s read as %+v, error %v", name, value, got, err)
			}
		}
		f("encoding/json", func(r *reading) error { return json.Unmarshal(value, r) })
		f("goccy", func(r *reading) error { return goccy.Unmarshal(value, r) })
		f("sonic", func(r *reading) error { return sonic.ConfigDefault.Unmarshal(value, r) })
		f("sonic-fastest", func(r *reading) error { return sonic.ConfigFastest.Unmarshal(value, r) })
		f("fastjson", func(r *reading) error { return r.fastjson(&p, value) })
		if simdjson.SupportedCPU() {
			f("simdjson", func(r *reading) (err error) {
				tape, err = r.simdjson(tape, value)
				return err
			})
		}
	}
}
