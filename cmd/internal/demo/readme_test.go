package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The URL and the token that the README uses.
const (
	readmeURL   = "http://127.0.0.1:7373"
	readmeToken = "sesame"
)

// readme is the README, with what it promises.
type readme struct {
	definition string
	commands   []promise
	explained  []string // what explain prints, without the defaults
}

// promise is one command line; said is the comment behind it.
type promise struct{ line, said string }

func readReadme(t *testing.T) readme {
	t.Helper()
	data, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var r readme
	for _, block := range regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		language, text := block[1], block[2]
		switch first, rest, _ := strings.Cut(text, "\n"); {
		case language == "yaml":
			r.definition = text
		case strings.HasPrefix(first, "$ godwit explain call shop item id=1"):
			r.explained = words(rest)
		case language == "" && !strings.Contains(text, "serve"):
			for line := range strings.Lines(text) {
				if line, ok := strings.CutPrefix(line, "bin/godwit "); ok {
					line, said, _ := strings.Cut(line, "#")
					said, _, _ = strings.Cut(said, ", after ")
					r.commands = append(r.commands, promise{strings.TrimSpace(line), strings.TrimSpace(said)})
				}
			}
		}
	}
	if r.definition == "" || len(r.commands) < 5 || len(r.explained) < 10 {
		t.Fatalf("the README has %d bytes of definition, %d commands and %d lines of explain", len(r.definition), len(r.commands), len(r.explained))
	}
	return r
}

// words are the lines of a text with single blanks in them, for columns change
// their width with what is in them.
func words(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return out
}

// TestReadme runs the commands of the README in their order.
func TestReadme(t *testing.T) {
	t.Parallel()
	binary, r := build(t), readReadme(t)
	err := withShop(t.Context(), "127.0.0.1:0", readmeToken, func(url string) error {
		dir := t.TempDir()
		run := func(line string) string {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), binary, strings.Fields(line)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "SHOP_TOKEN="+readmeToken, "GODWIT_HOME="+filepath.Join(dir, "home"))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("godwit %s: %v\n%s", line, err, &stderr)
			}
			return strings.ReplaceAll(string(out), url, readmeURL)
		}
		if err := os.WriteFile(filepath.Join(dir, "godwit.yaml"), []byte(strings.ReplaceAll(r.definition, readmeURL, url)), 0o600); err != nil {
			return err
		}
		for _, c := range r.commands {
			if c.line == "trust" {
				run("trust --yes") // nobody is there to be asked
				continue
			}
			if got := strings.TrimSpace(run(c.line)); got != c.said {
				t.Errorf("godwit %s printed %q, the README says %q", c.line, got, c.said)
			}
		}
		got := slices.DeleteFunc(words(run("explain call shop item id=1")), func(s string) bool { return strings.HasSuffix(s, " default") })
		for i := range got {
			if strings.HasPrefix(got[i], "X-Request-Id: ") {
				got[i] = "X-Request-Id: …"
			}
		}
		if !slices.Equal(got, r.explained) {
			t.Errorf("explain prints\n%s\nthe README says\n%s", strings.Join(got, "\n"), strings.Join(r.explained, "\n"))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// The shop of the README is stopped by the end of its context and wants a token.
func TestServeShop(t *testing.T) {
	t.Parallel()
	if err := serveShop(t.Context(), "127.0.0.1:0", "", new(strings.Builder)); err == nil || !strings.Contains(err.Error(), "SHOP_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SHOP_TOKEN ?= " + readmeToken + "\n", "-serve " + strings.TrimPrefix(readmeURL, "http://") + "\n"} {
		if !strings.Contains(string(makefile), want) {
			t.Errorf("make shop has no %q", want)
		}
	}
}
