package fit

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"tare/record"
)

func seed(t testing.TB) uint64 {
	s, err := strconv.ParseUint(os.Getenv("TARE_SEED"), 10, 64)
	if err != nil {
		s = rand.Uint64()
	}
	t.Logf("TARE_SEED=%d", s)
	return s
}

func TestSplit(t *testing.T) {
	event := Cutoff{Kind: EventTime, Time: 1000, Gap: 100}
	f := func(c *Cutoff, at, offset, seal int64, want Split, late bool) {
		t.Helper()
		if got, l := c.Split(at, offset, seal); got != want || l != late {
			t.Errorf("time %d, offset %d, seal %d: %v, late %v; want %v, %v", at, offset, seal, got, l, want, late)
		}
	}
	f(&event, 899, 5, 10, Train, false)
	f(&event, 899, 9, 10, Train, false)
	f(&event, 899, 10, 10, Train, true)
	f(&event, 900, 5, 10, InGap, false)
	f(&event, 999, 10, 10, InGap, true)
	f(&event, 1000, 5, 10, Live, false)
	f(&event, 1000, 11, 10, Live, false)
	f(&event, math.MinInt64, 0, Never, Train, false)
	for _, c := range []*Cutoff{{Kind: End}, {Kind: Manual}, {Kind: Records, Records: 10}, {Kind: Offsets, Offsets: map[int32]int64{0: 10}}} {
		f(c, 5000, 9, 10, Train, false)
		f(c, 0, 10, 10, Live, false)
	}
	if got := event.SplitAlone(899); got != Train {
		t.Errorf("alone: %v", got)
	}
	if got := (&Cutoff{Kind: End}).SplitAlone(899); got != Live {
		t.Errorf("alone, without event time: %v", got)
	}
}

// An arrival is one record as the model of a partition sees it.
type arrival struct {
	time   int64
	timed  bool
	reason record.Reason
}

// model decides by the definitions alone, looking at the whole log at once: the
// seal lies behind the first record that brings the newest time, less the
// out-of-orderness, to the cutoff; a record is learned iff it lies before the
// seal and its time before cutoff - gap.
func model(c *Cutoff, log []arrival) (seal int64, learned []bool, counts Counts) {
	seal = int64(len(log))
	newest := int64(math.MinInt64)
	for i, a := range log {
		if a.timed {
			newest = max(newest, a.time)
		}
		if c.Kind == EventTime && c.OutOfOrderness != Unbounded && newest != math.MinInt64 && newest-int64(c.OutOfOrderness) >= int64(c.Time) {
			seal = int64(i) + 1
			break
		}
	}
	switch c.Kind {
	case Records:
		seal = min(seal, c.Records)
	case Offsets:
		seal = min(seal, c.Offsets[0])
	}
	counts = NewCounts()
	for i, a := range log {
		before := int64(i) < seal
		inTrain := c.Kind != EventTime || a.time < int64(c.Time)-int64(c.Gap)
		inGap := c.Kind == EventTime && !inTrain && a.time < int64(c.Time)
		learned = append(learned, a.reason == record.OK && before && inTrain)
		if a.timed {
			counts.Oldest, counts.Newest = min(counts.Oldest, a.time), max(counts.Newest, a.time)
		}
		switch {
		case a.reason != record.OK:
			counts.Rejected[a.reason]++
			if before && (inTrain || !a.timed) {
				counts.Before[a.reason]++
			}
		case inTrain && before:
			counts.Train++
		case inTrain && c.Kind == EventTime:
			counts.LateTrain++
		case inGap && before:
			counts.Gap++
		case inGap:
			counts.LateGap++
		default:
			counts.Live++
		}
	}
	return seal, learned, counts
}

