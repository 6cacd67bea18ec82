// Package sequence tells what a comparison of two versions has shown so far, with intervals that stay right however
// often somebody looks. It owns the statistics of shadow comparisons and their verdicts; whoever compares answers
// calls it. It has no clock, no lock and no goroutine: a value belongs to one caller at a time.
//
// Everything is counted per unit. A unit is what is independent of other units: a request, or the id that traffic is sampled by.
// The rows of a unit share features, so their values are averaged first.
//
// There is one method for each kind of figure:
//
//   - A share is a value in [0, 1] per unit: rows that flipped, failed, or differ by more than the noise (compare/measure). Betting is its
//     confidence sequence. It holds for any distribution in [0, 1] and any number of units, also while all values are 0.
//   - An excess is the difference of two shares, Excess: each arm has half of alpha.
//   - A mean without bounds, such as a score difference or a latency difference, has the Asymptotic confidence
//     sequence. It holds where the mean of 100 units is about normal.
//   - A report over a closed window, which is read once, may use Wilson, Newcombe, TOST and ClusterMean, and must say so.
//
// Interval.Judge turns an interval into a Verdict. PASS and FAIL have to be shown: an interval that is still too wide
// is WAIT, and LOOK once the time is over.
//
// What the sequences assume: a unit's expected value, given the units before it, stays the same. Where it does not, PASS says that the
// share was not above the limit all the time. If it rises later, the lower bound rises above the upper one: the interval is empty,
// and a person has to look. The longer it was low, the longer that takes: what must see a change soon begins a new sequence.
//
// Memory is constant: sums, no rows. The state of Betting and Asymptotic is JSON with a version, and one that is
// restored goes on exactly as if it had not been away.
package sequence
