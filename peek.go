package godwit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/limit"
)

// Class says how patient the call is: [ClassInteractive] goes before
// [ClassNormal] (default) in line, and [ClassBatch] after it; batch calls also
// wait as long as it takes and have more attempts.
func Class(class exchange.Class) CallOption {
	return func(c *call) error {
		if class > ClassBatch {
			return fmt.Errorf("Class: %d is none of ClassNormal, ClassInteractive and ClassBatch", class)
		}
		c.class = &class
		return nil
	}
}

// Cost says how many units the call takes of the quota of that name, in place of
// what limit.quotas declares.
func Cost(quota string, units float64) CallOption {
	return func(c *call) error {
		if !(units >= 0 && units <= maxCost) {
			return fmt.Errorf("Cost: %g units of %q are not between 0 and %g", units, clip(quota), float64(maxCost))
		}
		c.costs = append(c.costs, cost{quota, units})
		return nil
	}
}

// maxCost is the most units that a call can cost.
const maxCost = 1e12

// cost is what a call takes of a quota.
type cost struct {
	quota string
	units float64
}

// operationClasses are the values of Operation.Class.
var operationClasses = []struct {
	name  string
	class exchange.Class
}{{"interactive", ClassInteractive}, {"normal", ClassNormal}, {"batch", ClassBatch}}

// classNamed returns the class that an operation names; nil if it names none.
func classNamed(name string) (*exchange.Class, error) {
	if name == "" {
		return nil, nil
	}
	for _, c := range operationClasses {
		if c.name == name {
			return &c.class, nil
		}
	}
	return nil, fmt.Errorf("class: %q is none of interactive, normal and batch", clip(name))
}

// costs collects what the call takes; nil if it is what is declared.
func (c *Client) costs(b *call) (map[string]float64, error) {
	if len(b.costs) == 0 {
		return nil, nil
	}
	out := make(map[string]float64, len(b.costs))
	for _, cost := range b.costs {
		if !c.config.Limit.Has(cost.quota) {
			return nil, fmt.Errorf("Cost: there is no quota %q; limit.quotas names them", clip(cost.quota))
		}
		out[cost.quota] = cost.units
	}
	return out, nil
}

// Peek returns how long the call that [Client.Do] would make had to wait for its
// turn now: 0 if it may go at once. It sends nothing and takes no place in line.
// While the breaker holds calls to the upstream back, the error is of kind
// [ErrCircuitOpen].
func (c *Client) Peek(method, path string, opts ...CallOption) (time.Duration, error) {
	req, err := c.NewRequest(context.Background(), method, path, opts...)
	if err != nil {
		return 0, err
	}
	return c.peek(req)
}

// PeekOperation is [Client.Peek] for a named operation.
func (c *Client) PeekOperation(operation string, opts ...CallOption) (time.Duration, error) {
	req, err := c.NewOperationRequest(context.Background(), operation, opts...)
	if err != nil {
		return 0, err
	}
	return c.peek(req)
}

func (c *Client) peek(req *http.Request) (time.Duration, error) {
	exchange.CloseBody(req)
	if c.flow.breaker.policy.Health(req.URL) == 0 {
		return 0, exchange.CallFrom(req.Context()).NewError(ErrCircuitOpen, "breaker", req, errors.New("the upstream fails"))
	}
	return limit.Peek(c.flow.lines.policy, c.flow.config, req), nil
}
