package schema

import (
	"fmt"
	"strings"
)

// Path returns the keys of a JSON field path, outermost first. Dots part the
// keys; `\.` is a dot and `\\` a backslash within a key. `\$` is a dollar, which
// keeps a key from being read as Key or Timestamp. An empty key and any other use
// of the backslash are errors.
func Path(field string) ([]string, error) {
	var keys []string
	var key strings.Builder
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '.':
			keys = append(keys, key.String())
			key.Reset()
		case c != '\\':
			key.WriteByte(c)
		case i+1 < len(field) && strings.IndexByte(`.\$`, field[i+1]) >= 0:
			i++
			key.WriteByte(field[i])
		default:
			return nil, fmt.Errorf(`field %q: a backslash before byte %d, want \. for a dot, \\ for a backslash or \$ for a dollar`, field, i+1)
		}
	}
	keys = append(keys, key.String())
	for _, k := range keys {
		if k == "" {
			return nil, fmt.Errorf(`field %q: an empty key, want keys parted by single dots, with \. for a dot within a key`, field)
		}
	}
	return keys, nil
}

var escaper = strings.NewReplacer(`\`, `\\`, `.`, `\.`)

// Escape returns the path of the top-level key: Path(Escape(key)) is [key].
func Escape(key string) string { return escaper.Replace(key) }
