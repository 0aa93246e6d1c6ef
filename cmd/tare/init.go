package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/examples"
	"tare/record"
	"tare/schema"
	"tare/stream"
)

// What init looks at.
const (
	initRecords = 10_000
	initBytes   = 32 << 20
)

func (a *app) initConfig() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init FILE | --kafka BROKERS --topic TOPIC | --preset NAME",
		Short: "Write a configuration: from a look at records, or a preset",
		Long: `init looks at the first records of a file (- is standard input) or of each
partition of a topic, and writes a configuration for them: format, series, time,
a scaler for each numeric field with its reason beside it, and a cutoff. It is a
start: look it over, then tare dry-run and tare fit. docs/init.md says what each
choice goes by.

With --preset it writes one of the examples instead, which is ordinary
configuration with nothing behind it; --preset alone lists them.`,
		Example: `  tare init train.jsonl -o plant.yaml
  tare init --kafka localhost:9092 --topic sensors.raw
  tare init --preset spectrogram -o spectrogram.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runInit(cmd.Context(), &o, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.out, "output", "o", "", "file to write (default standard output)")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	flags.StringVar(&o.format, "format", "", "json or csv (default: by the file's name, else by its content)")
	flags.StringSliceVar(&o.brokers, "kafka", nil, "look at a topic: `BROKERS`, separated by commas")
	flags.StringVar(&o.topic, "topic", "", "the topic to look at")
	flags.StringVar(&o.preset, "preset", "", "write the preset of that `NAME`; without a name, list them")
	flags.Lookup("preset").NoOptDefVal = listPresets
	return cmd
}

type initOptions struct {
	out, format, topic, preset string
	brokers                    []string
	force                      bool
}

// listPresets is what --preset without a name stands for.
const listPresets = "list"

func (a *app) runInit(ctx context.Context, o *initOptions, args []string) error {
	topic := len(o.brokers) > 0 || o.topic != ""
	switch {
	case o.preset != "":
		if topic || o.format != "" {
			return usagef("--preset writes an example and looks at nothing: --kafka, --topic and --format have no place")
		}
		return a.writePreset(o, args)
	case topic && (len(o.brokers) == 0 || o.topic == ""):
		return usagef("--kafka BROKERS and --topic TOPIC go together")
	case topic && (len(args) > 0 || o.format != ""):
		return usagef("a file or a topic? with --kafka, a FILE and --format have no place")
	case !topic && len(args) == 0:
		return usagef("nothing to look at: name a file, - for standard input, --kafka and --topic, or --preset NAME")
	}
	c, s, err := a.lookAt(ctx, o, args)
	if err != nil {
		return err
	}
	n := len(s.rows) + s.rejects
	text, err := drafted(c, s)
	if _, usage := errors.AsType[usageError](err); usage {
		return usagef("%s: %w", strings.Join(append(args, o.topic), ""), err)
	}
	if err != nil {
		return err
	}
	if err := a.writeConfig(o, args, text); err != nil {
		return err
	}
	a.say("%s looked at, %s; see what the comments say, then tare dry-run and tare fit", plural(n, "record", "records"), plural(len(c.Features), "feature", "features"))
	return nil
}

// lookAt takes a sample of a file or topic, and returns it with a configuration
// that says where it is from.
func (a *app) lookAt(ctx context.Context, o *initOptions, args []string) (c *config.Config, s *sample, err error) {
	c = config.Default()
	from := o.topic
	if len(args) == 0 {
		s, err = a.lookAtTopic(ctx, o, c)
	} else {
		from = args[0]
		s, err = a.lookAtFile(o, from, c)
	}
	if err != nil {
		return nil, nil, err
	}
	c.Pipeline = pipelineName(from)
	return c, s, s.worth(from, c.Record.Format)
}

// worth refuses a sample that shows too little to guess from.
func (s *sample) worth(from, format string) error {
	stamped := func(name string) bool { return name == "_tare" || strings.HasPrefix(name, "_tare.") }
	switch {
	case s.mostlyRejected():
		return usagef("%s: %d of the first %d records are no %s: the first is %s: %.30q; --format says json or csv; packed numbers cannot be guessed: see --preset image-per-channel and audio-waveform",
			from, s.rejects, s.rejects+len(s.rows), format, s.reject, s.first)
	case len(s.rows) == 0:
		return usagef("%s: it holds no record; want some that are like those to come", from)
	case slices.ContainsFunc(s.names, stamped):
		return usagef("%s: its records have been normalized already (_tare); name what they were made from", from)
	case s.separator() != "":
		return usagef("%s: its header is one column, %.60q: are the cells separated by %q? want commas", from, s.header, s.separator())
	}
	return nil
}

func (s *sample) mostlyRejected() bool { return s.rejects > 9*len(s.rows) }

// lookAtFile takes a sample of a file, as CSV where that is not said and no line of
// it is JSON.
func (a *app) lookAtFile(o *initOptions, path string, c *config.Config) (*sample, error) {
	c.Source.File.Paths = []string{path}
	if path != stream.Stdin {
		c.Source.File.Paths[0] = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
	}
	c.Record.Format = formatOf(o.format, path)
	if err := oneOf("format", c.Record.Format, []string{string(schema.JSON), string(schema.CSV)}); err != nil {
		return nil, err
	}
	reach := reach{records: initRecords, bytes: initBytes}
	s, err := a.sample(path, schema.Format(c.Record.Format), reach)
	if err != nil || o.format != "" || c.Record.Format == string(schema.CSV) || !s.mostlyRejected() {
		return s, err
	}
	if rows, err := a.sample(path, schema.CSV, reach); err == nil && !rows.mostlyRejected() && rows.headed() {
		c.Record.Format = string(schema.CSV)
		return rows, nil
	}
	return s, nil
}

// headed reports whether the first line looks like the names of columns: several,
// printable, no numbers and no JSON.
func (s *sample) headed() bool {
	return len(s.names) > 1 && !bytes.ContainsAny(s.header[:1], "[{") && !slices.ContainsFunc(s.names, func(name string) bool {
		_, err := strconv.ParseFloat(name, 64)
		return err == nil || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	})
}

// lookAtTopic takes a sample of the first records of each partition.
func (a *app) lookAtTopic(ctx context.Context, o *initOptions, c *config.Config) (s *sample, err error) {
	k := config.NewKafkaSource()
	k.Brokers, k.Topic = o.brokers, o.topic
	c.Source.Kafka = &k
	topic, done, err := a.openTopic(ctx, c)
	if err != nil {
		return nil, err
	}
	defer done()
	s = new(sample)
	n := len(topic.Partitions())
	for p := range n {
		reader, err := topic.Open(ctx, int32(p))
		if err != nil {
			return nil, err
		}
		err = s.take(reader, s.json, reach{(initRecords + n - 1) / n, initBytes / n})
		if err := errors.Join(err, reader.Close()); err != nil {
			return nil, err
		}
	}
	s.count()
	return s, nil
}

// drafted returns the text of the configuration that a sample suggests.
func drafted(c *config.Config, s *sample) ([]byte, error) {
	records := plural(len(s.rows), "record", "records")
	whole := "all that it holds"
	if s.more {
		whole = "the first that it holds"
	}
	d := draftOf(c, s)
	if len(c.Features) == 0 {
		return nil, usagef("no field to learn from in %s:\n  %s", records, strings.Join(d.leftOut, "\n  "))
	}
	head := remark(fmt.Sprintf("Made by tare init from %s of the source, %s: a start, to be looked over.", records, whole),
		"docs/init.md says what each choice goes by. Then: tare dry-run -c FILE, tare fit -c FILE.")
	text := slices.Concat([]byte(head+"\n"), c.Draft(d.comments), []byte(sinkOf(c)))
	parsed, err := config.Parse("(drafted configuration)", text, nil, nil)
	if err != nil {
		return nil, err
	}
	plan := planOf(parsed)
	if err := plan.Validate(); err != nil {
		return nil, usageError{err}
	}
	if _, err := decoders(&plan.Record, false)(s.header); err != nil {
		return nil, usageError{err}
	}
	return text, nil
}

// separator returns what stands between the cells of a header of one column, where
// it is no comma.
func (s *sample) separator() string {
	at := bytes.IndexAny(s.header, ";\t|")
	if len(s.names) != 1 || at < 0 {
		return ""
	}
	return string(s.header[at : at+1])
}

// writeConfig writes to the file that was asked for, or standard output.
func (a *app) writeConfig(o *initOptions, inputs []string, text []byte) error {
	if err := spares(o.out, inputs...); err != nil {
		return err
	}
	w, err := a.outputTo(o.out, o.force)(nil, "")
	if err != nil {
		return err
	}
	if err := w.Write([]record.Message{{Value: text}}); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

// writePreset writes an example as it stands, or lists all of them.
func (a *app) writePreset(o *initOptions, args []string) error {
	name := o.preset
	if name == listPresets && len(args) == 1 {
		name, args = args[0], nil
	}
	if len(args) > 0 {
		return usagef("--preset writes an example and looks at nothing: %s has no place", args[0])
	}
	names, err := presets()
	if err != nil {
		return err
	}
	if name == listPresets {
		return a.printPresets(names)
	}
	text, err := fs.ReadFile(examples.Files, name+".yaml")
	if err != nil {
		if near, ok := config.Near(name, names); ok {
			return usagef("unknown preset %q; did you mean %s?", name, near)
		}
		return usagef("unknown preset %q: there are %s", name, strings.Join(names, ", "))
	}
	return a.writeConfig(o, nil, text)
}

// presets lists the names of all presets.
func presets() (names []string, err error) {
	paths, err := fs.Glob(examples.Files, "*.yaml")
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(path, ".yaml"))
	}
	return names, err
}

// printPresets prints a line for each.
func (a *app) printPresets(names []string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, name := range names {
		text, err := fs.ReadFile(examples.Files, name+".yaml")
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\n", name, purpose(text))
	}
	return w.Flush()
}

// purpose returns the first line of what an example says of itself.
func purpose(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if said, ok := strings.CutPrefix(strings.TrimSpace(line), "# "); ok && !strings.HasPrefix(said, "yaml-language-server:") {
			return said
		}
	}
	return ""
}
