package item

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func ExampleParse() {
	items, err := Parse([]string{"user[name]=ada", "user[age]:=36", "tags[]=x", "dry==true", "X-Tenant:blue"})
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := Build(nil, items, Item.literal)
	fmt.Println(string(body), err)
	// Output: {"user":{"name":"ada","age":36},"tags":["x"]} <nil>
}

// literal is a Source for items that need no file.
func (i Item) literal() ([]byte, error) { return []byte(i.Value), nil }

func TestParseKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		arg  string
		want Item
	}{
		{"name=value", Item{Kind: Text, Name: "name", Value: "value"}},
		{"name=", Item{Kind: Text, Name: "name"}},
		{"name=@file", Item{Kind: Text, Name: "name", Value: "file", FromFile: true}},
		{`name=\@file`, Item{Kind: Text, Name: "name", Value: "@file"}},
		{`name=\\@file`, Item{Kind: Text, Name: "name", Value: `\@file`}},
		{`name=a\b`, Item{Kind: Text, Name: "name", Value: `a\b`}},
		{"name:=3", Item{Kind: JSON, Name: "name", Value: "3"}},
		{"name:=@f.json", Item{Kind: JSON, Name: "name", Value: "f.json", FromFile: true}},
		{"name==v", Item{Kind: Query, Name: "name", Value: "v"}},
		{"name==", Item{Kind: Query, Name: "name"}},
		{"name==@f", Item{Kind: Query, Name: "name", Value: "f", FromFile: true}},
		{"a===b", Item{Kind: Query, Name: "a", Value: "=b"}},
		{"Name:value", Item{Kind: Header, Name: "Name", Value: "value"}},
		{"Name:@f", Item{Kind: Header, Name: "Name", Value: "f", FromFile: true}},
		{"Name:", Item{Kind: Remove, Name: "Name"}},
		{"Name;", Item{Kind: Header, Name: "Name"}},
		{"a;b=c", Item{Kind: Text, Name: "a;b", Value: "c"}},
		{"pic@cat.jpg", Item{Kind: File, Name: "pic", Value: "cat.jpg"}},
		{"pic@cat.jpg;type=image/jpeg", Item{Kind: File, Name: "pic", Value: "cat.jpg", Type: "image/jpeg"}},
		{"@body.json", Item{Kind: Document, Value: "body.json"}},
		{"@-", Item{Kind: Document, Value: "-"}},
		{"mail=a@b.c", Item{Kind: Text, Name: "mail", Value: "a@b.c"}},
		{"url=http://x/?a==b", Item{Kind: Text, Name: "url", Value: "http://x/?a==b"}},
		{`a\:b=c`, Item{Kind: Text, Name: "a:b", Value: "c"}},
		{`a\=b\@=c`, Item{Kind: Text, Name: "a=b@", Value: "c"}},
		{`a\b=c`, Item{Kind: Text, Name: `a\b`, Value: "c"}},
	}
	for _, test := range tests {
		items, err := Parse([]string{test.arg})
		if err != nil {
			t.Errorf("%s: %v", test.arg, err)
			continue
		}
		got := items[0]
		got.Path, got.Pos = nil, 0
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.arg, got, test.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"name":       "item 2, 'name': it has no separator",
		"token12345": "item 2, '…': it has no separator",
		"=x":         "item 2, '': its name is missing",
		"name=@":     "item 2, 'name': @ needs the path of a file",
		"@":          "item 2, '@': @ needs the path of a file",
		"f@x;type=":  "item 2, 'f': ;type= needs a media type",
		"a[b=c":      "item 2, 'a[b': the [ at character 2 is never closed",
		"a]=c":       "item 2, 'a]': the ] at character 2 closes nothing",
		"a[b]c=d":    "item 2, 'a[b]c': 'c' behind ] must be [",
		"a[b[c]]=d":  "item 2, 'a[b[c]]': the [ at character 4 is inside brackets",
		"a[99999]=d": "item 2, 'a[99999]': an index above 9999 is refused",
		"a\xff=d":    "its name is not UTF-8",
	} {
		_, err := Parse([]string{"ok=1", arg})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", arg, err, want)
		}
	}
}

