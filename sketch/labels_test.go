package sketch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tare/sketch"
)

func newLabels(t testing.TB, tracked int) *sketch.Labels {
	t.Helper()
	l, err := sketch.NewLabels(tracked)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func addLabels(t testing.TB, l *sketch.Labels, labels ...string) {
	t.Helper()
	for _, s := range labels {
		if _, err := l.Add([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
}

func labelBytes(t testing.TB, l *sketch.Labels) []byte {
	t.Helper()
	b, err := l.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ratio is how many values each step of the error is at least shared by.
func ratio(tracked int) uint64 {
	return uint64(min(tracked, max(1<<20, 256*tracked)/sketch.MaxLabel) + 1)
}

// checkLabels holds what Labels promises against the counts of all labels.
func checkLabels(t *testing.T, l *sketch.Labels, tracked int, want map[string]uint64) {
	t.Helper()
	var n, sum, size uint64
	for _, c := range want {
		n += c
	}
	labels, counts := l.Sorted()
	for i, label := range labels {
		c := want[string(label)]
		if counts[i] > c || counts[i]+l.Error() < c || counts[i] == 0 {
			t.Fatalf("%q is counted %d times with an error of %d, occurred %d times", label, counts[i], l.Error(), c)
		}
		if i > 0 && bytes.Compare(labels[i-1], label) >= 0 {
			t.Fatalf("%q stands before %q", labels[i-1], label)
		}
		sum, size = sum+counts[i], size+uint64(len(label))
	}
	for label, c := range want {
		if _, found := slices.BinarySearchFunc(labels, []byte(label), bytes.Compare); !found && c > l.Error() {
			t.Fatalf("%q occurred %d times and is not tracked, with an error of %d", label, c, l.Error())
		}
	}
	switch {
	case l.N() != n:
		t.Fatalf("N %d, want %d", l.N(), n)
	case l.Len() != len(labels) || len(labels) > tracked || size > uint64(max(1<<20, 256*tracked)):
		t.Fatalf("%d labels of %d bytes, tracked are up to %d", len(labels), size, tracked)
	case l.Exact() != (l.Error() == 0) || l.Exact() && sum != n:
		t.Fatalf("exact %v with an error of %d, %d of %d values counted", l.Exact(), l.Error(), sum, n)
	case l.Error() > (n-sum)/ratio(tracked):
		t.Fatalf("an error of %d in %d values, %d counted, want at most a %d-th of the others", l.Error(), n, sum, ratio(tracked))
	}
}

// A stream of labels and what it holds.
type labelStream struct {
	name string
	make func(r *rand.Rand, i int) string
}

var labelStreams = []labelStream{
	{"one", func(*rand.Rand, int) string { return "on" }},
	{"few", func(r *rand.Rand, _ int) string { return fmt.Sprint("state ", r.IntN(8)) }},
	{"skewed", func(r *rand.Rand, _ int) string { return fmt.Sprint(int(1 / (r.Float64() + 1e-4))) }},
	{"uniform", func(r *rand.Rand, _ int) string { return fmt.Sprint(r.IntN(500)) }},
	{"all distinct", func(_ *rand.Rand, i int) string { return fmt.Sprint(i) }},
	{"heavy among distinct", func(r *rand.Rand, i int) string { return []string{"a", "b", fmt.Sprint(i), fmt.Sprint(-i)}[r.IntN(4)] }},
	{"rare first", func(_ *rand.Rand, i int) string { return fmt.Sprint(max(0, 3000-i)) }},
	{"frequent first", func(_ *rand.Rand, i int) string { return fmt.Sprint(max(2000, i)) }},
	{"drifting", func(r *rand.Rand, i int) string { return fmt.Sprint(i/100, " ", r.IntN(5)) }},
	{"any bytes", func(r *rand.Rand, _ int) string {
		return strings.Repeat(string([]byte{byte(r.IntN(3)), byte(r.IntN(256))}), r.IntN(3))
	}},
	{"long", func(r *rand.Rand, _ int) string { return strings.Repeat(fmt.Sprint(r.IntN(40)), 40_000)[:40_000] }},
}

func eachLabelStream(t *testing.T, f func(t *testing.T, tracked int, stream []string)) {
	for _, s := range labelStreams {
		for _, tracked := range []int{1, 2, 20, 1000} {
			t.Run(fmt.Sprintf("%s, %d tracked", s.name, tracked), func(t *testing.T) {
				r := random(t)
				stream := make([]string, 4000)
				if s.name == "long" {
					stream = stream[:200]
				}
				for i := range stream {
					stream[i] = s.make(r, i)
				}
				f(t, tracked, stream)
			})
		}
	}
}

// The bounds hold at every moment of a stream, and exactly up to the number of
// labels tracked.
func TestLabels(t *testing.T) {
	eachLabelStream(t, func(t *testing.T, tracked int, stream []string) {
		l, want, order, size := newLabels(t, tracked), map[string]uint64{}, []string(nil), 0
		for i, s := range stream {
			if want[s]++; want[s] == 1 {
				order, size = append(order, s), size+len(s)
			}
			code, err := l.Add([]byte(s))
			if err != nil {
				t.Fatal(err)
			}
			if len(order) <= tracked && size <= 1<<20 && !l.Exact() {
				t.Fatalf("not exact after %d labels", len(order))
			}
			if l.Exact() && order[code] != s {
				t.Fatalf("code %d of %.20q is that of %.20q", code, s, order[code])
			}
			if code >= 0 {
				if label, count := l.At(code); string(label) != s || count == 0 {
					t.Fatalf("%.20q has code %d, which is %.20q", s, code, label)
				}
			}
			if i%97 == 0 {
				checkLabels(t, l, tracked, want)
			}
		}
		checkLabels(t, l, tracked, want)
	})
}

// Parts merge into something as good as the whole, exact if that fits.
func TestLabelsMerge(t *testing.T) {
	eachLabelStream(t, func(t *testing.T, tracked int, stream []string) {
		all := map[string]uint64{}
		merged, again := newLabels(t, tracked), newLabels(t, tracked)
		for part := range slices.Chunk(stream, len(stream)/7) {
			l := newLabels(t, tracked)
			for _, s := range part {
				all[s]++
				addLabels(t, l, s)
			}
			before := labelBytes(t, l)
			for _, into := range []*sketch.Labels{merged, again} {
				if err := into.Merge(l); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(labelBytes(t, l), before) {
				t.Fatal("a merge has changed its argument")
			}
			checkLabels(t, merged, tracked, all)
		}
		if !bytes.Equal(labelBytes(t, merged), labelBytes(t, again)) {
			t.Fatal("the same merges give other bytes")
		}
		if size := 0; len(all) <= tracked {
			for s := range all {
				size += len(s)
			}
			if size <= 1<<20 && !merged.Exact() {
				t.Errorf("%d labels are not exact", len(all))
			}
		}
		for s := range all {
			all[s] *= 2
		}
		if err := merged.Merge(merged); err != nil {
			t.Fatal(err)
		}
		checkLabels(t, merged, tracked, all)
	})
}

// A stream that is stored and restored after every label gives the same codes
// and bytes as one that never stopped.
func TestLabelsRestore(t *testing.T) {
	eachLabelStream(t, func(t *testing.T, tracked int, stream []string) {
		whole, restored := newLabels(t, tracked), newLabels(t, tracked)
		for i, s := range stream[:min(len(stream), 600)] {
			want, _ := whole.Add([]byte(s))
			if got, _ := restored.Add([]byte(s)); got != want {
				t.Fatalf("label %d has code %d, restored %d", i, want, got)
			}
			if i%50 > 2 && i%7 > 0 {
				continue
			}
			saved := labelBytes(t, restored)
			next := new(sketch.Labels)
			if err := next.UnmarshalBinary(saved); err != nil {
				t.Fatal(err)
			}
			clear(saved)
			restored = next
			if !bytes.Equal(labelBytes(t, restored), labelBytes(t, whole)) {
				t.Fatalf("other bytes after label %d", i)
			}
		}
	})
}

// The same labels in the same order have the same bytes, whatever the process.
func TestLabelsPinned(t *testing.T) {
	r := rand.New(rand.NewPCG(32, 32))
	merged := newLabels(t, 50)
	h := sha256.New()
	for range 9 {
		l := newLabels(t, 50)
		for i := range 2000 {
			addLabels(t, l, labelStreams[2].make(r, i))
		}
		h.Write(labelBytes(t, l))
		if err := merged.Merge(l); err != nil {
			t.Fatal(err)
		}
	}
	h.Write(labelBytes(t, merged))
	const want = "99355f4fc1be3989c751ea2077e29c8b56a7c5d0ca4891632b3a42ce1ecd5468"
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("the states have SHA-256 %s, want %s", got, want)
	}
	l := newLabels(t, 3)
	addLabels(t, l, "ü", "", "ü", "on")
	const form = "01" + "03000000" + "0400000000000000" + "0000000000000000" + "03000000" +
		"0200000000000000" + "02000000" + "0100000000000000" + "00000000" + "0100000000000000" + "02000000" + "c3bc" + "6f6e"
	if got := fmt.Sprintf("%x", labelBytes(t, l)); got != form {
		t.Errorf("binary form %s, want %s", got, form)
	}
}

// What is too much is refused by name, or costs exactness and not memory.
func TestLabelsLimits(t *testing.T) {
	l := newLabels(t, 1000)
	addLabels(t, l, "on", "off")
	before := labelBytes(t, l)
	for _, size := range []int{sketch.MaxLabel + 1, 1 << 20} {
		if code, err := l.Add(make([]byte, size)); !errors.Is(err, sketch.ErrLabel) || code != -1 || !bytes.Equal(labelBytes(t, l), before) {
			t.Errorf("a label of %d bytes: code %d, error %v, or it was taken", size, code, err)
		}
	}
	if code, err := l.Add(make([]byte, sketch.MaxLabel)); code != 2 || err != nil {
		t.Errorf("a label of %d bytes: code %d, %v", sketch.MaxLabel, code, err)
	}
	for i := range 1_000_000 {
		addLabels(t, l, fmt.Sprint("id-", i))
	}
	if got := len(labelBytes(t, l)); l.Exact() || l.Error() > l.N()/1001 || l.Len() > 1000 || got > 1<<20+1000*12+25 {
		t.Errorf("a million labels: %d tracked in %d bytes, error %d", l.Len(), got, l.Error())
	}
	long := newLabels(t, 1000)
	for i := range 1000 {
		label := bytes.Repeat([]byte("x"), sketch.MaxLabel)
		copy(label, fmt.Sprint(i))
		if _, err := long.Add(label); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(labelBytes(t, long)); long.Exact() || long.Error() > long.N()/17 || got > 1<<20+1000*12+25 {
		t.Errorf("a thousand long labels: %d tracked in %d bytes, error %d", long.Len(), got, long.Error())
	}
	for _, tracked := range []int{-1, 0, sketch.MaxTracked + 1} {
		if _, err := sketch.NewLabels(tracked); err == nil {
			t.Errorf("%d tracked: accepted", tracked)
		}
	}
	if err := l.Merge(newLabels(t, 999)); err == nil {
		t.Error("a merge of other limits: accepted")
	}
}

// The heap holds what the limits say, whatever comes.
func TestLabelsMemory(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	l := newLabels(t, 100_000)
	for i := range 300_000 {
		addLabels(t, l, fmt.Sprintf("label number %07d", i%150_000))
	}
	used := heap() - before
	if used > 100_000*70 {
		t.Errorf("100,000 labels of 20 bytes take %d bytes each, want at most 70", used/100_000)
	}
	runtime.KeepAlive(l)
}

func TestLabelsFull(t *testing.T) {
	l := newLabels(t, 2)
	addLabels(t, l, "a")
	data := labelBytes(t, l)
	binary.LittleEndian.PutUint64(data[5:], sketch.MaxLabelCount-1)
	binary.LittleEndian.PutUint64(data[25:], sketch.MaxLabelCount-1)
	if err := l.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	addLabels(t, l, "b")
	before := labelBytes(t, l)
	if _, err := l.Add([]byte("a")); !errors.Is(err, sketch.ErrLabelsFull) {
		t.Errorf("beyond the last count: %v", err)
	}
	one := newLabels(t, 2)
	addLabels(t, one, "a")
	if err := l.Merge(one); !errors.Is(err, sketch.ErrLabelsFull) {
		t.Errorf("a merge beyond the last count: %v", err)
	}
	if !bytes.Equal(labelBytes(t, l), before) {
		t.Error("refused, but changed")
	}
}

func TestLabelsUnmarshalRefuses(t *testing.T) {
	exact, faded := newLabels(t, 5), newLabels(t, 2)
	addLabels(t, exact, "on", "off", "on")
	addLabels(t, faded, "on", "on", "on", "off", "idle", "on")
	f := func(what string, l *sketch.Labels, change func(b []byte) []byte) {
		t.Helper()
		data := labelBytes(t, l)
		got := newLabels(t, 3)
		addLabels(t, got, "x")
		before := labelBytes(t, got)
		if err := new(sketch.Labels).UnmarshalBinary(data); err != nil {
			t.Fatalf("%s: unchanged bytes are refused: %v", what, err)
		}
		if err := got.UnmarshalBinary(change(slices.Clone(data))); err == nil {
			t.Errorf("%s: accepted", what)
		}
		if !bytes.Equal(labelBytes(t, got), before) {
			t.Errorf("%s: refused, but the receiver has changed", what)
		}
	}
	put := func(i int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[i] = v; return b }
	}
	for i := range labelBytes(t, exact) {
		f(fmt.Sprintf("cut to %d bytes", i), exact, func(b []byte) []byte { return b[:i] })
	}
	f("a byte more", exact, func(b []byte) []byte { return append(b, 0) })
	f("version 2", exact, put(0, 2))
	f("none tracked", exact, put(1, 0))
	f("too many tracked", exact, put(4, 1))
	f("more labels than tracked", exact, put(1, 1))
	f("more labels than bytes", exact, put(21, 5))
	f("2^24 labels", exact, put(24, 1))
	f("a value more", exact, put(5, 4))
	f("a value less", exact, put(5, 2))
	f("too many values", exact, put(12, 1))
	f("too many values, all counted", exact, func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[5:], sketch.MaxLabelCount+2)
		binary.LittleEndian.PutUint64(b[25:], sketch.MaxLabelCount+1)
		return b
	})
	f("an error of exact counts", exact, put(13, 1))
	f("a label counted 0 times", exact, func(b []byte) []byte { b[25], b[5] = 0, 1; return b })
	f("a count beyond the values", exact, put(32, 0xff))
	f("a label too long", exact, put(33, 200))
	f("a label longer than 64 KiB", exact, func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[33:], sketch.MaxLabel+1)
		return append(b[:49], make([]byte, sketch.MaxLabel+1+3)...)
	})
	f("more than 1 MiB of labels", exact, func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) })
	f("labels that do not fit together", exact, func([]byte) []byte {
		b := []byte{1, 20, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0}
		for range 17 {
			b = binary.LittleEndian.AppendUint32(append(b, 1, 0, 0, 0, 0, 0, 0, 0), sketch.MaxLabel)
		}
		for i := range byte(17) {
			b = append(b, bytes.Repeat([]byte{i}, sketch.MaxLabel)...)
		}
		return b
	})
	f("a label twice", exact, func(b []byte) []byte {
		b[45] = 2
		return append(b[:49], "onon"...)
	})
	f("no error where values are not counted", faded, put(13, 0))
	f("an error beyond the values that are not counted", faded, put(13, 2))
	f("an error too small for the values that are not counted", faded, put(5, 20))
}

