package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kfake"

	"tare/config"
	"tare/fit"
	"tare/record"
	"tare/store"
	"tare/stream"
)

func (a *app) demo() *cobra.Command {
	d := &demo{app: a, listen: demoListen}
	var produce bool
	var brokers []string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole life of a plant's records, in one command",
		Long: `demo starts a Kafka broker within its process, simulates a plant of a dozen
sensors that write to the topic sensors.raw, learns their scales up to the
cutoff, freezes them, normalizes the topic into sensors.normalized, and checks
itself: each record came out once and in order, the inverse gives the input back,
and garbage after the cutoff changes no byte of the artifact. What it made stays
in a folder, to go on with.

With --keep-running the plant goes on after that, some fifty records a second,
with status and metrics at http://` + demoListen + `, until a signal comes. With
--produce the plant alone runs, and writes to a cluster of yours, on which
'KAFKA=HOST:PORT tare run -c plant.yaml' then does what the demo did.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case produce && len(brokers) == 0:
				return usagef("--produce: to which cluster? --brokers HOST:PORT")
			case produce && d.keepRunning:
				return usagef("--produce and --keep-running exclude each other: the one writes to your cluster, the other goes on with the demo's own")
			case produce:
				return a.producePlant(cmd.Context(), brokers, newPlant(d.seed))
			case len(brokers) > 0:
				return usagef("--brokers goes with --produce; the demo itself runs on a broker of its own")
			}
			return d.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.dir, "dir", "tare-demo", "folder to work in")
	flags.Uint64Var(&d.seed, "seed", 1, "of the simulation")
	flags.BoolVar(&d.keepRunning, "keep-running", false, "go on after the report, until a signal comes")
	flags.BoolVar(&produce, "produce", false, "only produce the plant's records, to --brokers, until a signal comes")
	flags.StringSliceVar(&brokers, "brokers", nil, "HOST:PORT[,...] of the cluster for --produce")
	return cmd
}

// demoListen is where --keep-running serves status and metrics.
const demoListen = "127.0.0.1:8477"

// A demo is one run of the verb.
type demo struct {
	*app
	dir         string
	seed        uint64
	keepRunning bool
	listen      string // where it serves status and metrics meanwhile

	brokers     []string
	plant       *plant
	feeder      *feeder
	config      *config.Config
	pipeline    *stream.Pipeline
	artifact    *store.Artifact
	normalizing *normalizing
	counts      stream.NormalizeCounts
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// rawFile returns the name of a copy of one partition of the topic.
func rawFile(partition int) string { return fmt.Sprintf("plant-%d.jsonl", partition) }

// rawFiles returns the names of the copies, in the order of the partitions.
func (d *demo) rawFiles() (names []string) {
	for p := range d.feeder.partitions {
		names = append(names, rawFile(p))
	}
	return names
}

func (d *demo) run(ctx context.Context) error {
	start := time.Now()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return fmt.Errorf("demo: the embedded broker does not start: %w", err)
	}
	defer cluster.Close()
	d.brokers = cluster.ListenAddrs()
	if err := d.open(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer d.pipeline.Client.Close()
	if d.keepRunning {
		stop, err := d.serve(ctx, d.listen, d.pipeline.Monitor)
		if err != nil {
			return err
		}
		defer stop()
	}
	defer func() { _ = d.normalizing.stop() }() // in vain, but after an error
	if err := d.steps(ctx); err != nil {
		return err
	}
	d.done(time.Since(start))
	if !d.keepRunning {
		return d.normalizing.stop()
	}
	return d.goOn()
}

// open writes the configuration into the folder and prepares its pipeline.
func (d *demo) open() (err error) {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	if was, err := os.ReadFile(d.path("plant.yaml")); err == nil && string(was) != plantConfig {
		return usagef("%s is not the demo's: name another folder with --dir", d.path("plant.yaml"))
	}
	if err := os.WriteFile(d.path("plant.yaml"), []byte(plantConfig), 0o644); err != nil {
		return err
	}
	d.config, err = config.Load(d.path("plant.yaml"), func(name string) (string, bool) {
		return strings.Join(d.brokers, ","), name == "KAFKA"
	})
	if err != nil {
		return err
	}
	d.config.State.Dir = d.path("state")
	if err := os.RemoveAll(d.config.State.Dir); err != nil { // of a broker that is gone
		return err
	}
	d.pipeline, err = d.pipelineOf(d.config)
	if err == nil {
		d.pipeline.Log, d.pipeline.Rejects = slog.New(slog.DiscardHandler), nil
	}
	return err
}

func (d *demo) steps(ctx context.Context) error {
	for _, step := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"simulating a plant: 12 sensors, 6 days, the cutoff after four", d.simulate},
		{"learning from the topic up to the cutoff, then freezing", d.freezeTopic},
		{"normalizing the topic with the frozen numbers", d.normalize},
		{"checking: each record came out once and in order", d.collect},
		{"taking the normalized records back", d.invert},
		{"checking: the inverse gives the input back", d.checkInverse},
		{"checking: garbage after the cutoff changes no byte, the last training value does", d.checkLeak},
	} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.say("* %s", step.what)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("demo: %s: %w", step.what, err)
		}
	}
	return d.report()
}

func (d *demo) done(took time.Duration) {
	fmt.Fprintf(d.stdout, "\nDone in %.1f s. What it made lies in %s: plant.yaml, plant.npz, plant-*.jsonl (a file\n"+
		"for each partition), normalized.jsonl, rejected.jsonl, inverted.jsonl. Three commands to go on with:\n\n"+
		"  tare inspect %[3]s --series pump-07\n"+
		"  tail -n 1 %[4]s | tare explain -a %[3]s\n"+
		"  tare verify -a %[3]s %[5]s\n\n"+
		"(From the source tree, tare is: go run ./cmd/tare)\n",
		took.Seconds(), d.dir, d.path("plant.npz"), d.path(rawFile(0)), d.path("plant-?.jsonl"))
}

// simulate puts the plant's records on the topic, and a copy of each partition
// into a file.
func (d *demo) simulate(ctx context.Context) (err error) {
	if d.feeder, err = openFeeder(ctx, d.pipeline.Client); err != nil {
		return err
	}
	d.plant = newPlant(d.seed)
	log := d.plant.log()
	if err := d.feeder.write(ctx, log); err != nil {
		return err
	}
	copies := make([]bytes.Buffer, len(d.feeder.partitions))
	for i := range log {
		b := &copies[d.feeder.partitionOf(log[i].sensor)]
		b.Write(log[i].line)
		b.WriteByte('\n')
	}
	for p := range copies {
		if err := os.WriteFile(d.path(rawFile(p)), copies[p].Bytes(), 0o644); err != nil {
			return err
		}
	}
	d.say("  %d records in %s, %s", len(log), d.pipeline.Topic, plural(len(copies), "partition", "partitions"))
	return nil
}

// freezeTopic runs the fit pass and copies the artifact and its companion out of
// the state.
func (d *demo) freezeTopic(ctx context.Context) (err error) {
	if d.artifact, err = d.pipeline.Freeze(ctx); err != nil {
		return err
	}
	for from, to := range map[string]string{
		d.pipeline.ArtifactPath():                      d.path("plant.npz"),
		store.CompanionPath(d.pipeline.ArtifactPath()): store.CompanionPath(d.path("plant.npz")),
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	m := &d.artifact.Manifest
	d.say("  %d records learned; %s of %s frozen, artifact %s", m.Records.Train, plural(d.artifact.Frozen.Series().Len(), "series", "series"),
		plural(len(m.Features), "feature", "features"), d.artifact.ID[:16])
	return nil
}

// normalize starts the normalize pass and waits until it is through with what
// the topic holds.
func (d *demo) normalize(ctx context.Context) error {
	d.normalizing = startNormalizing(ctx, d.pipeline, d.artifact)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !d.through() {
		select {
		case <-d.normalizing.ctx.Done():
			return errors.Join(ctx.Err(), d.normalizing.stop())
		case <-tick.C:
		}
	}
	for _, p := range d.pipeline.Monitor.Status().Partitions {
		addCounts(&d.counts, &p.Normalize)
	}
	d.say("  %s", describeNormalize(&d.counts))
	return nil
}

func addCounts(sum, c *stream.NormalizeCounts) {
	sum.Train += c.Train
	sum.Gap += c.Gap
	sum.Live += c.Live
	sum.Late += c.Late
	for reason, n := range c.Rejected {
		sum.Rejected[reason] += n
	}
	sum.Unknown += c.Unknown
	sum.OutOfRange += c.OutOfRange
	sum.Written += c.Written
	sum.Buried += c.Buried
}

// through reports whether each partition is normalized to its end, and all of it
// acknowledged.
func (d *demo) through() bool {
	n := 0
	for _, p := range d.pipeline.Monitor.Status().Partitions {
		if p.Phase == stream.Normalizing && p.Next == d.feeder.partitions[p.Partition].written && p.Inflight == 0 {
			n++
		}
	}
	return n == len(d.feeder.partitions)
}

func (d *demo) invert(ctx context.Context) error {
	return d.runInverse(ctx, &inverseOptions{outputs: outputs{artifact: d.path("plant.npz"), out: d.path("inverted.jsonl"), force: true}},
		[]string{d.path("normalized.jsonl")})
}

// goOn keeps the plant running until a signal comes.
func (d *demo) goOn() error {
	d.say("the plant goes on, %d records a second, on the broker %s; Ctrl-C ends it", plantRate, d.brokers[0])
	err := d.feeder.live(d.normalizing.ctx, d.plant)
	return errors.Join(err, d.normalizing.stop())
}

// normalizing is a normalize pass that goes on.
type normalizing struct {
	ctx    context.Context // ends with the pass
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done is closed
}

func startNormalizing(ctx context.Context, p *stream.Pipeline, artifact *store.Artifact) *normalizing {
	n := &normalizing{done: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(ctx)
	go func() {
		defer close(n.done)
		defer n.cancel()
		n.err = p.Normalize(n.ctx, artifact)
	}()
	return n
}

// stop ends the pass and returns what it failed with. It may be called again,
// and where none was started.
func (n *normalizing) stop() error {
	if n == nil {
		return nil
	}
	n.cancel()
	<-n.done
	if errors.Is(n.err, context.Canceled) {
		return nil
	}
	return n.err
}

// checkInverse holds every inverted record against the one it came from.
func (d *demo) checkInverse(context.Context) error {
	raw, err := d.values(d.rawFiles()...)
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

// values decodes the accepted records of files, one after the other.
func (d *demo) values(names ...string) ([]record.Row, error) {
	decoder, err := record.NewJSON(&d.artifact.Manifest.Record)
	if err != nil {
		return nil, err
	}
	var rows []record.Row
	var row record.Row
	for _, name := range names {
		data, err := os.ReadFile(d.path(name))
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			if decoder.Decode(&row, &record.Message{Value: bytes.TrimSuffix(line, []byte("\n")), Timestamp: record.NoTimestamp}) == record.OK {
				rows = append(rows, record.Row{Time: row.Time, Numbers: slices.Clone(row.Numbers)})
			}
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

// learnFrom learns from the topic once more, as if change had had its way with
// every record that can be read, and returns the id of the artifact.
func (d *demo) learnFrom(ctx context.Context, change func(at time.Time, fields map[string]json.RawMessage)) (id string, err error) {
	topic, err := stream.OpenTopic(ctx, d.pipeline.Client, d.pipeline.Topic, d.pipeline.Start)
	if err != nil {
		return "", err
	}
	defer topic.Close()
	plan := d.pipeline.Plan
	fitter := stream.Fitter{Plan: plan, Source: alteredSource{topic, change}, NewDecoder: decoders(&plan.Record, false)}
	learned, err := fitter.Run(ctx)
	if err != nil {
		return "", err
	}
	result, err := learned.Freeze(d.pipeline.Identity)
	if err != nil {
		return "", err
	}
	return store.WriteArtifact(io.Discard, &result.Manifest, result.Frozen)
}

// An alteredSource is a source of JSON records with other values.
type alteredSource struct {
	stream.Source
	change func(at time.Time, fields map[string]json.RawMessage)
}

func (s alteredSource) Open(ctx context.Context, partition int32) (stream.Reader, error) {
	r, err := s.Source.Open(ctx, partition)
	return alteredReader{r, s.change}, err
}

type alteredReader struct {
	stream.Reader
	change func(at time.Time, fields map[string]json.RawMessage)
}

func (r alteredReader) Read() ([]record.Message, error) {
	messages, err := r.Reader.Read()
	for i := range messages {
		var fields map[string]json.RawMessage
		var at time.Time
		if json.Unmarshal(messages[i].Value, &fields) == nil && json.Unmarshal(fields["ts"], &at) == nil {
			r.change(at, fields)
			messages[i].Value, _ = json.Marshal(fields)
		}
	}
	return messages, err
}

// report prints the table: each feature before and after, and what became of
// the records.
func (d *demo) report() error {
	raw, err := d.values(d.rawFiles()...)
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
