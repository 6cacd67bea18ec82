// Package loadtest measures a prediction server so that the numbers can be believed. It joins
// the packages below it: a schedule drawn in advance (load), requests made from the server's own
// metadata (payload), one thread that sends them at their instants (engine), answers held
// against known ones (verify), what the target and the tool used (watch), figures (stats), and
// the rules that turn them into a verdict (result).
//
// Latency counts from the intended start of a request. A run whose figures are about the
// generator and not about the target is INVALID, and says why. Every request is in a ledger
// that must close.
//
// Run, Capacity, AB, Replay and Record each take their options, ask the target what it serves,
// and return a result.Result (Record a file). They write nothing: reports are made of the result.
package loadtest
