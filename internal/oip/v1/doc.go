// Package v1 is the V1 predict format: rows of plain JSON ("instances") or columns ("inputs"), their
// answers, and the documents about models that its clients ask for. It fills a task through
// internal/oip/target, as V2 does.
//
// Anybody may call it. A Request belongs to one goroutine at a time and is meant to be pooled: Decode,
// AppendResponse, Reset, and again. It keeps no reference into the body after Decode.
//
// Unlike V2's, the nesting of its data is the shape: lists must be rectangular. "instances" carry an
// input that is given once per request in each row, and so an output that has one row per request;
// an optional input whole in each row, the same in all, or in none.
//
// Invariants:
//   - No recursion: nesting is counted, so depth costs a number and never a stack.
//   - The JSON is checked to its last byte, also in the values that are ignored.
//   - An answer above its limit is a fault that leaves nothing behind, and takes no more memory than
//     an answer of the limit's size.
package v1
