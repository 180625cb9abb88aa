package godwit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// CallOption says what goes into one call. An option that cannot be used makes
// the call fail with [ErrRequest] before anything is sent; a nil one does
// nothing. An option may serve many calls, except for a reader that can be read
// once.
type CallOption func(*call) error

// Path gives the parameters of the path template their values, as name, value,
// name, value, …. Values are strings, numbers, booleans, or anything with
// MarshalText or String; they are escaped and stay one path segment. Each
// parameter of the template needs a value, each value a parameter.
func Path(nameValues ...any) CallOption {
	return func(c *call) error {
		if len(nameValues)%2 != 0 {
			return errors.New("Path: an odd number of arguments; give name, value, …")
		}
		for i := 0; i < len(nameValues); i += 2 {
			name, ok := nameValues[i].(string)
			if !ok {
				return fmt.Errorf("Path: argument %d is a name and must be a string", i+1)
			}
			v := indirect(reflect.ValueOf(nameValues[i+1]))
			if k := v.Kind(); k == reflect.Invalid || k == reflect.Pointer {
				return fmt.Errorf("path parameter %q is nil", name)
			}
			value, err := scalar(v)
			if err != nil {
				return fmt.Errorf("path parameter %q: %w", name, err)
			}
			c.path = append(c.path, Pair{name, value})
		}
		return nil
	}
}

// Query adds query parameters from a struct (tag url, else json, else the
// field's name; options omitempty, omitzero and comma), a map with string keys, or a list
// of [Pair]. Nil values are skipped, lists repeat the name. A name given here
// replaces the default of that name.
func Query(v any) CallOption {
	return func(c *call) error {
		pairs, err := queryPairs(v)
		c.query = append(c.query, pairs...)
		return err
	}
}

// QueryParam adds one query parameter, repeated for each value.
func QueryParam(name string, values ...string) CallOption {
	return func(c *call) error {
		for _, v := range values {
			c.query = append(c.query, Pair{name, v})
		}
		return nil
	}
}

// Header sets a header field, replacing the default of the operation or the
// client. A second Header of the same name adds a line.
func Header(name, value string) CallOption {
	return func(c *call) error {
		if err := checkField(name, value); err != nil {
			return err
		}
		c.headers = append(c.headers, Pair{http.CanonicalHeaderKey(name), value})
		return nil
	}
}

// RemoveHeader leaves out a header field that the client would send by default.
func RemoveHeader(name string) CallOption {
	return func(c *call) error {
		c.removed = append(c.removed, http.CanonicalHeaderKey(name))
		return nil
	}
}

// checkField refuses what no header field may hold (RFC 9110 section 5.5). The
// error does not repeat the value.
func checkField(name, value string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return r > 0x7e || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) {
		return fmt.Errorf("%q is no header field name", clip(name))
	}
	if strings.ContainsAny(value, "\r\n\x00\x7f") {
		return fmt.Errorf("the value of header %s holds a line break or another control character", name)
	}
	return nil
}

// Body sets the request body by the type of v: []byte, string, url.Values (a
// form), []Part (multipart), io.Reader, and JSON for anything else.
func Body(v any) CallOption { return bodyOption(func() (*bodySource, error) { return anyBody(v) }) }

// JSON sends v as application/json.
func JSON(v any) CallOption {
	return bodyOption(func() (*bodySource, error) { return jsonBody("application/json", v) })
}

// MergePatch sends v as application/merge-patch+json (RFC 7396).
func MergePatch(v any) CallOption {
	return bodyOption(func() (*bodySource, error) { return jsonBody("application/merge-patch+json", v) })
}

// JSONPatch sends v, a list of operations, as application/json-patch+json (RFC
// 6902).
func JSONPatch(v any) CallOption {
	return bodyOption(func() (*bodySource, error) { return jsonBody("application/json-patch+json", v) })
}

// XML sends v as application/xml.
func XML(v any) CallOption { return bodyOption(func() (*bodySource, error) { return xmlBody(v) }) }

// Form sends v, which is anything that [Query] takes, as
// application/x-www-form-urlencoded.
func Form(v any) CallOption { return bodyOption(func() (*bodySource, error) { return formBody(v) }) }

// Multipart sends fields and files together as multipart/form-data (RFC 7578),
// streamed from their sources.
func Multipart(parts ...Part) CallOption {
	return bodyOption(func() (*bodySource, error) { return multipartBody(parts) })
}

