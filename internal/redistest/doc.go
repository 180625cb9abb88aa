// Package redistest starts a real Redis or Valkey server for a test, and brings
// it into the states that a client has to survive: stopped, killed, come back
// empty, read only, out of memory, without its scripts.
//
// It needs redis-server or valkey-server on the PATH, on Linux or another Unix;
// where there is none the test is skipped, and says so. A server listens on a
// socket in a folder of its own, keeps nothing on disk and ends with its test.
package redistest
