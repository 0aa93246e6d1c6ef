package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tare/record"
	"tare/store"
)

// A bad is a record that must be rejected, and why.
type bad struct{ name, reason, value string }

// bads reads the bad records of ../record/testdata/bad.txt: lines of reason,
// name and record, parted by tabs.
func bads(t testing.TB) (all []bad) {
	t.Helper()
	data, err := os.ReadFile("../record/testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		if len(part) < 3 || part[0] == "" || part[0] == "ok" || part[0][0] == '#' {
			continue
		}
		if v := part[2]; v != "" && (v[0] == '"' || v[0] == '`') {
			if part[2], err = strconv.Unquote(v); err != nil {
				t.Fatal(part[1], err)
			}
		}
		all = append(all, bad{part[1], part[0], part[2]})
	}
	if len(all) < 200 {
		t.Fatalf("%d bad records, want 200 at least", len(all))
	}
	return all
}

// among returns the values, each followed by a bad record.
func among(values []string, bads []bad) (mixed []string) {
	for i, v := range values {
		mixed = append(mixed, v)
		if i < len(bads) {
			mixed = append(mixed, bads[i].value)
		}
	}
	return mixed
}

func byReason(bads []bad) map[string]int64 {
	n := map[string]int64{}
	for _, b := range bads {
		n[b.reason]++
	}
	return n
}

func checkReasons(t *testing.T, got [record.NumReasons]int64, want map[string]int64) {
	t.Helper()
	for reason, n := range got {
		if name := record.Reason(reason).String(); n != want[name] {
			t.Errorf("%d records are rejected as %s, want %d", n, name, want[name])
		}
	}
}

// TestNeighbours puts bad records between good ones and normalizes them, by
// reads of several sizes. The good come out as if alone, byte for byte; the bad
// are counted under their reasons and written once as dead letters, untouched.
func TestNeighbours(t *testing.T) {
	artifact, bads := artifactOf(t), bads(t)
	values := good(len(bads) + 1)
	seals := []int64{int64(len(values))} // some come behind it
	alone := new(shelf)
	n := normalizer(artifact, &memory{partitions: [][]string{values}, batch: 50}, alone, record.MetaNone)
	n.Seals = []int64{seals[0] / 2}
	want, err := n.Run(t.Context())
	if err != nil || want.Written != int64(len(values)) || want.Train == 0 || want.Gap == 0 || want.Live == 0 || want.Late == 0 {
		t.Fatalf("%+v, %v", want, err)
	}
	for _, batch := range []int{1, 7, 1000} {
		out, dead := new(shelf), new(shelf)
		n := normalizer(artifact, &memory{partitions: [][]string{among(values, bads)}, batch: batch}, out, record.MetaNone)
		n.Seals, n.Output.Dead = seals, dead
		got, err := n.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out.values, alone.values) {
			t.Errorf("by %d: good records come out otherwise than alone", batch)
		}
		for i, offset := range out.offsets {
			if offset != int64(2*i) {
				t.Fatalf("by %d: record %d comes out as record %d", batch, 2*i, offset)
			}
		}
		checkReasons(t, got.Rejected, byReason(bads))
		if sum := got.Train + got.Gap + got.Live + got.Late + got.Rejects(); sum != got.Records() || sum != int64(len(values)+len(bads)) {
			t.Errorf("%d records are counted, want %d", sum, len(values)+len(bads))
		}
		if got.Train != want.Train || got.Gap != want.Gap || got.Live != want.Live || got.Late != want.Late || got.Written != want.Written {
			t.Errorf("counts are %+v, want those of the good alone %+v", got, want)
		}
		if out.closed != 1 || out.aborted != 0 || dead.closed != 0 {
			t.Errorf("the output is closed %d and aborted %d times, the dead letters closed %d times", out.closed, out.aborted, dead.closed)
		}
		checkDead(t, dead.values, bads, got.Buried)
	}
}

// checkDead wants one dead letter for each bad record, which stands behind as
// many good ones and comes in its turn.
func checkDead(t *testing.T, letters []string, bads []bad, buried int64) {
	t.Helper()
	if len(letters) != len(bads) || buried != int64(len(bads)) {
		t.Fatalf("%d dead letters, %d counted, want %d", len(letters), buried, len(bads))
	}
	for i, text := range letters {
		var letter struct {
			Error  string  `json:"tare-error"`
			Source string  `json:"tare-source"`
			Value  *string `json:"value"`
			Base64 []byte  `json:"value_base64"`
		}
		if err := json.Unmarshal([]byte(text), &letter); err != nil {
			t.Errorf("%s: %v", bads[i].name, err)
			continue
		}
		value := letter.Base64
		if letter.Value != nil {
			value = []byte(*letter.Value)
		}
		if string(value) != bads[i].value || !strings.HasPrefix(letter.Error, bads[i].reason+": ") || letter.Source != fmt.Sprintf("memory-0/0/%d", 2*i+1) {
			t.Errorf("%s: want the value untouched and its reason %s, got %s", bads[i].name, bads[i].reason, text)
		}
	}
}

// TestMarksAmongBad holds the marks of good records against where they stood,
// and no mark leaves a trace in the next.
func TestMarksAmongBad(t *testing.T) {
	artifact, bads := artifactOf(t), bads(t)
	values, out := good(len(bads)), new(shelf)
	n := normalizer(artifact, &memory{partitions: [][]string{among(values, bads), good(3)}, batch: 20}, out, record.MetaHeaders)
	n.Seals = []int64{int64(len(bads)), 0}
	counts, err := n.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(out.values) != len(bads)+3 {
		t.Fatalf("%d records, want %d", len(out.values), len(bads)+3)
	}
	late := 0
	for i, v := range out.values {
		partition, offset := 0, 2*i
		if i >= len(bads) {
			partition, offset = 1, i-len(bads)
		}
		source := fmt.Sprintf(`,"_tare":{"artifact":"%s","source":"memory-%d/%d/%d",`, artifact.Mark(), partition, partition, offset)
		if !strings.Contains(v, source) {
			t.Fatalf("record %d: got %s, want %s", i, v, source)
		}
		if strings.Contains(v, `"flags":"late`) {
			late++
		}
	}
	if int64(late) != counts.Late || late == 0 {
		t.Errorf("%d records are marked late, %d counted", late, counts.Late)
	}
}

