package godwit_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/hedge"
	"github.com/godwit-go/godwit/policy/limit"
)

// C5: in the whole chain a hedge takes a place in line like any other send, and
// gives way to a line that is half used and to a breaker that is not closed.
func TestC5_HedgeInTheChain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		quota    string
		failures int // before
		sends    int32
	}{
		"room":            {"1000/s", 0, 2},
		"scarce":          {"30/m", 0, 1},
		"unwell upstream": {"1000/s", 11, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sends atomic.Int32
				var slow atomic.Bool
				status := 200
				client := over(t, exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
					if n := sends.Add(1); slow.Load() && n == 1 {
						select {
						case <-time.After(10 * time.Second):
						case <-req.Context().Done():
							return nil, req.Context().Err()
						}
					}
					return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("x")), Request: req}, nil
				}), func(c *godwit.Config) {
					c.Hedge = hedge.Config{After: "100ms", Budget: 0.5}
					c.Limit.Quotas = []limit.Quota{{Name: "core", Limit: test.quota}}
				})
				for range 4 {
					mustStatus(t, client, 200)
				}
				status = 500
				for range test.failures {
					mustStatus(t, client, 500)
				}
				status = 200
				time.Sleep(2 * time.Second) // the line saves up
				slow.Store(true)
				sends.Store(0)
				resp, err := client.Do(t.Context(), "GET", "/x")
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Close()
				attempts := resp.Attempts()
				if sends.Load() != test.sends || len(attempts) != int(test.sends) {
					t.Fatalf("%d sends, %d attempts", sends.Load(), len(attempts))
				}
				if test.sends == 2 && (attempts[0].Err == nil || attempts[0].Status != 0 || attempts[1].Status != 200) {
					t.Errorf("history: %+v", attempts)
				}
			})
		})
	}
}
