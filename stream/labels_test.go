package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/store"
)

// encoded returns an artifact of series "a" with the number x and the labels s, one
// of off and on, and t, of no and yes, whose unknown labels are handled so.
func encoded(t *testing.T, s, u string) *store.Artifact {
	t.Helper()
	var series frozen.Series
	series.Add([]byte("a"))
	features, none := make([]frozen.Feature, 3), []float64{math.NaN()}
	features[0].Name, features[0].Scaler.Kind = "x", "none"
	learned := []frozen.Learned{{Count: []uint64{2}, Missing: []uint64{0}, Min: []float64{0}, Max: []float64{1}, Mean: []float64{0.5}, Var: []float64{0.25}}}
	for i, f := range []struct {
		name, handling string
		categories     []string
	}{{"s", s, []string{"off", "on"}}, {"t", u, []string{"no", "yes"}}} {
		text := fmt.Sprintf(`{"name": %q, "scaler": {"kind": "none"}, "scope": "global", "encoding": {"kind": "onehot", "handle_unknown": %q, "max_tracked": 9}}`, f.name, f.handling)
		if err := json.Unmarshal([]byte(text), &features[1+i]); err != nil {
			t.Fatal(err)
		}
		learned = append(learned, frozen.Learned{Count: []uint64{2}, Missing: []uint64{0}, Min: none, Max: none, Mean: none, Var: none,
			Labels: &frozen.Dictionary{Categories: f.categories, Counts: []uint64{1, 1}, Infrequent: []float64{0, 0}, Kind: record.TextLabel}})
	}
	f, err := frozen.New(features, &series, []uint64{2}, learned)
	if err != nil {
		t.Fatal(err)
	}
	return &store.Artifact{ID: "0123456789abcdef", Frozen: f, Manifest: store.Manifest{Plan: fit.Plan{Cutoff: fit.Cutoff{Kind: fit.EventTime, Time: 10}}}}
}

// notes is a desk that notes what becomes of records.
type notes struct{ text []string }

func (n *notes) emit(_ *record.Message, _ int, _ *record.Row, y []float64, mark *record.Mark) error {
	n.text = append(n.text, fmt.Sprintf("%v %s", y, mark.Flags.Append(nil)))
	return nil
}

func (n *notes) refuse(_ *record.Message, reason record.Reason, detail string) error {
	n.text = append(n.text, fmt.Sprintf("%v: %s", reason, detail))
	return nil
}

func (n *notes) bury(_ *record.Message, why string) error {
	n.text = append(n.text, why)
	return nil
}

// labelRow returns a record with two labels, "-" being none.
func labelRow(series string, time int64, labels ...string) *record.Row {
	row := &record.Row{Series: []byte(series), Time: time, Timed: true, Numbers: []float64{1, 0, 0}}
	for i, text := range labels {
		label := record.Label{Text: []byte(text), Kind: record.TextLabel}
		if text == "-" {
			label, row.Numbers[1+i] = record.Label{}, math.NaN()
		}
		row.Labels = append(row.Labels, label)
	}
	return row
}

