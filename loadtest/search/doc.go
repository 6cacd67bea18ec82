// Package search finds the highest request rate that holds an objective: a grid upward, a
// narrowing between what held and what failed, confirmations with other seeds, and the time
// that the target takes to recover. It owns the order of the probes and the judgement of each;
// what a probe is (a run of the load tester, or a simulated server in a test) comes from
// outside as a function, so the package has no clock, no socket and no goroutine.
//
// A probe has three outcomes. It passes if the share of requests over the objective's latency
// is below the allowed one with 99 % confidence, fails if it is above with 99 % confidence, and
// is inconclusive otherwise, or if the generator was at fault. Inconclusive is neither: to take
// it for a failure would report less than the target can do on every noisy machine. It is made
// longer first; what then still is not clear leaves its mark in the interval of the answer.
//
// The second part of the package is theory: the latency of a server whose service time is
// fixed (M/D/1), against which the search and the whole load tester are proven.
package search
