package definition

import (
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/typo"
)

// didYouMean is the hint that names the nearest candidate, or all of them when
// none is near and they are few.
func didYouMean(word string, candidates []string) string {
	if best := typo.Nearest(word, candidates); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(candidates) == 0 || len(candidates) > 24 {
		return ""
	}
	return "known: " + strings.Join(slices.Sorted(slices.Values(candidates)), ", ")
}