// TestUnknownLabels: a record with a label that is none of the categories is
// rejected or goes on as its feature says, and counts once, as the one or the other.
func TestUnknownLabels(t *testing.T) {
	f := func(handling, unknownSeries, emit string, row *record.Row, want string, counts NormalizeCounts) {
		t.Helper()
		n := newNormalizing(&Normalizer{Artifact: encoded(t, handling, "ignore"), Policy: store.Normalize{UnknownSeries: unknownSeries, Emit: emit}, Seals: []int64{0}})
		var desk notes
		if err := n.take(&desk, "in", &record.Message{}, row, record.OK); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(desk.text, "; ")
		if got != want && !(want != "" && strings.HasPrefix(want, "label") && strings.HasPrefix(got, want)) {
			t.Errorf("%s, %q: got %s, want %s", handling, row.Labels, got, want)
		}
		if n.counts != counts {
			t.Errorf("%s, %q: counts %+v, want %+v", handling, row.Labels, n.counts, counts)
		}
	}
	written := NormalizeCounts{Live: 1, Written: 1}
	unknown, series := written, written
	unknown.UnknownLabel, series.Unknown = 1, 1
	rejected, dropped, early := NormalizeCounts{}, NormalizeCounts{Live: 1, Unknown: 1, Dropped: 1}, NormalizeCounts{Late: 1, NotLive: 1}
	rejected.Rejected[record.BadLabel] = 1
	for _, handling := range []string{"error", "ignore", "warn"} {
		f(handling, store.UnknownMissing, store.EmitAll, labelRow("a", 20, "on", "no"), "[1 0 1 1 0] ", written)
		f(handling, store.UnknownMissing, store.EmitAll, labelRow("a", 20, "-", "yes"), "[1 NaN NaN 0 1] ", written)
		f(handling, store.UnknownMissing, store.EmitAll, labelRow("a", 20, "on", "perhaps"), "[1 0 1 0 0] unknown_label", unknown)
		f(handling, store.UnknownMissing, store.EmitAll, labelRow("b", 20, "off", "no"), "[NaN 1 0 1 0] unknown_series", series)
		f(handling, store.UnknownDrop, store.EmitAll, labelRow("b", 20, "off", "perhaps"), "", dropped)
		f(handling, store.UnknownMissing, store.EmitLive, labelRow("a", 1, "broken", "no"), "", early)
	}
	f("ignore", store.UnknownMissing, store.EmitAll, labelRow("a", 20, "broken", ""), "[1 0 0 0 0] unknown_label", unknown)
	f("error", store.UnknownMissing, store.EmitAll, labelRow("a", 20, "broken", "no"),
		`label: feature "s": label "broken" is none of the categories that were learned; raise revision`, rejected)
	f("error", store.UnknownDrop, store.EmitLive, labelRow("b", 20, "", "perhaps"), `label: feature "s": label "" is none`, rejected)
	f("error", store.UnknownMissing, store.EmitAll, labelRow("a", 20, strings.Repeat("é", 100), "no"), `label: feature "s": label "`+strings.Repeat("é", 30)+`..." is none`, rejected)
}

// TestWarnOfLabels tells of unknown labels of the features that say so, once in ten
// seconds.
func TestWarnOfLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, said := logged()
		n := newNormalizing(&Normalizer{Artifact: encoded(t, "ignore", "warn"), Warnings: l})
		f := func(wait time.Duration, want string, labels ...string) {
			t.Helper()
			time.Sleep(wait)
			if err := n.take(new(notes), "in", &record.Message{Offset: 7}, labelRow("a", 20, labels...), record.OK); err != nil {
				t.Fatal(err)
			}
			if got := said(); got != want {
				t.Errorf("%q: said %q, want %q", labels, got, want)
			}
		}
		f(0, "", "broken", "yes")
		f(0, "", "broken", "-")
		f(0, "feature=t label=perhaps source=in/0/7 more_since_last=0\n", "on", "perhaps")
		f(9*time.Second, "", "on", "never")
		f(time.Second, "feature=t label=never source=in/0/7 more_since_last=1\n", "broken", "never")
	})
}

// TestLabelAllocs: a label costs a record no allocation, unknown or not.
func TestLabelAllocs(t *testing.T) {
	l := &RejectLog{Logger: slog.New(slog.NewTextHandler(new(bytes.Buffer), nil))}
	n := newNormalizing(&Normalizer{Artifact: encoded(t, "warn", "ignore"), Warnings: l})
	known, unknown, m := labelRow("a", 20, "on", "no"), labelRow("a", 20, "broken", "no"), new(record.Message)
	if allocs := testing.AllocsPerRun(100, func() {
		for _, row := range []*record.Row{known, unknown} {
			if err := n.take(silent{}, "in", m, row, record.OK); err != nil {
				t.Fatal(err)
			}
		}
	}); allocs > 0 {
		t.Errorf("%v allocations in two records", allocs)
	}
}

// silent is a desk that takes everything.
type silent struct{}

func (silent) emit(*record.Message, int, *record.Row, []float64, *record.Mark) error { return nil }
func (silent) refuse(*record.Message, record.Reason, string) error                   { return nil }
func (silent) bury(*record.Message, string) error                                    { return nil }
