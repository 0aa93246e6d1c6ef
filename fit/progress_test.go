package fit

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tare/record"
)

// TestGaps follows a log in which some offsets hold no record, from a start that
// is not 0, and stops and resumes now and then: the seal, what is learned and
// the counts are those of the records alone, moved to their offsets.
func TestGaps(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 3))
	for range 2000 {
		start := r.Int64N(1000)
		c, log := randomCutoff(r), make([]arrival, r.IntN(60))
		offsets := make([]int64, len(log)+1) // the last one is the end
		at := start
		for i := range offsets {
			at += r.Int64N(3) * r.Int64N(2)
			offsets[i] = at
			at++
		}
		for i := range log {
			log[i] = randomArrival(r, c, i)
		}
		dense := *c
		if c.Kind == Offsets {
			c.Offsets = map[int32]int64{7: start + r.Int64N(80)}
			n, _ := slices.BinarySearch(offsets[:len(log)], c.Offsets[7])
			dense.Offsets = map[int32]int64{0: int64(n)}
		}
		seal, learned, counts := model(&dense, log)
		p := NewPartition(c, 7, start)
		var gone [][2]int64
		for i, a := range log {
			if r.IntN(4) == 0 {
				p = resumed(t, c, p)
			}
			if r.IntN(2) == 0 {
				gone = append(gone, [2]int64{p.Next(), offsets[i]})
				p.Miss(p.Next(), offsets[i])
			}
			if p.Advance(offsets[i]); p.Next() != offsets[i] {
				t.Fatalf("next is %d, want %d", p.Next(), offsets[i])
			}
			if got := p.Observe(offsets[i], &record.Row{Time: a.time, Timed: a.timed}, a.reason); got != learned[i] {
				t.Fatalf("%+v, record %d of %v: learned %v, want %v", c, i, log, got, learned[i])
			}
		}
		p.Advance(offsets[len(log)])
		p.Advance(start) // does not go back
		p = resumed(t, c, p)
		checkGaps(t, c, p, offsets, seal)
		for _, g := range gone {
			for ; g[0] < min(g[1], p.Seal().Offset); g[0]++ {
				counts.Gone++
			}
		}
		if *p.Counts() != counts {
			t.Fatalf("%+v, %v: counted %+v, want %+v", c, log, *p.Counts(), counts)
		}
	}
}

// checkGaps holds the seal of p, before and after its end, against the number of
// records that lie before it.
func checkGaps(t *testing.T, c *Cutoff, p *Partition, offsets []int64, records int64) {
	t.Helper()
	end := offsets[len(offsets)-1]
	switch was := p.Seal(); {
	case c.Kind == Offsets:
		if was != (Seal{c.Offsets[7], ByOffset}) {
			t.Fatalf("%+v: sealed at %+v", c, was)
		}
	case was.Offset == Never && records < int64(len(offsets)-1):
		t.Fatalf("%+v: no seal after %d records of %d", c, records, len(offsets)-1)
	case was.Offset != Never && was.Offset != offsets[records-1]+1:
		t.Fatalf("%+v: sealed at %+v, want it behind %d records of %v", c, was, records, offsets)
	}
	p.Finish()
	if s := p.Seal(); s.Offset > end || s.Reason == ByEnd && s.Offset != end {
		t.Fatalf("%+v: sealed at %+v at the end, %d", c, s, end)
	}
}

// resumed takes a partition through JSON.
func resumed(t *testing.T, c *Cutoff, p *Partition) *Partition {
	t.Helper()
	text, err := json.Marshal(p.Progress())
	if err != nil {
		t.Fatal(err)
	}
	var pr Progress
	if err := json.Unmarshal(text, &pr); err != nil {
		t.Fatal(err)
	}
	q, err := ResumePartition(c, pr)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if *q != *p {
		t.Fatalf("resumed %+v, want %+v", q, p)
	}
	return q
}

