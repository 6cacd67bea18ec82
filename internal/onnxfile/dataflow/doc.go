// Package dataflow judges, from the graph of an ONNX file alone, whether the rows of a
// batch are independent: whether each row of an output is computed from the same row of
// the inputs and from nothing else.
//
// It is an abstract interpretation (Cousot and Cousot, 1977). A value stands for two runs
// at once: one of N rows, and N runs of one row each. It is *uniform* if it is the same in
// all of them; *rows* if one axis has the length pre·N·post and its i-th part is what row
// i alone would give; *counted* if it is computed from N; else it is *mixed*, if rows do
// depend on one another, or *unknown*. Each operator has a rule from the relations of its
// inputs to those of its outputs. Lengths of axes are products of numbers, N and symbols
// for free dimensions, and the elements of small integer tensors are followed, so that
// shape arithmetic of exporters folds. The lengths of an input's other axes are symbols:
// rows share a batch only where they are equal.
//
// Numbers are followed only as far as their type holds them exactly. For that, a batch is
// taken to have fewer than 2^14 rows, a free length that is computed with to be below 2^16,
// and an axis to be shorter than 2^31. A file that ONNX Runtime may read in another way than
// package onnxfile is unknown as a whole.
//
// Where a rule does not hold the value is unknown: what is not understood is never proven.
// Mixes is said where the value of a node does depend on other rows, unless a later node
// may undo it, as the second of two sorts does. Proven is said of runs that succeed: a
// batch may still fail where a row alone runs. It says nothing of padding, and nothing of
// the order in which floats are added up.
//
// The work is bounded: in steps by the size of the file and a constant, in depth, in the
// number of symbolic lengths and in the elements that are followed. Of initialisers it
// reads names, dimensions, and the contents of integers and floats of at most 64 elements.
//
// Analyze is a pure function of its arguments and safe for concurrent use.
package dataflow
