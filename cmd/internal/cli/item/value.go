package item

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// maxDepth bounds the nesting of documents, as everywhere in godwit.
const maxDepth = 512

// Value is a JSON document that keeps the order of members and the digits of
// numbers. The zero Value holds nothing yet.
type Value struct {
	kind  valueKind
	text  []byte         // scalar: its JSON
	keys  []string       // object: members in order
	index map[string]int // object: place of each key in elems
	elems []*Value       // object and list; nil in a list: not given yet
	base  bool           // came from the document that items patch
}

type valueKind int

const (
	unset valueKind = iota
	scalar
	object
	list
)

// ParseJSON reads one JSON document.
func ParseJSON(data []byte) (*Value, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := readValue(dec, 0)
	if err != nil {
		return nil, syntaxError(data, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON document")
	}
	return v, nil
}

// ParseBase is ParseJSON for a document that items patch: what it holds may be
// replaced.
func ParseBase(data []byte) (*Value, error) {
	v, err := ParseJSON(data)
	if err == nil {
		v.markBase()
	}
	return v, err
}

func (v *Value) markBase() {
	v.base = true
	for _, e := range v.elems {
		e.markBase()
	}
}

func syntaxError(data []byte, err error) error {
	var s *json.SyntaxError
	if errors.As(err, &s) {
		line := 1 + bytes.Count(data[:min(int(s.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("it is not JSON: line %d, byte %d: %w", line, s.Offset, err)
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is not JSON: it ends too early")
	}
	return err
}

func readValue(dec *json.Decoder, depth int) (*Value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return readObject(dec, depth)
	case json.Delim('['):
		v := &Value{kind: list}
		for dec.More() {
			e, err := readValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			v.elems = append(v.elems, e)
		}
		_, err = dec.Token()
		return v, err
	}
	return newScalar(token)
}

func readObject(dec *json.Decoder, depth int) (*Value, error) {
	v := &Value{kind: object}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, errors.New("a member's name is no string")
		}
		e, err := readValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		if _, ok := v.index[key]; ok {
			return nil, fmt.Errorf("member %s occurs twice", quote(key))
		}
		v.add(key, e)
	}
	_, err := dec.Token()
	return v, err
}

func (v *Value) add(key string, e *Value) {
	if v.index == nil {
		v.index = make(map[string]int)
	}
	v.index[key] = len(v.elems)
	v.keys, v.elems = append(v.keys, key), append(v.elems, e)
}

func newScalar(v any) (*Value, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return &Value{kind: scalar, text: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}, nil
}

// NewText returns a JSON string. s must be UTF-8.
func NewText(s string) (*Value, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("it is not UTF-8; send a file as the whole body or with multipart")
	}
	return newScalar(s)
}

// Set puts e at path. A place that another item has set, or one used both as a
// list and as an object, is an error that names it.
func (v *Value) Set(path []Step, e *Value) error {
	if len(path) > maxDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	for n, s := range path {
		if err := v.become(s, path[:n]); err != nil {
			return err
		}
		slot := v.slot(s)
		if n == len(path)-1 {
			return put(slot, e, path)
		}
		if *slot == nil {
			*slot = new(Value)
		}
		v = *slot
	}
	return errors.New("its name is missing")
}

func put(slot **Value, e *Value, path []Step) error {
	if old := *slot; old != nil && old.kind != unset && !old.base {
		return fmt.Errorf("%s is given twice; write %s[]=… for a list", quote(pathText(path)), pathText(path))
	}
	*slot = e
	return nil
}

// become makes v, which stands at path, what the step s needs.
func (v *Value) become(s Step, path []Step) error {
	want := object
	if s.Kind != Member {
		want = list
	}
	switch {
	case v.kind == unset || v.base && string(v.text) == "null":
		*v = Value{kind: want, base: v.base}
	case v.kind == want:
	case v.kind == scalar:
		return fmt.Errorf("%s already is a plain value", place(path))
	default:
		return fmt.Errorf("%s is used both as a list and as an object", place(path))
	}
	return nil
}

func place(path []Step) string {
	if len(path) == 0 {
		return "the whole body"
	}
	return quote(pathText(path))
}

// slot returns the place that s leads to, which is made if need be.
func (v *Value) slot(s Step) **Value {
	switch s.Kind {
	case Append:
		v.elems = append(v.elems, nil)
		return &v.elems[len(v.elems)-1]
	case Element:
		for len(v.elems) <= s.Index {
			v.elems = append(v.elems, nil)
		}
		return &v.elems[s.Index]
	}
	if _, ok := v.index[s.Key]; !ok {
		v.add(s.Key, nil)
	}
	return &v.elems[v.index[s.Key]]
}

// hole returns the place of a list element that no item gave, between others;
// nil if there is none. path is where v stands.
func (v *Value) hole(path []Step) []Step {
	if v == nil || v.kind == unset {
		return path
	}
	for i, e := range v.elems {
		s := Step{Kind: Element, Index: i}
		if v.kind == object {
			s = Step{Key: v.keys[i]}
		}
		if at := e.hole(append(slices.Clip(path), s)); at != nil {
			return at
		}
	}
	return nil
}

// Encode returns the compact JSON. A hole is an error.
func (v *Value) Encode() ([]byte, error) { return v.appendTo(nil) }

func (v *Value) appendTo(b []byte) ([]byte, error) {
	var err error
	switch {
	case v == nil || v.kind == unset:
		return nil, errors.New("a list has an element that no item gives; number them from 0")
	case v.kind == scalar:
		return append(b, v.text...), nil
	case v.kind == list:
		b = append(b, '[')
		for i, e := range v.elems {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = e.appendTo(b); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
	b = append(b, '{')
	for i, e := range v.elems {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := newScalar(v.keys[i])
		if err != nil {
			return nil, err
		}
		b = append(append(b, key.text...), ':')
		if b, err = e.appendTo(b); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}
