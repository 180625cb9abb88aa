package godwittest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
)

// requestKind is a kind of request that the contract is tried with.
type requestKind struct {
	name, method, url, body string
	noBody                  bool // http.NoBody in place of nil
	rewindable              bool // has GetBody
	nilHeader               bool
	unknownLength           bool
}

var requestKinds = []requestKind{
	{name: "GET", method: http.MethodGet, url: ContractURL},
	{name: "GET with NoBody", method: http.MethodGet, url: ContractURL, noBody: true},
	{name: "GET by an empty method", url: ContractURL},
	{name: "HEAD", method: http.MethodHead, url: ContractURL},
	{name: "POST without a body", method: http.MethodPost, url: ContractURL},
	{name: "POST", method: http.MethodPost, url: ContractURL, body: "hello", rewindable: true},
	{name: "POST that cannot rewind", method: http.MethodPost, url: ContractURL, body: "hello", unknownLength: true},
	{name: "PUT", method: http.MethodPut, url: ContractURL, body: "hello", rewindable: true},
	{name: "PUT that cannot rewind", method: http.MethodPut, url: ContractURL, body: "hello"},
	{name: "GET from another origin", method: http.MethodGet, url: foreignURL},
	{name: "PUT to another origin", method: http.MethodPut, url: foreignURL, body: "hello", rewindable: true},
	{name: "PUT with a nil header", method: http.MethodPut, url: ContractURL, body: "hello", nilHeader: true},
}

// refusable reports whether a middleware may refuse the request before it looks
// at the context.
func (k requestKind) refusable() bool { return k.url != ContractURL || k.nilHeader }

// sentRequest is a request under watch.
type sentRequest struct {
	req *http.Request

	mu     sync.Mutex
	bodies []*watchedBody // the first is the request's own; the others came from GetBody

	was       http.Request
	wasURL    url.URL
	wasHeader http.Header
}

type watchedBody struct {
	io.Reader
	closed atomic.Int32
}

func (b *watchedBody) Close() error {
	b.closed.Add(1)
	return nil
}

func newSent(ctx context.Context, kind requestKind) *sentRequest {
	u, err := url.Parse(kind.url)
	if err != nil {
		panic(err) // a constant of this file
	}
	s := &sentRequest{}
	req := (&http.Request{
		Method: kind.method, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Accept": {"text/plain"}, "X-Contract": {"one", "two"}},
	}).WithContext(ctx)
	if kind.nilHeader {
		req.Header = nil
	}
	if kind.noBody {
		req.Body = http.NoBody
	}
	if kind.body != "" {
		req.Body, req.ContentLength = s.newBody(kind.body), int64(len(kind.body))
	}
	if kind.unknownLength {
		req.ContentLength = -1
	}
	if kind.rewindable {
		req.GetBody = func() (io.ReadCloser, error) { return s.newBody(kind.body), nil }
	}
	s.req = req
	s.keep()
	return s
}

func (s *sentRequest) newBody(text string) *watchedBody {
	b := &watchedBody{Reader: strings.NewReader(text)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, b)
	return b
}

// keep remembers the request as it is now.
func (s *sentRequest) keep() {
	s.was, s.wasURL, s.wasHeader = *s.req, *s.req.URL, s.req.Header.Clone()
}

// changed says what is different from what was kept; empty for nothing.
func (s *sentRequest) changed() string {
	now, was := s.req, &s.was
	switch {
	case now.Method != was.Method || now.Host != was.Host || now.ContentLength != was.ContentLength || now.Close != was.Close || now.Proto != was.Proto:
		return "the method, host, length or protocol was changed"
	case now.URL != was.URL:
		return "the URL was replaced"
	case !reflect.DeepEqual(*now.URL, s.wasURL):
		return fmt.Sprintf("the URL was changed to %s", now.URL.Redacted())
	case !sameMap(now.Header, was.Header):
		return "the header was replaced"
	case !reflect.DeepEqual(now.Header, s.wasHeader):
		return "the header was changed: " + headerChange(s.wasHeader, now.Header)
	case now.Body != was.Body:
		return "the body was replaced"
	case reflect.ValueOf(now.GetBody).Pointer() != reflect.ValueOf(was.GetBody).Pointer():
		return "GetBody was replaced"
	case now.Context() != was.Context():
		return "the context was replaced"
	case now.Response != was.Response || !reflect.DeepEqual(now.TransferEncoding, was.TransferEncoding) || !reflect.DeepEqual(now.Trailer, was.Trailer):
		return "the response, transfer encoding or trailer was changed"
	}
	return ""
}

