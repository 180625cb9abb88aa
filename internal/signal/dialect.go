package signal

import (
	"fmt"
	"net/http"
	"strings"
)

// Dialect names what an API speaks about its quotas.
type Dialect string

// The dialects.
const (
	Guess          Dialect = ""         // the standards, then whatever looks like a rate limit
	Standard       Dialect = "standard" // the standards alone
	GitHub         Dialect = "github"
	Stripe         Dialect = "stripe"
	Shopify        Dialect = "shopify"
	Slack          Dialect = "slack"
	Discord        Dialect = "discord"
	X              Dialect = "x"
	OpenAI         Dialect = "openai"
	AzureOpenAI    Dialect = "azure_openai"
	Anthropic      Dialect = "anthropic"
	MicrosoftGraph Dialect = "microsoft_graph"
	Azure          Dialect = "azure"
	Google         Dialect = "google"
	AWS            Dialect = "aws"
	Cloudflare     Dialect = "cloudflare"
	Jira           Dialect = "jira"
	RapidPro       Dialect = "rapidpro"
)

// dialect is how one API speaks.
type dialect struct {
	name      Dialect
	strict    bool                   // nothing is guessed
	fields    []string               // canonical names that make an answer worth reading, besides the standards'
	wantsBody func(http.Header) bool // whether the body of an answer below 400 can matter
	speaks    func(body []byte) bool // whether that body does: a quick look
	read      func(*reading)
}

var standardDialect = dialect{name: Standard, strict: true}

// dialects is the list. A new one is a file of its own and a line here.
var dialects = []*dialect{
	{name: Guess, read: guessBody},
	&standardDialect,
	&githubDialect,
	&stripeDialect,
	&shopifyDialect,
	&slackDialect,
	&discordDialect,
	&xDialect,
	&openaiDialect,
	&azureOpenAIDialect,
	&anthropicDialect,
	&graphDialect,
	&azureDialect,
	&googleDialect,
	&awsDialect,
	&cloudflareDialect,
	&jiraDialect,
	&rapidproDialect,
}

// Dialects returns the names of all dialects that can be declared, in the order
// of their documentation.
func Dialects() []Dialect {
	var names []Dialect
	for _, d := range dialects {
		if d.name != Guess {
			names = append(names, d.name)
		}
	}
	return names
}

func find(name Dialect) (*dialect, error) {
	for _, d := range dialects {
		if d.name == name {
			return d, nil
		}
	}
	known := make([]string, 0, len(dialects))
	for _, n := range Dialects() {
		known = append(known, string(n))
	}
	return nil, fmt.Errorf("dialect: %.64q is unknown: want one of %s; leave it out to guess", string(name), strings.Join(known, ", "))
}
