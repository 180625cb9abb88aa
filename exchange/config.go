package exchange

import "fmt"

// ConfigErrorf returns an error of kind [ErrConfig] whose text is the message
// alone: the field as the definition spells it, what is wrong, the remedy. %w
// wraps as in [fmt.Errorf].
func ConfigErrorf(format string, args ...any) error {
	return &configError{fmt.Errorf(format, args...)}
}

type configError struct{ cause error }

func (e *configError) Error() string   { return e.cause.Error() }
func (e *configError) Unwrap() []error { return []error{ErrConfig, e.cause} }
