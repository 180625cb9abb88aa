package godwit

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// body builds the request of one option and returns it.
func bodyRequest(t *testing.T, o CallOption) *http.Request {
	t.Helper()
	var c call
	if err := o(&c); err != nil {
		t.Fatal(err)
	}
	req := &http.Request{Header: http.Header{"Content-Type": {c.body.contentType}}}
	if err := c.body.apply(req); err != nil {
		t.Fatal(err)
	}
	return req
}

func readAll(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBodies(t *testing.T) {
	t.Parallel()
	type point struct {
		X int    `json:"x" xml:"x"`
		S string `json:"s" xml:"s"`
	}
	file := filepath.Join(t.TempDir(), "f.txt")
	if err := os.WriteFile(file, []byte("skip:content"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, contentType, body string
		option                  CallOption
	}{
		{"json", "application/json", `{"x":1,"s":"<&>"}`, JSON(point{1, "<&>"})},
		{"merge patch", "application/merge-patch+json", `{"a":null}`, MergePatch(map[string]any{"a": nil})},
		{"json patch", "application/json-patch+json", `[{"op":"remove","path":"/a"}]`, JSONPatch([]map[string]string{{"op": "remove", "path": "/a"}})},
		{"xml", "application/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<point><x>1</x><s>a</s></point>", XML(point{1, "a"})},
		{"form", "application/x-www-form-urlencoded", "a=1&b=x+y", Form(map[string]string{"b": "x y", "a": "1"})},
		{"bytes", "image/png", "\x89PNG", Bytes("image/png", []byte("\x89PNG"))},
		{"text", "text/plain; charset=utf-8", "hi é", Text("hi é")},
		{"strings.Reader", "text/csv", "a,b", Reader("text/csv", strings.NewReader("a,b"))},
		{"bytes.Reader", "text/csv", "a,b", Reader("text/csv", bytes.NewReader([]byte("a,b")))},
		{"bytes.Buffer", "text/csv", "a,b", Reader("text/csv", bytes.NewBufferString("a,b"))},
		{"file from its position", "text/plain", "content", Reader("text/plain", f)},
		{"body: bytes", "application/octet-stream", "b", Body([]byte("b"))},
		{"body: string", "text/plain; charset=utf-8", "s", Body("s")},
		{"body: values", "application/x-www-form-urlencoded", "k=v", Body(url.Values{"k": {"v"}})},
		{"body: anything", "application/json", "[1,2]", Body([]int{1, 2})},
		{"empty", "application/octet-stream", "", Body([]byte{})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := bodyRequest(t, tt.option)
			if got := req.Header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type %q, want %q", got, tt.contentType)
			}
			if req.ContentLength != int64(len(tt.body)) {
				t.Errorf("ContentLength %d, want %d", req.ContentLength, len(tt.body))
			}
			if got := readAll(t, req.Body); got != tt.body {
				t.Errorf("body %q, want %q", got, tt.body)
			}
			for range 2 { // each attempt reads the whole again
				again, err := req.GetBody()
				if err != nil {
					t.Fatal(err)
				}
				if got := readAll(t, again); got != tt.body {
					t.Errorf("rewound body %q, want %q", got, tt.body)
				}
			}
		})
	}
}

func TestBodyThatCannotRewind(t *testing.T) {
	t.Parallel()
	req := bodyRequest(t, Reader("text/plain", iotest.OneByteReader(strings.NewReader("once"))))
	if req.GetBody != nil || req.ContentLength != -1 {
		t.Errorf("GetBody set: %v, ContentLength %d; want none and -1", req.GetBody != nil, req.ContentLength)
	}
	if got := readAll(t, req.Body); got != "once" {
		t.Errorf("body %q", got)
	}
}

func TestBodyTwice(t *testing.T) {
	t.Parallel()
	var c call
	if err := errors.Join(JSON(1)(&c), Text("x")(&c)); !errors.Is(err, errBodyTwice) {
		t.Errorf("two bodies: %v", err)
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "photo.png")
	if err := os.WriteFile(path, []byte("\x89PNG"), 0o600); err != nil {
		t.Fatal(err)
	}
	withHeader := FileBytes("raw", "we\"ird\r\n.bin", []byte{0, 1, 2})
	withHeader.ContentType = "application/x-raw"
	withHeader.Header = textproto.MIMEHeader{"X-Part": {"1"}}
	known := []Part{Field("title", "Grüße"), File("photo", path), withHeader, FileReader("r", "r.txt", strings.NewReader("reader"))}

	check := func(t *testing.T, contentType, body string) {
		t.Helper()
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatal(err)
		}
		r := multipart.NewReader(strings.NewReader(body), params["boundary"])
		want := []struct{ name, file, contentType, body string }{
			{"title", "", "", "Grüße"},
			{"photo", "photo.png", "application/octet-stream", "\x89PNG"},
			{"raw", "we%22ird%0D%0A.bin", "application/x-raw", "\x00\x01\x02"},
			{"r", "r.txt", "application/octet-stream", "reader"},
		}
		for _, w := range want {
			p, err := r.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(p)
			if err != nil {
				t.Fatal(err)
			}
			if p.FormName() != w.name || p.FileName() != w.file || p.Header.Get("Content-Type") != w.contentType || string(data) != w.body {
				t.Errorf("part %s %s %s %q, want %+v", p.FormName(), p.FileName(), p.Header.Get("Content-Type"), data, w)
			}
			if w.name == "raw" && p.Header.Get("X-Part") != "1" {
				t.Error("the part's own header is missing")
			}
		}
		if _, err := r.NextPart(); err != io.EOF {
			t.Errorf("after the last part: %v", err)
		}
	}
	req := bodyRequest(t, Multipart(known...))
	body := readAll(t, req.Body)
	if req.ContentLength != int64(len(body)) {
		t.Errorf("ContentLength %d, sent %d", req.ContentLength, len(body))
	}
	check(t, req.Header.Get("Content-Type"), body)
	again, err := req.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, again); got != body {
		t.Error("the rewound body differs")
	}

	known[3] = FileReader("r", "r.txt", iotest.OneByteReader(strings.NewReader("reader")))
	stream := bodyRequest(t, Multipart(known...))
	if stream.ContentLength != -1 || stream.GetBody != nil {
		t.Error("a part of unknown length that can be read once must make the body so")
	}
	check(t, stream.Header.Get("Content-Type"), readAll(t, stream.Body))
}

func TestMultipartErrors(t *testing.T) {
	t.Parallel()
	bad := Field("x", "y")
	bad.Header = textproto.MIMEHeader{"X": {"a\r\nEvil: 1"}}
	for name, o := range map[string]CallOption{
		"no part": Multipart(), "missing file": Multipart(File("f", filepath.Join(t.TempDir(), "none"))), "directory": Multipart(File("f", t.TempDir())),
		"no name": Multipart(Field("", "x")), "line break in header": Multipart(bad),
	} {
		if err := o(new(call)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	path := filepath.Join(t.TempDir(), "shrinks")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{3, 20} {
		req := bodyRequest(t, Multipart(File("f", path)))
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(req.Body); err == nil {
			t.Errorf("a file of 10 bytes that became %d was sent as if whole", size)
		}
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
	}
}