func TestErrorsNeverHoldTheValue(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry-value"
	for _, args := range [][]string{
		{"a[=" + canary}, {"a=x", "a=" + canary}, {"a:=" + canary}, {"a[]=1", "a[b]=" + canary}, {"a=1", "a[b]:=\"" + canary + "\""},
	} {
		items, err := Parse(args)
		if err == nil {
			_, err = Build(nil, items, Item.literal)
		}
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestBuildNested(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want string }{
		{"user[name]=ada tags[]=x point[0]:=1", `{"user":{"name":"ada"},"tags":["x"],"point":[1]}`},
		{"[]=x []:=2", `["x",2]`},
		{"[0]=x [1][a]=y", `["x",{"a":"y"}]`},
		{"[name]=x", `{"name":"x"}`},
		{"p[1]=b p[0]=a", `{"p":["a","b"]}`},
		{"u[][n]=a u[][n]=b", `{"u":[{"n":"a"},{"n":"b"}]}`},
		{`a[\0]=x`, `{"a":{"0":"x"}}`},
		{`a\[0\]=x`, `{"a[0]":"x"}`},
		{`a:={"b":1} a[c]=2`, `{"a":{"b":1,"c":"2"}}`},
		{"n:=12345678901234567890.10 t:=true z:=null", `{"n":12345678901234567890.10,"t":true,"z":null}`},
		{"b=2 a=1", `{"b":"2","a":"1"}`},
		{"h=<&>", `{"h":"<&>"}`},
		{"X-Y:z q==1", ``},
	}
	for _, test := range tests {
		items, err := Parse(strings.Fields(test.args))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Build(nil, items, Item.literal)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v, want %s", test.args, got, err, test.want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"a[]=1 a[b]=2":                      "item 2, 'a[b]': 'a' is used both as a list and as an object",
		"a[b]=1 a[]=2":                      "item 2, 'a[]': 'a' is used both as a list and as an object",
		"[]=1 a=2":                          "item 2, 'a': the whole body is used both as a list and as an object",
		"a=1 a[b]=2":                        "item 2, 'a[b]': 'a' already is a plain value",
		"a=1 a=2":                           "item 2, 'a': 'a' is given twice; write a[]=… for a list",
		"a[b]=1 a=2":                        "item 2, 'a': 'a' is given twice",
		"p[1]=b":                            "item 1, 'p[1]': 'p[0]' is given by no item; number them from 0",
		"a=1 x[p][0][q]=1 x[p][2][q]=b c=2": "item 3, 'x[p][2][q]': 'x[p][1]' is given by no item",
		"[1]=b":                             "item 1, '[1]': '[0]' is given by no item",
		"a:=nope":                           "item 1, 'a': it is not JSON: line 1, byte 2",
		`a:={"x":1,"x":2}`:                  "item 1, 'a': member 'x' occurs twice",
		`a:={}{}`:                           "item 1, 'a': something follows the JSON document",
		"a=\xff":                            "item 1, 'a': it is not UTF-8",
		"a:=[1":                             "item 1, 'a': it is not JSON: it ends too early",
		"@x @y":                             "item 2, '@y': the body is given twice",
		"a:=" + deep(20000):                 "item 1, 'a': it is nested deeper than 512 levels",
	} {
		items, err := Parse(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Build(nil, items, func(i Item) ([]byte, error) {
			if i.Kind == Document {
				return []byte("{}"), nil
			}
			return i.literal()
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", args, err, want)
		}
	}
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestBuildPatchesADocument(t *testing.T) {
	t.Parallel()
	const base = `{"id":9007199254740993,"tags":["a"],"user":{"name":"bob"},"none":null}`
	items, err := Parse([]string{"@base", "tags[]=b", "user[name]=ada", "none[x]:=1", "new=1", "tags[0]=c"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Build(nil, items, func(i Item) ([]byte, error) {
		if i.Kind == Document {
			return []byte(base), nil
		}
		return i.literal()
	})
	const want = `{"id":9007199254740993,"tags":["c","b"],"user":{"name":"ada"},"none":{"x":1},"new":"1"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestBuildKeepsALoneDocumentByteForByte(t *testing.T) {
	t.Parallel()
	items, err := Parse([]string{"@-"})
	if err != nil {
		t.Fatal(err)
	}
	const doc = " not even { json\n"
	got, err := Build([]byte(doc), items, nil)
	if err != nil || string(got) != doc {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzItems(f *testing.F) {
	for _, seed := range []string{
		"a=1", "user[name]=ada\ntags[]=x\npoint[0]:=1", "[]=x", `a\:b=c`, "a[b=c", "a==@f", "Name;", "@-", `a:={"b":[1,2]}` + "\na[b][]=3", "f@p;type=a/b",
		`a[\0]=x`, "a[9999]=1", "::=:", `\`, `\=\`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		items, err := Parse(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		body, err := Build(nil, items, func(i Item) ([]byte, error) { return []byte(`{"base":[1,{"x":null}]}`), nil })
		if err != nil || body == nil {
			return
		}
		if !json.Valid(body) {
			t.Errorf("%q became %q", text, body)
		}
		again, err := ParseJSON(body)
		if err != nil {
			t.Fatalf("%q is not read again: %v", body, err)
		}
		if twice, err := again.Encode(); err != nil || string(twice) != string(body) {
			t.Errorf("%q became %q, %v", body, twice, err)
		}
	})
}