func TestResumeRefuses(t *testing.T) {
	event := &Cutoff{Kind: EventTime, Time: 1000, Gap: 100, OutOfOrderness: 50}
	follow := func(c *Cutoff, times ...int64) Progress {
		p := NewPartition(c, 3, 10)
		for i, at := range times {
			p.Observe(10+int64(i), &record.Row{Time: at, Timed: true}, record.OK)
		}
		p.Observe(p.Next(), &record.Row{}, record.Syntax)
		return p.Progress()
	}
	f := func(c *Cutoff, want string, change func(p *Progress)) {
		t.Helper()
		p := follow(c, 500, 700, 950)
		if _, err := ResumePartition(c, p); err != nil {
			t.Fatal(err)
		}
		change(&p)
		if _, err := ResumePartition(c, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f(event, "partition -1: offsets", func(p *Progress) { p.Partition = -1 })
	f(event, "rise from 0", func(p *Progress) { p.Start = -1 })
	f(event, "rise from 0", func(p *Progress) { p.Next = 9 })
	f(event, "in 0 offsets", func(p *Progress) { p.Next = 13 })
	f(event, "3 offsets gone of 2 that held no record", func(p *Progress) { p.Next, p.Counts.Gone = p.Next+2, 3 })
	f(event, "9223372036854775807 records in 1 offsets", func(p *Progress) { p.Counts.Live = math.MaxInt64 })
	f(event, "-1 records", func(p *Progress) { p.Counts.LateGap = -1 })
	f(event, "2 of 1 rejected", func(p *Progress) { p.Counts.Before[record.Syntax] = 2 })
	f(event, "oldest time is after the newest", func(p *Progress) { p.Counts.Oldest = 2000 })
	f(event, "times learned without any", func(p *Progress) { p.Timed = false })
	f(event, "records learned from", func(p *Progress) { p.From = 400 })
	f(event, "records learned from", func(p *Progress) { p.To = 960 })
	f(event, "records learned from", func(p *Progress) { p.From, p.To = 700, 500 })
	f(event, "learned up to", func(p *Progress) { p.To = 900 })
	f(event, "without a time", func(p *Progress) { p.Timed, p.From, p.To = false, math.MaxInt64, math.MinInt64 })
	f(event, "where the cutoff gives one", func(p *Progress) { p.Counts.Newest = 1050 })
	f(event, "where the cutoff gives one", func(p *Progress) { p.Seal.Reason = ByEnd })
	f(event, "unknown reason", func(p *Progress) { p.Seal.Offset = 12 })
	f(event, "offset -1 is none", func(p *Progress) { p.Seal = Seal{-1, ByEnd} })
	f(&Cutoff{Kind: Manual}, "or late, with a cutoff of kind manual", func(p *Progress) { p.Counts.Gap, p.Next = 1, 20 })
	f(&Cutoff{Kind: Records, Records: 5}, "where the cutoff gives one", func(p *Progress) { p.Counts.Live, p.Next = 1, 20 })
	f(&Cutoff{Kind: Offsets, Offsets: map[int32]int64{3: 12}}, "where the cutoff gives one", func(p *Progress) { p.Seal = Seal{Offset: Never} })
}

// TestSealAt tells which seals from outside are taken, and that they are final.
func TestSealAt(t *testing.T) {
	f := func(c *Cutoff, read int64, s Seal, want string) *Partition {
		t.Helper()
		p := NewPartition(c, 0, 10)
		for offset := int64(10); offset < read; offset++ {
			p.Observe(offset, &record.Row{Time: 100 * offset, Timed: true}, record.OK)
		}
		was := p.Seal()
		err := p.SealAt(s)
		switch {
		case want == "" && (err != nil || p.Seal() != s):
			t.Errorf("%+v read to %d: sealed at %+v, error %v; want %+v", c, read, p.Seal(), err, s)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || p.Seal() != was):
			t.Errorf("%+v read to %d: sealed at %+v, error %v; want %q", c, read, p.Seal(), err, want)
		}
		return p
	}
	manual := &Cutoff{Kind: Manual}
	event := &Cutoff{Kind: EventTime, Time: 1500}
	offsets := &Cutoff{Kind: Offsets, Offsets: map[int32]int64{0: 20}}
	f(manual, 15, Seal{15, ByManual}, "")
	f(manual, 15, Seal{99, ByEnd}, "")
	f(manual, 15, Seal{14, ByManual}, "has been read up to 15: it cannot seal at 14 (manual) any more")
	f(manual, 15, Seal{Never, ByManual}, "is none")
	f(manual, 15, Seal{20, "tea"}, `unknown reason "tea"`)
	f(event, 15, Seal{15, ByIdleness}, "")
	f(event, 20, Seal{16, ByWatermark}, "") // decided already, and the same
	f(event, 20, Seal{17, ByWatermark}, "has sealed at 16 (watermark): it cannot seal at 17 (watermark)")
	f(event, 20, Seal{25, ByManual}, "has sealed at 16")
	f(offsets, 15, Seal{18, ByEnd}, "")
	f(offsets, 15, Seal{25, ByManual}, "has sealed at 20 (offsets)")
	f(offsets, 15, Seal{20, ByOffset}, "")
	f(offsets, 22, Seal{19, ByEnd}, "read up to 22")

	for _, p := range []*Partition{f(event, 12, Seal{18, ByManual}, ""), f(&Cutoff{Kind: Records, Records: 4}, 12, Seal{18, ByManual}, "")} {
		for offset := int64(12); offset < 25; offset++ {
			p.Observe(offset, &record.Row{Time: 1400, Timed: true}, record.OK)
			p.Observe(offset, &record.Row{Time: 1600, Timed: true}, record.BadRange)
		}
		if err := p.SealAt(Seal{17, ByEnd}); err == nil || p.Seal() != (Seal{18, ByManual}) || p.Counts().Train != 2+6 {
			t.Errorf("sealed again at %+v, learned %d, error %v", p.Seal(), p.Counts().Train, err)
		}
	}
	p := f(event, 12, Seal{18, ByManual}, "")
	if p.Finish(); p.Seal() != (Seal{18, ByManual}) {
		t.Errorf("an end before the seal moves it to %+v", p.Seal())
	}
}

// TestManual: no end seals, only a seal from outside.
func TestManual(t *testing.T) {
	c := &Cutoff{Kind: Manual}
	p := NewPartition(c, 0, 5)
	p.Observe(5, &record.Row{Time: math.MaxInt64, Timed: true}, record.OK)
	if p.Finish(); p.Seal().Offset != Never {
		t.Errorf("sealed at %+v", p.Seal())
	}
	if err := p.SealAt(Seal{6, ByManual}); err != nil {
		t.Fatal(err)
	}
	if p.Observe(6, &record.Row{}, record.OK) || p.Counts().Live != 1 || p.Counts().Train != 1 {
		t.Errorf("behind the seal: %+v", p.Counts())
	}
	if split := c.SplitAlone(5); split != Live {
		t.Errorf("a record of no known source is %v", split)
	}
	var read Cutoff
	text, err := json.Marshal(c)
	if err != nil || string(text) != `{"kind":"manual"}` || json.Unmarshal(text, &read) != nil || read.Kind != Manual || read.Validate() != nil {
		t.Errorf("%s, %v reads as %+v", text, err, read)
	}
}

func TestWatermark(t *testing.T) {
	f := func(c Cutoff, at int64, want Instant, ok bool) {
		t.Helper()
		p := NewPartition(&c, 0, 0)
		if _, early := p.Watermark(); early {
			t.Error("a watermark of nothing")
		}
		p.Observe(0, &record.Row{Time: at, Timed: true}, record.BadRange)
		p.Observe(1, &record.Row{Time: at - 1, Timed: true}, record.OK)
		if got, k := p.Watermark(); got != want || k != ok {
			t.Errorf("%+v: %d, %v; want %d, %v", c, got, k, want, ok)
		}
	}
	f(Cutoff{Kind: EventTime, Time: 1e6, OutOfOrderness: 30}, 100, 70, true)
	f(Cutoff{Kind: EventTime, Time: 1e6, OutOfOrderness: 30}, math.MinInt64+3, math.MinInt64, true)
	f(Cutoff{Kind: EventTime, Time: 1e6, OutOfOrderness: Unbounded}, 100, 0, false)
	f(Cutoff{Kind: End}, 100, 0, false)
}

func TestDiff(t *testing.T) {
	f := func(change func(p *Plan), want ...string) {
		t.Helper()
		was, is := testPlan(t), testPlan(t)
		change(is)
		if got := Diff(was, is); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(func(p *Plan) {})
	f(func(p *Plan) { p.MinSamples = 3 }, "min_samples: was 2, is 3")
	f(func(p *Plan) { p.Cutoff = Cutoff{Kind: EventTime, Time: 5e9, Gap: 1e9} },
		`cutoff.gap: was not set, is "1s"`, `cutoff.kind: was "end", is "event_time"`, `cutoff.time: was not set, is "1970-01-01T00:00:05Z"`)
	f(func(p *Plan) {
		p.Features[2].Scaler = p.Features[3].Scaler
		p.Features, p.Record.Features = p.Features[:8], p.Record.Features[:8]
	}, `features[2].scaler.feature_range: was [0,1], is not set`, `features[2].scaler.kind: was "minmax", is "maxabs"`,
		`features[8]: was {"name":"kbins","scaler":{"kind":"kbins","n_bins":5,"strategy":"quantile"}}, is not set`,
		`record.features[8]: was {"field":"kbins","name":"kbins"}, is not set`)
	if got := Diff(map[string]any{"n": uint64(math.MaxUint64), "same": nil}, map[string]any{"n": uint64(math.MaxUint64 - 1), "same": nil}); fmt.Sprint(got) != "[n: was 18446744073709551615, is 18446744073709551614]" {
		t.Errorf("%q", got)
	}
	if got := Diff(1, func() {}); len(got) != 1 {
		t.Errorf("what has no JSON: %q", got)
	}
}
