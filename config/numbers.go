package config

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Bounds of integers: what fits a partition or a count on every machine, and
// what every reader of JSON holds exactly.
const (
	maxInt32 = math.MaxInt32
	maxCount = 1 << 53
)

// integer is a whole number from lo to hi; where 0 is not among them it is none.
func integer[T int | int64](dst *T, lo, hi int64) kind {
	return kind{
		name: integerName(lo, hi),
		scalar: func(v value) (string, bool) {
			x, hint, ok := wholeNumber(v)
			if !ok || x < lo || x > hi {
				return hint, false
			}
			*dst = T(x)
			return "", true
		},
		write: func() *yaml.Node {
			if *dst == 0 && lo > 0 {
				return nil
			}
			return scalarNode("!!int", strconv.FormatInt(int64(*dst), 10))
		},
		schema: func() dict {
			if lo == hi {
				return orExpression(dict{"const": lo})
			}
			return orExpression(dict{"type": "integer", "minimum": lo, "maximum": hi})
		},
	}
}

func integerName(lo, hi int64) string {
	if lo == hi {
		return strconv.FormatInt(lo, 10)
	}
	return "an integer from " + strconv.FormatInt(lo, 10) + " to " + strconv.FormatInt(hi, 10)
}

const noQuotes = "write it without quotes"

func wholeNumber(v value) (x int64, hint string, ok bool) {
	x, ok = digits(strings.TrimPrefix(v.text, "-"))
	if ok && !v.bare() {
		return 0, noQuotes, false
	}
	if strings.HasPrefix(v.text, "-") {
		x = -x
	}
	return x, "", ok
}

