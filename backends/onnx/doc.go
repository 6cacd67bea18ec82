// Package onnx runs models on ONNX Runtime: on the CPU, or on a GPU through CUDA, TensorRT
// or WebGPU. It and provider below it are the only packages that import onnxruntime_go.
//
// A Session is one model version, shared by its lanes. It holds one session of ONNX Runtime, an
// engine; with CUDA.SessionPerSize a model with convolutions has an engine for each batch size,
// each with its own copy of the weights. A lane is the right to run one batch: it owns C memory
// for each input and output, tensors over that memory for each batch size it has seen, and run
// options of its own. Calls with different lanes may overlap; calls with one lane must not. In
// steady state a run allocates nothing in Go: Run copies rows into the lane's memory and makes
// one C call, Scatter copies rows out.
//
// An output whose row shape the schema fixes is written by the model straight into the
// lane's memory. One of free shape, of strings, a sequence of maps, or one that the schema
// calls dynamic is allocated by ONNX Runtime, read in place by Scatter in whatever rank and
// sizes it has, and released when the lane runs again. In a batch its axis 0 must be the
// batch's rows; whole tensors have any shape.
//
// An input that is given once for all rows of a request is repeated for each of them, or is the
// one row of the run where the file takes no more. Optional inputs are passed in the runs of
// requests that give them, and in no others.
//
// Faults. What ONNX Runtime says is kept as a complaint.Error, the cause of the fault: its code,
// the operator and its node, and what it is about. What an operator refuses on the CPU is the
// caller's; on a GPU only what its words say so of. A model that is not loaded is a complaint that
// says Loading. A locale that a text model names and the system lacks is stood in for.
//
// Devices. A provider.Provider says where a session's nodes run. On a GPU batches are filled to a
// ladder of sizes (device.Sizes). Every call that opens, runs or closes a session goes through its
// provider.Place, which keeps what ends the process otherwise.
// Sines and cosines of a model on WebGPU run on the CPU: a Vulkan driver may be off by 2^-11
// there, and SwiftShader is. Probe and Missing tell whether a device works and what it lacks;
// they are for child processes.
//
// A session of a worker process views memory that it shares with the gateway, which has put
// the rows there: Options.Memory gives it, RunGathered runs what lies in it.
//
// States of a session: open, closing (no call may start, running ones end), closed.
//
// The C layer. onnxruntime_go loads the library and owns the environment, the session
// options and the session. Its Go calls for running allocate four times a run, copy
// outputs that it allocates, cannot represent some of them (FP16, scalars), and its
// allocation-free way to run ignores the options that can cut a run short. So this
// package calls the same module's C functions for values and runs directly: clib.h
// declares those used, and a test holds the declarations against the module's header.
package onnx
