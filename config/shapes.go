package config

import (
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// object is a mapping of known keys. They are read in the order of the table,
// whatever their order in the file.
func object(keys ...key) kind {
	return kind{
		name:    "a mapping",
		keys:    func() []key { return keys },
		mapping: func(r *reader, path string, n *yaml.Node) { r.object(keys, path, n) },
		write:   func() *yaml.Node { return objectNode(keys) },
		schema:  func() dict { return objectSchema(keys) },
	}
}

// wanted is the name of k, with the keys where it is nothing but a mapping.
func (k kind) wanted() string {
	list := names(keysOf(k))
	if len(list) == 0 || k.scalar != nil || k.sequence != nil {
		return k.name
	}
	word := " with the keys "
	if len(list) == 1 {
		word = " with the key "
	}
	return k.name + word + words("and", list)
}

func keysOf(k kind) []key {
	if k.keys == nil {
		return nil
	}
	return k.keys()
}

func (r *reader) object(keys []key, path string, n *yaml.Node) {
	given := map[string]place{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		r.key(keys, given, path, n.Content[i], n.Content[i+1])
	}
	r.alternatives(keys, given, path, n)
	for _, k := range keys {
		at, is := given[k.name]
		own := join(path, k.name)
		switch {
		case is && r.allowed(keys, k, given, path, at):
			r.read(k.kind, own, at.value)
		case !is && k.required && !r.bad[own] && !replaced(k, given):
			r.problem(own, r.around(path, n), "missing; want %s", k.kind.wanted())
		}
	}
}

// replaced reports whether a key stands that takes the place of k.
func replaced(k key, given map[string]place) bool {
	_, is := given[k.unless]
	return is
}

// key takes one pair of a mapping into given, if it is a key there.
func (r *reader) key(keys []key, given map[string]place, path string, name, n *yaml.Node) {
	if name.Kind != yaml.ScalarNode {
		if name.Kind != 0 {
			r.problem(path, name, "want the name of a key, got %s", shown(name))
		}
		return
	}
	at := join(path, brief(name.Value))
	known := slices.ContainsFunc(keys, func(k key) bool { return k.name == name.Value })
	switch first, twice := given[name.Value]; {
	case name.ShortTag() == "!!merge":
		r.problem(path, name, "a merge key (<<) is not allowed: write the keys out")
	case !known:
		r.problem(at, name, "unknown key; %s", r.suggest(keys, path, name.Value))
	case twice:
		r.problem(at, name, "stands twice, first in line %d", first.key.Line)
	default:
		given[name.Value] = place{name, n}
		r.places[at] = place{name, n}
	}
}

// suggest says what an unknown key may have been: a near miss, which then is not
// reported as missing, or a key that stands elsewhere.
func (r *reader) suggest(keys []key, path, name string) string {
	accepted := names(keys)
	hint := "accepted here: " + strings.Join(accepted, ", ")
	if w, ok := Near(name, accepted); ok {
		r.bad[join(path, w)] = true
		return "did you mean " + w + "? " + hint
	}
	if home := r.home(name); len(home) == 1 {
		return "it belongs at " + home[0] + "; " + hint
	}
	return hint
}

// alternatives reports where not exactly one of a mapping's alternatives stands.
func (r *reader) alternatives(keys []key, given map[string]place, path string, n *yaml.Node) {
	var here []string
	for _, k := range keys {
		_, is := given[k.name]
		switch {
		case k.alternative && r.bad[join(path, k.name)]:
			return // reported by its own
		case k.alternative && is:
			here = append(here, k.name)
		}
	}
	switch all := alternatives(keys); {
	case len(all) == 0 || len(here) == 1:
	case len(here) > 1:
		r.problem(path, given[here[1]].key, "want exactly one of %s; got %s", words("and", all), words("and", here))
	default:
		r.problem(path, r.around(path, n), "want exactly one of %s; got none", words("and", all))
	}
}

func alternatives(keys []key) []string {
	return names(slices.DeleteFunc(slices.Clone(keys), func(k key) bool { return !k.alternative }))
}

// allowed reports whether k may stand beside the other keys given, and if not,
// says why.
func (r *reader) allowed(keys []key, k key, given map[string]place, path string, at place) bool {
	if replaced(k, given) {
		r.problem(join(path, k.name), at.key, "has no place beside %s: the artifact holds it; leave it out", join(path, k.unless))
		return false
	}
	if k.only.key == "" {
		return true
	}
	sister := keys[slices.IndexFunc(keys, func(s key) bool { return s.name == k.only.key })]
	other, is := given[sister.name]
	if k.only.in == nil {
		if !is {
			r.problem(join(path, k.name), at.key, "only works with %s", join(path, sister.name))
		}
		return is
	}
	set := sister.kind.write()
	if r.bad[join(path, sister.name)] || set != nil && slices.Contains(k.only.in, set.Value) {
		return true
	}
	if set == nil {
		r.problem(join(path, k.name), at.key, "belongs to %s %s", sister.name, words("and", k.only.in))
		return false
	}
	value := set.Value
	here := value + " here, " + belongings(keys, sister.name, value)
	if is && isExpression(other.value) {
		here = shown(other.value)
	}
	r.problem(join(path, k.name), at.key, "belongs to %s %s; %s is %s", sister.name, words("and", k.only.in), sister.name, here)
	return false
}

// belongings says which keys go with a value of a sister.
func belongings(keys []key, sister, value string) string {
	var list []string
	for _, k := range keys {
		if k.only.key == sister && slices.Contains(k.only.in, value) {
			list = append(list, k.name)
		}
	}
	if list == nil {
		return "which has no options"
	}
	return "which has " + words("and", list)
}

// around is where the key of path stands, for what is missing in its mapping.
func (r *reader) around(path string, n *yaml.Node) *yaml.Node {
	if at := r.places[path]; at.key != nil {
		return at.key
	}
	return n
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// members yields the keys that are set and may be, with what they hold, in the
// order of the table.
func members(keys []key) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		written := map[string]*yaml.Node{}
		for _, k := range keys {
			on := written[k.only.key]
			if written[k.unless] != nil || k.only.key != "" && (on == nil || k.only.in != nil && !slices.Contains(k.only.in, on.Value)) {
				continue
			}
			v := k.kind.write()
			if v == nil {
				continue
			}
			written[k.name] = v
			if !yield(k.name, v) {
				return
			}
		}
	}
}