// TestLearningNeighbours puts the bad records between good ones and learns: the
// states are those of the good alone, and the bad are counted.
func TestLearningNeighbours(t *testing.T) {
	bads := bads(t)
	values := good(len(bads) + 1)
	alone, want := learn(t, &memory{partitions: [][]string{values}, batch: 50})
	for _, batch := range []int{1, 7, 1000} {
		among, got := learn(t, &memory{partitions: [][]string{among(values, bads)}, batch: batch})
		c, w := among.Counts(), alone.Counts()
		if c.Train != w.Train || c.Gap != w.Gap || c.Live != w.Live || c.LateTrain != w.LateTrain || c.LateGap != w.LateGap {
			t.Errorf("by %d: counts are %+v, want those of the good alone %+v", batch, c, w)
		}
		if w.Train == 0 || w.Gap == 0 || w.Live == 0 || w.Late() == 0 {
			t.Fatalf("the good records are not of all kinds: %+v", w)
		}
		checkReasons(t, c.Rejected, byReason(bads))
		if sum := c.Train + c.Gap + c.Live + c.Late() + c.Rejects(); sum != c.Records() || sum != int64(len(values)+len(bads)) {
			t.Errorf("%d records are counted, want %d", sum, len(values)+len(bads))
		}
		checkStates(t, got, want)
	}
}

// checkStates holds what was learned of each series and feature against want.
func checkStates(t *testing.T, got, want *Result) {
	t.Helper()
	if got.Merged.Series() != want.Merged.Series() {
		t.Fatalf("%d series, want %d", got.Merged.Series(), want.Merged.Series())
	}
	for series := range want.Merged.Series() {
		for feature := range want.Manifest.Features {
			x, err := got.Merged.AppendState(nil, feature, series)
			y, errWant := want.Merged.AppendState(nil, feature, series)
			if err := errors.Join(err, errWant); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(x, y) || !bytes.Equal(got.Merged.Name(series), want.Merged.Name(series)) {
				t.Errorf("series %s learns other numbers of feature %d", want.Merged.Name(series), feature)
			}
		}
	}
}

// TestFailOnReject stops each pass at the first bad record, and names it. What
// was written is taken back; its dead letter is kept.
func TestFailOnReject(t *testing.T) {
	artifact, p := artifactOf(t), plan()
	values := good(3)
	for _, b := range bads(t) {
		source := &memory{partitions: [][]string{{values[0], b.value, values[1], "also bad"}}, batch: 10}
		out, dead := new(shelf), new(shelf)
		n := normalizer(artifact, source, out, record.MetaNone)
		n.Output.FailOnReject, n.Output.Dead = true, dead
		counts, err := n.Run(t.Context())
		checkRejectError(t, "normalize", b, err)
		if counts.Records() != 2 || counts.Rejects() != 1 || out.aborted != 1 || out.closed != 0 || len(dead.values) != 1 {
			t.Errorf("%s: %+v, the output is aborted %d and closed %d times, %d dead letters", b.name, counts, out.aborted, out.closed, len(dead.values))
		}
		f := Fitter{Plan: p, Source: source, NewDecoder: newDecoder(&p.Record), FailOnReject: true}
		_, err = f.Run(t.Context())
		checkRejectError(t, "fit", b, err)
	}
}

func checkRejectError(t *testing.T, pass string, b bad, err error) {
	t.Helper()
	rejected, ok := errors.AsType[*RejectError](err)
	if !ok || rejected.Source != "memory-0/0/1" || rejected.Reason.String() != b.reason || rejected.Detail == "" {
		t.Errorf("%s, %s: got %v, want it to stop at memory-0/0/1 for %s", pass, b.name, err, b.reason)
	}
	wantErr(t, err, "record memory-0/0/1 rejected: "+b.reason+": ", "(on_error is fail)")
}

// TestDeadLimit stops one dead letter beyond the limit, whatever it is for.
func TestDeadLimit(t *testing.T) {
	artifact := artifactOf(t)
	values := []string{"bad", strings.Replace(good(1)[0], `"s0"`, `"new"`, 1), "bad", good(1)[0]}
	f := func(limit int64, deads int, fails bool) {
		t.Helper()
		out, dead := new(shelf), new(shelf)
		n := normalizer(artifact, &memory{partitions: [][]string{values}, batch: 10}, out, record.MetaNone)
		n.Policy.UnknownSeries = store.UnknownDeadLetter
		n.Output.Dead, n.Output.DeadLimit = dead, limit
		counts, err := n.Run(t.Context())
		if _, over := errors.AsType[*LimitError](err); over != fails || len(dead.values) != deads || counts.Buried != int64(deads) {
			t.Errorf("limit %d: %v, %d dead letters, %+v", limit, err, len(dead.values), counts)
		}
		if aborted := out.aborted == 1 && out.closed == 0; aborted != fails {
			t.Errorf("limit %d: the output is aborted %d and closed %d times", limit, out.aborted, out.closed)
		}
	}
	f(0, 3, false)
	f(3, 3, false)
	f(2, 3, true)
	f(1, 2, true)
}
