package bench

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"tare/fit"
	"tare/scale"
)

// TestGrowth measures what a record costs as the history grows, and as the
// series do. It writes lines for bench/plot: the chart, the curve, x, processor
// time for a record in ns, live heap beyond that of an empty pass in bytes, and
// the longest pause of the garbage collector in µs.
//
//	make bench-growth
func TestGrowth(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var out strings.Builder
	history(t, &out, *longest)
	for _, curve := range seriesCurves {
		for n := 1; n <= min(curve.most, *widest); n *= 10 {
			curve.measure(t, &out, n)
		}
	}
	t.Logf("\n%s", &out)
	if *save == "" {
		return
	}
	if err := os.WriteFile(*save, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// history reads n records of 1,000 sensors in each pass, and measures between
// 1, 2, 5, 10, ... times 10,000 of them.
func history(t *testing.T, out io.Writer, n int) {
	const narrow = 1000
	f := func(curve string, pass func(in io.Reader)) {
		in := newFeed(narrow, n, true, decades(10_000, n)...)
		last, began, empty := 0, reading{}, read().heap
		in.at = func(records int) {
			if last > 0 {
				began.report(out, empty, "history", curve, records, records-last)
			}
			last, began = records, read()
		}
		pass(in)
	}
	p := plan(t, scale.Standard, fit.Cutoff{Kind: fit.End})
	f("fit moments", func(in io.Reader) { learn(t, p, in) })
	f("fit digests", func(in io.Reader) { learn(t, plan(t, scale.Robust, p.Cutoff), in) })
	a := freeze(t, learn(t, p, newFeed(narrow, 100*narrow, true)))
	f("transform", func(in io.Reader) { normalize(t, a, in, io.Discard) })
}

func decades(from, to int) (marks []int) {
	for ; from <= to; from *= 10 {
		marks = append(marks, from, 2*from, 5*from)
	}
	return marks
}

// A seriesCurve is the fit pass over series in order or at random, warm: each has
// seen so many values, and on average sees a block of 32 more.
type seriesCurve struct {
	name, kind string
	random     bool
	seen, most int // values of a series; series
}

// At most: a million series take 2.6 GB with moments on eight features, and
// 100,000 take 1.5 GB with digests.
var seriesCurves = []seriesCurve{
	{"moments, in order", scale.Standard, false, 32, 1_000_000},
	{"moments, at random", scale.Standard, true, 32, 1_000_000},
	{"digests, in order", scale.Robust, false, 160, 100_000},
	{"digests, at random", scale.Robust, true, 160, 100_000},
}

func (c seriesCurve) measure(t *testing.T, out io.Writer, series int) {
	warm, n := c.seen*series, max(32*series, min(500_000, *longest))
	in := newFeed(series, warm+n, c.random, warm, warm+n)
	began, empty := reading{}, read().heap
	in.at = func(records int) {
		if records == warm {
			began = read()
			return
		}
		began.report(out, empty, "series", c.name, series, n)
	}
	learn(t, plan(t, c.kind, fit.Cutoff{Kind: fit.End}), in)
}

// A reading is where the process stands.
type reading struct {
	cpu, heap int64 // ns; live bytes
	pauses    []uint64
}

const pauseMetric = "/sched/pauses/total/gc:seconds"

// read collects garbage first, and counts that for neither side.
func read() (r reading) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := []metrics.Sample{{Name: pauseMetric}}
	metrics.Read(s)
	return reading{cpu: cpu(), heap: int64(m.HeapAlloc), pauses: s[0].Value.Float64Histogram().Counts}
}

// report writes what n records have cost since r.
func (r reading) report(out io.Writer, empty int64, chart, curve string, x, n int) {
	took := cpu() - r.cpu
	s := []metrics.Sample{{Name: pauseMetric}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	longest := 0.0
	for i, count := range h.Counts {
		if count > r.pauses[i] {
			longest = h.Buckets[i+1]
		}
	}
	fmt.Fprintf(out, "%s\t%s\t%d\t%.1f\t%d\t%.0f\n", chart, curve, x, float64(took)/float64(n), read().heap-empty, 1e6*longest)
}

// A feed is n records of 167 bytes with eight numbers, of so many series, in
// order or in one random order, again and again. All of their text is made before,
// so that giving one costs two copies.
type feed struct {
	n     int
	marks []int // records at which at is called, ascending
	at    func(records int)

	heads string   // all of one length
	tails []string // their number is prime
	next  int
	buf   []byte
}

const headLen = len(`{"sensor":"pump-0000000","ts":1772000000000`)

func newFeed(series, n int, random bool, marks ...int) *feed {
	f := &feed{n: n, marks: marks, tails: make([]string, 16381)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range f.tails {
		var b strings.Builder
		appendNumbers(&b, r)
		f.tails[i] = b.String()
	}
	order := make([]int, max(series, 1<<16)/series*series)
	for i := range order {
		order[i] = i % series
	}
	if random {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	var b strings.Builder
	b.Grow(headLen * len(order))
	for i, s := range order {
		fmt.Fprintf(&b, `{"sensor":"pump-%07d","ts":%d`, s, 1_772_000_000_000+i)
	}
	f.heads = b.String()
	return f
}

func (f *feed) Read(p []byte) (int, error) {
	for len(f.buf) == 0 {
		if f.marked(); f.next == f.n {
			return 0, io.EOF
		}
		f.fill(min(f.n, f.next+400))
	}
	n := copy(p, f.buf)
	f.buf = f.buf[:copy(f.buf, f.buf[n:])]
	return n, nil
}

// marked calls at for the marks that have been passed.
func (f *feed) marked() {
	for len(f.marks) > 0 && f.next >= f.marks[0] {
		f.at(f.marks[0])
		f.marks = f.marks[1:]
	}
}

func (f *feed) fill(end int) {
	for ; f.next < end; f.next++ {
		at := f.next * headLen % len(f.heads)
		f.buf = append(f.buf, f.heads[at:at+headLen]...)
		f.buf = append(f.buf, f.tails[f.next%len(f.tails)]...)
	}
}
