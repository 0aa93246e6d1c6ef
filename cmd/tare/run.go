package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

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
killed at any moment and started again it loses and repeats no record.`,
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
	if c.Source.Kafka != nil && len(args) == 0 {
		return a.runTopic(ctx, c)
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
	o := &outputs{
		artifact:  filepath.Join(c.State.Dir, artifactName(c)),
		out:       outputNames(c.Sink.File.Path, c)[0],
		dead:      outputNames(c.DeadLetter.File.Path, c)[0],
		deadLimit: c.DeadLetter.Limit,
		force:     force,
	}
	if err := o.ready(source); err != nil {
		return err
	}
	id := identityOf(c)
	learned, artifact, err := a.learn(ctx, c, source, o.artifact, frozenAs(id, o.artifact), learnOptions{sketches: true})
	if err != nil {
		return advise(err, "a freeze is final: raise revision to learn anew")
	}
	artifact.Manifest.Normalize, artifact.Manifest.Splits, artifact.Manifest.Output = id.Normalize, id.Splits, id.Output
	return a.normalize(ctx, artifact, source, learned, o)
}

// frozenAs returns the identity under which a freeze at path would be the same
// one again: policies and output may have changed since, they are not learned.
func frozenAs(id stream.Identity, path string) stream.Identity {
	if was, err := store.OpenArtifact(path); err == nil {
		id.Normalize, id.Splits, id.Output = was.Manifest.Normalize, was.Manifest.Splits, was.Manifest.Output
	}
	return id
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
