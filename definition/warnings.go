package definition

import (
	"net/url"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/origin"
)

// Warnings lists what is allowed and yet unwise in the named APIs (none: in
// all), one line each that begins with the place: certificates that are not
// verified, credentials in URLs or in clear. Variables that fit no API are
// listed too. An API that cannot be read has no warnings; see
// [Definition.Validate].
func (d *Definition) Warnings(names ...string) []string {
	if len(names) == 0 {
		names = d.apis
	}
	out := slices.Clone(d.env.warnings)
	for _, name := range names {
		if v, err := d.read(name); err == nil {
			out = append(out, v.warnings()...)
		}
	}
	return out
}

func (v *view) warnings() []string {
	var out []string
	add := func(text string, keys ...string) {
		p := v.path
		for _, k := range keys {
			p = p.key(k)
		}
		out = append(out, printable(v.place(keys...).String()+": "+p.String()+": "+text))
	}
	if v.config.TLS.Insecure {
		add("certificates are not verified: anybody on the way can read and change everything; use tls.ca for a private authority", "tls", "insecure")
	}
	if v.inClear() {
		add("credentials go over http in clear; use https", "base_url")
	}
	for _, w := range v.config.Auth.Warnings() {
		setting, text, _ := strings.Cut(w, ": ")
		add(text, settingNames(setting)...)
	}
	for name := range v.config.Query {
		if secretName(name) {
			add("servers and proxies log URLs, and with them this parameter; use auth.header if the API can", "query", name)
		}
	}
	slices.Sort(out)
	return out
}

// inClear reports whether credentials go to a host other than this one without
// encryption.
func (v *view) inClear() bool {
	u, err := url.Parse(v.config.BaseURL)
	if err != nil || !strings.EqualFold(u.Scheme, "http") || origin.Loopback(u.Hostname()) {
		return false
	}
	if !v.config.Auth.IsZero() {
		return true
	}
	for name := range v.config.Headers {
		if v.secretHeader(name) || secretName(name) {
			return true
		}
	}
	return false
}
