package signal

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mapping declares what one header field or one member of the JSON body says:
// for an API without a dialect, or where the dialect is wrong. It either reads
// a value (field) or takes the answer for a refusal (means). All conditions
// that it has must hold.
type Mapping struct {
	// Header is the name of a header field. Without equals it must be there.
	Header string `yaml:"header"`
	// JSON is the path of a member of the body, such as error.code or
	// errors.*.code. Without equals it must be there. Not with header.
	JSON string `yaml:"json"`
	// Field is what the value is: limit, remaining, used, reset, retry_after,
	// window, refill (units per second) or cost.
	Field string `yaml:"field"`
	// Format is how a reset, retry_after or window is written: seconds, ms,
	// epoch_s, epoch_ms, rfc3339, http_date or duration (1m30s). Default: by its
	// look.
	Format Format `yaml:"format"`
	// Quota names the quota that is meant. Default: all of the call's.
	Quota string `yaml:"quota"`
	// Status is the status that the answer must have. Default: any.
	Status int `yaml:"status"`
	// Equals is the text that the header field or the member must have.
	Equals string `yaml:"equals"`
	// Means is what the answer is: refused (held back by a quota, not
	// processed), final (no try will succeed) or not_limited (no quota is behind
	// it, whatever its status says).
	Means string `yaml:"means"`
}

// The values of Mapping.Field.
var mappingFields = []string{"limit", "remaining", "used", "reset", "retry_after", "window", "refill", "cost"}

// The values of Mapping.Means.
var mappingMeans = []string{"refused", "final", "not_limited"}

// The formats that each kind of field can have.
var (
	spanFormats   = []Format{FormatSeconds, FormatMillis, FormatDuration}
	momentFormats = []Format{
		FormatSeconds, FormatMillis, FormatEpoch, FormatEpochMS, FormatRFC3339, FormatHTTPDate, FormatDuration,
	}
	formatsOf = map[string][]Format{"reset": momentFormats, "retry_after": momentFormats, "window": spanFormats}
)

// mapping is a Mapping that makes sense.
type mapping struct {
	Mapping
	header string // canonical
	path   []string
	status int
	source string
}

// compile checks the mappings. The error names the first that makes no sense.
func compile(all []Mapping) ([]mapping, error) {
	compiled := make([]mapping, len(all))
	for i, m := range all {
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("signals[%d].%w", i, err)
		}
		c := mapping{Mapping: m, header: http.CanonicalHeaderKey(m.Header), status: m.Status}
		switch {
		case m.Header != "":
			c.source = strings.ToLower(m.Header)
		case m.JSON != "":
			c.path, _ = splitPath(m.JSON)
			c.source = "body " + m.JSON
		default:
			c.source = "status " + strconv.Itoa(m.Status)
		}
		compiled[i] = c
	}
	return compiled, nil
}

// check returns what is wrong with the mapping, naming the key.
func (m *Mapping) check() error {
	_, pathOK := splitPath(m.JSON)
	switch {
	case m.Header != "" && m.JSON != "":
		return fmt.Errorf("json: a mapping reads a header or the body: remove one of header and json")
	case m.Header != "" && !token(m.Header):
		return fmt.Errorf("header: %.64q is not the name of a header field", m.Header)
	case m.JSON != "" && !pathOK:
		return fmt.Errorf("json: %.64q has an empty part: want a path such as error.code", m.JSON)
	case m.Field != "" && m.Means != "":
		return fmt.Errorf("means: a mapping reads a value or judges the answer: remove one of field and means")
	case m.Status != 0 && (m.Status < 100 || m.Status > 599):
		return fmt.Errorf("status: %d is no status: want 100 to 599", m.Status)
	case m.Equals != "" && m.Header == "" && m.JSON == "":
		return fmt.Errorf("equals: nothing to compare: add header or json")
	case m.Field != "":
		return m.checkField()
	case m.Means != "":
		return m.checkMeans()
	}
	return fmt.Errorf("field: missing: add field (what the value is) or means (what the answer is)")
}

