package gateway

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/limit"
)

// C2: all callers of an API stand in one line, and one whose turn would come too
// late is told so at once.
func TestC2_OneLineForAllCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sends atomic.Int32
		r := newBubble(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sends.Add(1) }), func(_ *Config, up *godwit.Config) {
			up.Limit = limit.Config{MaxWait: 30 * time.Second, Quotas: []limit.Quota{{Name: "core", Limit: "6/m"}}}
		})
		if resp := r.get("/first"); resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		start := time.Now()
		if resp := r.get("/second"); resp.StatusCode != 200 || time.Since(start) < 9*time.Second || time.Since(start) > 11*time.Second {
			t.Fatalf("status %d after %v", resp.StatusCode, time.Since(start))
		}
		for range 3 { // they fill the line
			go func() {
				if resp := r.get("/queued"); resp.StatusCode != 200 {
					t.Errorf("a queued call got status %d", resp.StatusCode)
				}
			}()
		}
		synctest.Wait()
		start, before := time.Now(), sends.Load()
		resp := r.get("/late")
		p := r.problem(resp)
		after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if p.Status != 429 || p.Kind != "deadline would be missed" || p.Policy != "limit" || p.Sent != "no" || err != nil || after < 35 || after > 45 {
			t.Errorf("%+v, Retry-After %q", p, resp.Header.Get("Retry-After"))
		}
		if took := time.Since(start); took != 0 || sends.Load() != before {
			t.Errorf("it took %v and %d sends", took, sends.Load()-before)
		}
		time.Sleep(time.Minute) // the queue leaves
	})
}

// A refusal of one caller's own credential does not hold the others back.
func TestC2_PassedCredentialsHaveTheirOwnLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newBubble(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Authorization") == "Bearer greedy" {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(429)
			}
		}), passThrough)
		call := func(token string) *http.Response {
			req := r.request("GET", "/x", nil)
			req.Header.Set("Authorization", "Bearer "+token)
			return r.do(req)
		}
		if got := call("greedy"); got.StatusCode != 429 || got.Header.Get("Proxy-Status") != "" {
			t.Errorf("the server's refusal: %d, %v", got.StatusCode, got.Header)
		}
		if got := call("greedy"); got.StatusCode != 429 || got.Header.Get("Proxy-Status") == "" {
			t.Errorf("the next one is held back here: %d, %v", got.StatusCode, got.Header)
		}
		if got := call("modest"); got.StatusCode != 200 {
			t.Errorf("another caller: %d", got.StatusCode)
		}
	})
}
