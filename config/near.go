package config

import "strings"

// Near returns the word that was probably meant: the first of those with the
// fewest edits, at most one in a short word and two in a longer one, whatever
// the case of letters.
func Near(word string, among []string) (string, bool) {
	limit := 2
	if len(word) < 5 {
		limit = 1
	}
	best, found := "", false
	for _, w := range among {
		if d := edits(word, w, limit); d <= limit {
			best, found, limit = w, true, d-1
		}
	}
	return best, found
}

// edits returns how many letters must be changed, added, dropped or swapped with
// a neighbour to turn a into b (optimal string alignment), or limit+1.
func edits(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}

// words joins what is accepted into prose: "a", "a or b", "a, b or c".
func words(conjunction string, list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " " + conjunction + " " + list[last]
}