var decimal = regexp.MustCompile(`^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

func realNumber(v value) (x float64, hint string, ok bool) {
	if !decimal.MatchString(v.text) {
		return 0, "", false
	}
	if !v.bare() {
		return 0, noQuotes, false
	}
	x, err := strconv.ParseFloat(v.text, 64)
	return x + 0, "", err == nil // -0 becomes 0
}

// number is a finite number from lo to hi.
func number(dst *float64, lo, hi float64) kind {
	k := kind{
		name: "a number",
		scalar: func(v value) (string, bool) {
			x, hint, ok := realNumber(v)
			if !ok || x < lo || x > hi {
				return hint, false
			}
			*dst = x
			return "", true
		},
		write:  func() *yaml.Node { return numberNode(*dst) },
		schema: func() dict { return orExpression(dict{"type": "number"}) },
	}
	if lo > -math.MaxFloat64 || hi < math.MaxFloat64 {
		k.name += " from " + formatNumber(lo) + " to " + formatNumber(hi)
		k.schema = func() dict { return orExpression(dict{"type": "number", "minimum": lo, "maximum": hi}) }
	}
	return k
}

func numberNode(x float64) *yaml.Node {
	text := formatNumber(x)
	if strings.ContainsAny(text, ".e") {
		return scalarNode("!!float", text)
	}
	return scalarNode("!!int", text)
}

// formatNumber writes the shortest text that reads back as x.
func formatNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// factor is a number that can be divided by.
func factor(dst *float64) kind {
	k := number(dst, -math.MaxFloat64, math.MaxFloat64)
	k.name = "a number other than 0"
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		return hint, ok && *dst != 0
	}
	k.schema = func() dict { return orExpression(dict{"type": "number", "not": dict{"const": 0}}) }
	return k
}

// positive is a number above 0.
func positive(dst *float64) kind {
	k := number(dst, 0, maxMagnitude)
	k.name = "a number above 0, up to " + formatNumber(maxMagnitude)
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		return hint, ok && *dst > 0
	}
	k.schema = func() dict {
		return orExpression(dict{"type": "number", "minimum": 0, "maximum": maxMagnitude, "not": dict{"const": 0}})
	}
	return k
}

// numbers is one number, or a list of them.
func numbers(dst *[]float64, of func(*float64) kind) kind {
	var x float64
	one := of(&x)
	single := one
	single.scalar = func(v value) (string, bool) {
		hint, ok := one.scalar(v)
		if ok {
			*dst = []float64{x}
		}
		return hint, ok
	}
	single.write = func() *yaml.Node {
		if len(*dst) != 1 {
			return nil
		}
		return numberNode((*dst)[0])
	}
	return either(single, list(dst, "a list of numbers", 0, 0, of))
}

// bound is a number or nothing.
func bound(dst **float64, limit float64) kind {
	var x float64
	k := number(&x, -limit, limit)
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		if ok {
			*dst = &x
		}
		return hint, ok
	}
	k.write = func() *yaml.Node {
		if *dst == nil {
			return nil
		}
		return numberNode(**dst)
	}
	return k
}

// pair is a list of two numbers in order, such as [0, 1].
func pair(dst **[2]float64, name string, ok func(a, b float64) bool) kind {
	var k kind
	k = kind{
		name: name,
		list: true,
		sequence: func(r *reader, path string, n *yaml.Node) {
			var p [2]float64
			if len(n.Content) != 2 {
				r.want(k, path, n, "it has "+strconv.Itoa(len(n.Content))+" elements")
				return
			}
			for i, c := range n.Content {
				at := element(path, i)
				if r.read(number(&p[i], -math.MaxFloat64, math.MaxFloat64), at, c); r.bad[at] {
					r.bad[path] = true
				}
			}
			if r.bad[path] {
				return
			}
			if !ok(p[0], p[1]) {
				r.problem(path, n, "want %s, got [%s, %s]", name, shown(n.Content[0]), shown(n.Content[1]))
				return
			}
			*dst = &p
		},
		write: func() *yaml.Node {
			if *dst == nil {
				return nil
			}
			return sequenceNode(numberNode((*dst)[0]), numberNode((*dst)[1]))
		},
		schema: func() dict {
			return dict{"type": "array", "items": orExpression(dict{"type": "number"}), "minItems": 2, "maxItems": 2}
		},
	}
	return k
}

func sequenceNode(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: content}
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// offsets is a mapping of partitions to offsets.
func offsets(dst *map[int32]int64) kind {
	const name = "a mapping of partitions to offsets such as {0: 42, 1: 17}"
	k := kind{
		name: name,
		mapping: func(r *reader, path string, n *yaml.Node) {
			m := map[int32]int64{}
			if len(n.Content) == 0 {
				r.problem(path, n, "want %s, got none", name)
			}
			for i := 0; i+1 < len(n.Content); i += 2 {
				readOffset(r, path, n.Content[i], n.Content[i+1], m)
			}
			*dst = m
		},
		write: func() *yaml.Node { return offsetsNode(*dst) },
		schema: func() dict {
			return dict{
				"type": "object", "minProperties": 1,
				"propertyNames":        dict{"pattern": `^(0|[1-9][0-9]*)$`},
				"additionalProperties": orExpression(dict{"type": "integer", "minimum": 0}),
			}
		},
	}
	return k
}

func readOffset(r *reader, path string, name, n *yaml.Node, m map[int32]int64) {
	p, ok := digits(name.Value)
	if !ok || p > maxInt32 || name.Kind != yaml.ScalarNode {
		r.problem(path, name, "want a partition such as 0, got %s", shown(name))
		return
	}
	at := path + "." + name.Value
	r.places[at] = place{name, n}
	if _, twice := m[int32(p)]; twice {
		r.problem(at, name, "stands twice")
	}
	var offset int64
	r.read(integer(&offset, 0, math.MaxInt64), at, n)
	m[int32(p)] = offset
}

func offsetsNode(m map[int32]int64) *yaml.Node {
	if len(m) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	partitions := make([]int32, 0, len(m))
	for p := range m {
		partitions = append(partitions, p)
	}
	slices.Sort(partitions)
	for _, p := range partitions {
		n.Content = append(n.Content,
			scalarNode("!!int", strconv.FormatInt(int64(p), 10)),
			scalarNode("!!int", strconv.FormatInt(m[p], 10)))
	}
	return n
}

// maxSize is the largest size, in bytes.
const maxSize = 1 << 30

// size is a number of bytes.
func size(dst *int) kind {
	return kind{
		name: "a size from 1 to 1GiB, such as 65536, 64KiB or 1MiB",
		scalar: func(v value) (string, bool) {
			n, err := ParseSize(v.text)
			if err == nil && n >= 1 && n <= maxSize {
				*dst = int(n)
				_, whole := digits(v.text)
				return noQuotes, !whole || v.bare()
			}
			return "", false
		},
		write: func() *yaml.Node {
			if s := formatSize(int64(*dst)); s[len(s)-1] == 'B' {
				return scalarNode("!!str", s)
			}
			return scalarNode("!!int", strconv.Itoa(*dst))
		},
		schema: func() dict {
			return dict{"anyOf": []dict{
				{"type": "integer", "minimum": 1, "maximum": maxSize},
				{"type": "string", "pattern": `^[1-9][0-9]*(B|KiB|MiB|GiB)$`},
				expression(),
			}}
		},
	}
}

// errSize never holds the text that was refused.
var errSize = errors.New("want a size such as 65536, 64KiB or 1MiB")

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseSize reads a number of bytes, such as 65536, 64KiB or 1MiB.
func ParseSize(s string) (int64, error) {
	unit := int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = n, u.bytes
			break
		}
	}
	n, ok := digits(s)
	if !ok || n > math.MaxInt64/unit {
		return 0, errSize
	}
	return n * unit, nil
}

// digits reads a whole number without sign and leading zeros.
func digits(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if u.bytes > 1 && n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
