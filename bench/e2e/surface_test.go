package e2e

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os/exec"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/exchange"
)

// outcome is what a surface made of a call.
type outcome struct {
	status int    // 0: no answer
	kind   string // name of the failure's kind; empty: none
	body   []byte
	exit   int // exit code of the command
}

// surface is one of the three ways to make a call.
type surface func(ctx context.Context, c call) (outcome, error)

// library makes calls with clients of the definition.
func library(def *definition.Definition) surface {
	return func(ctx context.Context, c call) (outcome, error) {
		client, err := def.Client(c.api)
		if err != nil {
			return outcome{}, err
		}
		opts := []godwit.CallOption{godwit.Query(c.query)}
		for _, h := range c.header {
			opts = append(opts, godwit.Header(h.Name, h.Value))
		}
		if c.body != "" {
			opts = append(opts, godwit.Bytes(c.contentType, []byte(c.body)))
		}
		resp, err := client.Do(ctx, c.method, c.path, opts...)
		if e, ok := errors.AsType[*godwit.Error](err); ok {
			return outcome{status: e.Status, kind: e.Kind.Error(), body: e.RawBody()}, nil
		}
		if err != nil {
			return outcome{}, err
		}
		body, err := resp.Bytes()
		return outcome{status: resp.Status, body: body}, err
	}
}

// plainClient stands for a program in another language: it knows the gateway's
// address, decodes what it is sent, and has no help of godwit's.
func plainClient(gateway string) surface {
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context, c call) (outcome, error) {
		target := gateway + "/" + c.api + c.path
		if q := values(c.query); len(q) > 0 {
			target += "?" + q.Encode()
		}
		var body io.Reader
		if c.body != "" {
			body = strings.NewReader(c.body)
		}
		req, err := http.NewRequestWithContext(ctx, c.method, target, body)
		if err != nil {
			return outcome{}, err
		}
		for _, h := range c.header {
			req.Header.Set(h.Name, h.Value)
		}
		if c.contentType != "" {
			req.Header.Set("Content-Type", c.contentType)
		}
		resp, err := client.Do(req)
		if err != nil {
			return outcome{}, err
		}
		return read(resp)
	}
}

func values(pairs []godwit.Pair) url.Values {
	v := url.Values{}
	for _, p := range pairs {
		v.Add(p.Name, p.Value)
	}
	return v
}

func read(resp *http.Response) (outcome, error) {
	defer resp.Body.Close()
	var r io.Reader = resp.Body
	var err error
	switch coding := resp.Header.Get("Content-Encoding"); coding {
	case "":
	case "gzip":
		r, err = gunzip(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	default:
		err = fmt.Errorf("content coding %q", coding)
	}
	if err != nil {
		return outcome{}, err
	}
	body, err := io.ReadAll(r)
	o := outcome{status: resp.StatusCode, body: body}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		o.kind = exchange.KindOfStatus(resp.StatusCode).Error()
	}
	if kind := problemKind(resp, body); kind != "" {
		o.kind = kind
	}
	return o, err
}

// problemKind returns the kind that the gateway names in an answer of its own.
func problemKind(resp *http.Response, body []byte) string {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media != "application/problem+json" || !strings.HasPrefix(resp.Header.Get("Proxy-Status"), "godwit") {
		return ""
	}
	var p struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return "unreadable problem: " + err.Error()
	}
	return p.Kind
}

// command runs the built program. The body goes through stdin, so that every
// byte arrives as it is.
func command(binary, definitionFile string, env []string) surface {
	return func(ctx context.Context, c call) (outcome, error) {
		args := []string{"--definition", definitionFile, "-v", strings.ToLower(c.method), c.api + ":" + c.path}
		for _, p := range c.query {
			args = append(args, p.Name+"=="+p.Value)
		}
		for _, h := range c.header {
			args = append(args, h.Name+":"+h.Value)
		}
		if c.contentType != "" {
			args = append(args, "Content-Type:"+c.contentType)
		}
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Env = env
		if c.body != "" {
			cmd.Stdin = strings.NewReader(c.body)
		}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil && !isExit(err) {
			return outcome{}, err
		}
		o := outcome{body: stdout.Bytes(), exit: cmd.ProcessState.ExitCode(), status: shownStatus(stderr.String())}
		if o.exit != 0 {
			o.kind = shownKind(stderr.String())
		}
		if strings.Contains(stderr.String(), bearerToken) || strings.Contains(stderr.String(), basicPassword) && c.api == "user" {
			return o, errors.New("a secret was printed")
		}
		return o, nil
	}
}

func isExit(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

// comparable returns what is compared of a body: its hash, or the chosen
// members of the JSON document, which is what an echoing server gets of every
// surface alike.
func comparableBody(c call, body []byte) (string, error) {
	if len(c.fields) == 0 || len(body) == 0 {
		sum := sha256.Sum256(body)
		return hex.EncodeToString(sum[:]), nil
	}
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", fmt.Errorf("%w in %q", err, body)
	}
	chosen := map[string]any{}
	for _, f := range c.fields {
		outer, inner, nested := strings.Cut(f, ".")
		v, ok := doc[outer]
		if m, isMap := v.(map[string]any); nested && isMap {
			v, ok = m[inner]
		}
		if !ok {
			return "", fmt.Errorf("the answer has no %s: %s", f, body)
		}
		chosen[f] = v
	}
	out, err := json.Marshal(chosen)
	return string(out), err
}
