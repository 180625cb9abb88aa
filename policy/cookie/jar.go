package cookie

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/godwit-go/godwit/internal/origin"
)

// Bounds of what servers can make us keep. RFC 6265 section 6.1 asks for 50
// cookies of 4096 bytes per domain at least.
const (
	maxOrigins = 256
	maxCookies = 180
	maxBytes   = 4096
)

// jars holds the shared jar and those of the other origins.
type jars struct {
	set    origin.Set
	shared *jar

	mu    sync.Mutex
	other map[origin.Origin]*jar
	age   []origin.Origin // oldest first
}

func newJars(set origin.Set) (*jars, error) {
	shared, err := newJar()
	return &jars{set: set, shared: shared, other: map[origin.Origin]*jar{}}, err
}

// of returns the jar for an origin; nil if it has none yet and none is to be
// made, or if an anonymous call must not touch it.
func (j *jars) of(o origin.Origin, anonymous, create bool) (*jar, error) {
	if j.set.Has(o) {
		if anonymous {
			return nil, nil
		}
		return j.shared, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	own := j.other[o]
	if own != nil || !create {
		return own, nil
	}
	own, err := newJar()
	if err != nil {
		return nil, err
	}
	if len(j.age) == maxOrigins {
		delete(j.other, j.age[0])
		j.age = slices.Delete(j.age, 0, 1)
	}
	j.other[o] = own
	j.age = append(j.age, o)
	return own, nil
}

// jar is a cookie jar of bounded size.
type jar struct {
	mu    sync.Mutex
	inner *cookiejar.Jar
	kept  []identity // oldest first
}

// identity is what makes two cookies the same one (RFC 6265 section 5.3, step
// 11), and what it takes to delete it.
type identity struct {
	domain, path, name string   // domain is the host where the cookie names none
	setter             *url.URL // an origin that may delete it
	attribute          string   // its Domain attribute
}

func (i identity) same(k identity) bool {
	return i.domain == k.domain && i.path == k.path && i.name == k.name
}

func identify(c *http.Cookie, u *url.URL) identity {
	domain := strings.TrimPrefix(c.Domain, ".")
	if domain == "" {
		domain = u.Hostname()
	}
	return identity{
		domain: strings.ToLower(domain), path: pathOf(c, u), name: c.Name,
		setter: &url.URL{Scheme: u.Scheme, Host: u.Host}, attribute: c.Domain,
	}
}

func newJar() (*jar, error) {
	inner, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	return &jar{inner: inner}, err
}

// cookies returns what to send to u.
func (j *jar) cookies(u *url.URL) []*http.Cookie { return j.inner.Cookies(u) }

// store takes the cookies that an answer from u has set.
func (j *jar) store(u *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range cookies {
		if acceptable(c, u.Scheme == "https") {
			j.inner.SetCookies(u, []*http.Cookie{c})
			j.remember(identify(c, u), gone(c))
		}
	}
}

// remember keeps the list of identities within its bound: the oldest cookie
// goes.
func (j *jar) remember(id identity, gone bool) {
	j.kept = slices.DeleteFunc(j.kept, id.same)
	if gone {
		return
	}
	j.kept = append(j.kept, id)
	if len(j.kept) <= maxCookies {
		return
	}
	old := j.kept[0]
	j.kept = slices.Delete(j.kept, 0, 1)
	j.inner.SetCookies(old.setter, []*http.Cookie{{Name: old.name, Domain: old.attribute, Path: old.path, MaxAge: -1}})
}

func gone(c *http.Cookie) bool {
	return c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && !c.Expires.After(time.Now())
}

// pathOf is the cookie's path, or the default of RFC 6265 section 5.1.4.
func pathOf(c *http.Cookie, u *url.URL) string {
	if strings.HasPrefix(c.Path, "/") {
		return c.Path
	}
	if i := strings.LastIndexByte(u.Path, '/'); i > 0 {
		return u.Path[:i]
	}
	return "/"
}

// acceptable refuses what a cookie must not be: too large, Secure without https
// (RFC 6265bis section 5.7), or with a prefix whose promise it breaks.
func acceptable(c *http.Cookie, https bool) bool {
	name := strings.ToLower(c.Name)
	switch {
	case len(c.Name)+len(c.Value) > maxBytes, c.Secure && !https:
		return false
	case strings.HasPrefix(name, "__secure-"):
		return c.Secure
	case strings.HasPrefix(name, "__host-"):
		return c.Secure && c.Domain == "" && c.Path == "/"
	}
	return true
}
