// Package onnxfile reads what the gateway must know of an ONNX file before ONNX
// Runtime sees it: inputs and outputs with types and symbolic dimensions, operator
// sets, external data, and whether rows of several callers may share a run.
//
// It walks the protobuf wire format itself, because ONNX Runtime's own answer costs
// a second session and drops the names of symbolic dimensions. The walk copies names
// and small attributes only, never weights; its memory is bounded by the file's
// size, its depth by constants, and it returns an error where the file is broken.
//
// Parse reads, Infer judges. No file beside the model is looked at: External says what there must be.
// ReadProgram gives the nodes to those who follow what the graph computes (see dataflow).
// All are pure functions of their arguments and safe for concurrent use.
package onnxfile