// objectNode is the mapping of members, nil without any.
func objectNode(keys []key) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for name, v := range members(keys) {
		n.Content = append(n.Content, scalarNode("!!str", name), v)
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// list is a list of at least one element. Each starts as fresh and is read by
// elem; sample is the element that the documentation describes.
func list[T any](dst *[]T, name string, fresh, sample T, elem func(*T) kind) kind {
	k := kind{
		name: name,
		list: true,
		keys: func() []key { return keysOf(elem(&sample)) },
		sequence: func(r *reader, path string, n *yaml.Node) {
			if len(n.Content) == 0 {
				r.problem(path, n, "want %s, got an empty list", name)
			}
			*dst = make([]T, len(n.Content))
			for i, c := range n.Content {
				(*dst)[i] = fresh
				r.places[element(path, i)] = place{nil, c}
				r.read(elem(&(*dst)[i]), element(path, i), c)
			}
		},
		write: func() *yaml.Node {
			if len(*dst) == 0 {
				return nil
			}
			n := sequenceNode()
			for i := range *dst {
				v := elem(&(*dst)[i]).write()
				if v == nil {
					v = scalarNode("!!str", "")
				}
				n.Content = append(n.Content, v)
			}
			return n
		},
		schema: func() dict {
			return dict{"type": "array", "minItems": 1, "items": elem(&sample).schema()}
		},
	}
	return k
}

// either accepts the scalars of a and the lists and mappings of b. Only one of
// them has something to write.
func either(a, b kind) kind {
	k := b
	k.name, k.scalar = a.name+", or "+b.name, a.scalar
	k.write = func() *yaml.Node {
		if n := a.write(); n != nil {
			return n
		}
		return b.write()
	}
	k.schema = func() dict { return dict{"anyOf": []dict{a.schema(), b.schema()}} }
	return k
}

// variant is k where it is the chosen one of several: choose is called before k
// reads, and k writes only where chosen.
func variant(k kind, choose func(), chosen func() bool) kind {
	v := k
	if k.scalar != nil {
		v.scalar = func(x value) (string, bool) { choose(); return k.scalar(x) }
	}
	if k.sequence != nil {
		v.sequence = func(r *reader, path string, n *yaml.Node) { choose(); k.sequence(r, path, n) }
	}
	if k.mapping != nil {
		v.mapping = func(r *reader, path string, n *yaml.Node) { choose(); k.mapping(r, path, n) }
	}
	v.write = func() *yaml.Node {
		if !chosen() {
			return nil
		}
		return k.write()
	}
	return v
}

// optional is what *dst points to, or nothing. Reading fills *dst, or else fresh,
// and then sets dst.
func optional[T any](dst **T, fresh T, of func(*T) kind) kind {
	p := *dst
	if p == nil {
		p = &fresh
	}
	return variant(of(p), func() { *dst = p }, func() bool { return *dst != nil })
}

// filled is a mapping that holds at least one of its keys.
func filled(k kind) kind {
	read, schema := k.mapping, k.schema
	k.mapping = func(r *reader, path string, n *yaml.Node) {
		if len(n.Content) == 0 {
			r.problem(path, n, "want at least one of %s; got none", words("and", names(keysOf(k))))
		}
		read(r, path, n)
	}
	k.schema = func() dict {
		d := schema()
		d["minProperties"] = 1
		return d
	}
	return k
}

// home lists the paths of the keys whose last part is name.
func (r *reader) home(name string) []string {
	if r.homes == nil {
		r.homes = homes()
	}
	return r.homes[name]
}

// homes lists the paths of every key by its last part.
func homes() map[string][]string {
	m := map[string][]string{}
	walk("", keys(Default()), func(path string, k key) {
		m[k.name] = append(m[k.name], path)
	})
	return m
}

// walk visits all keys in the order of the table. [] stands for the elements of a
// list.
func walk(path string, keys []key, visit func(path string, k key)) {
	for _, k := range keys {
		at := join(path, k.name)
		visit(at, k)
		if k.kind.list {
			at += "[]"
		}
		walk(at, keysOf(k.kind), visit)
	}
}
