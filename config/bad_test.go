package config

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected messages, the schema and the tables of docs/config.md anew")

// canary is a value of the environment that no message may show. It is a valid
// name, path and field.
const canary = "canary7f3a91"

var digitsInBrackets = regexp.MustCompile(`\[[0-9]+\]`)

var testEnv = map[string]string{
	"REV":          "3",
	"EMPTY":        "",
	"CANARY":       canary,
	"CANARY_UPPER": strings.ToUpper(canary),
	"NEAR_REPLACE": "replce",
	"NEAR_TIME":    "2026-03-01 00:00:00Z",
	"NEAR_LAYOUT":  "unix_mss",
	"NEAR_WORD":    "unbound",
	"NEAR_SPLIT":   "{splt}",
	"AVRO":         "avro",
	"ROBUST":       "robust",
	"ZERO":         "zero",
	"BINARY":       "a\xffb",
	"LIST":         "[a, b]",
}

var testFiles = map[string]string{
	"large":   strings.Repeat("x", MaxFile+1),
	"half":    strings.Repeat("x", MaxFile/2),
	"binary":  "\xff",
	"lines":   "plant\n7\n",
	"name":    "from-file\n",
	"windows": "from-windows\r\n",
	"twice":   "two-ends\n\n",
	"pem":     "-----BEGIN PRIVATE KEY-----\nMIIE\n",
}

func getenv(name string) (string, bool) { v, ok := testEnv[name]; return v, ok }

func getfile(path string) ([]byte, error) {
	if s, ok := testFiles[path]; ok {
		return []byte(s), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

// complete appends the required keys that are not in a part of a file.
func complete(part []byte) []byte {
	lines := []string{"version: 1\n", "pipeline: p\n", "features: [a]\n", "cutoff: {end: true}\n"}
	if bytes.Contains(part, []byte("\ninverse: true\n")) {
		lines = lines[:2]
	}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		if !bytes.HasPrefix(part, []byte(name+":")) && !bytes.Contains(part, []byte("\n"+name+":")) {
			part = append(part, line...)
		}
	}
	return part
}

// A badFile is one case of testdata/bad: a whole file, or a part that complete
// makes whole.
type badFile struct {
	name string
	data []byte
	want string
}

// A member is one file of a txtar archive.
type member struct{ name, data string }

// readArchive splits a txtar archive at its lines "-- name --".
func readArchive(t testing.TB, path string) []member {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []member
	for line := range strings.Lines(string(data)) {
		name, head := strings.CutPrefix(strings.TrimSuffix(line, " --\n"), "-- ")
		switch {
		case head:
			list = append(list, member{name: name})
		case len(list) == 0:
			t.Fatalf("%s: a line before the first file", path)
		default:
			list[len(list)-1].data += line
		}
	}
	return list
}

// badFiles reads all cases, by archive.
func badFiles(t testing.TB) map[string][]badFile {
	t.Helper()
	all := map[string][]badFile{}
	archives, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no cases in testdata/bad", err)
	}
	for _, archive := range archives {
		for _, m := range readArchive(t, archive) {
			name, kind, _ := strings.Cut(m.name, ".")
			cases := all[archive]
			switch kind {
			case "yaml":
				cases = append(cases, badFile{m.name, complete([]byte(m.data)), ""})
			case "file":
				cases = append(cases, badFile{m.name, []byte(m.data), ""})
			case "want":
				if last := &cases[len(cases)-1]; strings.HasPrefix(last.name, name+".") {
					last.want = m.data
				}
			}
			all[archive] = cases
		}
	}
	return all
}

// messages are all problems of a file, a line each.
func messages(t testing.TB, name string, data []byte) string {
	t.Helper()
	_, err := Parse(name, data, getenv, getfile)
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

// TestBad holds the messages of every file in testdata/bad. -update writes them.
func TestBad(t *testing.T) {
	n := 0
	for archive, files := range badFiles(t) {
		for _, f := range files {
			n++
			got := messages(t, f.name, f.data)
			if got == "" {
				t.Errorf("%s: %s was accepted", archive, f.name)
			}
			if strings.Contains(strings.ToLower(got), canary) {
				t.Errorf("%s: %s: a message shows a value of the environment:\n%s", archive, f.name, got)
			}
			if strings.Contains(archive, "secrets") && strings.Contains(got, "hunter") {
				t.Errorf("%s: %s: a message shows a part of a password:\n%s", archive, f.name, got)
			}
			if !*update && got != f.want {
				t.Errorf("%s: %s: got\n%swant\n%s", archive, f.name, got, f.want)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d cases, want at least 100", n)
	}
	if *update {
		updateBad(t)
	}
}

func updateBad(t *testing.T) {
	for archive, files := range badFiles(t) {
		var out strings.Builder
		for _, m := range readArchive(t, archive) {
			i := slices.IndexFunc(files, func(f badFile) bool { return f.name == m.name })
			if i < 0 {
				continue
			}
			name, _, _ := strings.Cut(m.name, ".")
			fmt.Fprintf(&out, "-- %s --\n%s-- %s.want --\n%s", m.name, m.data, name, messages(t, m.name, files[i].data))
		}
		if err := os.WriteFile(archive, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBadCoversEveryKey holds that every key of the tree has a message of its
// own in testdata/bad.
func TestBadCoversEveryKey(t *testing.T) {
	var all strings.Builder
	for _, files := range badFiles(t) {
		for _, f := range files {
			all.WriteString(f.want)
		}
	}
	text := digitsInBrackets.ReplaceAllString(all.String(), "[]")
	walk("", keys(Default()), func(path string, _ key) {
		want := ": " + path + ": "
		// pre may be one step or a list of steps; both read the same keys.
		if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "pre[].", "pre.")) {
			t.Errorf("no case in testdata/bad has a message with %q", want)
		}
	})
}
