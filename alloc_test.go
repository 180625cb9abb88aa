//go:build !race

package godwit_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

// What a typed Get through the whole default chain, breaker and limit included,
// with a credential, may allocate above http.NewRequest, http.Client and
// json.Decoder over the same transport; and what a path parameter adds. Raising
// it needs a reason.
const (
	maxExtraAllocs = 8
	maxPathAllocs  = 3
)

// TestTypedGetAllocs counts allocations: not parallel, not under -race.
func TestTypedGetAllocs(t *testing.T) {
	const body = `{"login":"ada","name":"Ada Lovelace"}`
	stub := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 200, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	})
	plain := &http.Client{Transport: stub}
	ctx := context.Background()
	login := "ada"
	baseline := testing.AllocsPerRun(500, func() {
		var u user
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://a.test/v1/users/"+url.PathEscape(login), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Authorization", "Bearer token-1234")
		resp, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.NewDecoder(resp.Body).Decode(&u), resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
	})
	for name, opts := range map[string][]godwit.CallOption{
		"literal path": nil, "path parameter": {godwit.Path("login", "ada")},
	} {
		client, err := godwit.New(godwit.Config{BaseURL: "https://a.test/v1", Transport: stub, Auth: auth.Bearer(secret.Value("token-1234"))})
		if err != nil {
			t.Fatal(err)
		}
		path := "/users/ada"
		if opts != nil {
			path = "/users/{login}"
		}
		own := testing.AllocsPerRun(500, func() {
			if _, err := godwit.Get[user](ctx, client, path, opts...); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %v, net/http %v: %+v", name, own, baseline, own-baseline)
		most := float64(maxExtraAllocs)
		if opts != nil {
			most += maxPathAllocs
		}
		if own-baseline > most {
			t.Errorf("%s: %v allocations more than net/http, %v are allowed", name, own-baseline, most)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}
