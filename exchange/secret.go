package exchange

import (
	"net/http"

	"github.com/godwit-go/godwit/internal/redact"
)

// AddSecret notes a credential that this call carries and that the client's
// Redactor does not know, such as a session cookie. It is for the texts that the
// server writes; see [Call.AnswerRedactor].
func (c *Call) AddSecret(value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets = append(c.secrets, value)
}

// AnswerRedactor returns the Redactor for what the server has written: it may
// repeat the credentials in the header that it was sent and those that AddSecret
// has noted. A nil Call is valid.
func (c *Call) AnswerRedactor(sent http.Header) *redact.Redactor {
	if c == nil {
		return (*redact.Redactor)(nil).For(sent)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Redactor.For(sent, c.secrets...)
}
