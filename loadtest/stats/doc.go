// Package stats turns the samples of a load test into figures: latencies with confidence
// intervals, where the time went, a series by seconds, a ledger. Summarise does so for a
// finished run, exactly, for every sample has been kept; Live does so while a run goes on, in
// bounded memory. It also has the binomial test by which a rate is said to hold an objective.
// It does no I/O but to writers that it is given, and owns no goroutine.
//
// Definitions.
//   - A request belongs to the measured window, and to a second of it, by its intended instant.
//   - A quantile q of n samples is the ceil(q*n)-th smallest (nearest rank), and is refused
//     if n is too small for any statement about it at 99 % confidence (EarlyStop).
//   - A confidence interval is the percentile interval of a bootstrap that draws whole seconds
//     with replacement, because latencies that lie close together resemble each other
//     (H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Annals
//     of Statistics 17, 1989; with blocks that do not overlap, E. Carlstein, 1986). An interval
//     that takes requests for independent is too narrow.
//   - Response and service latencies are of right answers; lags are of all requests that
//     were written.
package stats
