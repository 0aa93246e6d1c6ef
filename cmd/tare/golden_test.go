package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tare/config"
	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

const golden = "../../testdata/golden/pipeline"

// parse reads a configuration that must be sound.
func parse(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// learnFrom runs the fit pass over a stream.
func learnFrom(t testing.TB, c *config.Config, in io.Reader) *stream.Fit {
	t.Helper()
	plan := planOf(c)
	source, err := stream.NewFiles([]string{stream.Stdin}, plan.Record.Format, in)
	if err != nil {
		t.Fatal(err)
	}
	fitter := stream.Fitter{Plan: plan, Source: source, NewDecoder: decoders(&plan.Record, false)}
	learned, err := fitter.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return learned
}

// frozenFrom runs the fit pass and freezes; the artifact has been through its
// bytes.
func frozenFrom(t testing.TB, c *config.Config, in io.Reader) (*stream.Fit, *store.Artifact) {
	t.Helper()
	learned := learnFrom(t, c, in)
	result, err := learned.Freeze(identityOf(c))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := store.WriteArtifact(&b, &result.Manifest, result.Frozen); err != nil {
		t.Fatal(err)
	}
	artifact, err := store.ReadArtifact(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return learned, artifact
}

// normalizeFrom runs the normalize pass over a stream.
func normalizeFrom(t testing.TB, artifact *store.Artifact, in io.Reader, seals []int64) (out, dead []byte, counts stream.NormalizeCounts) {
	t.Helper()
	m := &artifact.Manifest
	source, err := stream.NewFiles([]string{stream.Stdin}, m.Record.Format, in)
	if err != nil {
		t.Fatal(err)
	}
	var b, d bytes.Buffer
	n := stream.Normalizer{Artifact: artifact, Policy: m.Normalize, Source: source, NewDecoder: decoders(&m.Record, false), Seals: seals}
	n.Output.Open = func(header []byte, end string) (sink.Writer, error) { return sink.NewLines(&b, header, end), nil }
	n.Output.Dead = sink.NewLines(&d, nil, "\n")
	n.Output.NewEncoder = encoders(m)
	counts, err = n.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), d.Bytes(), counts
}

type expectation struct {
	Line     int                 `json:"line"`
	Rejected string              `json:"rejected"`
	Split    string              `json:"split"`
	Late     bool                `json:"late"`
	Known    bool                `json:"known"`
	Values   map[string]*float64 `json:"values"`
}

type tolerance struct {
	Abs, Rel, Rank float64
}

// within holds a normalized value against the expected one. A rank is a
// distance in the training distribution, which uniform output is and normal
// output is the quantile of.
func (tol tolerance) within(feature string, got, want float64) bool {
	switch {
	case tol.Rank == 0:
		return math.Abs(got-want) <= tol.Abs+tol.Rel*math.Abs(want)
	case feature == "pressure":
		return math.Abs(got-want) <= tol.Rank
	}
	cdf := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
	return math.Abs(cdf(got)-cdf(want)) <= tol.Rank
}

type learnedSeries struct {
	Series   string
	Records  uint64
	Features map[string]struct {
		Count, Missing uint64
		Fitted         map[string]json.RawMessage
		Tolerance      tolerance
	}
}

func readLines[T any](t testing.TB, path string) (all []T) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(readFile(t, path)))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func goldenRun(t testing.TB) (*config.Config, *stream.Fit, *store.Artifact) {
	t.Helper()
	c := parse(t, string(readFile(t, filepath.Join(golden, "conf.yaml"))))
	learned, artifact := frozenFrom(t, c, bytes.NewReader(readFile(t, filepath.Join(golden, "input.jsonl"))))
	return c, learned, artifact
}

