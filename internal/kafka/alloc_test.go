package kafka

import (
	"math/rand/v2"
	"testing"
)

// TestNoAllocations reads and writes batches of 500 records with every codec
// and warm buffers. What the libraries of snappy and zstd hold in pools, which
// the garbage collector may empty, they may take anew: a few times a batch.
func TestNoAllocations(t *testing.T) {
	f := func(name string, most float64, run func()) {
		t.Helper()
		run()
		run()
		if n := testing.AllocsPerRun(20, run); n > most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, most)
		}
	}
	records := plantRecords(rand.New(rand.NewPCG(1, 2)), 500)
	aborted := []Aborted{{ProducerID: 1, FirstOffset: 9}, {ProducerID: 2, FirstOffset: 3}}
	for codec := range numCodecs {
		most := 0.0
		if codec == Snappy || codec == Zstd {
			most = 10
		}
		w := BatchWriter{Codec: codec}
		value := []byte("in/3/4711")
		write := func() (batch []byte) {
			w.Reset()
			for i := range records {
				w.Append(&records[i], Header{"tare-source", value}, Header{"tare-split", nil})
			}
			batch, err := w.Finish(Producer{7, 1}, 0)
			if err != nil {
				t.Fatal(err)
			}
			return batch
		}
		f("write "+codec.String(), most, func() { write() })

		batch := write()
		var c Cursor
		var r Record
		f("read "+codec.String(), most, func() {
			c.SetPosition(0)
			c.Reset(batch, aborted)
			n := 0
			for c.Next() {
				for c.Record(&r) {
					if source, ok := r.Headers.Last("tare-source"); ok && len(source) == 9 {
						n++
					}
				}
			}
			if n != len(records) {
				t.Fatalf("%d records, error %v", n, c.Err())
			}
		})
	}
}
