// Package item reads the request items of a command line, such as name=ada,
// age:=36, dry==true, X-Tenant:blue or photo@cat.jpg, and builds nested JSON of
// them.
//
// It is pure: it opens no file and sends nothing. An item is split once, at its
// earliest separator (the longest at one place wins), and its value is never
// read again. A backslash in the name takes the meaning from the character that
// follows; a value that begins with \@ is the text @….
package item

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/godwit-go/godwit/internal/redact"
)

// Kind says what an item becomes.
type Kind int

// The kinds of items.
const (
	Text     Kind = iota // name=value: a string in JSON, or a form field
	JSON                 // name:=value: raw JSON
	Query                // name==value: a query parameter
	Header               // Name:value: a header field
	Remove               // Name: without a value: a default header field is left out
	File                 // name@path: a file of a multipart form
	Document             // @path: the whole body
)

// Body reports whether items of this kind are part of the request body.
func (k Kind) Body() bool { return k == Text || k == JSON || k == File || k == Document }

// Item is one request item.
type Item struct {
	Kind     Kind
	Name     string // without escapes; brackets as they stand
	Path     []Step // where Text and JSON go in a JSON body
	Value    string // the value; with FromFile, the path of the file that holds it, - for stdin
	FromFile bool   // the value is in a file
	Type     string // media type of a File; empty: none given
	Pos      int    // 1 for the first item
}

// Error is a mistake in one item. Its text never holds the item's value.
type Error struct {
	Pos  int    // 1 for the first item
	Item string // the name part of the item
	Text string
}

// Error returns the position, the item's name and what is wrong.
func (e *Error) Error() string { return fmt.Sprintf("item %d, %s: %s", e.Pos, quote(e.Item), e.Text) }

func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return "'" + redact.Printable(s) + "'"
}

// Errorf returns an Error about the item.
func (i Item) Errorf(format string, args ...any) error {
	name := i.Name
	if i.Kind == Document {
		name = "@" + i.Value
	}
	return &Error{Pos: i.Pos, Item: name, Text: fmt.Sprintf(format, args...)}
}

// Parse reads items.
func Parse(args []string) ([]Item, error) {
	items := make([]Item, 0, len(args))
	for n, arg := range args {
		i, err := parse(n+1, arg)
		if err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, nil
}

// separators, longest first where one begins another.
var separators = [...]struct {
	text     string
	kind     Kind
	fromFile bool
}{
	{":=@", JSON, true},
	{"==@", Query, true},
	{":=", JSON, false},
	{"==", Query, false},
	{"=@", Text, true},
	{":@", Header, true},
	{"=", Text, false},
	{":", Header, false},
	{"@", File, false},
}

func parse(pos int, arg string) (Item, error) {
	at, sep := split(arg)
	if at < 0 {
		return Item{}, &Error{pos, shownName(arg), "it has no separator; write name=text, name:=json, name==query, Name:header or name@file"}
	}
	raw := arg[:at]
	i := Item{Pos: pos, Kind: Header, Name: unescape(raw)}
	if sep < 0 { // Name;
		return i, i.check()
	}
	s := separators[sep]
	i.Kind, i.FromFile, i.Value = s.kind, s.fromFile, arg[at+len(s.text):]
	switch {
	case i.FromFile && i.Value == "":
		return Item{}, i.Errorf("@ needs the path of a file, or - for stdin")
	case i.FromFile:
	case i.Kind == Header && i.Value == "":
		i.Kind = Remove
	case i.Kind == File:
		if err := i.setFile(); err != nil {
			return Item{}, err
		}
	case strings.HasPrefix(strings.TrimLeft(i.Value, `\`), "@") && i.Value[0] == '\\':
		i.Value = i.Value[1:]
	}
	if i.Kind == Text || i.Kind == JSON {
		if !utf8.ValidString(raw) {
			return Item{}, i.Errorf("its name is not UTF-8")
		}
		path, err := parsePath(raw)
		if err != nil {
			return Item{}, i.Errorf("%s", err)
		}
		i.Path = path
	}
	return i, i.check()
}

func (i Item) check() error {
	if i.Name == "" && i.Kind != Document {
		return &Error{i.Pos, "", "its name is missing"}
	}
	return nil
}

// setFile splits the media type from the path.
func (i *Item) setFile() error {
	if i.Name == "" {
		i.Kind = Document
	}
	if at := strings.LastIndex(i.Value, ";type="); at >= 0 {
		i.Value, i.Type = i.Value[:at], i.Value[at+len(";type="):]
		if i.Type == "" {
			return i.Errorf(";type= needs a media type, such as image/png")
		}
	}
	if i.Value == "" {
		return &Error{i.Pos, i.Name + "@", "@ needs the path of a file, or - for stdin"}
	}
	return nil
}

// split finds the earliest separator: its place and its index in separators,
// -1 for the ; of Name;. The place is -1 if there is none.
func split(arg string) (at, sep int) {
	for at = 0; at < len(arg); at++ {
		switch arg[at] {
		case '\\':
			if at+1 < len(arg) && special(arg[at+1]) {
				at++
			}
		case ':', '=', '@':
			for sep := range separators {
				if strings.HasPrefix(arg[at:], separators[sep].text) {
					return at, sep
				}
			}
		case ';':
			if at == len(arg)-1 {
				return at, -1
			}
		}
	}
	return -1, 0
}

// special reports characters that a backslash takes the meaning from.
func special(c byte) bool { return strings.IndexByte(`\=:;@[]`, c) >= 0 }

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for at := 0; at < len(s); at++ {
		if s[at] == '\\' && at+1 < len(s) && (special(s[at+1]) || digit(s[at+1])) {
			at++
		}
		b.WriteByte(s[at])
	}
	return b.String()
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// shownName is what an error shows of an item without separator, which may be
// a secret: only a plain word.
func shownName(arg string) string {
	const most = 20
	word := strings.IndexFunc(arg, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-' }) < 0
	if len(arg) > most || !word {
		return "…"
	}
	return arg
}
