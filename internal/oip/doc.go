// Package oip is the wire format of the predict port: the Open Inference Protocol (V2) with JSON and
// binary tensors, and the JSON documents that describe servers and models. It turns bytes into
// tasks and tasks into bytes; it does no I/O and knows no HTTP.
//
// Beside it stand v1, the older predict format, and client, the protocol's other side. Below them are
// wire, which reads and writes tensors as JSON, and target, which holds a request's inputs against a
// schema.
//
// Anybody may call it. A Request belongs to one goroutine at a time and is meant to be pooled:
// Decode, AppendResponse, Reset, and again. It keeps no reference into the body after Decode;
// tensors live in the task's arena.
//
// Invariants, which hold of v1 as well:
//   - Every error is a *fault.Error whose text names the input and the
//     limit, in the words that existing clients look for where there are such words.
//   - No recursion: nesting is counted, so depth costs a number and never a stack.
//   - The JSON is checked to its last byte, also in the values that are ignored.
//   - No memory is taken for what a header promises, only for what the body holds.
//   - The steady state allocates nothing on the way from a request's bytes to its
//     answer's: V2, JSON or binary, every datatype. So does reading an answer.
//   - An answer above its limit (AnswerForm) is a fault that leaves nothing behind, and takes no more
//     memory than an answer of the limit's size.
//   - What PeekTimeout says before decoding holds of every request that decodes.
//   - A schema has at most 64 outputs: a task's Wanted has a bit for each.
//   - An answer has the shape that the model gave, reshaped where the schema says so. The
//     schema's may differ, also in rank.
//
// Choices where the sources of the protocol disagree:
//   - Floats are printed with the fewest digits that give the same float32 (or
//     float64) back, also to a reader that goes through float64; whole numbers with
//     ".0". Servers that widen to float64 first print twice the bytes for the same value.
//   - NaN, Infinity and -Infinity are tokens, both ways; an answer has null for them if it is asked
//     for.
//   - null among floats is NaN, a missing value. Elsewhere it is a fault.
//   - Nested data is read in order whatever its nesting, unless that is as deep as the shape has
//     dimensions: then it means a shape, which must be the one that is given (wire/lists.go).
//   - Duplicate keys are an error in every object, whether it is read or ignored.
//   - The empty shape [] is a scalar with one element.
//   - A listed output without "binary_data" is JSON, also under "binary_data_output".
//   - String outputs that are not UTF-8 are refused as JSON; binary carries them.
//   - An input that is given once per request has one row beside any number of rows of the
//     others, or as many rows as they have.
package oip
