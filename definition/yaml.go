package definition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of what is read.
const (
	maxFile    = 1 << 20 // bytes per file
	maxDepth   = 64      // levels of a document
	maxKeys    = 1000    // keys of one mapping
	maxAliased = 50_000  // values per file that aliases add
)

// parseYAML returns the one value of a document.
func parseYAML(l *layer, data []byte) (*yaml.Node, *Error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if e := checkText(l, data); e != nil {
		return nil, e
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	doc, err := decodeNode(decoder)
	switch {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 0:
		return nil, &Error{File: l.name, Msg: "the file is empty", Hint: "it begins with version: 1"}
	case err != nil:
		return nil, syntaxError(l, data, err)
	}
	next, err := decodeNode(decoder)
	switch {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, syntaxError(l, data, err)
	}
	return nil, &Error{File: l.name, Line: next.Line, Column: next.Column, Msg: "a second document begins here", Hint: "a file holds one document: remove the ---"}
}

// decodeNode reads the next document. A panic of the parser is a syntax error:
// the text comes from outside and the parser's invariants are not ours.
func decodeNode(d *yaml.Decoder) (n *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, errors.New("yaml: the document confuses the parser")
		}
	}()
	n = new(yaml.Node)
	return n, d.Decode(n)
}

// checkText refuses what is no text: bytes that are not UTF-8 and control
// characters (YAML 1.2 section 5.1).
func checkText(l *layer, data []byte) *Error {
	line, start := 1, 0
	bad := func(i int, msg string) *Error {
		column := 1 + utf8.RuneCount(data[start:i])
		return &Error{File: l.name, Line: line, Column: column, Msg: msg, Hint: "save the file as UTF-8 text"}
	}
	for i := 0; i < len(data); {
		c := data[i]
		switch {
		case c == '\n':
			line, start = line+1, i+1
			i++
		case c < 0x20 && c != '\t' && c != '\r', c == 0x7f:
			return bad(i, fmt.Sprintf("control character 0x%02x", c))
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				return bad(i, fmt.Sprintf("byte 0x%02x is not UTF-8", c))
			}
			if r >= 0x80 && r < 0xa0 && r != 0x85 {
				return bad(i, fmt.Sprintf("control character U+%04X", r))
			}
			i += n
		}
	}
	return nil
}

// syntaxError says where the parser gave up.
func syntaxError(l *layer, data []byte, err error) *Error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, msg, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			line, text = n, msg
		}
	}
	hint := ""
	switch {
	case strings.HasPrefix(text, "unknown anchor"):
		// The name is left out: an unquoted password may begin with *.
		line = aliasLine(data, text)
		text, hint = "an alias (*name) without an anchor (&name) before it", "put text that begins with * in quotes"
	case strings.HasPrefix(text, "found character that cannot start any token"):
		hint = "indent with blanks, not tabs; put text that begins with @ or ` in quotes"
	case strings.HasPrefix(text, "mapping values are not allowed"):
		text, hint = "a second \": \" in one line", "indent the line below its key, or put the text in quotes"
	case strings.HasPrefix(text, "did not find expected ',' or '}'"):
		line, hint = readLines(data), "close the {, and put text that holds { or } in quotes"
	case strings.HasPrefix(text, "found unexpected end of stream"):
		line, hint = readLines(data), "a quote or bracket is not closed"
	case strings.HasPrefix(text, "did not find expected"):
		// The parser names the beginning of the block around it.
		line, hint = readLines(data), "look at the indentation and the quotes, here and in the line before"
	case line == 0:
		line = readLines(data)
	}
	return &Error{File: l.name, Line: max(1, line), Msg: "not valid YAML: " + text, Hint: hint}
}

// aliasLine finds the alias that an error text of the parser names.
func aliasLine(data []byte, text string) int {
	_, name, _ := strings.Cut(text, "'")
	name, _, _ = strings.Cut(name, "'")
	if i := bytes.Index(data, []byte("*"+name)); i >= 0 {
		return 1 + bytes.Count(data[:i], []byte("\n"))
	}
	return readLines(data)
}

// readLines parses data again, line by line, and returns the number of the last
// line that the parser asked for before it gave up.
func readLines(data []byte) int {
	r := &lineReader{rest: data}
	d := yaml.NewDecoder(r)
	for {
		if _, err := decodeNode(d); err != nil {
			return r.lines
		}
	}
}

// lineReader hands out one line per Read.
type lineReader struct {
	rest  []byte
	lines int
	open  bool // the last Read ended inside a line
}

func (r *lineReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := min(len(p), len(r.rest))
	end := bytes.IndexByte(r.rest[:n], '\n')
	if end >= 0 {
		n = end + 1
	}
	if !r.open {
		r.lines++
	}
	r.open = end < 0
	copy(p, r.rest[:n])
	r.rest = r.rest[n:]
	return n, nil
}

