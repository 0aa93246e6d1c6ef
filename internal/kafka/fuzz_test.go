package kafka

import (
	"path/filepath"
	"testing"
)

// FuzzDecoder reads arbitrary bytes, with and without their checksums set
// right: no panic, no memory beyond the limit, every view within its batch, and
// what can be read can be written and read again.
func FuzzDecoder(f *testing.F) {
	names, _ := filepath.Glob("testdata/java/*.txt")
	for _, name := range names {
		log := loadGolden(f, name).log
		f.Add(log[:min(len(log), 4096)], false)
		f.Add(log[:min(len(log), 4096)], true)
	}
	for _, b := range three(f) {
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, checksums bool) {
		if checksums {
			data = rightChecksums(data)
		}
		d := Decoder{Limit: 1 << 20}
		var w BatchWriter
		var r Record
		var want []string
		last := int64(-1)
		d.Reset(data)
		for d.Next() {
			for d.Record(&r) {
				if r.Offset <= last || r.Offset > d.Batch().LastOffset {
					t.Fatalf("offset %d after %d in %+v", r.Offset, last, *d.Batch())
				}
				last = r.Offset
				r.Offset = int64(len(want))
				want = append(want, goldenLine(&r))
				w.Append(&r)
			}
		}
		if cap(d.buf) > smallestWindow+1<<20 {
			t.Fatalf("buffer of %d bytes", cap(d.buf))
		}
		if len(want) == 0 {
			return
		}
		batch, err := w.Finish(NoProducer, -1)
		if err != nil {
			t.Fatal(err)
		}
		var c Cursor
		got := readAll(&c, batch, nil)
		if c.Err() != nil || len(got) != len(want) {
			t.Fatalf("%d of %d records, error %v", len(got), len(want), c.Err())
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("got %s, want %s", got[i], want[i])
			}
		}
	})
}

// rightChecksums sets the checksums of the batches that data seems to hold.
func rightChecksums(data []byte) []byte {
	data = append([]byte(nil), data...)
	var d Decoder
	d.Reset(data)
	for {
		size, whole := d.whole()
		if !whole {
			return data
		}
		copy(data[d.start:], patch(data[d.start:][:size], func([]byte) {}))
		d.start += size
	}
}
