package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"tare/config"
	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
	"tare/store"
	"tare/stream"
)

// This file holds what features that are whitened together change of what is
// learned, written and read back.

// groupsOf adds the groups of a configuration to a plan.
func groupsOf(plan *fit.Plan, c *config.Config) {
	for i := range c.Whiten {
		w := &c.Whiten[i]
		g := frozen.Group{Name: w.Name, Members: w.Features, Whitening: scale.Whitening{Method: w.Method,
			NComponents: w.NComponents, Whiten: w.Whiten, Shrinkage: w.Shrinkage, LedoitWolf: w.LedoitWolf}}
		if cmp.Or(w.Scope, c.Scope) == frozen.ScopeGlobal {
			g.Scope = frozen.ScopeGlobal
		}
		plan.Whiten = append(plan.Whiten, g)
		for k := range plan.Features {
			if slices.Contains(g.Members, plan.Features[k].Name) {
				plan.Features[k].Scope = g.Scope
				plan.Features[k].Pooled = plan.Features[k].Pooled && !g.Shared()
			}
		}
	}
}

// encoderOf returns what encodes records normalized with an artifact.
func encoderOf(m *store.Manifest, o record.Output, header []byte) (record.Encoder, error) {
	if (len(m.Whiten) > 0 || labeled(m)) && o.Value == record.Replace {
		members := map[string][]string{}
		for i := range m.Whiten {
			members[m.Whiten[i].Name] = m.Whiten[i].Members
		}
		return record.NewRewriter(&m.Record, m.Written(), o, header, members)
	}
	return record.NewEncoder(m.Written(), o, header)
}

// inverterOf returns what encodes records that are in their units again, normalized
// being the schema they had.
func inverterOf(artifact *store.Artifact, normalized *schema.Schema, header []byte) (record.Encoder, error) {
	m, f := &artifact.Manifest, artifact.Frozen
	o := invertedOf(m)
	if len(m.Whiten) == 0 && !labeled(m) {
		return record.NewEncoder(normalized, o, header)
	}
	o.Labels = codesOf(f)
	if m.Output.Value == record.Features {
		return record.NewRewriter(normalized, m.Record.Output(names(m.Features)), o, header, columnsOf(f))
	}
	return record.NewRewriter(normalized, &m.Record, o, header, nil)
}

func names(features []frozen.Feature) []string {
	list := make([]string, len(features))
	for i := range features {
		list[i] = features[i].Name
	}
	return list
}

// methodText says how a group is whitened.
func methodText(g *frozen.Group) string {
	text := g.Method
	if g.NComponents > 0 {
		text += fmt.Sprintf(", n_components %v", g.NComponents)
	}
	if g.LedoitWolf {
		text += ", shrinkage ledoit_wolf"
	} else if g.Shrinkage > 0 {
		text += fmt.Sprintf(", shrinkage %v", g.Shrinkage)
	}
	if g.Shared() {
		text += ", global"
	}
	return text + " of " + strings.Join(g.Members, ", ")
}

// tellSkipped tells how many training records the groups did not learn from.
func (a *app) tellSkipped(plan *fit.Plan, r *stream.Result) {
	for i := range plan.Whiten {
		if n := r.Merged.Skipped(i); n > 0 {
			a.say("group %q: %s without one of its members: not learned by it", plan.Whiten[i].Name, plural(int(n), "training record", "training records"))
		}
	}
}

// printGroups prints a line a group, and one a norm.
func printGroups(out io.Writer, m *store.Manifest) {
	for i := range m.Whiten {
		fmt.Fprintf(out, "%s: %s\n", m.Whiten[i].Name, methodText(&m.Whiten[i]))
	}
	for i := range m.Norms {
		fmt.Fprintln(out, normText(&m.Norms[i]))
	}
}

// printWhitened tells what the groups have learned of a series.
func printWhitened(out io.Writer, artifact *store.Artifact, id int32) {
	for i := range artifact.Manifest.Whiten {
		if g := &artifact.Manifest.Whiten[i]; g.Serves(id) {
			w := artifact.Frozen.Whitened(i)
			fmt.Fprintf(out, "%s: %s, learned from %s with all members\n", g.Name, methodText(g),
				plural(int(w.Count[entryOf(g, id)]), "record", "records"))
		}
	}
}

func entryOf(g *frozen.Group, id int32) int {
	if g.Shared() {
		return 0
	}
	return int(id)
}

// explainGroups tells what becomes of the groups of a record.
func explainGroups(out io.Writer, artifact *store.Artifact, row *record.Row, id int32) {
	f := artifact.Frozen
	if f.Groups() == 0 {
		return
	}
	y := make([]float64, f.Width())
	f.Transform(y, row, id)
	for i := range artifact.Manifest.Whiten {
		g := &artifact.Manifest.Whiten[i]
		at, n := f.Outputs(i)
		if g.Serves(id) {
			fmt.Fprintf(out, "  %s: %s\n", g.Name, methodText(g))
			for k, name := range g.Columns(n) {
				fmt.Fprintf(out, "    %-11s %s\n", name, full(y[at+k]))
			}
		}
	}
}

// differingGroups names the groups whose numbers differ.
func differingGroups(was *store.Artifact, now *stream.Result) (lines []string) {
	for i := range min(was.Frozen.Groups(), now.Frozen.Groups()) {
		x, y := was.Frozen.Whitened(i), now.Frozen.Whitened(i)
		if !slices.Equal(x.Count, y.Count) || !equal(x.Params, y.Params) {
			lines = append(lines, fmt.Sprintf("group %q differs", was.Manifest.Whiten[i].Name))
		}
	}
	return lines
}
