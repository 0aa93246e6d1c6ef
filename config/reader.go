package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// A reader turns the nodes of one file into values and keeps what is wrong.
type reader struct {
	name     string
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)
	files    map[string]file // read so far
	room     int             // bytes that expressions may still add

	found    []Problem
	warnings []Problem
	covered  map[*yaml.Node]string // what stands in the file at nodes that cover has changed

	places map[string]place    // by the path of a key or list element
	bad    map[string]bool     // paths with problems
	homes  map[string][]string // the paths of every key, by its last part; made when needed
}

// A place is where a key and its value stand; a list element has no key.
type place struct{ key, value *yaml.Node }

func newReader(name string, env func(string) (string, bool), readFile func(string) ([]byte, error)) *reader {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	if readFile == nil {
		readFile = func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	}
	return &reader{
		name: name, env: env, readFile: readFile,
		files: map[string]file{}, room: MaxFile,
		covered: map[*yaml.Node]string{}, places: map[string]place{}, bad: map[string]bool{},
	}
}

// problem reports what is wrong at n with the value of path.
func (r *reader) problem(path string, n *yaml.Node, format string, args ...any) {
	r.bad[path] = true
	if path == "" {
		path = "configuration"
	}
	r.found = append(r.found, Problem{r.name, n.Line, n.Column, path + ": " + fmt.Sprintf(format, args...)})
}

// problemAt is problem at the value of path, or at the closest key around it
// that stands in the file.
func (r *reader) problemAt(path, format string, args ...any) {
	n := &yaml.Node{Line: 1, Column: 1}
	for p := path; p != ""; p = parent(p) {
		if at, ok := r.places[p]; ok {
			n = at.value
			if p != path && at.key != nil {
				n = at.key
			}
			break
		}
	}
	r.problem(path, n, format, args...)
}

// parent cuts the last part off a path.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// has reports whether the key of path stands in the file.
func (r *reader) has(path string) bool {
	_, ok := r.places[path]
	return ok
}

// No key needs a nesting as deep as maxDepth.
const (
	maxDepth = 32
	tooDeep  = "nested more than 32 deep"
)

type limits struct{}

func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		return errors.New(tooDeep)
	}
	return nil
}

// CheckAlias accepts: aliases are never followed, and refused by document.
func (limits) CheckAlias(_, _ int) error { return nil }

// document parses the one document of a file and returns its root, or nil after
// an error of syntax.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxFile {
		r.found = append(r.found, Problem{File: r.name, Message: fmt.Sprintf("larger than %s", formatSize(MaxFile))})
		return nil
	}
	if !r.checkText(data) {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(limits{}))
	if err != nil {
		r.syntax(data, err)
		return nil
	}
	var doc, next yaml.Node
	if err := loader.Load(&doc); err == io.EOF {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	} else if err != nil {
		r.syntax(data, err)
		return nil
	}
	if err := loader.Load(&next); err == nil {
		r.found = append(r.found, Problem{r.name, next.Line, next.Column, "a second YAML document: a configuration is one"})
	} else if err != io.EOF {
		r.syntax(data, err)
	}
	root := doc.Content[0]
	r.hide(root, false)
	r.refuse(root)
	return root
}

// checkText finds the first character that YAML does not allow; the parser
// would refuse it without saying where.
func (r *reader) checkText(data []byte) bool {
	line, col := 1, 1
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		message := ""
		switch {
		case c == utf8.RuneError && size == 1:
			message = fmt.Sprintf("byte %#02x is not UTF-8", data[i])
		case unicode.IsControl(c) && c != '\t' && c != '\n' && c != '\r' && c != '\u0085', c == '\ufffe', c == '\uffff':
			message = fmt.Sprintf("character %U is not allowed", c)
		}
		if message != "" {
			r.found = append(r.found, Problem{r.name, line, col, message})
			return false
		}
		i += size
		col++
		if c == '\n' {
			line, col = line+1, 1
		}
	}
	return true
}

