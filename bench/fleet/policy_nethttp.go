package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// plain is a net/http client that keeps a connection for each worker.
func plain(o *order) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.Workers}}
}

// immediately repeats without a wait until there is a success.
func immediately(o *order) (call, error) {
	client := plain(o)
	return func(ctx context.Context, method, url string) (int, error) {
		for {
			code, err := status(once(ctx, client, method, url))
			if code == http.StatusOK || ctx.Err() != nil {
				return code, err
			}
		}
	}, nil
}

// retryAfter repeats for ever and waits as Retry-After says, else with backoff.
func retryAfter(o *order) (call, error) {
	return patiently(plain(o), 0), nil
}

// patiently repeats for ever. It waits Retry-After, made longer by up to jitter
// times itself, else 1 s doubled with each attempt up to 30 s, fully jittered.
func patiently(client *http.Client, jitter float64) call {
	return func(ctx context.Context, method, url string) (int, error) {
		for attempt := 0; ; attempt++ {
			resp, err := once(ctx, client, method, url)
			if code, _ := status(resp, err); code == http.StatusOK || ctx.Err() != nil {
				return code, err
			}
			wait := time.Duration(rand.Float64() * float64(min(30*time.Second, time.Second<<min(attempt, 5)))) //nolint:gosec // spreads load
			if hint := hinted(resp); hint > 0 {
				wait = time.Duration(float64(hint) * (1 + jitter*rand.Float64())) //nolint:gosec // as above
			}
			if err := sleep(ctx, wait); err != nil {
				return 0, err
			}
		}
	}
}

// hinted is the Retry-After of an answer; 0 if there is none.
func hinted(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
