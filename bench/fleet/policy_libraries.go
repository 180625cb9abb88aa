package main

import (
	"context"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/go-resty/resty/v2"
	"github.com/hashicorp/go-retryablehttp"
)

// retryableHTTP is hashicorp/go-retryablehttp as it comes, without its log.
func retryableHTTP(*order) (call, error) {
	client := retryablehttp.NewClient()
	client.Logger = nil
	return func(ctx context.Context, method, url string) (int, error) {
		req, err := retryablehttp.NewRequestWithContext(ctx, method, url, nil)
		if err != nil {
			return 0, err
		}
		resp, err := client.Do(req)
		if err != nil { // after the last attempt too: the answer is not handed over
			return 0, err
		}
		return status(resp, drain(resp))
	}, nil
}

// restyRetries is resty with the retries of its README for 429 and 5xx.
func restyRetries(*order) (call, error) {
	client := resty.New().SetRetryCount(3).AddRetryCondition(func(r *resty.Response, _ error) bool {
		return r.StatusCode() == http.StatusTooManyRequests || r.StatusCode() >= http.StatusInternalServerError
	})
	return func(ctx context.Context, method, url string) (int, error) {
		resp, err := client.R().SetContext(ctx).Execute(method, url)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode(), nil
	}, nil
}

// failsafeRetries is failsafe-go's RoundTripper with a backoff.
func failsafeRetries(*order) (call, error) {
	policy := failsafehttp.NewRetryPolicyBuilder().WithBackoff(time.Second, 10*time.Second).WithMaxRetries(3).Build()
	client := &http.Client{Transport: failsafehttp.NewRoundTripper(nil, policy)}
	return func(ctx context.Context, method, url string) (int, error) {
		return status(once(ctx, client, method, url))
	}, nil
}
