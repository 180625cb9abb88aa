package limit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/limit"
)

// Under any http.Client: the calls keep to the quota by themselves.
func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()

	middleware, err := limit.New(limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "20/s"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: middleware(http.DefaultTransport)}
	start := time.Now()
	for range 6 {
		resp, err := client.Get(server.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
	}
	fmt.Println("kept to 20/s:", time.Since(start) >= 240*time.Millisecond)
	// Output:
	// kept to 20/s: true
}

// The line by itself, for calls that are not made by an http.Client.
func ExampleLimiter_Acquire() {
	line, err := limit.NewLimiter(limit.Config{Quotas: []limit.Quota{{Name: "mails", Limit: "1/m"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	op := limit.Op{Origin: "smtp://mail.example"}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	grant, err := line.Acquire(ctx, op)
	if err != nil {
		fmt.Println(err)
		return
	}
	grant.Done(limit.Outcome{Status: 200}) // it was sent

	fmt.Println("next in", line.Peek(op).Round(10*time.Second))
	_, err = line.Acquire(ctx, op)
	fmt.Println("in vain:", errors.Is(err, exchange.ErrWouldMissDeadline))
	// Output:
	// next in 1m0s
	// in vain: true
}

// A place can be taken without waiting for it.
func ExampleLimiter_Reserve() {
	line, err := limit.NewLimiter(limit.Config{Quotas: []limit.Quota{{Name: "mails", Limit: "1/s"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	grant, err := line.Reserve(context.Background(), limit.Op{Origin: "smtp://mail.example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	eta, err := grant.ETA()
	fmt.Println(eta, err)
	grant.Cancel() // nothing was sent
	// Output:
	// 0s <nil>
}

// Calls that somebody waits for go before those of a nightly job.
func ExampleWithClass() {
	ctx := limit.WithClass(context.Background(), limit.Batch)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/export", nil)
	fmt.Println(req.Method, err)
	// Output:
	// GET <nil>
}

// Two clients with other credentials stand in the same lines, where the quota
// does not tell credentials apart.
func ExampleWrap() {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	config := limit.Config{Quotas: []limit.Quota{{Limit: "60/h", Key: "{origin}"}}}
	lines, err := limit.NewLimiter(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	var clients []*http.Client
	for _, user := range []string{"ada", "grace"} {
		config.Credential = user
		m, err := limit.Wrap(lines, config)
		if err != nil {
			fmt.Println(err)
			return
		}
		clients = append(clients, &http.Client{Transport: m(http.DefaultTransport)})
	}
	resp, err := clients[0].Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	req, err := http.NewRequest("GET", server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the other one waits a minute:", limit.Peek(lines, config, req).Round(10*time.Second))
	// Output: the other one waits a minute: 1m0s
}

// A process that ends tells the others of its fleet what it has used.
func ExampleLimiter_Flush() {
	var store limit.Memory // in a fleet: filestore or redisstore
	config := limit.Config{StoreKind: "file", Store: &store, Quotas: []limit.Quota{{Name: "core", Limit: "2/h", Burst: 2}}}
	for range 2 {
		lines, err := limit.NewLimiter(config)
		if err != nil {
			fmt.Println(err)
			return
		}
		op := limit.Op{Origin: "https://api.example.com", Method: http.MethodGet}
		if g, err := lines.Acquire(context.Background(), op); err == nil {
			g.Done(limit.Outcome{Status: 200})
			g.End()
			fmt.Println("sent")
		} else {
			fmt.Println(errors.Is(err, exchange.ErrWouldMissDeadline))
		}
		lines.Flush(context.Background())
	}
	// Output:
	// sent
	// true
}

// A driver keeps a book, and applies each round to it at its own clock.
func ExampleNewBook() {
	book := limit.NewBook()
	for range 2 {
		answer := book.Apply(1, &limit.Round{Process: "a", Origin: "https://api.example.com"})
		fmt.Println(len(answer.Lines), "lines,", answer.Processes, "process")
	}
	text, err := json.Marshal(book) // what is kept
	fmt.Println(json.Valid(text), err)
	// Output:
	// 0 lines, 1 process
	// 0 lines, 1 process
	// true <nil>
}
