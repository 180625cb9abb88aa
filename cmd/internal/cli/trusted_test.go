package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FS4: what the user accepts is what was parsed and shown, not what the file
// holds by the time of the answer.
func TestFS4_TrustIsOfWhatWasRead(t *testing.T) {
	t.Setenv("GODWIT_HOME", t.TempDir())
	path := filepath.Join(t.TempDir(), "godwit.yaml")
	write := func(host string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("version: 1\napis: {a: {base_url: \"http://"+host+"\"}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() *project {
		t.Helper()
		f, err := new(program).loadProject(new(options), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.def.Close(); err != nil {
				t.Error(err)
			}
		})
		return f
	}
	write("good.test")
	shown := load()
	write("evil.test")
	answer := filepath.Join(t.TempDir(), "answer")
	if err := os.WriteFile(answer, []byte("y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(answer)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var asked strings.Builder
	p := &program{stdio: stdio{in: in, err: &asked, inTerminal: true, errTerminal: true}}
	if err := p.accept(t.Context(), shown, new(options)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(asked.String(), "good.test") || strings.Contains(asked.String(), "evil.test") {
		t.Errorf("the question was\n%s", &asked)
	}
	for _, host := range []string{"evil.test", "good.test"} {
		write(host)
		if trusted, err := load().trusted(); err != nil || trusted != (host == "good.test") {
			t.Errorf("%s: %v, %v", host, trusted, err)
		}
	}
}