func sameMap(a, b http.Header) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// headerChange names the fields that differ, not their values.
func headerChange(before, after http.Header) string {
	var fields []string
	for name := range maps.Keys(after) {
		if !slices.Equal(before[name], after[name]) {
			fields = append(fields, name)
		}
	}
	for name := range maps.Keys(before) {
		if _, ok := after[name]; !ok {
			fields = append(fields, name+" (removed)")
		}
	}
	slices.Sort(fields)
	return strings.Join(fields, ", ")
}

func (s *sentRequest) checkKept(r reporter, name string) {
	r.Helper()
	if changed := s.changed(); changed != "" {
		r.Errorf("%s: the caller's request was modified: %s", name, changed)
	}
}

func (s *sentRequest) checkClosed(r reporter, name string) {
	r.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range s.bodies {
		if b.closed.Load() == 0 && i == 0 {
			r.Errorf("%s: the request body was not closed", name)
		} else if b.closed.Load() == 0 {
			r.Errorf("%s: a body that GetBody gave was not closed", name)
		}
	}
}

// roundTrip turns a panic into a failure.
func roundTrip(r reporter, name string, rt http.RoundTripper, req *http.Request) (resp *http.Response, err error) {
	r.Helper()
	defer func() {
		if p := recover(); p != nil {
			r.Errorf("%s: RoundTrip panicked: %v", name, p)
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return rt.RoundTrip(req)
}

func checkOutcome(r reporter, name string, resp *http.Response, err error) {
	r.Helper()
	switch {
	case resp == nil && err == nil:
		r.Errorf("%s: neither response nor error", name)
	case resp != nil && err != nil:
		r.Errorf("%s: both response and error: %v", name, err)
	case resp != nil && resp.Body == nil:
		r.Errorf("%s: the response has no Body", name)
	case resp != nil && resp.Request == nil:
		r.Errorf("%s: the response has no Request", name)
	}
}

// consume reads the body to its end, closes it and returns what was read. A
// read error is part of some exchanges.
func consume(resp *http.Response) string {
	if resp == nil || resp.Body == nil {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRecorded))
	closeBody(resp)
	return string(text)
}

func closeBody(resp *http.Response) {
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // a scripted body has nothing to report
	}
}

// population is the set of goroutines in a bubble.
type population map[string]bool

var (
	bubbleName    = regexp.MustCompile(`^goroutine \d+ [^\n]*(synctest bubble \d+)`)
	goroutineName = regexp.MustCompile(`^goroutine \d+`)
)

// bubble returns the goroutines of the caller's bubble.
func bubble() population {
	stacks := allStacks()
	m := bubbleName.FindStringSubmatch(stacks[0]) // the caller's comes first
	if m == nil {
		return nil
	}
	found := make(population)
	for _, s := range stacks {
		header, _, _ := strings.Cut(s, "\n")
		if strings.Contains(header, m[1]+"]") || strings.Contains(header, m[1]+",") {
			found[goroutineName.FindString(s)] = true
		}
	}
	return found
}

func allStacks() []string {
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxRecorded {
			return strings.Split(string(buf[:n]), "\n\n")
		}
		buf = make([]byte, 2*len(buf))
	}
}

// checkGone reports the goroutines that have come since. Without it the bubble
// itself would find them, with a panic.
func (before population) checkGone(r reporter) {
	r.Helper()
	synctest.Wait()
	after := bubble()
	for _, s := range allStacks() {
		if name := goroutineName.FindString(s); after[name] && !before[name] {
			r.Errorf("a goroutine was left behind:\n%s", s)
		}
	}
}
