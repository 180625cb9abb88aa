// Package godwittest is the test kit of godwit, for programs that call HTTP
// APIs and for middlewares of their own. It works with any [http.Client] and
// with plain go test:
//
//   - [Script] and [Always] answer requests without a network, faults included;
//   - [Serve] runs a real net/http server over in-memory connections, so that
//     client, server and timeouts run inside testing/synctest, where hours take
//     no time; [NewAuthority] makes certificates for it;
//   - [Raw], [RawHTTP] and [FaultProxy] speak broken HTTP on real loopback
//     sockets;
//   - [TestMiddleware] proves that a middleware keeps the contract of
//     [http.RoundTripper];
//   - [NewCanary] makes a secret and searches everything that was recorded for
//     it.
//
// It is for tests only: it trusts its caller, keeps what it records in memory
// (bounded, see each type), and its certificates and keys are worth nothing.
package godwittest

// maxRecorded bounds what is kept of one request body, in bytes.
const maxRecorded = 16 << 20
