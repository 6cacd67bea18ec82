// Package memory keeps the memory of a process and its children below a ceiling.
//
//   - limit.go finds the ceiling: the smallest that a control group or the machine sets.
//   - tree.go tells what a tree of processes takes.
//   - governor.go gives Go's runtime what the others leave of the ceiling.
//   - budget.go bounds what many requests hold together.
//   - buffer.go is pooled memory that is counted against a budget before it is taken.
//
// It is a leaf: it reads files below /proc and /sys, and knows neither requests nor models.
package memory
