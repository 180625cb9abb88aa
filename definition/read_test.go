package definition_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/exchange"
)

// Whoever hashes what Read reads must have seen every byte of it, also those
// behind a document end.
func TestRead_ToTheEnd(t *testing.T) {
	t.Parallel()
	text := "version: 1\napis: {a: {base_url: http://h}}\n" + strings.Repeat("# the rest\n", 1000)
	r := strings.NewReader(text)
	def, err := definition.Options{}.Read("f.yaml", iotest.OneByteReader(r))
	if err != nil {
		t.Fatal(err)
	}
	if r.Len() != 0 || strings.Join(def.APIs(), " ") != "a" || strings.Join(def.Files(), " ") != "f.yaml" {
		t.Errorf("%d bytes are left; APIs %v of %v", r.Len(), def.APIs(), def.Files())
	}
	if err := def.Close(); err != nil {
		t.Error(err)
	}
}

func TestRead_Mistakes(t *testing.T) {
	t.Parallel()
	gone := errors.New("disk gone")
	for name, c := range map[string]struct {
		def  definition.Options
		text string
		err  error
		want string
	}{
		"not readable":      {definition.Options{}, "version: 1\n", gone, "f.yaml: disk gone"},
		"too large":         {definition.Options{}, "version: 1\n#" + strings.Repeat("x", 8<<20), nil, "f.yaml: the file is larger than"},
		"no YAML":           {definition.Options{}, "a: b: c", nil, "f.yaml:1:"},
		"an unknown key":    {definition.Options{}, "version: 1\napi: {}\n", nil, "f.yaml:2:1: api: unknown key"},
		"an unknown choice": {definition.Options{Profile: "p"}, "version: 1\napis: {a: {base_url: http://h}}\n", nil, `f.yaml: there is no profile "p"`},
	} {
		r := bytes.NewReader([]byte(c.text))
		def, err := c.def.Read("f.yaml", r)
		if c.err != nil {
			def, err = c.def.Read("f.yaml", iotest.ErrReader(c.err))
		}
		if def != nil || !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, def, err)
		}
	}
}
