package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "github.com/godwit-go/godwit/cmd/internal/cli" // what is built here: a cached result must not outlive a change of it
)

// build builds the program.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "godwit")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../godwit").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// TestTour takes the whole tour: what make run shows.
func TestTour(t *testing.T) {
	t.Parallel()
	binary := build(t)
	var shown strings.Builder
	if err := demonstrate(t.Context(), binary, &shown); err != nil {
		t.Errorf("%v\n%s", err, shown.String())
	}
}

// TestTourNotices shows that a program which does not do its work fails the
// tour.
func TestTourNotices(t *testing.T) {
	t.Parallel()
	nothing := filepath.Join(t.TempDir(), "missing")
	if err := demonstrate(t.Context(), nothing, new(strings.Builder)); err == nil {
		t.Error("a tour without the program succeeds")
	}
	if err := holds("stdout", "b then a", []string{"a", "b"}); err == nil {
		t.Error("the order of what is shown does not count")
	}
}
