// Package jsontext looks at the text of JSON documents without decoding them.
package jsontext

import "bytes"

// MaxDepth is the deepest nesting of lists and objects that is decoded:
// encoding/json itself goes down to 10,000.
const MaxDepth = 512

// TooDeep reports whether doc is nested deeper than [MaxDepth]. Of text that is
// no JSON it may report either. Only documents with enough brackets to be too
// deep are looked at closely.
func TooDeep(doc []byte) bool {
	if bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) <= MaxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}
