// Package compare plans and analyses a comparison of two targets, A and B, that are loaded in
// one and the same run. Runs one after the other are worthless for tails: what else the machine
// does in the meantime differs more than the targets do. Here both sides take turns in a random
// order, each stretch of time has its counterpart, and a part of the run compares targets with
// themselves: the A/A control, which shows what this run would report of no difference at all.
//
// Plan assigns the arrivals of a schedule to targets, Analyse turns the samples into ratios. The
// package has no clock, no socket and no goroutine; all that is random comes from a seed.
//
// A verdict is given only if three things hold: the 95 % interval of the ratio excludes 1; the
// ratio is further from 1 than either end of the control's interval; and the difference
// survives Holm's correction for the number of metrics (S. Holm, A simple sequentially rejective
// multiple test procedure, Scandinavian Journal of Statistics 6, 1979), so that a run with many
// metrics invents no more differences than a run with one. Else the answer is that no
// difference was shown, and how large one would have had to be.
package compare
