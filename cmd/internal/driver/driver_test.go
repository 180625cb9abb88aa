package driver

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	t.Parallel()
	dir, asked := filepath.Join(t.TempDir(), "limits"), 0
	var log bytes.Buffer
	stores := New(Config{
		Dir: func() (string, error) { asked++; return dir, nil },
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if _, err := os.Stat(dir); err == nil || asked != 0 {
		t.Error("a folder is made before it is needed")
	}
	s, err := stores.Store("file")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := stores.Store("file"); err != nil || again != s || asked != 1 {
		t.Errorf("%v, %v, asked %d times", again, err, asked)
	}
	if _, err := s.Swap(t.Context(), "o", nil, []byte("1"), 1<<40); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.state"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	if err := os.WriteFile(found[0], []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Swap(t.Context(), "o", nil, nil, 1); err != nil || a.Record != nil || !strings.Contains(log.String(), "state file") {
		t.Errorf("%q, %v; log %q", a.Record, err, &log)
	}
	if err := stores.Close(); err != nil {
		t.Error(err)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	home := errors.New("no home directory is known; set GODWIT_HOME")
	stores := New(Config{Dir: func() (string, error) { return "", home }})
	if _, err := stores.Store("file"); !errors.Is(err, home) {
		t.Error(err)
	}
	if _, err := stores.Store("cloud"); err == nil || !strings.Contains(err.Error(), `"cloud"`) {
		t.Error(err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "limits")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	stores := New(Config{Dir: func() (string, error) { return dir, nil }})
	if _, err := stores.Store("file"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(stores.Close())
	// Output: <nil>
}
