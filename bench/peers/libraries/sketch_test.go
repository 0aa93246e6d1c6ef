package libraries

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/DataDog/sketches-go/ddsketch"
	caio "github.com/caio/go-tdigest/v4"
	"github.com/influxdata/tdigest"
	"gonum.org/v1/gonum/stat"

	"tare/sketch"
	"tare/welford"
)

const (
	values = 1 << 16
	warm   = 100_000
)

func normals() []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, values)
	for i := range x {
		x[i] = 50 + 10*r.NormFloat64()
	}
	return x
}

// eachValue adds values in turn, to something that has seen 100,000.
func eachValue(b *testing.B, add func(x float64) error) {
	x := normals()
	for i := range warm {
		if err := add(x[i%values]); err != nil {
			b.Fatal(err)
		}
	}
	loop(b, 1, func(i int) error { return add(x[i%values]) })
}

// BenchmarkDigest adds one value to one sketch: tare's and the other t-digests at
// compression 100, and DDSketch, whose error is one of value and not of rank.
func BenchmarkDigest(b *testing.B) {
	b.Run("tare", func(b *testing.B) {
		var s sketch.Quantiles
		eachValue(b, s.Add)
	})
	b.Run("influxdata", func(b *testing.B) {
		s := tdigest.NewWithCompression(100)
		eachValue(b, func(x float64) error { s.Add(x, 1); return nil })
	})
	b.Run("caio", func(b *testing.B) {
		s, err := caio.New(caio.Compression(100))
		if err != nil {
			b.Fatal(err)
		}
		eachValue(b, s.Add)
	})
	b.Run("ddsketch", func(b *testing.B) {
		s, err := ddsketch.NewDefaultDDSketch(0.01)
		if err != nil {
			b.Fatal(err)
		}
		eachValue(b, s.Add)
	})
}

// BenchmarkDigestsInTurn adds one value to each of 100,000 sketches in turn: the
// memory decides. When the clock starts sketch i has seen 300 + i%800 values, so
// that each turn brings its share of flushes (800 values fill influxdata's
// buffer, and its sketches take 2.4 GB).
func BenchmarkDigestsInTurn(b *testing.B) {
	const n = 100_000
	x := normals()
	b.Run("tare", func(b *testing.B) {
		s := make([]sketch.Quantiles, n)
		for i := range s {
			for j := range 300 + i%800 {
				s[i].Add(x[(i+j)%values])
			}
		}
		loop(b, 1, func(i int) error { return s[i%n].Add(x[i%values]) })
	})
	b.Run("influxdata", func(b *testing.B) {
		s := make([]*tdigest.TDigest, n)
		for i := range s {
			s[i] = tdigest.NewWithCompression(100)
			for j := range 300 + i%800 {
				s[i].Add(x[(i+j)%values], 1)
			}
		}
		loop(b, 1, func(i int) error { s[i%n].Add(x[i%values], 1); return nil })
	})
}

// BenchmarkMoments adds 1,024 values: to tare's moments in blocks of 32, to what a
// feature without a digest keeps (the same with the check of each value, its
// buffer, minimum and maximum), to plain Welford, and to gonum's variance, which
// needs all values at once. In turn, the values go to eight of them: then plain
// Welford's divisions no longer wait for each other.
func BenchmarkMoments(b *testing.B) {
	const n = 1024
	x := normals()
	part := func(i int) []float64 { return x[i*n%values:][:n] }
	b.Run("tare-blocks", func(b *testing.B) {
		var m welford.Moments
		loop(b, n, func(i int) error {
			for block := range slices.Chunk(part(i), welford.Block) {
				m.AddBlock(block)
			}
			return nil
		})
	})
	b.Run("gonum-batch", func(b *testing.B) {
		loop(b, n, func(i int) error { stat.MeanVariance(part(i), nil); return nil })
	})
	inTurn := func(suffix string, streams int) {
		b.Run("tare"+suffix, func(b *testing.B) {
			r := make([]welford.Running, streams)
			loop(b, n, func(i int) error {
				for j, v := range part(i) {
					if err := r[j&(streams-1)].Add(v); err != nil {
						return err
					}
				}
				return nil
			})
		})
		b.Run("plain-welford"+suffix, func(b *testing.B) {
			w := make([]plainWelford, streams)
			loop(b, n, func(i int) error {
				for j, v := range part(i) {
					w[j&(streams-1)].add(v)
				}
				return nil
			})
		})
	}
	inTurn("", 1)
	inTurn("-in-turn", 8)
}

// A plainWelford is the update in every textbook.
type plainWelford struct{ n, mean, m2 float64 }

func (w *plainWelford) add(x float64) {
	w.n++
	d := x - w.mean
	w.mean += d / w.n
	w.m2 += d * (x - w.mean)
}
