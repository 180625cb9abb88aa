// Package typo finds the name that a mistyped word was probably meant to be.
package typo

import (
	"slices"
	"strings"
)

// maxWord bounds what is compared of a word, in runes.
const maxWord = 64

// Nearest returns the candidate that is the fewest typing errors away from
// word, if they are few enough for its length; empty if there is none. Letter
// case and the difference of - and _ do not count.
func Nearest(word string, candidates []string) string {
	best, least := "", 0
	plain := fold(word)
	if len(plain) < 2 {
		return "" // it is one typing error away from every other letter
	}
	limit := max(1, min(3, len(plain)/3))
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(plain, fold(c)); d <= limit && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

func fold(s string) []rune {
	runes := []rune(strings.ReplaceAll(strings.ToLower(s), "-", "_"))
	return runes[:min(len(runes), maxWord)]
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that lead from a to b (optimal string alignment distance).
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
