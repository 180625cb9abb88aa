package e2e

import (
	"compress/gzip"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/exchange"
)

func gunzip(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }

// shownStatus returns the status of the last status line on stderr.
func shownStatus(stderr string) int {
	status := 0
	for line := range strings.Lines(stderr) {
		_, rest, ok := strings.Cut(line, "HTTP/1.1 ")
		if !ok {
			continue
		}
		code, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if n, err := strconv.Atoi(code); err == nil {
			status = n
		}
	}
	return status
}

// shownKind returns the kind that the error line on stderr names: the longest,
// because "timeout" is part of "header timeout".
func shownKind(stderr string) string {
	line := ""
	for l := range strings.Lines(stderr) {
		if strings.HasPrefix(l, "godwit: ") {
			line = l
		}
	}
	kinds := exchange.Kinds()
	slices.SortFunc(kinds, func(a, b *exchange.Kind) int { return len(b.Error()) - len(a.Error()) })
	for _, k := range kinds {
		if strings.Contains(line, ": "+k.Error()) {
			return k.Error()
		}
	}
	return ""
}
