package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const docsFile = "../docs/config.md"

// docsBlock finds what is written from the tree of keys.
var docsBlock = regexp.MustCompile(`(?s)(<!-- keys: .* -->\n)(.*)(<!-- end of keys -->\n)`)

// TestDocs holds the tables of docs/config.md against the tree of keys: a row
// for every key, with its type, its default and its meaning. -update writes them.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	found := docsBlock.FindSubmatch(data)
	if found == nil {
		t.Fatalf("%s has no place for the keys", docsFile)
	}
	want := docsKeys()
	if *update {
		data = docsBlock.ReplaceAllLiteral(data, []byte(string(found[1])+want+string(found[3])))
		if err := os.WriteFile(docsFile, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := string(found[2]); got != want {
		t.Errorf("%s is not what the tree of keys says; run go test ./config -update. Got\n%s\nwant\n%s", docsFile, got, want)
	}
}

func docsKeys() string {
	var b strings.Builder
	b.WriteString("\n" + docsHead)
	for _, k := range keys(Default()) {
		b.WriteString(docsRow(k.name, k, nil))
	}
	for _, top := range keys(Default()) {
		list := keysOf(top.kind)
		if list == nil {
			continue
		}
		path := top.name
		if top.kind.list {
			path += "[]"
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s", path, docsHead)
		docsRows(&b, path, list)
	}
	return b.String() + "\n"
}

const docsHead = "| key | type | default | meaning |\n|---|---|---|---|\n"

func docsRows(b *strings.Builder, path string, list []key) {
	for _, k := range list {
		at := join(path, k.name)
		b.WriteString(docsRow(at, k, list))
		if k.kind.list {
			at += "[]"
		}
		docsRows(b, at, keysOf(k.kind))
	}
}

func docsRow(path string, k key, sisters []key) string {
	meaning := k.doc
	if k.only.in != nil {
		meaning += fmt.Sprintf(" (%s %s only)", k.only.key, words("and", k.only.in))
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", path, escape(k.kind.name), escape(docsDefault(k, sisters)), escape(meaning))
}

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func docsDefault(k key, sisters []key) string {
	n := k.kind.write()
	switch {
	case k.required && k.unless != "":
		return "required without `" + k.unless + "`"
	case k.required:
		return "required"
	case k.alternative:
		return "one of " + words("and", alternatives(sisters))
	case k.def != "":
		return k.def
	case n == nil || n.Kind == yaml.MappingNode:
		return ""
	}
	text, err := yaml.Dump(n, yaml.WithLineWidth(-1))
	if err != nil {
		return err.Error()
	}
	return "`" + strings.TrimSpace(string(text)) + "`"
}

var fence = regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n")

// TestDocsExamples parses every YAML example of docs/config.md; one that is a
// part of a file is made whole.
func TestDocsExamples(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	examples := fence.FindAllSubmatch(data, -1)
	if len(examples) < 5 {
		t.Fatalf("%d examples in %s", len(examples), docsFile)
	}
	secrets := func(string) ([]byte, error) { return []byte("x\n"), nil }
	for i, e := range examples {
		if _, err := Parse(fmt.Sprintf("example %d", i+1), complete(e[1]), nil, secrets); err != nil {
			t.Errorf("%v\nin\n%s", err, e[1])
		}
	}
	if files := string(examples[1][1]); strings.Count(files, "\n") != 6 {
		t.Errorf("the shortest configuration of files has %d lines", strings.Count(files, "\n"))
	}
}
