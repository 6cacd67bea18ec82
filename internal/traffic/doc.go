// Package traffic is the language of load tests and of studies: load expressions, which say
// when requests arrive, and conditions, which bound a figure of what came of them. It owns the
// syntax of both and the drawing of arrivals. The load tester, the simulator and the test rigs
// call it. A value that was parsed never changes; a Process belongs to one goroutine.
//
// A load expression is a kind, a colon and its parts, separated by commas. Rates are requests
// per second (500, 500/s, 1.5k), times are as in Go (200ms, 10s).
//
//	poisson:500                              independent arrivals
//	constant:500                             an even beat
//	gamma:500,cv=3                           gaps that vary more, or less, than those of a Poisson process
//	step:500@10s,2k@10s,500                  one rate after the other; the last stays
//	ramp:100..2000@60s                       straight from one rate to another, which stays
//	burst:base=100,peak=2k,on=200ms,every=5s the peak for the first 200 ms of every 5 s
//	burst:100,times=4,on=200ms,every=2s      the same with a factor
//	sine:mean=500,amp=200,period=60s         between 300 and 700
//	sine:500,swing=0.4,period=60s            the same with a share
//	trace:FILE[,speed=2]                     recorded arrivals
//	closed:8[,think=exp:5ms]                 no schedule: 8 callers, each waits for its answer
//
// A rate that varies gives a Poisson process of that rate. cv= is the coefficient of variation
// of the gaps in units of the mean gap: 1 is Poisson, 0 an even beat that follows the rate
// (arrivals=constant says the same), more is burstier. A rate may be 0 for a time.
//
// Arrivals are drawn from a seed alone. Invariants:
//   - The instants of a Process never fall.
//   - The same expression and seed give the same instants on every machine. So the drawing calls
//     no function of package math that may differ in its last bit between processors, and has
//     no product that a compiler may fuse with a sum.
//
// A condition is a figure, a comparison and a bound: p99<10ms, err<0.1%, p99<20ms for 5s. A
// percentile without a prefix is of all requests: one without a right answer counts as slower
// than any. Percentiles of right answers alone begin with "ok.".
package traffic
