package stream

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// random returns a generator whose seed is printed when the test fails, and is
// taken from TARE_SEED if that is set.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv("TARE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TARE_SEED: %v, want an unsigned integer", err)
		}
	}
	t.Logf("TARE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
