// Package query answers questions of a prediction log that lies in a folder: which record has an id, and what a
// file's tensors are as columns. It only reads the folder, also while a server writes there, and has no state.
package query
