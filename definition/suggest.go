package definition

import (
	"fmt"
	"slices"
	"strings"
)

// nearest returns the candidate that word was probably meant to be: the one
// that is the fewest typing errors away from it, if they are few enough.
func nearest(word string, candidates []string) (string, bool) {
	best, least := "", 0
	plain := fold(clip(word, 64))
	limit := max(1, min(3, len(plain)/3))
	if len(plain) < 2 {
		return "", false // it is one typing error away from every other letter
	}
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		d := typos(plain, fold(c))
		if d <= limit && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best, best != ""
}

// didYouMean is the hint that names the nearest candidate, or all of them when
// none is near and they are few.
func didYouMean(word string, candidates []string) string {
	if best, ok := nearest(word, candidates); ok {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(candidates) == 0 || len(candidates) > 24 {
		return ""
	}
	return "known: " + strings.Join(slices.Sorted(slices.Values(candidates)), ", ")
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// typos counts the insertions, deletions, replacements and swaps of neighbours
// that lead from a to b (optimal string alignment distance).
func typos(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