// TestGoldenRecords runs 5,000 records through both passes and holds every one
// against what the reference made of it.
func TestGoldenRecords(t *testing.T) {
	_, learned, artifact := goldenRun(t)
	tolerances := goldenTolerances(t)
	input := readFile(t, filepath.Join(golden, "input.jsonl"))
	out, dead, counts := normalizeFrom(t, artifact, bytes.NewReader(input), seals(learned.Ranges()))
	output := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	letters := strings.Split(strings.TrimSuffix(string(dead), "\n"), "\n")
	lines := strings.Split(strings.TrimSuffix(string(input), "\n"), "\n")
	compared := 0
	for _, want := range readLines[expectation](t, filepath.Join(golden, "expected.jsonl")) {
		if want.Rejected != "" {
			checkLetter(t, want, fmt.Sprint("stdin/0/", want.Line), letters[0], lines[want.Line])
			letters = letters[1:]
			continue
		}
		compared += checkRecord(t, want, fmt.Sprint("stdin/0/", want.Line), output[0], tolerances)
		output = output[1:]
	}
	if len(output) != 0 || len(letters) != 0 {
		t.Errorf("%d records and %d dead letters too many", len(output), len(letters))
	}
	if compared < 30_000 {
		t.Errorf("only %d values compared", compared)
	}
	checkCounts(t, learned, artifact, &counts)
}

// goldenTolerances returns how near a value must come, by series and feature.
func goldenTolerances(t *testing.T) map[string]map[string]tolerance {
	t.Helper()
	tolerances := map[string]map[string]tolerance{}
	for _, s := range readLines[learnedSeries](t, filepath.Join(golden, "fitted.jsonl")) {
		tolerances[s.Series] = map[string]tolerance{}
		for name, f := range s.Features {
			tolerances[s.Series][name] = f.Tolerance
		}
	}
	return tolerances
}

func checkLetter(t *testing.T, want expectation, source, letter, line string) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal([]byte(letter), &got); err != nil {
		t.Fatalf("dead letter %q: %v", letter, err)
	}
	if !strings.HasPrefix(got["tare-error"], want.Rejected+": ") || got["tare-source"] != source || got["value"] != line {
		t.Errorf("line %d: dead letter %q, want reason %s", want.Line, letter, want.Rejected)
	}
}

func checkRecord(t *testing.T, want expectation, source, line string, tolerances map[string]map[string]tolerance) (compared int) {
	t.Helper()
	var got struct {
		Sensor string
		Tare   struct{ Artifact, Source, Split, Flags string } `json:"_tare"`
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if err := json.Unmarshal([]byte(line), &values); err != nil {
		t.Fatal(err)
	}
	flags := "," + got.Tare.Flags + ","
	if got.Tare.Source != source || got.Tare.Split != want.Split ||
		strings.Contains(flags, ",late,") != want.Late || strings.Contains(flags, ",unknown_series,") == want.Known {
		t.Errorf("line %d: %+v, want %+v", want.Line, got.Tare, want)
	}
	for name, value := range want.Values {
		text, present := values[name]
		switch {
		case value == nil:
			if present && string(text) != "null" {
				t.Errorf("line %d, %s: %s, want null or nothing", want.Line, name, text)
			}
		default:
			var x float64
			if err := json.Unmarshal(text, &x); err != nil {
				t.Fatalf("line %d, %s: %q: %v", want.Line, name, text, err)
			}
			if tol := tolerances[got.Sensor][name]; !tol.within(name, x, *value) {
				t.Errorf("line %d, %s: %v, want %v within %+v", want.Line, name, x, *value, tol)
			}
			compared++
		}
	}
	return compared
}

type goldenCounts struct {
	Records, Train, Gap, Late, Live int64
	Unknown                         int64 `json:"unknown_series"`
	Rejected                        map[string]int64
}

func checkCounts(t *testing.T, learned *stream.Fit, artifact *store.Artifact, n *stream.NormalizeCounts) {
	t.Helper()
	var want struct {
		Seal        int64
		Until       goldenCounts `json:"until_seal"`
		Whole       goldenCounts
		LateBySplit struct{ Train, Gap int64 } `json:"late_by_split"`
		Series      int                        `json:"series_learned"`
		Learned     uint64
		Below       []string          `json:"below_min_samples"`
		Values      map[string]uint64 `json:"learned_values"`
		Missing     map[string]uint64 `json:"missing_values"`
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(golden, "counters.json")), &want); err != nil {
		t.Fatal(err)
	}
	f := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	c, m := learned.Counts(), &artifact.Manifest
	f("seal", learned.Ranges()[0].Seal, want.Seal)
	f("reason", learned.Ranges()[0].Reason, fit.ByWatermark)
	f("fit pass", []any{c.Records(), c.Train, c.Gap, c.Late(), c.Live, c.LateTrain, c.LateGap},
		[]any{want.Whole.Records, want.Whole.Train, want.Whole.Gap, want.Whole.Late, want.Whole.Live, want.LateBySplit.Train, want.LateBySplit.Gap})
	f("fit pass, rejected", rejectedBy(c.Rejected), want.Whole.Rejected)
	f("normalize pass", []any{n.Records(), n.Train, n.Gap, n.Late, n.Live, n.Unknown},
		[]any{want.Whole.Records, want.Whole.Train, want.Whole.Gap, want.Whole.Late, want.Whole.Live, want.Whole.Unknown})
	f("normalize pass, rejected", rejectedBy(n.Rejected), want.Whole.Rejected)
	f("manifest, records", []any{m.Records.Train, m.Records.Learned}, []any{want.Until.Train, want.Learned})
	f("manifest, series", []any{m.Series.Learned, m.Series.BelowMinSamples}, []any{want.Series, len(want.Below)})
	for i, feature := range m.Features {
		var values, missing uint64
		for id := range artifact.Frozen.Records() {
			values += artifact.Frozen.Learned(i).Count[id]
			missing += artifact.Frozen.Learned(i).Missing[id]
		}
		f(feature.Name, []any{values, missing}, []any{want.Values[feature.Name], want.Missing[feature.Name]})
	}
	for _, name := range want.Below {
		f(name, artifact.Frozen.Find([]byte(name)), frozen.Unknown)
	}
}

