package frozen

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// seed returns the seed of a random test, from TARE_SEED if that is set.
func seed(t testing.TB) uint64 {
	s, err := strconv.ParseUint(os.Getenv("TARE_SEED"), 10, 64)
	if err != nil {
		s = rand.Uint64()
	}
	t.Logf("TARE_SEED=%d", s)
	return s
}

// TestSeriesModel holds the set against a map, over names that collide often.
func TestSeriesModel(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	var s Series
	model := map[string]int32{}
	for range 50_000 {
		name := strconv.Itoa(r.IntN(20_000))
		if r.IntN(3) == 0 {
			name = ""
		}
		want, known := model[name]
		if id, ok := s.Find([]byte(name)); ok != known || id != want {
			t.Fatalf("Find(%q) = %d, %v; want %d, %v", name, id, ok, want, known)
		}
		if r.IntN(2) == 0 {
			continue
		}
		id, added := s.Add([]byte(name))
		if added == known {
			t.Fatalf("Add(%q) says added %v", name, added)
		}
		if !known {
			model[name] = id
		}
		if got := string(s.Name(id)); got != name || model[name] != id {
			t.Fatalf("Add(%q) = %d, whose name is %q", name, id, got)
		}
	}
	if s.Len() != len(model) {
		t.Fatalf("%d names, want %d", s.Len(), len(model))
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s Series
			names := make([][]byte, n)
			for i := range names {
				names[i] = fmt.Appendf(nil, "plant-%d/pump-%07d", i%7, i)
				s.Add(names[i])
			}
			rand.Shuffle(n, func(i, j int) { names[i], names[j] = names[j], names[i] })
			i := 0
			for b.Loop() {
				if _, ok := s.Find(names[i]); !ok {
					b.Fatal("not found")
				}
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}