func randomCutoff(r *rand.Rand) *Cutoff {
	c := &Cutoff{Kind: []Kind{EventTime, EventTime, EventTime, Records, Offsets, End}[r.IntN(6)]}
	switch c.Kind {
	case EventTime:
		c.Time, c.Gap, c.OutOfOrderness = Instant(r.Int64N(200)), Duration(r.Int64N(30)), Duration(r.Int64N(30))
		if r.IntN(5) == 0 {
			c.OutOfOrderness = Unbounded
		}
	case Records:
		c.Records = 1 + r.Int64N(60)
	case Offsets:
		c.Offsets = map[int32]int64{0: r.Int64N(60)}
	}
	return c
}

func randomArrival(r *rand.Rand, c *Cutoff, i int) arrival {
	a := arrival{int64(4*i) + r.Int64N(50) - 25, true, record.OK}
	if r.IntN(6) == 0 {
		a.reason = record.Reason(1 + r.IntN(int(record.NumReasons)-1))
		a.timed = a.reason >= record.BadType || a.reason == record.BadSeries
	}
	if c.Kind != EventTime && r.IntN(2) == 0 {
		a.timed = false
	}
	return a
}

func TestPartitionModel(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 1))
	for range 3000 {
		c := randomCutoff(r)
		log := make([]arrival, r.IntN(60))
		for i := range log {
			log[i] = randomArrival(r, c, i)
		}
		seal, learned, counts := model(c, log)
		p := NewPartition(c, 0, 0)
		for i, a := range log {
			row := &record.Row{Time: a.time, Timed: a.timed}
			if got := p.Observe(int64(i), row, a.reason); got != learned[i] {
				t.Fatalf("%+v, record %d of %v: learned %v, want %v", c, i, log, got, learned[i])
			}
		}
		p.Finish()
		if got := p.Seal(); got.Offset != seal {
			t.Fatalf("%+v, %v: sealed at %d by %s, want %d", c, log, got.Offset, got.Reason, seal)
		}
		if *p.Counts() != counts {
			t.Fatalf("%+v, %v: counted %+v, want %+v", c, log, *p.Counts(), counts)
		}
		if counts.Records() != int64(len(log)) {
			t.Fatalf("%d of %d records are counted", counts.Records(), len(log))
		}
		replay(t, c, log, p, learned)
	}
}

// replay goes over the log again with the seal known from the start.
func replay(t *testing.T, c *Cutoff, log []arrival, was *Partition, learned []bool) {
	t.Helper()
	p := ReplayPartition(c, was.Range())
	for i, a := range log {
		if got := p.Observe(int64(i), &record.Row{Time: a.time, Timed: a.timed}, a.reason); got != learned[i] {
			t.Fatalf("%+v, record %d: the replay learns %v, the pass %v", c, i, got, learned[i])
		}
	}
	p.Finish()
	if p.Range() != was.Range() || *p.Counts() != *was.Counts() {
		t.Fatalf("%+v: the replay gives %+v, the pass %+v", c, p.Range(), was.Range())
	}
}

