// Package watch looks at the machine while a load test runs: what the target's processes, the
// tool itself and the host use, from /proc, and what the target says of itself in its metrics,
// all on one axis of time. Its readings are differences over an interval of about a second.
//
// One goroutine reads; it starts no process and costs well under a hundredth of a core. What
// cannot be read (another system than Linux, another user's process, a server without metrics)
// is left out, and Notes says why, once.
//
// The target's figures are sums over its process and all below it: a server that keeps each
// device in a worker process is more than one.
package watch
