package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/item"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
)

// place fills the path from -P and, for an operation, puts each item where the
// operation wants its name. It returns the items that are left.
func (p *program) place(ctx context.Context, o *options, items []item.Item, c *plan) ([]item.Item, error) {
	names := target.Target{Path: c.path}.Params()
	given := make(map[string]bool)
	add := func(name, value string) {
		given[name] = true
		c.options = append(c.options, godwit.Path(name, value))
	}
	for _, param := range o.params {
		name, value, ok := strings.Cut(param, "=")
		if !ok || name == "" {
			return nil, usagef("-P: want NAME=VALUE")
		}
		switch {
		case !slices.Contains(names, name):
			path, _, _ := strings.Cut(c.path, "?")
			return nil, usagef("-P %s: the path %s has no {%s}", quoted(name), quoted(path), name)
		case given[name]:
			return nil, usagef("-P %s: it is given twice", quoted(name))
		}
		add(name, value)
	}
	var rest []item.Item
	for _, i := range items {
		moved, where := c.wants(i, names)
		if i.Kind == item.JSON && !i.FromFile && where != "" && where != "body" {
			if _, err := item.ParseJSON([]byte(i.Value)); err != nil {
				return nil, i.Errorf("%s", err)
			}
		}
		if where != "path" {
			rest = append(rest, moved...)
			continue
		}
		if given[i.Name] {
			return nil, i.Errorf("{%s} of the path is given twice", i.Name)
		}
		v, err := p.line(ctx, i)
		if err == nil {
			v, err = scalarText(i, v)
		}
		if err != nil {
			return nil, err
		}
		add(i.Name, v)
	}
	return rest, unfilled(names, given, c)
}

// unfilled is the error for path parameters without a value.
func unfilled(names []string, given map[string]bool, c *plan) error {
	for _, name := range names {
		if given[name] {
			continue
		}
		if name == "" {
			return usagef("the {} of %s has no name", quoted(c.path))
		}
		f := usagef("path parameter {%s} of %s has no value", name, quoted(c.path))
		if c.operation != "" {
			return f.hint("add %s=VALUE", name)
		}
		return f.hint("add -P %s=VALUE", name)
	}
	return nil
}

// wants says where the operation wants an item, and the item as it goes there.
func (c *plan) wants(i item.Item, names []string) (moved []item.Item, where string) {
	if c.operation == "" || i.Kind != item.Text && i.Kind != item.JSON {
		return []item.Item{i}, ""
	}
	where, ok := c.op.Params[i.Name]
	switch {
	case ok:
	case slices.Contains(names, i.Name):
		where = "path"
	case slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodDelete}, c.method):
		where = "query"
	default:
		where = "body"
	}
	switch where {
	case "query":
		return queries(i), where
	case "header":
		if i.Kind == item.JSON && !i.FromFile {
			i.Value = plainJSON([]byte(i.Value))
		}
		i.Kind = item.Header
	}
	return []item.Item{i}, where
}

// queries turns an item into query parameters: a JSON list becomes one each, a
// null none.
func queries(i item.Item) []item.Item {
	if i.Kind == item.Text || i.FromFile {
		i.Kind = item.Query
		return []item.Item{i}
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(i.Value), &list) != nil {
		list = []json.RawMessage{json.RawMessage(i.Value)}
	}
	var out []item.Item
	for _, e := range list {
		q := i
		q.Kind, q.Value = item.Query, plainJSON(e)
		out = append(out, q)
	}
	return out
}

// scalarText is the value of a path parameter.
func scalarText(i item.Item, v string) (string, error) {
	if i.Kind != item.JSON {
		return v, nil
	}
	plain := plainJSON([]byte(v))
	if strings.HasPrefix(plain, "{") || strings.HasPrefix(plain, "[") {
		return "", i.Errorf("a list or object has no place in the path")
	}
	return plain, nil
}

// plainJSON is JSON without the quotes of a string.
func plainJSON(data []byte) string {
	var s string
	if json.Unmarshal(data, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(data))
}
