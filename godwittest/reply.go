package godwittest

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Reply is the answer to one request. The zero value is 200 OK with an empty
// body.
type Reply struct {
	Status  int           // default 200
	Header  http.Header   // copied for each answer
	Body    string        // response body
	Trailer http.Header   // sent after the body
	Proto   string        // default HTTP/1.1
	Length  int64         // Content-Length to announce; 0: that of Body, below 0: unknown
	Delay   time.Duration // wait before the response headers
	Chunk   int           // most bytes of body per read; 0: no limit
	Pace    time.Duration // wait before each read of the body
	Reused  bool          // the attempt is told that its connection had been used before

	Fault Fault // what goes wrong
	At    int   // bytes of body before FaultCut and FaultStall happen
	Err   error // returned in place of a response; default: what the network gives for Fault

	// Func, if set, makes the Reply from the request; the other fields are not
	// used. It may be called by several goroutines at once.
	Func func(*Request) Reply
}

// Fault is something that goes wrong on the way.
type Fault int

// The faults. Unless Reply.Err is set, they give the error that a real
// connection gives.
const (
	NoFault     Fault = iota
	FaultDial         // no connection: nothing of the request is read
	FaultReset        // connected, then reset before the request is read
	FaultLost         // reset after the whole request was read
	FaultEmpty        // closed after the whole request was read, without an answer
	FaultSilent       // the request is read and never answered; ends with its context
	FaultCut          // the body breaks off after Reply.At bytes
	FaultStall        // the body stops flowing after Reply.At bytes; ends with its context
)

// Status returns the Reply with a status, its reason as the body.
func Status(code int) Reply { return Text(code, http.StatusText(code)) }

// Text returns the Reply with a plain text body.
func Text(code int, body string) Reply {
	return Reply{Status: code, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: body}
}

// JSON returns the Reply with v as its body. A value that JSON cannot express
// gives an error in place of the response.
func JSON(code int, v any) Reply {
	body, err := json.Marshal(v)
	if err != nil {
		return Fail(err)
	}
	return Reply{Status: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: string(body)}
}

// Redirect returns the Reply that sends the client to location.
func Redirect(code int, location string) Reply {
	return Reply{Status: code, Header: http.Header{"Location": {location}}}
}

// Fail returns the Reply that is an error in place of a response. The request
// is read, as one that may have arrived.
func Fail(err error) Reply { return Reply{Fault: FaultLost, Err: err} }

// Func returns the Reply that f makes from the request.
func Func(f func(*Request) Reply) Reply { return Reply{Func: f} }

// With returns r with a header field added.
func (r Reply) With(name, value string) Reply {
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Add(name, value)
	return r
}

// failure returns the error of a fault that leaves no response.
func (r Reply) failure() error {
	if r.Err != nil {
		return r.Err
	}
	switch r.Fault {
	case FaultDial:
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case FaultReset:
		return &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.ECONNRESET)}
	case FaultLost:
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case FaultEmpty:
		return io.EOF
	}
	return errors.New("godwittest: the reply has no failure")
}

// response returns the answer to req with an open body.
func (r Reply) response(req *http.Request, body *replyBody) *http.Response {
	status := r.Status
	if status == 0 {
		status = http.StatusOK
	}
	proto := r.Proto
	if proto == "" {
		proto = "HTTP/1.1"
	}
	major, minor, _ := http.ParseHTTPVersion(proto)
	resp := &http.Response{
		Status:     strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode: status,
		Proto:      proto, ProtoMajor: major, ProtoMinor: minor,
		Header:        r.Header.Clone(),
		ContentLength: r.length(),
		Body:          body,
		Trailer:       announced(r.Trailer),
		Request:       req,
	}
	if resp.Header == nil {
		resp.Header = make(http.Header)
	}
	if resp.ContentLength >= 0 && resp.Header.Get("Content-Length") == "" && bodyAllowed(status) {
		resp.Header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	body.atEOF = func() {
		for name, values := range r.Trailer {
			resp.Trailer[name] = values
		}
	}
	return resp
}

func (r Reply) length() int64 {
	switch {
	case r.Length != 0:
		return max(r.Length, -1)
	case len(r.Trailer) > 0: // trailers need chunks
		return -1
	}
	return int64(len(r.Body))
}

func announced(trailer http.Header) http.Header {
	if len(trailer) == 0 {
		return nil
	}
	out := make(http.Header, len(trailer))
	for name := range trailer {
		out[name] = nil
	}
	return out
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
