package stream

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/store"
)

// split makes a pipeline write each split to an output of its own: validation for
// an hour from the cutoff, test for another, then live.
func split(p *Pipeline, topic string) *Pipeline {
	validation, test := fit.Instant((cutoffMilli+60*minute)*1e6), fit.Instant((cutoffMilli+120*minute)*1e6)
	p.Identity.Splits = fit.Splits{{Name: "validation", Until: &validation}, {Name: "test", Until: &test}}
	p = writing(p, topic)
	p.Outputs.Topics = nil
	for _, name := range p.Identity.Splits.Names() {
		p.Outputs.Topics = append(p.Outputs.Topics, topic+"."+name)
	}
	return p
}

// splitOf returns the split that a record of good belongs to.
func splitOf(t *testing.T, value []byte) string {
	t.Helper()
	var r struct{ TS int64 }
	if err := json.Unmarshal(value, &r); err != nil {
		t.Fatal(err)
	}
	switch behind := r.TS - cutoffMilli; {
	case behind < -10*minute:
		return "train"
	case behind < 0:
		return "gap"
	case behind < 60*minute:
		return "validation"
	case behind < 120*minute:
		return "test"
	}
	return "live"
}

// TestNormalizeSplits: each record goes to the output of its split, once, and bears
// its name, in topics and in files; the counts know train, gap and live.
func TestNormalizeSplits(t *testing.T) {
	for _, kind := range []string{"topics", "files"} {
		t.Run(kind, func(t *testing.T) {
			c := kafkatest.Fake(t)
			topic, oracle := spread(t, c)
			p := split(pipeline(t, c, topic, t.TempDir()), topic)
			names := p.Identity.Splits.Names()
			if kind == "files" {
				p.Outputs.Topics, p.Outputs.Dead, p.Outputs.DeadFile = nil, "", filepath.Join(p.Dir, "dead.jsonl")
				for _, name := range names {
					p.Outputs.Files = append(p.Outputs.Files, filepath.Join(p.Dir, name+".jsonl"))
				}
			}
			ends := c.EndOffsets(t, topic)
			if err := until(t, p, ends, through(ends)); err != nil {
				t.Fatal(err)
			}
			written := filed(t, c, p, len(ends))
			if err := oracle.Check(ends, written...); err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				if n := checkSplit(t, name, written[i]); n < 20 {
					t.Errorf("%d records in %s", n, name)
				}
			}
			var live int64
			for _, q := range p.Monitor.Status().Partitions {
				live += q.Normalize.Live
			}
			if n := countOf(written[2]) + countOf(written[3]) + countOf(written[4]); live != n {
				t.Errorf("%d live records, but %d in validation, test and live", live, n)
			}
		})
	}
}

// checkSplit wants all records of an output to be of a split, and to say so. It
// returns how many there are.
func checkSplit(t *testing.T, name string, written [][]*kgo.Record) (n int64) {
	t.Helper()
	for _, p := range written {
		for _, r := range p {
			says, ok := kafkatest.Header(r, record.HeaderSplit)
			if !ok { // the record of a file has its mark within
				says = name
				if !strings.Contains(string(r.Value), `"split":"`+name+`"`) {
					says = string(r.Value)
				}
			}
			if is := splitOf(t, r.Value); is != name || says != name {
				t.Fatalf("a record in %s is of %s, and says %s", name, is, says)
			}
		}
	}
	return countOf(written)
}

func countOf(written [][]*kgo.Record) (n int64) {
	for _, p := range written {
		n += int64(len(p))
	}
	return n
}

// TestEmitLiveSplits: emit live writes all that is behind the cutoff.
func TestEmitLiveSplits(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _ := spread(t, c)
	p := split(pipeline(t, c, topic, t.TempDir()), topic)
	p.Identity.Normalize.Emit = store.EmitLive
	ends := c.EndOffsets(t, topic)
	if err := until(t, p, ends, through(ends)); err != nil {
		t.Fatal(err)
	}
	written := outputs(t, c, p)
	if countOf(written[0])+countOf(written[1]) > 0 || countOf(written[2]) == 0 || countOf(written[3]) == 0 || countOf(written[4]) == 0 {
		t.Errorf("%d, %d, %d, %d and %d records in the splits", countOf(written[0]), countOf(written[1]), countOf(written[2]), countOf(written[3]), countOf(written[4]))
	}
}

// pooling is an artifact with numbers of all series together.
func pooling(t *testing.T) *store.Artifact {
	t.Helper()
	p := plan()
	p.Record.Limits.Value = 1000
	for i := range p.Features {
		p.Features[i].Pooled = true
	}
	f := Fitter{Plan: p, Source: &memory{partitions: [][]string{good(200), good(100)}, batch: 7}, NewDecoder: newDecoder(&p.Record)}
	learned, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := learned.Freeze(Identity{Pipeline: "test", Revision: 1,
		Normalize: store.Normalize{Emit: store.EmitAll, UnknownSeries: store.UnknownPooled, OnError: store.OnErrorContinue},
		Output:    record.Output{Value: record.Replace, Dtype: record.Float64, Missing: record.MissingNaN}})
	if err != nil {
		t.Fatal(err)
	}
	return &store.Artifact{ID: strings.Repeat("0", 64), Manifest: result.Manifest, Frozen: result.Frozen}
}

// TestPooled: records of series that were not learned get the numbers of all
// together, flagged and counted, and come back.
func TestPooled(t *testing.T) {
	artifact := pooling(t)
	in := fmt.Sprintf(`{"sensor":"new","ts":%d,"load":2.5,"payload":{"vib":4},"a.b":8,"n":[1]}`, cutoffMilli)
	run := func(in, policy string) (string, NormalizeCounts) {
		t.Helper()
		out := new(shelf)
		n := normalizer(artifact, &memory{partitions: [][]string{{in}}, batch: 1}, out, record.MetaField)
		n.Policy.UnknownSeries = policy
		counts, err := n.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return out.values[0], counts
	}
	out, counts := run(in, store.UnknownPooled)
	if counts.Unknown != 1 || counts.Written != 1 || !strings.Contains(out, `"flags":"unknown_series"`) || strings.Contains(out, "null") {
		t.Errorf("%+v: %s", counts, out)
	}
	var z struct{ Load float64 }
	if err := json.Unmarshal([]byte(out), &z); err != nil {
		t.Fatal(err)
	}
	if all := artifact.Manifest.Pooled[0]; math.Abs(z.Load-(2.5-float64(all.Mean))/math.Sqrt(float64(all.Var))) > 1e-12 {
		t.Errorf("2.5 becomes %v, of %+v", z.Load, all)
	}
	if out, _ := run(in, store.UnknownMissing); !strings.Contains(out, `"load":null`) {
		t.Errorf("with unknown_series: missing it becomes %s", out)
	}
	if known, _ := run(strings.Replace(in, "new", "s1", 1), store.UnknownPooled); strings.Contains(known, "unknown_series") {
		t.Errorf("a known series becomes %s", known)
	}
	back := new(shelf)
	v := Inverter{Artifact: artifact, Source: &memory{partitions: [][]string{{out}}, batch: 1},
		NewDecoder: func([]byte) (record.Decoder, error) {
			d, err := record.NewJSON(&artifact.Manifest.Record)
			d.AcceptStamped = true
			return d, err
		},
		Output: normalizer(artifact, nil, back, record.MetaRemove).Output}
	inverted, err := v.Run(t.Context())
	if err != nil || inverted != (NormalizeCounts{Live: 1, Written: 1}) || back.values[0] != in {
		t.Errorf("back is %s, want %s; %+v, %v", back.values, in, inverted, err)
	}
}
