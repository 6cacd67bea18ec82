// Package payload prepares what a load test sends: it asks a server what its model takes,
// makes as many different inputs as are wanted, and writes each as the bytes of a whole
// HTTP/1.1 request. It owns the sources of inputs (drawn, zeros, golden rows, .npy files, a
// request template), the file form of rows and their answers, and the errors that say which
// side is at fault.
//
// Discover, then Build; a template needs no Discover. All of it happens before a run and
// is off the hot path. Nothing here starts a goroutine or keeps a connection. Any server
// that speaks the Open Inference Protocol will do, and any that has the V1 predict route.
//
// What is drawn:
//   - Floats are standard normal. If there are eight variants or more, the last three are
//     special: all zeros, denormals of both signs, and values of a thousand, either sign.
//   - Integers are uniform from 0 to 9, which is an index that most embeddings have.
//   - BOOL is a coin, BYTES are words of 1 to 12 letters.
//   - A range draws floats and integers uniformly from it instead, without special variants.
//   - "random:wide" draws over all that a type holds: integers uniformly, floats uniformly
//     in their bits, with zeros of both signs, denormals and extremes among them, but never
//     NaN or an infinity; BYTES may be empty or any text. A model may well answer NaN to it.
//
// The same seed and options give the same bytes.
package payload
