package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/fit"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

// judged is how many records a dry run reads to judge a configuration.
const judged = 1000

func (a *app) dryRun() *cobra.Command {
	var o dryRunOptions
	cmd := &cobra.Command{
		Use:   "dry-run -c CONFIG [FILE...]",
		Short: "Would tare run work, and what would it do? Looks at everything, writes nothing",
		Long: `dry-run connects, checks topics, settings, retention and permissions, files and
folders, reads up to 1,000 records from the start of the source and some of the
newest, and shows a few of them before and after. After is by the frozen numbers
if there are any, else by those of the sample itself, to show the shape only.

It makes no topic, group, transaction or file, and commits nothing.

Exit codes: 0 a run would work, perhaps with warnings; 1 no broker lets us in;
2 the configuration is wrong; 3 a check failed.`,
		Example: `  tare dry-run -c plant.yaml
  tare dry-run -c plant.yaml --records 20 data/2026-*.jsonl.gz
  tare dry-run -c plant.yaml --json | jq '.checks[] | select(.level != "ok")'`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runDryRun(cmd.Context(), &o, args) },
	}
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "configuration file")
	cmd.Flags().IntVar(&o.records, "records", 5, "how many records to show")
	cmd.Flags().BoolVar(&o.json, "json", false, "as JSON")
	return cmd
}

type dryRunOptions struct {
	config  string
	records int
	json    bool
}

// A dryReport is what a dry run has found; its JSON is a contract.
type dryReport struct {
	Pipeline   string          `json:"pipeline"`
	Revision   int             `json:"revision"`
	Result     string          `json:"result"` // ok, fail, or unreachable: no broker lets us in
	Checks     []stream.Check  `json:"checks"`
	Partitions []stream.Bounds `json:"partitions,omitempty"` // of a topic
	Sample     *sampleReport   `json:"sample,omitempty"`

	trial *trial // nil where no sample could be taken
}

func (r *dryReport) say(level stream.Level, about, format string, args ...any) {
	r.Checks = append(r.Checks, stream.Check{Level: level, About: about, Message: fmt.Sprintf(format, args...)})
}

func (a *app) runDryRun(ctx context.Context, o *dryRunOptions, args []string) error {
	if o.config == "" {
		return usagef("which configuration? -c FILE.yaml")
	}
	if o.records < 0 {
		return usagef("--records %d: want 0 or more", o.records)
	}
	c, err := loadPlan(o.config)
	if err != nil {
		return err
	}
	r := &dryReport{Pipeline: c.Pipeline, Revision: c.Revision}
	for _, w := range c.Warnings() {
		r.say(stream.CheckWarn, "configuration", "%v", w)
	}
	if c.Source.Kafka != nil && len(args) == 0 {
		err = a.dryTopic(ctx, c, r)
	} else {
		err = a.dryFiles(ctx, c, r, args)
	}
	if err == nil && r.trial != nil {
		r.Sample, err = r.trial.run(ctx, r, o.records)
	}
	if err != nil {
		return err
	}
	return a.concludeDryRun(r, o.json)
}

// concludeDryRun prints the report and returns what its checks come to.
func (a *app) concludeDryRun(r *dryReport, asJSON bool) error {
	failed := r.count(stream.CheckFail) > 0
	if r.Result == "" {
		r.Result = map[bool]string{false: "ok", true: "fail"}[failed]
	}
	var err error
	if asJSON {
		err = a.printJSON(r)
	} else {
		err = a.printDryRun(r)
	}
	switch {
	case err != nil:
		return err
	case r.Result == "unreachable":
		return errors.New("cannot connect: no broker lets us in")
	case failed:
		return failedChecks(r.count(stream.CheckFail))
	}
	return nil
}

// failedChecks is how many checks failed.
type failedChecks int

func (n failedChecks) Error() string { return plural(int(n), "check failed", "checks failed") }

// Is makes it the difference that a check has found.
func (n failedChecks) Is(target error) bool { return target == errDifference }

func (r *dryReport) count(level stream.Level) (n int) {
	for _, c := range r.Checks {
		if c.Level == level {
			n++
		}
	}
	return n
}

// dryTopic looks at a pipeline on a topic.
func (a *app) dryTopic(ctx context.Context, c *config.Config, r *dryReport) error {
	p, err := a.pipelineOf(c)
	if err != nil {
		return err
	}
	defer p.Client.Close()
	found := p.DryRun(ctx, judged)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.Checks = append(r.Checks, found.Checks...)
	r.Partitions = found.Partitions
	if !found.Connected {
		r.Result = "unreachable"
	}
	if found.Partitions != nil {
		if err := r.appended(ctx, p, found.Artifact); err != nil {
			return err
		}
	}
	r.stateDir(c.State.Dir)
	r.listen(c.HTTP.Listen)
	if found.Sample != nil {
		r.trial = &trial{config: c, plan: p.Plan, sample: found.Sample, seals: found.Seals, artifact: found.Artifact, topic: true}
	}
	return nil
}

