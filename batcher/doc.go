// Package batcher runs what the scheduler (batcher/policy) decides: it is the thin runtime around
// that state machine. It owns the lanes' goroutines, one timer for all requests, and the requests
// from their submission to their answer.
//
// The Batcher serialises the scheduler's methods with one lock and carries out what they decide
// (runtime_decisions.go). It calls nothing else under the lock: no run, no log line, no metric.
// Each lane has a goroutine. Callers either block (Model.Predict) or submit (Model.Submit) and
// then run short batches themselves (Batcher.Run).
//
// States. A request is pending from its admission until it has ended, once; whoever makes that
// step under the lock sets its error or trace and wakes the caller. Its parts, of at most a batch
// each, are the scheduler's items. Two lanes may run one part: the first to have outputs claims
// it, and alone writes them. A lane is held by nobody, on offer, or held by a submitter or its own
// goroutine (executor.go).
//
// Invariants.
//   - An admitted request ends exactly once, at the latest at its deadline.
//   - A request that has ended keeps its buffers until the last lane has let go of them.
//   - A request is never answered with the error of a run that had rows of others in it, unless
//     the device was lost.
//   - Nothing is allocated per request in steady state.
//
// Any number of goroutines may call a Batcher and its Models.
package batcher
