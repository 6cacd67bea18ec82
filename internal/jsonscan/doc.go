// Package jsonscan reads JSON from left to right, straight out of the bytes of a body: the
// scanner below the wire formats. It knows what JSON is and nothing of what a document means.
//
// A Scanner owns one document between Start and Stop, belongs to one goroutine, and is meant to
// be pooled. Its caller asks with Peek what comes next, and calls the method that reads it. Object
// and Array are the loops over members and elements. ScanNumber, FloatRun and IntegerRun read numbers, and
// AppendString writes a string, without a Scanner. Any package of the module may call it.
//
// Invariants:
//   - Every error is a *fault.Error that says at which byte the document is wrong.
//   - No recursion: nesting is counted, so depth costs a number and never a stack.
//   - What is skipped is checked to its last byte, and duplicate keys are an error there, too.
//   - A number is rounded once, to the type that is asked for. What does not fit is told, and
//     never wrapped, truncated or turned into an infinity.
//   - NaN, Infinity, Inf and their negatives are tokens.
//   - The steady state allocates nothing, but for keys with escapes that nobody knows.
package jsonscan