// rejectedBy returns the numbers of rejected records by the names of reasons.
func rejectedBy(counts [record.NumReasons]int64) map[string]int64 {
	m := map[string]int64{}
	for reason, n := range counts {
		if n > 0 {
			m[record.Reason(reason).String()] = n
		}
	}
	return m
}

// TestGoldenFitted holds the frozen numbers against scikit-learn's attributes.
func TestGoldenFitted(t *testing.T) {
	_, _, artifact := goldenRun(t)
	names := map[string]map[string]string{ // our parameter for each attribute
		"standard": {"mean": "mean_", "scale": "scale_"}, "robust": {"center": "center_", "scale": "scale_"},
		"minmax": {"min": "min_", "scale": "scale_"}, "maxabs": {"scale": "scale_"},
	}
	compared := 0
	for _, want := range readLines[learnedSeries](t, filepath.Join(golden, "fitted.jsonl")) {
		id := artifact.Frozen.Find([]byte(want.Series))
		if id == frozen.Unknown {
			continue // below min_samples
		}
		report := reportSeries(artifact.Frozen, id)
		if report.Records != want.Records {
			t.Errorf("%s: %d records, want %d", want.Series, report.Records, want.Records)
		}
		for _, got := range report.Features {
			w := want.Features[got.Name]
			if got.Count != w.Count || got.Missing != w.Missing {
				t.Errorf("%s, %s: %d values and %d missing, want %d and %d", want.Series, got.Name, got.Count, got.Missing, w.Count, w.Missing)
			}
			if w.Tolerance.Rank > 0 || w.Tolerance.Abs > 1e-8 || got.Count == 0 {
				continue // a sketch: its values are held by TestGoldenRecords
			}
			for ours, theirs := range names[got.Scaler] {
				var x float64
				if err := json.Unmarshal(w.Fitted[theirs], &x); err != nil {
					t.Fatalf("%s, %s: %v", got.Name, theirs, err)
				}
				if y := float64(got.Params[ours][0]); math.Abs(y-x) > w.Tolerance.Abs+w.Tolerance.Rel*math.Abs(x) {
					t.Errorf("%s, %s: %s is %v, want %v", want.Series, got.Name, ours, y, x)
				}
				compared++
			}
		}
	}
	if compared < 150 {
		t.Errorf("only %d attributes compared", compared)
	}
}
