package exchange_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

func TestConfigErrorf(t *testing.T) {
	t.Parallel()
	err := exchange.ConfigErrorf("retry.attempts: %d is negative: %w", -1, io.EOF)
	if got, want := err.Error(), "retry.attempts: -1 is negative: EOF"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if !errors.Is(err, exchange.ErrConfig) || !errors.Is(err, io.EOF) {
		t.Errorf("%v: lost its kind or its cause", err)
	}
}

func ExampleConfigErrorf() {
	err := exchange.ConfigErrorf("retry.attempts: %d is negative, set 1 to turn retrying off", -1)
	fmt.Println(err)
	fmt.Println(errors.Is(err, exchange.ErrConfig))
	// Output:
	// retry.attempts: -1 is negative, set 1 to turn retrying off
	// true
}
