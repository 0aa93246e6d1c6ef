package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/sink"
	"tare/store"
	"tare/stream"
)

func (a *app) runPipeline() *cobra.Command {
	var o struct {
		config string
		force  bool
	}
	cmd := &cobra.Command{
		Use:   "run -c CONFIG [FILE...]",
		Short: "Both passes over a source: learn and freeze, then normalize",
		Long: `run learns from the training stretch, freezes it into
STATE.DIR/PIPELINE-REVISION.npz, and then normalizes every record into the sink.
A freeze is final: where that file holds other numbers already, run refuses, and
a new revision is the way to retrain.

FILE arguments replace the configuration's source. On files it ends with the
last record. On a Kafka topic it goes on until a signal comes, and ends with 0;
killed at any moment and started again it loses and repeats no record.

With inverse: true it learns nothing: the source holds predictions, or records
that were normalized, and goes to the sink in its units.`,
		Example: `  tare run -c plant.yaml
  tare run -c plant.yaml data/2026-*.jsonl.gz`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runBoth(cmd.Context(), o.config, o.force, args)
		},
	}
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "configuration file")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace existing output files (never the artifact)")
	return cmd
}

func (a *app) runBoth(ctx context.Context, path string, force bool, args []string) error {
	if path == "" {
		return usagef("which configuration? -c FILE.yaml")
	}
	c, err := load(path)
	if err != nil {
		return err
	}
	switch topic := c.Source.Kafka != nil && len(args) == 0; {
	case topic && c.Inverse:
		return a.invertTopic(ctx, c)
	case topic:
		return a.runTopic(ctx, c)
	case c.Inverse:
		return a.invertFiles(ctx, c, force, args)
	}
	source, err := a.sourceOf(c, args)
	if err != nil {
		return err
	}
	if err := source.Rereadable(); err != nil {
		return usageError{err}
	}
	if strings.Contains(c.Sink.File.Path, "{split}") {
		return usagef("sink.file.path: {split} needs source.kafka: what files become goes to one file")
	}
	o := fileOutputs(c, force)
	if err := o.ready(source); err != nil {
		return err
	}
	id, err := frozenAs(identityOf(c), o.artifact)
	if err != nil {
		return err
	}
	learned, artifact, err := a.learn(ctx, c, source, o.artifact, id, learnOptions{sketches: true})
	if err != nil {
		return advise(err, "a freeze is final: raise revision to learn anew")
	}
	id = identityOf(c)
	artifact.Manifest.Normalize, artifact.Manifest.Splits, artifact.Manifest.Output = id.Normalize, id.Splits, id.Output
	return a.normalize(ctx, artifact, source, learned, o)
}

// fileOutputs are the files that a configuration writes what files become to.
func fileOutputs(c *config.Config, force bool) *outputs {
	return &outputs{
		artifact:  artifactPath(c),
		out:       outputNames(c.Sink.File.Path, c)[0],
		dead:      outputNames(c.DeadLetter.File.Path, c)[0],
		deadLimit: c.DeadLetter.Limit,
		force:     force,
	}
}

// artifactPath is where the artifact of a configuration lies.
func artifactPath(c *config.Config) string {
	return cmp.Or(c.Artifact, filepath.Join(c.State.Dir, artifactName(c)))
}

// frozenAs returns the identity under which a freeze at path would be the same
// one again: policies and output may have changed since, they are not learned. It
// returns an error where no artifact could be put there.
func frozenAs(id stream.Identity, path string) (stream.Identity, error) {
	was, err := store.OpenArtifact(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return id, nil
	case err != nil:
		return id, inTheWay(err)
	}
	id.Normalize, id.Splits, id.Output = was.Manifest.Normalize, was.Manifest.Splits, was.Manifest.Output
	return id, nil
}

// inTheWay tells what to do about a file that stands in the artifact's place.
func inTheWay(err error) error {
	if _, ok := errors.AsType[*store.RefusedError](err); ok {
		return fmt.Errorf("%w; restore it, or remove the file to learn anew", err)
	}
	return err
}

// ready refuses outputs that could not be written behind the fit pass.
func (o *outputs) ready(source *stream.Files) error {
	for _, out := range []string{o.out, o.dead} {
		if info, err := os.Stat(out); err == nil && info.Mode().IsRegular() && !o.force {
			return fmt.Errorf("%s: %w", out, sink.ErrExists)
		}
	}
	return o.spares(source)
}