// Bytes sends data as it is. data must not change until the call has ended.
func Bytes(contentType string, data []byte) CallOption {
	return bodyOption(func() (*bodySource, error) { return &bodySource{contentType: contentType, data: data}, nil })
}

// Text sends s as text/plain in UTF-8.
func Text(s string) CallOption { return Bytes("text/plain; charset=utf-8", []byte(s)) }

// Reader sends what r holds, without buffering it. In-memory readers and
// regular files can be sent again, from the position they have now; any other
// reader has one attempt, and the error of a call that another attempt might
// have saved says so. A reader that is an io.Closer, but for *os.File, is
// closed, also when nothing is sent.
func Reader(contentType string, r io.Reader) CallOption {
	return bodyOption(func() (*bodySource, error) { return readerBody(contentType, r) })
}

func bodyOption(make func() (*bodySource, error)) CallOption {
	return func(c *call) error {
		body, err := make()
		if err == nil && c.body != nil {
			body.close()
			return errBodyTwice
		}
		if err == nil {
			c.body = body
		}
		return err
	}
}

// Idempotent declares that sending the call twice is harmless to the server, so
// that it may be retried whatever its method.
func Idempotent() CallOption {
	return func(c *call) error { c.idempotent = true; return nil }
}

// IdempotencyKey sends key in the Idempotency-Key header, the same on each
// attempt, which makes retrying legal where the API honours it. An empty key
// makes a random one, anew for each call.
func IdempotencyKey(key string) CallOption {
	return func(c *call) error {
		if c.key = key; key == "" {
			c.key = newID() // another one for each call that gets the option
		}
		return checkField("Idempotency-Key", c.key)
	}
}

// Timeout bounds the whole call, its body included, in place of timeout.total.
func Timeout(total time.Duration) CallOption {
	return func(c *call) error {
		c.timeouts.Total = total
		return positive("Timeout", total)
	}
}

// AttemptTimeout bounds each attempt in place of timeout.attempt.
func AttemptTimeout(d time.Duration) CallOption {
	return func(c *call) error {
		c.timeouts.Attempt = d
		return positive("AttemptTimeout", d)
	}
}

func positive(name string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s: %v is not a positive duration", name, d)
	}
	return nil
}

// MaxBody limits the decoded response body of this call in bytes, in place of
// decode.max_body.
func MaxBody(n Size) CallOption {
	return func(c *call) error {
		c.maxBody = int64(n)
		if n == 0 {
			return errors.New("MaxBody: 0 bytes; use decode.Unlimited for no limit")
		}
		return nil
	}
}

// NoAuth sends no credential with this call.
func NoAuth() CallOption {
	return func(c *call) error { c.noAuth = true; return nil }
}

// AnyStatus makes every status a success: the caller looks at it.
func AnyStatus() CallOption {
	return func(c *call) error { c.anyStatus = true; return nil }
}

// OKStatus makes the given statuses a success beside 2xx.
func OKStatus(statuses ...int) CallOption {
	return func(c *call) error { c.okStatuses = append(c.okStatuses, statuses...); return nil }
}

// RequestID sends id in place of a fresh request id.
func RequestID(id string) CallOption {
	return func(c *call) error { c.requestID = id; return checkField("X-Request-ID", id) }
}

// AssumeJSON decodes the response as JSON whatever its Content-Type says.
func AssumeJSON() CallOption {
	return func(c *call) error { c.assumeJSON = true; return nil }
}

// Strict refuses JSON objects with fields that the type does not have.
func Strict() CallOption {
	return func(c *call) error { c.strict = true; return nil }
}

// Into fills meta with what is known of the response, also when the call fails
// after one was received. Typed calls fill it when the body has ended.
func Into(meta *Meta) CallOption {
	return func(c *call) error {
		if meta == nil {
			return errors.New("Into: the Meta is nil")
		}
		*meta = Meta{} // nothing of an earlier call
		c.meta = meta
		return nil
	}
}

type callContextKey struct{}

// CallContext returns a context that carries options to calls made through
// [Client.Transport]: Timeout, AttemptTimeout, Idempotent, IdempotencyKey,
// NoAuth, MaxBody, RequestID, Class and Cost. They are applied anew to each call with that
// context, after those that ctx carries already. Other options have no meaning
// there; they make the call fail with [ErrRequest].
func CallContext(ctx context.Context, opts ...CallOption) context.Context {
	outer, _ := ctx.Value(callContextKey{}).([]CallOption)
	return context.WithValue(ctx, callContextKey{}, slices.Concat(outer, opts))
}