// dryFiles looks at both passes over files.
func (a *app) dryFiles(ctx context.Context, c *config.Config, r *dryReport, args []string) error {
	plan := planOf(c)
	if err := plan.Validate(); err != nil {
		return usageError{err}
	}
	r.stateDir(c.State.Dir)
	artifact := r.artifactOf(c, plan)
	source := a.readable(c, r, args)
	if source == nil {
		return nil
	}
	r.outputs(c, source)
	sample, err := stream.TakeSample(ctx, source, judged)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.say(stream.CheckFail, "source", "%v", err)
		return nil
	}
	r.trial = &trial{config: c, plan: plan, sample: sample, artifact: artifact}
	for p := range sample.Partitions() {
		seal := fit.Never
		switch plan.Cutoff.Kind {
		case fit.Offsets:
			seal = plan.Cutoff.Offsets[int32(p)]
		case fit.Records:
			seal = plan.Cutoff.Records
		}
		r.trial.seals = append(r.trial.seals, seal)
	}
	return nil
}

// readable opens each file for a moment and returns the source; nil where a run
// could not read it.
func (a *app) readable(c *config.Config, r *dryReport, args []string) *stream.Files {
	source, err := a.sourceOf(c, args)
	if err == nil {
		err = source.Rereadable()
	}
	if err != nil {
		r.say(stream.CheckFail, "source", "%v", err)
		return nil
	}
	ok := true
	for _, path := range source.Paths() {
		file, err := os.Open(path)
		if err != nil {
			r.say(stream.CheckFail, "source", "%v", err)
			ok = false
			continue
		}
		file.Close()
	}
	if !ok {
		return nil
	}
	_, total := source.Progress()
	r.say(stream.CheckOK, "source", "%s, %s", plural(len(source.Paths()), "file", "files"), bytesText(int(total)))
	return source
}

// outputs looks whether the outputs of a run on files could be made.
func (r *dryReport) outputs(c *config.Config, source *stream.Files) {
	o := &outputs{
		artifact: filepath.Join(c.State.Dir, artifactName(c)),
		out:      outputNames(c.Sink.File.Path, c)[0],
		dead:     outputNames(c.DeadLetter.File.Path, c)[0],
	}
	if err := o.ready(source); err != nil {
		if errors.Is(err, sink.ErrExists) {
			err = fmt.Errorf("%w; --force lets a run replace it", err)
		}
		r.say(stream.CheckFail, "output", "%v", err)
		return
	}
	for _, path := range []string{o.out, o.dead} {
		if path != "" {
			r.creatable(path)
		}
	}
}

// appended looks whether the files that a topic goes to could be made, or
// continued.
func (r *dryReport) appended(ctx context.Context, p *stream.Pipeline, artifact *store.Artifact) error {
	topic, err := p.Client.Topic(ctx, p.Topic)
	if err != nil {
		return err
	}
	mark := "" // any, before the freeze
	if artifact != nil {
		mark = artifact.Mark()
	}
	paths := append(p.Outputs.Files[:], p.Outputs.DeadFile)
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if path == "" {
			continue
		}
		accept := p.Outputs.ContinueFrom
		if path == p.Outputs.DeadFile {
			accept = p.Outputs.DeadContinueFrom
		}
		r.continued(path, sink.LogOptions{Origin: p.FileOrigin(path, topic, mark), Accept: accept, Fresh: true})
	}
	return nil
}

// continued looks whether a file could be made, or appended to.
func (r *dryReport) continued(path string, o sink.LogOptions) {
	if info, err := os.Stat(path); path == stream.Stdout || err == nil && !info.Mode().IsRegular() {
		r.creatable(path)
		return
	}
	begun, err := sink.CheckLog(path, o)
	switch {
	case err != nil:
		r.say(stream.CheckFail, "output "+path, "%v", err)
	case begun:
		r.say(stream.CheckOK, "output "+path, "a run goes on behind what it holds")
	default:
		r.creatable(path)
	}
}

// creatable looks whether an output could be made.
func (r *dryReport) creatable(path string) {
	about := "output " + path
	if path == stream.Stdin {
		r.say(stream.CheckOK, "output", "standard output")
		return
	}
	switch err := writable(filepath.Dir(path)); {
	case errors.Is(err, fs.ErrNotExist):
		r.say(stream.CheckFail, about, "its folder does not exist: make it")
	case err != nil:
		r.say(stream.CheckFail, about, "%v", err)
	default:
		r.say(stream.CheckOK, about, "can be written")
	}
}

