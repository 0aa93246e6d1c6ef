package config

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The forms of an expression. None nests: a default ends at the first }.
const expressions = "${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:path}"

var variable = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(:[-?])?`)

// expand replaces the expressions in a scalar. $$ is a dollar sign, and so is a
// $ before anything but $ and {. changed reports whether the text now holds
// something that does not stand in the file.
func (r *reader) expand(path string, n *yaml.Node) (text string, changed, ok bool) {
	var b strings.Builder
	rest := r.written(n)
	ok = true
	for {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String(), changed, ok
		}
		if !strings.HasPrefix(after, "{") {
			b.WriteByte('$')
			rest = strings.TrimPrefix(after, "$")
			continue
		}
		inner, tail, closed := strings.Cut(after[1:], "}")
		if !closed {
			r.problem(path, n, "${ without }; write $${ for the characters themselves")
			return "", true, false
		}
		value, wrong := r.lookUp(inner)
		if wrong == "" && r.room < len(value) {
			wrong = fmt.Sprintf("the environment and files add more than %s to this configuration", formatSize(MaxFile))
		}
		if wrong != "" {
			if r.covered[n] != "" {
				wrong = "holds an expression that stands for nothing; want " + expressions + ", and $${ for the characters themselves"
			}
			r.problem(path, n, "%s", wrong)
			value, ok = "", false
		}
		r.room -= len(value)
		b.WriteString(value)
		rest, changed = tail, true
	}
}

// lookUp returns what ${expression} stands for, or what is wrong with it.
func (r *reader) lookUp(expression string) (value, wrong string) {
	if path, ok := strings.CutPrefix(expression, "file:"); ok {
		return r.lookUpFile(path)
	}
	m := variable.FindStringSubmatch(expression)
	if m == nil || m[2] == "" && len(m[0]) < len(expression) {
		return "", fmt.Sprintf("want %s, got %s", expressions, brief("${"+expression+"}"))
	}
	name, rest := m[1], expression[len(m[0]):]
	if strings.Contains(rest, "${") {
		return "", fmt.Sprintf("%s: an expression cannot hold another one", brief("${"+expression+"}"))
	}
	value, set := r.env(name)
	switch {
	case m[2] == "" && set, m[2] != "" && value != "":
		return value, ""
	case m[2] == ":-":
		return rest, ""
	case m[2] == ":?":
		return "", strings.TrimSuffix(fmt.Sprintf("environment variable %s is not set: %s", name, brief(rest)), ": ")
	}
	return "", fmt.Sprintf("environment variable %s is not set; ${%s:-default} gives a default", name, name)
}

// lookUpFile returns what the file holds, without the newline at its end.
func (r *reader) lookUpFile(path string) (value, wrong string) {
	if path == "" {
		return "", "${file:} names no file"
	}
	f, known := r.files[path]
	if !known {
		data, err := r.readFile(path)
		text, windows := strings.CutSuffix(string(data), "\r\n")
		if !windows {
			text = strings.TrimSuffix(text, "\n")
		}
		f.text = text
		switch {
		case err != nil:
			f = file{wrong: fmt.Sprintf("%s: %s", brief("${file:"+path+"}"), cause(err))}
		case len(data) > MaxFile:
			f = file{wrong: fmt.Sprintf("%s: larger than %s", brief("${file:"+path+"}"), formatSize(MaxFile))}
		}
		r.files[path] = f
	}
	return f.text, f.wrong
}

// A file is what ${file:path} stands for, or why it stands for nothing.
type file struct{ text, wrong string }