func (m *Mapping) checkField() error {
	formats, hasFormat := formatsOf[m.Field]
	switch {
	case !slices.Contains(mappingFields, m.Field):
		return fmt.Errorf("field: %.64q is unknown: want one of %s", m.Field, strings.Join(mappingFields, ", "))
	case m.Header == "" && m.JSON == "":
		return fmt.Errorf("field: no value to read: add header or json")
	case m.Equals != "":
		return fmt.Errorf("equals: only with means")
	case m.Format == FormatAuto:
		return nil
	case !hasFormat:
		return fmt.Errorf("format: %s is a plain number: remove format", m.Field)
	case !slices.Contains(formats, m.Format):
		return fmt.Errorf("format: %.64q does not suit %s: want one of %s", string(m.Format), m.Field, joinFormats(formats))
	}
	return nil
}

func (m *Mapping) checkMeans() error {
	switch {
	case !slices.Contains(mappingMeans, m.Means):
		return fmt.Errorf("means: %.64q is unknown: want one of %s", m.Means, strings.Join(mappingMeans, ", "))
	case m.Format != FormatAuto:
		return fmt.Errorf("format: only with field")
	case m.Header == "" && m.JSON == "" && m.Status == 0:
		return fmt.Errorf("means: every answer would be meant: add status, header or json")
	case m.Means != "refused" && m.Quota != "":
		return fmt.Errorf("quota: not with means: %s", m.Means)
	}
	return nil
}

func joinFormats(formats []Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// token reports whether s can name a header field (RFC 9110 section 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// concerns reports whether the mapping may have something to say about the
// answer: a quick look.
func (m *mapping) concerns(a *Answer) bool {
	switch {
	case m.status != 0 && m.status != a.Status:
		return false
	case m.header != "":
		return has(a.Header, m.header)
	case m.path != nil:
		return len(a.Body) > 0
	}
	return true
}

// value returns what the mapping finds in the answer; false if it does not
// apply.
func (m *mapping) value(r *reading) (string, bool) {
	if !m.concerns(&r.Answer) {
		return "", false
	}
	switch {
	case m.header != "":
		v := r.get(m.header)
		return v, m.Equals == "" || v == m.Equals
	case m.path != nil && m.Equals != "":
		return m.Equals, slices.Contains(r.json().all(m.path...), m.Equals)
	case m.path != nil:
		v := r.json().text(m.path...)
		return v, v != ""
	}
	return "", true
}

// declared reads the mappings.
func (r *reading) declared(all []mapping) {
	var quotas []texts
	for i := range all {
		m := &all[i]
		v, ok := m.value(r)
		if !ok {
			continue
		}
		if m.Means != "" {
			r.declaredMeaning(m)
			continue
		}
		if m.header != "" {
			r.taken = append(r.taken, m.header)
		}
		if m.Field == "retry_after" {
			if _, at, ok := r.moment(v, m.Format); ok && at.After(r.Received) {
				r.hint(rankDeclared, at, m.source)
			}
			continue
		}
		at := slices.IndexFunc(quotas, func(t texts) bool { return t.id == m.Quota })
		if at < 0 {
			at, quotas = len(quotas), append(quotas, texts{id: m.Quota})
		}
		m.fill(&quotas[at], v)
	}
	for _, t := range quotas {
		r.quota(t)
	}
}

// declaredMeaning judges the answer. The mappings come first, so what they say
// holds.
func (r *reading) declaredMeaning(m *mapping) {
	switch m.Means {
	case "refused":
		r.refuse(m.source, m.Quota)
	case "final":
		r.end(m.source)
	case "not_limited":
		r.acquit(m.source)
	}
}

// fill puts the value where the mapping says. Of two of one field the first
// counts.
func (m *mapping) fill(t *texts, v string) {
	set := func(dst *string) {
		if *dst == "" {
			*dst = v
			t.source = join(t.source, m.source)
		}
	}
	switch m.Field {
	case "limit":
		set(&t.limit)
	case "remaining":
		set(&t.remaining)
	case "used":
		set(&t.used)
	case "reset":
		set(&t.reset)
		t.format, t.kind = m.Format, ResetWindow
	case "window":
		if w, ok := parseWhen(v, m.Format, time.Time{}); ok && w.at.IsZero() && t.window == 0 {
			t.window, t.source = w.in, join(t.source, m.source)
		}
	case "refill":
		t.source = join(t.source, m.source)
		t.refill = amount(v)
	case "cost":
		t.source = join(t.source, m.source)
		t.cost = amount(v)
	}
}
