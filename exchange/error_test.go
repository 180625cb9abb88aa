package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/redact"
)

func TestError_Text(t *testing.T) {
	t.Parallel()
	problem := &Problem{Title: "Out of credit", Detail: "your balance is 30"}
	for want, e := range map[string]*Error{
		"": {},
		"GET https://h/p: timeout: header timeout: no response header within 30s": {Method: "GET", URL: "https://h/p", Policy: "timeout", Kind: ErrHeaderTimeout, Err: errors.New("no response header within 30s")},
		"GET https://h/p: timeout: x":                                                    {Method: "GET", URL: "https://h/p", Policy: "timeout", Kind: ErrTimeout, Err: errors.New("x")},
		"POST https://h/p: rate limited: 429 Too Many Requests":                          {Method: "POST", URL: "https://h/p", Kind: ErrRateLimited, Status: 429},
		"GET https://h: forbidden: 403 Forbidden: ask an admin: no entry":                {Method: "GET", URL: "https://h", Kind: ErrForbidden, Status: 403, Meaning: "ask an admin", Body: "no entry"},
		"GET https://h: status: 402 Payment Required: Out of credit: your balance is 30": {Method: "GET", URL: "https://h", Kind: ErrStatus, Status: 402, Problem: problem, Body: "{…"},
		"GET https://h: server: 500 Internal Server Error: the body":                     {Method: "GET", URL: "https://h", Kind: ErrServer, Status: 500, Problem: &Problem{}, Body: "the body"},
		"GET https://h: status: 299":                                                     {Method: "GET", URL: "https://h", Kind: ErrStatus, Status: 299},
		"GET https://h: decode: decode failed":                                           {Method: "GET", URL: "https://h", Policy: "decode", Kind: ErrDecode, Err: errors.New("decode failed"), Body: "not shown"},
		"GET: invalid request":                                                           {Method: "GET", Kind: ErrRequest},
		"https://h: dns":                                                                 {URL: "https://h", Kind: ErrDNS},
		"retry: x":                                                                       {Policy: "retry", Err: errors.New("x")},
		"x":                                                                              {Err: errors.New("x")},
	} {
		if got := e.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

func TestError_Unwrap(t *testing.T) {
	t.Parallel()
	e := &Error{Kind: ErrIdleTimeout, Err: fmt.Errorf("x: %w", io.ErrUnexpectedEOF)}
	for _, target := range []error{ErrIdleTimeout, ErrTimeout, io.ErrUnexpectedEOF, e} {
		if !errors.Is(fmt.Errorf("outer: %w", e), target) {
			t.Errorf("errors.Is does not find %v", target)
		}
	}
	if errors.Is(e, ErrTotalTimeout) || errors.Is(e, io.EOF) {
		t.Error("errors.Is finds what is not there")
	}
	if got, ok := errors.AsType[*Error](fmt.Errorf("outer: %w", e)); !ok || got != e {
		t.Error("errors.AsType does not find the Error")
	}
	if n := len((&Error{}).Unwrap()); n != 0 {
		t.Errorf("the zero Error unwraps to %d errors", n)
	}
}

// TestLG1_ErrorNeverPrintsRawParts: header and raw body are in the Error for the
// program, and for no printer.
func TestLG1_ErrorNeverPrintsRawParts(t *testing.T) {
	t.Parallel()
	e := &Error{Kind: ErrServer, Method: "GET", URL: "https://h", Status: 500, Header: http.Header{"Set-Cookie": {"hunter22"}}, RetryAfter: 30 * time.Second, Sent: SentYes}
	redactor := &redact.Redactor{}
	redactor.Add("hunter22")
	e.SetBody("text/plain", []byte("echo: hunter22"), redactor)
	if !strings.Contains(string(e.RawBody()), "hunter22") || e.Body != "echo: ***" {
		t.Errorf("raw %q, excerpt %q", e.RawBody(), e.Body)
	}
	texts := map[string]string{}
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %d %t %z") {
		texts[verb] = fmt.Sprintf(verb, e)
		texts[verb+" in a struct"] = fmt.Sprintf(verb, struct{ E error }{e})
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("x", "err", e, "wrapped", fmt.Errorf("y: %w", e), "in", map[string]any{"e": e})
	slog.New(slog.NewTextHandler(&logged, nil)).Error("x", "err", e, "in", struct{ E error }{e})
	texts["slog"] = logged.String()
	j, err := json.Marshal(map[string]any{"e": e})
	if err != nil {
		t.Fatal(err)
	}
	texts["json"] = string(j)
	for name, text := range texts {
		if strings.Contains(text, "hunter22") || strings.Contains(text, fmt.Sprintf("%x", "hunter22")) {
			t.Errorf("%s shows the secret: %s", name, text)
		}
	}
	if got := fmt.Sprintf("%q", e); got != `"GET https://h: server: 500 Internal Server Error: echo: ***"` {
		t.Errorf("%%q = %s", got)
	}
	if got := fmt.Sprintf("%v", (*Error)(nil)); got != "<nil>" {
		t.Errorf("nil prints as %s", got)
	}
	want := `{"e":{"body":"echo: ***","error":"GET https://h: server: 500 Internal Server Error: echo: ***","kind":"server","method":"GET","retry_after":"30s","sent":"yes","status":500,"url":"https://h"}}`
	if string(j) != want {
		t.Errorf("json = %s, want %s", j, want)
	}
}

func TestError_LogValue(t *testing.T) {
	t.Parallel()
	e := &Error{
		Kind: ErrRateLimited, Policy: "retry", Method: "GET", URL: "https://h/p", Status: 429, Meaning: "slow down", RequestID: "r1",
		Attempts: make([]Attempt, 3), RetryAfter: time.Minute, Sent: SentYes, Body: "later", Err: errors.New("cause"),
	}
	got := make(map[string]string)
	for _, a := range e.LogValue().Group() {
		got[a.Key] = a.Value.String()
	}
	want := map[string]string{
		"kind": "rate limited", "policy": "retry", "method": "GET", "url": "https://h/p", "status": "429", "meaning": "slow down", "request_id": "r1",
		"attempts": "3", "retry_after": "1m0s", "sent": "yes", "body": "later", "cause": "cause",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("LogValue = %v, want %v", got, want)
	}
	if attrs := (&Error{}).LogValue().Group(); len(attrs) != 1 || attrs[0].String() != "sent=no" {
		t.Errorf("the zero Error logs %v", attrs)
	}
}

func TestError_Decode(t *testing.T) {
	t.Parallel()
	var v struct{ Code int }
	e := &Error{}
	if err := e.Decode(&v); err == nil {
		t.Error("an Error without a body was decoded")
	}
	body := []byte(`{"code":7}`)
	e.SetBody("application/json", body, nil)
	copy(body, "XXXXXXXXXX") // the buffer goes back to its pool
	if err := e.Decode(&v); err != nil || v.Code != 7 {
		t.Errorf("Decode = %v, %v", v, err)
	}
	e.SetBody("application/json", []byte(strings.Repeat("1", maxErrorBody+1)), nil)
	var n json.Number
	if err := e.Decode(&n); err == nil || !strings.Contains(err.Error(), "64 KiB") {
		t.Errorf("a cut number was decoded: %v", err)
	}
	if len(e.RawBody()) != maxErrorBody || len(e.Body) > maxErrorExcerpt+len("…") {
		t.Errorf("%d bytes are kept, %d shown", len(e.RawBody()), len(e.Body))
	}
}

func TestLG4_BodyIsOneLine(t *testing.T) {
	t.Parallel()
	e := &Error{Kind: ErrServer, Status: 500}
	e.SetBody("text/html", []byte("\r\n <b>no</b>\nline\x1b[31m \u202e\u009b \xff\r\n"), nil)
	if want := `<b>no</b>\nline\x1b[31m \u202e\x9b \xff`; e.Body != want {
		t.Errorf("Body = %q, want %q", e.Body, want)
	}
	if strings.ContainsAny(e.Error(), "\r\n\x1b") {
		t.Errorf("Error() = %q", e.Error())
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contentType, body string
		want                    *Problem
	}{
		{
			"whole", "application/problem+json", `{"type":"https://h/p#x","title":"T","status":403,"detail":"D","instance":"/i","balance":30}`,
			&Problem{Type: "https://h/p#x", Title: "T", Status: 403, Detail: "D", Instance: "/i", Extensions: map[string]any{"balance": 30.0}},
		},
		{"parameter and case", `Application/Problem+JSON; charset=utf-8`, `{"title":"T"}`, &Problem{Type: "about:blank", Title: "T"}},
		{"empty", "application/problem+json", `{}`, &Problem{Type: "about:blank"}},
		{"wrong types are ignored", "application/problem+json", `{"type":7,"title":["T"],"status":"403","detail":{},"instance":null}`, &Problem{Type: "about:blank"}},
		{"status out of range", "application/problem+json", `{"status":99}`, &Problem{Type: "about:blank"}},
		{"status with a fraction", "application/problem+json", `{"status":404.5}`, &Problem{Type: "about:blank"}},
		{"huge status", "application/problem+json", `{"status":1e300}`, &Problem{Type: "about:blank"}},
		{"not a problem", "application/json", `{"title":"T"}`, nil},
		{"no type", "", `{"title":"T"}`, nil},
		{"null", "application/problem+json", `null`, nil},
		{"list", "application/problem+json", `[]`, nil},
		{"broken", "application/problem+json", `{"title":`, nil},
		{
			"secrets and control characters", "application/problem+json", `{"title":"hunter22","detail":"a\u001b\nb http://h/?q=1","type":"https://u:p@h/"}`,
			&Problem{Type: "https://***@h/", Title: "***", Detail: `a\x1b\nb http://h/?q=***`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			redactor := &redact.Redactor{}
			redactor.Add("hunter22")
			e := &Error{}
			e.SetBody(c.contentType, []byte(c.body), redactor)
			if !reflect.DeepEqual(e.Problem, c.want) {
				t.Errorf("Problem = %+v, want %+v", e.Problem, c.want)
			}
		})
	}
}

func TestSent(t *testing.T) {
	t.Parallel()
	for s, want := range map[Sent]string{SentNo: "no", SentMaybe: "maybe", SentYes: "yes", 9: "maybe"} {
		text, err := s.MarshalText()
		if s.String() != want || string(text) != want || err != nil {
			t.Errorf("%d is %s, %s, %v; want %s", s, s, text, err, want)
		}
	}
}
