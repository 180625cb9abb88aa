package godwittest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// prompt is how much virtual time may pass between the end of a context and the
// return of what waits for it.
const prompt = 10 * time.Millisecond

// silence ends some time, so that a middleware that ignores its context is
// reported instead of blocking the bubble.
var silence = Reply{Body: "at last", Delay: 20 * time.Second}

// checkContextLife compares the context that the transport was given with the
// life of the body that the caller got.
func checkContextLife(r reporter, mw exchange.Middleware) {
	r.Helper()
	for _, how := range []string{"read to the end and closed", "closed unread"} {
		transport := Always(Text(200, "hello"))
		rt := exchange.Chain(transport, mw)
		ctx, cancel := context.WithCancel(context.Background())
		sent := newSent(ctx, requestKind{method: http.MethodGet, url: ContractURL})
		resp, err := roundTrip(r, how, rt, sent.req)
		if err != nil || resp == nil {
			r.Errorf("a plain exchange failed: %v", err)
			cancel()
			continue
		}
		synctest.Wait()
		requests := transport.Requests()
		inner := requests[len(requests)-1].Context
		if err := inner.Err(); err != nil {
			r.Errorf("the context of the attempt ended before the response body did: %v", context.Cause(inner))
		}
		if how == "closed unread" {
			closeBody(resp)
		} else if got := consume(resp); got != "hello" {
			r.Errorf("the body is %q, want hello", got)
		}
		synctest.Wait()
		if inner.Done() != ctx.Done() && inner.Err() == nil {
			r.Errorf("body %s: the middleware's context was not ended", how)
		}
		if ctx.Err() != nil {
			r.Errorf("body %s: the caller's context was ended", how)
		}
		cancel()
	}
}

// checkCanceledBefore sends with a context that has ended already.
func checkCanceledBefore(r reporter, mw exchange.Middleware) {
	r.Helper()
	for _, kind := range requestKinds {
		transport := Always(Text(200, "hello"))
		rt := exchange.Chain(transport, mw)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		sent := newSent(ctx, kind)
		start := time.Now()
		resp, err := roundTrip(r, kind.name, rt, sent.req)
		checkOutcome(r, kind.name, resp, err)
		switch {
		case err == nil:
			r.Errorf("%s, canceled before: a response in place of an error", kind.name)
		case !errors.Is(err, context.Canceled) && !kind.refusable():
			r.Errorf("%s, canceled before: errors.Is does not find context.Canceled in %q", kind.name, err)
		}
		checkPrompt(r, kind.name+", canceled before", time.Since(start))
		consume(resp)
		synctest.Wait()
		sent.checkClosed(r, kind.name+", canceled before")
		sent.checkKept(r, kind.name+", canceled before")
	}
}

// checkCanceledDuring cancels while the transport is silent, and while a
// middleware may be waiting before another attempt.
func checkCanceledDuring(r reporter, mw exchange.Middleware) {
	r.Helper()
	for _, c := range []struct {
		name   string
		reply  Reply
		silent bool
	}{
		{"the transport is silent", silence, true},
		{"the server asked to wait", Text(503, "later").With("Retry-After", "30"), false},
		{"the server is busy", Text(429, "slow down").With("Retry-After", "30"), false},
		{"the connection was refused", Reply{Fault: FaultDial}, false},
	} {
		for _, kind := range requestKinds {
			name := kind.name + ", canceled while " + c.name
			ctx, cancel := context.WithCancel(context.Background())
			const after = 200 * time.Millisecond
			timer := time.AfterFunc(after, cancel)
			transport := Always(c.reply)
			sent := newSent(ctx, kind)
			start := time.Now()
			resp, err := roundTrip(r, name, exchange.Chain(transport, mw), sent.req)
			checkOutcome(r, name, resp, err)
			checkPrompt(r, name, time.Since(start)-after)
			if c.silent && !errors.Is(err, context.Canceled) && !kind.refusable() {
				r.Errorf("%s: errors.Is does not find context.Canceled in %v", name, err)
			}
			consume(resp)
			timer.Stop()
			cancel()
			synctest.Wait()
			sent.checkClosed(r, name)
			sent.checkKept(r, name)
			if open := transport.OpenBodies(); open != 0 {
				r.Errorf("%s: %d response bodies are still open", name, open)
			}
		}
	}
}

// checkCanceledInBody cancels while the response body is stalled.
func checkCanceledInBody(r reporter, mw exchange.Middleware) {
	r.Helper()
	transport := Always(Reply{Body: "hello", Chunk: 2, Pace: 150 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sent := newSent(ctx, requestKind{method: http.MethodGet, url: ContractURL})
	const name, after = "canceled while the body is read", 200 * time.Millisecond
	resp, err := roundTrip(r, name, exchange.Chain(transport, mw), sent.req)
	checkOutcome(r, name, resp, err)
	if err != nil || resp == nil || resp.Body == nil {
		r.Errorf("%s: no response: %v", name, err)
		return
	}
	defer time.AfterFunc(after, cancel).Stop()
	start := time.Now()
	got, err := io.ReadAll(resp.Body)
	if !errors.Is(err, context.Canceled) {
		r.Errorf("%s: errors.Is does not find context.Canceled in %v", name, err)
	}
	if string(got) != "he" {
		r.Errorf("%s: %q was read, the transport sent %q", name, got, "he")
	}
	checkPrompt(r, name, time.Since(start)-after)
	closeBody(resp)
	if open := transport.OpenBodies(); open != 0 {
		r.Errorf("%s: the response body is still open", name)
	}
}

// checkDeadline lets the caller's deadline pass while the transport is silent.
func checkDeadline(r reporter, mw exchange.Middleware) {
	r.Helper()
	const name, limit = "deadline", 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	sent := newSent(ctx, requestKind{method: http.MethodGet, url: ContractURL})
	start := time.Now()
	resp, err := roundTrip(r, name, exchange.Chain(Always(silence), mw), sent.req)
	checkOutcome(r, name, resp, err)
	checkPrompt(r, name, time.Since(start)-limit)
	var timeout interface{ Timeout() bool }
	if !errors.Is(err, context.DeadlineExceeded) && (!errors.As(err, &timeout) || !timeout.Timeout()) {
		r.Errorf("%s: neither errors.Is finds context.DeadlineExceeded in %v, nor is it a timeout", name, err)
	}
	consume(resp)
}

// checkEarlyClose closes the body of a slow answer while another goroutine
// reads it.
func checkEarlyClose(r reporter, mw exchange.Middleware) {
	r.Helper()
	transport := Always(Reply{Body: "hello", Chunk: 2, Pace: 10 * time.Second})
	sent := newSent(context.Background(), requestKind{method: http.MethodGet, url: ContractURL})
	const name = "body closed early"
	resp, err := roundTrip(r, name, exchange.Chain(transport, mw), sent.req)
	if err != nil || resp == nil || resp.Body == nil {
		r.Errorf("%s: no response: %v", name, err)
		return
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(resp.Body)
		done <- err
	}()
	synctest.Wait()
	closeBody(resp)
	synctest.Wait()
	select {
	case err := <-done:
		if err == nil {
			r.Errorf("%s: the read that was under way ended like a complete body", name)
		}
	default:
		r.Errorf("%s: Close does not end a read that is under way", name)
	}
	if open := transport.OpenBodies(); open != 0 {
		r.Errorf("%s: the response body is still open", name)
	}
}

func checkPrompt(r reporter, name string, late time.Duration) {
	r.Helper()
	if late > prompt {
		r.Errorf("%s: it returned %v after the context had ended", name, late)
	}
}
