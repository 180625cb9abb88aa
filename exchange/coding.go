package exchange

import (
	"net/http"
	"strings"
)

// Coding returns the content codings that the body of a response still has,
// because nobody knows them or the caller wanted the bytes; empty if it has
// none.
func Coding(h http.Header) string {
	fields := h["Content-Encoding"]
	if len(fields) == 0 {
		return ""
	}
	var left []string
	for name := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		if name = strings.TrimSpace(name); name != "" && !strings.EqualFold(name, "identity") {
			left = append(left, name)
		}
	}
	return strings.Join(left, ", ")
}
