package exchange

import "context"

// Class says how patient a call is. Limits serve interactive calls first; a
// batch call waits as long as it takes.
type Class uint8

// The classes.
const (
	ClassNormal      Class = iota
	ClassInteractive       // somebody looks at the screen
	ClassBatch             // patient: more attempts, longer waits, never in the way of others
)

type classKey struct{}

// WithClass returns a context in which new calls have the class c.
func WithClass(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, classKey{}, c)
}

// classFrom returns the class that WithClass put into ctx.
func classFrom(ctx context.Context) Class {
	c, _ := ctx.Value(classKey{}).(Class)
	return c
}
