package main

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// rateLimiter gives each process the full quota in a bucket of its own.
func rateLimiter(o *order) (call, error) {
	limiter := rate.NewLimiter(rate.Limit(o.Quota.Rate), max(1, int(o.Quota.Burst)))
	send := patiently(plain(o), 0)
	return func(ctx context.Context, method, url string) (int, error) {
		if err := limiter.Wait(ctx); err != nil {
			return 0, err
		}
		return send(ctx, method, url)
	}, nil
}

// sharedGCRA asks one limiter in Redis for each call, as its README shows, and
// asks again when it says so.
func sharedGCRA(o *order) (call, error) {
	limiter := redis_rate.NewLimiter(redis.NewClient(&redis.Options{Addr: o.Redis}))
	// Whole numbers: the rate over a minute keeps those below one per second.
	limit := redis_rate.Limit{Rate: int(math.Round(o.Quota.Rate * 60)), Burst: max(1, int(o.Quota.Burst)), Period: time.Minute}
	send := patiently(plain(o), 1)
	return func(ctx context.Context, method, url string) (int, error) {
		for {
			answer, err := limiter.Allow(ctx, "fleet", limit)
			if err != nil {
				return 0, err
			}
			if answer.Allowed > 0 {
				return send(ctx, method, url)
			}
			if err := sleep(ctx, answer.RetryAfter); err != nil {
				return 0, err
			}
		}
	}, nil
}

// slidingLog allows the full quota of a window, or of a minute, in each process,
// and repeats after 1 s and 2 s.
func slidingLog(o *order) (call, error) {
	window := time.Duration(o.Quota.Window * float64(time.Second))
	if window == 0 {
		window = time.Minute
	}
	log := &sentLog{window: window, most: max(1, int(o.Quota.Rate*window.Seconds()))}
	client := plain(o)
	return func(ctx context.Context, method, url string) (code int, err error) {
		for attempt := range 3 {
			if attempt > 0 {
				if err := sleep(ctx, time.Duration(attempt)*time.Second); err != nil {
					return 0, err
				}
			}
			if err := log.enter(ctx); err != nil {
				return 0, err
			}
			if code, err = status(once(ctx, client, method, url)); err == nil && code < 400 {
				return code, nil
			}
		}
		return code, err
	}, nil
}

// sentLog remembers when calls left.
type sentLog struct {
	mu     sync.Mutex
	window time.Duration
	most   int
	sent   []time.Time
}

// enter waits until the window has room.
func (l *sentLog) enter(ctx context.Context) error {
	for {
		wait := l.take(time.Now())
		if wait <= 0 {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// take enters now, or says how long there is no room.
func (l *sentLog) take(now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.sent) > 0 && now.Sub(l.sent[0]) >= l.window {
		l.sent = l.sent[1:]
	}
	if len(l.sent) >= l.most {
		return l.window - now.Sub(l.sent[0])
	}
	l.sent = append(l.sent, now)
	return 0
}
