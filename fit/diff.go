package fit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Diff compares two values by their JSON and names every field that differs, as
// "path: was X, is Y", in the order of the paths: how a changed configuration
// is told.
func Diff(was, is any) []string {
	a, errA := tree(was)
	b, errB := tree(is)
	if errA != nil || errB != nil {
		return []string{fmt.Sprintf("cannot be compared: %v, %v", errA, errB)}
	}
	return diff(nil, "", a, b)
}

// absent stands for a field or an item that is not there.
type absent struct{}

// tree returns the JSON of v as maps, slices and scalars.
func tree(v any) (t any, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&t)
	return t, err
}

func diff(lines []string, path string, was, is any) []string {
	switch was := was.(type) {
	case map[string]any:
		if is, ok := is.(map[string]any); ok {
			return diffFields(lines, path, was, is)
		}
	case []any:
		if is, ok := is.([]any); ok {
			return diffItems(lines, path, was, is)
		}
	}
	if a, b := text(was), text(is); a != b {
		lines = append(lines, fmt.Sprintf("%s: was %s, is %s", path, a, b))
	}
	return lines
}

func diffFields(lines []string, path string, was, is map[string]any) []string {
	keys := maps.Clone(was)
	maps.Copy(keys, is)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		at := key
		if path != "" {
			at = path + "." + key
		}
		lines = diff(lines, at, field(was, key), field(is, key))
	}
	return lines
}

func field(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	return absent{}
}

func diffItems(lines []string, path string, was, is []any) []string {
	for i := range max(len(was), len(is)) {
		lines = diff(lines, fmt.Sprintf("%s[%d]", path, i), item(was, i), item(is, i))
	}
	return lines
}

func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return absent{}
}

func text(v any) string {
	if v == (absent{}) {
		return "not set"
	}
	b, _ := json.Marshal(v) // what came from JSON goes back into it
	return string(b)
}
