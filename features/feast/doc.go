// Package feast reads what the Feast feature store writes into its online stores: the bytes of entity keys (Keys), the names
// of hash fields (Field, TimeField), values (Put), times (Time) and precomputed vectors (Vector). The stores that hold such data
// (features/redis, features/postgres, features/embedded) call it. It is pure: no I/O, no goroutine.
//
// The forms are those of the Feast project's own writers, held to bytes that Feast 0.67 wrote (testdata). What is easily
// missed:
//
//   - Whether an entity is INT32 or INT64 changes its key, and only the entity's declaration says which it is.
//   - A negative INT32 is a varint of ten bytes. A timestamp is a varint of whole seconds, which becomes a number of seconds.
//   - NaN and null are both stored as an empty value: both are Missing. A time of "not a time" is Missing, too.
//   - A list may be packed or not. An empty list is Missing.
//   - A column of numbers cannot hold a text or bytes, and no kind of value that is not known here: these are Wrong, and so
//     is a value whose bytes are damaged.
//   - The field of a feature is a hash of 32 bits. Two features of one hash are told from each other by nothing: Collision
//     finds them, and a store refuses them.
//
// Invariant: what reads a key, a value, a time or a vector allocates nothing, but for the first vector of a layout.
package feast
