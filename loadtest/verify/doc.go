// Package verify knows the right answer to each prepared request, and compares what a target
// answers under load with it. It owns the known answers (golden rows, recordings, files), which
// tolerances hold, and the counts of what was right and wrong.
//
// A Checker is called by the engine's one thread; its counts may be read by anybody at any
// time. What it compares, in this order: the identity that the answer bears, its content
// type, and its values. A wrong answer is held against all other variants, so that "another
// request's answer" is told from "a wrong value".
//
// The hot path compares bytes with answers that were proven right before, the identity's
// place left out, and allocates nothing. Only an answer in other bytes is parsed and compared
// by value; if it is right its bytes are remembered too, the last four of each variant.
package verify
