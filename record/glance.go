package record

import (
	"bytes"

	"tare/schema"
)

// Glance returns the event time of a record and looks at nothing behind it. For
// a record that Decode accepts it is the time that Decode finds, or ok is false;
// for one that Decode rejects it is any.
func (d *JSON) Glance(m *Message) (nanos int64, ok bool) {
	if d.clock {
		return clockOf(m)
	}
	text := memberText(m.Value, d.time)
	if len(text) == 0 {
		return 0, false
	}
	return ParseTime(d.schema.Time.Layout, text)
}

// topTime returns `"name":` for a time that is a member of the record itself.
func topTime(s *schema.Schema) string {
	if !s.Time.Written() {
		return ""
	}
	path, err := schema.Path(s.Time.Field)
	if err != nil || len(path) != 1 {
		return ""
	}
	return string(appendQuoted(nil, path[0])) + ":"
}

// memberText returns what the first member of the object b with that key says,
// or nil where it is not found, or one of them is written in an unusual way.
// It takes b for valid JSON.
func memberText(b []byte, key string) []byte {
	i := blank(b, 0)
	if key == "" || i >= len(b) || b[i] != '{' {
		return nil
	}
	for {
		i = blank(b, i+1)
		if has(b, i, key) {
			return scalar(b[blank(b, i+len(key)):])
		}
		if i = afterMember(b, i); i < 0 || b[i] != ',' {
			return nil
		}
	}
}

// scalar returns what the string or number at the start of b says.
func scalar(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if b[0] == '"' {
		end := endOfText(b, 1)
		if end < 0 || bytes.IndexByte(b[:end], '\\') >= 0 {
			return nil
		}
		return b[1:end]
	}
	end := 0
	for end < len(b) && (isNumber(b[end]) || b[end] == '.' || b[end] == '+' || b[end]|' ' == 'e') {
		end++
	}
	return b[:end]
}

// afterMember returns the index of the comma or brace behind a member whose key
// is at i, or -1.
func afterMember(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	if i = endOfText(b, i+1) + 1; i == 0 {
		return -1
	}
	if i+1 < len(b) && isNumber(b[i+1]) {
		if n := bytes.IndexByte(b[i:], ','); n >= 0 {
			return i + n
		}
		return -1
	}
	return afterValue(b, i)
}

// afterValue returns the index of the comma or brace behind the value that
// follows, or -1.
func afterValue(b []byte, i int) int {
	for deep := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = endOfText(b, i+1); i < 0 {
				return -1
			}
		case '{', '[':
			deep++
		case ',':
			if deep == 0 {
				return i
			}
		case '}', ']':
			if deep == 0 {
				return i
			}
			deep--
		}
	}
	return -1
}

// endOfText returns the index of the quote that ends a string whose first byte
// is at i, or -1.
func endOfText(b []byte, i int) int {
	for start := i; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		slashes := 0
		for i-2-slashes >= start && b[i-2-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i - 1
		}
	}
}
