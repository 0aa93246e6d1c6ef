package config

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Secret is a text that is not printed: package fmt, slog, JSON and YAML all
// get ***. Reveal alone gives the text. Beyond these methods are a Secret in an
// unexported field of a struct that is printed as a whole, one that is the key of
// a map in JSON, and the verbs %p and %w, which vet refuses.
type Secret string

const hidden = "***"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns ***.
func (s Secret) String() string { return hidden }

// GoString returns ***.
func (s Secret) GoString() string { return hidden }

// Format writes *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue returns ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns ***, for YAML and every other encoding of texts.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON returns "***".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// secret is a text of one line that no message shows. It is written as ***,
// which is refused when it is read.
func secret(dst *Secret) kind {
	k := text((*string)(dst), "a password of one line", func(v value) (string, bool) {
		if v.text == hidden {
			return "*** stands for a password that was not written out; write ${NAME} or ${file:path}", false
		}
		return "", !strings.ContainsAny(v.text, "\x00\r\n")
	})
	k.write = func() *yaml.Node {
		if *dst == "" {
			return nil
		}
		return scalarNode("!!str", hidden)
	}
	return k
}

// passwordKey is the last part of the path of every key that holds a Secret.
const passwordKey = "password"

// elsewhere matches a password of which nothing stands in the file.
var elsewhere = regexp.MustCompile(`^(\$\{(file:[^}]+|[A-Za-z_][A-Za-z0-9_]*(:-|:\?[^}]*)?)\})*$`)

func isPEM(s string) bool { return strings.Contains(s, "-----BEGIN ") }

// hide covers what no message may show: all that stands in the place of a
// password, and keys in PEM. Of a password without quotes in braces a comma cuts
// off a part, which becomes a key that is not known.
func (r *reader) hide(n *yaml.Node, within bool) {
	if within || isPEM(n.Value) {
		r.cover(n)
	}
	isPassword, seen := false, false
	for i, c := range n.Content {
		name := n.Kind == yaml.MappingNode && i%2 == 0
		if !name {
			r.hide(c, within || isPassword)
			continue
		}
		isPassword = c.Value == passwordKey
		r.hide(c, within || seen && n.Style&yaml.FlowStyle != 0 && r.home(c.Value) == nil)
		seen = seen || isPassword
	}
}

// cover puts *** in the place of what stands at n.
func (r *reader) cover(n *yaml.Node) {
	if !isNull(n) && n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode && !elsewhere.MatchString(n.Value) {
		r.covered[n], n.Value = n.Value, hidden
	}
	if n.Anchor != "" {
		n.Anchor = hidden
	}
	if n.Style&yaml.TaggedStyle != 0 {
		n.Tag = "!" + hidden
	}
}

// written is the text that stands in the file at n.
func (r *reader) written(n *yaml.Node) string {
	if text, ok := r.covered[n]; ok {
		return text
	}
	return n.Value
}