func TestJudge(t *testing.T) {
	f := func(c Counts, kind Kind, want string) {
		t.Helper()
		err := c.Judge(&Cutoff{Kind: kind, OutOfOrderness: Duration(time.Minute)}, 0.1)
		switch {
		case want == "" && err != nil:
			t.Errorf("%+v: %v", c, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	f(Counts{Train: 90, LateTrain: 10}, EventTime, "")
	f(Counts{Train: 89, LateTrain: 11}, EventTime, "max_late")
	f(Counts{Train: 89, LateTrain: 11}, EventTime, "out_of_orderness (1m0s)")
	f(Counts{Train: 1, LateGap: 100, Live: 100}, EventTime, "")
	f(Counts{Oldest: 1, Newest: 0}, End, "the source is empty")
	f(Counts{Live: 5, Oldest: 1e18, Newest: 1e18 + 1}, EventTime, "with times from 2001-09-09T01:46:40Z to 2001-09-09T01:46:40.000000001Z; the cutoff is 1970-01-01T00:00:00Z")
}

// TestFarCutoff holds the ends of time: no sum wraps around.
func TestFarCutoff(t *testing.T) {
	c := Cutoff{Kind: EventTime, Time: math.MaxInt64 - 5, OutOfOrderness: 10}
	if c.reached(math.MaxInt64 - 6) {
		t.Error("a watermark before the cutoff reaches it")
	}
	c = Cutoff{Kind: EventTime, Time: math.MinInt64 + 5, Gap: 10}
	if err := c.Validate(); err == nil {
		t.Error("a gap that reaches before the beginning of time is accepted")
	}
}

// TestCountsAdd adds partitions up in either order.
func TestCountsAdd(t *testing.T) {
	a, b := Counts{Train: 1, Oldest: 5, Newest: 7}, Counts{Train: 2, LateGap: 3, Oldest: 2, Newest: 6}
	for _, pair := range [][2]Counts{{a, b}, {b, a}} {
		sum := NewCounts()
		sum.Add(&pair[0])
		sum.Add(&pair[1])
		if sum.Train != 3 || sum.LateGap != 3 || sum.Oldest != 2 || sum.Newest != 7 {
			t.Errorf("%+v", sum)
		}
	}
}

func TestText(t *testing.T) {
	f := func(in interface{ MarshalText() ([]byte, error) }, out interface{ UnmarshalText([]byte) error }, want string) {
		t.Helper()
		b, err := in.MarshalText()
		if err != nil || string(b) != want {
			t.Errorf("%v is written %q, %v; want %q", in, b, err, want)
		}
		if err := out.UnmarshalText(b); err != nil {
			t.Errorf("%q: %v", b, err)
		}
	}
	var d Duration
	f(Unbounded, &d, "unbounded")
	if d != Unbounded {
		t.Errorf("unbounded reads as %v", int64(d))
	}
	f(Duration(90*time.Second), &d, "1m30s")
	if d != Duration(90*time.Second) {
		t.Errorf("1m30s reads as %v", d)
	}
	var at Instant
	f(Instant(1772323200000000001), &at, "2026-03-01T00:00:00.000000001Z")
	if at != 1772323200000000001 {
		t.Errorf("reads as %d", at)
	}
}

// TestPass gives what stands behind the seal by its time alone: what was learned
// and late is the same, and of the rest only how much there was.
func TestPass(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 3))
	passed := 0
	for range 3000 {
		c := randomCutoff(r)
		p, q := NewPartition(c, 0, 0), NewPartition(c, 0, 0)
		first := Never
		for i := range r.IntN(60) {
			a := randomArrival(r, c, i)
			row := &record.Row{Time: a.time, Timed: a.timed}
			if a.reason != record.OK || c.SplitAlone(a.time) == Live && (c.Kind == EventTime || int64(i) >= q.Seal().Offset) {
				first = min(first, int64(i))
			}
			learned := p.Observe(int64(i), row, a.reason)
			behind := int64(i) >= q.Seal().Offset
			if q.Pass(int64(i), a.time, a.timed) {
				passed++
				if !behind || learned {
					t.Fatalf("%+v: record %d passed, before the seal %+v", c, i, q.Seal())
				}
				continue
			}
			q.Observe(int64(i), row, a.reason)
		}
		a, b := *p.Counts(), *q.Counts()
		if p.Range() != q.Range() || p.Next() != q.Next() || a.Records() != b.Records() || a.Before != b.Before ||
			a.Train != b.Train || a.Gap != b.Gap || a.LateTrain != b.LateTrain || a.LateGap != b.LateGap {
			t.Fatalf("%+v: %+v with %+v, want %+v with %+v", c, q.Range(), b, p.Range(), a)
		}
		if p.FirstLive() != first || q.FirstLive() != first {
			t.Fatalf("%+v: the first live record is %d and %d, want %d", c, p.FirstLive(), q.FirstLive(), first)
		}
	}
	if passed < 1000 {
		t.Errorf("only %d records passed", passed)
	}
}
