package godwit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-go/godwit/internal/jsontext"
)

// depthOf counts with the decoder's own eyes.
func depthOf(data []byte) int {
	dec := json.NewDecoder(bytes.NewReader(data))
	depth, most := 0, 0
	for {
		t, err := dec.Token()
		if err != nil {
			return most
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
			most = max(most, depth)
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
}

func FuzzFC11_JSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,null,true,"\u00e9\\\""]}`, "\xef\xbb\xbf1", `null`, "\"\xff\"", `{}{}`, strings.Repeat("[", jsontext.MaxDepth+1), `"[[["`, strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plain := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		fits := json.Valid(plain) && utf8.Valid(plain) && depthOf(plain) <= jsontext.MaxDepth
		var v any
		if err := unmarshalJSON(data, &v, false); (err == nil) != fits {
			t.Fatalf("%q: %v, fits %v", data, err, fits)
		}
		if !fits {
			return
		}
		out, err := json.Marshal(v) // numbers as they came
		if err != nil {
			t.Fatal(err)
		}
		var again any
		if err := unmarshalJSON(out, &again, true); err != nil {
			t.Fatalf("%q became %q: %v", data, out, err)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("Gr\xfc\xdfe"), "text/plain; charset=iso-8859-1", "")
	f.Add([]byte("\xff\xfeh\x00i\x00"), "text/plain", "")
	f.Add([]byte("caf\xc3\xa9"), "", "utf-8")
	f.Add([]byte("<meta charset=iso-2022-jp>\x1b$B"), "text/html", "")
	f.Add([]byte("x"), "text/plain; charset=hz-gb-2312", "no-such")
	f.Fuzz(func(t *testing.T, data []byte, contentType, name string) {
		text, err := decodeText(data, contentType, name)
		if err == nil && !utf8.ValidString(text) {
			t.Fatalf("%q as %q %q became %q, which is not UTF-8", data, contentType, name, text)
		}
		if err == nil && name == "" && contentType == "" && utf8.Valid(data) && !bytes.Contains(data, []byte("meta")) && !bytes.ContainsAny(data, "\xff\xfe") &&
			strings.TrimPrefix(text, "\ufeff") != strings.TrimPrefix(string(data), "\ufeff") {
			t.Fatalf("%q became %q", data, text)
		}
	})
}
