// Package definition reads godwit.yaml: a file that describes APIs once, for
// the library, the command and the gateway alike.
//
// [Load] reads one or more files; the [Definition] gives a client per API, the
// configuration it was made from, and where each setting came from. Settings
// are layered, a later layer beats an earlier one: the defaults of the code,
// defaults in the file, the API, the profile, environment variables
// (GODWIT_API_NAME_KEY), overrides such as command line flags.
//
// Promise: reading is strict. An unknown key, a wrong type or a bad value is
// an [Error] with file, line and column and, where one is near, the right
// name; mistakes are reported together, those in the frame of the files
// first. Nothing is sent, no secret is read and no command is run by reading;
// a secret in the file itself is refused and not repeated in the message.
// ${env:NAME} is replaced once, in base_url, headers and query alone, never
// in what a variable holds.
//
// Limits: a file has at most 1 MiB, one document and 64 levels, a mapping at
// most 1,000 keys. Aliases may add 50,000 values per file. Merge keys (<<)
// and custom tags are refused. An API is decoded when it is first asked for,
// so that a file with many APIs costs no more than the one in use;
// [Definition.Validate] looks at everything.
package definition

//go:generate go test -run "^(TestCommentsAreCurrent|TestSchema_Golden)$" -update .
