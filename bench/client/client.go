// Package client compares a typed GET of godwit with net/http and
// encoding/json doing the same work: one request, the body read whole and
// decoded into the same struct.
package client

import (
	"bytes"
	"context"
	_ "embed" // the document
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/godwit-go/godwit"
)

// Repo is the decoded document: a kilobyte of what an API answers.
type Repo struct {
	ID          int               `json:"id"`
	Name        string            `json:"name"`
	FullName    string            `json:"full_name"`
	Private     bool              `json:"private"`
	Description string            `json:"description"`
	Stars       int               `json:"stars"`
	Score       float64           `json:"score"`
	Topics      []string          `json:"topics"`
	Owner       Owner             `json:"owner"`
	Links       map[string]string `json:"links"`
}

// Owner is part of Repo.
type Owner struct {
	Login string `json:"login"`
	ID    int    `json:"id"`
	Admin bool   `json:"admin"`
}

//go:embed repo.json
var document []byte

// Document returns the JSON of one Repo, about 1.1 kB.
func Document() []byte { return document }

// Stub is a RoundTripper that answers every request with the same document and
// no network.
type Stub struct{ Body []byte }

// RoundTrip implements http.RoundTripper.
func (s Stub) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}, "Date": {"Tue, 04 Jun 2024 10:00:00 GMT"}},
		ContentLength: int64(len(s.Body)),
		Body:          io.NopCloser(bytes.NewReader(s.Body)),
		Request:       req,
	}, nil
}

// Handler answers every request with the document.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(document); err != nil {
			return // the client left
		}
	})
}

// Subject is one way to do the work. Get does it once and checks the result.
type Subject struct {
	Name  string
	Get   func(ctx context.Context) error
	Close func() error
}

var errWrong = errors.New("the decoded value is not the document's")

func check(r *Repo) error {
	if r.ID != 4711 || len(r.Topics) != 12 || len(r.Links) != 12 || r.Owner.Login != "limosa" {
		return errWrong
	}
	return nil
}

// NetHTTP is the yardstick. rt is the transport, nil for a real one with the
// pool of godwit.
func NetHTTP(base string, rt http.RoundTripper) Subject {
	closeIdle := func() error { return nil }
	if rt == nil {
		t := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 64}
		rt, closeIdle = t, func() error { t.CloseIdleConnections(); return nil }
	}
	c := &http.Client{Transport: rt}
	url := base + "/repos/godwit"
	return Subject{Name: "net/http", Close: closeIdle, Get: func(ctx context.Context) error {
		r, err := get(ctx, c, url)
		if err != nil {
			return err
		}
		return check(&r)
	}}
}

func get(ctx context.Context, c *http.Client, url string) (r Repo, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return r, err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return r, err
	}
	if resp.StatusCode != http.StatusOK {
		return r, fmt.Errorf("status %d", resp.StatusCode)
	}
	return r, json.Unmarshal(body, &r)
}

// Godwit is a typed Get through the default chain.
func Godwit(base string, rt http.RoundTripper) (Subject, error) {
	c, err := godwit.New(godwit.Config{BaseURL: base, Transport: rt})
	if err != nil {
		return Subject{}, err
	}
	return Subject{Name: "godwit", Close: c.Close, Get: func(ctx context.Context) error {
		r, err := godwit.Get[Repo](ctx, c, "/repos/{name}", godwit.Path("name", "godwit"))
		if err != nil {
			return err
		}
		return check(&r)
	}}, nil
}
