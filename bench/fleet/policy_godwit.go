package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/limit"
)

// isOurs reports whether the targets are meant for a policy.
func isOurs(name string) bool { return strings.HasPrefix(name, "godwit") }

// godwitLine is the ticket line with calls of class batch.
func godwitLine(mode string) func(*order) (call, error) {
	return func(o *order) (call, error) {
		line, err := limit.New(limit.Config{Mode: mode, Quotas: []limit.Quota{o.Quota.quota()}})
		if err != nil {
			return nil, err
		}
		client, err := godwit.New(godwit.Config{BaseURL: o.Base, AttemptMiddleware: []exchange.Middleware{line}})
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, method, url string) (int, error) {
			resp, err := client.Do(limit.WithClass(ctx, limit.Batch), method, url)
			if err != nil {
				var failed *godwit.Error
				if errors.As(err, &failed) && failed.Status != 0 {
					return failed.Status, nil
				}
				return 0, err
			}
			if _, err := resp.Bytes(); err != nil {
				return 0, err
			}
			return resp.Status, nil
		}, nil
	}
}

// quota is the declaration as a definition has it.
func (d declared) quota() limit.Quota {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	if d.Window > 0 {
		return limit.Quota{Name: "fleet", Model: d.Model, Limit: fmt.Sprintf("%s/%ss", number(d.Units), number(d.Window))}
	}
	return limit.Quota{Name: "fleet", Model: d.Model, Limit: number(d.Rate) + "/s", Burst: d.Burst}
}
