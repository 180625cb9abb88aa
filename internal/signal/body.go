package signal

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// node is a value in a JSON document: an entry of a flat tree, so that a
// prefix of a document is as good as the whole.
type node struct {
	parent int    // index of the object or array that holds it; -1: none
	key    string // its name in an object
	index  int    // its place in an array; -1: not in one
	kind   kind
	text   string // of a string, number, true or false
}

type kind uint8

const (
	kindNull kind = iota
	kindObject
	kindArray
	kindString
	kindNumber
	kindBool
)

// parseJSON returns what can be read of a prefix of a JSON document, in the
// order of the text. A value that is cut off is left out.
func parseJSON(b []byte) []node {
	if len(b) == 0 || !looksJSON(b) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	p := treeParser{open: -1}
	for {
		token, err := d.Token()
		if err != nil {
			return p.nodes
		}
		if _, isNumber := token.(json.Number); isNumber && d.InputOffset() == int64(len(b)) {
			return p.nodes // more digits may have been cut off
		}
		if !p.add(token) {
			return p.nodes
		}
	}
}

func looksJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// treeParser makes nodes of tokens.
type treeParser struct {
	nodes []node
	open  int   // the object or array that is being read; -1: none
	count []int // elements so far of each open array; of objects unused
	key   *string
}

// add takes the next token and reports whether the document goes on.
func (p *treeParser) add(token json.Token) bool {
	if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
		p.open, p.count = p.nodes[p.open].parent, p.count[:len(p.count)-1]
		return p.open >= 0
	}
	if name, ok := token.(string); ok && p.key == nil && p.open >= 0 && p.nodes[p.open].kind == kindObject {
		p.key = &name
		return true
	}
	n := node{parent: p.open, index: -1}
	if p.key != nil {
		n.key, p.key = *p.key, nil
	} else if p.open >= 0 {
		last := len(p.count) - 1
		n.index = p.count[last]
		p.count[last]++
	}
	n.kind, n.text = scalar(token)
	p.nodes = append(p.nodes, n)
	if n.kind == kindObject || n.kind == kindArray {
		p.open, p.count = len(p.nodes)-1, append(p.count, 0)
	}
	return p.open >= 0
}

func scalar(token json.Token) (kind, string) {
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return kindObject, ""
		}
		return kindArray, ""
	case string:
		return kindString, t
	case json.Number:
		return kindNumber, t.String()
	case bool:
		return kindBool, strconv.FormatBool(t)
	}
	return kindNull, ""
}

// tree is a JSON document or the beginning of one.
type tree struct{ nodes []node }

// text returns the first text, number or boolean at the path; "" if there is
// none. A part of the path is the name of a member, the index of an element, or
// * for any. An array around the whole document is overlooked.
func (t tree) text(path ...string) string {
	for i := range t.nodes {
		if t.nodes[i].kind >= kindString && t.matches(i, path) {
			return t.nodes[i].text
		}
	}
	return ""
}

// all returns every text, number or boolean at the path.
func (t tree) all(path ...string) []string {
	var found []string
	for i := range t.nodes {
		if t.nodes[i].kind >= kindString && t.matches(i, path) {
			found = append(found, t.nodes[i].text)
		}
	}
	return found
}

// number returns the number at the path.
func (t tree) number(path ...string) Value[float64] {
	if f, ok := number(t.text(path...)); ok {
		return Of(f)
	}
	return Value[float64]{}
}

// matches compares from the leaf up, which ends at the first difference.
func (t tree) matches(i int, path []string) bool {
	for last := len(path) - 1; last >= 0; last-- {
		if i < 0 || !t.nodes[i].named(path[last]) {
			return false
		}
		i = t.nodes[i].parent
	}
	return i == 0 || i > 0 && t.nodes[i].parent == 0 && t.nodes[0].kind == kindArray
}

func (n *node) named(part string) bool {
	if part == "*" {
		return n.parent >= 0
	}
	if n.index >= 0 {
		return part[0] >= '0' && part[0] <= '9' && strconv.Itoa(n.index) == part
	}
	return n.parent >= 0 && n.key == part
}

// splitPath reads a path such as error.code, errors.0.code or errors.*.code; a
// dot in a name is written \. ; false if it has an empty part.
func splitPath(s string) ([]string, bool) {
	var path []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			part.WriteByte(s[i])
		case s[i] == '.':
			path = append(path, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	path = append(path, part.String())
	for _, p := range path {
		if p == "" {
			return nil, false
		}
	}
	return path, true
}

// between returns what stands between two marks of a text, in the manner of
// <Code>SlowDown</Code>; "" if nothing short does.
func between(b []byte, open, end string) string {
	_, rest, found := bytes.Cut(b, []byte(open))
	if !found {
		return ""
	}
	inner, _, found := bytes.Cut(rest[:min(len(rest), maxValue+len(end))], []byte(end))
	if !found {
		return ""
	}
	return string(bytes.TrimSpace(inner))
}
