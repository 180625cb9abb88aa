package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

func ExampleChain() {
	tagged := func(next http.RoundTripper) http.RoundTripper {
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			req = exchange.Own(req) // never the caller's own request
			req.Header.Set("X-Team", "birds")
			return next.RoundTrip(req)
		})
	}
	rt := godwittest.Script(godwittest.Text(200, "hello"))
	client := &http.Client{Transport: exchange.Chain(rt, tagged)}
	resp, err := client.Get("https://api.example.com/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode, rt.Requests()[0].Header.Get("X-Team"))
	// Output: 200 birds
}

func ExampleError() {
	err := error(&exchange.Error{
		Kind: exchange.ErrRateLimited, Method: "GET", URL: "https://api.example.com/items", Status: 429,
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, exchange.ErrRateLimited))
	if e, ok := errors.AsType[*exchange.Error](err); ok {
		fmt.Println(e.Status, e.Sent)
	}
	// Output:
	// GET https://api.example.com/items: rate limited: 429 Too Many Requests
	// true
	// 429 no
}

func ExampleKind() {
	err := &exchange.Error{Kind: exchange.ErrHeaderTimeout}
	fmt.Println(errors.Is(err, exchange.ErrHeaderTimeout), errors.Is(err, exchange.ErrTimeout), errors.Is(err, exchange.ErrDNS))
	// Output: true true false
}

func ExampleSend() {
	ctx, call := exchange.WithCall(context.Background())
	call.Observe(exchange.ObserverFunc(func(_ context.Context, e exchange.Event) {
		fmt.Println(e.Name, e.Method(), e.URL(), e.Status)
	}))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/items?token=secret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := exchange.Send(godwittest.Script(godwittest.Status(204)), req, call, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(call.Attempts()), resp.Body.Close())
	// Output:
	// attempt.start GET https://api.example.com/items?token=*** 0
	// attempt.done GET https://api.example.com/items?token=*** 204
	// call.body GET https://api.example.com/items?token=*** 204
	// 1 <nil>
}

// Calls of a nightly job are patient, whatever makes them.
func ExampleWithClass() {
	ctx := exchange.WithClass(context.Background(), exchange.ClassBatch)
	_, call := exchange.WithCall(ctx)
	fmt.Println(call.Class == exchange.ClassBatch)
	// Output: true
}

// A policy asks for the facts that its call shares. Outside a chain Begin makes
// them.
func ExampleBegin() {
	counted := func(next http.RoundTripper) http.RoundTripper {
		return exchange.RoundTripFunc(func(incoming *http.Request) (*http.Response, error) {
			req, call := exchange.Begin(incoming)
			if req.Context().Err() != nil {
				exchange.CloseBody(req) // on every path
				return nil, call.ContextError(req.Context(), "counted", req)
			}
			live := exchange.LiveFrom(req.Context()) // nil: not inside an attempt
			fmt.Println(exchange.CallFrom(req.Context()) == call, live == nil)
			return next.RoundTrip(req)
		})
	}
	resp, err := exchange.Chain(godwittest.Script(godwittest.Status(204)), counted).RoundTrip(&http.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "api.example.com"}, Header: http.Header{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, resp.Body.Close())
	// Output:
	// true true
	// 204 <nil>
}

// A table over all kinds is tested for a row that is missing.
func ExampleKinds() {
	missing := 0
	rows := map[*exchange.Kind]int{exchange.ErrNotFound: 404, exchange.ErrRateLimited: 429}
	for _, kind := range exchange.Kinds() {
		if _, ok := rows[kind]; !ok {
			missing++
		}
	}
	fmt.Println(missing > 0, exchange.KindOfStatus(404) == exchange.ErrNotFound)
	// Output: true true
}

func ExampleCoding() {
	fmt.Printf("%q\n", exchange.Coding(http.Header{"Content-Encoding": {"identity, sdch"}}))
	// Output: "sdch"
}

// turnstile is a gate that shuts.
type turnstile struct{ shut bool }

func (t *turnstile) Readmit(*http.Request) error {
	if t.shut {
		return errors.New("shut meanwhile")
	}
	return nil
}

// Who holds an attempt up asks its gate again before it lets the attempt go on.
func ExampleLive_Admit() {
	gate := &turnstile{}
	admitted := func(next http.RoundTripper) http.RoundTripper {
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			exchange.LiveFrom(req.Context()).Admit(gate, 0)
			return next.RoundTrip(req)
		})
	}
	held := func(next http.RoundTripper) http.RoundTripper {
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			gate.shut = true // while the attempt waits
			if err := exchange.LiveFrom(req.Context()).Readmit(req); err != nil {
				exchange.CloseBody(req)
				return nil, err
			}
			return next.RoundTrip(req)
		})
	}
	ctx, call := exchange.WithCall(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/items", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	rt := godwittest.Always(godwittest.Status(204))
	resp, err := exchange.Send(exchange.Chain(rt, admitted, held), req, call, 0)
	if err == nil {
		fmt.Println(resp.Status, resp.Body.Close())
		return
	}
	fmt.Println(len(rt.Requests()), "sent:", err)
	// Output: 0 sent: shut meanwhile
}

// A slow attempt is left for one that runs beside it, as a hedge does.
func ExampleBeside() {
	rt := godwittest.Script(godwittest.Text(200, "from the second"))
	hedged := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		first := exchange.LiveFrom(req.Context())
		second := exchange.Beside(first.Source(), first.Call())
		resp, err := second.Run(rt)
		if err != nil {
			return nil, err
		}
		second.Win()
		slower := errors.New("the other one was faster")
		first.Cancel(slower)
		first.Yield(slower)
		return resp, nil
	})
	ctx, call := exchange.WithCall(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/items", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := exchange.Send(hedged, req, call, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, attempt := range call.Attempts() {
		fmt.Println(attempt.Status, attempt.Err)
	}
	fmt.Println(call.ChargedCount(), "charged", resp.Body.Close())
	// Output:
	// 0 the other one was faster
	// 200 <nil>
	// 1 charged <nil>
}
