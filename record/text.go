package record

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends what the JSON text between two quotes says. A surrogate
// without its other half becomes U+FFFD, as in encoding/json. The text must be
// valid.
func unescape(dst, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		i++
		switch c = text[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(text[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				var used int
				r, used = pair(r, text[i+1:])
				i += used
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func hex4(text []byte) rune {
	return unhex(text[0])<<12 | unhex(text[1])<<8 | unhex(text[2])<<4 | unhex(text[3])
}

// pair returns the rune that the surrogate r and the escape that text may start
// with stand for, and the length of that escape if it is needed.
func pair(r rune, text []byte) (rune, int) {
	if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
		if both := utf16.DecodeRune(r, hex4(text[2:])); both != utf8.RuneError {
			return both, 6
		}
	}
	return utf8.RuneError, 0
}

// appendQuoted appends s as a JSON string, with the escapes that encoding/json
// uses without SetEscapeHTML. Invalid UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			if r != '\u2028' && r != '\u2029' && !(r == utf8.RuneError && n == 1) {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, s[i:i+n])
		i += n
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// appendEscape appends the escape of one character that a JSON string cannot,
// or should not, hold as it is.
func appendEscape(dst []byte, char string) []byte {
	const hex = "0123456789abcdef"
	switch c := char[0]; {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\b':
		return append(dst, `\b`...)
	case c == '\f':
		return append(dst, `\f`...)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\r':
		return append(dst, `\r`...)
	case c == '\t':
		return append(dst, `\t`...)
	case c < ' ':
		return append(dst, `\u00`+hex[c>>4:c>>4+1]+hex[c&15:c&15+1]...)
	case len(char) == 1:
		return append(dst, `\ufffd`...)
	}
	return append(dst, `\u202`+hex[char[2]&15:char[2]&15+1]...) // U+2028 is e2 80 a8
}
