package config

import "go.yaml.in/yaml/v4"

// This file holds what is normalized by the record alone: arrays by their norm,
// numbers by other numbers of the record, several features by the norm of their
// outputs.

// A Norm is features of which the outputs are divided by their norm.
type Norm struct {
	Features []string
	Norm     string // l1, l2, max, peak, standard
}

var norms = []string{"l1", "l2", "max", "peak", "standard"}

// maxBy is the most names that a ratio may list.
const maxBy = 64

func normKind(n *Norm) kind {
	return object(
		key{name: "features", kind: list(&n.Features, "a list of names of features", "", "", aFeature), required: true,
			doc: "the members: two or more single numbers, in no other norm and no group of `whiten`, and no targets; they keep their names and places"},
		key{name: "norm", kind: choice(&n.Norm, norms), required: true, doc: "what the outputs of a record are divided by, behind the scalers of the members, as with the scaler `normalizer`"},
	)
}

func aFeature(name *string) kind { return anyText(name, "the name of a feature") }

// featureNames is one name, or a list of them.
func featureNames(dst *[]string) kind {
	one := ""
	single := aFeature(&one)
	read := single.scalar
	single.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		*dst = []string{one}
		return hint, ok
	}
	single.write = func() *yaml.Node {
		if len(*dst) != 1 {
			return nil
		}
		return aFeature(&(*dst)[0]).write()
	}
	return either(single, list(dst, "a list of names", "", "", aFeature))
}

// checkAlone refuses what does not go with features that the record alone normalizes,
// and norms that are none.
func (r *reader) checkAlone(c *Config) {
	at := map[string]int{}
	for i := range c.Features {
		at[c.Features[i].Name] = i
	}
	for i := range c.Features {
		switch f, feature := &c.Features[i], element("features", i); f.Scaler.Kind {
		case "normalizer":
			r.checkNormalizer(f, feature)
			r.checkUnlearned(f, feature)
		case "ratio":
			r.checkRatio(c, f, feature, at)
			r.checkUnlearned(f, feature)
		}
	}
	r.checkNorms(c, at)
}

func (r *reader) checkNormalizer(f *Feature, at string) {
	if f.Shape == nil && !r.bad[join(at, "shape")] {
		r.problemAt(join(at, "scaler"), "normalizer divides an array by its own norm; give the feature a shape, or, for several features, write norms: [{features: [...], norm: %s}] at the top", f.Scaler.Norm)
	}
}

// checkUnlearned refuses what would be learned.
func (r *reader) checkUnlearned(f *Feature, at string) {
	if f.Scope != "" {
		r.problemAt(join(at, "scope"), "with the scaler %s nothing is learned that series could share; leave it out", f.Scaler.Kind)
	}
	if f.Impute.Kind == "mean" || f.Impute.Kind == "median" {
		r.problemAt(join(at, "impute"), "%s is a training statistic, but with the scaler %s nothing is learned; write {constant: x}", r.shownAt(join(at, "impute")), f.Scaler.Kind)
	}
}

// checkRatio refuses divisors that are none, and too few or many of them.
func (r *reader) checkRatio(c *Config, f *Feature, feature string, names map[string]int) {
	at, last := join(feature, "by"), 1
	if len(f.Shape) > 0 {
		last = f.Shape[len(f.Shape)-1]
	}
	switch n := len(f.By); {
	case r.bad[at]:
	case n == 0:
		r.problemAt(at, "missing; want the name of the feature that divides it, or, for an array, a list with one for each index of the last axis")
	case n > maxBy:
		r.problemAt(at, "want at most %d names, got %d", maxBy, n)
	case n > 1 && f.Shape == nil:
		r.problemAt(at, "want one name, for one number, got %d", n)
	case n > 1 && n != last:
		r.problemAt(at, "want one name, or %d, one for each index of the last axis, got %d", last, n)
	}
	if f.Per != "" {
		r.problemAt(join(feature, "per"), "with the scaler ratio nothing is shared; leave it out")
	}
	for k, name := range f.By {
		i, known := names[name]
		at := at
		if len(f.By) > 1 {
			at = element(at, k)
		}
		if !known {
			r.unknownFeature(c, at, name)
			continue
		}
		r.checkDivisor(&c.Features[i], at)
	}
}

func (r *reader) checkDivisor(f *Feature, at string) {
	switch {
	case f.Shape != nil:
		r.problemAt(at, "is an array; want a single number of the record")
	case f.Scaler.Kind == "ratio":
		r.problemAt(at, "is a ratio itself; want a feature with another scaler")
	case f.Role == "target":
		r.problemAt(at, "is a target; want what is known before it is predicted")
	}
}

// unknownFeature refuses a name that no feature has.
func (r *reader) unknownFeature(c *Config, at, name string) {
	if name == "" || r.bad[at] {
		return
	}
	list := make([]string, len(c.Features))
	for i := range c.Features {
		list[i] = c.Features[i].Name
	}
	hint := didYouMean(name, list)
	if hint == "" {
		hint = "name it in features, with the scaler none if it is to stay as it is"
	}
	r.problemAt(at, "there is no feature of this name; %s", hint)
}

// checkNorms refuses members that are none, or are members already.
func (r *reader) checkNorms(c *Config, names map[string]int) {
	taken := map[string]string{}
	for i := range c.Whiten {
		for k, name := range c.Whiten[i].Features {
			taken[name] = element(join(element("whiten", i), "features"), k)
		}
	}
	for i := range c.Norms {
		list := join(element("norms", i), "features")
		if n := len(c.Norms[i].Features); !r.bad[list] && (n < 2 || n > maxMembers) {
			r.problemAt(list, "want 2 to %d members, got %d", maxMembers, n)
		}
		for k, name := range c.Norms[i].Features {
			at := element(list, k)
			feature, known := names[name]
			other, twice := taken[name]
			switch {
			case !known:
				r.unknownFeature(c, at, name)
			case twice:
				r.problemAt(at, "is a member already, as %s", other)
			case c.Features[feature].Shape != nil:
				r.problemAt(at, "is an array; want single numbers, or the scaler normalizer for the array itself")
			case c.Features[feature].Role == "target":
				r.problemAt(at, "is a target; its own output is what a model predicts")
			}
			taken[name] = at
		}
	}
}
