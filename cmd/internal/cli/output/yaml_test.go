package output

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"
)

// FuzzYAML: another reader of YAML finds the same document.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,"x\"",null,{"b":[[],{}]}]}`, `"\u2028\ud83d\ude00\u0085"`, `{"1":2,"null":{"y":"n"},"":-0.0}`, `[1e400,12345678901234567890,-1.5E-7]`,
		`["- a","a: b","#","!x","1_000","0x1","~","=","<<","2001-01-01","a #b","@","%","?","x ","_","a\nb","\ufeff"]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		text, err := write(t, Format{Form: "yaml"}, doc, false)
		if err != nil {
			return
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(doc)))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			return // a byte order mark in front
		}
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(text), &node); err != nil {
			t.Fatalf("%s became\n%s\n%v", doc, text, err)
		}
		if got := plainValue(t, node.Content[0]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s became\n%s\n%#v, want %#v", doc, text, got, want)
		}
	})
}

// plainValue is what encoding/json would have read.
func plainValue(t *testing.T, n *yaml.Node) any {
	switch {
	case n.Kind == yaml.MappingNode:
		m := make(map[string]any)
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Tag != "!!str" {
				t.Errorf("the key %q is a %s", n.Content[i].Value, n.Content[i].Tag)
			}
			m[n.Content[i].Value] = plainValue(t, n.Content[i+1])
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			list = append(list, plainValue(t, e))
		}
		return list
	case n.Tag == "!!null":
		return nil
	case n.Tag == "!!bool":
		return n.Value == "true"
	case n.Style == 0 && (n.Value[0] == '-' || n.Value[0] >= '0' && n.Value[0] <= '9'):
		return json.Number(n.Value)
	}
	if n.Tag != "!!str" {
		t.Errorf("%q is a %s", n.Value, n.Tag)
	}
	return n.Value
}
