package retry

import (
	"net/http"

	"github.com/godwit-go/godwit/exchange"
)

// Outcome is what an attempt came to, for [Config.When]. Either Response or Err
// is nil. The body of the response must not be read.
type Outcome struct {
	Request  *http.Request  // as it was given to the policy
	Response *http.Response // nil: there is none
	Err      error          // why there is none
	Attempt  int            // number of the attempt in its call, from 1
	Sent     exchange.Sent  // whether the request can have reached the server
}

// Decision is what [Config.When] says about an outcome.
type Decision uint8

// The decisions.
const (
	Default Decision = iota // the tables of statuses, methods and errors decide
	Again                   // worth another attempt, within all bounds of the policy
	Stop                    // this outcome is the last
)
