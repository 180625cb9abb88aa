package godwit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/godwit-go/godwit/internal/jsontext"
)

// unmarshalJSON decodes one JSON document and refuses what would be changed
// silently: invalid UTF-8, a second document, numbers that lose digits in an
// any (they become json.Number).
func unmarshalJSON(data []byte, v any, strict bool) error {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return errors.New("json: the document is not UTF-8")
	}
	if jsontext.TooDeep(data) {
		return fmt.Errorf("json: the document is nested deeper than %d levels", jsontext.MaxDepth)
	}
	if string(bytes.TrimSpace(data)) == "null" && !takesNull(v) {
		return errors.New("json: the document is null where a value is due")
	}
	if !strict && !holdsAny(reflect.TypeOf(v)) {
		return jsonError(json.Unmarshal(data, v))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		return jsonError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("json: something follows the document")
	}
	return nil
}

// jsonError names the format in the errors of encoding/json that do not.
func jsonError(err error) error {
	if err == nil || strings.HasPrefix(err.Error(), "json: ") {
		return err
	}
	return fmt.Errorf("json: %w", err)
}

// takesNull reports whether null says something to the type that v points to: it
// has a nil, or decodes it by itself. Into anything else encoding/json puts
// nothing, which looks like an empty value that was sent.
func takesNull(v any) bool {
	if _, ok := v.(json.Unmarshaler); ok {
		return true
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return true // encoding/json says what is wrong with it
	}
	switch rv.Elem().Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return true
	}
	return false
}

// anyTypes remembers for each type whether a value of it can hold an any.
var anyTypes sync.Map

func holdsAny(t reflect.Type) bool {
	if known, ok := anyTypes.Load(t); ok {
		return known.(bool)
	}
	found := findAny(t, map[reflect.Type]bool{})
	anyTypes.Store(t, found)
	return found
}

func findAny(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findAny(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if findAny(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// decodeText turns data into UTF-8. name overrides what the content type, a
// byte order mark or the bytes say.
func decodeText(data []byte, contentType, name string) (string, error) {
	if name != "" {
		contentType = "text/plain; charset=" + name
		if enc, _ := charset.Lookup(name); enc == nil {
			return "", fmt.Errorf("the charset %q is not known", clip(name))
		}
	}
	if name == "" && contentType == "application/json" && utf8.Valid(data) {
		return string(data), nil
	}
	enc, found, declared := charset.DetermineEncoding(data, contentType)
	if guess := "windows-1252"; found == guess && !declared && utf8.Valid(data) {
		found = "utf-8" // the guess has seen the first KiB alone
	}
	if found == "utf-8" {
		return string(bytes.TrimPrefix(bytes.ToValidUTF8(data, []byte("\uFFFD")), []byte("\xef\xbb\xbf"))), nil
	}
	out, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		return "", fmt.Errorf("charset %s: %w", found, err)
	}
	return strings.TrimPrefix(string(out), "\uFEFF"), nil
}

func charsetReader(label string, input io.Reader) (io.Reader, error) {
	return charset.NewReaderLabel(label, input)
}
