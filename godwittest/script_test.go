package godwittest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, ctx context.Context, rt http.RoundTripper) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ContractURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rt.RoundTrip(req)
}

// complaints is a testing.TB that keeps what it is told in place of failing.
type complaints struct {
	testing.TB
	recorder
	cleanups []func()
}

func (c *complaints) Helper()                           { c.recorder.Helper() }
func (c *complaints) Errorf(format string, args ...any) { c.recorder.Errorf(format, args...) }
func (c *complaints) Cleanup(f func())                  { c.cleanups = append(c.cleanups, f) }

func (c *complaints) end() string {
	for _, f := range c.cleanups {
		f()
	}
	return strings.Join(c.texts, "\n")
}

func TestScript_AnswersInOrderAndRecords(t *testing.T) {
	t.Parallel()
	rt := Script(
		JSON(201, map[string]int{"id": 7}).With("X-One", "1"),
		Status(404),
		Func(func(r *Request) Reply { return Text(200, strings.ToUpper(string(r.Body))) }),
	)
	client := &http.Client{Transport: rt}
	for i, want := range []struct {
		status int
		body   string
	}{{201, `{"id":7}`}, {404, "Not Found"}, {200, "PING"}} {
		resp, err := client.Post(ContractURL, "text/plain", strings.NewReader("ping"))
		if err != nil {
			t.Fatal(err)
		}
		if body := consume(resp); resp.StatusCode != want.status || body != want.body {
			t.Errorf("answer %d is %d %q, want %d %q", i+1, resp.StatusCode, body, want.status, want.body)
		}
		if resp.ContentLength != int64(len(want.body)) || resp.Proto != "HTTP/1.1" || resp.Request == nil {
			t.Errorf("answer %d: length %d, protocol %s", i+1, resp.ContentLength, resp.Proto)
		}
	}
	rt.Verify(t)
	for i, r := range rt.Requests() {
		if r.Number != i+1 || r.Method != "POST" || r.URL.String() != ContractURL || r.Host != "api.example.com" ||
			string(r.Body) != "ping" || r.Size != 4 || r.ContentLength != 4 || r.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("request %d was recorded as %+v", i+1, r)
		}
	}
}

func TestScript_Exhausted(t *testing.T) {
	t.Parallel()
	rt := Script(Status(200))
	resp, err := get(t, t.Context(), rt)
	if err != nil {
		t.Fatal(err)
	}
	consume(resp)
	_, err = get(t, t.Context(), rt)
	if err == nil || !strings.Contains(err.Error(), "the script has 1 replies and this is request 2: GET https://api.example.com/v1/things") {
		t.Errorf("err = %v", err)
	}
	tb := &complaints{}
	rt.Verify(tb)
	if got := tb.end(); !strings.Contains(got, "2 requests came, the script has 1 replies") {
		t.Errorf("Verify said %q", got)
	}
}

func TestScript_VerifyFindsOpenBodiesAndUnusedReplies(t *testing.T) {
	t.Parallel()
	rt := Script(Text(200, "a"), Text(200, "b"))
	resp, err := get(t, t.Context(), rt)
	if err != nil {
		t.Fatal(err)
	}
	tb := &complaints{}
	rt.Verify(tb)
	if got := tb.end(); !strings.Contains(got, "1 requests came, the script has 2") || !strings.Contains(got, "1 response bodies were not closed") {
		t.Errorf("Verify said %q", got)
	}
	closeBody(resp)
	closeBody(resp)
	if n := rt.OpenBodies(); n != 0 {
		t.Errorf("%d bodies are open after two closes of one", n)
	}
}

func TestScript_FaultsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	for _, c := range []struct {
		name            string
		reply           Reply
		want            error
		connected, read bool
	}{
		{"dial", Reply{Fault: FaultDial}, syscall.ECONNREFUSED, false, false},
		{"reset", Reply{Fault: FaultReset}, syscall.ECONNRESET, true, false},
		{"lost", Reply{Fault: FaultLost}, syscall.ECONNRESET, true, true},
		{"empty", Reply{Fault: FaultEmpty}, io.EOF, true, true},
		{"own error", Reply{Fault: FaultDial, Err: own}, own, false, false},
		{"fail", Fail(own), own, true, true},
		{"not JSON", JSON(200, make(chan int)), nil, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rt := Script(c.reply)
			connected := false
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
			sent := newSent(ctx, requestKind{method: "PUT", url: ContractURL, body: "hello"})
			resp, err := rt.RoundTrip(sent.req)
			if resp != nil || err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("RoundTrip = %v, %v; want %v", resp, err, c.want)
			}
			if connected != c.connected {
				t.Errorf("connected = %v", connected)
			}
			if read := rt.Requests()[0].Size == 5; read != c.read {
				t.Errorf("the request was read: %v", read)
			}
			sent.checkClosed(t, c.name)
			rt.Verify(t)
		})
	}
}

