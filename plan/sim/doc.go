// Package sim runs a scheduling policy on a virtual clock: a discrete-event
// simulation of arrivals, lanes and runs. It owns the clock, the random numbers and
// the ledger of requests; the policy under test owns its queues. The policy that
// matters is the gateway's own scheduler, driven through the very methods that the
// runtime calls. The others are controls in the tests: they show what the figures mean and
// that the tests can fail.
//
// A request goes waiting -> running -> ok or late, or ends from waiting as dropped, or
// on arrival as refused. The ledger holds each to exactly one end: a policy that breaks
// this, or seals a batch that no session could run, is reported in Result.Faults.
//
// Everything is a function of the configuration and the seed: the same run gives the
// same decisions in the same order. Nothing here starts a goroutine or reads a clock.
// Tests, and tools that answer what-if questions, may call it.
package sim
