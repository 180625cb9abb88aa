package definition

import (
	"fmt"
	"strings"
	"testing"
)

// manyAPIs is a file of n APIs of some 17 lines each.
func manyAPIs(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\ndefaults:\n  timeout: {total: 30s}\napis:\n")
	for i := range n {
		fmt.Fprintf(&b, `  api-%d:
    base_url: https://api-%d.example.com/v1
    headers:
      Accept: application/json
    query: {per_page: "50"}
    auth: {bearer: env:TOKEN_%d}
    timeout: {connect: 5s, header: 10s}
    retry:
      attempts: 4
    redirect: {limit: 5}
    statuses:
      403: You do not have permission
      404: There is no such thing
    operations:
      list: GET /things
      get: GET /things/{id}
      create: {request: POST /things, idempotent: true}
`, i, i, i)
	}
	return b.String()
}

// BenchmarkLoad50 is what the command pays at each start: a file of 50 APIs of
// which one is used.
func BenchmarkLoad50(b *testing.B) {
	name := write(b, "godwit.yaml", manyAPIs(50))
	b.ReportAllocs()
	for b.Loop() {
		d, err := Load(name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Config("api-7"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate50(b *testing.B) {
	name := write(b, "godwit.yaml", manyAPIs(50))
	for b.Loop() {
		d, err := Load(name)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
