package config

import (
	"bytes"
	"encoding/json"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Schema returns the JSON Schema (draft-07) of configuration files, for editors:
// exactly the keys that Parse accepts. What several keys must hold together only
// Parse checks in full.
func Schema() []byte {
	d := objectSchema(keys(Default()))
	d["$schema"] = "http://json-schema.org/draft-07/schema#"
	d["title"] = "tare configuration, version 1"
	d["definitions"] = dict{"expression": dict{
		"description": expressions,
		"type":        "string",
		"pattern":     `\$\{[^}]+\}`,
	}}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil // a dict holds nothing that JSON cannot
	}
	return b.Bytes()
}

func objectSchema(keys []key) dict {
	properties, dependencies := dict{}, dict{}
	required := []string{}
	replaced := map[string][]key{}
	for _, k := range keys {
		properties[k.name] = keySchema(k)
		if k.unless != "" {
			replaced[k.unless] = append(replaced[k.unless], k)
		} else if k.required {
			required = append(required, k.name)
		}
		if k.only.key != "" {
			dependencies[k.name] = k.only.schema(keys)
		}
	}
	d := dict{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		d["required"] = required
	}
	if len(dependencies) > 0 {
		d["dependencies"] = dependencies
	}
	for sister, list := range replaced {
		d["oneOf"] = eitherSchema(sister, list)
	}
	if one := alternatives(keys); len(one) > 0 {
		var list []dict
		for _, name := range one {
			list = append(list, dict{"required": []string{name}})
		}
		d["oneOf"] = list
	}
	return d
}

// eitherSchema says that a key takes the place of others, of which some are
// required without it.
func eitherSchema(sister string, others []key) []dict {
	needs := func(name string) dict { return dict{"required": []string{name}} }
	var none []dict
	required := []string{}
	for _, k := range others {
		none = append(none, needs(k.name))
		if k.required {
			required = append(required, k.name)
		}
	}
	return []dict{
		{"required": []string{sister}, "not": dict{"anyOf": none}},
		{"required": required, "not": needs(sister)},
	}
}

func keySchema(k key) dict {
	d := k.kind.schema()
	d["description"] = k.doc
	if n := k.kind.write(); n != nil && n.Kind != yaml.MappingNode && !k.required {
		var v any
		if n.Load(&v) == nil {
			d["default"] = v
		}
	}
	return d
}

// schema says in JSON Schema what a sister asks of the mapping of keys.
func (s sister) schema(keys []key) any {
	if s.in == nil {
		return []string{s.key}
	}
	d := dict{"properties": dict{s.key: orExpression(dict{"enum": s.in})}}
	for _, k := range keys {
		if k.name == s.key && !slices.Contains(s.in, k.kind.write().Value) {
			d["required"] = []string{s.key}
		}
	}
	return d
}

// orExpression is d, or a text with an expression.
func orExpression(d dict) dict { return dict{"anyOf": []dict{d, expression()}} }

func expression() dict { return dict{"$ref": "#/definitions/expression"} }
