// Package cli is the command: it turns arguments into calls of the library and
// answers into output and exit codes.
//
// Promise: only the answer goes to stdout; messages go to stderr, redacted and
// escaped; the exit code tells what happened (exit.go). A call does the same at
// a prompt, in cron and through the library: the verb is never guessed, stdin
// is read only when the arguments or the kind of stdin ask for it, and no
// secret is taken from an argument or printed.
//
// One file holds one command; root.go lists them.
package cli
