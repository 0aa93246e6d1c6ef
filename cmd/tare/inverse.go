package main

import (
	"context"

	"github.com/spf13/cobra"

	"tare/record"
	"tare/schema"
	"tare/store"
	"tare/stream"
)

func (a *app) inverse() *cobra.Command {
	var o inverseOptions
	cmd := &cobra.Command{
		Use:   "inverse -a ARTIFACT [FILE...]",
		Short: "Take normalized records back to their units",
		Long: `inverse reads records that transform wrote, or that carry normalized numbers
under the same names, and writes them in the units they came in, without the
_tare member. Records of series that the artifact does not hold come out as they
are. Records stamped by another artifact are rejected unless --foreign is given.`,
		Example: `  tare transform -a plant.npz < new.jsonl | tare inverse -a plant.npz`,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runInverse(cmd.Context(), &o, args) },
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.force, "force", false, "replace existing files")
	cmd.Flags().BoolVar(&o.foreign, "foreign", false, "invert also what another artifact has stamped")
	cmd.Flags().StringVar(&o.value, "value", "", "replace or features: how the records were written (default: the artifact's)")
	return cmd
}

type inverseOptions struct {
	outputs
	foreign bool
	value   string
}

func (a *app) runInverse(ctx context.Context, o *inverseOptions, args []string) error {
	artifact, err := openArtifact(o.artifact)
	if err != nil {
		return err
	}
	m := &artifact.Manifest
	override(&m.Output.Value, o.value)
	if err := oneOf("value", string(m.Output.Value), []string{string(record.Replace), string(record.Features), string(record.Vector)}); err != nil {
		return err
	}
	if m.Output.Value == record.Vector && m.Record.Format != schema.Binary {
		return usagef("the artifact's output is vector: packed numbers name no series, so they cannot be inverted record by record; in Python use load(...).inverse_transform")
	}
	if m.Output.Missing == record.MissingMask {
		return usagef("the artifact's output has a mask behind the numbers (missing: mask), which is no part of the record; in Python use load(...).inverse_transform")
	}
	if len(m.Whiten) > 0 && m.Record.Format == schema.CSV {
		return usagef("the artifact whitens features of csv records, whose columns cannot be brought back; in Python use load(...).inverse_transform")
	}
	normalized := normalizedOf(m)
	source, err := a.inputs(args, normalized)
	if err != nil {
		return err
	}
	if err := o.spares(source); err != nil {
		return err
	}
	dead, err := a.deadLetters(&o.outputs)
	if err != nil {
		return err
	}
	v := stream.Inverter{
		Artifact:   artifact,
		Source:     source,
		NewDecoder: decoders(normalized, true),
		Output:     a.output(&o.outputs, dead, false),
		Foreign:    o.foreign,
	}
	v.Output.NewEncoder = func(header []byte) (record.Encoder, error) {
		return inverterOf(m, normalized, header)
	}
	done := a.progress("inverting", source, &v.Output.Records)
	counts, err := v.Run(ctx)
	done()
	a.say("%s", describeInvert(&counts))
	return closeDead(dead, err)
}

// normalizedOf returns the schema of the records that an artifact has normalized.
func normalizedOf(m *store.Manifest) *schema.Schema {
	switch {
	case m.Record.Format == schema.Binary:
		s := m.Record
		s.DType = m.Output.Dtype
		size, _ := record.FrameOf(&s)
		s.Limits = s.Limits.OrDefault()
		s.Limits.Value = max(s.Limits.Value, size)
		return &s
	case m.Output.Value == record.Features:
		return m.Written().Output(m.Columns)
	}
	return m.Written()
}

// invertedOf returns how records are written that are in their units again.
func invertedOf(m *store.Manifest) record.Output {
	o := record.Output{Meta: record.MetaRemove}
	if m.Record.Format == schema.Binary {
		o.Dtype, o.Missing = m.Record.DType, record.MissingNaN
		if o.Dtype == schema.UInt8 || o.Dtype == schema.Int16 {
			o.Missing = record.MissingZero
		}
	}
	return o
}
