package decode

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/godwit-go/godwit/exchange"
)

// body is a response body with its codings removed and its size bounded. Its
// errors stay: a second read meets the first one's again.
type body struct {
	src    io.ReadCloser
	coded  *coded         // nil: no coding to remove
	limit  int64          // decoded bytes; below 0: none
	n      int64          // decoded bytes delivered
	refuse *exchange.Kind // why no byte will be read: announced size, too many codings
	err    error
	call   *exchange.Call
	req    *http.Request
	status int
}

// Read delivers at most the limit, and an error only if there is more.
func (b *body) Read(p []byte) (int, error) {
	if b.refuse != nil && b.err == nil {
		b.err = b.refused()
	}
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	left := int64(-1)
	if b.limit >= 0 {
		if left = b.limit - b.n; int64(len(p))-1 > left { // not left+1, which overflows
			p = p[:left+1] // one more, to see whether there is more
		}
	}
	n, err := b.read(p)
	if left >= 0 && int64(n) > left {
		n, err = int(left), b.tooLarge()
	}
	b.n += int64(n)
	b.err = err
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	if b.coded == nil {
		return b.src.Read(p)
	}
	n, err := b.coded.Read(p)
	return n, b.judge(err)
}

// judge gives a decoder's error its kind. If the source failed first, the
// decoder only reports the consequence.
func (b *body) judge(err error) error {
	var broken *brokenError
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, errRatio):
		return b.error(exchange.ErrBodyTooLarge, fmt.Errorf("it expands to more than %d times its coded size", b.coded.maxRatio),
			"decode.max_ratio sets the limit, which guards against decompression bombs")
	case b.coded.source.err != nil && b.coded.source.err != io.EOF:
		return b.coded.source.err
	case errors.As(err, &broken):
		return b.error(exchange.ErrDecode, err, "")
	}
	return err
}

func (b *body) tooLarge() error {
	return b.error(exchange.ErrBodyTooLarge, fmt.Errorf("more than %v", Size(b.limit)),
		"decode.max_body sets the limit; a stream has none by default")
}

// refused makes the error at the first read: only then the attempt's record is
// complete.
func (b *body) refused() error {
	if b.refuse == exchange.ErrDecode {
		return b.error(b.refuse, fmt.Errorf("more than %d content codings on top of each other", maxCodings), "")
	}
	return b.tooLarge()
}

func (b *body) error(kind *exchange.Kind, cause error, hint string) error {
	e := b.call.NewError(kind, "decode", b.req, cause)
	e.Status, e.Sent, e.Hint = b.status, exchange.SentYes, hint
	return e
}

// Close closes the raw body and gives the decoders up. It may run beside a
// Read, which it ends.
func (b *body) Close() error {
	err := b.src.Close()
	if b.coded != nil {
		b.coded.close()
	}
	return err
}
