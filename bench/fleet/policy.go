package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/godwit-go/godwit/policy/limit"
)

// call does one job with all the retries that the policy makes. It returns the
// last status; an error means that there was no answer.
type call func(ctx context.Context, method, url string) (status int, err error)

// policy is a way to call an API that has a quota.
type policy struct {
	name string
	// note says what exactly runs, and with which settings.
	note string
	// redis tells that its processes share a Redis.
	redis bool
	// alone tells that it loads the machine: nothing may run beside it.
	alone bool
	// extra policies are run only when they are asked for.
	extra bool
	// solo policies are for a single process.
	solo bool
	// targets tells that those of the scenarios are meant for it.
	targets bool
	// build prepares one worker process.
	build func(o *order) (call, error)
}

// policies are all, in the order of the table.
func policies() []policy {
	return []policy{
		{name: "immediate retry", note: "a loop without a wait, for ever", alone: true, extra: true, build: immediately},
		{name: "Retry-After only", note: "a loop that waits as Retry-After says, for ever", build: retryAfter},
		{name: "go-retryablehttp, defaults", note: "v0.7.8: 4 retries, 1 to 30 s, Retry-After", build: retryableHTTP},
		{name: "resty, 3 retries", note: "v2.17.2, 3 retries on 429 and 5xx, default waits", build: restyRetries},
		{name: "failsafe-go, 3 retries", note: "v0.9.8, 3 retries, backoff 1 to 10 s, Retry-After", build: failsafeRetries},
		{name: "sliding log, full quota per process", note: "the full quota in each process, 2 retries after 1 s and 2 s", extra: true, build: slidingLog},
		{name: "x/time/rate, full quota per process", note: "v0.16.0, the full quota in each process, then Retry-After for ever", extra: true, build: rateLimiter},
		{name: "shared GCRA, asked per call", note: "redis_rate v10.0.1, then Retry-After with jitter for ever", redis: true, alone: true, extra: true, build: sharedGCRA},
		{name: "godwit line", note: "the line in Redis, class batch", redis: true, alone: true, targets: true, build: godwitLine(limit.Config{})},
		{name: "godwit line, drain", note: "the same, mode drain", redis: true, alone: true, extra: true, build: godwitLine(limit.Config{Mode: "drain"})},
		{name: "godwit solo, no store", note: "processes that share nothing, class batch", extra: true, build: godwitLine(limit.Config{StoreKind: "solo"})},
		{name: "godwit line, one process", note: "the line of one process, class batch", solo: true, targets: true, extra: true, build: godwitLine(limit.Config{})},
	}
}

// policyNamed finds a policy.
func policyNamed(name string) (policy, error) {
	for _, p := range policies() {
		if p.name == name {
			return p, nil
		}
	}
	return policy{}, fmt.Errorf("policy %q is not known", name)
}

// drain reads a small answer to its end, so that its connection is used again.
func drain(resp *http.Response) error {
	_, err := io.Copy(io.Discard, resp.Body)
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}
	return err
}

// once sends one request and returns its answer, read to the end.
func once(ctx context.Context, client *http.Client, method, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	return resp, drain(resp)
}

// status is the last part of a call.
func status(resp *http.Response, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}

// sizes returns the fleets that the policy is run with.
func (p policy) sizes(fleets []int) []int {
	if p.solo {
		return []int{1}
	}
	return fleets
}