// syntax reports an error of the YAML parser, which stops at its first.
func (r *reader) syntax(data []byte, err error) {
	p := Problem{File: r.name, Message: "YAML: " + err.Error()}
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		p.Line, p.Col, p.Message = e.Mark.Line, e.Mark.Column, "YAML: "+e.Message
		if strings.HasPrefix(e.Message, "unknown anchor") { // it may be a password
			p.Message = "YAML: an alias without its anchor; a text that starts with * needs quotes"
		}
		if e.ContextMark.Line > 0 && e.ContextMark != e.Mark && e.Message != tooDeep {
			p.Message += fmt.Sprintf(" (%s that starts at %d:%d)", e.ContextMsg, e.ContextMark.Line, e.ContextMark.Column)
		}
	}
	lines := bytes.Split(data, []byte("\n"))
	switch {
	case p.Line < 1 || p.Line > len(lines):
	case bytes.Contains(lines[p.Line-1], []byte("${")):
		p.Message += `; inside [ ] and { } an expression needs quotes: "${NAME}"`
	case inBraces.Match(lines[p.Line-1]):
		p.Message += `; inside [ ] and { } a topic with {split} or {revision} needs quotes: "name.{split}"`
	}
	r.found = append(r.found, p)
}

// refuse reports what YAML has and a configuration does not. It sets the kind of
// nodes whose value is lost by that to 0.
func (r *reader) refuse(n *yaml.Node) {
	what := ""
	switch {
	case n.Kind == yaml.AliasNode:
		what = "an alias (*" + brief(n.Value) + ") is not allowed: write the value out"
	case n.Anchor != "":
		what = "an anchor (&" + brief(n.Anchor) + ") is not allowed: write the value out where it is needed"
	case n.Style&yaml.TaggedStyle != 0:
		what = "a tag (" + brief(n.ShortTag()) + ") is not allowed: the key decides the type"
	}
	if what != "" {
		r.found = append(r.found, Problem{r.name, n.Line, n.Column, what})
		if n.Kind == yaml.AliasNode || n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle != 0 {
			n.Kind = 0
		}
	}
	for _, c := range n.Content {
		r.refuse(c)
	}
}

// read reads n, the value of path, as k.
func (r *reader) read(k kind, path string, n *yaml.Node) {
	switch {
	case n.Kind == 0: // refused
		r.bad[path] = true
	case n.Kind == yaml.ScalarNode && !isNull(n) && k.scalar != nil:
		if v, ok := r.value(path, n); ok {
			if hint, ok := k.scalar(v); !ok {
				r.want(k, path, n, hint)
			}
		}
	case n.Kind == yaml.SequenceNode && k.sequence != nil:
		k.sequence(r, path, n)
	case n.Kind == yaml.MappingNode && k.mapping != nil:
		k.mapping(r, path, n)
	default:
		r.want(k, path, n, "")
	}
}

// want reports a value that is not what k accepts.
func (r *reader) want(k kind, path string, n *yaml.Node, hint string) {
	if hint != "" {
		hint = "; " + hint
	}
	r.problem(path, n, "want %s, got %s%s", k.wanted(), shown(n), hint)
}

// A value is a scalar with its expressions replaced.
type value struct {
	text     string
	node     *yaml.Node
	expanded bool // the text holds something that does not stand in the file: never print it
}

func (r *reader) value(path string, n *yaml.Node) (value, bool) {
	text, expanded, ok := r.expand(path, n)
	if ok && !utf8.ValidString(text) {
		r.problem(path, n, "%s is not UTF-8", shown(n))
		return value{}, false
	}
	return value{text, n, expanded}, ok
}

// bare reports whether the value can be a number or a boolean: it has no quotes,
// or comes from an expression, which may need them.
func (v value) bare() bool { return v.expanded || isPlain(v.node) }

// isText reports whether the value can be a text: YAML would read it as one, or
// as a time, whose text is kept.
func (v value) isText() bool {
	tag := v.node.ShortTag()
	return !isPlain(v.node) || tag == "!!str" || tag == "!!timestamp"
}

func isPlain(n *yaml.Node) bool {
	return n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

func isNull(n *yaml.Node) bool { return isPlain(n) && n.ShortTag() == "!!null" }

// shown is n as a message shows it: as it stands in the file.
func shown(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n) && n.Value == "":
		return "nothing"
	case isExpression(n):
		return "the value of " + brief(n.Value)
	case !isPlain(n):
		return `"` + brief(n.Value) + `"`
	}
	return brief(n.Value)
}

// isExpression reports whether n may hold what does not stand in the file.
func isExpression(n *yaml.Node) bool {
	return strings.Contains(strings.ReplaceAll(n.Value, "$$", ""), "${")
}

// brief cuts a long text and escapes what does not print.
func brief(s string) string {
	const most = 80
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	for _, c := range s {
		if !unicode.IsPrint(c) {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}
