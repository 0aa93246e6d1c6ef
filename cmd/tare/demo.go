package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/fit"
	"tare/record"
	"tare/store"
	"tare/stream"
)

func (a *app) demo() *cobra.Command {
	var o struct {
		dir  string
		seed uint64
	}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole life of a plant's records, in one command",
		Long: `demo simulates a plant of a dozen sensors, learns their scales up to the cutoff,
freezes them, normalizes all records, takes them back, and checks itself: the
inverse gives the input back, and garbage after the cutoff changes no byte of the
artifact. What it made stays in a folder, to go on with.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runDemo(cmd.Context(), &demo{app: a, dir: o.dir, seed: o.seed})
		},
	}
	cmd.Flags().StringVar(&o.dir, "dir", "tare-demo", "folder to work in")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of the simulation")
	return cmd
}

// A demo is one run of the verb.
type demo struct {
	*app
	dir      string
	seed     uint64
	config   *config.Config
	artifact *store.Artifact
	counts   stream.NormalizeCounts
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

func (a *app) runDemo(ctx context.Context, d *demo) error {
	start := time.Now()
	for _, step := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"simulating a plant: 12 sensors, 6 days, the cutoff after four", d.simulate},
		{"learning up to the cutoff, then freezing", d.learn},
		{"normalizing every record with the frozen numbers", d.normalize},
		{"taking the normalized records back", d.invert},
		{"checking: the inverse gives the input back", d.checkInverse},
		{"checking: garbage after the cutoff changes no byte, the last training value does", d.checkLeak},
	} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.say("* %s", step.what)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("demo: %s: %w", step.what, err)
		}
	}
	if err := d.report(); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\nDone in %.1f s. What it made lies in %s: plant.yaml, plant.jsonl, plant.npz,\n"+
		"normalized.jsonl, rejected.jsonl, inverted.jsonl. Three commands to go on with:\n\n"+
		"  tare inspect %[3]s --series pump-07\n"+
		"  tail -n 1 %[4]s | tare explain -a %[3]s\n"+
		"  tare verify -a %[3]s %[4]s\n\n"+
		"(From the source tree, tare is: go run ./cmd/tare)\n",
		time.Since(start).Seconds(), d.dir, d.path("plant.npz"), d.path("plant.jsonl"))
	return nil
}

func (d *demo) simulate(context.Context) error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	if was, err := os.ReadFile(d.path("plant.yaml")); err == nil && string(was) != plantConfig {
		return usagef("%s is not the demo's: name another folder with --dir", d.path("plant.yaml"))
	}
	if err := os.WriteFile(d.path("plant.yaml"), []byte(plantConfig), 0o644); err != nil {
		return err
	}
	f, err := os.Create(d.path("plant.jsonl"))
	if err != nil {
		return err
	}
	n, err := newPlant(d.seed).write(f)
	d.say("  %d records in %s", n, f.Name())
	return errors.Join(err, f.Close())
}

func (d *demo) learn(ctx context.Context) (err error) {
	if d.config, err = load(d.path("plant.yaml")); err != nil {
		return err
	}
	source, err := d.files([]string{d.path("plant.jsonl")}, "json")
	if err != nil {
		return err
	}
	_, d.artifact, err = d.app.learn(ctx, d.config, source, d.path("plant.npz"), identityOf(d.config), learnOptions{force: true, sketches: true})
	return err
}

func (d *demo) normalize(ctx context.Context) error {
	source, err := d.files([]string{d.path("plant.jsonl")}, "json")
	if err != nil {
		return err
	}
	o := &outputs{out: d.path("normalized.jsonl"), dead: d.path("rejected.jsonl"), force: true}
	dead, err := d.deadLetters(o)
	if err != nil {
		return err
	}
	m := &d.artifact.Manifest
	n := stream.Normalizer{Artifact: d.artifact, Policy: m.Normalize, Source: source, NewDecoder: decoders(&m.Record, false),
		Output: d.output(o, dead, false), Seals: seals(m.Ranges)}
	n.Output.NewEncoder = encoders(m)
	d.counts, err = n.Run(ctx)
	d.say("  %s", describeNormalize(&d.counts))
	return closeDead(dead, err)
}

func (d *demo) invert(ctx context.Context) error {
	return d.runInverse(ctx, &inverseOptions{outputs: outputs{artifact: d.path("plant.npz"), out: d.path("inverted.jsonl"), force: true}},
		[]string{d.path("normalized.jsonl")})
}

// checkInverse holds every inverted record against the one it came from.
func (d *demo) checkInverse(context.Context) error {
	raw, err := d.values("plant.jsonl")
	if err != nil {
		return err
	}
	back, err := d.values("inverted.jsonl")
	if err != nil {
		return err
	}
	if len(raw) != len(back) {
		return fmt.Errorf("%d records came back of %d", len(back), len(raw))
	}
	worst := 0.0
	for i := range raw {
		for k, x := range raw[i].Numbers {
			y := back[i].Numbers[k]
			if math.IsNaN(x) != math.IsNaN(y) {
				return fmt.Errorf("record %d: %v came back as %v", i, x, y)
			}
			if e := math.Abs(x-y) / max(1, math.Abs(x)); e > worst {
				worst = e
			}
		}
	}
	if worst > 1e-12 {
		return fmt.Errorf("a value came back %.1e off", worst)
	}
	d.say("  %d records came back; the worst value is %.1e off", len(back), worst)
	return nil
}

// values decodes the accepted records of a file.
func (d *demo) values(name string) ([]record.Row, error) {
	data, err := os.ReadFile(d.path(name))
	if err != nil {
		return nil, err
	}
	decoder, err := record.NewJSON(&d.artifact.Manifest.Record)
	if err != nil {
		return nil, err
	}
	decoder.AcceptStamped = true
	var rows []record.Row
	var row record.Row
	for line := range bytes.Lines(data) {
		if decoder.Decode(&row, &record.Message{Value: bytes.TrimSuffix(line, []byte("\n")), Timestamp: record.NoTimestamp}) == record.OK {
			rows = append(rows, record.Row{Time: row.Time, Numbers: slices.Clone(row.Numbers)})
		}
	}
	return rows, nil
}

// checkLeak learns again from a log whose values are garbage from cutoff - gap
// on, and from one whose last training value is another.
func (d *demo) checkLeak(ctx context.Context) error {
	cutoff := plantCutoff.Add(-time.Hour)
	garbage, err := d.learnFrom(ctx, func(at time.Time, fields map[string]json.RawMessage) {
		if !at.Before(cutoff) {
			for i, name := range d.artifact.Manifest.Columns {
				fields[name] = json.RawMessage([]string{`1e300`, `"garbage"`, `[1,{"a":2}]`, `-12345.678`}[i])
			}
		}
	})
	if err != nil {
		return err
	}
	if garbage != d.artifact.ID {
		return fmt.Errorf("garbage after the cutoff gives artifact %s, not %s", garbage, d.artifact.ID)
	}
	last := time.Unix(0, int64(d.artifact.Manifest.Ranges[0].To)).UTC()
	changed, err := d.learnFrom(ctx, func(at time.Time, fields map[string]json.RawMessage) {
		if at.Equal(last) {
			for _, name := range d.artifact.Manifest.Columns {
				fields[name] = json.RawMessage(`0.123`)
			}
		}
	})
	if err != nil {
		return err
	}
	if changed == d.artifact.ID {
		return errors.New("another last training value gives the same artifact")
	}
	d.say("  garbage: artifact %s again; another last training value: %s", garbage[:16], changed[:16])
	return nil
}

// learnFrom learns from a copy of the log in which change has had its way with
// every record that can be read, and returns the id of the artifact.
func (d *demo) learnFrom(ctx context.Context, change func(at time.Time, fields map[string]json.RawMessage)) (id string, err error) {
	in, err := os.Open(d.path("plant.jsonl"))
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(d.dir, ".altered-*.jsonl")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	if err := errors.Join(alter(out, in, change), out.Close()); err != nil {
		return "", err
	}
	source, err := d.files([]string{out.Name()}, "json")
	if err != nil {
		return "", err
	}
	plan := planOf(d.config)
	fitter := stream.Fitter{Plan: plan, Source: source, NewDecoder: decoders(&plan.Record, false)}
	learned, err := fitter.Run(ctx)
	if err != nil {
		return "", err
	}
	result, err := learned.Freeze(identityOf(d.config))
	if err != nil {
		return "", err
	}
	return store.WriteArtifact(io.Discard, &result.Manifest, result.Frozen)
}

func alter(w io.Writer, r io.Reader, change func(at time.Time, fields map[string]json.RawMessage)) error {
	out := bufio.NewWriter(w)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Bytes()
		var fields map[string]json.RawMessage
		var at time.Time
		if json.Unmarshal(line, &fields) == nil && json.Unmarshal(fields["ts"], &at) == nil {
			change(at, fields)
			line, _ = json.Marshal(fields)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return errors.Join(lines.Err(), out.Flush())
}

// report prints the table: each feature before and after, and what became of
// the records.
func (d *demo) report() error {
	raw, err := d.values("plant.jsonl")
	if err != nil {
		return err
	}
	normalized, err := d.values("normalized.jsonl")
	if err != nil {
		return err
	}
	cutoff := &d.artifact.Manifest.Cutoff
	w := tabwriter.NewWriter(d.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\n\t\traw, training stretch\t\t\t\tnormalized\t\t\t\t\n")
	fmt.Fprint(w, "feature\tscaler\tmean\tsd\tmedian\tIQR\tmean\tsd\tmedian\tIQR\t\n")
	for k, f := range d.artifact.Manifest.Features {
		before := describeValues(train(raw, k, cutoff))
		after := describeValues(train(normalized, k, cutoff))
		name := f.Scaler.Kind
		if len(f.Pre) > 0 {
			name = preText(f.Pre) + "+" + name
		}
		fmt.Fprintf(w, "%s\t%s\t%.4g\t%.4g\t%.4g\t%.4g\t%.3f\t%.3f\t%.3f\t%.3f\t\n", f.Name, name,
			before.mean, before.sd, before.median, before.iqr, after.mean, after.sd, after.median, after.iqr)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	c := &d.counts
	fmt.Fprintf(d.stdout, "\nrecords %d = learned %d + gap %d + live %d + late %d + rejected %d", c.Records(), c.Train, c.Gap, c.Live, c.Late, c.Rejects())
	for reason, n := range c.Rejected {
		if n > 0 {
			fmt.Fprintf(d.stdout, " [%s %d]", record.Reason(reason), n)
		}
	}
	fmt.Fprintln(d.stdout)
	return nil
}

// train returns the values of a feature before cutoff - gap.
func train(rows []record.Row, feature int, cutoff *fit.Cutoff) (x []float64) {
	for i := range rows {
		if cutoff.SplitAlone(rows[i].Time) == fit.Train && !math.IsNaN(rows[i].Numbers[feature]) {
			x = append(x, rows[i].Numbers[feature])
		}
	}
	return x
}

type summary struct{ mean, sd, median, iqr float64 }

// describeValues sorts x.
func describeValues(x []float64) (s summary) {
	for _, v := range x {
		s.mean += v / float64(len(x))
	}
	for _, v := range x {
		s.sd += (v - s.mean) * (v - s.mean) / float64(len(x))
	}
	slices.Sort(x)
	at := func(q float64) float64 { return x[int(q*float64(len(x)-1))] }
	return summary{s.mean, math.Sqrt(s.sd), at(0.5), at(0.75) - at(0.25)}
}
