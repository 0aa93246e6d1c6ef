package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A kind is a type of value bound to the place in a Config where it goes: how
// it is called, read, written and described. A kind accepts those forms for
// which it has a function.
type kind struct {
	name     string // in messages and in the documentation: "an integer from 1 to 10"
	scalar   func(v value) (hint string, ok bool)
	sequence func(r *reader, path string, n *yaml.Node)
	mapping  func(r *reader, path string, n *yaml.Node)
	write    func() *yaml.Node // what is set; nil if nothing is
	schema   func() dict
	keys     func() []key // of the mapping, or of the mappings in the list
	list     bool
}

// A key is one key of a mapping.
type key struct {
	name string
	kind kind
	doc  string // its meaning, for the documentation and the schema
	def  string // what stands in for a default that is not a value, in words

	required    bool
	alternative bool   // exactly one of a mapping's alternatives must be given
	only        sister // where it is allowed
	unless      string // another key of the mapping that takes its place: there it is neither required nor allowed
}

// A sister is another key of the same mapping that must be given, or must have
// one of some values.
type sister struct {
	key string
	in  []string
}

// A dict is a part of a JSON Schema.
type dict map[string]any

func names(keys []key) []string {
	var list []string
	for _, k := range keys {
		list = append(list, k.name)
	}
	return list
}

func scalarNode(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

// text is a text other than the empty one that the rule accepts.
func text(dst *string, name string, rule func(v value) (hint string, ok bool)) kind {
	return kind{
		name: name,
		scalar: func(v value) (string, bool) {
			if !v.isText() {
				return `write it in quotes: "` + brief(v.node.Value) + `"`, false
			}
			if v.text == "" {
				return "", false
			}
			hint, ok := rule(v)
			if ok {
				*dst = v.text
			}
			return hint, ok
		},
		write: func() *yaml.Node {
			if *dst == "" {
				return nil
			}
			return scalarNode("!!str", escapeDollars(*dst))
		},
		schema: func() dict { return dict{"type": "string", "minLength": 1} },
	}
}

// escapeDollars writes what expand reads as s.
func escapeDollars(s string) string {
	return dollars.ReplaceAllStringFunc(s, func(m string) string { return strings.ReplaceAll(m, "$", "$$") })
}

// dollars are those that expand does not take as they are.
var dollars = regexp.MustCompile(`\$\$+\{?|\$\{`)

func anyText(dst *string, name string) kind {
	return text(dst, name, func(value) (string, bool) { return "", true })
}

// fileName is a text that can name a file.
func fileName(dst *string, name string) kind {
	return text(dst, name, func(v value) (string, bool) {
		return "no path holds the character U+0000", !strings.ContainsRune(v.text, 0)
	})
}

// pemFile is the path of a file in PEM, never its content.
func pemFile(dst *string) kind {
	return text(dst, "the path of a PEM file", func(v value) (string, bool) {
		if isPEM(v.text) {
			return "it is the content of one; write where that file is", false
		}
		return "no path holds the character U+0000", !strings.ContainsRune(v.text, 0)
	})
}

// matching is text of one form.
func matching(dst *string, name, pattern string, most int) kind {
	form := regexp.MustCompile(pattern)
	k := text(dst, name, func(v value) (string, bool) {
		return "", len(v.text) <= most && form.MatchString(v.text)
	})
	k.schema = func() dict {
		return orExpression(dict{"type": "string", "pattern": pattern, "maxLength": most})
	}
	return k
}

// choice is one of a few words. Those in later are known to come.
func choice(dst *string, accepted []string, later ...string) kind {
	return kind{
		name: words("or", accepted),
		scalar: func(v value) (string, bool) {
			if slices.Contains(accepted, v.text) && v.isText() {
				*dst = v.text
				return "", true
			}
			switch {
			case v.expanded:
				return "", false
			case slices.Contains(later, v.text):
				return v.text + " is not supported by this version", false
			}
			return didYouMean(v.text, accepted), false
		},
		write: func() *yaml.Node {
			if *dst == "" {
				return nil
			}
			return scalarNode("!!str", *dst)
		},
		schema: func() dict { return orExpression(dict{"type": "string", "enum": accepted}) },
	}
}

func didYouMean(word string, among []string) string {
	if w, ok := Near(word, among); ok {
		return "did you mean " + w + "?"
	}
	return ""
}

// boolean is true or false and nothing else.
func boolean(dst *bool) kind {
	return kind{
		name: "true or false",
		scalar: func(v value) (string, bool) {
			ok := v.bare() && (v.text == "true" || v.text == "false")
			if ok {
				*dst = v.text == "true"
			}
			return "", ok
		},
		write:  func() *yaml.Node { return scalarNode("!!bool", strconv.FormatBool(*dst)) },
		schema: func() dict { return orExpression(dict{"type": "boolean"}) },
	}
}

// yes is true or left out.
func yes(dst *bool) kind {
	k := boolean(dst)
	k.name = "true"
	read, write := k.scalar, k.write
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		return hint, ok && *dst
	}
	k.write = func() *yaml.Node {
		if !*dst {
			return nil
		}
		return write()
	}
	k.schema = func() dict { return orExpression(dict{"const": true}) }
	return k
}
