package record

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestNumberText holds what is written against encoding/json.
func TestNumberText(t *testing.T) {
	f := func(x float64) {
		t.Helper()
		want, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendNumber(nil, x)); got != string(want) {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
	for _, x := range []float64{0, 1, 0.5, 0.25, 1.5, 0.1, 0.2, 0.3, 1 / 3.0, 2 / 3.0, 5e-324, math.MaxFloat64,
		1e-6, 1e-7, 1.5e-7, 1e-10, 1e20, 1e21, 1e22, 123456789, 1e15, 1e16, 1e17, 1<<52 - 0.5, 1<<51 - 0.25, 1 << 53, 1<<53 - 1, 1<<53 + 2,
		9007199254740993, 0.000001, 0.00000123, 123.456, 100.5, 1000000.5, 4503599627370495.5, 4503599627370497.5,
		5.199337582605575, -5.199337582605575, 2.2250738585072014e-308, 1e-300, 1e300} {
		f(x)
		f(-x)
		f(math.Nextafter(x, 0))
		f(-math.Nextafter(x, math.MaxFloat64))
	}
	f(math.Copysign(0, -1))
	for e := -1074; e < 1024; e++ {
		f(math.Ldexp(1, e))
	}

	r := random(t)
	for range rounds(200_000) {
		f(anyFloat(r))
		f(r.NormFloat64())
		f(math.Float64frombits(uint64(1023-22+r.IntN(76))<<52 | r.Uint64()>>12)) // 2^-22 to 2^54
		f(float64(r.Int64N(1e12)) / float64(tens[r.IntN(13)]))                   // few digits
		f(float64(r.Int64N(1<<40)) / float64(int64(1)<<r.IntN(60)))              // few bits
	}
}

// TestAppendGap holds the copy of words against append.
func TestAppendGap(t *testing.T) {
	b := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	for from := range b {
		for to := from; to <= len(b); to++ {
			for room := range 40 {
				got := appendGap(make([]byte, 3, 3+room), b, int32(from), int32(to))
				if want := string(make([]byte, 3)) + string(b[from:to]); string(got) != want {
					t.Fatalf("from %d to %d into %d bytes: got %q, want %q", from, to, room, got, want)
				}
			}
		}
	}
}

func TestFloat32Text(t *testing.T) {
	r := random(t)
	f := func(x float32) {
		t.Helper()
		want, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendAny(nil, float64(x), 32)); got != string(want) {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
	for range rounds(100_000) {
		f(float32(r.NormFloat64()))
		if x := math.Float32frombits(r.Uint32()); x-x == 0 {
			f(x)
		}
	}
	for _, x := range []float32{0, 1, 1e-6, 1e-7, 1e21, 1e20, math.MaxFloat32, math.SmallestNonzeroFloat32} {
		f(x)
		f(-x)
		f(math.Nextafter32(x, 0))
	}
}

// TestShortestScale proves the power of ten that shortest chooses for each
// binary exponent, and that its arithmetic stays within its words.
func TestShortestScale(t *testing.T) {
	for q := -72; q <= -1; q++ {
		k := (4095 - 1233*q) >> 12
		two := new(big.Int).Lsh(big.NewInt(1), uint(-q))
		ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k)), nil)
		// 10^-k < 2^q < 10^(1-k)
		if ten.Cmp(two) <= 0 || new(big.Int).Div(ten, big.NewInt(10)).Cmp(two) >= 0 {
			t.Errorf("2^%d: k is %d", q, k)
		}
		shift := 1 - q - k
		most := new(big.Int).Lsh(big.NewInt(1), 54)
		most.Mul(most, new(big.Int).SetUint64(fives[k]))
		if shift < 1 || shift > 60 || most.BitLen()-shift > 64 {
			t.Errorf("2^%d: shift %d of %d bits", q, shift, most.BitLen())
		}
	}
	for k, five := range fives {
		if want := new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(k)), nil); want.Cmp(new(big.Int).SetUint64(five)) != 0 {
			t.Errorf("5^%d is %v, not %d", k, want, five)
		}
	}
}

func BenchmarkNumberText(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]float64, 1024)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	text := make([]byte, 0, 64)
	b.Run("own", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			text = appendNumber(text[:0], v[i&1023])
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			text = strconv.AppendFloat(text[:0], v[i&1023], 'f', -1, 64)
		}
	})
}
