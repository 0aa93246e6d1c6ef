package sketch

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/welford"
)

// plain is the digest written for the reader instead of the processor: what
// Quantiles does, in the words of its documentation. Both must agree in every
// bit.
type plain struct {
	running   welford.Running // knows moments, minimum and maximum
	centroids []centroid
	raw       []float64
	down      bool
}

type centroid struct {
	mean   float64
	weight int
	pure   bool
}

func (p *plain) add(x float64) {
	p.running.Add(x)
	p.raw = append(p.raw, x+0)
	if len(p.raw) == 32 {
		for _, x := range p.raw {
			p.centroids = append(p.centroids, centroid{x, 1, true})
		}
		p.raw = nil
		p.settle()
	}
}

func (p *plain) merge(o *plain) {
	if p.running.N() == 0 {
		*p = plain{o.running, slices.Clone(o.centroids), slices.Clone(o.raw), o.down}
		return
	}
	centroids, raw := slices.Clone(o.centroids), slices.Clone(o.raw)
	blocks := o.running
	if len(raw) > 0 { // the running moments merge whole blocks first, too: leave the raw values to add
		data, _ := o.running.AppendBinary(nil)
		data = data[:len(data)-8*len(raw)]
		data[2] = 0
		if err := blocks.UnmarshalBinary(data); err != nil {
			panic(err)
		}
	}
	p.running.Merge(&blocks)
	if len(centroids) > 0 {
		p.centroids = append(p.centroids, centroids...)
		p.settle()
	}
	for _, x := range raw {
		p.add(x)
	}
}

// settle sorts the centroids, joins equal pure ones, and compresses the list if
// it is too long.
func (p *plain) settle() {
	slices.SortStableFunc(p.centroids, func(a, b centroid) int { return cmp.Compare(a.mean, b.mean) })
	var joined []centroid
	n := 0
	for _, c := range p.centroids {
		n += c.weight
		if last := len(joined) - 1; last >= 0 && joined[last].pure && c.pure && joined[last].mean == c.mean {
			joined[last].weight += c.weight
		} else {
			joined = append(joined, c)
		}
	}
	p.centroids = joined
	if len(joined) <= 128 {
		return
	}
	for _, s := range scales {
		if p.centroids = compressed(joined, n, s, p.down); len(p.centroids) <= 128 {
			break
		}
	}
	p.down = !p.down
}

// compressed blends neighbors while they span up to a step of the scale.
func compressed(list []centroid, n int, s scale, down bool) (out []centroid) {
	list = slices.Clone(list)
	if down {
		slices.Reverse(list)
	}
	before := 0
	for len(list) > 0 {
		end := stepFrom(before, n, s)
		weight, k := list[0].weight, 1
		for k < len(list) && float64(2*(before+weight+list[k].weight)) <= end {
			weight += list[k].weight
			k++
		}
		out = append(out, blended(list[:k], down))
		before += weight
		list = list[k:]
	}
	if down {
		slices.Reverse(out)
	}
	return out
}

// stepFrom returns twice the weight at which a step ends that begins at before.
func stepFrom(before, n int, s scale) float64 {
	u, all := float64(2*before-n), float64(2*n)
	if u >= float64(float64(n)*s.cos) {
		return all
	}
	return float64(n) + float64(u*s.cos) + float64(math.Sqrt(float64(float64(2*before)*(all-float64(2*before))))*s.sin)
}

func blended(list []centroid, down bool) centroid {
	if len(list) == 1 {
		return list[0]
	}
	if down {
		list = slices.Clone(list)
		slices.Reverse(list)
	}
	first := list[0].mean
	weight, sum := 0, 0.0
	for _, c := range list {
		weight += c.weight
		sum += float64((c.mean - first) * float64(c.weight))
	}
	return centroid{first + sum/float64(weight), weight, false}
}

