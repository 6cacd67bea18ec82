// Package measure says how far the answers of a candidate are from those of a primary. It has the measures of one
// output (Comparer), and what sums them up in constant memory: the noise of the primary against itself (Noise), the
// drift of scores from a baseline (Histogram, PSI), the rows that differ most (Reservoir), pairs of classes (Pairs), the values of an
// input (Segments), and the units that were seen (Bloom).
//
// A unit is what counts once: a request, or the first sampled request of a user. A unit gives one number for each
// figure of an output: a share in [0,1], a mean, or the largest difference. Every share is 0 where the answers agree, and
// grows with what differs, so that one rule decides for all of them: the upper end of an interval is at most the limit.
// Intervals and verdicts are not made here.
//
// The differences of single rows are in units of the tolerance (see agree.Tolerance.Excess): 1 is what it just allows, and
// infinity is what no tolerance allows. The difference of a list is a distance from 0 to 1 (see Ranked).
//
// Everything here depends on its arguments alone: no clock, no goroutine, no lock. Nothing may be called by two
// goroutines at once. State that outlives a restart is plain JSON numbers, and the filter's bits; its decoders check what
// they read. The comparing of live answers calls it.
package measure
