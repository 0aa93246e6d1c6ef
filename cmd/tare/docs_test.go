package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tare/config"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(version: .*?)```")

// TestDocumentedConfigs puts every whole configuration of the documentation
// through lint.
func TestDocumentedConfigs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md") {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range yamlBlock.FindAllSubmatch(data, -1) {
			c, err := config.Parse(page, block[1], nil, nil)
			if err != nil {
				t.Error(err)
				continue
			}
			if err := planOf(c).Validate(); err != nil && !c.Inverse {
				t.Errorf("%s: %v", page, err)
			}
			found++
		}
	}
	if found == 0 {
		t.Error("the documentation shows no configuration")
	}
}

// TestReadmeNamesEveryVerb holds the README's table against the verbs.
func TestReadmeNamesEveryVerb(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{}
	for _, cmd := range a.root().Commands() {
		if name := cmd.Name(); !bytes.Contains(readme, []byte("tare "+name)) {
			t.Errorf("README.md does not mention tare %s", name)
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("tare %s: short help %q", cmd.Name(), cmd.Short)
		}
	}
}
