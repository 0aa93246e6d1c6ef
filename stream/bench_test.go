package stream

import (
	"io"
	"strings"
	"testing"

	"tare/schema"
)

// small reads 4 KiB at most, as a pipe may.
type small struct{ io.Reader }

func (s small) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), 4<<10)]) }

func benchmarkRead(b *testing.B, in string) {
	files, err := NewFiles([]string{Stdin}, schema.JSON, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		files.stdin = small{strings.NewReader(in)}
		r, err := files.Open(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Read()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

// BenchmarkLines and BenchmarkLongLine read 4 MiB, as records of 170 bytes and
// as one: what a line costs grows with its length alone, however it arrives.
func BenchmarkLines(b *testing.B) {
	benchmarkRead(b, strings.Repeat(strings.Repeat("x", 169)+"\n", 4<<20/170))
}

func BenchmarkLongLine(b *testing.B) { benchmarkRead(b, strings.Repeat("x", 4<<20)) }
