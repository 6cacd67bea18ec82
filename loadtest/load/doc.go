// Package load is when a load test sends its requests: load expressions, the schedules that
// are drawn from them, and the description of recorded traffic by the same words. It owns the
// syntax of expressions and the drawing of arrivals; the load tester and its self-test call
// it. It keeps no state and starts no goroutine.
//
// An expression is a kind, a colon and its parts, separated by commas. Rates are requests per
// second (500, 500/s, 1.5k), times are as in Go (200ms, 10s).
//
//	poisson:500                              independent arrivals
//	constant:500                             an even beat
//	step:500@10s,2k@10s,500                  one rate after the other; the last stays
//	ramp:100..2000@60s                       straight from one rate to another, which stays
//	burst:base=100,peak=2k,on=200ms,every=5s the peak for the first 200 ms of every 5 s
//	burst:100,times=4,on=200ms,every=2s      the same with a factor
//	sine:mean=500,amp=200,period=60s         between 300 and 700
//	sine:500,swing=0.4,period=60s            the same with a share
//	trace:FILE[,speed=2]                     recorded arrivals
//	closed:8[,think=exp:5ms]                 no schedule: 8 callers, each waits for its answer
//
// A rate that varies gives a Poisson process of that rate, or with arrivals=constant an even
// beat that follows it. A rate may be 0 for a time in step, ramp and burst.
//
// A schedule is drawn whole before a run, from its seed alone. Invariants:
//   - Arrivals are sorted, none before 0, none at or after the length. (A trace without a
//     length of its own ends with its last arrival, which is still in.)
//   - The same expression, seed and options give the same arrivals, and so the same
//     SHA-256, on every machine. So there is no function of package math in the drawing that
//     may differ in its last bit between processors, and no product that a compiler may fuse
//     with a sum.
//   - Instants, variants and targets come from separate streams of the seed: more variants
//     do not move the instants.
package load
