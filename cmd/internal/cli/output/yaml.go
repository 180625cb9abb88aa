package output

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// yamlForm writes documents as YAML 1.2 in block style, with --- between them.
// The order of members and the digits of numbers are kept.
type yamlForm struct {
	w     io.Writer
	count int
	buf   *bufio.Writer // an error stays with it until Flush
}

func (y *yamlForm) put(doc []byte) error {
	y.buf = bufio.NewWriter(y.w)
	if y.count > 0 {
		y.buf.WriteString("---\n")
	}
	y.count++
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := y.value(dec, 0, true); err != nil {
		return &SyntaxError{err}
	}
	return y.buf.Flush()
}

func (y *yamlForm) close() error { return nil }

// value writes the next value, which stands at that depth, and ends its line.
// With inline set the line is the value's already: behind a - or at the top.
func (y *yamlForm) value(dec *json.Decoder, depth int, inline bool) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	switch {
	case !nested:
		y.lead(depth, inline)
		y.buf.WriteString(yamlScalar(token) + "\n")
		return nil
	case !dec.More():
		y.lead(depth, inline)
		y.buf.WriteString(map[json.Delim]string{'{': "{}\n", '[': "[]\n"}[open])
	case !inline:
		y.buf.WriteByte('\n')
		fallthrough
	default:
		err = y.members(dec, open, depth, inline)
	}
	if err == nil {
		_, err = dec.Token() // the end
	}
	return err
}

// lead separates a value from the key in front of it.
func (y *yamlForm) lead(depth int, inline bool) {
	if !inline && depth > 0 {
		y.buf.WriteByte(' ')
	}
}

// members writes what an object or a list holds. The first stands on the line
// under way if that is inline.
func (y *yamlForm) members(dec *json.Decoder, open json.Delim, depth int, inline bool) error {
	for first := true; dec.More(); first = false {
		if !first || !inline {
			y.buf.WriteString(strings.Repeat("  ", depth))
		}
		if open == '[' {
			y.buf.WriteString("- ")
			if err := y.value(dec, depth+1, true); err != nil {
				return err
			}
			continue
		}
		key, err := dec.Token()
		if err != nil {
			return err
		}
		y.buf.WriteString(yamlScalar(key) + ":")
		if err := y.value(dec, depth+1, false); err != nil {
			return err
		}
	}
	return nil
}

// yamlScalar is a plain word where that cannot be mistaken for anything else,
// a quoted one otherwise: what JSON quotes, YAML reads likewise.
func yamlScalar(token json.Token) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case string:
		if plainYAML(v) {
			return v
		}
		return quoteYAML(v)
	default:
		return fmt.Sprint(v)
	}
}

// reserved are the words that some readers of YAML take for something else.
var reserved = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

func plainYAML(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		inside := c >= '0' && c <= '9' || c == '-' || c == '.' || c == '/' || c == ' ' && i < len(s)-1
		if !letter && (i == 0 || !inside) {
			return false
		}
	}
	return s != "" && !slices.Contains(reserved, strings.ToLower(s))
}

// quoteYAML quotes like JSON; control characters, which YAML does not allow even
// there, are escaped as well.
func quoteYAML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029 || r >= 0xfffe && r <= 0xffff || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
