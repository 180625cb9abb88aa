package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/secret"
	"github.com/godwit-go/godwit/transport"
)

// overlay is a setting of the API that a flag has changed.
type overlay struct{ path, value, source string }

// configure puts the flags over the configuration of an API and returns what it
// changed.
func (o *options) configure(c *godwit.Config) ([]overlay, error) {
	var changed []overlay
	set := func(flag, path string, silent bool, value string, apply func()) {
		if o.beats(flag, silent) {
			apply()
			changed = append(changed, overlay{path, value, o.sources[flag].text})
		}
	}
	set("timeout", "timeout.attempt", c.Timeout.Attempt == 0, o.timeout.String(), func() { c.Timeout.Attempt = o.timeout })
	set("connect-timeout", "timeout.connect", c.Timeout.Connect == 0, o.connectTimeout.String(), func() { c.Timeout.Connect = o.connectTimeout })
	set("deadline", "timeout.total", c.Timeout.Total == 0, o.deadline.String(), func() { c.Timeout.Total = o.deadline })
	set("retry", "retry.attempts", c.Retry.Attempts == 0, strconv.Itoa(o.retry+1), func() { c.Retry.Attempts = o.retry + 1 })
	set("rate", fmt.Sprintf("limit.quotas[%d].limit", len(c.Limit.Quotas)), len(c.Limit.Quotas) == 0, o.rate, func() {
		if c.Limit.Mode == "off" { // its quotas stay out, and what is said about them
			c.Limit.Mode, c.Limit.Quotas, c.Limit.Signals = "", nil, nil
		}
		c.Limit.Quotas = append(slices.Clone(c.Limit.Quotas), o.quota())
		if len(c.Limit.Quotas) == 2 && c.Limit.Quotas[0].Name == "" { // it is not alone any more
			c.Limit.Quotas[0].Name = limit.DefaultName
		}
	})
	set("proxy", "proxy.url", c.Proxy.URL == "", o.proxy, func() { c.Proxy = transport.Proxy{URL: o.proxy} })
	set("ca", "tls.ca", c.TLS.CA == "", o.ca, func() { c.TLS.CA = o.ca })
	set("cert", "tls.cert", c.TLS.Cert == "", o.cert, func() { c.TLS.Cert = o.cert })
	set("key", "tls.key", c.TLS.Key == "", o.key, func() { c.TLS.Key = o.key })
	set("insecure", "tls.insecure", !c.TLS.Insecure, strconv.FormatBool(o.insecure), func() { c.TLS.Insecure = o.insecure })
	if o.redirects == 0 {
		set("redirects", "redirect.follow", c.Redirect.Follow == "", "never", func() { c.Redirect.Follow = "never" })
	} else {
		set("redirects", "redirect.limit", c.Redirect.Limit == 0, strconv.Itoa(o.redirects), func() { c.Redirect.Limit = o.redirects })
	}
	if strings.Contains(o.proxy, "@") {
		return nil, usagef("--proxy: userinfo in a URL can be seen by others").hint("set proxy.username and proxy.password in a definition")
	}
	if o.auth != "" {
		a, shown, err := parseAuth(o.auth)
		if err != nil {
			return nil, err
		}
		c.Auth = a
		changed = append(changed, overlay{"auth." + shown.path, shown.value, o.sources["auth"].text})
	}
	return changed, nil
}

// authForms are the forms of --auth.
var authForms = map[string]string{
	"bearer": "bearer=REF", "basic": "basic=USER:REF", "header": "header=NAME:REF", "query": "query=NAME:REF",
}

// parseAuth reads --auth. No error repeats a part of it that may be a secret.
func parseAuth(text string) (auth.Config, overlay, error) {
	bad := func(form string) (auth.Config, overlay, error) {
		return auth.Config{}, overlay{}, usagef("--auth: want %s", form).hint("a REF is env:NAME or file:PATH, never the secret itself")
	}
	kind, ref, _ := strings.Cut(text, "=")
	form, ok := authForms[kind]
	if !ok {
		return bad("bearer=REF, basic=USER:REF, header=NAME:REF or query=NAME:REF")
	}
	name := ""
	if kind != "bearer" {
		if name, ref, ok = strings.Cut(ref, ":"); !ok || name == "" {
			return bad(form)
		}
	}
	s, err := secret.Parse(ref)
	if err != nil {
		return auth.Config{}, overlay{}, usagef("--auth: %w", err).hint("such as --auth %s with env:TOKEN for REF", form)
	}
	shown := overlay{path: kind, value: s.String()}
	if name != "" {
		shown.value = name + ":" + s.String()
	}
	switch kind {
	case "bearer":
		return auth.Bearer(s), shown, nil
	case "basic":
		return auth.Basic(name, s), shown, nil
	case "header":
		return auth.Header(name, s), shown, nil
	}
	return auth.Query(name, s), shown, nil
}
