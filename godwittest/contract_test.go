package godwittest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

func TestMiddleware_RightOnesPass(t *testing.T) {
	t.Parallel()
	for name, mw := range map[string]exchange.Middleware{
		"none":    nil,
		"through": func(next http.RoundTripper) http.RoundTripper { return next },
		"attempt": func(next http.RoundTripper) http.RoundTripper {
			return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
				req, call := exchange.Begin(req)
				return exchange.Send(next, req, call, 0)
			})
		},
		"header": func(next http.RoundTripper) http.RoundTripper {
			return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
				req = exchange.Own(req)
				req.Header.Set("X-Added", "1")
				return next.RoundTrip(req)
			})
		},
		"refuse another origin": func(next http.RoundTripper) http.RoundTripper {
			return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
				if req.URL.Host != "api.example.com" {
					exchange.CloseBody(req)
					return nil, errors.New("refused")
				}
				return next.RoundTrip(req)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			TestMiddleware(t, func(*testing.T) exchange.Middleware { return mw })
		})
	}
}

// recorder is a reporter that keeps what a check has to say.
type recorder struct {
	mu    sync.Mutex
	texts []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, fmt.Sprintf(format, args...))
}

// wrong makes a middleware of a RoundTrip that breaks the contract.
func wrong(f func(next http.RoundTripper, req *http.Request) (*http.Response, error)) exchange.Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) { return f(next, req) })
	}
}

// TestMiddleware_WrongOnesFail proves that each rule can fail: a middleware that
// breaks it is found, with words that name it.
func TestMiddleware_WrongOnesFail(t *testing.T) {
	t.Parallel()
	type breach struct {
		name string
		mw   func(end <-chan struct{}) exchange.Middleware
		want string
	}
	plain := func(name, want string, f func(next http.RoundTripper, req *http.Request) (*http.Response, error)) breach {
		return breach{name, func(<-chan struct{}) exchange.Middleware { return wrong(f) }, want}
	}
	breaches := []breach{
		plain("changes the header", "the header was changed: X-Added", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			if req.Header != nil {
				req.Header.Set("X-Added", "1")
			}
			return next.RoundTrip(req)
		}),
		plain("removes a field", "the header was changed: Accept (removed)", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			delete(req.Header, "Accept")
			return next.RoundTrip(req)
		}),
		plain("replaces the header", "the header was replaced", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			req.Header = req.Header.Clone()
			return next.RoundTrip(req)
		}),
		plain("changes the URL", "the URL was changed", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			req.URL.RawQuery = "x=y"
			return next.RoundTrip(req)
		}),
		plain("replaces the URL", "the URL was replaced", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			req.URL = &url.URL{Scheme: "https", Host: "api.example.com"}
			return next.RoundTrip(req)
		}),
		plain("replaces the body", "the body was replaced", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			req.Body = struct{ io.ReadCloser }{req.Body}
			if req.Body == (struct{ io.ReadCloser }{}) {
				req.Body = nil
			}
			return next.RoundTrip(req)
		}),
		plain("changes the method", "the method, host, length or protocol was changed", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			req.Method = "get"
			return next.RoundTrip(req)
		}),
		plain("removes GetBody", "GetBody was replaced", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			req.GetBody = nil
			return next.RoundTrip(req)
		}),
		plain("refuses without closing the body", "the request body was not closed", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			if req.URL.Host != "api.example.com" {
				return nil, errors.New("refused")
			}
			return next.RoundTrip(req)
		}),
		plain("drops a body of GetBody", "a body that GetBody gave was not closed", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			if req.GetBody != nil {
				if _, err := req.GetBody(); err != nil {
					return nil, err
				}
			}
			return next.RoundTrip(req)
		}),
		plain("returns nothing", "neither response nor error", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil {
				return nil, nil
			}
			return resp, nil
		}),
		plain("returns both", "both response and error", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && resp.StatusCode == 500 {
				err = errors.New("a 500")
			}
			return resp, err
		}),
		plain("makes the body nil", "the response has no Body", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil {
				consume(resp)
				resp.Body = nil
			}
			return resp, err
		}),
		plain("forgets the request", "the response has no Request", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil {
				resp.Request = nil
			}
			return resp, err
		}),
		plain("makes an error of a status", "the status became an error", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && resp.StatusCode == 404 {
				consume(resp)
				return nil, errors.New("not found")
			}
			return resp, err
		}),
		plain("changes a status", "the caller sees status 200", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && resp.StatusCode == 201 {
				resp.StatusCode = 200
			}
			return resp, err
		}),
		plain("panics", "RoundTrip panicked", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && resp.StatusCode == 304 {
				panic("not modified")
			}
			return resp, err
		}),
		plain("swallows a response", "response bodies of the transport are still open", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && resp.StatusCode == 503 {
				return next.RoundTrip(req)
			}
			return resp, err
		}),
		plain("ends the context on return", "the context of the attempt ended before the response body did", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			ctx, cancel := context.WithTimeout(req.Context(), time.Second)
			defer cancel()
			return next.RoundTrip(req.WithContext(ctx))
		}),
		plain("never ends its context", "the middleware's context was not ended", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			ctx, cancel := context.WithCancel(req.Context())
			context.AfterFunc(req.Context(), cancel)
			return next.RoundTrip(req.WithContext(ctx))
		}),
		plain("hides the cancellation", "errors.Is does not find context.Canceled", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil {
				err = errors.New(err.Error())
			}
			return resp, err
		}),
		plain("ignores the context", "after the context had ended", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			start := time.Now()
			resp, err := next.RoundTrip(req)
			if err != nil && req.Context().Err() != nil && time.Since(start) > 0 {
				<-time.After(time.Minute)
			}
			return resp, err
		}),
		plain("answers although canceled", "a response in place of an error", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			return next.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
		}),
		plain("ends a broken body well", "ended like a complete body", func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil {
				resp.Body = deafBody{resp.Body}
			}
			return resp, err
		}),
		{"mixes callers up", func(<-chan struct{}) exchange.Middleware {
			var mu sync.Mutex
			shared := ""
			return wrong(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				id := req.Header.Get("X-Contract")
				if !strings.HasPrefix(id, "caller") {
					return next.RoundTrip(req)
				}
				mu.Lock()
				if shared == "" {
					shared = id
				}
				own := exchange.Own(req)
				own.Header.Set("X-Contract", shared)
				mu.Unlock()
				return next.RoundTrip(own)
			})
		}, "got the answer"},
		{"leaves a goroutine", func(end <-chan struct{}) exchange.Middleware {
			return wrong(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				go func() { <-end }()
				return next.RoundTrip(req)
			})
		}, "a goroutine was left behind"},
	}
	for _, b := range breaches {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			for _, c := range contract {
				synctest.Test(t, func(*testing.T) {
					end := make(chan struct{})
					before := bubble()
					c.check(rec, b.mw(end))
					before.checkGone(rec)
					close(end)
				})
			}
			if all := strings.Join(rec.texts, "\n"); !strings.Contains(all, b.want) {
				t.Errorf("nothing said %q; what was said:\n%.2000s", b.want, all)
			}
		})
	}
}

// deafBody takes every error for the end.
type deafBody struct{ io.ReadCloser }

func (b deafBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

func ExampleTestMiddleware() {
	// In a test of the package that has the middleware:
	_ = func(t *testing.T) {
		TestMiddleware(t, func(*testing.T) exchange.Middleware {
			return func(next http.RoundTripper) http.RoundTripper { return next }
		})
	}
}
