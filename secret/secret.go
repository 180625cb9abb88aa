// Package secret holds values that must never be printed. A [Secret] is a
// reference (an environment variable, a file) that is read when it is needed;
// printing, logging or encoding it yields the reference or ***, never the
// value. Only [Secret.Reveal] gives the value away.
//
// Limits: a value is text without control characters but tab, since it has to
// fit into a header; it is read anew for each Reveal and not cached; a revealed
// value and a literal stay in memory until they are collected. A file that is a
// pipe can be read once, and opening one waits for its writer.
package secret

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode/utf8"
)

// maxFile bounds what is read from a secret file, in bytes.
const maxFile = 64 << 10

// Secret is a reference to a secret value. The zero Secret refers to nothing.
type Secret struct {
	source string  // env, file or value
	name   string  // what is shown: the variable or path; empty for a literal
	value  *string // literal only
}

// The value is behind a pointer to a string because fmt, for a Secret in an
// unexported field, prints what it finds without asking the methods; it follows
// pointers to structs but prints a pointer to a string as an address.

// Env refers to the environment variable name. It is read at each Reveal; an
// unset or empty variable is an error.
func Env(name string) Secret { return Secret{source: "env", name: name} }

// File refers to the file at path. It is read at each Reveal, so a file that
// is replaced is used from the next call on. One trailing line break is
// dropped; an empty, unreadable or larger than 64 KiB file is an error.
func File(path string) Secret { return Secret{source: "file", name: path} }

// Value holds a literal, for programs that get their secrets by other means. A
// definition file cannot hold one.
func Value(v string) Secret { return Secret{source: "value", value: &v} }

// Parse reads a reference: env:NAME or file:PATH. Anything else is refused,
// because it may be the secret itself; the error does not repeat it.
func Parse(ref string) (Secret, error) {
	source, name, ok := strings.Cut(ref, ":")
	switch {
	case ok && source == "env" && name != "":
		return Env(name), nil
	case ok && source == "file" && name != "":
		return File(name), nil
	case ok && (source == "env" || source == "file"):
		return Secret{}, fmt.Errorf("%s: a name must follow", source)
	}
	return Secret{}, errors.New("a secret must be a reference, env:NAME or file:PATH, never the value itself")
}

// IsZero reports whether s refers to nothing.
func (s Secret) IsZero() bool { return s.source == "" }

// Literal reports whether s holds its value itself.
func (s Secret) Literal() bool { return s.source == "value" }

// Reveal returns the value. The error names the reference and never holds any
// part of the value.
func (s Secret) Reveal(ctx context.Context) (string, error) {
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	var v string
	switch s.source {
	case "env":
		v = os.Getenv(s.name)
		if v == "" {
			return "", fmt.Errorf("secret %s: the environment variable is not set or empty", s)
		}
	case "file":
		var err error
		if v, err = readFile(s.name); err != nil {
			return "", fmt.Errorf("secret %s: %w", s, err)
		}
	case "value":
		v = *s.value
	default:
		return "", errors.New("secret: no reference given")
	}
	if v == "" {
		return "", fmt.Errorf("secret %s: it is empty", s)
	}
	if !utf8.ValidString(v) || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return "", fmt.Errorf("secret %s: it holds a line break or another character that no header may carry", s)
	}
	return v, nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", errors.New("the file is larger than 64 KiB")
	}
	v := strings.TrimSuffix(string(b), "\n")
	return strings.TrimSuffix(v, "\r"), nil
}

// Equal compares the values of s and other in a time that tells nothing about
// them. It is false when either cannot be revealed.
func (s Secret) Equal(ctx context.Context, other Secret) bool {
	a, errA := s.Reveal(ctx)
	b, errB := other.Reveal(ctx)
	sumA, sumB := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b)) // of one length, whatever the values are
	return errA == nil && errB == nil && subtle.ConstantTimeCompare(sumA[:], sumB[:]) == 1
}

// String returns the reference, such as env:TOKEN, or *** for a literal.
func (s Secret) String() string {
	switch {
	case s.source == "":
		return ""
	case s.Literal():
		return "***"
	}
	return s.source + ":" + s.name
}

// GoString is String, so that %#v shows no value.
func (s Secret) GoString() string { return "secret(" + s.String() + ")" }

// Format prints the reference whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes the reference, for JSON, YAML and XML alike.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a reference as [Parse] does.
func (s *Secret) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}
