package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/store"
)

// This file tells of what is normalized by the record alone.

// normText says which outputs are divided by their norm.
func normText(n *frozen.Norm) string {
	return fmt.Sprintf("norm %s of %s", n.Norm, strings.Join(n.Members, ", "))
}

// normedText says that the output of a feature is divided by a norm besides.
func normedText(m *store.Manifest, feature string) string {
	if slices.ContainsFunc(m.Norms, func(n frozen.Norm) bool { return slices.Contains(n.Members, feature) }) {
		return ", before its norm, see below"
	}
	return ""
}

// alone tells what a number is normalized by: p are the parameters of a trace.
func (e *explainer) alone(spec *frozen.Feature, number int, p []float64) {
	switch {
	case spec.By != nil:
		e.line("by", spec.By[number%len(spec.By)]+", which is "+full(p[0]))
	case spec.Scaler.Norm == scale.Standard:
		e.line("mean", full(p[0])+", of this record")
		e.line("scale", full(p[1])+", of this record")
	default:
		e.line("norm", full(p[1])+", of this record")
	}
}

// overrun says what is wrong with a number that is not from 0 to its divisor.
func overrun(by string, t *frozen.Trace) string {
	switch d := t.Params[0]; {
	case !(d > 0):
		return fmt.Sprintf("%s is %s, and nothing can be divided by that: counted as missing", by, full(d))
	case t.In < 0:
		return "below 0"
	case t.In > d:
		return fmt.Sprintf("above %s by %s", by, full(t.In-d))
	}
	return outsideDomain
}

// explainNorms tells what becomes of outputs that are divided by their norm.
func explainNorms(out io.Writer, artifact *store.Artifact, row *record.Row, id int32) {
	m, f := &artifact.Manifest, artifact.Frozen
	if len(m.Norms) == 0 {
		return
	}
	y := make([]float64, f.Width())
	f.Transform(y, row, id)
	for i := range m.Norms {
		fmt.Fprintf(out, "  %s\n", normText(&m.Norms[i]))
		for _, name := range m.Norms[i].Members {
			fmt.Fprintf(out, "    %-11s %s\n", name, full(y[f.Output(name)]))
		}
	}
}
