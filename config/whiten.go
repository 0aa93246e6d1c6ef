package config

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// A Whiten is a group of features that are whitened together: its outputs take the
// place of theirs.
type Whiten struct {
	Name        string
	Features    []string
	Method      string  // pca, zca, zca_cor, cholesky
	NComponents float64 // pca: a count, or a share of variance below 1; 0 is all
	Whiten      bool    // pca
	Shrinkage   float64 // 0 to 1
	LedoitWolf  bool    // derives the shrinkage
	Scope       string  // series, global; empty is Config.Scope
}

// maxMembers is the largest number of members of a group.
const maxMembers = 512

func whitenKind(w *Whiten) kind {
	member := func(s *string) kind { return anyText(s, "the name of a feature") }
	pca := sister{"method", []string{"pca"}}
	return object(
		key{name: "name", kind: featureName(&w.Name), required: true, doc: "its name in artifact and output, which no feature has"},
		key{name: "features", kind: list(&w.Features, "a list of names of features", "", "", member), required: true,
			doc: "the members: single numbers with the scaler `standard` or `none`, which are in no other group; what they are after `pre` is whitened, and their own outputs are gone"},
		key{name: "method", kind: method(w), required: true,
			doc: "`pca`: principal components, largest variance first; `zca`: as near to the members as whitened data can be; `zca_cor`: as near to the standardized members; `cholesky`: the last output depends on the last member alone"},
		key{name: "n_components", kind: components(&w.NComponents), only: pca, def: "all", doc: "how many components are kept, or the share of variance that they must exceed, which needs the scope `global`"},
		key{name: "whiten", kind: boolean(&w.Whiten), only: pca, doc: "bring the components to variance 1; with `false` they keep their own"},
		key{name: "shrinkage", kind: shrinkage(w), doc: "how far the covariance is moved towards a multiple of the identity: from 0 to 1, or `ledoit_wolf`, which derives it from the data and wants members with the scaler `none`"},
		key{name: "scope", kind: choice(&w.Scope, scopes), def: "the key `scope` of the file", doc: "whether each `series` has its own projection, or all have one (`global`); it is the scope of the members too"},
	)
}

// method is the kind of a method; pca whitens unless told otherwise.
func method(w *Whiten) kind {
	k := choice(&w.Method, []string{"pca", "zca", "zca_cor", "cholesky"})
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		w.Whiten = w.Method == "pca"
		return hint, ok
	}
	return k
}

// components is a count, or a share below 1.
func components(dst *float64) kind {
	k := number(dst, 0, maxMembers)
	k.name = "an integer from 1 to " + strconv.Itoa(maxMembers) + ", or a share of variance between 0 and 1"
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		return hint, ok && *dst > 0 && (*dst < 1 || *dst == math.Trunc(*dst))
	}
	k.write = func() *yaml.Node {
		if *dst == 0 {
			return nil
		}
		return numberNode(*dst)
	}
	k.schema = func() dict {
		return orExpression(dict{"anyOf": []dict{
			{"type": "integer", "minimum": 1, "maximum": maxMembers},
			{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
		}})
	}
	return k
}

// shrinkage is a number, or the word for what derives it.
func shrinkage(w *Whiten) kind {
	const word = "ledoit_wolf"
	fixed, name := number(&w.Shrinkage, 0, 1), ""
	derived := choice(&name, []string{word})
	return kind{
		name: fixed.name + ", or " + word,
		scalar: func(v value) (string, bool) {
			if _, ok := derived.scalar(v); ok {
				w.LedoitWolf = true
				return "", true
			}
			return fixed.scalar(v)
		},
		write: func() *yaml.Node {
			if w.LedoitWolf {
				return scalarNode("!!str", word)
			}
			return fixed.write()
		},
		schema: func() dict { return dict{"anyOf": []dict{fixed.schema(), derived.schema()}} },
	}
}

// checkWhiten refuses groups that cannot be learned, told apart or written.
func (r *reader) checkWhiten(c *Config) {
	names, taken := map[string]int{}, map[string]string{}
	for i := range c.Features {
		names[c.Features[i].Name] = i
	}
	groups := map[string]string{}
	for i := range c.Whiten {
		w, at := &c.Whiten[i], element("whiten", i)
		feature, is := names[w.Name]
		switch other, twice := groups[w.Name]; {
		case w.Name == "":
		case is:
			r.problemAt(join(at, "name"), "is the name of %s too; choose another", element("features", feature))
		case twice:
			r.problemAt(join(at, "name"), "is the name of %s too; choose another", other)
		case w.Name == "series":
			r.problemAt(join(at, "name"), "the artifact keeps this name for the names of the series; choose another")
		}
		groups[w.Name] = at
		r.checkMembers(c, w, at, names, taken)
		r.checkComponents(c, w, at)
		r.checkColumns(w, at, names)
		r.checkPooled(c, w, at)
	}
	if len(c.Whiten) > 0 {
		r.checkWhitened(c)
	}
}

