// Package wire reads and writes the tensors of the protocol's documents: an entry with its name, datatype,
// shape and data, where data is JSON. Servers and clients, V2 and V1, share it; only packages
// below internal/oip call it. It knows neither models nor tasks.
//
// A Scanner owns one document between Begin and Stop, as jsonscan's does. An Entry is a tensor of a
// list while it is read. AnswerForm and Writing say how values are written.
//
// Invariants:
//   - A number is rounded once, to its tensor's own type. What does not fit is
//     refused and never wrapped, truncated or turned into an infinity.
//   - No memory is taken for what a shape promises, only for what the document holds.
//   - The steady state allocates nothing, reading or writing.
//   - Data that is nested as deep as its shape has dimensions means the shape (lists.go).
package wire
