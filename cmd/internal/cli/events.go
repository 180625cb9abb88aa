package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// events appends a JSON line for each attempt to the file of --events, as soon
// as its response header or its error is known. The zero value writes nothing.
type events struct {
	mu   sync.Mutex // observers are called from several goroutines
	file *os.File
	err  error // the first one
}

// attemptEvent is one line; times are in milliseconds.
type attemptEvent struct {
	Time      time.Time `json:"time"` // of the attempt's start
	API       string    `json:"api,omitempty"`
	Operation string    `json:"operation,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Method    string    `json:"method"`
	URL       string    `json:"url"` // redacted
	Attempt   int       `json:"attempt"`
	Status    int       `json:"status,omitempty"`
	Error     string    `json:"error,omitempty"`
	Sent      string    `json:"sent"`
	Protocol  string    `json:"protocol,omitempty"`
	Reused    bool      `json:"reused"`
	Resent    int       `json:"resent,omitempty"`
	Wait      float64   `json:"wait_ms"`
	DNS       float64   `json:"dns_ms"`
	Connect   float64   `json:"connect_ms"`
	TLS       float64   `json:"tls_ms"`
	Duration  float64   `json:"duration_ms"` // to the response header or the error
}

// open begins to write.
func (w *events) open(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return usagef("--events %s: %w", quoted(path), plain(err))
	}
	w.file = f
	return nil
}

// observe receives the events of the call.
func (w *events) observe(_ context.Context, e exchange.Event) {
	a, ok := e.Attempt()
	if !ok || e.Name != exchange.EventAttemptDone {
		return
	}
	line := attemptEvent{
		Time: a.Start, API: e.Call().API, Operation: e.Call().Operation, RequestID: e.Call().RequestID,
		Method: e.Method(), URL: e.URL(), Attempt: a.Number, Status: a.Status, Sent: a.Sent.String(), Protocol: a.Protocol,
		Reused: a.Reused, Resent: a.Resent, Wait: milliseconds(a.Wait), DNS: milliseconds(a.Timings.DNS),
		Connect: milliseconds(a.Timings.Connect), TLS: milliseconds(a.Timings.TLS), Duration: milliseconds(a.Duration),
	}
	if a.Err != nil {
		line.Error = a.Err.Error()
	}
	data, err := jsonLine(line)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.file != nil {
		_, err = w.file.Write(data)
	}
	if w.err == nil {
		w.err = err
	}
}

// jsonLine is v as JSON in a line, & and < as they are.
func jsonLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// close ends the file and returns what went wrong.
func (w *events) close(path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	if w.err != nil {
		err = w.err
	}
	w.file = nil
	if err != nil {
		return failuref(exitFailure, "--events %s: %w", quoted(path), plain(err))
	}
	return nil
}
