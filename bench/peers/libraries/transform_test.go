package libraries

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/bytedance/sonic"
	goccy "github.com/goccy/go-json"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// BenchmarkTransform reads a record, makes z-scores of its numbers with its
// series' mean and scale, and writes it with the shortest digits. tare keeps the
// record's other bytes as they came, and flags what lies out of range.
func BenchmarkTransform(b *testing.B) {
	records := jsonRecords()
	f := learn(b, records)
	b.Run("tare", func(b *testing.B) { each(b, records, transform(b, f)) })
	z := zscores(f)
	typed := func(name string, unmarshal func([]byte, any) error, marshal func(any) ([]byte, error)) {
		b.Run(name, func(b *testing.B) {
			var r reading
			each(b, records, func(value []byte) error {
				if err := unmarshal(value, &r); err != nil {
					return err
				}
				p := z[r.Sensor]
				for k, x := range r.values() {
					*x = (*x - p[k].mean) / p[k].scale
				}
				_, err := marshal(&r)
				return err
			})
		})
	}
	typed("encoding/json", json.Unmarshal, json.Marshal)
	typed("goccy", goccy.Unmarshal, goccy.Marshal)
	typed("sonic", sonic.ConfigDefault.Unmarshal, sonic.ConfigDefault.Marshal)
	typed("sonic-fastest", sonic.ConfigFastest.Unmarshal, sonic.ConfigFastest.Marshal)
}

func transform(b *testing.B, f *frozen.Frozen) func([]byte) error {
	s := plant(schema.JSON)
	d, err := record.NewJSON(s)
	if err != nil {
		b.Fatal(err)
	}
	e, err := record.NewEncoder(s, record.Output{Meta: record.MetaNone}, nil)
	if err != nil {
		b.Fatal(err)
	}
	var row record.Row
	read := decode(d, &row)
	y, out := make([]float64, features), []byte(nil)
	return func(value []byte) error {
		if err := read(value); err != nil {
			return err
		}
		f.Transform(y, &row, f.Find(row.Series))
		out = e.Append(out[:0], value, &row, y, nil)
		return nil
	}
}

// learn freezes the mean and scale of all sensors.
func learn(b *testing.B, records [][]byte) *frozen.Frozen {
	p := &fit.Plan{MinSamples: 1, MaxSeries: 1000, Cutoff: fit.Cutoff{Kind: fit.End}, Record: *plant(schema.JSON)}
	spec, err := scale.Default(scale.Standard)
	if err != nil {
		b.Fatal(err)
	}
	for _, feature := range p.Record.Features {
		p.Features = append(p.Features, frozen.Feature{Name: feature.Name, Scaler: spec})
	}
	state, err := fit.NewState(p)
	if err != nil {
		b.Fatal(err)
	}
	d, err := record.NewJSON(&p.Record)
	if err != nil {
		b.Fatal(err)
	}
	var row record.Row
	read := decode(d, &row)
	for _, value := range records {
		if err := errors.Join(read(value), state.Observe(&row)); err != nil {
			b.Fatal(err)
		}
	}
	f, err := fit.Merge(p, []*fit.State{state}).Freeze()
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// A zscore is what a peer keeps of a series and feature.
type zscore struct{ mean, scale float64 }

func zscores(f *frozen.Frozen) map[string]*[features]zscore {
	all := map[string]*[features]zscore{}
	for id := range int32(f.Series().Len()) {
		z := new([features]zscore)
		for k := range z {
			p := f.Params(k, id)
			z[k] = zscore{p[0], p[1]}
		}
		all[string(f.Series().Name(id))] = z
	}
	return all
}