// checkMembers refuses features that cannot be members. taken tells where one is a
// member already.
func (r *reader) checkMembers(c *Config, w *Whiten, group string, names map[string]int, taken map[string]string) {
	if len(w.Features) > maxMembers {
		r.problemAt(join(group, "features"), "want 1 to %d members, got %d", maxMembers, len(w.Features))
	}
	for k, name := range w.Features {
		at := element(join(group, "features"), k)
		i, known := names[name]
		if !known && name != "" {
			r.problemAt(at, "there is no feature of this name; name it in features, with the scaler standard or none")
			continue
		}
		if other, twice := taken[name]; twice && known {
			r.problemAt(at, "is a member already, as %s", other)
			continue
		}
		if taken[name] = at; known {
			r.checkMember(w, at, &c.Features[i], element("features", i))
		}
	}
}

// checkMember refuses what a member of a group cannot have.
func (r *reader) checkMember(w *Whiten, at string, f *Feature, feature string) {
	switch kind := f.Scaler.Kind; {
	case f.Shape != nil:
		r.problemAt(at, "is an array; only single numbers are whitened together")
	case kind != "standard" && kind != "none":
		r.problemAt(at, "has the scaler %s; a member is whitened after standard or none", kind)
	case f.Role == "target":
		r.problemAt(at, "is a target; its own output is what a model predicts")
	case f.Fixed != nil:
		r.problemAt(at, "has fixed numbers; a member is whitened with learned ones, take the scaler none")
	case w.LedoitWolf && kind == "standard" && f.Scaler.WithStd:
		r.problemAt(at, "has the scaler standard; ledoit_wolf wants members with the scaler none, or give a shrinkage from 0 to 1")
	}
	if f.Scope != "" {
		r.problemAt(join(feature, "scope"), "is that of the group that it is a member of; leave it out, and write scope there")
	}
}

// checkPooled refuses a group that has no numbers of all series together.
func (r *reader) checkPooled(c *Config, w *Whiten, group string) {
	if c.Normalize.UnknownSeries == "pooled" && cmp.Or(w.Scope, c.Scope) != "global" {
		r.problemAt(group, "unknown_series pooled needs numbers of all series together, which a group has with scope: global alone; write that for the group")
	}
}

// checkComponents refuses more components than there are members, and a share where
// series could differ in their number.
func (r *reader) checkComponents(c *Config, w *Whiten, group string) {
	at, scope := join(group, "n_components"), cmp.Or(w.Scope, c.Scope)
	switch n := w.NComponents; {
	case n >= 1 && n > float64(len(w.Features)) && !r.bad[join(group, "features")]:
		r.problemAt(at, "want at most %d, the number of members, got %s", len(w.Features), r.shownAt(at))
	case n > 0 && n < 1 && scope != "global":
		r.problemAt(at, "a share of variance would give each series another number of outputs; write scope: global for the group, or a count")
	}
}

// checkColumns refuses outputs that have the name of a feature.
func (r *reader) checkColumns(w *Whiten, group string, names map[string]int) {
	for k := range w.Features {
		column := w.Name + "_" + w.Method + strconv.Itoa(k)
		if i, is := names[column]; is && w.Name != "" && !slices.Contains(w.Features, column) {
			r.problemAt(join(group, "name"), "its output %s has the name of %s; choose another", column, element("features", i))
		}
	}
}

// checkWhitened refuses outputs that have no place for groups.
func (r *reader) checkWhitened(c *Config) {
	if r.bad["output.value"] || r.bad["record.format"] {
		return
	}
	replace := c.Output.Value == "replace"
	if replace && c.Record.Format == "csv" {
		r.problemAt("output.value", "replace has no columns for the outputs of whiten in csv; write output: {value: features}")
	}
	if !replace && c.Normalize.UnknownSeries == "passthrough" {
		r.problemAt("normalize.unknown_series", "passthrough has no columns for members of whiten as they came, but with output.value: replace")
	}
}
