package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// userConfig is config.yaml: values for flags, the lowest layer above the
// defaults. What a definition says of an API beats it.
type userConfig struct {
	path   string
	values map[string]configValue // by long flag name
}

type configValue struct {
	key, text    string
	line, column int
}

// configurable are the flags that may have a value for every call. A credential
// is none of them: it belongs to one API.
var configurable = []string{
	"timeout", "connect-timeout", "deadline", "retry", "rate", "redirects", "proxy", "ca", "no-input", "quiet", "strict", "verbose",
}

// loadUserConfig reads config.yaml; without one, nothing is set.
func loadUserConfig() (userConfig, error) {
	dir, err := configDir()
	if err != nil {
		return userConfig{}, nil // no home directory, no configuration
	}
	c := userConfig{path: filepath.Join(dir, "config.yaml")}
	data, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, failuref(exitDefinition, "%s: %w", c.path, plain(err))
	}
	return c, c.parse(data)
}

func (c *userConfig) parse(data []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return failuref(exitDefinition, "%s: %w", c.path, err)
	}
	if doc.Kind == 0 {
		return nil // empty
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return c.bad(root, "want keys and values, such as timeout: 10s")
	}
	c.values = make(map[string]configValue)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := flagOf(key.Value)
		if !slices.Contains(configurable, name) {
			return c.bad(key, fmt.Sprintf("%s is no setting", quoted(key.Value))).hint("settings are the flags %v, with _ for -", configurable)
		}
		if value.Kind != yaml.ScalarNode {
			return c.bad(value, key.Value+": want one value")
		}
		if _, ok := c.values[name]; ok {
			return c.bad(key, key.Value+" is given twice")
		}
		c.values[name] = configValue{key.Value, value.Value, value.Line, value.Column}
	}
	return nil
}

// flagOf turns a snake_case key into the name of a flag.
func flagOf(key string) string {
	b := []byte(key)
	for i, c := range b {
		if c == '_' {
			b[i] = '-'
		}
	}
	return string(b)
}

func (c *userConfig) bad(n *yaml.Node, text string) *failure {
	return failuref(exitDefinition, "%s:%d:%d: %s", c.path, n.Line, n.Column, text)
}