// bytes is the binary form, from the description in binary.go.
func (p *plain) bytes() []byte {
	b := []byte{1, 0, byte(len(p.centroids)), byte(len(p.raw))}
	if p.down {
		b[1] = 1
	}
	if len(p.centroids) > 0 {
		running, _ := p.running.AppendBinary(nil)
		b = append(b, running[3:3+40+16]...)
		for _, c := range p.centroids {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.mean))
		}
		for _, c := range p.centroids {
			w := uint32(c.weight)
			if c.pure {
				w |= 1 << 31
			}
			b = binary.LittleEndian.AppendUint32(b, w)
		}
	}
	for _, x := range p.raw {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

func TestPlainDigest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	f := func(name string, n int, value func(i int) float64) {
		t.Helper()
		var fast, part Quantiles
		var slow, slowPart plain
		check := func(when string, n int) {
			t.Helper()
			got, _ := fast.AppendBinary(nil)
			if want := slow.bytes(); !bytes.Equal(got, want) {
				t.Fatalf("%s: other bytes after %s %d", name, when, n)
			}
		}
		for i := range n {
			x := value(i)
			fast.Add(x)
			slow.add(x)
			if i%32 == 31 || i < 200 {
				check("value", i+1)
			}
			part.Add(x)
			slowPart.add(x)
			if r.IntN(300) == 0 {
				if err := fast.Merge(&part); err != nil {
					t.Fatal(err)
				}
				slow.merge(&slowPart)
				check("merge before value", i+1)
				part, slowPart = Quantiles{}, plain{}
			}
		}
	}
	f("normal", 20_000, func(int) float64 { return r.NormFloat64() })
	f("ascending", 10_000, func(i int) float64 { return float64(i) })
	f("descending", 10_000, func(i int) float64 { return -float64(i + 1) })
	f("closing", 10_000, func(i int) float64 { return float64(1-2*(i&1)) / float64(i+1) })
	f("85 integers", 5_000, func(int) float64 { return math.Round(10 * r.NormFloat64()) })
	f("300 integers", 20_000, func(int) float64 { return math.Round(40 * r.NormFloat64()) })
	f("half zeros", 20_000, func(int) float64 { return max(0, r.NormFloat64()) })
	f("constant", 1_000, func(int) float64 { return .1 })
	f("600 decades", 10_000, func(int) float64 { return math.Ldexp(r.Float64()-.5, r.IntN(900)-450) })
	f("drift", 20_000, func(i int) float64 { return float64(i)/500 + r.NormFloat64() })
}

func TestScales(t *testing.T) {
	for i, c := range []float64{100, 93, 86, 80, 75, 70, 65, 60} {
		sin, cos := math.Sincos(math.Pi / c)
		if math.Abs(scales[i].cos-cos) > 2e-16 || math.Abs(scales[i].sin-sin) > 2e-17 {
			t.Errorf("c = %v: %v, want %v, %v", c, scales[i], cos, sin)
		}
	}
}

// The last scale leaves few enough centroids of any weights: worst are those
// that fill a little more than half a step each.
func TestLastScaleFits(t *testing.T) {
	const n = 1 << 30
	last := scales[len(scales)-1]
	f := func(fraction float64, want int) {
		t.Helper()
		var weights []uint32
		for before := 0; before < n; before += int(weights[len(weights)-1]) {
			step := stepFrom(before, n, last)/2 - float64(before)
			weights = append(weights, uint32(min(float64(n-before), 1+fraction*step)))
		}
		l := list{make([]float64, len(weights)), weights}
		var buf cutBuffer
		for _, down := range []bool{false, true} {
			if got := len(l.cut(&buf, n, last, down)) - 1; got > want {
				t.Errorf("%d centroids of %v steps, down %v: %d left, want at most %d", len(weights), fraction, down, got, want)
			}
		}
	}
	for fraction := .3; fraction < 3; fraction *= 1.01 {
		f(fraction, 122)
	}
	f(.51, 119)
	f(1, 61)
}
