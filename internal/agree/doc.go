// Package agree compares answers with what they should be. It owns the tolerances, the rules of
// what is equal, and the words for a difference. The load gates, the comparing of live answers and
// the load tester call it. It has no state, and all of it may be called from any goroutine.
//
// The rules:
//
//   - Type, shape and number of elements must be the same.
//   - Floats may be off by Abs + Rel * |expected value|. NaN equals NaN, an infinity equals itself,
//     and no tolerance allows an infinity or NaN in the place of anything else. 0 equals -0.
//   - Everything else must be equal: integers, bools, strings.
//   - A class is the place of the largest score; of equal scores it is the first. A label that
//     follows from scores is clear if the best score is ahead of the second by more than the
//     tolerance (Contrast).
//
// First finds the first difference that is not allowed: it stops early and is for the load tester.
// Worst keeps the largest of many differences, those that are allowed too: it is for the gates, which
// tell how near answers were.
package agree