// pair is a key and its value in a YAML mapping.
type pair struct {
	name  string
	at    place
	value *yaml.Node
}

// converter turns YAML nodes into nodes of a layer.
type converter struct {
	layer   *layer
	bad     *mistakes
	aliased *int // values that aliases added so far, for the whole file
	open    map[*yaml.Node]bool
	inAlias bool
}

func (c *converter) place(y *yaml.Node) place { return place{c.layer, y.Line, y.Column} }

// pairs lists the keys of a mapping. Keys that cannot be are reported and left
// out.
func (c *converter) pairs(y *yaml.Node, p *path) []pair {
	if len(y.Content)/2 > maxKeys {
		c.bad.at(c.place(y), p, fmt.Sprintf("more than %d keys", maxKeys), "")
		return nil
	}
	out := make([]pair, 0, len(y.Content)/2)
	var seen map[string]int
	if len(y.Content) > 16 {
		seen = make(map[string]int, len(y.Content)/2)
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		switch {
		case k.Tag == "!!merge":
			c.bad.at(c.place(k), p, "merge keys (<<) are not supported", "put what APIs share under defaults, or refer to one value with *name")
			continue
		case k.Kind != yaml.ScalarNode || k.Style&yaml.TaggedStyle != 0:
			c.bad.at(c.place(k), p, "a key must be plain text", "")
			continue
		}
		if line, twice := known(out, seen, k.Value); twice {
			c.bad.at(c.place(k), p.key(k.Value), fmt.Sprintf("the key is there twice, first in line %d", line), "keep one")
			continue
		}
		if seen != nil {
			seen[k.Value] = k.Line
		}
		out = append(out, pair{k.Value, c.place(k), y.Content[i+1]})
	}
	return out
}

// known looks for an earlier key: in the list while that is short.
func known(out []pair, seen map[string]int, name string) (line int, ok bool) {
	if seen != nil {
		line, ok = seen[name]
		return line, ok
	}
	for _, p := range out {
		if p.name == name {
			return p.at.line, true
		}
	}
	return 0, false
}

// node converts y and everything below it; nil after a mistake.
func (c *converter) node(y *yaml.Node, p *path, depth int) *node {
	if depth > maxDepth {
		c.bad.at(c.place(y), p, fmt.Sprintf("more than %d levels deep", maxDepth), "")
		return nil
	}
	if c.inAlias {
		switch *c.aliased++; {
		case *c.aliased == maxAliased+1:
			c.bad.at(c.place(y), p, "aliases make the file too large", "write the values out")
			return nil
		case *c.aliased > maxAliased:
			return nil
		}
	}
	if y.Style&yaml.TaggedStyle != 0 && !coreTag(y.Tag) {
		c.bad.at(c.place(y), p, "tags (!name) are not supported", "")
		return nil
	}
	switch y.Kind {
	case yaml.AliasNode:
		return c.alias(y, p, depth)
	case yaml.ScalarNode:
		return &node{kind: scalar, at: c.place(y), text: y.Value, tag: y.Tag}
	case yaml.SequenceNode:
		return c.list(y, p, depth)
	case yaml.MappingNode:
		return c.mapping(y, p, depth)
	}
	c.bad.at(c.place(y), p, "this YAML is not supported", "")
	return nil
}

func coreTag(tag string) bool {
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
		return true
	}
	return false
}

func (c *converter) alias(y *yaml.Node, p *path, depth int) *node {
	if c.open[y.Alias] {
		c.bad.at(c.place(y), p, "the alias holds itself", "")
		return nil
	}
	if c.open == nil {
		c.open = make(map[*yaml.Node]bool)
	}
	outer := c.inAlias
	c.open[y.Alias], c.inAlias = true, true
	n := c.node(y.Alias, p, depth)
	c.inAlias = outer
	delete(c.open, y.Alias)
	return n
}

func (c *converter) list(y *yaml.Node, p *path, depth int) *node {
	n := &node{kind: list, at: c.place(y), items: make([]*node, 0, len(y.Content))}
	for i, item := range y.Content {
		if v := c.node(item, p.key("["+strconv.Itoa(i)+"]"), depth+1); v != nil {
			n.items = append(n.items, v)
		}
	}
	return n
}

func (c *converter) mapping(y *yaml.Node, p *path, depth int) *node {
	pairs := c.pairs(y, p)
	n := &node{kind: mapping, at: c.place(y), keys: make([]entry, 0, len(pairs))}
	for _, kv := range pairs {
		if v := c.node(kv.value, p.key(kv.name), depth+1); v != nil {
			n.keys = append(n.keys, entry{kv.name, kv.at, v})
		}
	}
	return n
}
