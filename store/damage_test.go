package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// TestEveryBit flips every bit of the smallest artifact.
func TestEveryBit(t *testing.T) {
	t.Parallel()
	m, f := small(t)
	b := written(t, m, f)
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		if _, err := read(b); !isRefused(err) {
			t.Fatalf("bit %d of byte %d flipped: error %v", i%8, i/8, err)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	if _, err := read(b); err != nil {
		t.Error(err)
	}
}

// TestEveryCut cuts the smallest artifact at every byte, with the hash of the
// whole and with its own.
func TestEveryCut(t *testing.T) {
	t.Parallel()
	m, f := small(t)
	b := written(t, m, f)
	for n := range b {
		if _, err := read(b[:n]); !isRefused(err) {
			t.Fatalf("cut to %d bytes: error %v", n, err)
		}
		if _, err := read(seal(bytes.Clone(b[:n]))); !isRefused(err) {
			t.Fatalf("cut to %d bytes, with a new hash: error %v", n, err)
		}
	}
}

func isRefused(err error) bool {
	_, ok := err.(*RefusedError)
	return ok
}

// TestDamage damages an artifact in 60,000 random ways.
func TestDamage(t *testing.T) {
	m, f := small(t)
	good := written(t, m, f)
	start := seed(t)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		t.Run(fmt.Sprintf("worker %d", w), func(t *testing.T) {
			t.Parallel()
			for i := w; i < 60_000; i += workers {
				r := rand.New(rand.NewPCG(start, uint64(i)))
				b := damage(r, bytes.Clone(good))
				if _, err := read(b); !isRefused(err) && !bytes.Equal(b, good) {
					t.Fatalf("damage %d of seed %d: error %v", i, start, err)
				}
			}
		})
	}
}

// damage flips, overwrites, cuts, repeats, moves or appends.
func damage(r *rand.Rand, b []byte) []byte {
	i, j := r.IntN(len(b)), r.IntN(len(b))
	from, to := min(i, j), max(i, j)
	switch r.IntN(8) {
	case 0:
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
	case 1:
		b[i] = byte(r.Uint32())
	case 2:
		return b[:i]
	case 3:
		return b[i:]
	case 4:
		return slices.Delete(b, from, to)
	case 5:
		return slices.Insert(b, i, bytes.Clone(b[from:to])...)
	case 6:
		for range 1 + r.IntN(80) {
			b = append(b, byte(r.Uint32()))
		}
	case 7:
		clear(b[from:min(to, from+512)])
	}
	return b
}

// TestSealedDamage damages an artifact and sets hash and CRCs right: what is
// taken all the same is another artifact that is written with those bytes.
func TestSealedDamage(t *testing.T) {
	t.Run("numbers", func(t *testing.T) { sealedDamage(t, sampleBytes(t), 10_000) })
	t.Run("arrays", func(t *testing.T) { sealedDamage(t, arraysBytes(t), 5_000) })
	t.Run("labels", func(t *testing.T) { sealedDamage(t, labeledBytes(t), 5_000) })
}

func sealedDamage(t *testing.T, good []byte, times int) {
	start := seed(t)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		t.Run(fmt.Sprintf("worker %d", w), func(t *testing.T) {
			t.Parallel()
			taken := 0
			for i := w; i < times; i += workers {
				r := rand.New(rand.NewPCG(start, uint64(i)))
				b := repair(damage(r, bytes.Clone(good)))
				a, err := read(b)
				if err == nil {
					taken++
					if !bytes.Equal(written(t, &a.Manifest, a.Frozen), b) {
						t.Fatalf("damage %d of seed %d was taken, but is written with other bytes", i, start)
					}
				} else if !isRefused(err) {
					t.Fatalf("damage %d of seed %d: error %v", i, start, err)
				}
			}
			t.Logf("%d taken", taken)
		})
	}
}

// FuzzArtifact reads any bytes, with hash and CRCs set right. What is taken is
// written with the same bytes.
func FuzzArtifact(f *testing.F) {
	b := smallBytes(f)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(pack(nil))
	f.Add(arraysBytes(f))
	f.Add(labeledBytes(f))
	f.Add(pack([]part{{manifestName, []byte(`{"format":1}` + "\n")}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = repair(bytes.Clone(b))
		var a *Artifact
		var err error
		if took := allocated(func() { a, err = read(b) }); took > 1<<20+64*uint64(len(b)) {
			t.Fatalf("%d bytes allocated for %d read", took, len(b))
		}
		if err != nil {
			if !isRefused(err) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(written(t, &a.Manifest, a.Frozen), b) {
			t.Fatal("taken, but written with other bytes")
		}
	})
}

func smallBytes(t testing.TB) []byte {
	m, f := small(t)
	return written(t, m, f)
}