func TestLabelsNoAllocations(t *testing.T) {
	l, name, other := newLabels(t, 1), []byte("a name of some length"), []byte("another one")
	if n := testing.AllocsPerRun(100, func() {
		l.Add(name)
		l.Add(name)
		l.Add(other)
	}); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

// FuzzLabels feeds labels, merges and restores, as the bytes say, and compares
// with a map.
func FuzzLabels(f *testing.F) {
	f.Add([]byte("a b c a a d e f g a b b b \xff idle run stop idle idle"), uint16(3))
	f.Add(bytes.Repeat([]byte("on off on on fault "), 20), uint16(2))
	f.Fuzz(func(t *testing.T, data []byte, limit uint16) {
		tracked := int(limit%40) + 1
		whole, part, want := newLabels(t, tracked), newLabels(t, tracked), map[string]uint64{}
		for i, label := range bytes.Split(data, []byte(" ")) {
			if len(label) > sketch.MaxLabel {
				continue
			}
			addLabels(t, part, string(label))
			want[string(label)]++
			switch (len(label) + i) % 9 {
			case 0:
				if err := whole.Merge(part); err != nil {
					t.Fatal(err)
				}
				part = newLabels(t, tracked)
			case 1:
				saved := labelBytes(t, part)
				part = new(sketch.Labels)
				if err := part.UnmarshalBinary(saved); err != nil || !bytes.Equal(labelBytes(t, part), saved) {
					t.Fatalf("% x: %v", saved, err)
				}
			}
		}
		if err := whole.Merge(part); err != nil {
			t.Fatal(err)
		}
		checkLabels(t, whole, tracked, want)
		if err := part.UnmarshalBinary(labelBytes(t, whole)); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzLabelsUnmarshalBinary: what is accepted has exactly these bytes, and can
// be read, continued and merged.
func FuzzLabelsUnmarshalBinary(f *testing.F) {
	for _, stream := range []string{"", "a", "a b a", "a b c d e f g a a a h", "on off  on"} {
		l := newLabels(f, 4)
		addLabels(f, l, strings.Split(stream, " ")...)
		f.Add(labelBytes(f, l))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := new(sketch.Labels)
		if l.UnmarshalBinary(data) != nil {
			if l.Len() > 0 || l.N() > 0 {
				t.Fatal("refused, but changed the receiver")
			}
			return
		}
		if !bytes.Equal(labelBytes(t, l), data) {
			t.Fatalf("% x comes back as % x", data, labelBytes(t, l))
		}
		l.Sorted()
		n := l.N()
		for i := range 100 {
			if _, err := l.Add(fmt.Append(nil, i%60)); err == nil {
				n++
			}
		}
		o := new(sketch.Labels)
		if err := o.UnmarshalBinary(labelBytes(t, l)); err != nil {
			t.Fatalf("continued: %v", err)
		}
		if l.Merge(o) == nil {
			n *= 2
		}
		if l.N() != n {
			t.Fatalf("N %d, want %d", l.N(), n)
		}
		if err := o.UnmarshalBinary(labelBytes(t, l)); err != nil {
			t.Fatalf("merged: %v", err)
		}
	})
}

func ExampleLabels() {
	monday, err := sketch.NewLabels(100)
	if err != nil {
		panic(err)
	}
	tuesday, _ := sketch.NewLabels(100)
	for _, label := range []string{"run", "idle", "run", "fault"} {
		monday.Add([]byte(label))
		tuesday.Add([]byte("idle"))
	}
	if err := monday.Merge(tuesday); err != nil {
		panic(err)
	}
	labels, counts := monday.Sorted()
	fmt.Printf("%s %d exact: %v\n", labels, counts, monday.Exact())
	// Output:
	// [fault idle run] [1 5 2] exact: true
}

func BenchmarkLabels(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range []struct {
		name    string
		tracked int
		make    func(r *rand.Rand, i int) string
	}{
		{"8 labels", 10_000, labelStreams[1].make},
		{"5,000 labels", 10_000, func(r *rand.Rand, _ int) string { return fmt.Sprint("label ", r.IntN(5000)) }},
		{"all distinct", 10_000, labelStreams[4].make},
		{"9,999 heavy, then distinct", 10_000, func(r *rand.Rand, i int) string {
			if i < 1<<19 {
				return fmt.Sprint("heavy ", r.IntN(9999))
			}
			return fmt.Sprint(i)
		}},
		{"skewed without end", 1000, func(r *rand.Rand, _ int) string { return fmt.Sprint(math.Floor(1 / r.Float64())) }},
	} {
		labels := make([][]byte, 1<<20)
		for i := range labels {
			labels[i] = []byte(s.make(r, i))
		}
		b.Run(s.name, func(b *testing.B) {
			l, i := newLabels(b, s.tracked), 0
			for b.Loop() {
				l.Add(labels[i%len(labels)])
				i++
			}
		})
	}
}
