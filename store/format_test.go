package store

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestFormatPage holds docs/format.md against the code: it names every key of
// both manifests, every array, and the limits.
func TestFormatPage(t *testing.T) {
	text, err := os.ReadFile("../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	want := func(word string) {
		t.Helper()
		if !strings.Contains(page, "`"+word+"`") && !strings.Contains(page, "."+word+"`") {
			t.Errorf("docs/format.md does not name %s", word)
		}
	}
	for _, key := range append(keys(reflect.TypeFor[Manifest]()), keys(reflect.TypeFor[CompanionManifest]())...) {
		want(key)
	}
	for _, file := range [][]byte{sampleBytes(t), labeledBytes(t), companionBytes(t)} {
		for _, p := range unpack(t, file) {
			name := strings.TrimSuffix(p.name, npySuffix)
			if !strings.HasPrefix(name, seriesName) && name != manifestName {
				_, param, _ := strings.Cut(name, ".")
				name = "NAME." + param
			}
			want(name)
		}
	}
	for _, limit := range []string{"64 MiB", "16,384 features", "65,536 partitions", "Up to 64 rows", "1 to 128 bytes", "at least 86 bytes"} {
		if !strings.Contains(page, limit) {
			t.Errorf("docs/format.md does not say %s", limit)
		}
	}
}

// keys lists the JSON keys of a struct and of those within.
func keys(t reflect.Type) (all []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if tag, ok := f.Tag.Lookup("json"); ok {
			all = append(all, regexp.MustCompile(`^[^,]*`).FindString(tag))
		}
		all = append(all, keys(f.Type)...)
	}
	return all
}
