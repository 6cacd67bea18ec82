// Package tax says what a mirror costs live requests. An Account takes pairs of slices of time, one with the candidates and
// one while they are frozen, in random order, and keeps sums alone. It answers two questions: has it been shown that they
// cost more than they may (Exceeded), and how much do they cost (Report). Whoever measures slices calls it.
//
// That it is more than the limit is a question of signs: each pair counts 1 if the slice with the candidates exceeds the other
// by more than the limit, else 0, and a betting confidence sequence shows whether these are more than half. So it holds for
// times of any distribution, and at every look. How much it is, is a mean with an interval for a closed window.
//
// Everything depends on its arguments alone: no clock, no goroutine, no lock.
package tax
