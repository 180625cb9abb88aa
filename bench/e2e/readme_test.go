package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/bench/program"
)

// readmeBlock returns the first fenced block of the README that begins with
// first, without that line when it is a command.
func readmeBlock(t *testing.T, lang, first string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n```"+lang+"\n"+first)
	if !ok {
		t.Fatalf("the README has no block that begins with %q", first)
	}
	block, _, ok := strings.Cut(rest, "\n```\n")
	if !ok {
		t.Fatal("the block is not closed")
	}
	return block + "\n"
}

// TestReadmeShowsWhatExplainPrints runs the command of the README on the
// definition of the README.
func TestReadmeShowsWhatExplainPrints(t *testing.T) {
	t.Parallel()
	const version = "version: 1\n"
	const prompt = "$ godwit explain call shop item id=1 | grep -v ' default$'\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "godwit.yaml"), []byte(version+readmeBlock(t, "yaml", version)), 0o600); err != nil {
		t.Fatal(err)
	}
	env := program.Environment(t.TempDir())
	godwit := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), set.Godwit, args...)
		cmd.Dir, cmd.Env, cmd.Stderr = dir, env, t.Output()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("godwit %s: %v", strings.Join(args, " "), err)
		}
		return string(out)
	}
	godwit("trust", "--yes")
	var got strings.Builder
	for line := range strings.Lines(godwit("explain", "call", "shop", "item", "id=1")) {
		switch {
		case strings.HasSuffix(line, " default\n"):
		case strings.HasPrefix(line, "  User-Agent: godwit"): // a release adds its version
			got.WriteString("  User-Agent: godwit\n")
		case strings.HasPrefix(line, "  X-Request-Id: "):
			got.WriteString("  X-Request-Id: …\n")
		default:
			got.WriteString(line)
		}
	}
	if want := readmeBlock(t, "", prompt); got.String() != want {
		t.Errorf("explain prints\n%s\nthe README shows\n%s", got.String(), want)
	}
}