// artifactOf looks for the artifact of a pipeline on files; nil if there is none
// that a run would use.
func (r *dryReport) artifactOf(c *config.Config, plan *fit.Plan) *store.Artifact {
	path := filepath.Join(c.State.Dir, artifactName(c))
	artifact, err := store.OpenArtifact(path)
	if errors.Is(err, fs.ErrNotExist) {
		r.say(stream.CheckOK, "artifact", "none yet: a run learns up to the cutoff and writes %s", path)
		return nil
	}
	if err != nil {
		r.say(stream.CheckFail, "artifact", "%v", inTheWay(err))
		return nil
	}
	if lines := fit.Diff(artifact.Manifest.Plan, plan); len(lines) > 0 {
		r.say(stream.CheckFail, "artifact", "%s is frozen, and was learned with another configuration: %s; raise revision to learn anew", path, strings.Join(lines, "; "))
		return nil
	}
	r.say(stream.CheckOK, "artifact", "%s is frozen already: a run learns again, and goes on if the same comes out", path)
	return artifact
}

// stateDir looks whether files could be made there.
func (r *dryReport) stateDir(dir string) {
	at := dir
	err := writable(at)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		err = writable(at)
	}
	switch {
	case err != nil:
		r.say(stream.CheckFail, "state.dir", "%v; want a folder that can be written to, on a disk that survives a restart", err)
	case at != dir:
		r.say(stream.CheckOK, "state.dir", "%s does not exist: a run makes it", dir)
	default:
		r.say(stream.CheckOK, "state.dir", "%s can be written to", dir)
	}
}

// writable makes a file in a folder, and removes it.
func writable(dir string) error {
	file, err := os.CreateTemp(dir, ".tare-dry-run-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// listen looks whether the status could be served.
func (r *dryReport) listen(address string) {
	if address == "" {
		r.say(stream.CheckOK, "http.listen", "off: tare status and /metrics have nobody to ask")
		return
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		r.say(stream.CheckFail, "http.listen", "%v; is the pipeline running already? choose another address, or off", err)
		return
	}
	l.Close()
	r.say(stream.CheckOK, "http.listen", "%s is free", address)
}

// printDryRun prints the report for people.
func (a *app) printDryRun(r *dryReport) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		fmt.Fprintf(w, "%-4s\t%s\t%s\n", c.Level, c.About, c.Message)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := a.printBounds(r.Partitions); err != nil {
		return err
	}
	if r.Sample != nil {
		if err := a.printSample(r.Sample, r.trial.plan); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.stdout, "\nnothing was written; %s, %s\n",
		plural(r.count(stream.CheckFail), "check failed", "checks failed"), plural(r.count(stream.CheckWarn), "warning", "warnings"))
	return err
}

// printBounds prints a line for each partition of a topic.
func (a *app) printBounds(bounds []stream.Bounds) error {
	if len(bounds) == 0 {
		return nil
	}
	fmt.Fprintln(a.stdout)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "partition\tfirst\tits time\tstart\tits time\tend\tnewest time\t")
	for _, b := range bounds {
		fmt.Fprintf(w, "%d\t%d\t%s\t%d\t%s\t%d\t%s\t\n", b.Partition, b.First, clock(b.FirstTime), b.Start, clock(b.StartTime), b.End, clock(b.NewestTime))
	}
	return w.Flush()
}

// clock writes a Kafka timestamp.
func clock(ms int64) string {
	if ms < 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

func (a *app) printSample(s *sampleReport, plan *fit.Plan) error {
	fmt.Fprintf(a.stdout, "\nsample    %s of %s\n", plural(s.Records, "record", "records"), plural(s.Series, "series", "series"))
	if s.Oldest != nil {
		fmt.Fprintf(a.stdout, "times     %v to %v\n", s.Oldest, s.Newest)
	}
	fmt.Fprintf(a.stdout, "cutoff    %s\n", cutoffText(&plan.Cutoff))
	fmt.Fprintf(a.stdout, "split     train %d, gap %d, live %d; late %d\n", s.Splits.Train, s.Splits.Gap, s.Splits.Live, s.Late)
	fmt.Fprintf(a.stdout, "rejected  %s\n", s.rejectedText())
	fmt.Fprintf(a.stdout, "missing   %s\n", s.missingText(plan))
	switch s.ScaledBy {
	case scaledByArtifact:
		fmt.Fprintf(a.stdout, "after     normalized with artifact %s\n", s.Artifact)
	case scaledBySample:
		fmt.Fprint(a.stdout, "after     scaled with the sample's own statistics, to show the shape only\n")
	}
	for _, e := range s.Shown {
		e.print(a.stdout, s.ScaledBy != "")
	}
	return nil
}

// sorted lists the keys of counts in order, as name count.
func sorted(counts map[string]int) (list []string) {
	for name, n := range counts {
		list = append(list, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(list)
	return list
}
