package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing that is wrong with a configuration file.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // from 1; 0 is the file as a whole
	Col     int    `json:"col"`  // in characters, from 1
	Message string `json:"message"`
}

// String returns "file:line:col: message".
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Message)
}

// Problems are all that is wrong with a file, in the order of their positions.
type Problems []Problem

// Error returns one problem a line.
func (ps *Problems) Error() string {
	lines := make([]string, len(*ps))
	for i, p := range *ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// warn reports what is allowed at path but better otherwise.
func (r *reader) warn(path, message string) {
	n := r.places[path].value
	r.warnings = append(r.warnings, Problem{r.name, n.Line, n.Column, path + ": " + message})
	slices.SortStableFunc(r.warnings, byPosition)
}

func byPosition(a, b Problem) int {
	return cmp.Or(a.Line-b.Line, a.Col-b.Col)
}

// maxProblems bounds what a file of nothing but mistakes may cost.
const maxProblems = 1000

func (r *reader) problems() error {
	if len(r.found) == 0 {
		return nil
	}
	ps := Problems(r.found)
	slices.SortStableFunc(ps, byPosition)
	if more := len(ps) - maxProblems; more > 0 {
		last := ps[maxProblems-1]
		last.Message = fmt.Sprintf("and %d more problems from here on", more+1)
		ps[maxProblems-1] = last
		ps = ps[:maxProblems]
	}
	return &ps
}
