package exchange_test

import (
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	ctx, call := exchange.WithCall(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	rt := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		live := exchange.LiveFrom(r.Context())
		if live.Has(exchange.FactProbe) {
			t.Error("a fact that nobody noted")
		}
		live.Note(exchange.FactProbe)
		if !live.Has(exchange.FactProbe) || live.Has(exchange.FactRefused) || live.Has(exchange.FactProbe|exchange.FactRefused) {
			t.Error("not exactly the fact that was noted")
		}
		live.Note(exchange.FactRefused)
		if !live.Has(exchange.FactProbe | exchange.FactRefused) {
			t.Error("a second fact replaced the first")
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	for range 2 { // facts belong to one attempt
		if _, err := exchange.Send(rt, req, call, 0); err != nil {
			t.Fatal(err)
		}
	}
}
