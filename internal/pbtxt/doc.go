// Package pbtxt reads config.pbtxt, the file in which Triton keeps the settings of a model: the
// text form of a protocol buffer. It owns the syntax and the names and types of the fields, so that
// a mistyped field, a value of another type or a file of another kind is an error with its line.
// What a field means is for the caller. It has no state and may be called from any goroutine.
//
// The message is described here, in types.go, and not generated: its fields are looked up by name,
// and no number of it ever goes over a wire.
package pbtxt
