package kafka_test

import (
	"fmt"

	"tare/internal/kafka"
)

func Example() {
	w := kafka.BatchWriter{Codec: kafka.LZ4, Max: 1 << 20}
	w.Append(&kafka.Record{Timestamp: 1772236833170, Key: []byte("pump-7"), Value: []byte(`{"load":0.25}`)},
		kafka.Header{Key: "tare-source", Value: []byte("plant/3/4711")})
	w.Append(&kafka.Record{Timestamp: 1772236833180, Key: []byte("pump-8")})
	batch, err := w.Finish(kafka.NoProducer, -1)
	if err != nil {
		fmt.Println(err)
		return
	}

	// A broker sets the offsets; here they start at 0.
	var c kafka.Cursor
	var r kafka.Record
	c.Reset(batch, nil)
	for c.Next() {
		for c.Record(&r) {
			source, _ := r.Headers.Last("tare-source")
			fmt.Printf("%d %s %q null: %v, from %q\n", r.Offset, r.Key, r.Value, r.Value == nil, source)
		}
	}
	fmt.Println("next", c.Position(), c.Err())
	// Output:
	// 0 pump-7 "{\"load\":0.25}" null: false, from "plant/3/4711"
	// 1 pump-8 "" null: true, from ""
	// next 2 <nil>
}

// A takeover waits until its own marker is in the log: what lies before it is
// all that the owner before has written.
func ExampleDecoder() {
	own := kafka.Producer{ID: 4711, Epoch: 8}
	found := func(data []byte) (end int64, ok bool) {
		var d kafka.Decoder
		d.Reset(data)
		for d.Next() {
			if b := d.Batch(); b.Marker.Type == kafka.Commit && b.Producer == own {
				return b.BaseOffset, true
			}
		}
		return 0, false
	}
	fmt.Println(found(nil))
	// Output: 0 false
}
