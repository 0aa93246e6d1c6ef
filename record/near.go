package record

import (
	"fmt"
	"strings"
)

// didYouMean suggests the one of names that word is most likely a slip of, or
// nothing.
func didYouMean(word string, names []string) string {
	best, least := "", max(len(word)/3, 1)+1
	for _, name := range names {
		if n := distance(fold(word), fold(name)); n < least {
			best, least = name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// distance returns the least number of bytes to insert, delete or replace that
// turns a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // row[j]: from what was seen of a to b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := corner
			if a[i] != b[j] {
				replace++
			}
			corner = row[j+1]
			row[j+1] = min(replace, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