func TestScript_FaultIsANetError(t *testing.T) {
	t.Parallel()
	_, err := get(t, t.Context(), Script(Reply{Fault: FaultDial}))
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("err = %#v", err)
	}
}

func TestScript_Bodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		reply  Reply
		body   string
		err    error
		took   time.Duration
		length int64
	}{
		{"plain", Reply{Body: "hello"}, "hello", nil, 0, 5},
		{"cut", Reply{Body: "hello", Fault: FaultCut, At: 3}, "hel", io.ErrUnexpectedEOF, 0, 5},
		{"cut at the end", Reply{Body: "hello", Fault: FaultCut, At: 9}, "hello", io.ErrUnexpectedEOF, 0, 5},
		{"cut with an error", Reply{Body: "hello", Fault: FaultCut, Err: io.ErrNoProgress}, "", io.ErrNoProgress, 0, 5},
		{"slow", Reply{Body: "hello", Chunk: 2, Pace: time.Minute}, "hello", nil, 4 * time.Minute, 5},
		{"late", Reply{Body: "hello", Delay: time.Hour}, "hello", nil, time.Hour, 5},
		{"stalled", Reply{Body: "hello", Fault: FaultStall, At: 1}, "h", context.DeadlineExceeded, 24 * time.Hour, 5},
		{"unknown length", Reply{Body: "hello", Length: -1}, "hello", nil, 0, -1},
		{"wrong length", Reply{Body: "hello", Length: 9}, "hello", nil, 0, 9},
		{"no content", Reply{Status: 204, Body: "hello"}, "", nil, 0, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				rt, start := Script(c.reply), time.Now()
				resp, err := get(t, ctx, rt)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if string(body) != c.body || !errors.Is(err, c.err) {
					t.Errorf("read %q, %v; want %q, %v", body, err, c.body, c.err)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if resp.ContentLength != c.length {
					t.Errorf("length %d, want %d", resp.ContentLength, c.length)
				}
				closeBody(resp)
				rt.Verify(t)
			})
		})
	}
}

func TestScript_Trailer(t *testing.T) {
	t.Parallel()
	resp, err := get(t, t.Context(), Script(Reply{Body: "hello", Trailer: http.Header{"X-Sum": {"9"}}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, announced := resp.Trailer["X-Sum"]; !announced || resp.Trailer.Get("X-Sum") != "" {
		t.Errorf("before the body: %v", resp.Trailer)
	}
	if consume(resp); resp.Trailer.Get("X-Sum") != "9" {
		t.Errorf("after the body: %v", resp.Trailer)
	}
}

func TestScript_ObeysTheContextWhileTheRequestBodyStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(cause) })
		pr, pw := io.Pipe()
		req, err := http.NewRequestWithContext(ctx, "POST", ContractURL, pr)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err = Script(Status(200)).RoundTrip(req); !errors.Is(err, cause) {
			t.Errorf("err = %v, want the cause", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		if _, err := pw.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the request body is not closed: %v", err)
		}
	})
}

func TestScript_ReadAfterClose(t *testing.T) {
	t.Parallel()
	resp, err := get(t, t.Context(), Script(Text(200, "hello")))
	if err != nil {
		t.Fatal(err)
	}
	closeBody(resp)
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("err = %v", err)
	}
}

func TestScript_MalformedRequests(t *testing.T) {
	t.Parallel()
	for _, req := range []*http.Request{{}, {URL: newSent(t.Context(), requestKinds[0]).req.URL}} {
		if _, err := Always(Status(200)).RoundTrip(req); err == nil {
			t.Errorf("%+v was answered", req)
		}
	}
}

func ExampleScript() {
	rt := Script(
		Status(503).With("Retry-After", "1"),
		JSON(200, map[string]string{"name": "Limosa lapponica"}),
	)
	client := &http.Client{Transport: rt}
	for range 2 {
		resp, err := client.Get("https://api.example.com/birds/1")
		if err != nil {
			fmt.Println(err)
			return
		}
		body, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.StatusCode, string(body))
	}
	fmt.Println(rt.Count(), "requests,", rt.OpenBodies(), "open bodies")
	// Output:
	// 503 Service Unavailable
	// 200 {"name":"Limosa lapponica"}
	// 2 requests, 0 open bodies
}

func ExampleAlways() {
	rt := Always(Reply{Fault: FaultDial})
	_, err := (&http.Client{Transport: rt}).Get("https://api.example.com/")
	fmt.Println(err != nil)
	// Output: true
}
