package definition

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-go/godwit"
)

// section is one part of a txtar archive.
type section struct{ name, text string }

func parseArchive(data string) (comment string, sections []section) {
	for line := range strings.Lines(data) {
		name, isHead := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		name, closed := strings.CutSuffix(name, " --")
		switch {
		case isHead && closed:
			sections = append(sections, section{name: name})
		case len(sections) == 0:
			comment += line
		default:
			sections[len(sections)-1].text += line
		}
	}
	return comment, sections
}

// testEnviron is the environment of the tests.
var testEnviron = []string{"GITHUB_URL=https://github.example.com", "EMPTY=", "HEADER_KEY=canary-header-key", "BROKEN_KEY=canary\nbroken"}

// TestErrors compares every message of testdata/errors.txtar, word by word.
func TestErrors(t *testing.T) {
	t.Parallel()
	const golden = "testdata/errors.txtar"
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	comment, sections := parseArchive(string(data))
	out := bytes.NewBufferString(comment)
	for i := 0; i+1 < len(sections); i += 2 {
		in, want := sections[i], sections[i+1]
		if want.name != in.name+".want" {
			t.Fatalf("%s is followed by %s", in.name, want.name)
		}
		got := messages(t, in.text)
		if !*update && got != want.text {
			t.Errorf("%s:\n%s\ngot\n%swant\n%s", in.name, in.text, got, want.text)
		}
		if strings.Contains(got, "CANARY") && !strings.Contains(got, "env:CANARY") || strings.Contains(got, "canary") {
			t.Errorf("%s: a message shows the secret:\n%s", in.name, got)
		}
		fmt.Fprintf(out, "-- %s --\n%s-- %s --\n%s", in.name, in.text, want.name, got)
	}
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// messages returns what Load and Validate say about a file.
func messages(t *testing.T, text string) string {
	t.Helper()
	name := write(t, "godwit.yaml", text)
	d, err := Options{Environ: testEnviron}.Load(name)
	if err == nil {
		err = d.Validate()
	}
	if err == nil {
		t.Errorf("no mistake found in\n%s", text)
		return ""
	}
	if !errors.Is(err, godwit.ErrConfig) {
		t.Errorf("%v is not of kind %v", err, godwit.ErrConfig)
	}
	return strings.ReplaceAll(err.Error(), filepath.Dir(name)+string(filepath.Separator), "") + "\n"
}

// write puts a file into a folder of its own.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
