package record

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// A scanner checks JSON text by RFC 8259. Its methods take the text and the
// index where something has to stand, and return the index behind it, or -1
// after a fault.
type scanner struct {
	depth int    // the most levels of objects and arrays
	at    int    // where the fault is
	want  string // what was expected there
}

func (s *scanner) fail(at int, want string) int {
	s.at, s.want = at, want
	return -1
}

// blank returns the index of the first byte from i on that is not white space.
func blank(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// value checks any value, within depth levels.
func (s *scanner) value(b []byte, i, depth int) int {
	if i >= len(b) {
		return s.fail(i, "a value")
	}
	switch c := b[i]; c {
	case '"':
		end, _ := s.text(b, i+1)
		return end
	case '{':
		return s.object(b, i+1, depth+1)
	case '[':
		return s.array(b, i+1, depth+1)
	case 't':
		return s.word(b, i, "true")
	case 'f':
		return s.word(b, i, "false")
	case 'n':
		return s.word(b, i, "null")
	}
	_, end := s.number(b, i)
	return end
}

func (s *scanner) word(b []byte, i int, word string) int {
	if !has(b, i, word) {
		return s.fail(i, "a value")
	}
	return i + len(word)
}

func has(b []byte, i int, text string) bool {
	return len(b)-i >= len(text) && string(b[i:i+len(text)]) == text
}

const tooDeep = "no deeper nesting"

// object checks an object whose brace is at i-1.
func (s *scanner) object(b []byte, i, depth int) int {
	if depth > s.depth {
		return s.fail(i-1, tooDeep)
	}
	i, more := s.open(b, i, '}', "a string or }")
	for more {
		if _, i, _ = s.key(b, i); i < 0 {
			return -1
		}
		if i = s.value(b, i, depth); i < 0 {
			return -1
		}
		i, more = s.next(b, i, '}', ", or }")
	}
	return i
}

// array checks an array whose bracket is at i-1.
func (s *scanner) array(b []byte, i, depth int) int {
	if depth > s.depth {
		return s.fail(i-1, tooDeep)
	}
	i, more := s.open(b, i, ']', "a value or ]")
	for more {
		if i = s.value(b, i, depth); i < 0 {
			return -1
		}
		i, more = s.next(b, i, ']', ", or ]")
	}
	return i
}

// open moves to the first member of what closes with end, or behind end.
func (s *scanner) open(b []byte, i int, end byte, want string) (next int, more bool) {
	i = blank(b, i)
	switch {
	case i >= len(b):
		return s.fail(i, want), false
	case b[i] == end:
		return i + 1, false
	case end == '}' && b[i] != '"':
		return s.fail(i, want), false
	}
	return i, true
}

// next moves from behind a member to the one that follows, or behind end.
func (s *scanner) next(b []byte, i int, end byte, want string) (next int, more bool) {
	i = blank(b, i)
	switch {
	case i < len(b) && b[i] == ',':
		return blank(b, i+1), true
	case i < len(b) && b[i] == end:
		return i + 1, false
	}
	return s.fail(i, want), false
}

// key checks the key of a member and the colon; next is where its value has to
// stand, name what is between the quotes.
func (s *scanner) key(b []byte, i int) (name []byte, next int, escaped bool) {
	if i >= len(b) || b[i] != '"' {
		return nil, s.fail(i, "a string"), false
	}
	end, escaped := s.text(b, i+1)
	if end < 0 {
		return nil, -1, false
	}
	name = b[i+1 : end-1]
	i = blank(b, end)
	if i >= len(b) || b[i] != ':' {
		return nil, s.fail(i, "a colon"), false
	}
	return name, blank(b, i+1), escaped
}

// text checks a string whose opening quote is at i-1.
func (s *scanner) text(b []byte, i int) (end int, escaped bool) {
	for {
		i = plain(b, i)
		switch {
		case i >= len(b):
			return s.fail(i, "the string's closing quote"), false
		case b[i] == '"':
			return i + 1, escaped
		case b[i] < ' ':
			return s.fail(i, "it escaped in a string"), false
		case b[i] == '\\':
			escaped = true
			i = s.escape(b, i+1)
		default:
			i = s.runes(b, i)
		}
		if i < 0 {
			return -1, false
		}
	}
}

// plain returns the index of the first byte from i on that is a quote, a
// backslash, a control character or no ASCII.
func plain(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		// In a byte below 0x80 a subtraction sets the highest bit only if it
		// borrows, and only bytes above one that did can be wrong. From 0x80 on
		// a byte keeps that bit in two of the three.
		stop := ((w - ' '*ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones)) & highs
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// escape checks what follows a backslash at i-1. Surrogates may stand alone.
func (s *scanner) escape(b []byte, i int) int {
	if i >= len(b) {
		return s.fail(i, `one of "\/bfnrtu`)
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for k := i + 1; k < i+5; k++ {
			if k >= len(b) || unhex(b[k]) > 15 {
				return s.fail(k, "four hexadecimal digits")
			}
		}
		return i + 5
	}
	return s.fail(i, `one of "\/bfnrtu`)
}

// unhex returns the value of a hexadecimal digit, and more than 15 for any
// other byte.
func unhex(c byte) rune {
	switch {
	case c-'0' <= 9:
		return rune(c - '0')
	case c|' '-'a' <= 5:
		return rune(c | ' ' - 'a' + 10)
	}
	return 16
}

// runes checks a run of UTF-8 beyond ASCII.
func (s *scanner) runes(b []byte, i int) int {
	for i < len(b) && b[i] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return s.fail(i, "valid UTF-8")
		}
		i += n
	}
	return i
}

// number checks a number and reads it.
func (s *scanner) number(b []byte, i int) (n decimal, end int) {
	if i < len(b) && b[i] == '-' {
		n.neg = true
		i++
	}
	if n.mant, n.exp, end = usual(b, i); end > 0 {
		return n, end
	}
	return s.anyNumber(b, i, n.neg)
}

// anyNumber reads a number behind its sign.
func (s *scanner) anyNumber(b []byte, i int, neg bool) (n decimal, end int) {
	start := i
	n.neg = neg
	n.mant, i = digits(b, i, 0)
	switch {
	case i == start && n.neg:
		return n, s.fail(i, "a digit")
	case i == start:
		return n, s.fail(i, "a value")
	case b[start] == '0' && i > start+1:
		return n, s.fail(start+1, "no digit after a leading 0")
	}
	if i = n.fraction(b, start, i, false); i < 0 {
		return n, s.fail(^i, "a digit")
	}
	return n, i
}
