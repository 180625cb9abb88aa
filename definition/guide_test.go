package definition

import (
	"os"
	"strings"
	"testing"
)

// guideExamples returns the definitions in the guide's page about definitions.
func guideExamples(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/guide/definition.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, part := range strings.Split(string(text), "```yaml\n")[1:] {
		example, _, _ := strings.Cut(part, "```")
		out = append(out, example)
	}
	if len(out) == 0 {
		t.Fatal("no example found")
	}
	return out
}

// TestGuide_Mistakes shows that the messages of the guide are real.
func TestGuide_Mistakes(t *testing.T) {
	t.Parallel()
	got := messages(t, `version: 1
apis:
  github:
    base_ulr: https://api.github.com
    base_url: https://api.github.com
    timeout:
        total: 30
    auth:
        bearer:    ghp_0123456789
`)
	text, err := os.ReadFile("../docs/guide/definition.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), got) {
		t.Errorf("the guide does not show\n%s", got)
	}
}

// TestGuide_Variables loads the variables of the guide.
func TestGuide_Variables(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/guide/definition.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```\nGODWIT_")
	lines, _, _ := strings.Cut(after, "\n```")
	environ := append(strings.Split("GODWIT_"+lines, "\n"), "CRM_URL=https://crm.example.com")
	if len(environ) < 5 {
		t.Fatalf("variables %q", environ)
	}
	d := load(t, Options{Environ: environ}, guideExamples(t)[0])
	c := config(t, d, "github")
	if c.Timeout.Total.Seconds() != 5 || c.Headers["X-Tenant"] != "acme" || len(c.Retry.Statuses) != 2 || c.Auth.Bearer.Token.String() != "env:OTHER_TOKEN" {
		t.Errorf("%+v", c)
	}
	if g, err := d.Gateway(); err != nil || g.Grace.Minutes() != 1 {
		t.Errorf("%+v, %v", g, err)
	}
	if w := d.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}
