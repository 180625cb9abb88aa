package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/policy/timeout"
	"github.com/godwit-go/godwit/store/redisstore"
)

// godwitLine is a client with a quota declared, and calls of class batch. With a
// Redis its processes share the line and the breaker.
func godwitLine(l limit.Config) func(*order) (call, error) {
	return func(o *order) (call, error) {
		// The line is longer than the default total of a call; peers have none.
		c := godwit.Config{BaseURL: o.Base, Limit: l, Timeout: timeout.Config{Total: time.Hour}}
		c.Limit.Quotas = []limit.Quota{o.Quota.quota()}
		if o.Redis != "" {
			store, err := redisstore.New(scripts{redis.NewClient(&redis.Options{Addr: o.Redis, MaxRetries: -1, ContextTimeoutEnabled: true})})
			if err != nil {
				return nil, err
			}
			c.Limit.Store, c.Breaker = store, breaker.Config{Store: store}
		}
		client, err := godwit.New(c)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, method, url string) (int, error) {
			resp, err := client.Do(ctx, method, url, godwit.Class(godwit.ClassBatch))
			if err != nil {
				return statusOf(err)
			}
			if _, err := resp.Bytes(); err != nil {
				return 0, err
			}
			return resp.Status, nil
		}, nil
	}
}

// statusOf tells an answer that is no success from none.
func statusOf(err error) (int, error) {
	var failed *godwit.Error
	if errors.As(err, &failed) && failed.Status != 0 {
		return failed.Status, nil
	}
	return 0, err
}

// quota is the declaration as a definition has it.
func (d declared) quota() limit.Quota {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	q := limit.Quota{Name: "fleet", Model: d.Model, Limit: number(d.Rate) + "/s", Burst: d.Burst, OnRefused: d.OnRefused}
	if d.Window > 0 {
		q.Limit, q.Burst = fmt.Sprintf("%s/%ss", number(d.Units), number(d.Window)), 0
	}
	return q
}

// scripts runs the scripts of the product's store on a client of this program.
type scripts struct{ client *redis.Client }

func (s scripts) EvalSha(ctx context.Context, sha string, keys, args []string) ([]string, error) {
	return s.client.EvalSha(ctx, sha, keys, list(args)...).StringSlice()
}

func (s scripts) Eval(ctx context.Context, script string, keys, args []string) ([]string, error) {
	return s.client.Eval(ctx, script, keys, list(args)...).StringSlice()
}

func list(args []string) []any {
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a
	}
	return all
}
