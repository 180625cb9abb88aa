package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// allForms returns every spelling of the values, longest first and each once.
func allForms(values []string) []string {
	var forms []string
	for _, v := range values {
		forms = append(forms, spellings(v)...)
	}
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	forms = slices.Compact(forms)
	return slices.DeleteFunc(forms, func(f string) bool { return len(f) < minSecret })
}

// spellings lists how a value turns up in texts: as it is, in URLs, in JSON and
// Go literals, in HTML and XML, in base64, and escaped by [Printable].
func spellings(v string) []string {
	out := []string{v, Printable(v), html.EscapeString(v)}
	inPath := url.URL{Path: v}
	for _, escaped := range []string{url.QueryEscape(v), url.PathEscape(v), inPath.EscapedPath()} {
		out = append(out, escaped, lowerHex(escaped))
	}
	for _, plain := range []string{jsonText(v, true), jsonText(v, false), goText(v)} {
		out = append(out, plain, strings.ReplaceAll(plain, "/", `\/`)) // PHP escapes the slash
	}
	return append(out, base64Forms(v)...)
}

// lowerHex writes percent-encoded bytes the way some servers do: %2f.
func lowerHex(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}

func jsonText(v string, escapeHTML bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if enc.Encode(v) != nil {
		return v
	}
	text := strings.TrimSuffix(b.String(), "\n")
	return text[1 : len(text)-1]
}

func goText(v string) string {
	q := strconv.QuoteToASCII(v)
	return q[1 : len(q)-1]
}

// base64Forms lists the value encoded by itself, and what is certain of its
// encoding when other bytes stand before or after it, as in the user:password
// of Basic, at each of the three alignments.
func base64Forms(v string) []string {
	var out []string
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		padded := enc.EncodeToString([]byte(v))
		out = append(out, padded, strings.TrimRight(padded, "="))
		for shift := range 3 {
			shifted := enc.EncodeToString(append(make([]byte, shift), v...))
			first := (shift*8 + 5) / 6 // characters that hold bits of what stands before
			last := (shift + len(v)) * 8 / 6
			out = append(out, shifted[first:last])
		}
	}
	return out
}
