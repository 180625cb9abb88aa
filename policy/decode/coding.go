package decode

import "strings"

// maxCodings is the most codings on top of each other. Nobody needs two; curl
// and undici were driven through thousands.
const maxCodings = 3

// coding is a content coding that can be removed (RFC 9110 section 8.4.1).
type coding uint8

const (
	identity coding = iota
	gzipped
	deflated
	brotlied
	zstandard
	unknown
)

func (c coding) String() string {
	return [...]string{"identity", "gzip", "deflate", "br", "zstd", "unknown"}[c]
}

func codingOf(name string) coding {
	switch {
	case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"): // equivalent, section 8.4.1.3
		return gzipped
	case strings.EqualFold(name, "br"):
		return brotlied
	case strings.EqualFold(name, "zstd"):
		return zstandard
	case strings.EqualFold(name, "deflate"):
		return deflated
	case strings.EqualFold(name, "identity"):
		return identity
	}
	return unknown
}

// codings is the chain of a response, in the order in which it was applied.
type codings struct {
	list    [maxCodings]coding
	n       int
	unknown bool // one of them is not known: the body cannot be decoded
	excess  bool // there are too many
}

// parse reads the Content-Encoding fields. It stops at the first coding too
// many.
func parse(fields []string) (c codings) {
	for _, field := range fields {
		for rest, more := field, true; more; {
			var name string
			name, rest, more = strings.Cut(rest, ",")
			name = strings.Trim(name, " \t")
			if name == "" {
				continue
			}
			switch k := codingOf(name); {
			case k == identity:
			case c.n == maxCodings:
				c.excess = true
				return c
			default:
				c.list[c.n] = k
				c.n++
				c.unknown = c.unknown || k == unknown
			}
		}
	}
	return c
}
