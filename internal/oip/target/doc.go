// Package target holds a request's inputs against the model that they are for, and enters them into its
// task, whatever form they came in; and it takes an answer's outputs out again. The decoders of V2
// and V1 call it, and who fills inputs from stores (Resume): then the decoder's schema is the one that clients see
// (tensor.Schema.Fills), and it is settled with the session's.
//
// A decoder makes a Target, calls Place for the shape of each input and Room for its data, and Settle
// when all inputs are complete.
//
// Invariants:
//   - Every error is a *fault.Error whose text names the input and the limit.
//   - No memory is taken for an input before its shape has passed Place.
//   - Tasks of one shape key may share a run. It holds the free dimensions, and the bytes of each
//     input of which a run takes one row; a request that gives an optional input has a key
//     that no other has.
//   - A task's inputs have the shapes that the model knows once Settle has returned; until then they
//     have those of the request.
package target
