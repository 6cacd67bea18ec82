// Package compare judges a candidate by the answers that it and the primary gave to the same requests. A Study takes
// samples, holds them against the criteria of a model, and gives verdicts and a report in constant memory. It owns the
// figures of one comparison; whoever brings samples calls it: a mirror of live traffic, a log of requests, a load test.
//
// A unit counts once, by its first sample; later ones are only looked at for the rows that differ most. Where the primary
// was asked again (A/A), a share is judged by its excess over that of the primary against itself, and what differs is
// what is farther apart than the noise of the first 1,000 such rows. docs/compare.md says what the figures mean.
//
// In a pipeline the candidate fills its inputs itself. Its difference is split by what it answers to the primary's inputs: from the primary's
// answer to that is the effect of its model, from that to its own answer the effect of its features. What it found in the stores is held
// against what the primary found in the same unit.
//
// A study depends on its arguments alone: no clock, no goroutine, no lock. It is for one goroutine at a time. Its state is
// JSON, and goes on after a restart as if there had been none.
package compare
