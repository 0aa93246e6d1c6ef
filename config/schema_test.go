package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const schemaFile = "testdata/tare.schema.json"

// TestSchema holds the schema as it is published. -update writes it.
func TestSchema(t *testing.T) {
	got := Schema()
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the schema is not that of %s; run go test ./config -update", schemaFile)
	}
}

// TestSchemaKeys holds that the schema has the keys of the tree, described and
// with their defaults, and no others.
func TestSchemaKeys(t *testing.T) {
	want := map[string]string{}
	walk("", keys(Default()), func(path string, k key) { want[path] = k.doc })
	got := map[string]string{}
	properties("", decode(t, Schema()), got)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	f := func(path string, want any) {
		t.Helper()
		n := decode(t, Schema())
		for _, part := range strings.Split(path, ".") {
			n = n["properties"].(map[string]any)[part].(map[string]any)
		}
		if !reflect.DeepEqual(n["default"], want) {
			t.Errorf("the default of %s is %v, want %v", path, n["default"], want)
		}
	}
	f("revision", 1.0)
	f("record.format", "json")
	f("record.limits.value", "1MiB")
	f("cutoff.gap", "0s")
	f("cutoff.max_late", 0.1)
	f("version", nil)
	f("sink", nil)
}

func decode(t testing.TB, data []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// properties collects the description of every property below a schema by path.
func properties(path string, schema map[string]any, all map[string]string) {
	if list, ok := schema["anyOf"].([]any); ok {
		for _, s := range list {
			properties(path, s.(map[string]any), all)
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		properties(path+"[]", items, all)
	}
	m, _ := schema["properties"].(map[string]any)
	for name, s := range m {
		at := join(path, name)
		if strings.HasSuffix(path, ".pre") { // one step, or a list of them
			at = path + "[]." + name
		}
		all[at] = s.(map[string]any)["description"].(string)
		properties(at, s.(map[string]any), all)
	}
}

// TestSchemaAccepts holds that the schema accepts every file that Parse does.
func TestSchemaAccepts(t *testing.T) {
	v := newValidator(t)
	for name, data := range goodFiles(t) {
		if wrong := v.check(fromYAML(t, data)); wrong != "" {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// beyondSchema are the files of testdata/bad that a schema cannot refuse: what
// YAML loses on the way to JSON, what several keys must hold together, what only
// the environment tells, and what numbers and texts no pattern can tell.
const beyondSchema = "testdata/beyond_schema.txt"

// TestSchemaRefuses holds which bad files the schema refuses. -update writes the
// list of those it does not.
func TestSchemaRefuses(t *testing.T) {
	v := newValidator(t)
	var passed []string
	for archive, files := range badFiles(t) {
		for _, f := range files {
			var root any
			if yaml.Load(f.data, &root) != nil {
				continue // no YAML, or two documents
			}
			if v.check(toJSON(root)) == "" {
				passed = append(passed, strings.TrimSuffix(strings.TrimPrefix(archive, "testdata/bad/"), ".txtar")+"/"+f.name)
			}
		}
	}
	slices.Sort(passed)
	got := strings.Join(passed, "\n") + "\n"
	if *update {
		if err := os.WriteFile(beyondSchema, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(beyondSchema)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the schema lets other files pass than %s says:\n%s", beyondSchema, got)
	}
}

func fromYAML(t testing.TB, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Load(data, &v); err != nil {
		t.Fatal(err)
	}
	return toJSON(v)
}

// toJSON turns what the YAML library makes into what encoding/json does.
func toJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, x := range v {
			m[k] = toJSON(x)
		}
		return m
	case map[any]any:
		m := map[string]any{}
		for k, x := range v {
			m[fmt.Sprint(k)] = toJSON(x)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = toJSON(x)
		}
		return list
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case string, bool, float64, nil:
		return v
	case fmt.Stringer: // a time
		text, _ := json.Marshal(v)
		return strings.TrimSuffix(strings.Trim(string(text), `"`), "T00:00:00Z")
	}
	return fmt.Sprint(v)
}

// A validator checks values against the words of draft-07 that Schema uses.
type validator struct{ root map[string]any }

func newValidator(t testing.TB) validator { return validator{decode(t, Schema())} }

// words of a schema that say something about a value, or nothing.
var schemaWords = map[string]bool{
	"$schema": true, "title": true, "description": true, "default": true, "definitions": true,
	"$ref": true, "type": true, "enum": true, "const": true, "not": true, "anyOf": true, "oneOf": true,
	"properties": true, "additionalProperties": true, "propertyNames": true, "required": true, "dependencies": true, "minProperties": true,
	"items": true, "minItems": true, "maxItems": true,
	"pattern": true, "minLength": true, "maxLength": true, "minimum": true, "maximum": true,
}

// check returns what is wrong with v, or nothing.
func (val validator) check(v any) string { return val.is(val.root, v, "") }

func (val validator) is(s map[string]any, v any, at string) string {
	for word := range s {
		if !schemaWords[word] {
			return "the schema has the word " + word
		}
	}
	if ref, ok := s["$ref"].(string); ok {
		return val.is(val.root["definitions"].(map[string]any)[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any), v, at)
	}
	if want, ok := s["type"].(string); ok && want != typeName(v) && !(want == "number" && typeName(v) == "integer") {
		return fmt.Sprintf("%s: want %s, got %v", at, want, v)
	}
	if want, ok := s["enum"].([]any); ok && !slices.Contains(want, v) {
		return fmt.Sprintf("%s: want one of %v, got %v", at, want, v)
	}
	if want, ok := s["const"]; ok && !reflect.DeepEqual(want, v) {
		return fmt.Sprintf("%s: want %v, got %v", at, want, v)
	}
	if not, ok := s["not"].(map[string]any); ok && val.is(not, v, at) == "" {
		return fmt.Sprintf("%s: not %v", at, v)
	}
	for word, n := range map[string]func(int) bool{"anyOf": func(n int) bool { return n > 0 }, "oneOf": func(n int) bool { return n == 1 }} {
		list, ok := s[word].([]any)
		fits := 0
		for _, one := range list {
			if val.is(one.(map[string]any), v, at) == "" {
				fits++
			}
		}
		if ok && !n(fits) {
			return fmt.Sprintf("%s: %d of %s fit %v", at, fits, word, v)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		return val.object(s, v, at)
	case []any:
		return val.array(s, v, at)
	case string:
		return characters(s, v, at)
	case float64:
		lo, isLo := s["minimum"].(float64)
		hi, isHi := s["maximum"].(float64)
		if isLo && v < lo || isHi && v > hi {
			return fmt.Sprintf("%s: %v is out of range", at, v)
		}
	}
	return ""
}

func typeName(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "null"
}

func (val validator) object(s, v map[string]any, at string) string {
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return at + ": missing " + name.(string)
		}
	}
	if n, ok := s["minProperties"].(float64); ok && len(v) < int(n) {
		return at + ": too few keys"
	}
	known, _ := s["properties"].(map[string]any)
	dependencies, _ := s["dependencies"].(map[string]any)
	for name, x := range v {
		own, ok := known[name].(map[string]any)
		if !ok {
			if s["additionalProperties"] == false {
				return join(at, name) + ": unknown"
			}
			own, _ = s["additionalProperties"].(map[string]any)
		}
		if names, ok := s["propertyNames"].(map[string]any); ok && val.is(names, name, at) != "" {
			return join(at, name) + ": not a name here"
		}
		if wrong := val.is(own, x, join(at, name)); wrong != "" {
			return wrong
		}
		switch d := dependencies[name].(type) {
		case []any:
			for _, other := range d {
				if _, ok := v[other.(string)]; !ok {
					return join(at, name) + ": needs " + other.(string)
				}
			}
		case map[string]any:
			if wrong := val.is(d, v, at); wrong != "" {
				return join(at, name) + ": " + wrong
			}
		}
	}
	return ""
}

func (val validator) array(s map[string]any, v []any, at string) string {
	lo, isLo := s["minItems"].(float64)
	hi, isHi := s["maxItems"].(float64)
	if isLo && len(v) < int(lo) || isHi && len(v) > int(hi) {
		return fmt.Sprintf("%s: %d elements", at, len(v))
	}
	items, _ := s["items"].(map[string]any)
	for i, x := range v {
		if wrong := val.is(items, x, element(at, i)); wrong != "" {
			return wrong
		}
	}
	return ""
}

func characters(s map[string]any, v, at string) string {
	n := utf8.RuneCountInString(v)
	lo, isLo := s["minLength"].(float64)
	hi, isHi := s["maxLength"].(float64)
	pattern, isPattern := s["pattern"].(string)
	switch {
	case isLo && n < int(lo), isHi && n > int(hi):
		return fmt.Sprintf("%s: %d characters", at, n)
	case isPattern && !regexp.MustCompile(pattern).MatchString(v):
		return fmt.Sprintf("%s: %q does not match %s", at, v, pattern)
	}
	return ""
}
